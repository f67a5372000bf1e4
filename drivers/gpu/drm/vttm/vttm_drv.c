// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The virtual TTM device: module, devices, power management.
 *
 * Two kinds of devices: any PCI device that driver_override binds, with one of
 * its memory BARs as video memory; and one platform device with RAM.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>

#include "vttm_drv.h"

static bool vttm_param_sync;
module_param_named(sync, vttm_param_sync, bool, 0644);
MODULE_PARM_DESC(sync, "Move synchronously, with TTM's own memcpy (default: no)");

static unsigned int vttm_param_vram_mb;
module_param_named(vram_mb, vttm_param_vram_mb, uint, 0444);
MODULE_PARM_DESC(vram_mb, "Make a device whose video memory is so many MiB of RAM (default: none)");

static char *vttm_param_manager = "buddy";
module_param_named(manager, vttm_param_manager, charp, 0444);
MODULE_PARM_DESC(manager, "Manager of video memory: buddy or range (default: buddy)");

static unsigned int vttm_param_piece_kb = 1024;
module_param_named(piece_kb, vttm_param_piece_kb, uint, 0444);
MODULE_PARM_DESC(piece_kb, "Largest contiguous piece of an object in KiB, for buddy; 0: no limit (default: 1024)");

static int vttm_param_bar = -1;
module_param_named(bar, vttm_param_bar, int, 0444);
MODULE_PARM_DESC(bar, "BAR of a PCI device to use as video memory (default: the largest prefetchable one)");

/* How long suspend waits for the moves in flight. */
#define VTTM_SUSPEND_TIMEOUT	(5 * HZ)

/**
 * vttm_moves_are_sync() - whether a move is made in its caller
 * @flags: those of the move ioctl; 0 for a move that nobody asked for
 *
 * Context: Any.
 * Return: true for a move by TTM's own memcpy.
 */
bool vttm_moves_are_sync(u32 flags)
{
	if (flags & (VTTM_MOVE_SYNC | VTTM_MOVE_ASYNC))
		return flags & VTTM_MOVE_SYNC;
	return READ_ONCE(vttm_param_sync);
}

/* The device */

static void vttm_debugfs_init(struct drm_minor *minor)
{
	struct vttm_device *vdev = vttm_from_drm(minor->dev);

	ttm_move_debugfs_init(&vdev->mdev, minor->debugfs_root);
	vttm_faults_debugfs_init(vdev, minor->debugfs_root);
}

DEFINE_DRM_GEM_FOPS(vttm_fops);

static const struct drm_driver vttm_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE,
	.fops = &vttm_fops,
	.ioctls = vttm_ioctls,
	.num_ioctls = VTTM_NUM_IOCTLS,
	.gem_prime_import_sg_table = vttm_object_import,
	TTM_MOVE_PRIME_OPS
	.debugfs_init = vttm_debugfs_init,
	.name = "vttm",
	.desc = "Virtual TTM device",
	.date = "20261123",
	.major = 1,
	.minor = 0,
};

static struct vttm_device *vttm_device_alloc(struct device *dev)
{
	return devm_drm_dev_alloc(dev, &vttm_driver, struct vttm_device, drm);
}

static int vttm_check_params(struct device *dev)
{
	if (strcmp(vttm_param_manager, "buddy") &&
	    strcmp(vttm_param_manager, "range")) {
		dev_err(dev, "manager=%s is unknown: use buddy or range\n",
			vttm_param_manager);
		return -EINVAL;
	}
	if (vttm_param_vram_mb > SIZE_MAX / SZ_1M) {
		dev_err(dev, "vram_mb=%u is more than can be addressed\n",
			vttm_param_vram_mb);
		return -EINVAL;
	}
	if (!IS_ALIGNED(vttm_param_piece_kb, PAGE_SIZE / SZ_1K)) {
		dev_err(dev, "piece_kb=%u is no multiple of %lu\n",
			vttm_param_piece_kb, PAGE_SIZE / SZ_1K);
		return -EINVAL;
	}
	return 0;
}

