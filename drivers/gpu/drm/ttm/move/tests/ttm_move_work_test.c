// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Workers who share the chunks of a job: who takes which, who goes when, and who
 * retires the job. A chunk is a page here, and the source is a memory that watches who
 * maps it, and holds him there.
 */
#include <linux/debug_locks.h>
#include <linux/iopoll.h>
#include <linux/workqueue.h>

#include "ttm_move_kunit.h"

/* Of the jobs; more than they have workers. */
#define MVT_CHUNKS	8
#define MVT_CHUNK_BYTES	((u64)MVT_CHUNKS << PAGE_SHIFT)

/* For limits that are not to count. */
#define MVT_MANY	8

/**
 * struct mvt_crowd - a memory of as many pages as a job has chunks
 * @mem: the memory; a job has a copy, which finds this one by its aperture
 * @vaddr: where it is
 * @gates: of each page: whoever maps it waits until it is completed
 * @by: of each page: who mapped it last, by his work item
 * @maps: of each page: how often it was mapped
 * @mapped: how often any was
 * @failing: a page that cannot be mapped, or -1
 * @unseen: mappings outside of the signalling section, by what lockdep knows
 * @log: where pages are noted in the order of their mappings, or NULL
 * @name: of this memory in @log
 */
struct mvt_crowd {
	struct ttm_move_mem mem;
	void *vaddr;
	struct completion gates[MVT_CHUNKS];
	struct work_struct *by[MVT_CHUNKS];
	atomic_t maps[MVT_CHUNKS];
	atomic_t mapped;
	int failing;
	atomic_t unseen;
	struct mvt_log *log;
	char name;
};

struct mvt_log {
	char names[4 * MVT_CHUNKS];
	atomic_t num;
};

static void mvt_log_add(struct mvt_log *log, char name)
{
	unsigned int i = atomic_inc_return(&log->num) - 1;

	if (i < sizeof(log->names) - 1)
		log->names[i] = name;
}

static bool mvt_crowd_is_seen(void)
{
	return !IS_ENABLED(CONFIG_PROVE_LOCKING) || !debug_locks ||
	       mvt_is_signalling();
}

static ssize_t mvt_crowd_map(struct ttm_move_iter *iter, u64 offset, size_t max,
			     struct iosys_map *map)
{
	struct mvt_crowd *crowd = iter->mem->aperture.map.vaddr;
	unsigned int page = offset >> PAGE_SHIFT;

	crowd->by[page] = current_work();
	if (!mvt_crowd_is_seen())
		atomic_inc(&crowd->unseen);
	if (crowd->log)
		mvt_log_add(crowd->log, crowd->name);
	atomic_inc(&crowd->maps[page]);
	atomic_inc(&crowd->mapped);
	wait_for_completion(&crowd->gates[page]);
	if (page == crowd->failing)
		return -EIO;

	iosys_map_set_vaddr(map, crowd->vaddr + offset);
	return min_t(size_t, max, PAGE_SIZE - offset_in_page(offset));
}

static const struct ttm_move_mem_ops mvt_crowd_ops = {
	.map = mvt_crowd_map,
};

