// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Set-up, flush and teardown of a worker.
 */
#include <linux/iopoll.h>

#include <drm/ttm/ttm_move_order.h>

#include "ttm_move_kunit.h"

static void ttm_move_flush_waits_for_retired_hooks(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence;

	fx->hooks.slow_retired = true;
	KUNIT_EXPECT_EQ(test, ttm_move_job_prepare(job), 0);
	ttm_move_job_add_dependency(job, &dep->base);
	fence = ttm_move_job_arm(job);
	mvt_fence_signal_later(dep, 0);
	ttm_move_device_flush(&fx->mdev);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 1);
	dma_fence_put(fence);
}

struct mvt_flush {
	struct work_struct work;
	struct ttm_move_device *mdev;
	struct completion done;
};

static void mvt_flush_work(struct work_struct *work)
{
	struct mvt_flush *flush = container_of(work, struct mvt_flush, work);

	ttm_move_device_flush(flush->mdev);
	complete(&flush->done);
}

/* Returns when the flush waits for the jobs that are in flight now. */
static void mvt_flush_start(struct mvt *fx, struct mvt_flush *flush)
{
	bool waits;

	flush->mdev = &fx->mdev;
	init_completion(&flush->done);
	INIT_WORK_ONSTACK(&flush->work, mvt_flush_work);
	queue_work(system_unbound_wq, &flush->work);
	KUNIT_EXPECT_EQ(fx->test,
			read_poll_timeout(waitqueue_active, waits, waits, 1000,
					  10 * USEC_PER_SEC, false,
					  &fx->mdev.wait), 0);
}

static void ttm_move_flush_ignores_later_jobs(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct mvt_fence *later_dep = mvt_fence_create(fx);
	struct dma_fence *fence, *later;
	struct mvt_flush flush;

	fence = mvt_arm_after(fx, &dep->base);
	mvt_flush_start(fx, &flush);
	later = mvt_arm_after(fx, &later_dep->base);
	/* It looks again when any job is over, and finds that its own is not. */
	mvt_expect_done(fx, ttm_move_job_arm(mvt_job_create(fx)), 1);
	mvt_give_way();
	KUNIT_EXPECT_FALSE(test, completion_done(&flush.done));

	mvt_fence_signal(dep);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&flush.done, 10 * HZ),
			0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(later));

	mvt_fence_signal(later_dep);
	flush_work(&flush.work);
	destroy_work_on_stack(&flush.work);
	dma_fence_put(fence);
	dma_fence_put(later);
}

/* However far a job has come: what it still needs must not go before. */

struct mvt_flight {
	struct mvt *fx;
	struct completion gate;
	struct mvt_fence *dep;
	struct dma_fence *fence;	/* of the job that is looked at */
	struct dma_fence *before;	/* of an older one of its timeline, or NULL */
};

struct mvt_stop {
	const char *name;
	enum ttm_move_state state;
	void (*bring)(struct mvt_flight *flight);
	void (*let_go)(struct mvt_flight *flight);
};

static void mvt_expect_state(struct mvt_flight *flight, enum ttm_move_state want)
{
	struct ttm_move_job *job = ttm_move_job_from_fence(flight->fence);
	enum ttm_move_state state;

	KUNIT_EXPECT_EQ(flight->fx->test, 0,
			read_poll_timeout(READ_ONCE, state, state == want, 1000,
					  10 * USEC_PER_SEC, false, job->state));
}

/* A copy with a retired hook. */
static void mvt_flight_arm(struct mvt_flight *flight, struct ttm_move_job *job)
{
	KUNIT_EXPECT_EQ(flight->fx->test, ttm_move_job_prepare(job), 0);
	flight->fence = ttm_move_job_arm(job);
}

static void mvt_bring_to_wait(struct mvt_flight *flight)
{
	struct ttm_move_job *job = mvt_copy_create(flight->fx);

	ttm_move_job_add_dependency(job, &flight->dep->base);
	mvt_flight_arm(flight, job);
}

static void mvt_bring_to_copy(struct mvt_flight *flight)
{
	flight->fx->hooks.begin_gate = &flight->gate;
	mvt_flight_arm(flight, mvt_copy_create(flight->fx));
}

