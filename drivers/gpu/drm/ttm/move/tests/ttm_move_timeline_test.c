// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fences of one timeline signal in order, whatever order the jobs finish in.
 */
#include "ttm_move_kunit.h"

#define MVT_MAX_JOBS	64

/* What a test sees of jobs that each wait for a fence of their own. */
struct mvt_line {
	struct mvt *fx;
	struct ttm_move_timeline *timeline;
	unsigned int num;
	struct mvt_fence *deps[MVT_MAX_JOBS];
	struct dma_fence *fences[MVT_MAX_JOBS];
	struct dma_fence_cb cbs[MVT_MAX_JOBS];
	u64 signalled[MVT_MAX_JOBS];
	atomic_t num_signalled;
};

/* Under the timeline's lock: in the order of the signals. */
static void mvt_line_record(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct ttm_move_job *job = ttm_move_job_from_fence(fence);
	struct mvt_line *line = job->priv;
	int i = atomic_fetch_inc(&line->num_signalled);

	line->signalled[i] = fence->seqno;
}

static void mvt_line_add(struct mvt_line *line)
{
	struct mvt *fx = line->fx;
	unsigned int i = line->num++;
	struct ttm_move_job *job;

	job = ttm_move_job_create(&fx->mdev, line->timeline);
	KUNIT_ASSERT_NOT_NULL(fx->test, job);
	job->priv = line;
	line->deps[i] = mvt_fence_create(fx);
	ttm_move_job_add_dependency(job, &line->deps[i]->base);
	line->fences[i] = ttm_move_job_arm(job);
	dma_fence_add_callback(line->fences[i], &line->cbs[i], mvt_line_record);
}

static struct mvt_line *mvt_line_create(struct mvt *fx, unsigned int num)
{
	struct mvt_line *line = kunit_kzalloc(fx->test, sizeof(*line),
					      GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, line);
	line->fx = fx;
	line->timeline = ttm_move_timeline_create("line");
	KUNIT_ASSERT_NOT_NULL(fx->test, line->timeline);
	while (line->num < num)
		mvt_line_add(line);
	return line;
}

static void mvt_line_put(struct mvt_line *line)
{
	while (line->num)
		dma_fence_put(line->fences[--line->num]);
	ttm_move_timeline_put(line->timeline);
}

/* The job has finished when this returns; its fence may have to wait. */
static void mvt_line_finish(struct mvt_line *line, unsigned int i)
{
	mvt_fence_signal(line->deps[i]);
	mvt_settle(line->fx);
}

/* The fences that have signalled are exactly the first @num. */
static void mvt_line_expect_signalled(struct mvt_line *line, unsigned int num)
{
	unsigned int i;

	for (i = 0; i < line->num; i++)
		KUNIT_EXPECT_EQ(line->fx->test,
				dma_fence_is_signaled(line->fences[i]), i < num);
}

/* In order, both by what the callbacks saw and by the time in the fences. */
static void mvt_line_expect_order(struct mvt_line *line)
{
	struct kunit *test = line->fx->test;
	unsigned int i;

	for (i = 0; i < line->num; i++)
		mvt_wait(line->fx, line->fences[i]);
	KUNIT_EXPECT_EQ(test, atomic_read(&line->num_signalled), line->num);
	for (i = 1; i < line->num; i++) {
		KUNIT_EXPECT_GT(test, line->signalled[i],
				line->signalled[i - 1]);
		KUNIT_EXPECT_TRUE(test,
				  !ktime_before(line->fences[i]->timestamp,
						line->fences[i - 1]->timestamp));
	}
}

/* How many jobs at the head are done once those in @done are. */
static unsigned int mvt_line_prefix(unsigned long done)
{
	return ffz(done);
}

static void mvt_line_finish_in(struct mvt_line *line, const unsigned int *order)
{
	unsigned long done = 0;
	unsigned int i;

	for (i = 0; i < line->num; i++) {
		mvt_line_finish(line, order[i]);
		done |= BIT(order[i]);
		mvt_line_expect_signalled(line, mvt_line_prefix(done));
	}
	mvt_line_expect_order(line);
	mvt_line_put(line);
}

