// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: include/drm/drm_gem_vram_helper.h
// Applies to: drivers/gpu/drm/drm_gem_vram_helper.c
// Compiled as well: drivers/gpu/drm/tiny/bochs.c
// Compiled as well: drivers/gpu/drm/hisilicon/hibmc/hibmc_drm_drv.c
// Compiled as well: drivers/gpu/drm/hisilicon/hibmc/hibmc_drm_de.c
// Compiled as well: drivers/gpu/drm/vboxvideo/vbox_ttm.c
// Compiled as well: drivers/gpu/drm/vboxvideo/vbox_mode.c
//
// The VRAM helper, and with it bochs, hibmc and vboxvideo. A plane's picture is waited
// for by its commit, with the fences that prepare_fb() finds after it has pinned.

@@ @@
#include <drm/ttm/ttm_bo.h>
+#include <drm/ttm/ttm_move.h>

@@ @@
struct drm_vram_mm {
	...
	struct ttm_device bdev;
+
+	/** @move: moves the objects of @bdev */
+	struct ttm_move_device move;
};

@@ identifier gbo, evict, ctx, mem; @@
drm_gem_vram_bo_driver_move(struct drm_gem_vram_object *gbo, bool evict,
			    struct ttm_operation_ctx *ctx,
			    struct ttm_resource *mem)
{
+	struct drm_vram_mm *vmm = drm_vram_mm_of_bdev(gbo->bo.bdev);
+
	...
-	return ttm_bo_move_memcpy(&gbo->bo, ctx, mem);
+	return ttm_bo_move_memcpy_async(&vmm->move, &gbo->bo, evict, ctx, mem);
}

@@ identifier gbo; @@
int drm_gem_vram_vmap(struct drm_gem_vram_object *gbo, ...)
{
	...
	dma_resv_assert_held(...);
+
+	ttm_move_bo_wait_moves(&gbo->bo, false);
	...
}

@@ identifier minor; @@
void drm_vram_mm_debugfs_init(struct drm_minor *minor)
{
	...
+	ttm_move_debugfs_init(&minor->dev->vram_mm->move, minor->debugfs_root);
}

@@ identifier vmm, dev, ret; expression list es; @@
drm_vram_mm_init(struct drm_vram_mm *vmm, struct drm_device *dev, ...)
{
	...
	ret = ttm_device_init(...);
	if (ret)
		return ret;
+
+	ret = ttm_move_device_init(&vmm->move, &vmm->bdev, dev_name(dev->dev),
+				   NULL, NULL);
+	if (ret)
+		goto err_device;

	ret = ttm_range_man_init(es);
	if (ret)
-		return ret;
+		goto err_move;

	return 0;
+
+err_move:
+	ttm_move_device_fini(&vmm->move);
+err_device:
+	ttm_device_fini(&vmm->bdev);
+	return ret;
}

@@ identifier vmm; @@
drm_vram_mm_cleanup(struct drm_vram_mm *vmm)
{
+	ttm_move_device_flush(&vmm->move);
+	/* TTM's ghosts hold video memory until they are deleted. */
+	drain_workqueue(vmm->bdev.wq);
	ttm_range_man_fini(...);
+	ttm_move_device_fini(&vmm->move);
	ttm_device_fini(...);
}
