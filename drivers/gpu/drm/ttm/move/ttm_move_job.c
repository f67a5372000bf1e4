// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Jobs: one move in flight each.
 *
 * Everything that may fail or sleep comes first. ttm_move_job_arm() is the point
 * of no return: it publishes the fence, cannot fail, and from then on nothing on
 * the way to the signal allocates, waits for a fence or takes a lock that is
 * elsewhere held over either.
 *
 * "Model:" names what stands for a function in tools/testing/model/ttm_move.pml.
 */
#include <linux/dma-fence-unwrap.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "ttm_move_internal.h"
#include "ttm_move_section.h"
#include "ttm_move_trace.h"

/* A copy gives way to others at least this often, in bytes; more often where it is slow. */
#define TTM_MOVE_SLICE_BYTES	SZ_64K
#define TTM_MOVE_UNCACHED_BYTES	SZ_4K

/* How long the job has been in flight, in nanoseconds. */
s64 ttm_move_job_age(const struct ttm_move_job *job)
{
	return ktime_to_ns(ktime_sub(ktime_get(), job->queued));
}

/* The job enters its next stage: how long the last one took, in nanoseconds. */
s64 ttm_move_job_lap(struct ttm_move_job *job)
{
	ktime_t now = ktime_get();
	s64 ns = ktime_to_ns(ktime_sub(now, job->since));

	job->since = now;
	return ns;
}

static const char *ttm_move_direction(const struct ttm_move_mem *dst,
				      const struct ttm_move_mem *src)
{
	if (src->ops->maps_tt)
		return "in";
	return dst->ops->maps_tt ? "out" : "across";
}

/* Copying, also without a job */

/* What counts is the end that is device memory: both, if both are. */
static bool ttm_move_is_plain(const struct ttm_move_iter *iter,
			      const struct iosys_map *map)
{
	return !map->is_iomem || iter->mem->aperture.plain;
}

/* The caches could not keep it, or may not. */
static bool ttm_move_must_stream(const struct ttm_move_iter *iter)
{
	return iter->mem->bytes >= TTM_MOVE_LARGE_BYTES || iter->mem->uncached;
}

static u64 ttm_move_slice_bytes(const struct ttm_move_iter *iter)
{
	return iter->mem->uncached ? TTM_MOVE_UNCACHED_BYTES : TTM_MOVE_SLICE_BYTES;
}

/*
 * Copies the longest run of the source that starts at @offset, at most @max bytes, to
 * where @map, of @dst, says.
 */
static ssize_t ttm_move_copy_run(struct ttm_move_iter *dst, struct iosys_map *map,
				 struct ttm_move_iter *src, u64 offset,
				 size_t max)
{
	struct iosys_map from;
	ssize_t n = ttm_move_iter_map(src, offset, max, &from);

	if (n > 0) {
		ttm_move_copy_map(map, &from, n,
				  ttm_move_is_plain(dst, map) &&
				  ttm_move_is_plain(src, &from),
				  ttm_move_must_stream(dst) ||
				  ttm_move_must_stream(src));
		ttm_move_iter_unmap(src, &from);
	}
	return n;
}

/* One run of the destination, in as many pieces as the source has there. */
static ssize_t ttm_move_copy_slice(struct ttm_move_iter *dst,
				   struct ttm_move_iter *src, u64 offset,
				   size_t max)
{
	struct iosys_map map, to;
	ssize_t bytes, done, n = 0;

	bytes = ttm_move_iter_map(dst, offset, max, &map);
	if (bytes < 0)
		return bytes;

	to = map;
	for (done = 0; done < bytes; done += n) {
		n = ttm_move_copy_run(dst, &to, src, offset + done, bytes - done);
		if (n < 0)
			break;
		iosys_map_incr(&to, n);
	}
	ttm_move_iter_unmap(dst, &map);
	return n < 0 ? n : bytes;
}

int ttm_move_copy_some(struct ttm_move_iter *dst, struct ttm_move_iter *src,
		       u64 offset, u64 bytes)
{
	u64 slice = min(ttm_move_slice_bytes(dst), ttm_move_slice_bytes(src));
	u64 end = offset + bytes;
	ssize_t n;

	for (; offset < end; offset += n) {
		n = ttm_move_copy_slice(dst, src, offset, min(end - offset, slice));
		if (n < 0)
			return n;
		cond_resched();
	}
	return 0;
}

