// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Whether TTM's own tests, which run before these, have moved by the worker.
 */
#include <linux/module.h>

#include <drm/ttm/ttm_move.h>

#include "../../tests/ttm_kunit_helpers.h"
#include "../../tests/ttm_mock_manager.h"
#include "ttm_move_mock.h"

static bool ttm_upstream_is_busy(void)
{
	return ttm_move_mock_mode() == TTM_MOVE_MOCK_BUSY;
}

/* As many jobs as moves: none went by the worker, and none was merely done. */
static void ttm_upstream_moved_by_the_worker(struct kunit *test)
{
	struct ttm_move_mock_totals totals = ttm_move_mock_totals();

	if (!totals.moves)
		kunit_skip(test, "none of TTM's own tests that move have run");

	kunit_info(test, "summary: %llu moves, %llu jobs, %llu in the caller",
		   totals.moves, totals.jobs, totals.sync_moves);
	KUNIT_EXPECT_EQ(test, totals.errors, 0);
	if (ttm_move_mock_mode() == TTM_MOVE_MOCK_KERNEL)
		KUNIT_EXPECT_EQ(test, totals.jobs + totals.sync_moves, 0);
	if (ttm_upstream_is_busy())
		KUNIT_EXPECT_EQ(test, totals.jobs + totals.sync_moves,
				totals.moves);
}

static bool ttm_upstream_has_job(struct ttm_buffer_object *bo)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	bool found = false;

	dma_resv_for_each_fence(&cursor, bo->base.resv, DMA_RESV_USAGE_KERNEL,
				fence)
		found |= !!ttm_move_job_from_fence(fence);
	return found;
}

/* As TTM's own tests move: from system to the mock manager of video memory. */
static void ttm_upstream_move(struct kunit *test, struct ttm_device *bdev,
			      struct ttm_buffer_object *bo)
{
	struct ttm_place place = { .mem_type = TTM_PL_SYSTEM };
	struct ttm_placement placement = { 1, &place };
	struct ttm_operation_ctx ctx = {};

	KUNIT_ASSERT_EQ(test, 0,
			ttm_bo_init_reserved(bdev, bo, ttm_bo_type_device,
					     &placement, 0, &ctx, NULL, NULL,
					     &dummy_ttm_bo_destroy));
	place.mem_type = TTM_PL_VRAM;
	KUNIT_EXPECT_EQ(test, ttm_bo_validate(bo, &placement, &ctx), 0);
	KUNIT_EXPECT_EQ(test, ttm_upstream_has_job(bo), ttm_upstream_is_busy());
	ttm_bo_unreserve(bo);
}

/* Without the patch the mock driver calls nobody. */
static void ttm_upstream_mock_calls_the_worker(struct kunit *test)
{
	struct ttm_move_mock_totals before = ttm_move_mock_totals();
	struct ttm_test_devices *devs = ttm_test_devices_all(test);
	struct ttm_buffer_object *bo = kunit_kzalloc(test, sizeof(*bo),
						     GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, bo);
	ttm_mock_manager_init(devs->ttm_dev, TTM_PL_VRAM, SZ_1M);
	drm_gem_private_object_init(devs->drm, &bo->base, SZ_8K);
	ttm_upstream_move(test, devs->ttm_dev, bo);
	ttm_bo_put(bo);
	ttm_mock_manager_fini(devs->ttm_dev, TTM_PL_VRAM);
	ttm_test_devices_put(test, devs);

	KUNIT_EXPECT_EQ(test, ttm_move_mock_totals().moves, before.moves + 1);
	KUNIT_EXPECT_EQ(test, ttm_move_mock_totals().jobs,
			before.jobs + ttm_upstream_is_busy());
}

static struct kunit_case ttm_upstream_cases[] = {
	KUNIT_CASE(ttm_upstream_moved_by_the_worker),
	KUNIT_CASE(ttm_upstream_mock_calls_the_worker),
	{ }
};

static struct kunit_suite ttm_upstream_suite = {
	.name = "ttm_upstream",
	.test_cases = ttm_upstream_cases,
};

kunit_test_suite(ttm_upstream_suite);

MODULE_DESCRIPTION("Whether TTM's KUnit tests move by the worker");
MODULE_LICENSE("Dual MIT/GPL");
