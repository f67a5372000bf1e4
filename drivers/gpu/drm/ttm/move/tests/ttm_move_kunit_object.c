// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects whose every byte is known.
 */
#include <linux/highmem.h>
#include <linux/slab.h>

#include <drm/drm_gem.h>
#include <drm/ttm/ttm_tt.h>

#include "ttm_move_kunit.h"

/* Patterns: no two words of an object are the same, nor those of two objects */

static u32 mvt_pattern_word(u32 pattern, size_t offset)
{
	return pattern ? pattern ^ (u32)(offset / sizeof(u32)) : 0;
}

void mvt_pattern_fill(void *vaddr, u32 pattern, size_t offset, size_t bytes)
{
	u32 *word = vaddr;
	size_t i;

	for (i = 0; i < bytes; i += sizeof(*word))
		*word++ = mvt_pattern_word(pattern, offset + i);
}

bool mvt_pattern_matches(const void *vaddr, u32 pattern, size_t offset,
			 size_t bytes)
{
	const u32 *word = vaddr;
	size_t i;

	for (i = 0; i < bytes; i += sizeof(*word))
		if (*word++ != mvt_pattern_word(pattern, offset + i))
			return false;
	return true;
}

bool mvt_is_filled_with(const void *vaddr, u8 byte, size_t bytes)
{
	return !memchr_inv(vaddr, byte, bytes);
}

/* Leaves room for the offset of a word in a large object. */
u32 mvt_pattern_new(struct mvt *fx)
{
	return ++fx->last_pattern << 20;
}

/* Creation */

static void mvt_bo_destroy(struct ttm_buffer_object *bo)
{
	atomic_dec(&mvt_from_bdev(bo->bdev)->counts.bos);
	drm_gem_object_release(&bo->base);
	kfree(container_of(bo, struct mvt_bo, base));
}

struct mvt_bo *mvt_bo_try_create(struct mvt *fx, unsigned int pages,
				 enum ttm_bo_type type, u32 mem_type, int *err)
{
	struct ttm_operation_ctx ctx = {};
	struct ttm_place place = { .mem_type = mem_type };
	struct ttm_placement placement = { 1, &place };
	struct mvt_bo *mbo = kzalloc(sizeof(*mbo), GFP_KERNEL);
	unsigned int flags;

	*err = -ENOMEM;
	if (!mbo)
		return NULL;

	atomic_inc(&fx->counts.bos);
	drm_gem_private_object_init(fx->drm, &mbo->base.base,
				    (size_t)pages << PAGE_SHIFT);
	flags = mvt_context_enter(fx->context);
	*err = ttm_bo_init_reserved(&fx->bdev, &mbo->base, type, &placement, 0,
				    &ctx, NULL, NULL, mvt_bo_destroy);
	mvt_context_leave(fx->context, flags);
	if (*err)
		return NULL;

	ttm_bo_unreserve(&mbo->base);
	list_add_tail(&mbo->link, &fx->bos);
	return mbo;
}

struct mvt_bo *mvt_bo_create(struct mvt *fx, unsigned int pages,
			     enum ttm_bo_type type, u32 mem_type)
{
	struct mvt_bo *mbo;
	int err;

	mbo = mvt_bo_try_create(fx, pages, type, mem_type, &err);
	KUNIT_ASSERT_EQ(fx->test, err, 0);
	return mbo;
}

struct mvt_bo *mvt_bo_create_filled(struct mvt *fx, unsigned int pages,
				    u32 mem_type)
{
	struct mvt_bo *mbo = mvt_bo_create(fx, pages, ttm_bo_type_device,
					   mem_type);

	mvt_bo_fill(fx, mbo, mvt_pattern_new(fx));
	return mbo;
}

void mvt_bo_put(struct mvt_bo *mbo)
{
	list_del(&mbo->link);
	ttm_bo_put(&mbo->base);
}

void mvt_bo_reserve(struct mvt *fx, struct mvt_bo *mbo)
{
	KUNIT_EXPECT_EQ(fx->test,
			ttm_bo_reserve(&mbo->base, false, false, NULL), 0);
}

/* A fence that the worker forgot must not keep the tests that follow from running. */
static void mvt_bo_signal_all(struct mvt_bo *mbo)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_for_each_fence(&cursor, mbo->base.base.resv,
				DMA_RESV_USAGE_BOOKKEEP, fence)
		dma_fence_signal(fence);
}

