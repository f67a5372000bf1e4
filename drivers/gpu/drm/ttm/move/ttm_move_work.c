// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The work of a job: its chunks, and the workers that share them.
 *
 * Nobody waits for anybody. A worker takes the next chunk that nobody has taken until
 * there is none, and whoever ends the last one retires the job: that all others have
 * been ended is what the count of chunks says. A job has one worker that is certain to
 * come, and that one alone would do. The others help where a CPU is idle; one that comes
 * when all is done finds no chunk, and touches nothing but the job's own memory, to which
 * each worker holds a reference from when it is queued.
 *
 * "Model:" names what stands for a function in tools/testing/model, mostly in ttm_move_share.pml.
 */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/isolation.h>
#include <linux/sizes.h>

#include <kunit/visibility.h>

#include "ttm_move_internal.h"
#include "ttm_move_section.h"
#include "ttm_move_trace.h"

/* With the one that is certain. */
#define TTM_MOVE_MAX_WORKERS	16U

struct ttm_move_limits ttm_move_limits = {
	.read_workers = 8,
	.write_workers = 4,
	.clear_workers = 4,
	.chunk_bytes = SZ_1M,
	.last_cpu_bytes = SZ_64M,
	.caller_bytes = SZ_16K,
};
EXPORT_SYMBOL_IF_KUNIT(ttm_move_limits);

module_param_named(read_workers, ttm_move_limits.read_workers, uint, 0644);
MODULE_PARM_DESC(read_workers,
		 "Workers of a copy that reads device memory, or uncached pages, at most, up to 16 (default: 8)");
module_param_named(write_workers, ttm_move_limits.write_workers, uint, 0644);
MODULE_PARM_DESC(write_workers, "Workers of any other copy, at most (default: 4)");
module_param_named(clear_workers, ttm_move_limits.clear_workers, uint, 0644);
MODULE_PARM_DESC(clear_workers,
		 "Workers that clear one object, at most (default: 4)");
module_param_named(chunk_bytes, ttm_move_limits.chunk_bytes, ulong, 0644);
MODULE_PARM_DESC(chunk_bytes,
		 "What a worker does before it lets others go first; a move that is not larger has one worker (default: 1 MiB)");
module_param_named(last_cpu_bytes, ttm_move_limits.last_cpu_bytes, ulong, 0644);
MODULE_PARM_DESC(last_cpu_bytes,
		 "Size from which on a move may have all CPUs, and not all but one (default: 64 MiB)");
module_param_named(caller_bytes, ttm_move_limits.caller_bytes, ulong, 0644);
MODULE_PARM_DESC(caller_bytes,
		 "Moves up to this size that need no wait, and do not read device memory or uncached pages, are made in the caller (default: 16 KiB)");
module_param_named(cpus, ttm_move_limits.cpus, uint, 0644);
MODULE_PARM_DESC(cpus,
		 "While so many CPUs copy for one device, no worker is added (default: 0, what is online and what last_cpu_bytes says)");

/* What reading costs is the way to the memory and back, which each CPU waits for. */
static bool ttm_move_job_reads_far(const struct ttm_move_job *job)
{
	return job->op == TTM_MOVE_COPY && ttm_move_mem_is_far(&job->src);
}

static const unsigned int *ttm_move_job_limit(const struct ttm_move_job *job)
{
	if (job->op == TTM_MOVE_CLEAR)
		return &ttm_move_limits.clear_workers;
	if (ttm_move_job_reads_far(job))
		return &ttm_move_limits.read_workers;
	return &ttm_move_limits.write_workers;
}

/* As of now: limits may change while the job is under way. */
static unsigned int ttm_move_job_max_workers(const struct ttm_move_job *job)
{
	return clamp(READ_ONCE(*job->max_workers), 1U, TTM_MOVE_MAX_WORKERS);
}

/* The CPUs on which the kernel's command line lets unbound workers run. */
unsigned int ttm_move_num_cpus(void)
{
	return cpumask_weight_and(cpu_online_mask,
				  housekeeping_cpumask(HK_TYPE_DOMAIN));
}

/* How many of the CPUs may copy for the device's jobs for this one to get a helper. */
static int ttm_move_job_cpus_of(const struct ttm_move_job *job, unsigned int cpus)
{
	return job->bytes < READ_ONCE(ttm_move_limits.last_cpu_bytes) ? cpus - 1 : cpus;
}

/* As of now. */
static int ttm_move_job_max_cpus(const struct ttm_move_job *job)
{
	unsigned int cpus = READ_ONCE(ttm_move_limits.cpus);

	if (cpus)
		return min_t(unsigned int, cpus, INT_MAX);
	return ttm_move_job_cpus_of(job, ttm_move_num_cpus());
}