/* Video memory is known: make the rest, and show it to the world. */
static int vttm_device_register(struct vttm_device *vdev)
{
	bool use_buddy = !strcmp(vttm_param_manager, "buddy");
	int ret;

	ret = vttm_ttm_init(vdev, use_buddy,
			    (u64)vttm_param_piece_kb * SZ_1K);
	if (ret)
		return ret;
	ret = drm_dev_register(&vdev->drm, 0);
	if (ret)
		return ret;

	drm_info(&vdev->drm, "%llu MiB of video memory in %s, %s manager\n",
		 vdev->vram_bytes / SZ_1M, vdev->ram ? "RAM" : "a BAR",
		 vttm_param_manager);
	return 0;
}

/*
 * The aperture is about to go, objects and files may stay: let no new move
 * start, then let those in flight end.
 */
static void vttm_device_unplug(struct vttm_device *vdev)
{
	drm_dev_unplug(&vdev->drm);
	ttm_move_device_flush(&vdev->mdev);
}

/*
 * Video memory may lose power: take everything out of it. Whoever should signal what
 * a move waits for may be asleep by now: then the system has to stay awake.
 */
static int vttm_pm_suspend(struct device *dev)
{
	struct vttm_device *vdev = dev_get_drvdata(dev);
	struct ttm_device *bdev = &vdev->bdev;
	int ret;

	ret = ttm_move_device_flush_timeout(&vdev->mdev, VTTM_SUSPEND_TIMEOUT);
	if (ret)
		return ret;
	return ttm_resource_manager_evict_all(bdev, ttm_manager_type(bdev, TTM_PL_VRAM));
}

static int vttm_pm_resume(struct device *dev)
{
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(vttm_pm_ops, vttm_pm_suspend, vttm_pm_resume);

/* Video memory in a BAR */

#ifdef CONFIG_PCI

static bool vttm_bar_is_memory(struct pci_dev *pdev, int bar)
{
	return bar >= 0 && bar < PCI_STD_NUM_BARS && pci_resource_len(pdev, bar) &&
	       pci_resource_flags(pdev, bar) & IORESOURCE_MEM;
}

static int vttm_largest_bar(struct pci_dev *pdev)
{
	int bar, best = -1;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (!vttm_bar_is_memory(pdev, bar) ||
		    !(pci_resource_flags(pdev, bar) & IORESOURCE_PREFETCH))
			continue;
		if (best < 0 || pci_resource_len(pdev, bar) >
				pci_resource_len(pdev, best))
			best = bar;
	}
	return best;
}

static void vttm_unmap_bar(void *data)
{
	io_mapping_fini(data);
}

static int vttm_map_bar(struct vttm_device *vdev, struct pci_dev *pdev, int bar)
{
	resource_size_t len = min_t(u64, pci_resource_len(pdev, bar), ULONG_MAX);
	resource_size_t bytes = round_down(len, PAGE_SIZE);
	struct device *dev = &pdev->dev;

	vdev->bar = pci_resource_start(pdev, bar);
	vdev->vram_bytes = bytes;
	if (!devm_request_mem_region(dev, vdev->bar, bytes, "vttm"))
		return -EBUSY;
	if (!io_mapping_init_wc(&vdev->iomap, vdev->bar, bytes))
		return -ENOMEM;

	/* Whoever binds a device to this driver vouches for its BAR. */
	vdev->aperture.iomap = &vdev->iomap;
	vdev->aperture.bytes = bytes;
	vdev->aperture.plain = true;
	return devm_add_action_or_reset(dev, vttm_unmap_bar, &vdev->iomap);
}

static int vttm_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int bar = vttm_param_bar < 0 ? vttm_largest_bar(pdev) : vttm_param_bar;
	struct vttm_device *vdev;
	int ret;

	ret = vttm_check_params(&pdev->dev);
	if (ret)
		return ret;
	if (!vttm_bar_is_memory(pdev, bar)) {
		dev_err(&pdev->dev, "no memory BAR %d: choose one with bar=\n",
			bar);
		return -ENODEV;
	}
	ret = pcim_enable_device(pdev) ?:
	      dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;

	vdev = vttm_device_alloc(&pdev->dev);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	pci_set_drvdata(pdev, vdev);
	return vttm_map_bar(vdev, pdev, bar) ?: vttm_device_register(vdev);
}