/* With everybody gone who used them, all objects become idle by themselves. */
void mvt_bos_put(struct mvt *fx)
{
	struct mvt_bo *mbo, *next;

	list_for_each_entry_safe(mbo, next, &fx->bos, link) {
		mvt_bo_wait(fx, mbo);
		mvt_bo_reserve(fx, mbo);
		mvt_bo_signal_all(mbo);
		ttm_bo_unreserve(&mbo->base);
		mvt_bo_put(mbo);
	}
}

/* Access by the CPU */

static void *mvt_bo_vram_page(struct mvt *fx, struct mvt_bo *mbo,
			      unsigned int i)
{
	struct ttm_resource *res = mbo->base.resource;

	if (!res || res->mem_type != TTM_PL_VRAM)
		return NULL;
	return mvt_vram_addr(fx, res, (size_t)i << PAGE_SHIFT);
}

static void mvt_bo_read_page(struct mvt *fx, struct mvt_bo *mbo, unsigned int i,
			     void *buf)
{
	void *vram = mvt_bo_vram_page(fx, mbo, i);

	if (vram)
		memcpy(buf, vram, PAGE_SIZE);
	else if (mbo->base.ttm && ttm_tt_is_populated(mbo->base.ttm))
		memcpy_from_page(buf, mbo->base.ttm->pages[i], 0, PAGE_SIZE);
	else
		memset(buf, 0, PAGE_SIZE);
}

static void mvt_bo_write_page(struct mvt *fx, struct mvt_bo *mbo,
			      unsigned int i, const void *buf)
{
	void *vram = mvt_bo_vram_page(fx, mbo, i);

	if (vram)
		memcpy(vram, buf, PAGE_SIZE);
	else
		memcpy_to_page(mbo->base.ttm->pages[i], 0, buf, PAGE_SIZE);
}

static int mvt_bo_populate(struct mvt_bo *mbo)
{
	struct ttm_operation_ctx ctx = {};

	if (mbo->base.resource->mem_type == TTM_PL_VRAM)
		return 0;
	return ttm_tt_populate(mbo->base.bdev, mbo->base.ttm, &ctx);
}

void mvt_bo_fill(struct mvt *fx, struct mvt_bo *mbo, u32 pattern)
{
	size_t offset, bytes = mbo->base.base.size;
	void *buf = kunit_kmalloc(fx->test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, buf);
	mvt_bo_wait(fx, mbo);
	mvt_bo_reserve(fx, mbo);
	KUNIT_EXPECT_EQ(fx->test, mvt_bo_populate(mbo), 0);
	for (offset = 0; offset < bytes; offset += PAGE_SIZE) {
		mvt_pattern_fill(buf, pattern, offset, PAGE_SIZE);
		mvt_bo_write_page(fx, mbo, offset >> PAGE_SHIFT, buf);
	}
	mbo->pattern = pattern;
	ttm_bo_unreserve(&mbo->base);
	kunit_kfree(fx->test, buf);
}

/* What was swapped out comes back. */
static void mvt_bo_swap_in(struct mvt *fx, struct mvt_bo *mbo)
{
	struct ttm_tt *tt = mbo->base.ttm;
	struct ttm_operation_ctx ctx = {};

	if (tt && (tt->page_flags & TTM_TT_FLAG_SWAPPED))
		KUNIT_EXPECT_EQ(fx->test,
				ttm_tt_populate(mbo->base.bdev, tt, &ctx), 0);
}

/* Every byte, once all moves are done. */
void mvt_bo_verify(struct mvt *fx, struct mvt_bo *mbo)
{
	size_t offset, bad = 0, bytes = mbo->base.base.size;
	void *buf = kunit_kmalloc(fx->test, PAGE_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, buf);
	mvt_bo_wait(fx, mbo);
	mvt_bo_reserve(fx, mbo);
	mvt_bo_swap_in(fx, mbo);
	for (offset = 0; offset < bytes; offset += PAGE_SIZE) {
		mvt_bo_read_page(fx, mbo, offset >> PAGE_SHIFT, buf);
		bad += !mvt_pattern_matches(buf, mbo->pattern, offset,
					    PAGE_SIZE);
	}
	ttm_bo_unreserve(&mbo->base);
	KUNIT_EXPECT_EQ_MSG(fx->test, bad, 0, "pages differ from pattern %x",
			    mbo->pattern);
	kunit_kfree(fx->test, buf);
}

/* Moves */

void mvt_bo_wait(struct mvt *fx, struct mvt_bo *mbo)
{
	KUNIT_EXPECT_GT(fx->test,
			dma_resv_wait_timeout(mbo->base.base.resv,
					      DMA_RESV_USAGE_BOOKKEEP, false,
					      10 * HZ), 0);
}