/* Set-up */

static void ttm_move_work(struct work_struct *work);
static void ttm_move_help(struct work_struct *work);

void ttm_move_work_init(struct ttm_move_job *job)
{
	job->worker.job = job;
	INIT_WORK(&job->worker.work, ttm_move_work);
}

static void ttm_move_work_add_helpers(struct ttm_move_job *job, unsigned int num)
{
	unsigned int i;

	job->helpers = ttm_move_zalloc(array_size(num, sizeof(*job->helpers)));
	if (!job->helpers)
		return;

	job->num_helpers = num;
	for (i = 0; i < num; i++) {
		job->helpers[i].job = job;
		INIT_WORK(&job->helpers[i].work, ttm_move_help);
	}
}

/*
 * Where nobody has said how many CPUs there may be, no more than are online. Which of them
 * may be had is looked up when a worker is to begin: that takes longer.
 */
static unsigned int ttm_move_job_num_workers(const struct ttm_move_job *job)
{
	unsigned int num = min(ttm_move_job_max_workers(job), job->num_chunks);

	if (READ_ONCE(ttm_move_limits.cpus))
		return num;
	return min_t(unsigned int, num,
		     max(ttm_move_job_cpus_of(job, num_online_cpus()), 1));
}

/* Whole pages, and not more than a number of 32 bits can say, which others divide by. */
static u64 ttm_move_chunk_bytes(void)
{
	unsigned long bytes = READ_ONCE(ttm_move_limits.chunk_bytes);

	return PAGE_ALIGN(clamp(bytes, PAGE_SIZE, (unsigned long)SZ_1G));
}

/*
 * Cuts a job into chunks, and makes what helpers will need: a job that there is no
 * memory for has none.
 */
void ttm_move_work_share(struct ttm_move_job *job)
{
	unsigned int workers;

	job->chunk_bytes = ttm_move_chunk_bytes();
	job->num_chunks = max(DIV_ROUND_UP_ULL(job->bytes, job->chunk_bytes), 1);
	atomic_set(&job->chunks_left, job->num_chunks);
	job->max_workers = ttm_move_job_limit(job);
	workers = ttm_move_job_num_workers(job);
	if (workers > 1 && !job->helpers)
		ttm_move_work_add_helpers(job, workers - 1);
}

/* Chunks */

/* The next one that nobody has taken. Model: take. */
static bool ttm_move_chunk_take(struct ttm_move_job *job, u64 *offset, u64 *bytes)
{
	unsigned int i = atomic_inc_return(&job->chunks_taken) - 1;

	if (i >= job->num_chunks)
		return false;
	*offset = i * job->chunk_bytes;
	*bytes = min(job->chunk_bytes, job->bytes - *offset);
	return true;
}

static bool ttm_move_chunk_is_left(const struct ttm_move_job *job)
{
	return atomic_read(&job->chunks_taken) < job->num_chunks;
}

/* Once one has failed the others need not be written: all will be cleared. Model: move. */
static void ttm_move_chunk_move(struct ttm_move_worker *worker, u64 offset,
				u64 bytes)
{
	struct ttm_move_job *job = worker->job;
	int ret;

	if (READ_ONCE(job->error))
		return;
	if (job->op == TTM_MOVE_COPY)
		ret = ttm_move_copy_some(&worker->dst, &worker->src, offset, bytes);
	else
		ret = ttm_move_clear_some(&worker->dst, offset, bytes, false);
	if (ret)
		cmpxchg(&job->error, 0, ret);
}

/*
 * Whether this was the last one that had not been ended. All that others did is seen then:
 * the count orders it. Model: end.
 */
static bool ttm_move_chunk_end(struct ttm_move_job *job)
{
	/*
	 * Drain this CPU's write-combining buffers, which nobody else can do, before the
	 * fence tells others that the bytes are there; pairs with the ordering that their
	 * wait implies.
	 */
	wmb();
	return atomic_dec_and_test(&job->chunks_left);
}

/* Helpers */

/* A CPU more, where the device's copies keep fewer busy than they may. */
static bool ttm_move_cpu_take(struct ttm_move_job *job)
{
	int max = ttm_move_job_max_cpus(job);
	atomic_t *copying = &job->mdev->copying;
	int now = atomic_read(copying);

	do {
		if (now >= max)
			return false;
	} while (!atomic_try_cmpxchg(copying, &now, now + 1));
	return true;
}

/* The reference goes with the work item, however late that comes. Model: call_helper. */
static void ttm_move_help_queue(struct ttm_move_worker *helper)
{
	struct ttm_move_job *job = helper->job;

	WRITE_ONCE(helper->busy, true);
	dma_fence_get(&job->fence);
	queue_work(job->mdev->help_wq, &helper->work);
}