/**
 * ttm_move_copy() - copy between two memories, in the caller
 * @dst: destination
 * @src: source
 * @offset: where to begin in both, in bytes
 * @bytes: how much
 *
 * Context: Process context. Gives way to other tasks, but neither allocates nor
 * takes a lock: allowed inside a fence signalling section.
 * Return: 0, or what an iterator returned; then the destination is undefined.
 */
int ttm_move_copy(const struct ttm_move_mem *dst,
		  const struct ttm_move_mem *src, u64 offset, u64 bytes)
{
	struct ttm_move_iter to, from;

	ttm_move_iter_init(&to, dst);
	ttm_move_iter_init(&from, src);
	return ttm_move_copy_some(&to, &from, offset, bytes);
}
EXPORT_SYMBOL_GPL(ttm_move_copy);

/* A hole does not excuse the bytes behind it, where they may not stay as they are. */
int ttm_move_clear_some(struct ttm_move_iter *dst, u64 offset, u64 bytes,
			bool skip_holes)
{
	struct iosys_map map;
	u64 slice = ttm_move_slice_bytes(dst), end = offset + bytes;
	ssize_t n;

	for (; offset < end; offset += n) {
		n = ttm_move_iter_map(dst, offset, min(end - offset, slice), &map);
		if (n > 0) {
			ttm_move_clear_map(&map, n, ttm_move_is_plain(dst, &map),
					   ttm_move_must_stream(dst));
			ttm_move_iter_unmap(dst, &map);
		} else if (skip_holes) {
			n = PAGE_SIZE - offset_in_page(offset);
		} else {
			return n;
		}
		cond_resched();
	}
	return 0;
}

/**
 * ttm_move_clear() - fill a memory with zeroes, in the caller
 * @dst: destination
 * @offset: where to begin, in bytes
 * @bytes: how much
 *
 * Context: As for ttm_move_copy().
 * Return: 0, or what the iterator returned.
 */
int ttm_move_clear(const struct ttm_move_mem *dst, u64 offset, u64 bytes)
{
	struct ttm_move_iter to;

	ttm_move_iter_init(&to, dst);
	return ttm_move_clear_some(&to, offset, bytes, false);
}
EXPORT_SYMBOL_GPL(ttm_move_clear);

/* Release: after the signal, outside of the signalling section */

static void ttm_move_job_put_fences(struct ttm_move_job *job)
{
	while (job->num_deps)
		dma_fence_put(job->deps[--job->num_deps].fence);
	if (job->deps != job->inline_deps)
		kvfree(job->deps);
}

/* Gives back what the job holds of the driver and of others. Model: fini. */
static void ttm_move_job_fini(struct ttm_move_job *job)
{
	if (job->prepared && job->mdev->ops->retired)
		job->mdev->ops->retired(job);
	ttm_move_mem_fini(&job->dst);
	ttm_move_mem_fini(&job->src);
	ttm_move_job_put_fences(job);
}

static void ttm_move_job_free(struct ttm_move_job *job)
{
	if (job->timeline != &job->own)
		ttm_move_timeline_put(job->timeline);
	kvfree(job->helpers);
	kvfree(job);
	module_put(THIS_MODULE);
}

/* Model: release_begin and release_end. */
static void ttm_move_job_release(struct ttm_move_job *job)
{
	ttm_move_job_fini(job);
	ttm_move_device_untrack(job);
	dma_fence_put(&job->fence);
}

/*
 * A hook or an unmap may wait for a task that waits, in reclaim, for one of our
 * fences: it must not hold up the queue that signals them.
 */
static bool ttm_move_job_release_may_sleep(const struct ttm_move_job *job)
{
	return (job->prepared && job->mdev->ops->retired) ||
	       is_vmalloc_addr(job->deps) ||
	       ttm_move_mem_fini_may_sleep(&job->dst) ||
	       ttm_move_mem_fini_may_sleep(&job->src);
}

/* First the pages: what they are needed for may be what a hook waits for. */
static void ttm_move_job_release_next(struct ttm_move_job *job)
{
	if (job->tt)
		queue_work(job->mdev->free_wq, &job->free_work);
	else if (ttm_move_job_release_may_sleep(job))
		queue_work(job->mdev->release_wq, &job->release_work);
	else
		ttm_move_job_release(job);
}