static void ttm_move_timeline_signals_in_order(struct kunit *test)
{
	unsigned int order[] = { 0, 1, 2, 3 };
	struct mvt *fx = test->priv;

	do {
		mvt_line_finish_in(mvt_line_create(fx, ARRAY_SIZE(order)),
				   order);
	} while (mvt_next_permutation(order, ARRAY_SIZE(order)));
}

static void ttm_move_timeline_signals_in_order_random(struct kunit *test)
{
	unsigned int i, round, order[16];
	struct mvt *fx = test->priv;

	mvt_seed(fx);
	for (i = 0; i < ARRAY_SIZE(order); i++)
		order[i] = i;
	for (round = 0; round < 16; round++) {
		mvt_shuffle(fx, order, ARRAY_SIZE(order));
		mvt_line_finish_in(mvt_line_create(fx, ARRAY_SIZE(order)),
				   order);
	}
}

/* Nobody waits in between: the workers retire as they come. */
static void ttm_move_timeline_signals_in_order_at_once(struct kunit *test)
{
	unsigned int i, order[MVT_MAX_JOBS];
	struct mvt *fx = test->priv;
	struct mvt_line *line = mvt_line_create(fx, MVT_MAX_JOBS);

	mvt_seed(fx);
	for (i = 0; i < line->num; i++)
		order[i] = i;
	mvt_shuffle(fx, order, line->num);
	for (i = 0; i < line->num; i++)
		mvt_fence_signal(line->deps[order[i]]);
	mvt_line_expect_order(line);
	mvt_line_put(line);
}

/* Finished, but not signalled: that is what flush and the fence wait for. */
static void ttm_move_timeline_holds_back_a_finished_job(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_line *line = mvt_line_create(fx, 2);
	struct ttm_move_job *job = ttm_move_job_from_fence(line->fences[1]);

	mvt_line_finish(line, 1);
	KUNIT_EXPECT_EQ(test, job->state, TTM_MOVE_DONE);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(line->fences[1]));

	mvt_line_finish(line, 0);
	KUNIT_EXPECT_EQ(test, job->state, TTM_MOVE_RETIRED);
	mvt_line_expect_order(line);
	mvt_line_put(line);
}

/* What still copies is not done, though somebody behind it is. */
static void ttm_move_timeline_waits_for_a_copy(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_timeline *timeline = fx->mdev.evictions[TTM_PL_VRAM];
	struct ttm_move_job *copy = ttm_move_job_create(&fx->mdev, timeline);
	struct ttm_move_job *behind = ttm_move_job_create(&fx->mdev, timeline);
	DECLARE_COMPLETION_ONSTACK(gate);
	struct dma_fence *first, *second;

	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_ASSERT_NOT_NULL(test, behind);
	fx->hooks.begin_gate = &gate;
	mvt_job_set_clear(fx, copy);
	first = ttm_move_job_arm(copy);
	mvt_wait_until_begun(fx, 1);
	second = ttm_move_job_arm(behind);
	flush_workqueue(fx->mdev.pass_wq);
	KUNIT_EXPECT_EQ(test, behind->state, TTM_MOVE_DONE);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(first));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(second));

	complete_all(&gate);
	mvt_expect_done(fx, first, 1);
	mvt_expect_done(fx, second, 1);
}

/* An interrupt that wants to know when a fence signals. */
struct mvt_look {
	struct irq_work irq;
	struct dma_fence *fence;
	struct dma_fence_cb cb;
	bool called;
};

static void mvt_look_cb(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	container_of(cb, struct mvt_look, cb)->called = true;
}

static void mvt_look_work(struct irq_work *work)
{
	struct mvt_look *look = container_of(work, struct mvt_look, irq);

	dma_fence_add_callback(look->fence, &look->cb, mvt_look_cb);
}