/* All of its gates are open. */
static struct mvt_crowd *mvt_crowd_create(struct mvt *fx, unsigned int page)
{
	struct mvt_crowd *crowd = kunit_kzalloc(fx->test, sizeof(*crowd),
						GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(fx->test, crowd);
	crowd->vaddr = mvt_page(fx, page);
	crowd->failing = -1;
	crowd->mem.ops = &mvt_crowd_ops;
	crowd->mem.bytes = MVT_CHUNK_BYTES;
	iosys_map_set_vaddr(&crowd->mem.aperture.map, crowd);
	for (i = 0; i < MVT_CHUNKS; i++) {
		init_completion(&crowd->gates[i]);
		complete_all(&crowd->gates[i]);
	}
	return crowd;
}

static void mvt_crowd_close(struct mvt_crowd *crowd, unsigned int first,
			    unsigned int last)
{
	for (; first <= last; first++)
		reinit_completion(&crowd->gates[first]);
}

static void mvt_crowd_open(struct mvt_crowd *crowd)
{
	unsigned int i;

	for (i = 0; i < MVT_CHUNKS; i++)
		complete_all(&crowd->gates[i]);
}

static unsigned int mvt_crowd_mapped(struct mvt_crowd *crowd)
{
	return atomic_read(&crowd->mapped);
}

/* Returns when the memory has been mapped so often. */
static void mvt_crowd_wait(struct mvt *fx, struct mvt_crowd *crowd,
			   unsigned int num)
{
	unsigned int mapped;

	KUNIT_EXPECT_EQ(fx->test, 0,
			read_poll_timeout(mvt_crowd_mapped, mapped,
					  mapped >= num, 1000,
					  10 * USEC_PER_SEC, false, crowd));
}

/* How many pages a worker mapped last. */
static unsigned int mvt_crowd_by(const struct mvt_crowd *crowd,
				 const struct ttm_move_worker *worker)
{
	unsigned int i, num = 0;

	for (i = 0; i < MVT_CHUNKS; i++)
		num += crowd->by[i] == &worker->work;
	return num;
}

static void mvt_expect_mapped_once(struct mvt *fx, struct mvt_crowd *crowd)
{
	unsigned int i;

	for (i = 0; i < MVT_CHUNKS; i++)
		KUNIT_EXPECT_EQ(fx->test, atomic_read(&crowd->maps[i]), 1);
	KUNIT_EXPECT_EQ(fx->test, atomic_read(&crowd->unseen), 0);
}

/* Jobs */

static int mvt_work_init(struct kunit *test)
{
	struct mvt *fx;
	int ret = mvt_init(test);

	if (ret)
		return ret;
	fx = test->priv;
	ttm_move_limits = (struct ttm_move_limits){
		.read_workers = MVT_MANY,
		.write_workers = MVT_MANY,
		.clear_workers = MVT_MANY,
		.cpus = MVT_MANY,
		.chunk_bytes = PAGE_SIZE,
	};
	mvt_vram_dirty(fx);
	mvt_pattern_fill(mvt_page(fx, MVT_SRC), MVT_PATTERN, 0, MVT_CHUNK_BYTES);
	return 0;
}

/* A copy of what @crowd watches; it does not own that. */
static struct ttm_move_job *mvt_crowd_job(struct mvt *fx, struct mvt_crowd *crowd,
					  u64 bytes)
{
	struct ttm_move_job *job = mvt_job_create(fx);
	struct ttm_move_mem dst, src = crowd->mem;

	ttm_move_mem_init_linear(&dst, &fx->aperture, (u64)MVT_DST << PAGE_SHIFT,
				 bytes);
	KUNIT_ASSERT_EQ(fx->test, ttm_move_job_set_copy(job, &dst, &src, bytes), 0);
	return job;
}

static void mvt_expect_contents(struct mvt *fx, u64 bytes)
{
	void *vaddr = mvt_page(fx, MVT_DST);

	KUNIT_EXPECT_TRUE(fx->test,
			  mvt_pattern_matches(vaddr, MVT_PATTERN, 0, bytes));
	KUNIT_EXPECT_TRUE(fx->test,
			  mvt_is_filled_with(vaddr + bytes, MVT_DIRT, PAGE_SIZE));
}

/* All of it by all of its workers, whatever number there is. */
static void ttm_move_work_takes_each_chunk_once(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd;
	unsigned int workers;

	for (workers = 1; workers <= MVT_CHUNKS; workers++) {
		ttm_move_limits.write_workers = workers;
		crowd = mvt_crowd_create(fx, MVT_SRC);
		mvt_vram_dirty(fx);
		mvt_pattern_fill(crowd->vaddr, MVT_PATTERN, 0, MVT_CHUNK_BYTES);
		mvt_expect_done(fx, ttm_move_job_arm(mvt_crowd_job(fx, crowd,
								   MVT_CHUNK_BYTES)),
				1);
		mvt_expect_mapped_once(fx, crowd);
		mvt_expect_contents(fx, MVT_CHUNK_BYTES);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.began), MVT_CHUNKS);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).copied_bytes,
			MVT_CHUNKS * MVT_CHUNK_BYTES);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->mdev.copying), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->mdev.waiting), 0);
}

/* Whoever sets the limit may be wrong by anything. */
static void ttm_move_work_takes_any_size_of_chunks(struct kunit *test)
{
	static const u64 sizes[] = {
		0, 1, SZ_1G, SZ_2G, U32_MAX, SZ_4G, SZ_4G + PAGE_SIZE, ULONG_MAX,
	};
	struct mvt *fx = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct ttm_move_job *job;

		ttm_move_limits.chunk_bytes = sizes[i];
		mvt_vram_dirty(fx);
		mvt_pattern_fill(mvt_page(fx, MVT_SRC), MVT_PATTERN, 0, MVT_CHUNK_BYTES);
		job = mvt_crowd_job(fx, mvt_crowd_create(fx, MVT_SRC), MVT_CHUNK_BYTES);
		KUNIT_EXPECT_EQ(test, job->num_chunks,
				(unsigned long)sizes[i] <= PAGE_SIZE ? MVT_CHUNKS : 1);
		mvt_expect_done(fx, ttm_move_job_arm(job), 1);
		mvt_expect_contents(fx, MVT_CHUNK_BYTES);
	}
}