static void ttm_move_job_release_work(struct work_struct *work)
{
	ttm_move_job_release(container_of(work, struct ttm_move_job,
					  release_work));
}

static void ttm_move_job_free_work(struct work_struct *work)
{
	struct ttm_move_job *job = container_of(work, struct ttm_move_job, free_work);

	ttm_move_tt_free(job->mdev->bdev, job->tt);
	job->tt = NULL;
	ttm_move_job_release_next(job);
}

/* Model: release_all. */
void ttm_move_job_release_all(struct list_head *retired)
{
	struct ttm_move_job *job, *next;

	list_for_each_entry_safe(job, next, retired, link)
		ttm_move_job_release_next(job);
}

/* What is left to do when the dependencies have signalled */

void ttm_move_job_set_none(struct ttm_move_job *job)
{
	job->op = TTM_MOVE_NONE;
	WRITE_ONCE(job->direction, "none");
}

/*
 * Called with the lock of one of the fences held, so that dma_fence_get_status() will
 * not do. What the others signalled is seen here because of @pending: its last decrement
 * comes after all of them.
 */
static bool ttm_move_guard_failed(const struct ttm_move_job *job,
				  const struct dma_fence *guard)
{
	const struct ttm_move_ops *ops = job->mdev->ops;

	/* The job waited for it; if it did not, only a copy leaves no stale bytes. */
	if (WARN_ON(!test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &guard->flags)))
		return true;
	if (!guard->error)
		return false;
	return !ops->guard_failed || ops->guard_failed(job, guard);
}

/* A failsafe job has nothing to do if all that it guards went well. Model: decide. */
static bool ttm_move_job_is_needed(const struct ttm_move_job *job)
{
	unsigned int i;

	if (job->op == TTM_MOVE_NONE)
		return false;
	for (i = 0; i < job->num_deps; i++)
		if (job->deps[i].guard &&
		    ttm_move_guard_failed(job, job->deps[i].fence))
			return true;
	return job->failed || !job->guarded;
}

/* The fence */

static const char *ttm_move_fence_driver_name(struct dma_fence *fence)
{
	return "ttm_move";
}

static const char *ttm_move_fence_timeline_name(struct dma_fence *fence)
{
	return container_of(fence, struct ttm_move_job, fence)->timeline->name;
}

/* A reference to what an armed job waits for, until it has signalled. */
static struct dma_fence *ttm_move_job_get_dep(struct ttm_move_job *job,
					      unsigned int i)
{
	struct ttm_move_timeline *timeline = job->timeline;
	struct dma_fence *fence = NULL;
	unsigned long flags;

	spin_lock_irqsave(&timeline->lock, flags);
	if (!test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &job->fence.flags) &&
	    i < job->num_deps)
		fence = dma_fence_get(job->deps[i].fence);
	spin_unlock_irqrestore(&timeline->lock, flags);
	return fence;
}

/*
 * Tells the owners of what the job waits for; returns one that is of the worker. A chain
 * or an array is here where there are very many: it would call us for each of its fences,
 * and those for theirs, until the stack ends. A deadline is a hint.
 */
static struct dma_fence *ttm_move_job_hurry_deps(struct ttm_move_job *job,
						 ktime_t deadline)
{
	struct dma_fence *fence, *ours = NULL;
	unsigned int i;

	for (i = 0; (fence = ttm_move_job_get_dep(job, i)); i++) {
		if (ttm_move_job_from_fence(fence))
			swap(ours, fence);
		else if (!dma_fence_is_container(fence))
			dma_fence_set_deadline(fence, deadline);
		dma_fence_put(fence);
	}
	return ours;
}

/*
 * From the job to what it waits for, as long as that is a job as well, such as the move
 * before of the same object; not by recursion, since there may be many.
 */
static void __maybe_unused
ttm_move_fence_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
	struct dma_fence *next;

	for (fence = dma_fence_get(fence); fence; fence = next) {
		struct ttm_move_job *job = ttm_move_job_from_fence(fence);

		ttm_move_timeline_hurry(job->timeline, job);
		next = ttm_move_job_hurry_deps(job, deadline);
		dma_fence_put(fence);
	}
}

