// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The worker of one TTM device: queues, jobs in flight, teardown.
 *
 * "Model:" names what stands for a function in tools/testing/model/ttm_move.pml.
 */
#include <linux/dev_printk.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <kunit/visibility.h>

#include <drm/ttm/ttm_device.h>

#include "ttm_move_internal.h"
#include "ttm_move_section.h"

/*
 * All memory of the worker comes from here, so that tests can refuse it. It is charged to
 * whoever asks for a move: user space decides how many are in flight. Nobody is killed for
 * it, since a move can do without.
 */
void *ttm_move_zalloc(size_t bytes)
{
	KUNIT_STATIC_STUB_REDIRECT(ttm_move_zalloc, bytes);
	return kvzalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_NOWARN |
			       __GFP_RETRY_MAYFAIL);
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_zalloc);

static void ttm_move_device_put_timelines(struct ttm_move_device *mdev)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mdev->evictions); i++)
		ttm_move_timeline_put(mdev->evictions[i]);
}

static int ttm_move_device_create_timelines(struct ttm_move_device *mdev)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mdev->evictions); i++) {
		mdev->evictions[i] = ttm_move_timeline_create("evict");
		if (!mdev->evictions[i])
			return -ENOMEM;
	}
	return 0;
}

/*
 * The copies have a queue of their own: a rescuer guarantees progress when
 * reclaim waits for one of the fences, and nothing on that queue ever waits.
 * Each copy keeps a CPU busy: leave one to those who ask for moves, who would
 * otherwise be blocked by want of a CPU instead. WQ_SYSFS lets the administrator
 * choose the CPUs and the priority; the number tells the queue from that of the
 * same device before it was unplugged, which lasts as long as its users.
 *
 * A copy that somebody waits for by a deadline may pass those: one at a time, so that
 * deadlines for all make nobody slower. Helpers of a copy have another queue: whether they
 * get a CPU nobody waits for, and theirs is one that would be idle.
 *
 * Jobs that only pass on what somebody else has copied must not wait for a CPU behind
 * those that copy. Release may sleep on anything, so it must not share a rescuer. To free
 * system pages has one of its own, and goes before copies, as in TTM: that is what helps a
 * machine that is short of them.
 */
static int ttm_move_device_create_queues(struct ttm_move_device *mdev,
					 const char *name)
{
	static atomic_t last_number = ATOMIC_INIT(0);
	u32 number = atomic_inc_return(&last_number);
	unsigned int max_active = max(ttm_move_num_cpus(), 2u) - 1;

	mdev->wq = alloc_workqueue("ttm_move%u_%s",
				   WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_SYSFS,
				   max_active, number, name);
	mdev->urgent_wq = alloc_workqueue("ttm_move_urgent%u_%s",
					  WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_SYSFS,
					  1, number, name);
	mdev->help_wq = alloc_workqueue("ttm_move_help%u_%s",
					WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_SYSFS,
					0, number, name);
	mdev->pass_wq = alloc_workqueue("ttm_move_pass_%s",
					WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI,
					0, name);
	mdev->free_wq = alloc_workqueue("ttm_move_free_%s",
					WQ_MEM_RECLAIM | WQ_UNBOUND | WQ_HIGHPRI,
					0, name);
	mdev->release_wq = alloc_workqueue("ttm_move_put_%s", WQ_UNBOUND, 0,
					   name);
	return mdev->wq && mdev->urgent_wq && mdev->help_wq && mdev->pass_wq &&
	       mdev->free_wq && mdev->release_wq ? 0 : -ENOMEM;
}

static void ttm_move_device_destroy_queues(struct ttm_move_device *mdev)
{
	if (mdev->wq)
		destroy_workqueue(mdev->wq);
	if (mdev->urgent_wq)
		destroy_workqueue(mdev->urgent_wq);
	if (mdev->help_wq)
		destroy_workqueue(mdev->help_wq);
	if (mdev->pass_wq)
		destroy_workqueue(mdev->pass_wq);
	/* Before the last one, which it feeds. */
	if (mdev->free_wq)
		destroy_workqueue(mdev->free_wq);
	if (mdev->release_wq)
		destroy_workqueue(mdev->release_wq);
}

/**
 * ttm_move_device_init() - set up the move worker of a TTM device
 * @mdev: the worker, embedded in the driver's device
 * @bdev: the TTM device
 * @name: tells the worker from others, such as dev_name(); copied
 * @ops: the driver's hooks; must outlive @mdev; may be NULL
 * @priv: for the driver's use in its hooks
 *
 * Call after ttm_device_init() and before the first object is created.
 *
 * Context: Process context. May sleep.
 * Return: 0, or -ENOMEM; then nothing is held.
 */
