// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fence contexts, and retirement in order.
 *
 * "Model:" names what stands for a function in tools/testing/model/ttm_move.pml.
 */
#include <linux/kref.h>
#include <linux/slab.h>

#include <kunit/visibility.h>

#include "ttm_move_internal.h"
#include "ttm_move_section.h"
#include "ttm_move_trace.h"

void ttm_move_timeline_init(struct ttm_move_timeline *timeline,
			    const char *name)
{
	kref_init(&timeline->ref);
	spin_lock_init(&timeline->lock);
	INIT_LIST_HEAD(&timeline->jobs);
	timeline->context = dma_fence_context_alloc(1);
	timeline->seqno = 0;
	strscpy(timeline->name, name, sizeof(timeline->name));
}

/**
 * ttm_move_timeline_create() - create a fence context whose fences signal in order
 * @name: name for traces and sync_file; copied, cut after 15 characters
 *
 * Give one timeline to each stream of moves that are ordered anyway: those of an
 * object or of a client. Evictions have timelines of their own, made by
 * ttm_move_device_init(): a client's late dependency must not hold them back.
 *
 * Context: Process context. May sleep.
 * Return: the timeline, with a reference for the caller, to be dropped by
 * ttm_move_timeline_put(); NULL when out of memory.
 */
struct ttm_move_timeline *ttm_move_timeline_create(const char *name)
{
	struct ttm_move_timeline *timeline = ttm_move_zalloc(sizeof(*timeline));

	if (timeline)
		ttm_move_timeline_init(timeline, name);
	return timeline;
}
EXPORT_SYMBOL_GPL(ttm_move_timeline_create);

/**
 * ttm_move_timeline_get() - take a reference
 * @timeline: the timeline
 *
 * Context: Any context.
 * Return: @timeline.
 */
struct ttm_move_timeline *ttm_move_timeline_get(struct ttm_move_timeline *timeline)
{
	kref_get(&timeline->ref);
	return timeline;
}
EXPORT_SYMBOL_GPL(ttm_move_timeline_get);

static void ttm_move_timeline_free(struct kref *ref)
{
	kvfree(container_of(ref, struct ttm_move_timeline, ref));
}

/**
 * ttm_move_timeline_put() - drop a reference
 * @timeline: the timeline; may be NULL
 *
 * The fences of a timeline keep it alive, signalled or not.
 *
 * Context: Any context.
 */
void ttm_move_timeline_put(struct ttm_move_timeline *timeline)
{
	if (timeline)
		kref_put(&timeline->ref, ttm_move_timeline_free);
}
EXPORT_SYMBOL_GPL(ttm_move_timeline_put);

/* Signals no earlier than the job before it, whatever that one waits for. */
static void ttm_move_timeline_inherit(struct ttm_move_timeline *timeline,
				      struct ttm_move_job *job)
{
	lockdep_assert_held(&timeline->lock);

	if (!list_empty(&timeline->jobs))
		job->foreign |= list_last_entry(&timeline->jobs,
						struct ttm_move_job,
						link)->foreign;
}

/* Makes the job's fence: from here on it must signal. Model: timeline_add. */
void ttm_move_timeline_add(struct ttm_move_timeline *timeline,
			   struct ttm_move_job *job,
			   const struct dma_fence_ops *ops)
{
	ttm_move_section_assert();

	spin_lock_irq(&timeline->lock);
	ttm_move_timeline_inherit(timeline, job);
	dma_fence_init(&job->fence, ops, &timeline->lock, timeline->context,
		       ++timeline->seqno);
	list_add_tail(&job->link, &timeline->jobs);
	spin_unlock_irq(&timeline->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_timeline_add);

/*
 * Before an urgent job all are urgent: there may be many of them, and many may be made
 * urgent one by one.
 */
static void ttm_move_timeline_hurry_locked(struct ttm_move_timeline *timeline,
					   struct ttm_move_job *job)
{
	struct ttm_move_job *each = job;

	lockdep_assert_held(&timeline->lock);

	list_for_each_entry_continue_reverse(each, &timeline->jobs, link)
		if (each->urgent)
			break;
	list_for_each_entry_continue(each, &timeline->jobs, link) {
		ttm_move_work_hurry(each);
		if (each == job)
			break;
	}
}

/*
 * Lets what has to signal before @job, and @job, go before other copies. All of them are
 * still to be signalled, and so have not been released, while the lock is held.
 */
void ttm_move_timeline_hurry(struct ttm_move_timeline *timeline,
			     struct ttm_move_job *job)
{
	unsigned long flags;

	spin_lock_irqsave(&timeline->lock, flags);
	if (!test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &job->fence.flags) &&
	    !job->urgent)
		ttm_move_timeline_hurry_locked(timeline, job);
	spin_unlock_irqrestore(&timeline->lock, flags);
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_timeline_hurry);

/* Model: signal. */
static void ttm_move_timeline_signal(struct ttm_move_job *job)
{
	lockdep_assert_held(&job->timeline->lock);

	if (job->error)
		dma_fence_set_error(&job->fence, job->error);
	WRITE_ONCE(job->state, TTM_MOVE_RETIRED);
	dma_fence_signal_locked(&job->fence);
}

/*
 * Signal the oldest job if it is done. Taking it off the list and signalling it
 * under one lock is what keeps the order when several workers retire at once.
 * Model: look and signal.
 */
static struct ttm_move_job *
ttm_move_timeline_signal_head(struct ttm_move_timeline *timeline)
{
	struct ttm_move_job *job;
	unsigned long flags;

	spin_lock_irqsave(&timeline->lock, flags);
	job = list_first_entry_or_null(&timeline->jobs, struct ttm_move_job,
				       link);
	if (job && READ_ONCE(job->state) == TTM_MOVE_DONE) {
		list_del(&job->link);
		ttm_move_timeline_signal(job);
	} else {
		job = NULL;
	}
	spin_unlock_irqrestore(&timeline->lock, flags);
	return job;
}

/*
 * @job has done its work: signal it and all that waited behind it, or leave it
 * to the worker of an older job. The lock is dropped after each fence, so that
 * interrupts are off for one fence's callbacks at a time, however many wait.
 * Model: retire.
 */
void ttm_move_timeline_retire(struct ttm_move_timeline *timeline,
			      struct ttm_move_job *job,
			      struct list_head *retired)
{
	unsigned long flags;

	ttm_move_section_assert();

	/* Another worker may retire and free the job, and all of the timeline. */
	ttm_move_timeline_get(timeline);

	spin_lock_irqsave(&timeline->lock, flags);
	WRITE_ONCE(job->state, TTM_MOVE_DONE);
	spin_unlock_irqrestore(&timeline->lock, flags);

	while ((job = ttm_move_timeline_signal_head(timeline))) {
		trace_ttm_move_retired(job, ttm_move_job_age(job));
		list_add_tail(&job->link, retired);
	}

	ttm_move_timeline_put(timeline);
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_timeline_retire);
