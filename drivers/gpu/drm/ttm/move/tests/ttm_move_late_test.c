// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Dependencies that signal late, from anywhere, at any moment of arming, and with any
 * error: the job runs once, after all of them.
 */
#include <linux/delay.h>
#include <linux/kthread.h>

#include "ttm_move_kunit.h"

/* With its users, a scene comes to its end, and all bytes are right. */
static void mvt_play(struct mvt *fx, const struct mvt_scene *scene)
{
	struct mvt_stage stage = {};

	scene->setup(fx, &stage);
	KUNIT_EXPECT_EQ_MSG(fx->test, scene->act(fx, &stage), 0, "%s",
			    scene->name);
	mvt_stage_clear(fx, &stage);
}

static void mvt_play_all(struct mvt *fx)
{
	const struct mvt_scene *scene = NULL;

	while ((scene = mvt_scene_next(scene)))
		mvt_play(fx, scene);
	KUNIT_EXPECT_EQ(fx->test, mvt_stats(fx).errors, 0);
	KUNIT_EXPECT_EQ(fx->test, mvt_stats(fx).sync_moves, 0);
}

static const struct mvt_user_error {
	const char *name;
	int error;
} mvt_user_errors[] = {
	{ "EIO", -EIO },
	{ "ECANCELED", -ECANCELED },
	{ "ETIMEDOUT", -ETIMEDOUT },
	{ "ENODEV", -ENODEV },
};

KUNIT_ARRAY_PARAM_DESC(mvt_user_error, mvt_user_errors, name);

/* The bytes must be moved all the same, and our own copies go well. */
static void ttm_move_late_users_end_with_errors(struct kunit *test)
{
	const struct mvt_user_error *param = test->param_value;
	struct mvt *fx = test->priv;

	fx->user_error = param->error;
	mvt_play_all(fx);
}

static const struct mvt_source_param {
	const char *name;
	enum mvt_source source;
	bool in_irq;
} mvt_sources[] = {
	{ "work", MVT_BY_WORK },
	{ "other cpu", MVT_BY_OTHER_CPU },
	{ "timer", MVT_BY_TIMER },
	{ "hrtimer", MVT_BY_HRTIMER, true },
	{ "irq work", MVT_BY_IRQ_WORK, true },
	{ "neighbour, between two callbacks", MVT_BY_NEIGHBOUR },
	{ "at once, in place of a callback", MVT_AT_ONCE },
};

KUNIT_ARRAY_PARAM_DESC(mvt_source, mvt_sources, name);

static unsigned int mvt_count_in_irq(struct mvt *fx)
{
	struct mvt_fence *fence;
	unsigned int num = 0;

	list_for_each_entry(fence, &fx->fences, link)
		num += fence->in_irq;
	return num;
}

static void ttm_move_late_users_signal_from(struct kunit *test)
{
	const struct mvt_source_param *param = test->param_value;
	struct mvt *fx = test->priv;
	unsigned int signals;

	fx->source = param->source;
	mvt_play_all(fx);
	mvt_fences_sync(fx);
	signals = atomic_read(&fx->signals[param->source]);
	kunit_info(test, "summary: %s: %u", param->name, signals);
	KUNIT_EXPECT_GT(test, signals, 0);
	KUNIT_EXPECT_EQ(test, mvt_count_in_irq(fx), param->in_irq ? signals : 0);
}

/* Somebody who signals dependencies while the job is being armed */

#define MVT_RACE_ROUNDS	100
#define MVT_RACE_DEPS	(3 * TTM_MOVE_INLINE_DEPS)

/**
 * struct mvt_race - one who arms, and one who signals
 * @deps: what to signal
 * @num: number of @deps
 * @delay_ns: before each
 * @ready: the one who signals waits for @go
 * @go: the one who arms does so now
 * @done: all are signalled
 */
struct mvt_race {
	struct mvt_fence *deps[MVT_RACE_DEPS];
	unsigned int num;
	unsigned int delay_ns;
	struct completion ready;
	bool go;
	struct completion done;
};

