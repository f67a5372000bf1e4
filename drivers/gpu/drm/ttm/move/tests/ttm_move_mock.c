// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The move worker for the mock driver of TTM's own tests.
 *
 * All of that driver's managers are of system pages: a move has no bytes to copy, and
 * where nobody uses the object there is nobody to wait for either. So that it is a job
 * all the same, each object that moves has a user, who leaves soon after the move has
 * returned.
 */
#include <linux/dma-fence.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>

#include <drm/ttm/ttm_move.h>
#include <drm/ttm/ttm_placement.h>

#include "ttm_move_mock.h"

static char *moves = "busy";
module_param(moves, charp, 0444);
MODULE_PARM_DESC(moves, "Moves of TTM's own tests: by the kernel, by the worker if idle, or if busy (default)");

static const char * const ttm_move_mock_modes[TTM_MOVE_MOCK_NUM_MODES] = {
	[TTM_MOVE_MOCK_KERNEL] = "kernel",
	[TTM_MOVE_MOCK_IDLE] = "idle",
	[TTM_MOVE_MOCK_BUSY] = "busy",
};

/* Whose moves the tests make: an enum ttm_move_mock_mode, or -EINVAL. */
int ttm_move_mock_mode(void)
{
	return match_string(ttm_move_mock_modes, TTM_MOVE_MOCK_NUM_MODES, moves);
}
EXPORT_SYMBOL_GPL(ttm_move_mock_mode);

/**
 * struct ttm_move_mock - the worker of a mock device
 * @mdev: the worker
 * @link: in ttm_move_mocks
 * @user: fence of the user of the object that moves now: the tests make one move at a
 *	time
 */
struct ttm_move_mock {
	struct ttm_move_device mdev;
	struct list_head link;
	struct dma_fence *user;
};

static LIST_HEAD(ttm_move_mocks);
static struct ttm_move_mock_totals ttm_move_mock_sum;
/* Guards the list and the sum. */
static DEFINE_MUTEX(ttm_move_mock_lock);

static struct ttm_move_mock *ttm_move_mock_find(struct ttm_device *bdev)
{
	struct ttm_move_mock *mock, *found = NULL;

	mutex_lock(&ttm_move_mock_lock);
	list_for_each_entry(mock, &ttm_move_mocks, link)
		if (mock->mdev.bdev == bdev)
			found = mock;
	mutex_unlock(&ttm_move_mock_lock);
	return found;
}

/* What has become of all moves so far, but for the jobs of devices that live. */
struct ttm_move_mock_totals ttm_move_mock_totals(void)
{
	struct ttm_move_mock_totals totals;

	mutex_lock(&ttm_move_mock_lock);
	totals = ttm_move_mock_sum;
	mutex_unlock(&ttm_move_mock_lock);
	return totals;
}
EXPORT_SYMBOL_GPL(ttm_move_mock_totals);

/* The user: leaves when somebody waits for it, but not at once */

struct ttm_move_mock_user {
	struct dma_fence base;
	spinlock_t lock; /* base */
	struct timer_list leave;
};

static const char *ttm_move_mock_user_name(struct dma_fence *fence)
{
	return "ttm_move_mock";
}

static void ttm_move_mock_user_leaves(struct timer_list *timer)
{
	struct ttm_move_mock_user *user = from_timer(user, timer, leave);

	dma_fence_signal(&user->base);
	dma_fence_put(&user->base);
}

static bool ttm_move_mock_user_enable_signaling(struct dma_fence *fence)
{
	struct ttm_move_mock_user *user = container_of(fence, typeof(*user), base);

	dma_fence_get(fence);
	mod_timer(&user->leave, jiffies + 1);
	return true;
}

static const struct dma_fence_ops ttm_move_mock_user_ops = {
	.get_driver_name = ttm_move_mock_user_name,
	.get_timeline_name = ttm_move_mock_user_name,
	.enable_signaling = ttm_move_mock_user_enable_signaling,
};

static struct dma_fence *ttm_move_mock_user_create(void)
{
	struct ttm_move_mock_user *user = kzalloc(sizeof(*user), GFP_KERNEL);

	if (!user)
		return NULL;

	spin_lock_init(&user->lock);
	timer_setup(&user->leave, ttm_move_mock_user_leaves, 0);
	dma_fence_init(&user->base, &ttm_move_mock_user_ops, &user->lock,
		       dma_fence_context_alloc(1), 1);
	return &user->base;
}

/* The driver's hooks */

static struct dma_fence *ttm_move_mock_dependency(struct ttm_buffer_object *bo)
{
	return ttm_move_mock_find(bo->bdev)->user;
}

