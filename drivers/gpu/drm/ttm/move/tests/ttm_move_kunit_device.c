// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fixture: a TTM device that moves with the worker, set up and torn down around
 * every test, and checked at the end of each.
 */
#include <linux/debug_locks.h>
#include <linux/highmem.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>

#include <drm/drm_drv.h>
#include <drm/drm_kunit_helpers.h>
#include <drm/ttm/ttm_range_manager.h>
#include <drm/ttm/ttm_tt.h>

#include "ttm_move_kunit.h"

static unsigned long seed;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "Seed of the random tests, 0 to choose one (default: 0)");

/* To be called first by every test that is random: says how to repeat it. */
void mvt_seed(struct mvt *fx)
{
	fx->seed = seed ?: get_random_u32() | 1;
	kunit_info(fx->test, "ttm_move_kunit.seed=%lu", fx->seed);
	mvt_reseed(fx);
}

/* What was random comes once more. */
void mvt_reseed(struct mvt *fx)
{
	prandom_seed_state(&fx->rnd, fx->seed);
}

u32 mvt_below(struct mvt *fx, u32 limit)
{
	return prandom_u32_state(&fx->rnd) % limit;
}

void mvt_shuffle(struct mvt *fx, unsigned int *order, unsigned int num)
{
	while (num > 1) {
		unsigned int i = mvt_below(fx, num--);

		swap(order[i], order[num]);
	}
}

static void mvt_reverse(unsigned int *first, unsigned int *last)
{
	while (first < last) {
		swap(*first, *last);
		first++;
		last--;
	}
}

/* From one order to the lexicographically next; false after the last one. */
bool mvt_next_permutation(unsigned int *order, unsigned int num)
{
	unsigned int i = num - 1, j = num - 1;

	while (i && order[i - 1] > order[i])
		i--;
	if (!i)
		return false;

	while (order[j] < order[i - 1])
		j--;
	swap(order[i - 1], order[j]);
	mvt_reverse(order + i, order + num - 1);
	return true;
}

/* The driver's hooks */

static int mvt_init_mem(struct ttm_move_device *mdev,
			struct ttm_buffer_object *bo, struct ttm_resource *res,
			struct ttm_move_mem *mem)
{
	struct mvt *fx = mdev->priv;
	struct mvt_res *mres = container_of(res, struct mvt_res, base);

	ttm_move_mem_init_buddy(mem, &fx->aperture, &fx->vram.mm, &mres->blocks,
				res->size);
	return 0;
}

static struct ttm_move_timeline *mvt_timeline(struct ttm_buffer_object *bo)
{
	return mvt_from_bdev(bo->bdev)->timeline;
}

static struct dma_fence *mvt_dependency(struct ttm_buffer_object *bo)
{
	return mvt_from_bdev(bo->bdev)->dependency;
}

static int mvt_prepare(struct ttm_move_job *job)
{
	struct mvt_hooks *hooks = &((struct mvt *)job->mdev->priv)->hooks;

	might_alloc(GFP_KERNEL);
	if (hooks->prepare_error)
		return hooks->prepare_error;

	atomic_inc(&hooks->prepared);
	return 0;
}

/* Whether lockdep takes what the caller does for a part of the way to a signal. */
bool mvt_is_signalling(void)
{
#ifdef CONFIG_LOCKDEP
	int i;

	for (i = 0; i < current->lockdep_depth; i++)
		if (!strcmp(current->held_locks[i].instance->name,
			    "dma_fence_map"))
			return true;
#endif
	return false;
}

/* Lockdep forgets everything with its first report. */
static bool mvt_is_seen(bool signalling)
{
	return !IS_ENABLED(CONFIG_LOCKDEP) || !debug_locks ||
	       mvt_is_signalling() == signalling;
}

static int mvt_begin(struct ttm_move_job *job)
{
	struct mvt_hooks *hooks = &((struct mvt *)job->mdev->priv)->hooks;

	if (!mvt_is_seen(true))
		atomic_inc(&hooks->unseen);
	atomic_inc(&hooks->began);
	if (hooks->begin_gate)
		wait_for_completion(hooks->begin_gate);
	if (hooks->begin_bo && hooks->begin_bo != job->bo)
		return 0;
	return hooks->begin_error;
}

