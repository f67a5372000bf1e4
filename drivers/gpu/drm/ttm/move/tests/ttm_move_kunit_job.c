// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Jobs between two places in video memory, and what became of the destination.
 */
#include <linux/iopoll.h>

#include "ttm_move_kunit.h"

void *mvt_page(struct mvt *fx, unsigned int page)
{
	return fx->vram.vaddr + ((size_t)page << PAGE_SHIFT);
}

void mvt_linear(struct mvt *fx, struct ttm_move_mem *mem, unsigned int page)
{
	ttm_move_mem_init_linear(mem, &fx->aperture, (u64)page << PAGE_SHIFT,
				 MVT_BYTES);
}

struct ttm_move_job *mvt_job_create(struct mvt *fx)
{
	struct ttm_move_job *job = ttm_move_job_create(&fx->mdev, NULL);

	KUNIT_ASSERT_NOT_NULL(fx->test, job);
	return job;
}

void mvt_job_set_copy(struct mvt *fx, struct ttm_move_job *job)
{
	struct ttm_move_mem dst, src;

	mvt_linear(fx, &dst, MVT_DST);
	mvt_linear(fx, &src, MVT_SRC);
	KUNIT_EXPECT_EQ(fx->test,
			ttm_move_job_set_copy(job, &dst, &src, MVT_BYTES), 0);
}

void mvt_job_set_clear(struct mvt *fx, struct ttm_move_job *job)
{
	struct ttm_move_mem dst;

	mvt_linear(fx, &dst, MVT_DST);
	KUNIT_EXPECT_EQ(fx->test, ttm_move_job_set_clear(job, &dst, MVT_BYTES),
			0);
}

/* A job that copies a known source to a destination full of dirt. */
struct ttm_move_job *mvt_copy_create(struct mvt *fx)
{
	struct ttm_move_job *job = mvt_job_create(fx);

	mvt_vram_dirty(fx);
	mvt_pattern_fill(mvt_page(fx, MVT_SRC), MVT_PATTERN, 0, MVT_BYTES);
	mvt_job_set_copy(fx, job);
	return job;
}

/* A job that does nothing but wait. */
struct dma_fence *mvt_arm_after(struct mvt *fx, struct dma_fence *dep)
{
	struct ttm_move_job *job = mvt_job_create(fx);

	ttm_move_job_add_dependency(job, dep);
	return ttm_move_job_arm(job);
}

/* Nothing beside the destination was written. */
static void mvt_expect_guards(struct mvt *fx)
{
	void *after = mvt_page(fx, MVT_DST + MVT_PAGES);
	void *before = mvt_page(fx, MVT_DST - 1);

	KUNIT_EXPECT_TRUE(fx->test,
			  mvt_is_filled_with(before, MVT_DIRT, PAGE_SIZE));
	KUNIT_EXPECT_TRUE(fx->test,
			  mvt_is_filled_with(after, MVT_DIRT, PAGE_SIZE));
}

void mvt_expect_copied(struct mvt *fx)
{
	KUNIT_EXPECT_TRUE(fx->test,
			  mvt_pattern_matches(mvt_page(fx, MVT_DST),
					      MVT_PATTERN, 0, MVT_BYTES));
	mvt_expect_guards(fx);
}

static void mvt_expect_full_of(struct mvt *fx, u8 byte)
{
	KUNIT_EXPECT_TRUE(fx->test,
			  mvt_is_filled_with(mvt_page(fx, MVT_DST), byte,
					     MVT_BYTES));
	mvt_expect_guards(fx);
}

void mvt_expect_untouched(struct mvt *fx)
{
	mvt_expect_full_of(fx, MVT_DIRT);
}

void mvt_expect_zeroes(struct mvt *fx)
{
	mvt_expect_full_of(fx, 0);
}

static bool mvt_have_begun(struct mvt *fx, unsigned int num)
{
	return atomic_read(&fx->hooks.began) >= num;
}

/* Returns when so many copies have been begun since the test did. */
void mvt_wait_until_begun(struct mvt *fx, unsigned int num)
{
	bool begun;

	KUNIT_EXPECT_EQ(fx->test,
			read_poll_timeout(mvt_have_begun, begun, begun, 1000,
					  10 * USEC_PER_SEC, false, fx, num), 0);
}

/* Given all the chances there are, the job has not begun. */
void mvt_expect_waiting(struct mvt *fx, struct dma_fence *fence)
{
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(fx->test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(fx->test, ttm_move_job_from_fence(fence)->state,
			TTM_MOVE_WAITING);
	mvt_expect_untouched(fx);
}

/* The job is done, with nothing left to happen; drops @fence. */
void mvt_expect_done(struct mvt *fx, struct dma_fence *fence, int status)
{
	mvt_settle(fx);
	KUNIT_EXPECT_EQ(fx->test, dma_fence_get_status(fence), status);
	dma_fence_put(fence);
}
