// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Video memory, managed by the buddy allocator or by TTM's range manager.
 *
 * With the former, objects are cut into pieces that come from the two ends of the
 * memory by turns, so that every object of more than one piece is fragmented, the
 * same way in every run.
 */
#include <linux/slab.h>

#include <drm/ttm/ttm_range_manager.h>
#include <drm/ttm/ttm_resource.h>

#include "vttm_drv.h"

static struct vttm_vram *vttm_vram_from_man(struct ttm_resource_manager *man)
{
	return container_of(man, struct vttm_vram, man);
}

static int vttm_vram_alloc_piece(struct vttm_vram *vram, u64 bytes,
				 unsigned long flags, struct list_head *blocks)
{
	LIST_HEAD(piece);
	int ret;

	lockdep_assert_held(&vram->lock);

	ret = gpu_buddy_alloc_blocks(&vram->mm, 0, vram->mm.size, bytes,
				     PAGE_SIZE, &piece, flags);
	if (!ret)
		list_splice_tail(&piece, blocks);
	return ret;
}

static int vttm_vram_alloc_blocks(struct vttm_vram *vram, u64 bytes,
				  struct list_head *blocks)
{
	unsigned long flags = 0;
	int ret = 0;
	u64 n;

	mutex_lock(&vram->lock);
	/* TTM asks twice before it evicts: do not cut what cannot be had. */
	if (bytes > vram->mm.avail)
		ret = -ENOSPC;
	for (; bytes && !ret; bytes -= n) {
		n = vram->piece_bytes ? min(bytes, vram->piece_bytes) : bytes;
		ret = vttm_vram_alloc_piece(vram, n, flags, blocks);
		flags ^= GPU_BUDDY_TOPDOWN_ALLOCATION;
	}
	if (ret)
		gpu_buddy_free_list(&vram->mm, blocks, 0);
	mutex_unlock(&vram->lock);
	return ret;
}

static int vttm_vram_alloc(struct ttm_resource_manager *man,
			   struct ttm_buffer_object *bo,
			   const struct ttm_place *place,
			   struct ttm_resource **res)
{
	struct vttm_vram *vram = vttm_vram_from_man(man);
	struct vttm_vram_res *vres = kzalloc(sizeof(*vres), GFP_KERNEL);
	int ret;

	if (!vres)
		return -ENOMEM;

	INIT_LIST_HEAD(&vres->blocks);
	ttm_resource_init(bo, place, &vres->base);
	ret = vttm_vram_alloc_blocks(vram, ttm_move_resource_bytes(&vres->base), &vres->blocks);
	if (ret) {
		ttm_resource_fini(man, &vres->base);
		kfree(vres);
		return ret;
	}
	*res = &vres->base;
	return 0;
}

static void vttm_vram_free(struct ttm_resource_manager *man,
			   struct ttm_resource *res)
{
	struct vttm_vram_res *vres = container_of(res, typeof(*vres), base);
	struct vttm_vram *vram = vttm_vram_from_man(man);

	mutex_lock(&vram->lock);
	gpu_buddy_free_list(&vram->mm, &vres->blocks, 0);
	mutex_unlock(&vram->lock);
	ttm_resource_fini(man, res);
	kfree(vres);
}

static const struct ttm_resource_manager_func vttm_vram_func = {
	.alloc = vttm_vram_alloc,
	.free = vttm_vram_free,
};

static int vttm_vram_init_buddy(struct vttm_device *vdev, u64 piece_bytes)
{
	struct vttm_vram *vram = &vdev->vram;
	int ret;

	ret = gpu_buddy_init(&vram->mm, vdev->vram_bytes, PAGE_SIZE);
	if (ret)
		return ret;

	mutex_init(&vram->lock);
	vram->piece_bytes = piece_bytes;
	vram->man.func = &vttm_vram_func;
	ttm_resource_manager_init(&vram->man, &vdev->bdev, vdev->vram_bytes);
	ttm_set_driver_manager(&vdev->bdev, TTM_PL_VRAM, &vram->man);
	ttm_resource_manager_set_used(&vram->man, true);
	return 0;
}

int vttm_vram_init(struct vttm_device *vdev, u64 piece_bytes)
{
	if (vdev->use_buddy)
		return vttm_vram_init_buddy(vdev, piece_bytes);
	return ttm_range_man_init(&vdev->bdev, TTM_PL_VRAM, false,
				  vdev->vram_bytes >> PAGE_SHIFT);
}

static void vttm_vram_fini_buddy(struct vttm_device *vdev)
{
	struct vttm_vram *vram = &vdev->vram;

	ttm_resource_manager_set_used(&vram->man, false);
	WARN_ON(ttm_resource_manager_evict_all(&vdev->bdev, &vram->man));
	ttm_set_driver_manager(&vdev->bdev, TTM_PL_VRAM, NULL);
	ttm_resource_manager_cleanup(&vram->man);
	gpu_buddy_fini(&vram->mm);
	mutex_destroy(&vram->lock);
}

/* Every object is gone. */
void vttm_vram_fini(struct vttm_device *vdev)
{
	if (vdev->use_buddy)
		vttm_vram_fini_buddy(vdev);
	else
		ttm_range_man_fini(&vdev->bdev, TTM_PL_VRAM);
}

/* The list of blocks of @res, or NULL if it is contiguous by nature. */
struct vttm_vram_res *vttm_vram_res(struct vttm_device *vdev,
				    struct ttm_resource *res)
{
	return vdev->use_buddy && res->mem_type == TTM_PL_VRAM ?
	       container_of(res, struct vttm_vram_res, base) : NULL;
}

/* Where in video memory the byte at @offset of @res is. */
u64 vttm_vram_offset(struct vttm_device *vdev, struct ttm_resource *res,
		     u64 offset)
{
	struct vttm_vram_res *vres = vttm_vram_res(vdev, res);
	struct gpu_buddy_block *block;
	u64 bytes;

	if (!vres)
		return ((u64)res->start << PAGE_SHIFT) + offset;

	list_for_each_entry(block, &vres->blocks, link) {
		bytes = gpu_buddy_block_size(&vdev->vram.mm, block);
		if (offset < bytes)
			return gpu_buddy_block_offset(block) + offset;
		offset -= bytes;
	}
	WARN_ONCE(1, "offset beyond the end of an object");
	return 0;
}

unsigned int vttm_vram_num_runs(struct vttm_device *vdev,
				struct ttm_resource *res)
{
	struct ttm_move_mem mem;

	if (res->mem_type != TTM_PL_VRAM)
		return 0;
	vttm_init_mem(&vdev->mdev, NULL, res, &mem);
	return ttm_move_mem_num_runs(&mem);
}