static void mvt_bring_behind_another(struct mvt_flight *flight)
{
	struct mvt *fx = flight->fx;
	struct ttm_move_timeline *timeline = fx->mdev.evictions[TTM_PL_VRAM];
	struct ttm_move_job *job;

	job = ttm_move_job_create(&fx->mdev, timeline);
	KUNIT_ASSERT_NOT_NULL(fx->test, job);
	ttm_move_job_add_dependency(job, &flight->dep->base);
	flight->before = ttm_move_job_arm(job);

	job = ttm_move_job_create(&fx->mdev, timeline);
	KUNIT_ASSERT_NOT_NULL(fx->test, job);
	mvt_job_set_clear(fx, job);
	mvt_flight_arm(flight, job);
}

static void mvt_bring_to_release(struct mvt_flight *flight)
{
	flight->fx->hooks.retired_gate = &flight->gate;
	mvt_flight_arm(flight, mvt_copy_create(flight->fx));
}

static void mvt_meet_dependency(struct mvt_flight *flight)
{
	mvt_fence_signal(flight->dep);
}

static void mvt_open_gate(struct mvt_flight *flight)
{
	complete_all(&flight->gate);
}

static const struct mvt_stop mvt_stops[] = {
	{ "waiting", TTM_MOVE_WAITING, mvt_bring_to_wait, mvt_meet_dependency },
	{ "copying", TTM_MOVE_COPYING, mvt_bring_to_copy, mvt_open_gate },
	{ "done", TTM_MOVE_DONE, mvt_bring_behind_another, mvt_meet_dependency },
	{ "retiring", TTM_MOVE_RETIRED, mvt_bring_to_release, mvt_open_gate },
};

KUNIT_ARRAY_PARAM_DESC(mvt_stop, mvt_stops, name);

static void ttm_move_flush_waits_at_every_stage(struct kunit *test)
{
	const struct mvt_stop *stop = test->param_value;
	struct mvt *fx = test->priv;
	struct mvt_flight flight = { .fx = fx, .dep = mvt_fence_create(fx) };
	struct mvt_flush flush;

	init_completion(&flight.gate);
	stop->bring(&flight);
	mvt_expect_state(&flight, stop->state);
	mvt_flush_start(fx, &flush);
	KUNIT_EXPECT_FALSE(test, completion_done(&flush.done));
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 0);

	stop->let_go(&flight);
	flush_work(&flush.work);
	destroy_work_on_stack(&flush.work);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(flight.fence));
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 1);
	dma_fence_put(flight.fence);
	dma_fence_put(flight.before);
}

/* No timeout that needs a timer: whoever is late is late at once. */
static void ttm_move_flush_gives_up(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence = mvt_arm_after(fx, &dep->base);

	KUNIT_EXPECT_EQ(test, ttm_move_device_flush_timeout(&fx->mdev, 0), -EBUSY);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	mvt_fence_signal(dep);
	KUNIT_EXPECT_EQ(test, 0,
			ttm_move_device_flush_timeout(&fx->mdev,
						      MAX_SCHEDULE_TIMEOUT));
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, ttm_move_device_flush_timeout(&fx->mdev, 0), 0);
	dma_fence_put(fence);
}

/* A worker beside the fixture's, to be torn down by the test. */
static struct ttm_move_device *mvt_mdev_create(struct mvt *fx)
{
	struct ttm_move_device *mdev = kunit_kzalloc(fx->test, sizeof(*mdev),
						     GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, mdev);
	KUNIT_ASSERT_EQ(fx->test,
			ttm_move_device_init(mdev, &fx->bdev, "kunit2",
					     &fx->ops, fx), 0);
	return mdev;
}

static void ttm_move_fini_drains(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_device *mdev = mvt_mdev_create(fx);
	struct ttm_move_job *job = ttm_move_job_create(mdev, NULL);
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence;

	KUNIT_ASSERT_NOT_NULL(test, job);
	fx->hooks.slow_retired = true;
	mvt_job_set_clear(fx, job);
	KUNIT_EXPECT_EQ(test, ttm_move_job_prepare(job), 0);
	ttm_move_job_add_dependency(job, &dep->base);
	fence = ttm_move_job_arm(job);
	mvt_fence_signal_later(dep, 0);

	ttm_move_device_fini(mdev);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 1);
	mvt_expect_zeroes(fx);
	dma_fence_put(fence);
}

