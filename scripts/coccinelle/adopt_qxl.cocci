// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: drivers/gpu/drm/qxl/qxl_drv.h
// Applies to: drivers/gpu/drm/qxl/qxl_ttm.c
// Applies to: drivers/gpu/drm/qxl/qxl_object.c
// Applies to: drivers/gpu/drm/qxl/qxl_release.c
//
// qxl. The device fetches commands, and what they point to, without looking at a fence:
// the CPU waits before it writes into an object, pins it, or hands it to the device. And
// the driver signals a command's fence only while somebody waits for it, which a callback
// does not do: the wait before a move stays.

@@ @@
#include <drm/ttm/ttm_bo.h>
+#include <drm/ttm/ttm_move.h>

@@ @@
struct qxl_mman {
	struct ttm_device		bdev;
+	/* Moves the objects of @bdev. */
+	struct ttm_move_device		move;
};

@@ identifier bo, evict, ctx, mem; @@
qxl_bo_move(struct ttm_buffer_object *bo, bool evict,
	    struct ttm_operation_ctx *ctx, struct ttm_resource *mem, ...)
{
	...
	int ret;
+	struct qxl_device *qdev = qxl_get_qdev(bo->bdev);
	...
-	return ttm_bo_move_memcpy(bo, ctx, mem);
+	return ttm_bo_move_memcpy_async(&qdev->mman.move, bo, evict, ctx, mem);
}

@@ identifier qdev, r; @@
int qxl_ttm_init(struct qxl_device *qdev)
{
	...
	r = ttm_device_init(...);
	if (r) { ... return r; }
+	r = ttm_move_device_init(&qdev->mman.move, &qdev->mman.bdev,
+				 dev_name(qdev->ddev.dev), NULL, NULL);
+	if (r) {
+		ttm_device_fini(&qdev->mman.bdev);
+		return r;
+	}
	... when any
}

@@ identifier qdev, r; @@
int qxl_ttm_init(struct qxl_device *qdev)
{
	<...
	r = qxl_ttm_init_mem_type(...);
	if (r) {
		...
+		ttm_move_device_fini(&qdev->mman.move);
		return r;
	}
	...>
}

@@ identifier qdev; @@
void qxl_ttm_fini(struct qxl_device *qdev)
{
+	ttm_move_device_flush(&qdev->mman.move);
+	/* TTM's ghosts hold video memory until they are deleted. */
+	drain_workqueue(qdev->mman.bdev.wq);
	...
+	ttm_move_device_fini(&qdev->mman.move);
	ttm_device_fini(...);
	...
}

@@ identifier qdev; @@
void qxl_ttm_debugfs_init(struct qxl_device *qdev)
{
+	ttm_move_debugfs_init(&qdev->mman.move,
+			      qdev->ddev.primary->debugfs_root);
	...
}

// A new object may lie where somebody else's bytes are still being read.
@@ identifier bo, pinned; @@
int qxl_bo_create(...)
{
	...
-	if (pinned)
+	if (pinned) {
+		ttm_move_bo_wait_moves(&bo->tbo, false);
		ttm_bo_pin(&bo->tbo);
+	}
	...
}

@@ identifier bo, r; @@
int qxl_bo_vmap_locked(struct qxl_bo *bo, ...)
{
	...
+	ttm_move_bo_wait_moves(&bo->tbo, false);
	r = ttm_bo_vmap(...);
	...
}

@@ identifier bo, bo_map; @@
void *qxl_bo_kmap_atomic_page(..., struct qxl_bo *bo, ...)
{
	...
	struct iosys_map bo_map;
+
+	ttm_move_bo_wait_moves(&bo->tbo, false);
	...
}

@@ identifier bo, r; @@
int qxl_bo_pin_locked(struct qxl_bo *bo)
{
	... when any
	r = ttm_bo_validate(...);
-	if (likely(r == 0))
+	if (likely(r == 0)) {
+		ttm_move_bo_wait_moves(&bo->tbo, false);
		ttm_bo_pin(&bo->tbo);
+	}
	...
}

@@ identifier bo, ret; @@
qxl_release_validate_bo(struct qxl_bo *bo)
{
	...
+	ret = ttm_move_bo_wait_moves(&bo->tbo, true);
+	if (ret)
+		return ret;
	ret = dma_resv_reserve_fences(...);
	...
}