int ttm_move_device_init(struct ttm_move_device *mdev, struct ttm_device *bdev,
			 const char *name, const struct ttm_move_ops *ops,
			 void *priv)
{
	static const struct ttm_move_ops no_ops;
	int ret;

	memset(mdev, 0, sizeof(*mdev));
	mdev->bdev = bdev;
	mdev->ops = ops ?: &no_ops;
	mdev->priv = priv;
	spin_lock_init(&mdev->lock);
	INIT_LIST_HEAD(&mdev->in_flight);
	init_waitqueue_head(&mdev->wait);

	ret = ttm_move_device_create_timelines(mdev) ?:
	      ttm_move_device_create_queues(mdev, name);
	if (ret) {
		ttm_move_device_destroy_queues(mdev);
		ttm_move_device_put_timelines(mdev);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(ttm_move_device_init);

/**
 * ttm_move_device_fini() - drain and tear down the move worker
 * @mdev: the worker
 *
 * Waits until every job has signalled and every retired hook has returned, which
 * takes as long as the slowest dependency. The caller has made sure that no new
 * move can start. Fences, and the code behind them, live on until their last
 * reference is gone; they no longer refer to @mdev or to the driver.
 *
 * Call after the managers are torn down, since that evicts, and before the TTM
 * device and the aperture go away.
 *
 * Context: Process context. Sleeps. No reservation may be held.
 */
void ttm_move_device_fini(struct ttm_move_device *mdev)
{
	ttm_move_device_flush(mdev);
	WARN_ON(!list_empty(&mdev->in_flight));
	ttm_move_device_destroy_queues(mdev);
	ttm_move_device_put_timelines(mdev);
	/* Only fences that somebody holds keep the module from here on. Model: device_fini. */
	rcu_barrier();
}
EXPORT_SYMBOL_GPL(ttm_move_device_fini);

/* Model: track. */
void ttm_move_device_track(struct ttm_move_job *job)
{
	struct ttm_move_device *mdev = job->mdev;

	spin_lock(&mdev->lock);
	job->ticket = ++mdev->stats.jobs;
	list_add_tail(&job->tracked, &mdev->in_flight);
	spin_unlock(&mdev->lock);
}

static void ttm_move_device_account(struct ttm_move_device *mdev,
				    const struct ttm_move_job *job)
{
	lockdep_assert_held(&mdev->lock);

	if (job->error)
		mdev->stats.errors++;
	else if (job->op == TTM_MOVE_COPY)
		mdev->stats.copied_bytes += job->bytes;
	else if (job->op == TTM_MOVE_CLEAR)
		mdev->stats.cleared_bytes += job->bytes;
	else
		mdev->stats.skipped++;
}

/* The job needs nothing of the driver or of @mdev any more. Model: untrack and wake. */
void ttm_move_device_untrack(struct ttm_move_job *job)
{
	struct ttm_move_device *mdev = job->mdev;

	spin_lock(&mdev->lock);
	list_del(&job->tracked);
	ttm_move_device_account(mdev, job);
	spin_unlock(&mdev->lock);
	wake_up_all(&mdev->wait);
}

/**
 * ttm_move_device_count_sync() - note a move that was made in its caller
 * @mdev: the worker
 *
 * For drivers that make such moves themselves; ttm_bo_move_memcpy_async() notes its
 * own.
 *
 * Context: Process context.
 */
void ttm_move_device_count_sync(struct ttm_move_device *mdev)
{
	spin_lock(&mdev->lock);
	mdev->stats.sync_moves++;
	spin_unlock(&mdev->lock);
}
EXPORT_SYMBOL_GPL(ttm_move_device_count_sync);

static bool ttm_move_device_done(struct ttm_move_device *mdev, u64 ticket)
{
	struct ttm_move_job *oldest;
	bool done;

	spin_lock(&mdev->lock);
	oldest = list_first_entry_or_null(&mdev->in_flight,
					  struct ttm_move_job, tracked);
	done = !oldest || oldest->ticket > ticket;
	spin_unlock(&mdev->lock);
	return done;
}

static u64 ttm_move_device_armed(struct ttm_move_device *mdev)
{
	u64 ticket;

	spin_lock(&mdev->lock);
	ticket = mdev->stats.jobs;
	spin_unlock(&mdev->lock);
	return ticket;
}

/**
 * ttm_move_device_flush() - wait for the jobs that are in flight now
 * @mdev: the worker
 *
 * Returns when every job armed before the call has signalled, the pages that it held
 * are free, and its retired hook has returned. Jobs armed later are not waited for.
 *
 * Context: Process context. Sleeps for as long as the slowest dependency takes.
 * Not inside a fence signalling section; not with a lock held that a retired
 * hook takes.
 */
void ttm_move_device_flush(struct ttm_move_device *mdev)
{
	u64 ticket = ttm_move_device_armed(mdev);

	wait_event(mdev->wait, ttm_move_device_done(mdev, ticket));
}
EXPORT_SYMBOL_GPL(ttm_move_device_flush);

/**
 * ttm_move_device_flush_timeout() - wait for the jobs in flight, but not for ever
 * @mdev: the worker
 * @timeout: how long at most, in jiffies
 *
 * For callers that have a way back, such as suspend, where those who should meet the
 * jobs' dependencies may be asleep.
 *
 * Context: As for ttm_move_device_flush(), but sleeps no longer than @timeout.
 * Return: 0, or -EBUSY if some are still in flight.
 */
int ttm_move_device_flush_timeout(struct ttm_move_device *mdev, long timeout)
{
	u64 ticket = ttm_move_device_armed(mdev);

	return wait_event_timeout(mdev->wait, ttm_move_device_done(mdev, ticket),
				  timeout) ? 0 : -EBUSY;
}
EXPORT_SYMBOL_GPL(ttm_move_device_flush_timeout);

/* System memory, for reclaim */

/* Not where somebody else's fence comes first: reclaim may not wait for that. */
static bool ttm_move_job_will_free(const struct ttm_move_job *job)
{
	return job->leaves_tt && !job->foreign &&
	       !test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &job->fence.flags);
}

/**
 * ttm_move_device_pending() - system memory that moves in flight will leave behind
 * @mdev: the worker
 *
 * For a driver's shrinker: the system pages of an object that has moved elsewhere are
 * freed when the move has ended. Moves that wait for a fence of somebody else do not
 * count.
 *
 * Context: Process context, reclaim included. Does not sleep.
 * Return: how much, in bytes.
 */
u64 ttm_move_device_pending(struct ttm_move_device *mdev)
{
	struct ttm_move_job *job;
	u64 bytes = 0;

	spin_lock(&mdev->lock);
	list_for_each_entry(job, &mdev->in_flight, tracked)
		if (ttm_move_job_will_free(job))
			bytes += job->bytes;
	spin_unlock(&mdev->lock);
	return bytes;
}
EXPORT_SYMBOL_GPL(ttm_move_device_pending);

/* The oldest of the moves that count; a reference. */
static struct dma_fence *ttm_move_device_next_pending(struct ttm_move_device *mdev)
{
	struct dma_fence *fence = NULL;
	struct ttm_move_job *job;

	spin_lock(&mdev->lock);
	list_for_each_entry(job, &mdev->in_flight, tracked) {
		if (!ttm_move_job_will_free(job))
			continue;
		fence = dma_fence_get(&job->fence);
		break;
	}
	spin_unlock(&mdev->lock);
	return fence;
}

/* Of all who wait for a move, one may count its memory as his. */
static u64 ttm_move_job_claim(struct ttm_move_job *job)
{
	return atomic_xchg(&job->claimed, 1) ? 0 : job->bytes;
}

/**
 * ttm_move_device_wait_pending() - wait for a move that leaves system memory behind
 * @mdev: the worker
 *
 * For a driver's shrinker: waits for the oldest of the moves that
 * ttm_move_device_pending() counts. This is the wait that the rules of the worker's
 * fences make possible: nothing on the way to their signal allocates.
 *
 * Context: Process context, reclaim with __GFP_FS included. Sleeps until the move has
 * ended, or a signal arrives. Not inside a fence signalling section.
 * Return: how much memory is about to be freed, in bytes; 0 if there was no such move,
 * somebody else has been told of it, or the wait was interrupted.
 */
u64 ttm_move_device_wait_pending(struct ttm_move_device *mdev)
{
	struct dma_fence *fence = ttm_move_device_next_pending(mdev);
	u64 bytes = 0;

	if (fence && !dma_fence_wait(fence, true))
		bytes = ttm_move_job_claim(ttm_move_job_from_fence(fence));
	dma_fence_put(fence);
	return bytes;
}
EXPORT_SYMBOL_GPL(ttm_move_device_wait_pending);

/**
 * ttm_move_device_stats() - read the totals
 * @mdev: the worker
 * @stats: receives a consistent copy
 *
 * Context: Process context.
 */
void ttm_move_device_stats(struct ttm_move_device *mdev,
			   struct ttm_move_stats *stats)
{
	spin_lock(&mdev->lock);
	*stats = mdev->stats;
	spin_unlock(&mdev->lock);
}
EXPORT_SYMBOL_GPL(ttm_move_device_stats);

static int __init ttm_move_module_init(void)
{
	ttm_move_copy_init();
	ttm_move_section_init();
	return 0;
}

/*
 * The last fence's RCU callback has dropped the module's last reference; it may
 * not have returned yet. Nor may ttm_move_fence_release(), which queued it: a task
 * that is preempted there is nothing that RCU waits for, but RCU Tasks does.
 * Model: module_exit.
 */
static void __exit ttm_move_module_exit(void)
{
	rcu_barrier();
	synchronize_rcu_tasks();
	ttm_move_section_fini();
}

module_init(ttm_move_module_init);
module_exit(ttm_move_module_exit);

MODULE_DESCRIPTION("Asynchronous CPU moves for TTM");
MODULE_LICENSE("Dual MIT/GPL");