/* Dropped unarmed, or signalled. */
static bool mvt_job_is_over(struct ttm_move_job *job)
{
	return job->state == TTM_MOVE_NEW ||
	       test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &job->fence.flags);
}

static void mvt_nop_work(struct work_struct *work)
{
}

/* Lets everybody run who is able to. */
void mvt_give_way(void)
{
	struct work_struct work;
	unsigned int i;

	INIT_WORK_ONSTACK(&work, mvt_nop_work);
	for (i = 0; i < 16; i++) {
		queue_work(system_unbound_wq, &work);
		flush_work(&work);
	}
	destroy_work_on_stack(&work);
}

static void mvt_retired(struct ttm_move_job *job)
{
	struct mvt_hooks *hooks = &((struct mvt *)job->mdev->priv)->hooks;

	/* Lockdep objects if this is still part of the signalling section. */
	might_alloc(GFP_KERNEL);
	if (!in_task() || !mvt_job_is_over(job))
		atomic_inc(&hooks->early);
	if (!mvt_is_seen(false))
		atomic_inc(&hooks->unseen);
	if (hooks->slow_retired)
		mvt_give_way();
	if (hooks->retired_gate)
		wait_for_completion(hooks->retired_gate);
	atomic_inc(&hooks->retired);
}

static const struct ttm_move_ops mvt_move_ops = {
	.init_mem = mvt_init_mem,
	.timeline = mvt_timeline,
	.dependency = mvt_dependency,
	.prepare = mvt_prepare,
	.begin = mvt_begin,
	.retired = mvt_retired,
};

/* The TTM device */

static struct ttm_tt *mvt_tt_create(struct ttm_buffer_object *bo, u32 page_flags)
{
	struct ttm_tt *tt = kzalloc(sizeof(*tt), GFP_KERNEL);
	struct mvt *fx = mvt_from_bdev(bo->bdev);

	if (tt && ttm_tt_init(tt, bo, page_flags, fx->caching, 0)) {
		kfree(tt);
		return NULL;
	}
	atomic_add(!!tt, &fx->counts.tts);
	return tt;
}

static void mvt_tt_destroy(struct ttm_device *bdev, struct ttm_tt *tt)
{
	atomic_dec(&mvt_from_bdev(bdev)->counts.tts);
	ttm_tt_fini(tt);
	kfree(tt);
}

/* Pages that TTM does not want zeroed have somebody's old bytes in them. */
static int mvt_tt_populate(struct ttm_device *bdev, struct ttm_tt *tt,
			   struct ttm_operation_ctx *ctx)
{
	int ret = ttm_pool_alloc(&bdev->pool, tt, ctx);
	unsigned int i;

	if (ret)
		return ret;
	atomic_add(tt->num_pages, &mvt_from_bdev(bdev)->counts.pages);
	if (tt->page_flags & TTM_TT_FLAG_ZERO_ALLOC)
		return 0;

	for (i = 0; i < tt->num_pages; i++)
		memset_page(tt->pages[i], 0, MVT_DIRT, PAGE_SIZE);
	return 0;
}

static void mvt_tt_unpopulate(struct ttm_device *bdev, struct ttm_tt *tt)
{
	struct completion *gate = mvt_from_bdev(bdev)->free_gate;

	/* Not for ever: what fails must end. */
	if (gate)
		wait_for_completion_timeout(gate, 10 * HZ);
	atomic_sub(tt->num_pages, &mvt_from_bdev(bdev)->counts.pages);
	ttm_pool_free(&bdev->pool, tt);
}

static void mvt_evict_flags(struct ttm_buffer_object *bo,
			    struct ttm_placement *placement)
{
	static const struct ttm_place system = { .mem_type = TTM_PL_SYSTEM };

	placement->num_placement = 1;
	placement->placement = &system;
}