static void vttm_pci_remove(struct pci_dev *pdev)
{
	vttm_device_unplug(pci_get_drvdata(pdev));
}

/* Binds nothing by itself, only what driver_override names. */
static const struct pci_device_id vttm_pci_ids[] = { {} };

static struct pci_driver vttm_pci_driver = {
	.name = "vttm",
	.id_table = vttm_pci_ids,
	.probe = vttm_pci_probe,
	.remove = vttm_pci_remove,
	.driver.pm = pm_sleep_ptr(&vttm_pm_ops),
};

static int vttm_pci_register(void)
{
	return pci_register_driver(&vttm_pci_driver);
}

static void vttm_pci_unregister(void)
{
	pci_unregister_driver(&vttm_pci_driver);
}

#else

static int vttm_pci_register(void)
{
	return 0;
}

static void vttm_pci_unregister(void)
{
}

#endif

/* Video memory in RAM */

static void vttm_free_ram(struct drm_device *drm, void *ram)
{
	vfree(ram);
}

/* Lives as long as the last file: objects in it do, too. */
static int vttm_alloc_ram(struct vttm_device *vdev)
{
	vdev->vram_bytes = (u64)vttm_param_vram_mb * SZ_1M;
	vdev->ram = vzalloc(vdev->vram_bytes);
	if (!vdev->ram)
		return -ENOMEM;

	iosys_map_set_vaddr(&vdev->aperture.map, vdev->ram);
	vdev->aperture.bytes = vdev->vram_bytes;
	vdev->aperture.plain = true;
	return drmm_add_action_or_reset(&vdev->drm, vttm_free_ram, vdev->ram);
}

static int vttm_platform_probe(struct platform_device *pdev)
{
	struct vttm_device *vdev;
	int ret;

	ret = vttm_check_params(&pdev->dev);
	if (ret)
		return ret;
	ret = dma_coerce_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;

	vdev = vttm_device_alloc(&pdev->dev);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	platform_set_drvdata(pdev, vdev);
	return vttm_alloc_ram(vdev) ?: vttm_device_register(vdev);
}

static ttm_move_removed_t vttm_platform_remove(struct platform_device *pdev)
{
	vttm_device_unplug(platform_get_drvdata(pdev));
	return TTM_MOVE_REMOVED;
}

static struct platform_driver vttm_platform_driver = {
	.probe = vttm_platform_probe,
	.remove = vttm_platform_remove,
	.driver = {
		.name = "vttm",
		.pm = pm_sleep_ptr(&vttm_pm_ops),
	},
};

static struct platform_device *vttm_platform_device;

static int vttm_platform_register(void)
{
	int ret = platform_driver_register(&vttm_platform_driver);

	if (ret || !vttm_param_vram_mb)
		return ret;

	vttm_platform_device = platform_device_register_simple("vttm", -1, NULL,
							       0);
	ret = PTR_ERR_OR_ZERO(vttm_platform_device);
	if (ret)
		platform_driver_unregister(&vttm_platform_driver);
	return ret;
}

static void vttm_platform_unregister(void)
{
	if (vttm_platform_device)
		platform_device_unregister(vttm_platform_device);
	platform_driver_unregister(&vttm_platform_driver);
}

static int __init vttm_init(void)
{
	int ret = vttm_platform_register();

	if (ret)
		return ret;
	ret = vttm_pci_register();
	if (ret)
		vttm_platform_unregister();
	return ret;
}

static void __exit vttm_exit(void)
{
	vttm_pci_unregister();
	vttm_platform_unregister();
}

module_init(vttm_init);
module_exit(vttm_exit);

MODULE_DESCRIPTION("Virtual TTM device");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_IMPORT_NS(DMA_BUF);
