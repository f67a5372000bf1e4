// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Scenes: each a kind of move, with users of the objects that it has to wait for.
 */
#include "ttm_move_kunit.h"

/* What has room for all in the end, and that TTM needs pages of every order for. */
#define MVT_SCENE_PAGES	(MVT_VRAM_PAGES / 2 - 1)

/* What there is before */

static void mvt_setup_none(struct mvt *fx, struct mvt_stage *stage)
{
}

static struct mvt_bo *mvt_setup_used(struct mvt *fx, unsigned int pages,
				     u32 mem_type)
{
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, pages, mem_type);

	mvt_bo_add_users(fx, mbo);
	return mbo;
}

static void mvt_setup_full(struct mvt *fx, struct mvt_stage *stage)
{
	stage->old = mvt_setup_used(fx, MVT_VRAM_PAGES, TTM_PL_VRAM);
}

static void mvt_setup_in_system(struct mvt *fx, struct mvt_stage *stage)
{
	stage->mbo = mvt_setup_used(fx, MVT_SCENE_PAGES, TTM_PL_SYSTEM);
}

static void mvt_setup_in_tt(struct mvt *fx, struct mvt_stage *stage)
{
	stage->mbo = mvt_setup_used(fx, MVT_SCENE_PAGES, TTM_PL_TT);
}

static void mvt_setup_in_vram(struct mvt *fx, struct mvt_stage *stage)
{
	stage->mbo = mvt_setup_used(fx, MVT_SCENE_PAGES, TTM_PL_VRAM);
}

static void mvt_setup_eviction(struct mvt *fx, struct mvt_stage *stage)
{
	mvt_setup_full(fx, stage);
	mvt_setup_in_system(fx, stage);
}

/* The memory that is to be evicted is still being moved into. */
static void mvt_setup_eviction_of_moving(struct mvt *fx, struct mvt_stage *stage)
{
	stage->old = mvt_setup_used(fx, MVT_VRAM_PAGES, TTM_PL_SYSTEM);
	mvt_setup_in_system(fx, stage);
	mvt_bo_move(fx, stage->old, TTM_PL_VRAM);
}

static void mvt_setup_swapped(struct mvt *fx, struct mvt_stage *stage)
{
	struct ttm_operation_ctx ctx = {};

	stage->mbo = mvt_bo_create_filled(fx, MVT_SCENE_PAGES, TTM_PL_SYSTEM);
	KUNIT_EXPECT_GT(fx->test, ttm_device_swapout(&fx->bdev, &ctx, GFP_KERNEL),
			0);
	mvt_bo_add_users(fx, stage->mbo);
}

static void mvt_setup_untouched(struct mvt *fx, struct mvt_stage *stage)
{
	stage->mbo = mvt_bo_create(fx, MVT_SCENE_PAGES, ttm_bo_type_device,
				   TTM_PL_SYSTEM);
	mvt_bo_add_users(fx, stage->mbo);
}

/* Somebody else copies the one into the other, and the worker guards it. */
static void mvt_setup_blit(struct mvt *fx, struct mvt_stage *stage)
{
	stage->old = mvt_bo_create_filled(fx, MVT_SCENE_PAGES, TTM_PL_VRAM);
	mvt_setup_in_vram(fx, stage);
	stage->blit = mvt_fence_create(fx);
	mvt_fence_signal_when_awaited(stage->blit, fx->source, NULL);
}

static void mvt_setup_bad_blit(struct mvt *fx, struct mvt_stage *stage)
{
	mvt_setup_blit(fx, stage);
	dma_fence_set_error(&stage->blit->base, -EIO);
}

/* What happens */

static int mvt_act_create(struct mvt *fx, struct mvt_stage *stage)
{
	int ret;

	stage->mbo = mvt_bo_try_create(fx, MVT_SCENE_PAGES, ttm_bo_type_device,
				       TTM_PL_VRAM, &ret);
	return ret;
}

static int mvt_act_move(struct mvt *fx, struct mvt_stage *stage, u32 mem_type)
{
	struct ttm_operation_ctx ctx = {};

	return mvt_bo_try_move(fx, stage->mbo, mem_type, &ctx);
}

static int mvt_act_move_in(struct mvt *fx, struct mvt_stage *stage)
{
	return mvt_act_move(fx, stage, TTM_PL_VRAM);
}

static int mvt_act_move_out(struct mvt *fx, struct mvt_stage *stage)
{
	return mvt_act_move(fx, stage, TTM_PL_SYSTEM);
}

static int mvt_act_move_to_tt(struct mvt *fx, struct mvt_stage *stage)
{
	return mvt_act_move(fx, stage, TTM_PL_TT);
}

/* By a shrinker, in the context of reclaim. */
static int mvt_act_swapout(struct mvt *fx, struct mvt_stage *stage)
{
	unsigned int flags = mvt_context_enter(fx->context);
	struct ttm_operation_ctx ctx = {};
	int ret = ttm_device_swapout(&fx->bdev, &ctx, GFP_KERNEL);

	mvt_context_leave(fx->context, flags);
	if (!ret)
		return -EBUSY;
	return min(ret, 0);
}

static struct ttm_move_job *mvt_blit_job(struct mvt *fx, struct mvt_bo *mbo,
					 struct ttm_move_mem *dst,
					 struct ttm_move_mem *src)
{
	struct ttm_move_job *job;

	job = ttm_move_job_create(&fx->mdev, fx->mdev.evictions[TTM_PL_VRAM]);
	if (!job)
		return NULL;