static unsigned int ttm_move_job_max_helpers(const struct ttm_move_job *job)
{
	return min(job->num_helpers, ttm_move_job_max_workers(job) - 1);
}

/*
 * Not more than there are chunks, beside the one that the caller is about to take.
 * Model: recruit.
 */
static void ttm_move_job_recruit(struct ttm_move_job *job)
{
	int left = job->num_chunks - atomic_read(&job->chunks_taken) - 1;
	unsigned int i, num = ttm_move_job_max_helpers(job);

	for (i = 0; i < num && left > 0; i++, left--) {
		/* Pairs with the end of ttm_move_help(): it is done with its CPU. */
		if (smp_load_acquire(&job->helpers[i].busy))
			continue;
		if (!ttm_move_cpu_take(job))
			break;
		ttm_move_help_queue(&job->helpers[i]);
	}
}

/* Others need the CPU, or somebody has lowered a limit. */
static bool ttm_move_helper_must_go(const struct ttm_move_worker *helper)
{
	struct ttm_move_job *job = helper->job;

	return helper - job->helpers >= ttm_move_job_max_helpers(job) ||
	       atomic_read(&job->mdev->copying) > ttm_move_job_max_cpus(job);
}

/* The worker */

/* What was left to do has lost its purpose while the job waited. */
static bool ttm_move_job_is_moot(const struct ttm_move_job *job)
{
	return job->dies_with_bo &&
	       (job->op == TTM_MOVE_COPY || job->op == TTM_MOVE_CLEAR) &&
	       ttm_move_bo_is_dead(job->bo);
}

static int ttm_move_job_ask(struct ttm_move_job *job)
{
	const struct ttm_move_ops *ops = job->mdev->ops;
	int ret = ops->begin ? ops->begin(job) : 0;

	if (ret >= 0)
		ret = job->op == TTM_MOVE_REFUSE ? -EIO : 0;
	return ret;
}

static void ttm_move_worker_init(struct ttm_move_worker *worker)
{
	ttm_move_iter_init(&worker->dst, &worker->job->dst);
	ttm_move_iter_init(&worker->src, &worker->job->src);
}

/* Whether there are chunks to be moved; before others look at the job. Model: begin. */
static bool ttm_move_job_begin(struct ttm_move_job *job)
{
	unsigned int i;

	WRITE_ONCE(job->state, TTM_MOVE_COPYING);
	if (ttm_move_job_is_moot(job))
		ttm_move_job_set_none(job);
	trace_ttm_move_copy_begin(job, ttm_move_job_lap(job));
	if (job->op == TTM_MOVE_NONE)
		return false;

	job->error = ttm_move_job_ask(job);
	ttm_move_worker_init(&job->worker);
	for (i = 0; i < job->num_helpers; i++)
		ttm_move_worker_init(&job->helpers[i]);
	return !job->error;
}

/*
 * Where the device is gone nobody reads its memory any more, and to write it may bring
 * the machine down.
 */
static bool ttm_move_job_must_clear(const struct ttm_move_job *job)
{
	if (!job->error || job->op == TTM_MOVE_REFUSE)
		return false;
	return job->error != -ENODEV || job->dst.ops->maps_tt;
}

/*
 * By the one worker that nobody else is beside any more. Whatever went wrong, the
 * destination holds no stale bytes when the fence signals: it is written to the end, or
 * zeroed and the fence carries the error. Model: end_job.
 */
static void ttm_move_job_end(struct ttm_move_job *job, struct list_head *retired)
{
	struct ttm_move_iter iter;

	if (ttm_move_job_must_clear(job)) {
		ttm_move_iter_init(&iter, &job->dst);
		ttm_move_clear_some(&iter, 0, job->bytes, true);
		/* As in ttm_move_chunk_end(). */
		wmb();
	}
	trace_ttm_move_copy_end(job, ttm_move_job_lap(job));
	ttm_move_timeline_retire(job->timeline, job, retired);
}

/* How a worker's turn ended. */
enum ttm_move_turn {
	TTM_MOVE_TURN_OVER,	/* nothing is left for it */
	TTM_MOVE_TURN_LAST,	/* the job is done, and nobody else is beside */
	TTM_MOVE_TURN_AGAIN,	/* others go first */
};

/*
 * There are copies that have no CPU yet. One with a deadline goes behind others that have
 * one.
 */
static bool ttm_move_work_gives_way(const struct ttm_move_job *job)
{
	return atomic_read(&job->mdev->waiting) && ttm_move_chunk_is_left(job);
}

static enum ttm_move_turn ttm_move_work_turn(struct ttm_move_job *job)
{
	u64 offset, bytes;