static void ttm_move_fence_outlives_the_worker(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_device *mdev = mvt_mdev_create(fx);
	struct ttm_move_job *job;
	struct dma_fence *fence;

	job = ttm_move_job_create(mdev, mdev->evictions[TTM_PL_VRAM]);
	KUNIT_ASSERT_NOT_NULL(test, job);
	fence = ttm_move_job_arm(job);
	ttm_move_device_fini(mdev);
	kunit_kfree(test, mdev);

	KUNIT_EXPECT_STREQ(test, fence->ops->get_driver_name(fence), "ttm_move");
	KUNIT_EXPECT_STREQ(test, fence->ops->get_timeline_name(fence), "evict");
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), 1);
	dma_fence_put(fence);
}

/* What reclaim may wait for: system pages that come free without anybody's help */

#define MVT_PENDING_PAGES	8
#define MVT_PENDING_BYTES	((u64)MVT_PENDING_PAGES << PAGE_SHIFT)

static void mvt_leave_system_memory(struct mvt *fx, struct mvt_fence *user)
{
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_PENDING_PAGES,
						  TTM_PL_SYSTEM);

	if (user)
		mvt_bo_add_fence(fx, mbo, user);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
}

struct mvt_opener {
	struct work_struct work;
	struct completion gate;
};

static void mvt_opener_work(struct work_struct *work)
{
	complete_all(&container_of(work, struct mvt_opener, work)->gate);
}

static void ttm_move_pending_is_what_leaves_system_memory(struct kunit *test)
{
	struct mvt_opener opener;
	struct mvt *fx = test->priv;
	struct mvt_bo *out = mvt_bo_create_filled(fx, MVT_PENDING_PAGES,
						  TTM_PL_VRAM);

	KUNIT_EXPECT_EQ(test, ttm_move_device_wait_pending(&fx->mdev), 0);
	init_completion(&opener.gate);
	INIT_WORK_ONSTACK(&opener.work, mvt_opener_work);
	fx->hooks.begin_gate = &opener.gate;
	mvt_leave_system_memory(fx, NULL);
	mvt_leave_system_memory(fx, NULL);
	mvt_bo_move(fx, out, TTM_PL_SYSTEM);
	KUNIT_EXPECT_EQ(test, ttm_move_device_pending(&fx->mdev),
			2 * MVT_PENDING_BYTES);

	queue_work(system_unbound_wq, &opener.work);
	KUNIT_EXPECT_EQ(test, ttm_move_device_wait_pending(&fx->mdev),
			MVT_PENDING_BYTES);
	flush_work(&opener.work);
	destroy_work_on_stack(&opener.work);
	ttm_move_device_flush(&fx->mdev);
	KUNIT_EXPECT_EQ(test, ttm_move_device_pending(&fx->mdev), 0);
	KUNIT_EXPECT_EQ(test, ttm_move_device_wait_pending(&fx->mdev), 0);
}

struct mvt_reclaimer {
	struct work_struct work;
	struct completion started;
	struct mvt *fx;
	u64 bytes;
};

static void mvt_reclaimer_work(struct work_struct *work)
{
	struct mvt_reclaimer *r = container_of(work, struct mvt_reclaimer, work);

	complete(&r->started);
	r->bytes = ttm_move_device_wait_pending(&r->fx->mdev);
}

static void mvt_reclaimer_start(struct mvt *fx, struct mvt_reclaimer *r)
{
	r->fx = fx;
	init_completion(&r->started);
	INIT_WORK_ONSTACK(&r->work, mvt_reclaimer_work);
	queue_work(system_unbound_wq, &r->work);
	wait_for_completion(&r->started);
}

static u64 mvt_reclaimer_join(struct mvt_reclaimer *r)
{
	flush_work(&r->work);
	destroy_work_on_stack(&r->work);
	return r->bytes;
}

