// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: drivers/gpu/drm/loongson/lsdc_drv.h
// Applies to: drivers/gpu/drm/loongson/lsdc_ttm.c
// Applies to: drivers/gpu/drm/loongson/lsdc_gem.c
// Applies to: drivers/gpu/drm/loongson/lsdc_plane.c
//
// loongson. A plane's picture is waited for by its commit; but a cursor's commit may be
// asynchronous, and then waits for nothing. TTM's ghosts come to evict_flags() and are no objects of the
// driver: without a placement TTM waits for them and drops them.

@@ @@
#include <drm/ttm/ttm_device.h>
+#include <drm/ttm/ttm_move.h>

@@ @@
struct lsdc_device {
	...
	struct ttm_device bdev;
+	/* Moves the objects of @bdev. */
+	struct ttm_move_device move;
	...
};

@@ identifier bo, placement; @@
lsdc_bo_evict_flags(struct ttm_buffer_object *bo, struct ttm_placement *placement)
{
	...
	struct lsdc_bo *lbo = ...;
+
+	if (!bo->base.dev)
+		return;
	...
}

@@ identifier bo, evict, ctx, mem, old, lbo; @@
lsdc_bo_move(struct ttm_buffer_object *bo, bool evict,
	     struct ttm_operation_ctx *ctx, struct ttm_resource *mem, ...)
{
	...
	struct lsdc_bo *lbo = ...;
+	struct lsdc_device *ldev = tdev_to_ldev(bo->bdev);
	int ret;
	...
-	ret = ttm_bo_wait_ctx(bo, ctx);
-	if (ret)
-		return ret;
	...
	if (old->mem_type == TTM_PL_TT && mem->mem_type == TTM_PL_SYSTEM) {
+		ret = ttm_bo_wait_ctx(bo, ctx);
+		if (ret)
+			return ret;
		...
	}
	...
-	return ttm_bo_move_memcpy(bo, ctx, mem);
+	return ttm_bo_move_memcpy_async(&ldev->move, bo, evict, ctx, mem);
}

@@ identifier ldev, ddev, ret; expression list es; @@
int lsdc_ttm_init(struct lsdc_device *ldev)
{
	...
	struct drm_device *ddev = ...;
	...
	ret = ttm_device_init(es);
	if (ret)
		return ret;
+
+	ret = ttm_move_device_init(&ldev->move, &ldev->bdev, dev_name(ddev->dev),
+				   NULL, NULL);
+	if (ret) {
+		ttm_device_fini(&ldev->bdev);
+		return ret;
+	}
	... when any
}

@@ identifier ldev, ret; @@
int lsdc_ttm_init(struct lsdc_device *ldev)
{
	<...
	ret = ttm_range_man_init(...);
-	if (unlikely(ret))
+	if (unlikely(ret)) {
+		ttm_move_device_fini(&ldev->move);
		return ret;
+	}
	...>
}

@@ identifier ldev; @@
lsdc_ttm_fini(...)
{
	...
	struct lsdc_device *ldev = ...;
+
+	ttm_move_device_flush(&ldev->move);
+	/* TTM's ghosts hold video memory until they are deleted. */
+	drain_workqueue(ldev->bdev.wq);
	...
+	ttm_move_device_fini(&ldev->move);
	ttm_device_fini(...);
	...
}

@@ identifier ldev, root; @@
void lsdc_ttm_debugfs_init(struct lsdc_device *ldev)
{
	...
	struct dentry *root = ...;
	...
	ttm_resource_manager_create_debugfs(...);
+	ttm_move_debugfs_init(&ldev->move, root);
	ttm_resource_manager_create_debugfs(...);
}

@@ identifier bo, ret; @@
lsdc_gem_object_vmap(...)
{
	...
	struct ttm_buffer_object *bo = ...;
	...
+	ttm_move_bo_wait_moves(bo, false);
	ret = ttm_bo_vmap(...);
	...
}

@@ identifier plane, bo; @@
lsdc_plane_prepare_fb(struct drm_plane *plane, ...)
{
	... when any
+	if (plane->type == DRM_PLANE_TYPE_CURSOR)
+		ttm_move_bo_wait_moves(&bo->tbo, false);
	lsdc_bo_ref(bo);
	...
}