/* The last chunk is shorter than the others, and all end where they should. */
static void ttm_move_work_ends_with_a_part_of_a_chunk(struct kunit *test)
{
	struct mvt *fx = test->priv;
	u64 bytes;

	ttm_move_limits.chunk_bytes = PAGE_SIZE + 1;
	for (bytes = PAGE_SIZE; bytes < MVT_CHUNK_BYTES; bytes += PAGE_SIZE - 64) {
		struct ttm_move_job *job = mvt_job_create(fx);
		struct ttm_move_mem dst, src;

		mvt_vram_dirty(fx);
		mvt_pattern_fill(mvt_page(fx, MVT_SRC), MVT_PATTERN, 0,
				 MVT_CHUNK_BYTES);
		ttm_move_mem_init_linear(&dst, &fx->aperture,
					 (u64)MVT_DST << PAGE_SHIFT, bytes);
		ttm_move_mem_init_linear(&src, &fx->aperture,
					 (u64)MVT_SRC << PAGE_SHIFT, bytes);
		KUNIT_EXPECT_EQ(test, 0,
				ttm_move_job_set_copy(job, &dst, &src, bytes));
		KUNIT_EXPECT_EQ(test, job->num_chunks,
				DIV_ROUND_UP_ULL(bytes, 2 * PAGE_SIZE));
		mvt_expect_done(fx, ttm_move_job_arm(job), 1);
		mvt_expect_contents(fx, bytes);
	}
}

/* How many workers come */

static const struct mvt_team {
	const char *name;
	struct ttm_move_limits limits;
	unsigned int chunks;
	bool device;
	bool clear;
	unsigned int workers;
} mvt_teams[] = {
	{ "as many as may write", { 1, 3, 1, MVT_MANY }, MVT_CHUNKS, false, false, 3 },
	{ "as many as may read", { 3, 1, 1, MVT_MANY }, MVT_CHUNKS, true, false, 3 },
	{ "as many as may clear", { 1, 1, 3, MVT_MANY }, MVT_CHUNKS, false, true, 3 },
	{ "as many as there are CPUs", { 8, 8, 8, 2 }, MVT_CHUNKS, false, false, 2 },
	{ "as many as there are chunks", { 8, 8, 8, MVT_MANY }, 2, false, false, 2 },
	{ "one where no more may", { 1, 1, 1, MVT_MANY }, MVT_CHUNKS, true, false, 1 },
	{ "one where nobody may", { 0, 0, 0, MVT_MANY }, MVT_CHUNKS, true, false, 1 },
	{ "one where there is one CPU", { 8, 8, 8, 1 }, MVT_CHUNKS, false, false, 1 },
	{ "one for a small move", { 8, 8, 8, MVT_MANY }, 1, true, false, 1 },
};

KUNIT_ARRAY_PARAM_DESC(mvt_team, mvt_teams, name);

static struct ttm_move_job *mvt_team_job(struct mvt *fx,
					 const struct mvt_team *team,
					 struct mvt_crowd *crowd)
{
	struct ttm_move_mem dst = crowd->mem;
	struct ttm_move_job *job;

	if (!team->clear)
		return mvt_crowd_job(fx, crowd, team->chunks << PAGE_SHIFT);
	job = mvt_job_create(fx);
	KUNIT_EXPECT_EQ(fx->test, 0,
			ttm_move_job_set_clear(job, &dst,
					       team->chunks << PAGE_SHIFT));
	return job;
}

/* Not fewer, since each of them is waited for; nor more, given all the chances. */
static void ttm_move_work_calls_so_many_workers(struct kunit *test)
{
	const struct mvt_team *team = test->param_value;
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct io_mapping *device = (void *)crowd;
	struct dma_fence *fence;

	ttm_move_limits = team->limits;
	mvt_crowd_close(crowd, 0, MVT_CHUNKS - 1);
	/* Nobody looks at it but to see that it is there. */
	if (team->device)
		crowd->mem.aperture.iomap = device;
	fence = ttm_move_job_arm(mvt_team_job(fx, team, crowd));
	mvt_crowd_wait(fx, crowd, team->workers);
	mvt_give_way();
	KUNIT_EXPECT_EQ(test, mvt_crowd_mapped(crowd), team->workers);
	mvt_crowd_open(crowd);
	mvt_expect_done(fx, fence, 1);
	KUNIT_EXPECT_EQ(test, mvt_crowd_mapped(crowd), team->chunks);
}