/* The fences' lock is safe from interrupts; lockdep looks, and the fixture's exit. */
static void ttm_move_timeline_is_looked_at_from_interrupt(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_line *line = mvt_line_create(fx, 2);
	struct mvt_look look = { .fence = line->fences[1] };

	look.irq = IRQ_WORK_INIT_HARD(mvt_look_work);
	irq_work_queue(&look.irq);
	irq_work_sync(&look.irq);
	KUNIT_EXPECT_FALSE(test, look.called);
	mvt_line_finish(line, 0);
	mvt_line_finish(line, 1);
	KUNIT_EXPECT_TRUE(test, look.called);
	mvt_line_put(line);
}

static void ttm_move_timelines_are_independent(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_line *held = mvt_line_create(fx, 2);
	struct mvt_line *free = mvt_line_create(fx, 2);

	KUNIT_EXPECT_NE(test, held->timeline->context, free->timeline->context);
	mvt_line_finish(held, 1);
	mvt_line_finish(free, 0);
	mvt_line_finish(free, 1);
	mvt_line_expect_signalled(free, 2);
	mvt_line_expect_signalled(held, 0);

	mvt_line_finish(held, 0);
	mvt_line_put(held);
	mvt_line_put(free);
}

/* Each in a context of its own, with nobody to be in order with. */
static void ttm_move_timeline_is_optional(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_line *line = kunit_kzalloc(test, sizeof(*line), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, line);
	line->fx = fx;
	mvt_line_add(line);
	mvt_line_add(line);
	KUNIT_EXPECT_NE(test, line->fences[0]->context,
			line->fences[1]->context);

	mvt_line_finish(line, 1);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(line->fences[1]));
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(line->fences[0]));
	mvt_line_finish(line, 0);
	mvt_line_put(line);
}

static void ttm_move_timeline_numbers_its_fences(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_line *line = mvt_line_create(fx, 3);
	unsigned int i;

	for (i = 0; i < line->num; i++) {
		KUNIT_EXPECT_EQ(test, line->fences[i]->context,
				line->timeline->context);
		KUNIT_EXPECT_EQ(test, line->fences[i]->seqno, i + 1);
		mvt_line_finish(line, i);
	}
	mvt_line_put(line);
}

/* The creator goes first; the fences, whose lock it holds, keep the timeline. */
static void ttm_move_timeline_outlives_its_creator(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_line *line = mvt_line_create(fx, 2);

	ttm_move_timeline_put(line->timeline);
	mvt_line_finish(line, 1);
	mvt_line_finish(line, 0);
	mvt_line_expect_order(line);
	KUNIT_EXPECT_EQ(test, kref_read(&line->timeline->ref), 2);
	KUNIT_EXPECT_STREQ(test, line->timeline->name, "line");

	/* The last fence frees it. */
	line->timeline = NULL;
	mvt_line_put(line);
}

static void ttm_move_timeline_refused_without_memory(struct kunit *test)
{
	struct mvt *fx = test->priv;

	fx->allocs.fail_all = true;
	KUNIT_EXPECT_NULL(test, ttm_move_timeline_create("none"));
}

static struct kunit_case ttm_move_timeline_cases[] = {
	KUNIT_CASE(ttm_move_timeline_signals_in_order),
	KUNIT_CASE(ttm_move_timeline_signals_in_order_random),
	KUNIT_CASE(ttm_move_timeline_signals_in_order_at_once),
	KUNIT_CASE(ttm_move_timeline_holds_back_a_finished_job),
	KUNIT_CASE(ttm_move_timeline_waits_for_a_copy),
	KUNIT_CASE(ttm_move_timeline_is_looked_at_from_interrupt),
	KUNIT_CASE(ttm_move_timelines_are_independent),
	KUNIT_CASE(ttm_move_timeline_is_optional),
	KUNIT_CASE(ttm_move_timeline_numbers_its_fences),
	KUNIT_CASE(ttm_move_timeline_outlives_its_creator),
	KUNIT_CASE(ttm_move_timeline_refused_without_memory),
	{ }
};

static struct kunit_suite ttm_move_timeline_suite = {
	.name = "ttm_move_timeline",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_timeline_cases,
};

kunit_test_suite(ttm_move_timeline_suite);
