// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Memory pressure: the system pages that objects leave behind on their way to video
 * memory come free when their moves have ended, so reclaim waits for those.
 */
#include <linux/mm.h>
#include <linux/shrinker.h>

#include <drm/drm_managed.h>

#include "vttm_drv.h"

static unsigned long vttm_shrinker_count(struct shrinker *shrinker,
					 struct shrink_control *sc)
{
	struct vttm_device *vdev = ttm_move_shrinker_data(shrinker);

	return ttm_move_device_pending(&vdev->mdev) >> PAGE_SHIFT;
}

static unsigned long vttm_shrinker_scan(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	struct vttm_device *vdev = ttm_move_shrinker_data(shrinker);
	unsigned long pages;

	/* What lockdep knows of waits for fences it knows of this kind of reclaim. */
	if (!(sc->gfp_mask & __GFP_FS))
		return SHRINK_STOP;

	pages = ttm_move_device_wait_pending(&vdev->mdev) >> PAGE_SHIFT;
	if (!pages)
		return vttm_shrinker_count(shrinker, sc) ? 0 : SHRINK_STOP;

	sc->nr_scanned = pages;
	return pages;
}

static void vttm_shrinker_fini(struct drm_device *drm, void *unused)
{
	shrinker_free(vttm_from_drm(drm)->shrinker);
}

/**
 * vttm_shrinker_init() - take part in the reclaim of memory
 * @vdev: the device; its worker is set up
 *
 * Undone before the worker is torn down.
 *
 * Context: Process context. May sleep.
 * Return: 0, or -ENOMEM.
 */
int vttm_shrinker_init(struct vttm_device *vdev)
{
	struct shrinker *shrinker = shrinker_alloc(0, "drm-vttm:%s",
						   dev_name(vdev->drm.dev));

	if (!shrinker)
		return -ENOMEM;

	shrinker->count_objects = vttm_shrinker_count;
	shrinker->scan_objects = vttm_shrinker_scan;
	ttm_move_shrinker_data(shrinker) = vdev;
	/* Nobody will want these pages back. */
	shrinker->seeks = 0;
	vdev->shrinker = shrinker;
	shrinker_register(shrinker);
	return drmm_add_action_or_reset(&vdev->drm, vttm_shrinker_fini, NULL);
}