	if (ttm_move_job_add_resv(job, mbo->base.base.resv,
				  DMA_RESV_USAGE_BOOKKEEP) ||
	    ttm_move_job_prepare(job) || ttm_move_mem_snapshot(dst) ||
	    ttm_move_mem_snapshot(src) ||
	    ttm_move_job_set_copy(job, dst, src, mbo->base.base.size)) {
		ttm_move_job_drop(job);
		return NULL;
	}
	return job;
}

static void mvt_blit_async(struct mvt *fx, struct mvt_stage *stage,
			   struct ttm_move_job *job)
{
	struct dma_fence *fence;

	ttm_move_job_add_guard(job, &stage->blit->base);
	fence = ttm_move_job_arm(job);
	dma_resv_add_fence(stage->mbo->base.base.resv, fence,
			   DMA_RESV_USAGE_KERNEL);
	dma_fence_put(fence);
}

/* As a driver does without memory for a job. */
static int mvt_blit_sync(struct mvt *fx, struct mvt_stage *stage,
			 struct ttm_move_mem *dst, struct ttm_move_mem *src)
{
	struct ttm_operation_ctx ctx = {};
	int ret = ttm_move_bo_wait(&fx->mdev, &stage->mbo->base, &ctx);

	dma_fence_wait(&stage->blit->base, false);
	if (!ret && stage->blit->base.error)
		ret = ttm_move_copy(dst, src, 0, stage->mbo->base.base.size);
	ttm_move_device_count_sync(&fx->mdev);
	return ret;
}

static int mvt_blit(struct mvt *fx, struct mvt_stage *stage)
{
	struct ttm_move_mem dst, src;
	struct ttm_move_job *job;
	int ret;

	ret = dma_resv_reserve_fences(stage->mbo->base.base.resv, 1);
	if (ret)
		return ret;

	fx->ops.init_mem(&fx->mdev, &stage->mbo->base, stage->mbo->base.resource,
			 &dst);
	fx->ops.init_mem(&fx->mdev, &stage->old->base, stage->old->base.resource,
			 &src);
	job = mvt_blit_job(fx, stage->mbo, &dst, &src);
	if (job)
		mvt_blit_async(fx, stage, job);
	else
		ret = mvt_blit_sync(fx, stage, &dst, &src);
	ttm_move_mem_fini(&dst);
	ttm_move_mem_fini(&src);
	return ret;
}

static int mvt_act_blit(struct mvt *fx, struct mvt_stage *stage)
{
	unsigned int flags;
	int ret;

	mvt_bo_reserve(fx, stage->mbo);
	flags = mvt_context_enter(fx->context);
	ret = mvt_blit(fx, stage);
	mvt_context_leave(fx->context, flags);
	ttm_bo_unreserve(&stage->mbo->base);
	return ret;
}

/* Only what somebody else did not copy is copied. */
static int mvt_act_bad_blit(struct mvt *fx, struct mvt_stage *stage)
{
	int ret = mvt_act_blit(fx, stage);

	if (!ret)
		stage->mbo->pattern = stage->old->pattern;
	return ret;
}

static const struct mvt_scene mvt_scenes[] = {
	{ "create by eviction", MVT_EVICTION, mvt_setup_full, mvt_act_create },
	{ "move in by eviction", MVT_EVICTION, mvt_setup_eviction,
	  mvt_act_move_in },
	{ "evict while moving in", MVT_EVICTION, mvt_setup_eviction_of_moving,
	  mvt_act_move_in },
	{ "move in", MVT_ORDINARY, mvt_setup_in_system, mvt_act_move_in },
	{ "move out", MVT_ORDINARY, mvt_setup_in_vram, mvt_act_move_out },
	{ "move in from swap", MVT_ORDINARY, mvt_setup_swapped,
	  mvt_act_move_in },
	{ "move to tt", MVT_ORDINARY, mvt_setup_in_system, mvt_act_move_to_tt },
	{ "swap out", MVT_ORDINARY, mvt_setup_in_tt, mvt_act_swapout },
	{ "create", MVT_CLEAR, mvt_setup_none, mvt_act_create },
	{ "move in untouched", MVT_CLEAR, mvt_setup_untouched,
	  mvt_act_move_in },
	{ "blit goes well", MVT_FAILSAFE, mvt_setup_blit, mvt_act_blit },
	{ "blit fails", MVT_FAILSAFE, mvt_setup_bad_blit, mvt_act_bad_blit },
};

/* From one scene to the next; from NULL to the first, and to NULL from the last. */
const struct mvt_scene *mvt_scene_next(const struct mvt_scene *scene)
{
	scene = scene ? scene + 1 : mvt_scenes;
	return scene < mvt_scenes + ARRAY_SIZE(mvt_scenes) ? scene : NULL;
}

static void mvt_stage_check(struct mvt *fx, struct mvt_bo *mbo)
{
	if (!mbo)
		return;

	mvt_bo_verify(fx, mbo);
	mvt_bo_put(mbo);
}

/* All bytes are right, and nothing is left: the next scene starts in empty memory. */
void mvt_stage_clear(struct mvt *fx, struct mvt_stage *stage)
{
	mvt_stage_check(fx, stage->mbo);
	mvt_stage_check(fx, stage->old);
	ttm_move_device_flush(&fx->mdev);
	KUNIT_EXPECT_TRUE(fx->test, list_empty(&fx->mdev.in_flight));
	flush_workqueue(fx->bdev.wq);
	KUNIT_EXPECT_EQ(fx->test, fx->vram.mm.avail, fx->vram.mm.size);
	mvt_check_counts(fx);
}
