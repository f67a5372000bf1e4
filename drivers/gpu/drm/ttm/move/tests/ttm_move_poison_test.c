// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A copy that meets memory which cannot be reached any more: what can be is zeroed, the
 * fence carries the error, and nobody else is affected.
 */
#include "ttm_move_kunit.h"

/**
 * struct mvt_poison - the piece of a memory that is poisoned
 * @clean: how the memory is mapped elsewhere
 * @ops: how it is mapped now
 * @start: offset in the memory, in bytes
 * @bytes: length
 * @bo: object whose video memory is poisoned
 *
 * There is one fixture at a time.
 */
static struct mvt_poison {
	const struct ttm_move_mem_ops *clean;
	struct ttm_move_mem_ops ops;
	u64 start;
	u64 bytes;
	struct ttm_buffer_object *bo;
} mvt_poison;

static ssize_t mvt_poison_map(struct ttm_move_iter *iter, u64 offset, size_t max,
			      struct iosys_map *map)
{
	if (offset >= mvt_poison.start &&
	    offset < mvt_poison.start + mvt_poison.bytes)
		return -EHWPOISON;
	if (offset < mvt_poison.start)
		max = min_t(u64, max, mvt_poison.start - offset);
	return mvt_poison.clean->map(iter, offset, max, map);
}

static void mvt_poison_mem(struct ttm_move_mem *mem)
{
	mvt_poison.clean = mem->ops;
	mvt_poison.ops = *mem->ops;
	mvt_poison.ops.map = mvt_poison_map;
	mem->ops = &mvt_poison.ops;
}

static void mvt_poison_page(unsigned int page)
{
	mvt_poison.start = (u64)page << PAGE_SHIFT;
	mvt_poison.bytes = PAGE_SIZE;
}

/* Jobs */

enum mvt_end {
	MVT_DST_END,
	MVT_SRC_END,
};

static struct ttm_move_job *mvt_poisoned_copy(struct mvt *fx, enum mvt_end end)
{
	struct ttm_move_job *job = mvt_job_create(fx);
	struct ttm_move_mem dst, src;

	mvt_vram_dirty(fx);
	mvt_pattern_fill(mvt_page(fx, MVT_SRC), MVT_PATTERN, 0, MVT_BYTES);
	mvt_linear(fx, &dst, MVT_DST);
	mvt_linear(fx, &src, MVT_SRC);
	mvt_poison_mem(end == MVT_DST_END ? &dst : &src);
	KUNIT_EXPECT_EQ(fx->test,
			ttm_move_job_set_copy(job, &dst, &src, MVT_BYTES), 0);
	return job;
}

static struct ttm_move_job *mvt_poisoned_clear(struct mvt *fx)
{
	struct ttm_move_job *job = mvt_job_create(fx);
	struct ttm_move_mem dst;

	mvt_vram_dirty(fx);
	mvt_linear(fx, &dst, MVT_DST);
	mvt_poison_mem(&dst);
	KUNIT_EXPECT_EQ(fx->test, ttm_move_job_set_clear(job, &dst, MVT_BYTES),
			0);
	return job;
}

static const size_t mvt_poisoned_bytes[] = {
	0, 1, PAGE_SIZE / 2, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1,
	2 * PAGE_SIZE, MVT_BYTES - PAGE_SIZE, MVT_BYTES - 1,
};

/* What was copied before it is not left there either. */
static void ttm_move_poison_in_source_leaves_zeroes(struct kunit *test)
{
	struct mvt *fx = test->priv;
	unsigned int i;

	mvt_poison.bytes = 1;
	for (i = 0; i < ARRAY_SIZE(mvt_poisoned_bytes); i++) {
		mvt_poison.start = mvt_poisoned_bytes[i];
		mvt_expect_done(fx, ttm_move_job_arm(mvt_poisoned_copy(fx, MVT_SRC_END)),
				-EHWPOISON);
		mvt_expect_zeroes(fx);
	}
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, i);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).copied_bytes, 0);
}

/* All but the page that cannot be written. */
static void mvt_expect_zeroes_around(struct mvt *fx, unsigned int poisoned)
{
	unsigned int i;

	for (i = 0; i < MVT_PAGES; i++)
		KUNIT_EXPECT_TRUE(fx->test,
				  mvt_is_filled_with(mvt_page(fx, MVT_DST + i),
						     i == poisoned ? MVT_DIRT : 0,
						     PAGE_SIZE));
}

