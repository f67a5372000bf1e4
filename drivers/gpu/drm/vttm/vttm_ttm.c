// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The device as TTM sees it.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>
#include <drm/drm_vma_manager.h>
#include <drm/ttm/ttm_tt.h>

#include "vttm_drv.h"

/* System pages */

static struct ttm_tt *vttm_tt_create(struct ttm_buffer_object *bo,
				     u32 page_flags)
{
	struct ttm_tt *tt = kzalloc(sizeof(*tt), GFP_KERNEL);
	int ret;

	if (!tt)
		return NULL;

	if (page_flags & TTM_TT_FLAG_EXTERNAL)
		ret = ttm_sg_tt_init(tt, bo, page_flags, ttm_cached);
	else
		ret = ttm_tt_init(tt, bo, page_flags, ttm_cached, 0);
	if (ret) {
		kfree(tt);
		return NULL;
	}
	return tt;
}

static void vttm_tt_destroy(struct ttm_device *bdev, struct ttm_tt *tt)
{
	ttm_tt_fini(tt);
	kfree(tt);
}

/* An importer never looks at the pages: the exporter's dma-buf does. */
static int vttm_tt_populate(struct ttm_device *bdev, struct ttm_tt *tt,
			    struct ttm_operation_ctx *ctx)
{
	if (tt->page_flags & TTM_TT_FLAG_EXTERNAL)
		return 0;
	return ttm_pool_alloc(&bdev->pool, tt, ctx);
}

static void vttm_tt_unpopulate(struct ttm_device *bdev, struct ttm_tt *tt)
{
	if (!(tt->page_flags & TTM_TT_FLAG_EXTERNAL))
		ttm_pool_free(&bdev->pool, tt);
}

/* CPU mappings */

static int vttm_io_mem_reserve(struct ttm_device *bdev,
			       struct ttm_resource *res)
{
	struct vttm_device *vdev = vttm_from_bdev(bdev);
	u64 start;

	if (res->mem_type != TTM_PL_VRAM)
		return 0;

	/* Of a fragmented object this is only its beginning. */
	start = vttm_vram_offset(vdev, res, 0);
	if (vdev->ram)
		res->bus.addr = vdev->ram + start;
	else
		res->bus.offset = vdev->bar + start;
	res->bus.is_iomem = true;
	res->bus.caching = vdev->ram ? ttm_cached : ttm_write_combined;
	return 0;
}

static void vttm_io_mem_free(struct ttm_device *bdev, struct ttm_resource *res)
{
	struct vttm_vram_res *vres = vttm_vram_res(vttm_from_bdev(bdev), res);

	if (vres && vres->linear) {
		vunmap(vres->linear);
		vres->linear = NULL;
	}
}

static unsigned long vttm_vram_pfn(struct vttm_device *vdev,
				   struct ttm_resource *res, u64 offset)
{
	offset = vttm_vram_offset(vdev, res, offset);
	return vdev->ram ? vmalloc_to_pfn(vdev->ram + offset) :
	       PHYS_PFN(vdev->bar + offset);
}

static unsigned long vttm_io_mem_pfn(struct ttm_buffer_object *bo,
				     unsigned long page)
{
	return vttm_vram_pfn(vttm_from_bdev(bo->bdev), bo->resource,
			     (u64)page << PAGE_SHIFT);
}

/* Moves by the worker */

int vttm_init_mem(struct ttm_move_device *mdev, struct ttm_buffer_object *bo,
		  struct ttm_resource *res, struct ttm_move_mem *mem)
{
	struct vttm_device *vdev = mdev->priv;
	struct vttm_vram_res *vres = vttm_vram_res(vdev, res);

	if (vres)
		ttm_move_mem_init_buddy(mem, &vdev->aperture, &vdev->vram.mm,
					&vres->blocks, ttm_move_resource_bytes(res));
	else
		ttm_move_mem_init_linear(mem, &vdev->aperture,
					 (u64)res->start << PAGE_SHIFT,
					 ttm_move_resource_bytes(res));
	return 0;
}

static struct ttm_move_timeline *vttm_timeline(struct ttm_buffer_object *bo)
{
	return vttm_from_bo(bo)->timeline;
}

