// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Set-up, flush and teardown of a worker.
 */
#include <linux/iopoll.h>

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

static struct kunit_case ttm_move_device_cases[] = {
	KUNIT_CASE(ttm_move_flush_waits_for_retired_hooks),
	KUNIT_CASE(ttm_move_flush_ignores_later_jobs),
	KUNIT_CASE(ttm_move_flush_gives_up),
	KUNIT_CASE(ttm_move_fini_drains),
	KUNIT_CASE(ttm_move_fence_outlives_the_worker),
	KUNIT_CASE(ttm_move_init_survives_each_failed_allocation),
	{ }
};

static struct kunit_suite ttm_move_device_suite = {
	.name = "ttm_move_device",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_device_cases,
};

kunit_test_suite(ttm_move_device_suite);
