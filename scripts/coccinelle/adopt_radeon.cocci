// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: drivers/gpu/drm/radeon/radeon.h
// Applies to: drivers/gpu/drm/radeon/radeon_ttm.c
// Applies to: drivers/gpu/drm/radeon/radeon_object.c
// Applies to: drivers/gpu/drm/radeon/radeon_vm.c
//
// radeon. The worker moves where the copy ring cannot. Commands of user space wait for
// all fences of their objects, and radeon_bo_kmap() for the moves; what does not is
// scanout, and a page table that is new. The wait before a move stays, as the ring needs
// it.

@@ @@
#include <drm/ttm/ttm_bo.h>
+#include <drm/ttm/ttm_move.h>

@@ @@
struct radeon_mman {
	struct ttm_device		bdev;
+	/* Moves the objects of @bdev where the copy ring cannot. */
+	struct ttm_move_device		move;
	...
};

@@ identifier bo, evict, ctx, mem, rdev; @@
radeon_bo_move(struct ttm_buffer_object *bo, bool evict,
	       struct ttm_operation_ctx *ctx, struct ttm_resource *mem, ...)
{
	...
	struct radeon_device *rdev;
	<+...
-	ttm_bo_move_memcpy(bo, ctx, mem)
+	ttm_bo_move_memcpy_async(&rdev->mman.move, bo, evict, ctx, mem)
	...+>
}

@@ identifier rdev; @@
int radeon_ttm_init(struct radeon_device *rdev)
{
	...
+	r = ttm_move_device_init(&rdev->mman.move, &rdev->mman.bdev,
+				 dev_name(rdev->dev), NULL, NULL);
+	if (r) {
+		ttm_device_fini(&rdev->mman.bdev);
+		return r;
+	}
	rdev->mman.initialized = true;
	...
}

@@ identifier rdev; @@
void radeon_ttm_fini(struct radeon_device *rdev)
{
	...
+	ttm_move_device_flush(&rdev->mman.move);
+	/* TTM's ghosts hold device memory until they are deleted. */
+	drain_workqueue(rdev->mman.bdev.wq);
	ttm_range_man_fini(&rdev->mman.bdev, TTM_PL_VRAM);
	...
+	ttm_move_device_fini(&rdev->mman.move);
	ttm_device_fini(...);
	...
}

@@ identifier bo, r; expression placement, ctx; @@
int radeon_bo_pin_restricted(struct radeon_bo *bo, ...)
{
	... when any
	r = ttm_bo_validate(&bo->tbo, placement, ctx);
+	if (!r)
+		ttm_move_bo_wait_moves(&bo->tbo, false);
	... when any
}

// Before the device sleeps nobody copies any more.
@@ identifier rdev, bdev, man; @@
int radeon_bo_evict_vram(struct radeon_device *rdev)
{
	struct ttm_device *bdev = ...;
	struct ttm_resource_manager *man;
+	int ret;
	...
-	return ttm_resource_manager_evict_all(bdev, man);
+	ret = ttm_resource_manager_evict_all(bdev, man);
+	ttm_move_device_flush(&rdev->mman.move);
+	return ret;
}

@@ identifier bo, r; expression placement, ctx; @@
radeon_vm_clear_bo(struct radeon_device *rdev, struct radeon_bo *bo)
{
	...
	r = ttm_bo_validate(&bo->tbo, placement, ctx);
	if (r) goto error_unreserve;
+	ttm_move_bo_wait_moves(&bo->tbo, false);
	... when any
}