/* Several are told to wait; that memory has come free is told to one of them. */
static void ttm_move_pending_is_told_once(struct kunit *test)
{
	struct mvt_reclaimer one, other;
	struct completion gate;
	struct mvt *fx = test->priv;

	init_completion(&gate);
	fx->hooks.begin_gate = &gate;
	mvt_leave_system_memory(fx, NULL);
	mvt_reclaimer_start(fx, &one);
	mvt_reclaimer_start(fx, &other);
	complete_all(&gate);
	KUNIT_EXPECT_EQ(test,
			mvt_reclaimer_join(&one) + mvt_reclaimer_join(&other),
			MVT_PENDING_BYTES);
	ttm_move_device_flush(&fx->mdev);
}

/* Who should signal it may be waiting for memory. */
static void ttm_move_pending_leaves_out_what_others_hold_up(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);

	mvt_leave_system_memory(fx, user);
	KUNIT_EXPECT_EQ(test, ttm_move_device_pending(&fx->mdev), 0);
	KUNIT_EXPECT_EQ(test, ttm_move_device_wait_pending(&fx->mdev), 0);
	mvt_fence_signal(user);
}

static void ttm_move_init_survives_each_failed_allocation(struct kunit *test)
{
	struct ttm_move_device *mdev = kunit_kzalloc(test, sizeof(*mdev),
						     GFP_KERNEL);
	struct mvt *fx = test->priv;
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, mdev);
	do {
		fx->allocs.count = 0;
		fx->allocs.fail++;
		ret = ttm_move_device_init(mdev, &fx->bdev, "kunit2", NULL,
					   NULL);
		KUNIT_EXPECT_EQ(test, ret, fx->allocs.count < fx->allocs.fail ?
				0 : -ENOMEM);
	} while (ret);
	KUNIT_EXPECT_EQ(test, fx->allocs.fail, TTM_NUM_MEM_TYPES + 1);
	ttm_move_device_fini(mdev);
}

/* The evictions of a manager by an engine and by the worker */

static void ttm_move_switch_waits_for_other_context(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_resource_manager *man = &fx->vram.man;
	struct mvt_fence *engine = mvt_fence_create(fx);
	struct mvt_fence *worker = mvt_fence_create(fx);

	spin_lock(&man->move_lock);
	man->move = dma_fence_get(&engine->base);
	mvt_fence_signal_later(engine, 3);
	ttm_move_manager_switch(man, &worker->base);
	KUNIT_EXPECT_PTR_EQ(test, man->move, NULL);
	spin_unlock(&man->move_lock);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&engine->base));
}

static void ttm_move_switch_ignores_own_context(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_resource_manager *man = &fx->vram.man;
	u64 context = dma_fence_context_alloc(1);
	struct mvt_fence *older = mvt_fence_create_at(fx, context, 1);
	struct mvt_fence *newer = mvt_fence_create_at(fx, context, 2);

	spin_lock(&man->move_lock);
	man->move = dma_fence_get(&older->base);
	ttm_move_manager_switch(man, &newer->base);
	KUNIT_EXPECT_PTR_EQ(test, man->move, &older->base);
	man->move = NULL;
	spin_unlock(&man->move_lock);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(&older->base));
	dma_fence_put(&older->base);
	mvt_fence_signal(older);
	mvt_fence_signal(newer);
}

static struct kunit_case ttm_move_device_cases[] = {
	KUNIT_CASE(ttm_move_flush_waits_for_retired_hooks),
	KUNIT_CASE(ttm_move_flush_ignores_later_jobs),
	KUNIT_CASE_PARAM(ttm_move_flush_waits_at_every_stage,
			 mvt_stop_gen_params),
	KUNIT_CASE(ttm_move_flush_gives_up),
	KUNIT_CASE(ttm_move_fini_drains),
	KUNIT_CASE(ttm_move_fence_outlives_the_worker),
	KUNIT_CASE(ttm_move_pending_is_what_leaves_system_memory),
	KUNIT_CASE(ttm_move_pending_is_told_once),
	KUNIT_CASE(ttm_move_pending_leaves_out_what_others_hold_up),
	KUNIT_CASE(ttm_move_init_survives_each_failed_allocation),
	KUNIT_CASE(ttm_move_switch_waits_for_other_context),
	KUNIT_CASE(ttm_move_switch_ignores_own_context),
	{ }
};

static struct kunit_suite ttm_move_device_suite = {
	.name = "ttm_move_device",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_device_cases,
};

kunit_test_suite(ttm_move_device_suite);
