// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Video memory of the fixture: RAM, contiguous so that tests can make any layout of
 * it, managed by the buddy allocator.
 */
#include <linux/gfp.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "ttm_move_kunit.h"

static struct mvt_vram *mvt_vram_from_man(struct ttm_resource_manager *man)
{
	return container_of(man, struct mvt_vram, man);
}

static struct mvt_res *mvt_res_from_base(struct ttm_resource *res)
{
	return container_of(res, struct mvt_res, base);
}

/* Of a scattered resource: one to three pages, from either end. */
static u64 mvt_vram_piece(struct mvt *fx, u64 left, unsigned long *flags)
{
	if (!fx->vram.scattered)
		return left;

	*flags = mvt_below(fx, 2) ? GPU_BUDDY_TOPDOWN_ALLOCATION : 0;
	return min_t(u64, left, (u64)(1 + mvt_below(fx, 3)) << PAGE_SHIFT);
}

static int mvt_vram_alloc_blocks(struct mvt *fx, u64 left,
				 struct list_head *blocks)
{
	struct gpu_buddy *mm = &fx->vram.mm;
	unsigned long flags = 0;
	int ret = 0;
	u64 bytes;

	for (; left && !ret; left -= bytes) {
		LIST_HEAD(piece);

		bytes = mvt_vram_piece(fx, left, &flags);
		ret = gpu_buddy_alloc_blocks(mm, 0, mm->size, bytes, PAGE_SIZE,
					     &piece, flags);
		list_splice_tail(&piece, blocks);
	}
	if (ret)
		gpu_buddy_free_list(mm, blocks, 0);
	return ret;
}

/*
 * The buddy allocator does not survive a block that it fails to split, and is not
 * what is tested here: it gets the memory that it needs.
 */
static int mvt_vram_alloc_unfailing(struct mvt *fx, u64 bytes,
				    struct list_head *blocks)
{
	unsigned int left = mvt_fail_left();
	unsigned int flags;
	int ret;

	mvt_fail_nth(0);
	/* Memory is freed, with the lock held, in reclaim as well. */
	flags = memalloc_nofs_save();
	ret = mvt_vram_alloc_blocks(fx, bytes, blocks);
	memalloc_nofs_restore(flags);
	mvt_fail_nth(left);
	return ret;
}

static int mvt_vram_alloc(struct ttm_resource_manager *man,
			  struct ttm_buffer_object *bo,
			  const struct ttm_place *place,
			  struct ttm_resource **res)
{
	struct mvt_vram *vram = mvt_vram_from_man(man);
	struct mvt_res *mres = kzalloc(sizeof(*mres), GFP_KERNEL);
	int ret;

	if (!mres)
		return -ENOMEM;

	INIT_LIST_HEAD(&mres->blocks);
	ttm_resource_init(bo, place, &mres->base);
	mutex_lock(&vram->lock);
	ret = mvt_vram_alloc_unfailing(mvt_from_bdev(bo->bdev), mres->base.size,
				       &mres->blocks);
	mutex_unlock(&vram->lock);
	if (ret) {
		ttm_resource_fini(man, &mres->base);
		kfree(mres);
		return ret;
	}
	*res = &mres->base;
	return 0;
}

static void mvt_vram_free(struct ttm_resource_manager *man,
			  struct ttm_resource *res)
{
	struct mvt_vram *vram = mvt_vram_from_man(man);
	struct mvt_res *mres = mvt_res_from_base(res);

	ttm_resource_fini(man, res);
	mutex_lock(&vram->lock);
	gpu_buddy_free_list(&vram->mm, &mres->blocks, 0);
	list_add(&mres->grave, &vram->graves);
	mutex_unlock(&vram->lock);
}

static const struct ttm_resource_manager_func mvt_vram_func = {
	.alloc = mvt_vram_alloc,
	.free = mvt_vram_free,
};

/* Where the byte at @offset of @res is; NULL beyond its end. */
void *mvt_vram_addr(struct mvt *fx, struct ttm_resource *res, size_t offset)
{
	struct gpu_buddy_block *block;
	u64 bytes;

	list_for_each_entry(block, &mvt_res_from_base(res)->blocks, link) {
		bytes = gpu_buddy_block_size(&fx->vram.mm, block);
		if (offset < bytes)
			return fx->vram.vaddr + gpu_buddy_block_offset(block) +
			       offset;
		offset -= bytes;
	}
	return NULL;
}

void mvt_vram_dirty(struct mvt *fx)
{
	memset(fx->vram.vaddr, MVT_DIRT, MVT_VRAM_BYTES);
}

static void mvt_vram_init_aperture(struct mvt *fx)
{
	iosys_map_set_vaddr(&fx->aperture.map, fx->vram.vaddr);
	fx->aperture.bytes = MVT_VRAM_BYTES;
	fx->aperture.plain = true;
}

int mvt_vram_init(struct mvt *fx)
{
	struct mvt_vram *vram = &fx->vram;
	int ret;

	vram->vaddr = alloc_pages_exact(MVT_VRAM_BYTES, GFP_KERNEL);
	if (!vram->vaddr)
		return -ENOMEM;
	ret = gpu_buddy_init(&vram->mm, MVT_VRAM_BYTES, PAGE_SIZE);
	if (ret) {
		free_pages_exact(vram->vaddr, MVT_VRAM_BYTES);
		return ret;
	}

	mutex_init(&vram->lock);
	INIT_LIST_HEAD(&vram->graves);
	mvt_vram_dirty(fx);
	mvt_vram_init_aperture(fx);
	vram->man.func = &mvt_vram_func;
	ttm_resource_manager_init(&vram->man, &fx->bdev, MVT_VRAM_BYTES);
	ttm_set_driver_manager(&fx->bdev, TTM_PL_VRAM, &vram->man);
	ttm_resource_manager_set_used(&vram->man, true);
	return 0;
}

static void mvt_vram_free_graves(struct mvt_vram *vram)
{
	struct mvt_res *mres, *next;

	list_for_each_entry_safe(mres, next, &vram->graves, grave)
		kfree(mres);
}

/* All of it must have come back. */
void mvt_vram_fini(struct mvt *fx)
{
	struct mvt_vram *vram = &fx->vram;

	KUNIT_EXPECT_EQ(fx->test, ttm_resource_manager_usage(&vram->man), 0);
	KUNIT_EXPECT_EQ(fx->test, vram->mm.avail, vram->mm.size);

	ttm_resource_manager_set_used(&vram->man, false);
	ttm_set_driver_manager(&fx->bdev, TTM_PL_VRAM, NULL);
	ttm_resource_manager_cleanup(&vram->man);
	mvt_vram_free_graves(vram);
	gpu_buddy_fini(&vram->mm);
	mutex_destroy(&vram->lock);
	free_pages_exact(vram->vaddr, MVT_VRAM_BYTES);
}
