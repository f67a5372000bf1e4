// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: drivers/gpu/drm/vmwgfx/vmwgfx_drv.h
// Applies to: drivers/gpu/drm/vmwgfx/vmwgfx_drv.c
// Applies to: drivers/gpu/drm/vmwgfx/vmwgfx_ttm_buffer.c
// Applies to: drivers/gpu/drm/vmwgfx/vmwgfx_bo.c
// Applies to: drivers/gpu/drm/vmwgfx/vmwgfx_cotable.c
// Applies to: drivers/gpu/drm/vmwgfx/vmwgfx_gem.c
// Applies to: drivers/gpu/drm/vmwgfx/vmwgfx_gmrid_manager.c
// Applies to: drivers/gpu/drm/vmwgfx/vmwgfx_kms.c
// Applies to: drivers/gpu/drm/vmwgfx/vmwgfx_shader.c
// Applies to: drivers/gpu/drm/vmwgfx/vmwgfx_validation.c
//
// vmwgfx. The device does not look at the fences of what its commands point to: whatever
// is validated for a command, or pinned, is waited for. And a command's fence signals in
// time only if somebody waits for it, who has the interrupt switched on, which a callback
// does not do: so does the move itself.

@@ @@
#include <drm/ttm/ttm_bo.h>
+#include <drm/ttm/ttm_move.h>

@@ @@
struct vmw_private {
	...
	struct ttm_device bdev;
+	/* Moves the objects of @bdev. */
+	struct ttm_move_device move;
	...
};

// TTM's ghosts are no objects of the driver, and have nothing that the device knows.
@@ identifier bo; @@
vmw_move_notify(struct ttm_buffer_object *bo, ...)
{
+	if (!bo->base.dev)
+		return;
	...
}

@@ identifier bo, evict, ctx, mem, ret; @@
vmw_move(struct ttm_buffer_object *bo, bool evict,
	 struct ttm_operation_ctx *ctx, struct ttm_resource *mem, ...)
{
	...
	int ret = ...;
+	struct vmw_private *vmw = vmw_priv_from_ttm(bo->bdev);
	<+...
-	ret = ttm_bo_move_memcpy(bo, ctx, mem);
+	ret = ttm_bo_wait_ctx(bo, ctx);
+	if (!ret)
+		ret = ttm_bo_move_memcpy_async(&vmw->move, bo, evict, ctx, mem);
	...+>
}

@@ identifier vmw; @@
vmw_driver_load(struct vmw_private *vmw, ...)
{
	<...
+	ttm_move_device_fini(&vmw->move);
	ttm_device_fini(&vmw->bdev);
	...>
}

@@ identifier vmw, ret; @@
vmw_driver_load(struct vmw_private *vmw, ...)
{
	...
	ret = ttm_device_init(...);
	if (unlikely(ret != 0)) { ... goto out_no_bdev; }
+
+	ret = ttm_move_device_init(&vmw->move, &vmw->bdev,
+				   dev_name(vmw->drm.dev), NULL, NULL);
+	if (unlikely(ret != 0)) {
+		ttm_device_fini(&vmw->bdev);
+		goto out_no_bdev;
+	}
	... when any
}

@@ identifier vmw; @@
vmw_driver_unload(...)
{
	...
	struct vmw_private *vmw = ...;
	...
	vmw_vram_manager_fini(vmw);
+	ttm_move_device_fini(&vmw->move);
	ttm_device_fini(...);
	...
}

// TTM's ghosts hold device memory until they are deleted.
@@ identifier vmw; @@
vmw_vram_manager_fini(struct vmw_private *vmw)
{
+	ttm_move_device_flush(&vmw->move);
+	drain_workqueue(vmw->bdev.wq);
	...
}

@@ identifier vmw; @@
void vmw_gmrid_man_fini(struct vmw_private *vmw, ...)
{
	...
	struct vmwgfx_gmrid_man *gman = ...;
+
+	ttm_move_device_flush(&vmw->move);
+	drain_workqueue(vmw->bdev.wq);
	...
}

// Kernel mappings.
@@ expression ret, bo; @@
+ttm_move_bo_wait_moves(bo, false);
 ret = ttm_bo_kmap(bo, ...);

@@ expression ret, bo; @@
+ttm_move_bo_wait_moves(bo, false);
 ret = ttm_bo_vmap(bo, ...);

// What the device reaches.
@@
identifier fn = {
	vmw_bo_pin_in_placement, vmw_bo_pin_in_vram_or_gmr,
	vmw_bo_pin_in_start_of_vram
};
identifier buf;
@@
fn(...)
{
	<...
	vmw_bo_pin_reserved(buf, true);
+	ttm_move_bo_wait_moves(&buf->tbo, false);
	...>
}

@@ identifier bo, intr; expression placement, ctx, ret; @@
vmw_validation_bo_validate_single(struct ttm_buffer_object *bo, bool intr)
{
	...
	ret = ttm_bo_validate(bo, placement, ctx);
+	if (ret == 0)
+		ret = ttm_move_bo_wait_moves(bo, intr);
	if (ret == 0 || ret == -ERESTARTSYS)
		return ret;
	...
-	return ttm_bo_validate(bo, placement, ctx);
+	ret = ttm_bo_validate(bo, placement, ctx);
+	if (ret)
+		return ret;
+	return ttm_move_bo_wait_moves(bo, intr);
}