static int mvt_move(struct ttm_buffer_object *bo, bool evict,
		    struct ttm_operation_ctx *ctx, struct ttm_resource *dst,
		    struct ttm_place *hop)
{
	if (!bo->resource && dst->mem_type == TTM_PL_SYSTEM) {
		ttm_bo_move_null(bo, dst);
		return 0;
	}
	return ttm_bo_move_memcpy_async(&mvt_from_bdev(bo->bdev)->mdev, bo,
					evict, ctx, dst);
}

/* For memory that nobody describes by a hook; it has to be contiguous. */
int mvt_io_mem_reserve(struct ttm_device *bdev, struct ttm_resource *res)
{
	if (res->mem_type != TTM_PL_VRAM)
		return 0;

	res->bus.addr = mvt_vram_addr(mvt_from_bdev(bdev), res, 0);
	res->bus.is_iomem = true;
	res->bus.caching = ttm_cached;
	return 0;
}

static const struct ttm_device_funcs mvt_bdev_funcs = {
	.ttm_tt_create = mvt_tt_create,
	.ttm_tt_populate = mvt_tt_populate,
	.ttm_tt_unpopulate = mvt_tt_unpopulate,
	.ttm_tt_destroy = mvt_tt_destroy,
	.eviction_valuable = ttm_bo_eviction_valuable,
	.evict_flags = mvt_evict_flags,
	.move = mvt_move,
	.io_mem_reserve = mvt_io_mem_reserve,
};

/* Waiting */

void mvt_wait(struct mvt *fx, struct dma_fence *fence)
{
	KUNIT_EXPECT_GT(fx->test, dma_fence_wait_timeout(fence, false, 10 * HZ), 0);
}

static bool mvt_is_running(struct ttm_move_device *mdev)
{
	struct ttm_move_job *job;
	bool running = false;

	spin_lock(&mdev->lock);
	list_for_each_entry(job, &mdev->in_flight, tracked) {
		enum ttm_move_state state = READ_ONCE(job->state);

		running |= state == TTM_MOVE_READY || state == TTM_MOVE_COPYING;
	}
	spin_unlock(&mdev->lock);
	return running;
}

/*
 * Returns when everything has run that is able to: what has not happened then
 * will not happen until the test lets it.
 */
void mvt_settle(struct mvt *fx)
{
	do {
		flush_workqueue(fx->mdev.wq);
		flush_workqueue(fx->mdev.urgent_wq);
		flush_workqueue(fx->mdev.help_wq);
		flush_workqueue(fx->mdev.pass_wq);
	} while (mvt_is_running(&fx->mdev));
	flush_workqueue(fx->mdev.free_wq);
	flush_workqueue(fx->mdev.release_wq);
}

/* A job is counted after its fence has signalled. */
struct ttm_move_stats mvt_stats(struct mvt *fx)
{
	struct ttm_move_stats stats;

	mvt_settle(fx);
	ttm_move_device_stats(&fx->mdev, &stats);
	return stats;
}

/* Set-up */

static int mvt_init_ttm(struct mvt *fx)
{
	struct drm_device *drm = fx->drm;

	return ttm_device_init(&fx->bdev, &fx->funcs, drm->dev,
			       drm->anon_inode->i_mapping,
			       drm->vma_offset_manager, false, false) ?:
	       ttm_range_man_init(&fx->bdev, TTM_PL_TT, true,
				  4 * MVT_VRAM_PAGES);
}

static void mvt_init_drm(struct mvt *fx)
{
	struct kunit *test = fx->test;
	struct device *dev = drm_kunit_helper_alloc_device(test);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	fx->drm = __drm_kunit_helper_alloc_drm_device(test, dev,
						      sizeof(*fx->drm), 0,
						      DRIVER_GEM);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fx->drm);
}

static bool mvt_is_tainted(void)
{
	return test_taint(TAINT_WARN) || test_taint(TAINT_BAD_PAGE);
}