/* A move that is not larger than a chunk needs nothing that others would not. */
static void ttm_move_work_small_move_pays_nothing(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct ttm_move_job *job;

	mvt_allocs_reset(fx);
	job = mvt_crowd_job(fx, crowd, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, fx->allocs.count, 1);
	KUNIT_EXPECT_NULL(test, job->helpers);
	mvt_expect_done(fx, ttm_move_job_arm(job), 1);
	KUNIT_EXPECT_PTR_EQ(test, crowd->by[0], &job->worker.work);
}

/* Without memory for helpers there are none. */
static void ttm_move_work_does_without_helpers(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct ttm_move_job *job;

	mvt_allocs_reset(fx);
	fx->allocs.fail = 2;
	job = mvt_crowd_job(fx, crowd, MVT_CHUNK_BYTES);
	KUNIT_EXPECT_EQ(test, fx->allocs.count, 2);
	mvt_expect_done(fx, ttm_move_job_arm(job), 1);
	mvt_expect_mapped_once(fx, crowd);
	mvt_expect_contents(fx, MVT_CHUNK_BYTES);
}

/* What is lowered while a copy is under way counts from the next chunk on. */
static void ttm_move_work_obeys_limits_at_once(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct ttm_move_job *job = mvt_crowd_job(fx, crowd, MVT_CHUNK_BYTES);
	struct dma_fence *fence;

	ttm_move_limits.cpus = 3;
	mvt_crowd_close(crowd, 0, 2);
	fence = ttm_move_job_arm(job);
	mvt_crowd_wait(fx, crowd, 3);
	ttm_move_limits.write_workers = 1;
	mvt_crowd_open(crowd);
	mvt_expect_done(fx, dma_fence_get(fence), 1);
	KUNIT_EXPECT_EQ(test, mvt_crowd_by(crowd, &job->helpers[0]), 1);
	KUNIT_EXPECT_EQ(test, mvt_crowd_by(crowd, &job->helpers[1]), 1);
	KUNIT_EXPECT_EQ(test, mvt_crowd_by(crowd, &job->worker), MVT_CHUNKS - 2);
	dma_fence_put(fence);
}

/* Keeps a queue from anything else. */
struct mvt_blocker {
	struct work_struct work;
	struct completion gate;
};

static void mvt_blocker_work(struct work_struct *work)
{
	wait_for_completion(&container_of(work, struct mvt_blocker, work)->gate);
}

static void mvt_block(struct workqueue_struct *wq, struct mvt_blocker *blocker)
{
	workqueue_set_max_active(wq, 1);
	init_completion(&blocker->gate);
	INIT_WORK_ONSTACK(&blocker->work, mvt_blocker_work);
	queue_work(wq, &blocker->work);
}

static void mvt_unblock(struct mvt_blocker *blocker)
{
	complete_all(&blocker->gate);
	flush_work(&blocker->work);
	destroy_work_on_stack(&blocker->work);
}

/* For the last chunk nobody is called who would find none. */
static void ttm_move_work_calls_nobody_for_nothing(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct ttm_move_job *job = mvt_crowd_job(fx, crowd, MVT_CHUNK_BYTES);
	struct mvt_blocker blocker;
	struct dma_fence *fence;

	ttm_move_limits.cpus = 1;
	mvt_block(fx->mdev.help_wq, &blocker);
	mvt_crowd_close(crowd, MVT_CHUNKS - 2, MVT_CHUNKS - 1);
	fence = ttm_move_job_arm(job);
	mvt_crowd_wait(fx, crowd, MVT_CHUNKS - 1);
	ttm_move_limits.cpus = MVT_MANY;
	complete_all(&crowd->gates[MVT_CHUNKS - 2]);
	mvt_crowd_wait(fx, crowd, MVT_CHUNKS);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->mdev.copying), 1);
	mvt_crowd_open(crowd);
	mvt_unblock(&blocker);
	mvt_expect_done(fx, fence, 1);
}

/* The end of a job */

/* However long ago the first worker has gone. */
static void ttm_move_work_waits_for_its_last_helper(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct ttm_move_job *job = mvt_crowd_job(fx, crowd, MVT_CHUNK_BYTES);
	struct dma_fence *fence;

	KUNIT_EXPECT_EQ(test, ttm_move_job_prepare(job), 0);
	ttm_move_limits.cpus = 2;
	mvt_crowd_close(crowd, 0, 1);
	fence = ttm_move_job_arm(job);
	mvt_crowd_wait(fx, crowd, 2);
	complete_all(&crowd->gates[crowd->by[0] == &job->worker.work ? 0 : 1]);
	mvt_crowd_wait(fx, crowd, MVT_CHUNKS);
	flush_work(&job->worker.work);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 0);
	KUNIT_EXPECT_EQ(test, ttm_move_device_flush_timeout(&fx->mdev, 0), -EBUSY);

	mvt_crowd_open(crowd);
	mvt_expect_done(fx, fence, 1);
	mvt_expect_contents(fx, MVT_CHUNK_BYTES);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 1);
}