bool mvt_bo_is_idle(struct mvt_bo *mbo)
{
	return dma_resv_test_signaled(mbo->base.base.resv,
				      DMA_RESV_USAGE_KERNEL);
}

int mvt_bo_try_move(struct mvt *fx, struct mvt_bo *mbo, u32 mem_type,
		    struct ttm_operation_ctx *ctx)
{
	struct ttm_place place = { .mem_type = mem_type };
	struct ttm_placement placement = { 1, &place };
	unsigned int flags;
	int ret;

	mvt_bo_reserve(fx, mbo);
	flags = mvt_context_enter(fx->context);
	ret = ttm_bo_validate(&mbo->base, &placement, ctx);
	mvt_context_leave(fx->context, flags);
	ttm_bo_unreserve(&mbo->base);
	return ret;
}

/* Of the eviction that the manager hands to whoever gets its memory next. */
static u64 mvt_man_move_context(struct ttm_resource_manager *man)
{
	u64 context;

	spin_lock(&man->move_lock);
	context = man->move ? man->move->context : 0;
	spin_unlock(&man->move_lock);
	return context;
}

/* What one manager remembers of its evictions is always of one context. */
static void mvt_check_man_move(struct mvt *fx)
{
	u64 context = mvt_man_move_context(&fx->vram.man);

	if (context)
		KUNIT_EXPECT_EQ(fx->test, context,
				fx->mdev.evictions[TTM_PL_VRAM]->context);
}

void mvt_bo_move(struct mvt *fx, struct mvt_bo *mbo, u32 mem_type)
{
	struct ttm_operation_ctx ctx = {};
	int ret = mvt_bo_try_move(fx, mbo, mem_type, &ctx);

	/* TTM finds no room in a ghost that is just being deleted. */
	if (ret == -ENOMEM) {
		flush_workqueue(fx->bdev.wq);
		ret = mvt_bo_try_move(fx, mbo, mem_type, &ctx);
	}
	KUNIT_ASSERT_EQ(fx->test, ret, 0);
	KUNIT_ASSERT_EQ(fx->test, mbo->base.resource->mem_type, mem_type);
	mvt_check_man_move(fx);
}

/* Somebody uses the object: no move may begin before. */
void mvt_bo_add_fence(struct mvt *fx, struct mvt_bo *mbo,
		      struct mvt_fence *fence)
{
	struct dma_resv *resv = mbo->base.base.resv;
	int ret;

	mvt_bo_reserve(fx, mbo);
	ret = dma_resv_reserve_fences(resv, 1);
	if (!ret)
		dma_resv_add_fence(resv, &fence->base, DMA_RESV_USAGE_BOOKKEEP);
	ttm_bo_unreserve(&mbo->base);
	KUNIT_ASSERT_EQ(fx->test, ret, 0);
}

/*
 * More than a job has space for; they signal when somebody is interested. Each second
 * one is a neighbour of the one before.
 */
void mvt_bo_add_users(struct mvt *fx, struct mvt_bo *mbo)
{
	struct mvt_fence *user, *last = NULL;
	unsigned int i;

	for (i = 0; i <= TTM_MOVE_INLINE_DEPS; i++) {
		user = mvt_fence_create(fx);
		if (fx->user_error)
			dma_fence_set_error(&user->base, fx->user_error);
		mvt_fence_signal_when_awaited(user, fx->source, last);
		mvt_bo_add_fence(fx, mbo, user);
		last = last ? NULL : user;
	}
}

static u64 mvt_fence_ticket(struct dma_fence *fence)
{
	struct ttm_move_job *job = fence ? ttm_move_job_from_fence(fence) : NULL;

	return job ? job->ticket : 0;
}

/* The fence of the object's last move, with a reference. */
struct dma_fence *mvt_bo_move_fence(struct mvt *fx, struct mvt_bo *mbo)
{
	struct dma_fence *fence, *last = NULL;
	struct dma_resv_iter cursor;

	mvt_bo_reserve(fx, mbo);
	dma_resv_for_each_fence(&cursor, mbo->base.base.resv,
				DMA_RESV_USAGE_KERNEL, fence)
		if (mvt_fence_ticket(fence) > mvt_fence_ticket(last))
			last = fence;
	dma_fence_get(last);
	ttm_bo_unreserve(&mbo->base);
	KUNIT_ASSERT_NOT_NULL(fx->test, last);
	return last;
}