	for (;;) {
		ttm_move_job_recruit(job);
		if (!ttm_move_chunk_take(job, &offset, &bytes))
			return TTM_MOVE_TURN_OVER;
		ttm_move_chunk_move(&job->worker, offset, bytes);
		if (ttm_move_chunk_end(job))
			return TTM_MOVE_TURN_LAST;
		if (ttm_move_work_gives_way(job))
			return TTM_MOVE_TURN_AGAIN;
	}
}

static enum ttm_move_turn ttm_move_help_turn(struct ttm_move_worker *helper)
{
	u64 offset, bytes;

	while (ttm_move_chunk_take(helper->job, &offset, &bytes)) {
		ttm_move_chunk_move(helper, offset, bytes);
		if (ttm_move_chunk_end(helper->job))
			return TTM_MOVE_TURN_LAST;
		if (ttm_move_helper_must_go(helper))
			break;
	}
	return TTM_MOVE_TURN_OVER;
}

static struct workqueue_struct *ttm_move_work_wq(const struct ttm_move_job *job)
{
	if (job->op == TTM_MOVE_NONE)
		return job->mdev->pass_wq;
	return READ_ONCE(job->urgent) ? job->mdev->urgent_wq : job->mdev->wq;
}

static void ttm_move_work_queue_copy(struct ttm_move_job *job)
{
	atomic_inc(&job->mdev->waiting);
	queue_work(ttm_move_work_wq(job), &job->worker.work);
}

/* Lets the job's first worker go, which has a reference to the fence; any context. */
void ttm_move_work_queue(struct ttm_move_job *job)
{
	dma_fence_get(&job->fence);
	if (job->op == TTM_MOVE_NONE)
		queue_work(ttm_move_work_wq(job), &job->worker.work);
	else
		ttm_move_work_queue_copy(job);
}

/*
 * Where the first worker is queued it is queued once more, and passes others then. Where
 * it is about to be, it may not have heard of it: a deadline is a hint. Any context; the
 * job has not signalled.
 */
void ttm_move_work_hurry(struct ttm_move_job *job)
{
	WRITE_ONCE(job->urgent, true);
	if (cancel_work(&job->worker.work))
		queue_work(ttm_move_work_wq(job), &job->worker.work);
}

/* Once a chunk has been taken the job has begun; it may be over, too. */
static enum ttm_move_turn ttm_move_work_copy(struct ttm_move_job *job)
{
	struct ttm_move_device *mdev = job->mdev;
	enum ttm_move_turn turn = TTM_MOVE_TURN_LAST;

	atomic_dec(&mdev->waiting);
	atomic_inc(&mdev->copying);
	if (atomic_read(&job->chunks_taken) || ttm_move_job_begin(job))
		turn = ttm_move_work_turn(job);
	atomic_dec(&mdev->copying);
	return turn;
}

/*
 * The whole worker is on the way to a signal, that of its own job or of one that
 * waits behind it: all of it is annotated, up to the point where the jobs it
 * retired need to be released. Model: work and first.
 */
static void ttm_move_work(struct work_struct *work)
{
	struct ttm_move_job *job = container_of(work, typeof(*job), worker.work);
	enum ttm_move_turn turn = TTM_MOVE_TURN_LAST;
	bool cookie = ttm_move_section_begin();
	LIST_HEAD(retired);

	if (job->op == TTM_MOVE_NONE)
		ttm_move_job_begin(job);
	else
		turn = ttm_move_work_copy(job);
	if (turn == TTM_MOVE_TURN_LAST)
		ttm_move_job_end(job, &retired);
	else if (turn == TTM_MOVE_TURN_AGAIN)
		ttm_move_work_queue_copy(job);
	ttm_move_section_end(cookie);

	ttm_move_job_release_all(&retired);
	if (turn != TTM_MOVE_TURN_AGAIN)
		dma_fence_put(&job->fence);
}

/* Annotated as the first worker is, which may have gone before. Model: help. */
static void ttm_move_help(struct work_struct *work)
{
	struct ttm_move_worker *helper = container_of(work, typeof(*helper), work);
	struct ttm_move_job *job = helper->job;
	bool cookie = ttm_move_section_begin();
	LIST_HEAD(retired);
	enum ttm_move_turn turn;

	turn = ttm_move_help_turn(helper);
	atomic_dec(&job->mdev->copying);
	if (turn == TTM_MOVE_TURN_LAST)
		ttm_move_job_end(job, &retired);
	/* Pairs with ttm_move_job_recruit(), which may queue it once more. */
	smp_store_release(&helper->busy, false);
	ttm_move_section_end(cookie);

	ttm_move_job_release_all(&retired);
	dma_fence_put(&job->fence);
}
