// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Whichever allocation fails on the way, TTM's own included: the move is made, or
 * refused with nothing changed, and no byte is lost.
 */
#include "ttm_move_kunit.h"

#define MVT_FAULT_PAGES	(MVT_VRAM_PAGES / 2)

static int mvt_fault_init(struct kunit *test)
{
	if (!mvt_failslab_enable(true))
		kunit_skip(test, "needs CONFIG_FAILSLAB and CONFIG_FAULT_INJECTION_DEBUG_FS");
	return mvt_init(test);
}

static void mvt_fault_exit(struct kunit *test)
{
	mvt_fail_nth(0);
	mvt_failslab_enable(false);
	mvt_exit(test);
}

/* What has room for all in the end, and nobody waits for anything. */
struct mvt_scene {
	struct mvt_bo *old;
	struct mvt_bo *mbo;
};

struct mvt_fault {
	const char *name;
	void (*setup)(struct mvt *fx, struct mvt_scene *scene);
	int (*move)(struct mvt *fx, struct mvt_scene *scene);
};

static void mvt_setup_none(struct mvt *fx, struct mvt_scene *scene)
{
}

static void mvt_setup_full(struct mvt *fx, struct mvt_scene *scene)
{
	scene->old = mvt_bo_create_filled(fx, MVT_VRAM_PAGES, TTM_PL_VRAM);
	mvt_bo_add_users(fx, scene->old);
}

static void mvt_setup_in_system(struct mvt *fx, struct mvt_scene *scene)
{
	scene->mbo = mvt_bo_create_filled(fx, MVT_FAULT_PAGES, TTM_PL_SYSTEM);
	mvt_bo_add_users(fx, scene->mbo);
}

static void mvt_setup_in_vram(struct mvt *fx, struct mvt_scene *scene)
{
	scene->mbo = mvt_bo_create_filled(fx, MVT_FAULT_PAGES, TTM_PL_VRAM);
	mvt_bo_add_users(fx, scene->mbo);
}

static void mvt_setup_eviction(struct mvt *fx, struct mvt_scene *scene)
{
	mvt_setup_full(fx, scene);
	mvt_setup_in_system(fx, scene);
}

static int mvt_fault_create(struct mvt *fx, struct mvt_scene *scene)
{
	int ret;

	scene->mbo = mvt_bo_try_create(fx, MVT_FAULT_PAGES, ttm_bo_type_device,
				       TTM_PL_VRAM, &ret);
	return ret;
}

static int mvt_fault_move(struct mvt *fx, struct mvt_scene *scene, u32 mem_type)
{
	struct ttm_operation_ctx ctx = {};

	return mvt_bo_try_move(fx, scene->mbo, mem_type, &ctx);
}

static int mvt_fault_move_in(struct mvt *fx, struct mvt_scene *scene)
{
	return mvt_fault_move(fx, scene, TTM_PL_VRAM);
}

static int mvt_fault_move_out(struct mvt *fx, struct mvt_scene *scene)
{
	return mvt_fault_move(fx, scene, TTM_PL_SYSTEM);
}

static const struct mvt_fault mvt_faults[] = {
	{ "create", mvt_setup_none, mvt_fault_create },
	{ "create_by_eviction", mvt_setup_full, mvt_fault_create },
	{ "move_in", mvt_setup_in_system, mvt_fault_move_in },
	{ "move_in_by_eviction", mvt_setup_eviction, mvt_fault_move_in },
	{ "move_out", mvt_setup_in_vram, mvt_fault_move_out },
};

KUNIT_ARRAY_PARAM_DESC(mvt_fault, mvt_faults, name);

/* What TTM says that it returns when memory is short, of either kind. */
static bool mvt_is_documented(int ret)
{
	return !ret || ret == -ENOMEM || ret == -ENOSPC || ret == -EBUSY;
}

static void mvt_scene_check(struct mvt *fx, struct mvt_bo *mbo)
{
	if (!mbo)
		return;

	mvt_bo_verify(fx, mbo);
	mvt_bo_put(mbo);
}

/* Nothing is left of the scene: the next one starts in an empty memory. */
static void mvt_scene_end(struct mvt *fx, struct mvt_scene *scene)
{
	mvt_scene_check(fx, scene->mbo);
	mvt_scene_check(fx, scene->old);
	ttm_move_device_flush(&fx->mdev);
	KUNIT_EXPECT_TRUE(fx->test, list_empty(&fx->mdev.in_flight));
	flush_workqueue(fx->bdev.wq);
	KUNIT_EXPECT_EQ(fx->test, fx->vram.mm.avail, fx->vram.mm.size);
}

/* Returns whether there was an allocation to fail. */
static bool mvt_fault_at(struct mvt *fx, const struct mvt_fault *fault,
			 unsigned int nth)
{
	struct mvt_scene scene = {};
	bool failed;
	int ret;

	fault->setup(fx, &scene);
	mvt_fail_nth(nth);
	ret = fault->move(fx, &scene);
	failed = !mvt_fail_left();
	mvt_fail_nth(0);

	KUNIT_EXPECT_TRUE_MSG(fx->test, mvt_is_documented(ret),
			      "allocation %u: %d", nth, ret);
	if (!failed)
		KUNIT_EXPECT_EQ(fx->test, ret, 0);
	mvt_scene_end(fx, &scene);
	return failed;
}

static void ttm_move_fault_at_each_allocation(struct kunit *test)
{
	struct mvt *fx = test->priv;
	unsigned int nth = 1;

	mvt_seed(fx);
	fx->vram.scattered = true;
	while (mvt_fault_at(fx, test->param_value, nth))
		nth++;
	kunit_info(test, "%u allocations failed", nth - 1);
	KUNIT_EXPECT_GT(test, nth, 2);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, 0);
	KUNIT_EXPECT_GT(test, mvt_stats(fx).sync_moves, 0);
}

static unsigned int mvt_count_allocs_of_arm(struct mvt *fx)
{
	struct ttm_move_job *job = ttm_move_job_create(&fx->mdev, NULL);
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence;
	unsigned int left;

	KUNIT_ASSERT_NOT_NULL(fx->test, job);
	ttm_move_job_add_dependency(job, &dep->base);
	mvt_fail_nth(INT_MAX);
	fence = ttm_move_job_arm(job);
	mvt_fence_signal(dep);
	left = mvt_fail_left();
	mvt_fail_nth(0);

	mvt_wait(fx, fence);
	dma_fence_put(fence);
	return INT_MAX - left;
}

static void ttm_move_fault_arm_allocates_nothing(struct kunit *test)
{
	struct mvt *fx = test->priv;
	unsigned int i, count = UINT_MAX;

	/* Debugging aids may allocate on their own, but not every time. */
	for (i = 0; i < 8; i++)
		count = min(count, mvt_count_allocs_of_arm(fx));
	KUNIT_EXPECT_EQ(test, count, 0);
}

static struct kunit_case ttm_move_fault_cases[] = {
	KUNIT_CASE_PARAM(ttm_move_fault_at_each_allocation,
			 mvt_fault_gen_params),
	KUNIT_CASE(ttm_move_fault_arm_allocates_nothing),
	{ }
};

static struct kunit_suite ttm_move_fault_suite = {
	.name = "ttm_move_fault",
	.init = mvt_fault_init,
	.exit = mvt_fault_exit,
	.test_cases = ttm_move_fault_cases,
};

kunit_test_suite(ttm_move_fault_suite);