/*
 * Nobody waits for a helper that has not come; it holds what it looks at, and that is
 * the job alone. KASAN sees to that.
 */
static void ttm_move_work_does_not_wait_for_late_helpers(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct ttm_move_job *job = mvt_crowd_job(fx, crowd, MVT_CHUNK_BYTES);
	struct mvt_blocker blocker;
	struct dma_fence *fence;

	ttm_move_limits.cpus = 3;
	KUNIT_EXPECT_EQ(test, ttm_move_job_prepare(job), 0);
	mvt_block(fx->mdev.help_wq, &blocker);
	fence = ttm_move_job_arm(job);
	ttm_move_device_flush(&fx->mdev);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(fence), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 1);
	KUNIT_EXPECT_EQ(test, mvt_crowd_by(crowd, &job->worker), MVT_CHUNKS);
	flush_workqueue(fx->mdev.wq);
	KUNIT_EXPECT_EQ(test, kref_read(&fence->refcount), 1 + 2);

	dma_fence_put(fence);
	rcu_barrier();
	mvt_unblock(&blocker);
	mvt_settle(fx);
	mvt_expect_mapped_once(fx, crowd);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->mdev.copying), 0);
}

/* Errors */

/*
 * A helper fails while the first worker is in the middle of a chunk, which must not
 * leave its bytes behind when it ends: what is cleared is cleared by the last.
 */
static void ttm_move_work_fails_as_a_whole(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct ttm_move_job *job = mvt_crowd_job(fx, crowd, MVT_CHUNK_BYTES);
	struct dma_fence *fence;
	unsigned int i, first;

	ttm_move_limits.cpus = 2;
	mvt_crowd_close(crowd, 0, 1);
	fence = ttm_move_job_arm(job);
	mvt_crowd_wait(fx, crowd, 2);
	first = crowd->by[0] == &job->worker.work ? 0 : 1;
	crowd->failing = 1 - first;
	complete_all(&crowd->gates[1 - first]);
	flush_work(&job->helpers[0].work);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));

	mvt_crowd_open(crowd);
	mvt_expect_done(fx, fence, -EIO);
	KUNIT_EXPECT_TRUE(test, mvt_is_filled_with(mvt_page(fx, MVT_DST), 0,
						   MVT_CHUNK_BYTES));
	for (i = 2; i < MVT_CHUNKS; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&crowd->maps[i]), 0);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, 1);
}

/* Of several errors the first one counts, and the destination is cleared once. */
static void ttm_move_work_clears_once_after_failure(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *src = mvt_crowd_create(fx, MVT_SRC);
	struct mvt_crowd *dst = mvt_crowd_create(fx, MVT_DST);
	struct ttm_move_mem to = dst->mem, from = src->mem;
	struct ttm_move_job *job = mvt_job_create(fx);
	unsigned int i;

	src->failing = 0;
	KUNIT_ASSERT_EQ(test, 0, ttm_move_job_set_copy(job, &to, &from,
						       MVT_CHUNK_BYTES));
	mvt_expect_done(fx, ttm_move_job_arm(job), -EIO);
	for (i = 0; i < MVT_CHUNKS; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&dst->maps[i]),
				1 + atomic_read(&src->maps[i]));
	KUNIT_EXPECT_TRUE(test, mvt_is_filled_with(mvt_page(fx, MVT_DST), 0,
						   MVT_CHUNK_BYTES));
}

/* Fairness */

/* Two jobs on one CPU, the first of which is held in its first chunk. */
struct mvt_pair {
	struct mvt_crowd *crowds[2];
	struct dma_fence *fences[2];
	struct mvt_log log;
};

static void mvt_pair_init(struct mvt *fx, struct mvt_pair *pair)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		pair->crowds[i] = mvt_crowd_create(fx, MVT_SRC);
		pair->crowds[i]->log = &pair->log;
		pair->crowds[i]->name = 'a' + i;
	}
	mvt_crowd_close(pair->crowds[0], 0, 0);
}

static void mvt_pair_arm(struct mvt *fx, struct mvt_pair *pair, u64 second)
{
	ttm_move_limits.write_workers = 1;
	workqueue_set_max_active(fx->mdev.wq, 1);
	mvt_pair_init(fx, pair);
	pair->fences[0] = ttm_move_job_arm(mvt_crowd_job(fx, pair->crowds[0],
							 MVT_CHUNK_BYTES));
	mvt_crowd_wait(fx, pair->crowds[0], 1);
	pair->fences[1] = ttm_move_job_arm(mvt_crowd_job(fx, pair->crowds[1],
							 second));
	mvt_crowd_open(pair->crowds[0]);
	mvt_expect_done(fx, pair->fences[0], 1);
	mvt_expect_done(fx, pair->fences[1], 1);
	KUNIT_EXPECT_EQ(fx->test, atomic_read(&fx->hooks.began), 2);
}