static void ttm_move_fence_free(struct rcu_head *rcu)
{
	struct dma_fence *fence = container_of(rcu, struct dma_fence, rcu);

	ttm_move_job_free(container_of(fence, struct ttm_move_job, fence));
}

/* After a grace period: others may look at a dying fence under RCU. Model: rcu. */
static void ttm_move_fence_release(struct dma_fence *fence)
{
	call_rcu(&fence->rcu, ttm_move_fence_free);
}

static const struct dma_fence_ops ttm_move_fence_ops = {
	.get_driver_name = ttm_move_fence_driver_name,
	.get_timeline_name = ttm_move_fence_timeline_name,
	.release = ttm_move_fence_release,
	TTM_MOVE_FENCE_DEADLINE(ttm_move_fence_set_deadline)
};

/**
 * ttm_move_job_from_fence() - the job of a fence
 * @fence: any fence
 *
 * Context: Any context.
 * Return: the job that @fence belongs to, valid as long as the caller's reference
 * to @fence; NULL if @fence is not of the move worker.
 */
struct ttm_move_job *ttm_move_job_from_fence(struct dma_fence *fence)
{
	if (fence->ops != &ttm_move_fence_ops)
		return NULL;
	return container_of(fence, struct ttm_move_job, fence);
}
EXPORT_SYMBOL_GPL(ttm_move_job_from_fence);

/**
 * ttm_move_fence_is_foreign() - whether the worker has no hold on a fence's signal
 * @fence: any fence
 *
 * Context: Any context.
 * Return: false if @fence has signalled, or is of a job that has never had to wait for
 * anything but other jobs; true otherwise: it may take as long as its owner pleases.
 * For a job that stays so until it has signalled, what it waited for included.
 */
bool ttm_move_fence_is_foreign(struct dma_fence *fence)
{
	struct ttm_move_job *job = ttm_move_job_from_fence(fence);

	return (!job || job->foreign) && !dma_fence_is_signaled(fence);
}
EXPORT_SYMBOL_GPL(ttm_move_fence_is_foreign);

/* Dependencies */

/*
 * The last of the dependencies, or arm itself, queues the job; any context.
 * Model: depend_put.
 */
static void ttm_move_job_depend_put(struct ttm_move_job *job)
{
	if (!atomic_dec_and_test(&job->pending))
		return;

	WRITE_ONCE(job->state, TTM_MOVE_READY);
	/* Without dependencies there is no need to look at the clock. */
	trace_ttm_move_ready(job, job->num_deps ? ttm_move_job_lap(job) : 0);
	if (!ttm_move_job_is_needed(job))
		ttm_move_job_set_none(job);
	ttm_move_work_queue(job);
}

/*
 * Called with another fence's lock held and interrupts off: count and queue, but
 * never copy or signal here. Model: call_back.
 */
static void ttm_move_dep_signalled(struct dma_fence *fence,
				   struct dma_fence_cb *cb)
{
	ttm_move_job_depend_put(container_of(cb, struct ttm_move_dep, cb)->job);
}

/*
 * From here on no fence is looked for that another replaces, which takes the square of their
 * number, and chains and arrays, which user space makes, are not taken apart any more.
 */
#define TTM_MOVE_MANY_DEPS	64

/*
 * The dependency that a later fence of the same context can stand in for. Not a
 * guarded one: its own outcome counts.
 */
static struct ttm_move_dep *ttm_move_job_find_dep(struct ttm_move_job *job,
						  const struct dma_fence *fence)
{
	unsigned int i;

	if (job->num_deps >= TTM_MOVE_MANY_DEPS)
		return NULL;
	/* Fences of context 0 have no order among each other. */
	for (i = 0; fence->context && i < job->num_deps; i++)
		if (job->deps[i].fence->context == fence->context &&
		    !job->deps[i].guard)
			return &job->deps[i];
	return NULL;
}

static int ttm_move_job_grow_deps(struct ttm_move_job *job)
{
	unsigned int max = job->max_deps * 2;
	struct ttm_move_dep *deps;

	deps = ttm_move_zalloc(array_size(max, sizeof(*deps)));
	if (!deps)
		return -ENOMEM;

	memcpy(deps, job->deps, job->num_deps * sizeof(*deps));
	if (job->deps != job->inline_deps)
		kvfree(job->deps);
	job->deps = deps;
	job->max_deps = max;
	return 0;
}

