// SPDX-License-Identifier: MIT
/*
 * Selftests of the moves that do not block their caller: what those on the mock device
 * and those on a live one share.
 *
 * No test measures time. Where one waits, it waits for something that has to come, and
 * MW_TIMEOUT only turns a hang into an error. Where a call must not wait for a fence,
 * the test owns that fence, and its watchdog frees the call that waits all the same.
 */
#include <linux/dma-fence-array.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/vmalloc.h>

#include "gt/intel_gt_pm.h"

#include "i915_random.h"
#include "i915_selftest.h"

/* In jiffies: nothing that has to come takes as long, on any machine. */
#define MW_TIMEOUT	(120 * HZ)

/* In jiffies: from here on a call that should have returned waits for the fence. */
#define MW_WATCHDOG	(30 * HZ)

/* In ms: who sleeps that long waits for the test. On a slow machine it may not notice. */
#define MW_STILL	20

static int mw_expect(const char *what, int is, int expected)
{
	if (is == expected)
		return 0;
	pr_err("%s is %d instead of %d\n", what, is, expected);
	return -EINVAL;
}

/* The list of subtests takes -EINTR for a user who has had enough, and for no failure. */
static int mw_uninterrupted(int err)
{
	return err == -EINTR ? mw_expect("the test's result", err, 0) : err;
}

/* Fences of the test's own */

/**
 * struct mw_fence - a fence that signals when the test says so
 * @base: the fence; comes first, since the memory is freed by its address
 * @lock: the fence's
 * @watchdog: signals for a test that is stuck
 * @late: the watchdog did
 */
struct mw_fence {
	struct dma_fence base;
	spinlock_t lock; /* the fence's */
	struct delayed_work watchdog;
	bool late;
};

static const char *mw_fence_name(struct dma_fence *fence)
{
	return "ttm_move_selftest";
}

static const struct dma_fence_ops mw_fence_ops = {
	.get_driver_name = mw_fence_name,
	.get_timeline_name = mw_fence_name,
};

static void mw_fence_watchdog(struct work_struct *work)
{
	struct mw_fence *f = container_of(work, typeof(*f), watchdog.work);

	WRITE_ONCE(f->late, true);
	dma_fence_signal(&f->base);
	dma_fence_put(&f->base);
}

static struct mw_fence *mw_fence_create_in(u64 context)
{
	struct mw_fence *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return NULL;

	spin_lock_init(&f->lock);
	dma_fence_init(&f->base, &mw_fence_ops, &f->lock, context, 1);
	INIT_DELAYED_WORK(&f->watchdog, mw_fence_watchdog);
	dma_fence_get(&f->base);
	schedule_delayed_work(&f->watchdog, MW_WATCHDOG);
	return f;
}

/* Without a context, as fences of i915's own have it: i915 waits as long as it takes. */
static struct mw_fence *mw_fence_create(void)
{
	return mw_fence_create_in(0);
}

/* As another driver's: i915's patience with it has an end. */
static struct mw_fence *mw_stranger_create(void)
{
	return mw_fence_create_in(dma_fence_context_alloc(1));
}

/* -ETIME if somebody waited for the fence who should not have. */
static int mw_fence_end(struct mw_fence *f, int error)
{
	if (cancel_delayed_work_sync(&f->watchdog))
		dma_fence_put(&f->base);
	if (READ_ONCE(f->late)) {
		pr_err("a call waited for the fence that held the move back\n");
		return -ETIME;
	}
	if (error && !dma_fence_is_signaled(&f->base))
		dma_fence_set_error(&f->base, error);
	dma_fence_signal(&f->base);
	return 0;
}

static int mw_fence_signal(struct mw_fence *f)
{
	return mw_fence_end(f, 0);
}

static void mw_fence_put(struct mw_fence *f)
{
	if (!f)
		return;
	mw_fence_end(f, 0);
	dma_fence_put(&f->base);
}

static int mw_wait(struct dma_fence *fence)
{
	if (dma_fence_wait_timeout(fence, false, MW_TIMEOUT) > 0)
		return 0;
	pr_err("fence %llu:%llu does not signal\n", fence->context, fence->seqno);
	return -ETIME;
}

static struct ttm_move_device *mw_mdev(struct drm_i915_private *i915)
{
	return &i915->ttm_move_worker->mdev;
}

/* When this returns, no job can do anything before another fence signals. */
static void mw_settle(struct drm_i915_private *i915)
{
	flush_workqueue(mw_mdev(i915)->wq);
	flush_workqueue(mw_mdev(i915)->pass_wq);
}