/*
 * Out of video memory the driver moves only as the first of two steps, on the way to
 * system. TTM does not call that step an eviction: the memory would stay with a ghost
 * until the job is done, and TTM, which wants it at once, evict the next object, too.
 * One of the tests looks. So the caller waits, as it does where a job cannot be had.
 */
static int ttm_move_mock_prepare(struct ttm_move_job *job)
{
	return job->bo->resource->mem_type == TTM_PL_VRAM ? -EBUSY : 0;
}

static const struct ttm_move_ops ttm_move_mock_ops = {
	.dependency = ttm_move_mock_dependency,
	.prepare = ttm_move_mock_prepare,
};

/* What the patched driver calls */

static int ttm_move_mock_create(struct ttm_device *bdev)
{
	struct ttm_move_mock *mock = kzalloc(sizeof(*mock), GFP_KERNEL);
	int ret;

	if (!mock)
		return -ENOMEM;

	ret = ttm_move_device_init(&mock->mdev, bdev, "mock", &ttm_move_mock_ops,
				   mock);
	if (ret) {
		kfree(mock);
		return ret;
	}

	mutex_lock(&ttm_move_mock_lock);
	list_add(&mock->link, &ttm_move_mocks);
	mutex_unlock(&ttm_move_mock_lock);
	return 0;
}

/* Gives a device its worker. On an error the device is gone. */
int ttm_move_mock_init(struct ttm_device *bdev)
{
	int mode = ttm_move_mock_mode();
	int ret = mode < 0 ? mode : 0;

	if (mode > TTM_MOVE_MOCK_KERNEL)
		ret = ttm_move_mock_create(bdev);
	if (ret)
		ttm_device_fini(bdev);
	return ret;
}
EXPORT_SYMBOL_GPL(ttm_move_mock_init);

static void ttm_move_mock_account(struct ttm_move_mock *mock)
{
	struct ttm_move_stats stats;

	ttm_move_device_stats(&mock->mdev, &stats);
	mutex_lock(&ttm_move_mock_lock);
	list_del(&mock->link);
	ttm_move_mock_sum.jobs += stats.jobs;
	ttm_move_mock_sum.sync_moves += stats.sync_moves;
	ttm_move_mock_sum.errors += stats.errors;
	mutex_unlock(&ttm_move_mock_lock);
}

/* Waits until no move is in flight and TTM has let go of what they held. */
void ttm_move_mock_drain(struct ttm_device *bdev)
{
	struct ttm_move_mock *mock = ttm_move_mock_find(bdev);

	if (!mock)
		return;
	ttm_move_device_flush(&mock->mdev);
	drain_workqueue(bdev->wq);
}
EXPORT_SYMBOL_GPL(ttm_move_mock_drain);

/* In the place of ttm_device_fini(). */
void ttm_move_mock_device_fini(struct ttm_device *bdev)
{
	struct ttm_move_mock *mock = ttm_move_mock_find(bdev);

	if (mock) {
		ttm_move_mock_drain(bdev);
		ttm_move_mock_account(mock);
		ttm_move_device_fini(&mock->mdev);
		kfree(mock);
	}
	ttm_device_fini(bdev);
}
EXPORT_SYMBOL_GPL(ttm_move_mock_device_fini);

static int ttm_move_mock_move_async(struct ttm_move_mock *mock,
				    struct ttm_buffer_object *bo, bool evict,
				    struct ttm_operation_ctx *ctx,
				    struct ttm_resource *dst)
{
	int ret;

	if (ttm_move_mock_mode() == TTM_MOVE_MOCK_BUSY)
		mock->user = ttm_move_mock_user_create();
	ret = ttm_bo_move_memcpy_async(&mock->mdev, bo, evict, ctx, dst);
	dma_fence_put(mock->user);
	mock->user = NULL;
	return ret;
}

/* In the place of ttm_bo_move_memcpy(). */
int ttm_move_mock_move(struct ttm_buffer_object *bo, bool evict,
		       struct ttm_operation_ctx *ctx, struct ttm_resource *dst)
{
	struct ttm_move_mock *mock = ttm_move_mock_find(bo->bdev);

	mutex_lock(&ttm_move_mock_lock);
	ttm_move_mock_sum.moves++;
	mutex_unlock(&ttm_move_mock_lock);
	if (!mock)
		return ttm_bo_move_memcpy(bo, ctx, dst);
	return ttm_move_mock_move_async(mock, bo, evict, ctx, dst);
}
EXPORT_SYMBOL_GPL(ttm_move_mock_move);

MODULE_DESCRIPTION("Move worker for the mock driver of TTM's KUnit tests");
MODULE_LICENSE("Dual MIT/GPL");