static int ttm_move_job_push_dep(struct ttm_move_job *job,
				 struct dma_fence *fence, bool guard)
{
	struct ttm_move_dep *dep;
	int ret;

	if (job->num_deps == job->max_deps) {
		ret = ttm_move_job_grow_deps(job);
		if (ret)
			return ret;
	}
	job->foreign |= ttm_move_fence_is_foreign(fence);
	dep = &job->deps[job->num_deps++];
	dep->fence = dma_fence_get(fence);
	dep->guard = guard;
	return 0;
}

static int ttm_move_job_add_one(struct ttm_move_job *job,
				struct dma_fence *fence)
{
	struct ttm_move_dep *dep;

	if (dma_fence_is_signaled(fence))
		return 0;

	dep = ttm_move_job_find_dep(job, fence);
	if (!dep)
		return ttm_move_job_push_dep(job, fence, false);

	if (dma_fence_is_later(fence, dep->fence)) {
		dma_fence_put(dep->fence);
		dep->fence = dma_fence_get(fence);
		job->foreign |= ttm_move_fence_is_foreign(fence);
	}
	return 0;
}

static int ttm_move_job_add_container(struct ttm_move_job *job,
				      struct dma_fence *fence)
{
	struct dma_fence_unwrap iter;
	struct dma_fence *one;
	unsigned int steps = 0;
	bool many = false;
	int ret = 0;

	dma_fence_unwrap_for_each(one, &iter, fence) {
		many = job->num_deps >= TTM_MOVE_MANY_DEPS;
		/* Going on, if only to drop the iterator's reference. */
		if (!ret && !many)
			ret = ttm_move_job_add_one(job, one);
		/* Not for a few: who is overdue would run at the caller's expense. */
		if (++steps % TTM_MOVE_MANY_DEPS == 0)
			cond_resched();
	}
	if (!ret && many)
		ret = ttm_move_job_push_dep(job, fence, false);
	return ret;
}

/**
 * ttm_move_job_add_dependency() - let a job wait for a fence
 * @job: a job that is not armed
 * @fence: the fence; borrowed: the job takes a reference of its own if it has to
 *	wait. Chains and arrays are taken apart. May be NULL.
 *
 * Of several fences of one context only the latest is kept, as long as there are not
 * very many. Then a chain or an array is waited for as a whole. A dependency that
 * ends with an error is a dependency that is met: the bytes must be moved all the
 * same, or they would be lost.
 *
 * Context: Process context. May sleep.
 * Return: 0, or -ENOMEM; then the job must be dropped.
 */
int ttm_move_job_add_dependency(struct ttm_move_job *job,
				struct dma_fence *fence)
{
	if (!fence)
		return 0;
	if (dma_fence_is_container(fence))
		return ttm_move_job_add_container(job, fence);
	return ttm_move_job_add_one(job, fence);
}
EXPORT_SYMBOL_GPL(ttm_move_job_add_dependency);

/**
 * ttm_move_job_add_resv() - let a job wait for the fences of a reservation object
 * @job: a job that is not armed
 * @resv: the reservation object
 * @usage: which fences. A move gives the memory away, so it has to wait for
 *	everybody who may touch it: DMA_RESV_USAGE_BOOKKEEP, which contains all.
 *
 * Context: Process context. May sleep. @resv is held.
 * Return: 0, or -ENOMEM; then the job must be dropped.
 */