/* It comes after the chunk that is under way, however many there are. */
static void ttm_move_work_lets_a_small_move_go_first(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_pair pair = {};

	mvt_pair_arm(fx, &pair, PAGE_SIZE);
	KUNIT_EXPECT_STREQ(test, pair.log.names, "abaaaaaaa");
}

static void ttm_move_work_takes_turns(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_pair pair = {};

	mvt_pair_arm(fx, &pair, MVT_CHUNK_BYTES);
	KUNIT_EXPECT_STREQ(test, pair.log.names, "abababababababab");
}

/* A helper goes when the CPU is needed for a copy, and comes back afterwards. */
static void ttm_move_work_helpers_go_for_copies(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct mvt_crowd *other = mvt_crowd_create(fx, MVT_SRC);
	struct ttm_move_job *job = mvt_crowd_job(fx, crowd, MVT_CHUNK_BYTES);
	struct dma_fence *fence, *second;

	ttm_move_limits.cpus = 2;
	workqueue_set_max_active(fx->mdev.wq, 2);
	mvt_crowd_close(crowd, 0, 2);
	mvt_crowd_close(crowd, 4, 5);
	mvt_crowd_close(other, 0, 0);
	fence = ttm_move_job_arm(job);
	mvt_crowd_wait(fx, crowd, 2);
	second = ttm_move_job_arm(mvt_crowd_job(fx, other, PAGE_SIZE));
	mvt_crowd_wait(fx, other, 1);

	complete_all(&crowd->gates[crowd->by[0] == &job->helpers[0].work ? 0 : 1]);
	flush_work(&job->helpers[0].work);
	KUNIT_EXPECT_EQ(test, mvt_crowd_mapped(crowd), 2);
	mvt_crowd_open(other);
	mvt_wait(fx, second);
	/* As soon as the first worker looks for the next chunk. */
	complete_all(&crowd->gates[0]);
	complete_all(&crowd->gates[1]);
	mvt_crowd_wait(fx, crowd, 4);
	mvt_crowd_open(crowd);
	mvt_expect_done(fx, dma_fence_get(fence), 1);
	KUNIT_EXPECT_GT(test, mvt_crowd_by(crowd, &job->helpers[0]), 1);
	dma_fence_put(second);
	dma_fence_put(fence);
}

/* Deadlines */

/* A copy that is held in its first chunk, and with it all that may run at once. */
static struct dma_fence *mvt_hold_copies(struct mvt *fx, struct mvt_crowd *crowd)
{
	struct dma_fence *fence;

	ttm_move_limits.write_workers = 1;
	workqueue_set_max_active(fx->mdev.wq, 1);
	mvt_crowd_close(crowd, 0, 0);
	fence = ttm_move_job_arm(mvt_crowd_job(fx, crowd, MVT_CHUNK_BYTES));
	mvt_crowd_wait(fx, crowd, 1);
	return fence;
}

/* Clears the destination, on a timeline; has to wait for @dep as well, if there is one. */
static struct dma_fence *mvt_arm_clear(struct mvt *fx,
				       struct ttm_move_timeline *timeline,
				       struct dma_fence *dep)
{
	struct ttm_move_job *job = ttm_move_job_create(&fx->mdev, timeline);

	KUNIT_ASSERT_NOT_NULL(fx->test, job);
	mvt_job_set_clear(fx, job);
	ttm_move_job_add_dependency(job, dep);
	return ttm_move_job_arm(job);
}

static void mvt_expect_pending(struct mvt *fx, struct dma_fence *fence)
{
	mvt_give_way();
	KUNIT_EXPECT_FALSE(fx->test, dma_fence_is_signaled(fence));
}

/* It passes those that are queued, and the one that is under way. */
static void ttm_move_deadline_passes_other_copies(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct dma_fence *held = mvt_hold_copies(fx, crowd);
	struct dma_fence *queued = mvt_arm_clear(fx, NULL, NULL);
	struct dma_fence *urgent = mvt_arm_clear(fx, NULL, NULL);

	mvt_expect_pending(fx, urgent);
	dma_fence_set_deadline(urgent, ktime_get());
	mvt_wait(fx, urgent);
	mvt_expect_pending(fx, queued);
	mvt_expect_pending(fx, held);

	mvt_crowd_open(crowd);
	mvt_expect_done(fx, held, 1);
	mvt_expect_done(fx, queued, 1);
	mvt_expect_done(fx, urgent, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->mdev.waiting), 0);
}

