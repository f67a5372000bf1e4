// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: drivers/gpu/drm/nouveau/nouveau_drv.h
// Applies to: drivers/gpu/drm/nouveau/nouveau_drm.c
// Applies to: drivers/gpu/drm/nouveau/nouveau_bo.h
// Applies to: drivers/gpu/drm/nouveau/nouveau_ttm.c
// Applies to: drivers/gpu/drm/nouveau/nouveau_bo.c
// Applies to: drivers/gpu/drm/nouveau/nouveau_gem.c
//
// nouveau. The worker moves where the copy engine cannot, and the CPU sees video memory
// at a fixed place in the aperture: before NV50. Later devices map each object on its own,
// and TTM has that undone while the move is in flight: there the move stays synchronous.
// Commands of user space wait for all fences of their objects; kernel mappings, and
// whatever is pinned, do not.

@@ @@
#include <drm/ttm/ttm_bo.h>
+#include <drm/ttm/ttm_move.h>

@@ @@
struct nouveau_drm {
	...
	struct {
		struct ttm_device bdev;
+		/* Moves the objects of @bdev where the copy engine cannot. */
+		struct ttm_move_device worker;
		...
	} ttm;
	...
};

@@ @@
 extern struct ttm_device_funcs nouveau_bo_driver;
+extern const struct ttm_move_ops nouveau_move_ops;

@@ identifier nvbo, ret; @@
int nouveau_bo_map(...)
{
	...
+	ttm_move_bo_wait_moves(&nvbo->bo, false);
	ret = ttm_bo_kmap(&nvbo->bo, ...);
	...
}

@@
identifier fn = { nouveau_gem_pushbuf_reloc_apply, nouveau_gem_ioctl_pushbuf };
identifier nvbo, ret;
@@
fn(...)
{
	<+...
+	ttm_move_bo_wait_moves(&nvbo->bo, false);
	ret = ttm_bo_kmap(&nvbo->bo, ...);
	...+>
}

@@ identifier nvbo, ret; @@
int nouveau_bo_pin_locked(struct nouveau_bo *nvbo, ...)
{
	... when any
	ret = nouveau_bo_validate(nvbo, false, false);
	if (ret) goto out;
+	ttm_move_bo_wait_moves(&nvbo->bo, false);
	ttm_bo_pin(...);
	... when any
}

@@ identifier bo, evict, ctx, reg, drm, ret; @@
nouveau_bo_move(struct ttm_buffer_object *bo, bool evict,
		struct ttm_operation_ctx *ctx, struct ttm_resource *reg, ...)
{
	struct nouveau_drm *drm = ...;
	<+...
-	ret = ttm_bo_move_memcpy(bo, ctx, reg);
+	ret = ttm_bo_move_memcpy_async(&drm->ttm.worker, bo, evict, ctx,
+				       reg);
+	if (ret == -EOPNOTSUPP)
+		ret = ttm_bo_move_memcpy(bo, ctx, reg);
	...+>
}

@@ identifier drm, dev, ret; @@
int nouveau_ttm_init(struct nouveau_drm *drm)
{
	...
	struct drm_device *dev = ...;
	... when any
	ret = ttm_device_init(...);
	if (ret) { ... return ret; }
+
+	ret = ttm_move_device_init(&drm->ttm.worker, &drm->ttm.bdev,
+				   dev_name(dev->dev), &nouveau_move_ops, drm);
+	if (ret) {
+		ttm_device_fini(&drm->ttm.bdev);
+		return ret;
+	}
	... when any
}

@@
identifier drm, ret;
identifier fn = { nouveau_ttm_init_vram, nouveau_ttm_init_gtt };
@@
int nouveau_ttm_init(struct nouveau_drm *drm)
{
	<...
	ret = fn(drm);
	if (ret) {
		...
+		ttm_move_device_fini(&drm->ttm.worker);
		return ret;
	}
	...>
}

@@ identifier drm; @@
void nouveau_ttm_fini(struct nouveau_drm *drm)
{
	...
+	ttm_move_device_flush(&drm->ttm.worker);
+	/* TTM's ghosts hold device memory until they are deleted. */
+	drain_workqueue(drm->ttm.bdev.wq);
	nouveau_ttm_fini_vram(drm);
	...
+	ttm_move_device_fini(&drm->ttm.worker);
	ttm_device_fini(...);
	...
}

// Before the device sleeps nobody copies any more.
@@ identifier drm; @@
nouveau_do_suspend(struct nouveau_drm *drm, ...)
{
	... when any
	ttm_resource_manager_evict_all(&drm->ttm.bdev, ...);
+	ttm_move_device_flush(&drm->ttm.worker);
	... when any
}