/* On a CPU of its own, where there is one, it does not sleep before the start. */
static int mvt_race_signal(void *arg)
{
	struct mvt_race *race = arg;
	unsigned int i;

	complete(&race->ready);
	while (!READ_ONCE(race->go)) {
		cond_resched();
		cpu_relax();
	}
	for (i = 0; i < race->num; i++) {
		ndelay(race->delay_ns);
		mvt_fence_signal(race->deps[i]);
	}
	kthread_complete_and_exit(&race->done, 0);
}

static struct ttm_move_job *mvt_race_create(struct mvt *fx,
					    struct mvt_race *race)
{
	struct ttm_move_job *job = mvt_copy_create(fx);
	unsigned int i;

	for (i = 0; i < race->num; i++) {
		race->deps[i] = mvt_fence_create(fx);
		ttm_move_job_add_dependency(job, &race->deps[i]->base);
	}
	init_completion(&race->ready);
	init_completion(&race->done);
	race->delay_ns = mvt_below(fx, 2000) / race->num;
	return job;
}

static unsigned int mvt_race_count(struct mvt_race *race, ktime_t from, ktime_t to)
{
	unsigned int i, num = 0;

	for (i = 0; i < race->num; i++) {
		ktime_t at = race->deps[i]->base.timestamp;

		num += ktime_after(at, from) && ktime_before(at, to);
	}
	return num;
}

/* Returns how many dependencies signalled while the job was being armed. */
static unsigned int mvt_race_once(struct mvt *fx, unsigned int num)
{
	struct mvt_race race = { .num = num };
	struct ttm_move_job *job = mvt_race_create(fx, &race);
	struct task_struct *task;
	struct dma_fence *fence;
	ktime_t from, to;

	task = kthread_create(mvt_race_signal, &race, "ttm_move_race");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(fx->test, task);
	kthread_bind(task, mvt_other_cpu());
	wake_up_process(task);
	wait_for_completion(&race.ready);
	from = ktime_get();
	WRITE_ONCE(race.go, true);
	ndelay(mvt_below(fx, 2000));
	fence = ttm_move_job_arm(job);
	to = ktime_get();

	wait_for_completion(&race.done);
	mvt_wait(fx, fence);
	mvt_expect_copied(fx);
	mvt_expect_done(fx, fence, 1);
	return mvt_race_count(&race, from, to);
}

static const struct mvt_racers {
	const char *name;
	unsigned int num;
} mvt_racers[] = {
	{ "one", 1 },
	{ "a few", TTM_MOVE_INLINE_DEPS },
	{ "many", MVT_RACE_DEPS },
};

KUNIT_ARRAY_PARAM_DESC(mvt_racers, mvt_racers, name);

static void ttm_move_late_signals_race_with_arm(struct kunit *test)
{
	const struct mvt_racers *racers = test->param_value;
	struct mvt *fx = test->priv;
	unsigned int i, during = 0;

	mvt_seed(fx);
	for (i = 0; i < MVT_RACE_ROUNDS; i++)
		during += mvt_race_once(fx, racers->num);
	kunit_info(test, "summary: %s: %u of %u during arm, %u CPUs",
		   racers->name, during, i * racers->num, num_online_cpus());
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).jobs, MVT_RACE_ROUNDS);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).copied_bytes,
			MVT_RACE_ROUNDS * MVT_BYTES);
	if (num_online_cpus() > 1 && !during)
		kunit_skip(test, "no signal came during arm");
}

static struct kunit_case ttm_move_late_cases[] = {
	KUNIT_CASE_PARAM(ttm_move_late_users_end_with_errors,
			 mvt_user_error_gen_params),
	KUNIT_CASE_PARAM(ttm_move_late_users_signal_from, mvt_source_gen_params),
	KUNIT_CASE_PARAM(ttm_move_late_signals_race_with_arm,
			 mvt_racers_gen_params),
	{ }
};

static struct kunit_suite ttm_move_late_suite = {
	.name = "ttm_move_late",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_late_cases,
};

kunit_test_suite(ttm_move_late_suite);