/* What has to signal before it comes along; what comes after it does not. */
static void ttm_move_deadline_keeps_the_order(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_timeline *timeline = fx->mdev.evictions[TTM_PL_VRAM];
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct dma_fence *held = mvt_hold_copies(fx, crowd);
	struct dma_fence *before = mvt_arm_clear(fx, timeline, NULL);
	struct dma_fence *urgent = mvt_arm_clear(fx, timeline, NULL);
	struct dma_fence *after = mvt_arm_clear(fx, timeline, NULL);

	dma_fence_set_deadline(urgent, ktime_get());
	mvt_wait(fx, urgent);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(before));
	mvt_expect_pending(fx, after);
	mvt_expect_pending(fx, held);

	mvt_crowd_open(crowd);
	mvt_expect_done(fx, held, 1);
	mvt_expect_done(fx, before, 1);
	mvt_expect_done(fx, urgent, 1);
	mvt_expect_done(fx, after, 1);
}

/* Nothing is done before it may, but others learn of it, and then there is no queue. */
static void ttm_move_deadline_waits_for_dependencies(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct dma_fence *held = mvt_hold_copies(fx, crowd);
	struct dma_fence *first = mvt_arm_clear(fx, NULL, &dep->base);
	struct dma_fence *urgent = mvt_arm_clear(fx, NULL, first);
	ktime_t deadline = ktime_get();

	dma_fence_set_deadline(urgent, deadline);
	KUNIT_EXPECT_EQ(test, dep->deadline, deadline);
	mvt_expect_pending(fx, first);
	mvt_fence_signal(dep);
	mvt_wait(fx, urgent);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(first));
	mvt_expect_pending(fx, held);

	mvt_crowd_open(crowd);
	mvt_expect_done(fx, held, 1);
	mvt_expect_done(fx, first, 1);
	mvt_expect_done(fx, urgent, 1);
}

/* What has a deadline gives way to nobody who has none. */
static void ttm_move_deadline_goes_on(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct dma_fence *held = mvt_hold_copies(fx, crowd);
	struct mvt_crowd *other = mvt_crowd_create(fx, MVT_SRC);
	struct dma_fence *queued = mvt_arm_clear(fx, NULL, NULL);
	struct dma_fence *urgent;

	urgent = ttm_move_job_arm(mvt_crowd_job(fx, other, MVT_CHUNK_BYTES));
	dma_fence_set_deadline(urgent, ktime_get());
	mvt_wait(fx, urgent);
	KUNIT_EXPECT_EQ(test, mvt_crowd_mapped(other), MVT_CHUNKS);
	mvt_expect_pending(fx, queued);
	mvt_expect_pending(fx, held);

	mvt_crowd_open(crowd);
	mvt_expect_done(fx, held, 1);
	mvt_expect_done(fx, queued, 1);
	mvt_expect_done(fx, urgent, 1);
}

static struct dma_fence *mvt_arm_urgent(struct mvt *fx, struct mvt_crowd *crowd, u64 bytes)
{
	struct dma_fence *fence = ttm_move_job_arm(mvt_crowd_job(fx, crowd, bytes));

	dma_fence_set_deadline(fence, ktime_get());
	return fence;
}

/* Among those that have one, a small move waits for no more than a chunk of a huge one. */
static void ttm_move_deadline_takes_turns(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_crowd *crowd = mvt_crowd_create(fx, MVT_SRC);
	struct dma_fence *held = mvt_hold_copies(fx, crowd);
	struct mvt_pair pair = {};
	unsigned int i;

	mvt_pair_init(fx, &pair);
	pair.fences[0] = mvt_arm_urgent(fx, pair.crowds[0], MVT_CHUNK_BYTES);
	mvt_crowd_wait(fx, pair.crowds[0], 1);
	pair.fences[1] = mvt_arm_urgent(fx, pair.crowds[1], PAGE_SIZE);
	mvt_crowd_open(pair.crowds[0]);
	for (i = 0; i < 2; i++) {
		mvt_wait(fx, pair.fences[i]);
		dma_fence_put(pair.fences[i]);
	}
	KUNIT_EXPECT_STREQ(test, pair.log.names, "abaaaaaaa");

	mvt_crowd_open(crowd);
	mvt_expect_done(fx, held, 1);
}