int ttm_move_job_add_resv(struct ttm_move_job *job, struct dma_resv *resv,
			  enum dma_resv_usage usage)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	int ret;

	dma_resv_for_each_fence(&cursor, resv, usage, fence) {
		ret = ttm_move_job_add_dependency(job, fence);
		if (ret)
			return ret;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(ttm_move_job_add_resv);

/**
 * ttm_move_job_add_guard() - make a failsafe job of it
 * @job: a job that is not armed
 * @guard: the fence of the copy, or of a part of it, that somebody else, such as a
 *	GPU, makes of the same bytes; no chain or array; borrowed: the job takes a
 *	reference
 *
 * The job waits for @guard. If that, or another fence that the job guards, ends
 * with an error the job does its work, otherwise it only signals, in the order of
 * its timeline. Its own fence is the one to publish: it carries no error of @guard.
 *
 * Each part counts, so that unlike dependencies none replaces another of the same
 * context. The copy is under way and cannot be called back: where there is no memory
 * to note @guard, the call waits until it has signalled.
 *
 * Context: Process context. May sleep.
 * Return: 0, or -EINVAL for a chain or an array, which does not tell the errors of its
 * parts.
 */
int ttm_move_job_add_guard(struct ttm_move_job *job, struct dma_fence *guard)
{
	if (dma_fence_is_container(guard))
		return -EINVAL;

	job->guarded = true;
	if (dma_fence_is_signaled(guard) || ttm_move_job_push_dep(job, guard, true)) {
		dma_fence_wait(guard, false);
		job->failed |= ttm_move_guard_failed(job, guard);
	}
	return 0;
}
EXPORT_SYMBOL_GPL(ttm_move_job_add_guard);

/* Create, describe, arm */

/**
 * ttm_move_job_create() - begin a move
 * @mdev: the worker
 * @timeline: whose fences signal in order with this one's; the job takes a
 *	reference. NULL for a move that needs no order.
 *
 * The job does nothing yet: without further calls it only waits for its
 * dependencies and signals.
 *
 * Context: Process context. May sleep.
 * Return: the job, owned by the caller until ttm_move_job_arm() or
 * ttm_move_job_drop(); NULL when out of memory.
 */
struct ttm_move_job *ttm_move_job_create(struct ttm_move_device *mdev,
					 struct ttm_move_timeline *timeline)
{
	struct ttm_move_job *job = ttm_move_zalloc(sizeof(*job));

	if (!job)
		return NULL;

	/* Dropped with the last reference to the fence. */
	__module_get(THIS_MODULE);
	job->mdev = mdev;
	job->ops = mdev->ops;
	ttm_move_job_set_none(job);
	job->deps = job->inline_deps;
	job->max_deps = TTM_MOVE_INLINE_DEPS;
	ttm_move_work_init(job);
	INIT_WORK(&job->free_work, ttm_move_job_free_work);
	INIT_WORK(&job->release_work, ttm_move_job_release_work);
	if (timeline) {
		job->timeline = ttm_move_timeline_get(timeline);
	} else {
		ttm_move_timeline_init(&job->own, "move");
		job->timeline = &job->own;
	}
	return job;
}
EXPORT_SYMBOL_GPL(ttm_move_job_create);

static int ttm_move_job_set_dst(struct ttm_move_job *job,
				struct ttm_move_mem *dst, u64 bytes)
{
	if (!ttm_move_mem_holds(dst, bytes))
		return -EINVAL;

	job->bytes = bytes;
	job->dst = *dst;
	ttm_move_mem_init_none(dst);
	return 0;
}

/**
 * ttm_move_job_set_copy() - let a job copy
 * @job: a job that is not armed
 * @dst: destination; on success the job owns it, and @dst is emptied
 * @src: source; likewise
 * @bytes: how much, from the beginning of both
 *
 * A move of more than one chunk may be shared by several CPUs; where there is no
 * memory for that it is not.
 *
 * Context: Process context. May sleep.
 * Return: 0, or -EINVAL if either memory is shorter than @bytes, or lies outside
 * of its aperture.
 */
int ttm_move_job_set_copy(struct ttm_move_job *job, struct ttm_move_mem *dst,
			  struct ttm_move_mem *src, u64 bytes)
{
	int ret;

	if (!ttm_move_mem_holds(src, bytes))
		return -EINVAL;

	ret = ttm_move_job_set_dst(job, dst, bytes);
	if (ret)
		return ret;

	job->op = TTM_MOVE_COPY;
	job->direction = ttm_move_direction(&job->dst, src);
	job->leaves_tt = src->ops->maps_tt;
	job->src = *src;
	ttm_move_mem_init_none(src);
	ttm_move_work_share(job);
	return 0;
}
EXPORT_SYMBOL_GPL(ttm_move_job_set_copy);

/**
 * ttm_move_job_set_clear() - let a job fill its destination with zeroes
 * @job: a job that is not armed
 * @dst: destination; on success the job owns it, and @dst is emptied
 * @bytes: how much, from its beginning
 *
 * Context: As for ttm_move_job_set_copy().
 * Return: 0, or -EINVAL if the memory is shorter than @bytes, or lies outside of
 * its aperture.
 */
int ttm_move_job_set_clear(struct ttm_move_job *job, struct ttm_move_mem *dst,
			   u64 bytes)
{
	int ret = ttm_move_job_set_dst(job, dst, bytes);

	if (ret)
		return ret;

	job->op = TTM_MOVE_CLEAR;
	job->direction = "clear";
	ttm_move_work_share(job);
	return 0;
}
EXPORT_SYMBOL_GPL(ttm_move_job_set_clear);

/**
 * ttm_move_job_set_refuse() - let a job touch nothing, and say so
 * @job: a job that is not armed
 * @bytes: how much there would be to do, for people
 *
 * For bytes that the CPU cannot reach or may not write. Such a job guards the copy
 * of somebody else. If that ends with an error there is nobody left to write the
 * bytes: &ttm_move_ops.begin must see to it that nobody gets to see them, and the
 * fence carries its error, or -EIO if it returned none.
 *
 * Context: Any context.
 */
void ttm_move_job_set_refuse(struct ttm_move_job *job, u64 bytes)
{
	job->op = TTM_MOVE_REFUSE;
	job->direction = "refuse";
	job->bytes = bytes;
}
EXPORT_SYMBOL_GPL(ttm_move_job_set_refuse);

/**
 * ttm_move_job_prepare() - call the driver's prepare hook
 * @job: a job that is not armed
 *
 * Context: Process context. May sleep.
 * Return: 0, or what the hook returned; then the job must be dropped.
 */
int ttm_move_job_prepare(struct ttm_move_job *job)
{
	const struct ttm_move_ops *ops = job->mdev->ops;
	int ret = ops->prepare ? ops->prepare(job) : 0;

	job->prepared = !ret;
	return ret;
}
EXPORT_SYMBOL_GPL(ttm_move_job_prepare);

/**
 * ttm_move_job_arm() - let a job go: from here on its fence will signal
 * @job: the job; it belongs to the worker afterwards
 *
 * Cannot fail and does not allocate. The dependencies must be complete, and must
 * have been published before: nothing may be added later, and none of them may
 * depend on this job.
 *
 * Context: Process context. Does not sleep.
 * Return: the job's fence with a reference for the caller, who publishes it and
 * drops it by dma_fence_put().
 */
struct dma_fence *ttm_move_job_arm(struct ttm_move_job *job)
{
	struct dma_fence *fence = &job->fence;
	bool cookie = ttm_move_section_begin();
	unsigned int i;

	/*
	 * The count starts with one for arm itself, so that the job cannot run,
	 * and be gone, while its dependencies are still being walked. Model: caller.
	 */
	atomic_set(&job->pending, job->num_deps + 1);
	job->state = TTM_MOVE_WAITING;
	job->queued = ktime_get();
	job->since = job->queued;
	/* In this order: whoever finds the job in flight may look at its fence. */
	ttm_move_timeline_add(job->timeline, job, &ttm_move_fence_ops);
	ttm_move_device_track(job);
	dma_fence_get(fence);
	trace_ttm_move_queued(job, 0);

	for (i = 0; i < job->num_deps; i++) {
		struct ttm_move_dep *dep = &job->deps[i];

		dep->job = job;
		if (dma_fence_add_callback(dep->fence, &dep->cb,
					   ttm_move_dep_signalled))
			ttm_move_job_depend_put(job);
	}
	ttm_move_job_depend_put(job);
	ttm_move_section_end(cookie);
	return fence;
}
EXPORT_SYMBOL_GPL(ttm_move_job_arm);

/**
 * ttm_move_job_drop() - give up a job that was not armed
 * @job: the job; gone afterwards. May be NULL.
 *
 * Context: Process context. May sleep.
 */
void ttm_move_job_drop(struct ttm_move_job *job)
{
	if (!job)
		return;

	WARN_ON(job->state != TTM_MOVE_NEW);
	ttm_move_job_fini(job);
	ttm_move_job_free(job);
}
EXPORT_SYMBOL_GPL(ttm_move_job_drop);
