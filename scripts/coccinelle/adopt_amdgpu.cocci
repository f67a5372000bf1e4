// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: drivers/gpu/drm/amd/amdgpu/amdgpu_ttm.h
// Applies to: drivers/gpu/drm/amd/amdgpu/amdgpu_ttm.c
// Applies to: drivers/gpu/drm/amd/amdgpu/amdgpu_device.c
// Applies to: drivers/gpu/drm/amd/amdgpu/dce_v6_0.c
// Applies to: drivers/gpu/drm/amd/amdgpu/dce_v8_0.c
// Applies to: drivers/gpu/drm/amd/amdgpu/dce_v10_0.c
// Applies to: drivers/gpu/drm/amd/amdgpu/dce_v11_0.c
//
// amdgpu. The worker moves where SDMA cannot. Jobs, page tables, planes and
// amdgpu_bo_kmap() wait for moves already, as SDMA's are asynchronous too; the cursors of
// old display engines do not.

@@ @@
#include <drm/gpu_scheduler.h>
+#include <drm/ttm/ttm_move.h>

@@ @@
struct amdgpu_mman {
	struct ttm_device		bdev;
+	/* Moves the objects of @bdev where SDMA cannot. */
+	struct ttm_move_device		move;
	...
};

@@ identifier bo, evict, ctx, mem, adev; @@
amdgpu_bo_move(struct ttm_buffer_object *bo, bool evict,
	       struct ttm_operation_ctx *ctx, struct ttm_resource *mem, ...)
{
	struct amdgpu_device *adev;
	<+...
-	ttm_bo_move_memcpy(bo, ctx, mem)
+	ttm_bo_move_memcpy_async(&adev->mman.move, bo, evict, ctx, mem)
	...+>
}

@@ identifier adev; @@
int amdgpu_ttm_init(struct amdgpu_device *adev)
{
	... when any
+	r = ttm_move_device_init(&adev->mman.move, &adev->mman.bdev,
+				 dev_name(adev->dev), NULL, NULL);
+	if (r) {
+		amdgpu_ttm_pools_fini(adev);
+		ttm_device_fini(&adev->mman.bdev);
+		return r;
+	}
	adev->mman.initialized = true;
	... when any
}

@@ identifier adev; @@
void amdgpu_ttm_fini(struct amdgpu_device *adev)
{
	... when any
+	ttm_move_device_flush(&adev->mman.move);
+	/* TTM's ghosts hold device memory until they are deleted. */
+	drain_workqueue(adev->mman.bdev.wq);
	if (adev->mman.aper_base_kaddr) { ... }
	...
+	ttm_move_device_fini(&adev->mman.move);
	ttm_device_fini(...);
	...
}

// Before the device sleeps, or its aperture goes, nobody copies any more.
@@ identifier adev, man; @@
int amdgpu_ttm_evict_resources(struct amdgpu_device *adev, ...)
{
	struct ttm_resource_manager *man;
+	int ret;
+
	<+...
-	return ttm_resource_manager_evict_all(&adev->mman.bdev, man);
+	ret = ttm_resource_manager_evict_all(&adev->mman.bdev, man);
+	ttm_move_device_flush(&adev->mman.move);
+	return ret;
	...+>
}

// No job holds pages that are mapped for a device which is about to go.
@@ identifier adev; @@
amdgpu_device_fini_hw(struct amdgpu_device *adev)
{
	... when any
-	if (adev->mman.initialized)
+	if (adev->mman.initialized) {
+		ttm_move_device_flush(&adev->mman.move);
		drain_workqueue(adev->mman.bdev.wq);
+	}
	... when any
}

@@ identifier adev; @@
amdgpu_device_unmap_mmio(struct amdgpu_device *adev)
{
	...
	unmap_mapping_range(...);
+	if (adev->mman.initialized)
+		ttm_move_device_flush(&adev->mman.move);
	...
}

@@
identifier fn = {
	dce_v6_0_crtc_cursor_set2, dce_v8_0_crtc_cursor_set2,
	dce_v10_0_crtc_cursor_set2, dce_v11_0_crtc_cursor_set2
};
identifier bo, ret;
@@
fn(...)
{
	... when any
	ret = amdgpu_bo_pin(bo, ...);
+	if (!ret)
+		ttm_move_bo_wait_moves(&bo->tbo, false);
	... when any
}