static bool mw_is_idle(struct ttm_move_device *mdev)
{
	bool idle;

	spin_lock(&mdev->lock);
	idle = list_empty(&mdev->in_flight);
	spin_unlock(&mdev->lock);
	return idle;
}

/* Until no job holds anything. */
static int mw_flush(struct drm_i915_private *i915)
{
	struct ttm_move_device *mdev = mw_mdev(i915);

	if (!wait_event_timeout(mdev->wait, mw_is_idle(mdev), MW_TIMEOUT)) {
		pr_err("jobs do not end\n");
		return -ETIME;
	}
	i915_ttm_move_worker_flush(i915);
	return 0;
}

/* Bytes that tell where they belong: no two words of any two objects are alike. */

static u64 mw_word(u64 seed, u64 i)
{
	return (seed + i) * 0x9e3779b97f4a7c15ull;
}

static void mw_fill(u64 *words, u64 bytes, u64 seed)
{
	u64 i;

	for (i = 0; i < bytes / sizeof(u64); i++) {
		if (!(i % SZ_64K))
			cond_resched();
		words[i] = mw_word(seed, i);
	}
}

static int mw_check(const u64 *words, u64 bytes, u64 seed)
{
	u64 i;

	for (i = 0; i < bytes / sizeof(u64); i++) {
		if (!(i % SZ_64K))
			cond_resched();
		if (words[i] == mw_word(seed, i))
			continue;
		pr_err("word %llu of %llu is %llx instead of %llx\n", i,
		       bytes / sizeof(u64), words[i], mw_word(seed, i));
		return -EINVAL;
	}
	return 0;
}

/* Tasks that are expected to wait */

/**
 * struct mw_task - a call that may block, in a thread of its own
 * @fn: the call
 * @obj: for it: reference
 * @dmabuf: for it: reference, or NULL
 * @mm: for it: an address space
 * @owner: for it: whose that is
 * @addr: for it: where in @mm the object is mapped
 * @seed: for it: what the object should hold
 * @thread: the thread: reference
 * @done: the call has returned
 * @err: what it returned
 */
struct mw_task {
	int (*fn)(struct mw_task *task);
	struct drm_i915_gem_object *obj;
	struct dma_buf *dmabuf;
	struct mm_struct *mm;
	struct task_struct *owner;
	unsigned long addr;
	u64 seed;
	struct task_struct *thread;
	struct completion done;
	int err;
};

static int mw_task_main(void *arg)
{
	struct mw_task *task = arg;

	task->err = task->fn(task);
	complete(&task->done);
	return 0;
}

static int mw_task_start(struct mw_task *task)
{
	struct task_struct *thread;

	init_completion(&task->done);
	thread = kthread_create(mw_task_main, task, "ttm_move_selftest");
	if (IS_ERR(thread))
		return PTR_ERR(thread);

	task->thread = get_task_struct(thread);
	wake_up_process(thread);
	return 0;
}

static bool mw_task_sleeps(struct mw_task *task)
{
	return READ_ONCE(task->thread->__state) & TASK_NORMAL;
}

/*
 * The call has returned, though it should not, or cannot go on: it sleeps, and nobody
 * has woken it meanwhile.
 */
static bool mw_task_is_stuck(struct mw_task *task)
{
	unsigned long switches;

	if (!mw_task_sleeps(task))
		return completion_done(&task->done);

	switches = READ_ONCE(task->thread->nvcsw);
	msleep(MW_STILL);
	return completion_done(&task->done) ||
	       (mw_task_sleeps(task) && READ_ONCE(task->thread->nvcsw) == switches);
}

static int mw_task_expect_blocked(struct mw_task *task)
{
	wait_for(mw_task_is_stuck(task), 10000);
	if (!completion_done(&task->done))
		return 0;
	pr_err("a call did not wait for the move, and returned %d\n", task->err);
	return -EINVAL;
}

/* -ETIME, and whatever the task uses is lost, if it does not come back. */
static int mw_task_join(struct mw_task *task)
{
	if (!wait_for_completion_timeout(&task->done, MW_TIMEOUT)) {
		pr_err("a call that waits for a move does not return\n");
		return -ETIME;
	}
	put_task_struct(task->thread);
	return task->err;
}

#include "i915_ttm_move_worker_mock.c"
#include "i915_ttm_move_worker_live.c"