static void ttm_move_poison_in_destination_is_skipped(struct kunit *test)
{
	struct mvt *fx = test->priv;
	unsigned int page;

	for (page = 0; page < MVT_PAGES; page++) {
		mvt_poison_page(page);
		mvt_expect_done(fx, ttm_move_job_arm(mvt_poisoned_copy(fx, MVT_DST_END)),
				-EHWPOISON);
		mvt_expect_zeroes_around(fx, page);
		mvt_expect_done(fx, ttm_move_job_arm(mvt_poisoned_clear(fx)),
				-EHWPOISON);
		mvt_expect_zeroes_around(fx, page);
	}
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, 2 * MVT_PAGES);
}

/* Where somebody else has copied, nobody looks. */
static void ttm_move_poison_stops_a_failsafe_job(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *good = mvt_fence_create(fx);
	struct mvt_fence *bad = mvt_fence_create(fx);
	struct ttm_move_job *job;

	mvt_poison_page(1);
	mvt_fence_signal_error(bad, -EIO);
	job = mvt_poisoned_copy(fx, MVT_SRC_END);
	ttm_move_job_add_guard(job, &bad->base);
	mvt_expect_done(fx, ttm_move_job_arm(job), -EHWPOISON);
	mvt_expect_zeroes(fx);

	mvt_fence_signal(good);
	job = mvt_poisoned_copy(fx, MVT_SRC_END);
	ttm_move_job_add_guard(job, &good->base);
	mvt_expect_done(fx, ttm_move_job_arm(job), 1);
	mvt_expect_untouched(fx);
}

/* Objects */

#define MVT_POISON_PAGES	(MVT_VRAM_PAGES / 4)

/* Contiguous memory, so that an offset in the object is one in the memory. */
static int mvt_poison_init_mem(struct ttm_move_device *mdev,
			       struct ttm_buffer_object *bo,
			       struct ttm_resource *res, struct ttm_move_mem *mem)
{
	struct mvt *fx = mdev->priv;

	ttm_move_mem_init_linear(mem, &fx->aperture,
				 mvt_vram_addr(fx, res, 0) - fx->vram.vaddr,
				 res->size);
	if (bo == mvt_poison.bo)
		mvt_poison_mem(mem);
	return 0;
}

static const unsigned int mvt_poisoned_pages[] = {
	0, 1, MVT_POISON_PAGES / 2, MVT_POISON_PAGES - 1,
};

static void mvt_poison_page_desc(const unsigned int *page, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "page %u", *page);
}

KUNIT_ARRAY_PARAM(mvt_poisoned_page, mvt_poisoned_pages, mvt_poison_page_desc);

/* An object, in @mem_type, whose video memory is poisoned, now or later. */
static struct mvt_bo *mvt_poisoned_bo(struct mvt *fx, u32 mem_type)
{
	const unsigned int *page = fx->test->param_value;
	struct mvt_bo *mbo;

	mvt_poison.bo = NULL;
	fx->ops.init_mem = mvt_poison_init_mem;
	mbo = mvt_bo_create_filled(fx, MVT_POISON_PAGES, mem_type);
	mvt_poison_page(*page);
	mvt_poison.bo = &mbo->base;
	return mbo;
}

static void mvt_expect_poisoned(struct mvt *fx, struct mvt_bo *mbo)
{
	struct dma_fence *fence = mvt_bo_move_fence(fx, mbo);

	mvt_wait(fx, fence);
	KUNIT_EXPECT_EQ(fx->test, dma_fence_get_status(fence), -EHWPOISON);
	KUNIT_EXPECT_EQ(fx->test, mvt_stats(fx).errors, 1);
	dma_fence_put(fence);
}

static void ttm_move_poison_moved_out_leaves_zeroes(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_poisoned_bo(fx, TTM_PL_VRAM);

	mvt_bo_move(fx, mbo, TTM_PL_SYSTEM);
	mvt_expect_poisoned(fx, mbo);
	mbo->pattern = 0;
	mvt_bo_verify(fx, mbo);
}