static struct dma_fence *vttm_dependency(struct ttm_buffer_object *bo)
{
	return vttm_from_bo(bo)->in_fence;
}

static const struct ttm_move_ops vttm_move_ops = {
	.dependency = vttm_dependency,
	.init_mem = vttm_init_mem,
	.timeline = vttm_timeline,
	.prepare = vttm_loss_prepare,
	.begin = vttm_loss_begin,
	.retired = vttm_loss_retired,
};

/* Moves by TTM's own memcpy, which wants contiguous memory */

static void *vttm_vmap_bar(struct vttm_device *vdev, struct ttm_resource *res,
			   unsigned int num)
{
	unsigned long *pfns = kvmalloc_array(num, sizeof(*pfns), GFP_KERNEL);
	void *linear = NULL;
	unsigned int i;

	for (i = 0; pfns && i < num; i++)
		pfns[i] = vttm_vram_pfn(vdev, res, (u64)i << PAGE_SHIFT);
	if (pfns)
		linear = vmap_pfn(pfns, num, vdev->iomap.prot);
	kvfree(pfns);
	return linear;
}

static void *vttm_vmap_ram(struct vttm_device *vdev, struct ttm_resource *res,
			   unsigned int num)
{
	struct page **pages = kvmalloc_array(num, sizeof(*pages), GFP_KERNEL);
	void *linear = NULL;
	unsigned int i;

	for (i = 0; pages && i < num; i++)
		pages[i] = pfn_to_page(vttm_vram_pfn(vdev, res,
						     (u64)i << PAGE_SHIFT));
	if (pages)
		linear = vmap(pages, num, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return linear;
}

static int vttm_map_linear(struct vttm_device *vdev, struct ttm_resource *res)
{
	struct vttm_vram_res *vres = vttm_vram_res(vdev, res);
	unsigned int num = PFN_UP(ttm_move_resource_bytes(res));

	if (!vres || vttm_vram_num_runs(vdev, res) == 1)
		return 0;

	vres->linear = vdev->ram ? vttm_vmap_ram(vdev, res, num) :
				   vttm_vmap_bar(vdev, res, num);
	if (!vres->linear)
		return -ENOMEM;

	vttm_io_mem_reserve(&vdev->bdev, res);
	res->bus.addr = vres->linear;
	return 0;
}

/* What TTM's memcpy did not unmap because it failed. */
static void vttm_unmap_linear(struct vttm_device *vdev,
			      struct ttm_resource *res)
{
	vttm_io_mem_free(&vdev->bdev, res);
	res->bus.offset = 0;
	res->bus.addr = NULL;
}

static int vttm_move_sync(struct vttm_device *vdev,
			  struct ttm_buffer_object *bo,
			  struct ttm_operation_ctx *ctx,
			  struct ttm_resource *dst)
{
	struct ttm_resource *src = bo->resource;
	int ret;

	ret = ttm_move_bo_wait(&vdev->mdev, bo, ctx) ?:
	      vttm_map_linear(vdev, src) ?: vttm_map_linear(vdev, dst) ?:
	      ttm_bo_move_memcpy(bo, ctx, dst);
	if (ret) {
		vttm_unmap_linear(vdev, src);
		vttm_unmap_linear(vdev, dst);
	}
	return ret;
}

static int vttm_hop_over_system(struct ttm_place *hop)
{
	memset(hop, 0, sizeof(*hop));
	hop->mem_type = TTM_PL_SYSTEM;
	hop->flags = TTM_PL_FLAG_TEMPORARY;
	return -EMULTIHOP;
}

static int vttm_move_copy(struct vttm_device *vdev,
			  struct ttm_buffer_object *bo, bool evict,
			  struct ttm_operation_ctx *ctx,
			  struct ttm_resource *dst, struct ttm_place *hop)
{
	if (!vttm_moves_are_sync(vttm_from_bo(bo)->move_flags))
		return ttm_bo_move_memcpy_async(&vdev->mdev, bo, evict, ctx, dst);
	/* TTM's memcpy can only clear what comes from system memory. */
	if (!bo->resource)
		return vttm_hop_over_system(hop);
	return vttm_move_sync(vdev, bo, ctx, dst);
}

static int vttm_move(struct ttm_buffer_object *bo, bool evict,
		     struct ttm_operation_ctx *ctx, struct ttm_resource *dst,
		     struct ttm_place *hop)
{
	struct vttm_device *vdev = vttm_from_bdev(bo->bdev);
	int ret, idx;

	if (dst->mem_type == TTM_PL_SYSTEM &&
	    (!bo->resource || bo->resource->mem_type == TTM_PL_SYSTEM)) {
		ttm_bo_move_null(bo, dst);
		return 0;
	}

	/* After unplug no copy may start: video memory is gone. */
	if (!drm_dev_enter(&vdev->drm, &idx))
		return -ENODEV;
	ret = vttm_move_copy(vdev, bo, evict, ctx, dst, hop);
	drm_dev_exit(idx);
	return ret;
}

/* Eviction */

static void vttm_evict_flags(struct ttm_buffer_object *bo,
			     struct ttm_placement *placement)
{
	static const struct ttm_place system = { .mem_type = TTM_PL_SYSTEM };

	/* TTM waits for the move, and frees it. */
	if (vttm_is_ghost(bo))
		return;
	*placement = ttm_move_placement(&system);
}

/*
 * User space may bring fences of its own: one client's must not hold up the
 * evictions of all others.
 */
static bool vttm_eviction_valuable(struct ttm_buffer_object *bo,
				   const struct ttm_place *place)
{
	return !ttm_move_bo_is_held_up(bo) &&
	       ttm_bo_eviction_valuable(bo, place);
}

static const struct ttm_device_funcs vttm_bdev_funcs = {
	.ttm_tt_create = vttm_tt_create,
	.ttm_tt_populate = vttm_tt_populate,
	.ttm_tt_unpopulate = vttm_tt_unpopulate,
	.ttm_tt_destroy = vttm_tt_destroy,
	.eviction_valuable = vttm_eviction_valuable,
	.evict_flags = vttm_evict_flags,
	.move = vttm_move,
	.io_mem_reserve = vttm_io_mem_reserve,
	.io_mem_free = vttm_io_mem_free,
	.io_mem_pfn = vttm_io_mem_pfn,
};

/* Set-up; undone in the reverse order when the last file is closed */

static void vttm_ttm_fini(struct drm_device *drm, void *unused)
{
	ttm_device_fini(&vttm_from_drm(drm)->bdev);
}

static void vttm_mdev_fini(struct drm_device *drm, void *unused)
{
	ttm_move_device_fini(&vttm_from_drm(drm)->mdev);
}

/*
 * TTM's ghosts still hold video memory until their delayed deletion has run, and
 * that may have queued the deletion of the object itself.
 */
static void vttm_manager_fini(struct drm_device *drm, void *unused)
{
	struct vttm_device *vdev = vttm_from_drm(drm);

	ttm_move_device_flush(&vdev->mdev);
	ttm_move_drain_ghosts(&vdev->bdev);
	vttm_vram_fini(vdev);
}

int vttm_ttm_init(struct vttm_device *vdev, bool use_buddy, u64 piece_bytes)
{
	struct drm_device *drm = &vdev->drm;
	int ret;

	ret = ttm_device_init(&vdev->bdev, &vttm_bdev_funcs, drm->dev,
			      drm->anon_inode->i_mapping,
			      drm->vma_offset_manager, false, false);
	if (ret)
		return ret;
	ret = drmm_add_action_or_reset(drm, vttm_ttm_fini, NULL);
	if (ret)
		return ret;

	ret = ttm_move_device_init(&vdev->mdev, &vdev->bdev, dev_name(drm->dev),
				   &vttm_move_ops, vdev);
	if (ret)
		return ret;
	ret = drmm_add_action_or_reset(drm, vttm_mdev_fini, NULL);
	if (ret)
		return ret;

	vdev->use_buddy = use_buddy;
	ret = vttm_vram_init(vdev, piece_bytes);
	if (ret)
		return ret;
	ret = drmm_add_action_or_reset(drm, vttm_manager_fini, NULL);
	if (ret)
		return ret;
	return vttm_shrinker_init(vdev);
}