int mvt_init(struct kunit *test)
{
	struct mvt *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fx);
	fx->test = test;
	fx->debug_locks = debug_locks;
	fx->was_tainted = mvt_is_tainted();
	fx->funcs = mvt_bdev_funcs;
	fx->ops = mvt_move_ops;
	fx->caching = ttm_cached;
	fx->limits = ttm_move_limits;
	/* However small, moves are made by the worker that the test is about. */
	ttm_move_limits.caller_bytes = 0;
	prandom_seed_state(&fx->rnd, 1);
	INIT_LIST_HEAD(&fx->fences);
	INIT_LIST_HEAD(&fx->bos);

	mvt_init_drm(fx);
	KUNIT_ASSERT_EQ(test, mvt_init_ttm(fx), 0);
	KUNIT_ASSERT_EQ(test, mvt_vram_init(fx), 0);
	KUNIT_ASSERT_EQ(test, mvt_iomem_init(fx), 0);
	KUNIT_ASSERT_EQ(test, ttm_move_device_init(&fx->mdev, &fx->bdev, "kunit",
						   &fx->ops, fx), 0);
	test->priv = fx;
	mvt_allocs_init(fx);
	return 0;
}

/* Teardown: nothing is in flight, and nobody holds a reference any more */

static void mvt_check_hooks(struct mvt *fx)
{
	struct mvt_hooks *hooks = &fx->hooks;

	KUNIT_EXPECT_EQ(fx->test, atomic_read(&hooks->retired),
			atomic_read(&hooks->prepared));
	KUNIT_EXPECT_EQ(fx->test, atomic_read(&hooks->early), 0);
	KUNIT_EXPECT_EQ(fx->test, atomic_read(&hooks->unseen), 0);
}

/* Whoever was made, or got memory, is gone and has given it back. */
void mvt_check_counts(struct mvt *fx)
{
	struct mvt_counts *counts = &fx->counts;

	KUNIT_EXPECT_EQ(fx->test, atomic_read(&counts->bos), 0);
	KUNIT_EXPECT_EQ(fx->test, atomic_read(&counts->tts), 0);
	KUNIT_EXPECT_EQ(fx->test, atomic_read(&counts->pages), 0);
}

/* Each fence holds its timeline. */
static void mvt_check_timelines(struct mvt *fx)
{
	unsigned int i;

	rcu_barrier();
	for (i = 0; i < ARRAY_SIZE(fx->mdev.evictions); i++)
		KUNIT_EXPECT_EQ(fx->test,
				kref_read(&fx->mdev.evictions[i]->ref), 1);
	if (fx->timeline)
		KUNIT_EXPECT_EQ(fx->test, kref_read(&fx->timeline->ref), 1);
}

/* Neither lockdep nor a warning has complained. */
static void mvt_check_kernel(struct mvt *fx)
{
	KUNIT_EXPECT_EQ(fx->test, debug_locks, fx->debug_locks);
	KUNIT_EXPECT_EQ(fx->test, mvt_is_tainted(), fx->was_tainted);
}

static void mvt_exit_move(struct mvt *fx)
{
	ttm_move_device_flush(&fx->mdev);
	KUNIT_EXPECT_TRUE(fx->test, list_empty(&fx->mdev.in_flight));
	flush_workqueue(fx->bdev.wq);
	mvt_check_hooks(fx);
	mvt_iomem_fini(fx);
	mvt_vram_fini(fx);
	mvt_check_timelines(fx);
	ttm_move_timeline_put(fx->timeline);
	ttm_move_device_fini(&fx->mdev);
}

void mvt_exit(struct kunit *test)
{
	struct mvt *fx = test->priv;

	if (!fx)
		return;

	fx->dependency = NULL;
	mvt_allocs_reset(fx);
	mvt_fences_signal(fx);
	mvt_bos_put(fx);
	mvt_exit_move(fx);
	ttm_range_man_fini(&fx->bdev, TTM_PL_TT);
	ttm_device_fini(&fx->bdev);
	mvt_fences_fini(fx);
	mvt_check_counts(fx);
	mvt_allocs_fini(fx);
	ttm_move_limits = fx->limits;
	mvt_check_kernel(fx);
}

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_DESCRIPTION("KUnit tests for asynchronous CPU moves of TTM buffers");
MODULE_LICENSE("Dual MIT/GPL");