/* Who gets the memory next has nothing to do with it. */
static void ttm_move_poison_evicted_leaves_zeroes(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *old = mvt_poisoned_bo(fx, TTM_PL_VRAM);
	struct mvt_bo *new = mvt_bo_create_filled(fx, MVT_VRAM_PAGES,
						  TTM_PL_SYSTEM);

	mvt_bo_move(fx, new, TTM_PL_VRAM);
	mvt_expect_poisoned(fx, old);
	old->pattern = 0;
	mvt_bo_verify(fx, old);
	mvt_bo_verify(fx, new);
}

static void ttm_move_poison_moved_in_leaves_zeroes(struct kunit *test)
{
	const unsigned int *page = test->param_value;
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_poisoned_bo(fx, TTM_PL_SYSTEM);
	void *poisoned;

	mvt_vram_dirty(fx);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	mvt_expect_poisoned(fx, mbo);
	poisoned = mvt_vram_addr(fx, mbo->base.resource,
				 (size_t)*page << PAGE_SHIFT);
	KUNIT_EXPECT_TRUE(test, mvt_is_filled_with(poisoned, MVT_DIRT, PAGE_SIZE));

	/* Nobody could write that page: put it right to look at the others. */
	memset(poisoned, 0, PAGE_SIZE);
	mbo->pattern = 0;
	mvt_bo_verify(fx, mbo);
}

/* Without a job there is still a way back: nothing is moved, and nothing lost. */
static void mvt_expect_poison_refuses(struct mvt *fx, struct mvt_bo *poisoned,
				      struct mvt_bo *mbo, u32 mem_type)
{
	struct ttm_resource *res = poisoned->base.resource;
	struct ttm_operation_ctx ctx = {};

	fx->allocs.fail_all = true;
	KUNIT_EXPECT_EQ(fx->test, mvt_bo_try_move(fx, mbo, mem_type, &ctx),
			-EHWPOISON);
	mvt_allocs_reset(fx);
	KUNIT_EXPECT_PTR_EQ(fx->test, poisoned->base.resource, res);
	mvt_bo_verify(fx, poisoned);
	mvt_bo_verify(fx, mbo);
	KUNIT_EXPECT_EQ(fx->test, mvt_stats(fx).sync_moves, 0);
}

static void ttm_move_poison_refuses_to_move_out(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_poisoned_bo(fx, TTM_PL_VRAM);

	mvt_expect_poison_refuses(fx, mbo, mbo, TTM_PL_SYSTEM);
}

static void ttm_move_poison_refuses_to_move_in(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_poisoned_bo(fx, TTM_PL_SYSTEM);

	mvt_expect_poison_refuses(fx, mbo, mbo, TTM_PL_VRAM);
}

static void ttm_move_poison_refuses_to_evict(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *old = mvt_poisoned_bo(fx, TTM_PL_VRAM);
	struct mvt_bo *new = mvt_bo_create_filled(fx, MVT_VRAM_PAGES,
						  TTM_PL_SYSTEM);

	mvt_expect_poison_refuses(fx, old, new, TTM_PL_VRAM);
}

static struct kunit_case ttm_move_poison_cases[] = {
	KUNIT_CASE(ttm_move_poison_in_source_leaves_zeroes),
	KUNIT_CASE(ttm_move_poison_in_destination_is_skipped),
	KUNIT_CASE(ttm_move_poison_stops_a_failsafe_job),
	KUNIT_CASE_PARAM(ttm_move_poison_moved_out_leaves_zeroes,
			 mvt_poisoned_page_gen_params),
	KUNIT_CASE_PARAM(ttm_move_poison_evicted_leaves_zeroes,
			 mvt_poisoned_page_gen_params),
	KUNIT_CASE_PARAM(ttm_move_poison_moved_in_leaves_zeroes,
			 mvt_poisoned_page_gen_params),
	KUNIT_CASE_PARAM(ttm_move_poison_refuses_to_move_out,
			 mvt_poisoned_page_gen_params),
	KUNIT_CASE_PARAM(ttm_move_poison_refuses_to_move_in,
			 mvt_poisoned_page_gen_params),
	KUNIT_CASE_PARAM(ttm_move_poison_refuses_to_evict,
			 mvt_poisoned_page_gen_params),
	{ }
};

static struct kunit_suite ttm_move_poison_suite = {
	.name = "ttm_move_poison",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_poison_cases,
};

kunit_test_suite(ttm_move_poison_suite);