/* Nobody is left for whom others would have to hurry. */
static void ttm_move_deadline_comes_too_late(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_timeline *timeline = fx->mdev.evictions[TTM_PL_VRAM];
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *over = mvt_arm_clear(fx, timeline, NULL);
	struct dma_fence *after = mvt_arm_clear(fx, timeline, &dep->base);

	mvt_wait(fx, over);
	ttm_move_timeline_hurry(timeline, ttm_move_job_from_fence(over));
	KUNIT_EXPECT_FALSE(test, ttm_move_job_from_fence(after)->urgent);
	mvt_fence_signal(dep);
	mvt_expect_done(fx, over, 1);
	mvt_expect_done(fx, after, 1);
}

/* Each job is made urgent once, and none that comes after the one that is waited for. */
static void ttm_move_deadline_begins_where_the_last_one_ended(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_timeline *timeline = fx->mdev.evictions[TTM_PL_VRAM];
	struct mvt_fence *dep = mvt_fence_create(fx);
	static const unsigned int waited_for[] = { 1, 0, 3 };
	static const unsigned int urgent[] = { 2, 2, 4 };
	struct dma_fence *fences[5];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(fences); i++)
		fences[i] = mvt_arm_clear(fx, timeline, &dep->base);
	for (i = 0; i < ARRAY_SIZE(waited_for); i++) {
		dma_fence_set_deadline(fences[waited_for[i]], ktime_get());
		for (j = 0; j < ARRAY_SIZE(fences); j++)
			KUNIT_EXPECT_EQ(test, j < urgent[i],
					ttm_move_job_from_fence(fences[j])->urgent);
	}
	mvt_fence_signal(dep);
	for (i = 0; i < ARRAY_SIZE(fences); i++)
		mvt_expect_done(fx, fences[i], 1);
}

#define MVT_LATE_JOBS	80

/*
 * Jobs each of which waits for all before it: to follow each of the ways from the last to
 * the first would take for ever, and by recursion all of the stack.
 */
static void ttm_move_deadline_follows_no_container(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fences[MVT_LATE_JOBS], *before;
	unsigned int i;

	for (i = 0; i < MVT_LATE_JOBS; i++) {
		before = i ? mvt_array_create(fx, fences, i) : NULL;
		fences[i] = mvt_arm_clear(fx, NULL, before ?: &dep->base);
		dma_fence_put(before);
	}
	dma_fence_set_deadline(fences[MVT_LATE_JOBS - 1], ktime_get());
	KUNIT_EXPECT_EQ(test, dep->deadlines, 1);
	mvt_fence_signal(dep);
	mvt_wait(fx, fences[MVT_LATE_JOBS - 1]);
	for (i = 0; i < MVT_LATE_JOBS; i++)
		mvt_expect_done(fx, fences[i], 1);
}

static struct kunit_case ttm_move_work_cases[] = {
	KUNIT_CASE(ttm_move_work_takes_each_chunk_once),
	KUNIT_CASE(ttm_move_work_takes_any_size_of_chunks),
	KUNIT_CASE(ttm_move_work_ends_with_a_part_of_a_chunk),
	KUNIT_CASE_PARAM(ttm_move_work_calls_so_many_workers,
			 mvt_team_gen_params),
	KUNIT_CASE(ttm_move_work_small_move_pays_nothing),
	KUNIT_CASE(ttm_move_work_does_without_helpers),
	KUNIT_CASE(ttm_move_work_obeys_limits_at_once),
	KUNIT_CASE(ttm_move_work_calls_nobody_for_nothing),
	KUNIT_CASE(ttm_move_work_waits_for_its_last_helper),
	KUNIT_CASE(ttm_move_work_does_not_wait_for_late_helpers),
	KUNIT_CASE(ttm_move_work_fails_as_a_whole),
	KUNIT_CASE(ttm_move_work_clears_once_after_failure),
	KUNIT_CASE(ttm_move_work_lets_a_small_move_go_first),
	KUNIT_CASE(ttm_move_work_takes_turns),
	KUNIT_CASE(ttm_move_work_helpers_go_for_copies),
	KUNIT_CASE(ttm_move_deadline_passes_other_copies),
	KUNIT_CASE(ttm_move_deadline_keeps_the_order),
	KUNIT_CASE(ttm_move_deadline_waits_for_dependencies),
	KUNIT_CASE(ttm_move_deadline_goes_on),
	KUNIT_CASE(ttm_move_deadline_takes_turns),
	KUNIT_CASE(ttm_move_deadline_comes_too_late),
	KUNIT_CASE(ttm_move_deadline_begins_where_the_last_one_ended),
	KUNIT_CASE(ttm_move_deadline_follows_no_container),
	{ }
};

static struct kunit_suite ttm_move_work_suite = {
	.name = "ttm_move_work",
	.init = mvt_work_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_work_cases,
};

kunit_test_suite(ttm_move_work_suite);
