// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A job starts when the last of its dependencies has signalled, and not before.
 */
#include <linux/dma-fence-chain.h>
#include <linux/slab.h>

#include "ttm_move_kunit.h"

#define MVT_NUM_DEPS	3

static void mvt_user_signal(struct mvt *fx, struct mvt_fence *user)
{
	if (fx->user_error)
		mvt_fence_signal_error(user, fx->user_error);
	else
		mvt_fence_signal(user);
}

static void mvt_signal_phase(struct mvt *fx, struct mvt_fence **deps,
			     const enum mvt_phase *phases, enum mvt_phase phase)
{
	unsigned int i;

	for (i = 0; i < MVT_NUM_DEPS; i++)
		if (phases[i] == phase)
			mvt_user_signal(fx, deps[i]);
}

static void mvt_check_order(struct mvt *fx, const unsigned int *order,
			    const enum mvt_phase *phases)
{
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *deps[MVT_NUM_DEPS];
	struct dma_fence *fence;
	unsigned int i;

	for (i = 0; i < MVT_NUM_DEPS; i++)
		deps[i] = mvt_fence_create(fx);
	mvt_signal_phase(fx, deps, phases, MVT_BEFORE_ADD);
	for (i = 0; i < MVT_NUM_DEPS; i++)
		ttm_move_job_add_dependency(job, &deps[i]->base);
	mvt_signal_phase(fx, deps, phases, MVT_BEFORE_ARM);
	fence = ttm_move_job_arm(job);

	for (i = 0; i < MVT_NUM_DEPS; i++) {
		if (phases[order[i]] != MVT_AFTER_ARM)
			continue;
		mvt_expect_waiting(fx, fence);
		mvt_user_signal(fx, deps[order[i]]);
	}
	mvt_expect_done(fx, fence, 1);
	mvt_expect_copied(fx);
}

/* Counts through all the ways that the dependencies can signal in. */
static bool mvt_next_phases(enum mvt_phase *phases)
{
	unsigned int i;

	for (i = 0; i < MVT_NUM_DEPS; i++) {
		if (++phases[i] < MVT_NUM_PHASES)
			return true;
		phases[i] = MVT_BEFORE_ADD;
	}
	return false;
}

static const struct mvt_outcome {
	const char *name;
	int error;
} mvt_outcomes[] = {
	{ "ok", 0 },
	{ "error", -EIO },
};

KUNIT_ARRAY_PARAM_DESC(mvt_outcome, mvt_outcomes, name);

static void ttm_move_job_waits_in_every_order(struct kunit *test)
{
	const struct mvt_outcome *outcome = test->param_value;
	enum mvt_phase phases[MVT_NUM_DEPS] = {};
	struct mvt *fx = test->priv;

	fx->user_error = outcome->error;
	do {
		unsigned int order[MVT_NUM_DEPS] = { 0, 1, 2 };

		do {
			mvt_check_order(fx, order, phases);
		} while (mvt_next_permutation(order, MVT_NUM_DEPS));
	} while (mvt_next_phases(phases));
}

/* The bytes must be moved all the same, and our own copy went well. */
static void ttm_move_job_ignores_errors_of_dependencies(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *early = mvt_fence_create(fx);
	struct mvt_fence *late = mvt_fence_create(fx);
	struct dma_fence *fence;

	mvt_fence_signal_error(early, -EIO);
	ttm_move_job_add_dependency(job, &early->base);
	ttm_move_job_add_dependency(job, &late->base);
	fence = ttm_move_job_arm(job);
	mvt_fence_signal_error(late, -ENODEV);

	mvt_expect_done(fx, fence, 1);
	mvt_expect_copied(fx);
}

static void ttm_move_job_keeps_a_fence_once(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence;

	ttm_move_job_add_dependency(job, &dep->base);
	ttm_move_job_add_dependency(job, &dep->base);
	ttm_move_job_add_dependency(job, NULL);
	KUNIT_EXPECT_EQ(test, job->num_deps, 1);
	KUNIT_EXPECT_EQ(test, kref_read(&dep->base.refcount), 2);

	fence = ttm_move_job_arm(job);
	mvt_expect_waiting(fx, fence);
	mvt_fence_signal(dep);
	mvt_expect_done(fx, fence, 1);
}

/* Two fences of one context, added in the order of @first and @second. */
static void mvt_check_same_context(struct mvt *fx, unsigned int first,
				   unsigned int second)
{
	struct ttm_move_job *job = mvt_copy_create(fx);
	u64 context = dma_fence_context_alloc(1);
	struct mvt_fence *deps[2] = {
		mvt_fence_create_at(fx, context, 1),
		mvt_fence_create_at(fx, context, 2),
	};
	struct dma_fence *fence;

	ttm_move_job_add_dependency(job, &deps[first]->base);
	ttm_move_job_add_dependency(job, &deps[second]->base);
	KUNIT_EXPECT_EQ(fx->test, job->num_deps, 1);
	KUNIT_EXPECT_EQ(fx->test, kref_read(&deps[0]->base.refcount), 1);

	fence = ttm_move_job_arm(job);
	mvt_fence_signal(deps[0]);
	mvt_expect_waiting(fx, fence);
	mvt_fence_signal(deps[1]);
	mvt_expect_done(fx, fence, 1);
}

static void ttm_move_job_keeps_the_later_fence(struct kunit *test)
{
	mvt_check_same_context(test->priv, 0, 1);
	mvt_check_same_context(test->priv, 1, 0);
}

/* There, neither fence stands in for the other. */
static void ttm_move_job_keeps_all_fences_of_context_0(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *deps[2] = {
		mvt_fence_create_at(fx, 0, 0),
		mvt_fence_create_at(fx, 0, 0),
	};
	struct dma_fence *fence;

	ttm_move_job_add_dependency(job, &deps[0]->base);
	ttm_move_job_add_dependency(job, &deps[1]->base);
	KUNIT_EXPECT_EQ(test, job->num_deps, 2);

	fence = ttm_move_job_arm(job);
	mvt_fence_signal(deps[1]);
	mvt_expect_waiting(fx, fence);
	mvt_fence_signal(deps[0]);
	mvt_expect_done(fx, fence, 1);
}

#define MVT_MANY_DEPS	(TTM_MOVE_INLINE_DEPS * 3 + 1)

static void ttm_move_job_waits_for_many(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *deps[MVT_MANY_DEPS];
	unsigned int i, order[MVT_MANY_DEPS];
	struct dma_fence *fence;

	mvt_seed(fx);
	for (i = 0; i < MVT_MANY_DEPS; i++) {
		order[i] = i;
		deps[i] = mvt_fence_create(fx);
		ttm_move_job_add_dependency(job, &deps[i]->base);
	}
	KUNIT_EXPECT_EQ(test, job->num_deps, MVT_MANY_DEPS);
	mvt_shuffle(fx, order, MVT_MANY_DEPS);

	fence = ttm_move_job_arm(job);
	for (i = 0; i < MVT_MANY_DEPS; i++) {
		mvt_expect_waiting(fx, fence);
		mvt_fence_signal(deps[order[i]]);
	}
	mvt_expect_done(fx, fence, 1);
}

/* What was added before is still there, and comes back when the job goes. */
static void ttm_move_job_survives_failed_growth(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *dep;
	unsigned int i;

	for (i = 0; i < TTM_MOVE_INLINE_DEPS; i++) {
		dep = mvt_fence_create(fx);
		KUNIT_EXPECT_EQ(test, ttm_move_job_add_dependency(job, &dep->base),
				0);
	}
	fx->allocs.fail_all = true;
	dep = mvt_fence_create(fx);
	KUNIT_EXPECT_EQ(test, ttm_move_job_add_dependency(job, &dep->base),
			-ENOMEM);
	KUNIT_EXPECT_EQ(test, kref_read(&dep->base.refcount), 1);
	KUNIT_EXPECT_EQ(test, job->num_deps, TTM_MOVE_INLINE_DEPS);
	ttm_move_job_drop(job);
}

/* Container fences: the job waits for what is in them */

#define MVT_NUM_PARTS	(TTM_MOVE_INLINE_DEPS + 1)

/* So many that they are not taken apart. */
#define MVT_MANY_PARTS	100

static void mvt_parts_create(struct mvt *fx, struct mvt_fence **parts,
			     unsigned int num)
{
	unsigned int i;

	for (i = 0; i < num; i++)
		parts[i] = mvt_fence_create(fx);
}

static struct dma_fence *mvt_chain_create(struct mvt *fx,
					  struct mvt_fence **parts,
					  unsigned int num)
{
	struct dma_fence_chain *chain;
	struct dma_fence *prev = NULL;
	unsigned int i;

	for (i = 0; i < num; i++) {
		chain = dma_fence_chain_alloc();
		KUNIT_ASSERT_NOT_NULL(fx->test, chain);
		dma_fence_chain_init(chain, prev, dma_fence_get(&parts[i]->base),
				     i + 1);
		prev = &chain->base;
	}
	return prev;
}

static struct dma_fence *mvt_array_of_parts(struct mvt *fx,
					    struct mvt_fence **parts,
					    unsigned int num)
{
	struct dma_fence **fences, *array;
	unsigned int i;

	fences = kcalloc(num, sizeof(*fences), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(fx->test, fences);
	for (i = 0; i < num; i++)
		fences[i] = &parts[i]->base;
	array = mvt_array_create(fx, fences, num);
	kfree(fences);
	return array;
}

struct mvt_container {
	const char *name;
	struct dma_fence *(*create)(struct mvt *fx, struct mvt_fence **parts,
				    unsigned int num);
};

static const struct mvt_container mvt_containers[] = {
	{ "chain", mvt_chain_create },
	{ "array", mvt_array_of_parts },
};

KUNIT_ARRAY_PARAM_DESC(mvt_container, mvt_containers, name);

/* @job is to wait for new @parts, in a container that nobody holds on to. */
static void mvt_depend_on_parts(struct mvt *fx, struct ttm_move_job *job,
				struct mvt_fence **parts, unsigned int num)
{
	const struct mvt_container *param = fx->test->param_value;
	struct dma_fence *fence;

	mvt_parts_create(fx, parts, num);
	fence = param->create(fx, parts, num);
	KUNIT_EXPECT_EQ(fx->test, ttm_move_job_add_dependency(job, fence), 0);
	dma_fence_put(fence);
}

static void mvt_expect_waiting_for(struct mvt *fx, struct dma_fence *fence,
				   struct mvt_fence **parts, unsigned int num)
{
	unsigned int i;

	for (i = 0; i < num; i++) {
		mvt_expect_waiting(fx, fence);
		mvt_fence_signal(parts[i]);
	}
}

/* By its own callbacks: nobody has to hold on to the container. */
static void ttm_move_job_waits_for_parts(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *parts[MVT_NUM_PARTS];
	struct dma_fence *fence;

	mvt_depend_on_parts(fx, job, parts, MVT_NUM_PARTS);
	KUNIT_EXPECT_EQ(test, job->num_deps, MVT_NUM_PARTS);

	fence = ttm_move_job_arm(job);
	mvt_expect_waiting_for(fx, fence, parts, MVT_NUM_PARTS);
	mvt_expect_done(fx, fence, 1);
}

/* The container is one dependency then, and no part is forgotten. */
static void ttm_move_job_waits_for_many_parts(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *parts[MVT_MANY_PARTS];
	struct dma_fence *fence;

	mvt_depend_on_parts(fx, job, parts, MVT_MANY_PARTS);
	KUNIT_EXPECT_LT(test, job->num_deps, MVT_MANY_PARTS);

	fence = ttm_move_job_arm(job);
	mvt_expect_waiting_for(fx, fence, parts, MVT_MANY_PARTS);
	/* Containers signal from an interrupt of their own. */
	mvt_wait(fx, fence);
	mvt_expect_done(fx, fence, 1);
}

/* The fixture's exit finds the references that are left. */
static void ttm_move_job_fails_to_wait_for_parts(struct kunit *test)
{
	const struct mvt_container *param = test->param_value;
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *parts[MVT_NUM_PARTS];
	struct dma_fence *fence;

	mvt_parts_create(fx, parts, MVT_NUM_PARTS);
	fence = param->create(fx, parts, MVT_NUM_PARTS);
	fx->allocs.fail_all = true;
	KUNIT_EXPECT_EQ(test, ttm_move_job_add_dependency(job, fence), -ENOMEM);
	ttm_move_job_drop(job);
	dma_fence_put(fence);
}

/* It does not tell the errors of its parts. */
static void ttm_move_job_failsafe_rejects_containers(struct kunit *test)
{
	const struct mvt_container *param = test->param_value;
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *parts[MVT_NUM_PARTS];
	struct dma_fence *fence;

	mvt_parts_create(fx, parts, MVT_NUM_PARTS);
	fence = param->create(fx, parts, MVT_NUM_PARTS);
	KUNIT_EXPECT_EQ(test, ttm_move_job_add_guard(job, fence), -EINVAL);
	KUNIT_EXPECT_FALSE(test, job->guarded);
	KUNIT_EXPECT_EQ(test, job->num_deps, 0);
	ttm_move_job_drop(job);
	dma_fence_put(fence);
}

/* Somebody else's fence, or a job that waits for one, itself or by another job. */
static void ttm_move_fence_is_foreign_by_dependency(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct ttm_move_job *second = mvt_job_create(fx);
	struct dma_fence *fences[3];

	fences[0] = mvt_arm_after(fx, &dep->base);
	ttm_move_job_add_dependency(second, fences[0]);
	fences[1] = ttm_move_job_arm(second);
	fences[2] = ttm_move_job_arm(mvt_job_create(fx));
	KUNIT_EXPECT_TRUE(test, ttm_move_fence_is_foreign(&dep->base));
	KUNIT_EXPECT_TRUE(test, ttm_move_fence_is_foreign(fences[0]));
	KUNIT_EXPECT_TRUE(test, ttm_move_fence_is_foreign(fences[1]));
	KUNIT_EXPECT_FALSE(test, ttm_move_fence_is_foreign(fences[2]));

	mvt_fence_signal(dep);
	KUNIT_EXPECT_FALSE(test, ttm_move_fence_is_foreign(&dep->base));
	mvt_expect_done(fx, fences[0], 1);
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(test, ttm_move_fence_is_foreign(fences[1]));
	dma_fence_put(fences[1]);
	dma_fence_put(fences[2]);
}

/* Nor can a job signal before the one ahead of it on its timeline. */
static void ttm_move_fence_is_foreign_by_timeline(struct kunit *test)
{
	struct ttm_move_timeline *timeline = ttm_move_timeline_create("test");
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct ttm_move_job *ahead, *behind;
	struct dma_fence *fences[2];

	KUNIT_ASSERT_NOT_NULL(test, timeline);
	ahead = ttm_move_job_create(&fx->mdev, timeline);
	behind = ttm_move_job_create(&fx->mdev, timeline);
	ttm_move_timeline_put(timeline);
	ttm_move_job_add_dependency(ahead, &dep->base);
	fences[0] = ttm_move_job_arm(ahead);
	fences[1] = ttm_move_job_arm(behind);
	KUNIT_EXPECT_TRUE(test, ttm_move_fence_is_foreign(fences[1]));

	mvt_fence_signal(dep);
	mvt_expect_done(fx, fences[0], 1);
	mvt_expect_done(fx, fences[1], 1);
}

/* The later of two fences of a context counts, though the earlier one is our own. */
static void ttm_move_fence_is_foreign_by_later_fence(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_timeline *timeline = fx->mdev.evictions[TTM_PL_VRAM];
	struct ttm_move_job *jobs[] = {
		ttm_move_job_create(&fx->mdev, timeline),
		ttm_move_job_create(&fx->mdev, timeline),
		mvt_job_create(fx),
	};
	struct mvt_fence *dep = mvt_fence_create(fx);
	DECLARE_COMPLETION_ONSTACK(gate);
	struct dma_fence *fences[3];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, jobs[0]);
	KUNIT_ASSERT_NOT_NULL(test, jobs[1]);
	fx->hooks.begin_gate = &gate;
	mvt_job_set_clear(fx, jobs[0]);
	fences[0] = ttm_move_job_arm(jobs[0]);
	ttm_move_job_add_dependency(jobs[1], &dep->base);
	fences[1] = ttm_move_job_arm(jobs[1]);
	ttm_move_job_add_dependency(jobs[2], fences[0]);
	ttm_move_job_add_dependency(jobs[2], fences[1]);
	KUNIT_EXPECT_EQ(test, jobs[2]->num_deps, 1);
	fences[2] = ttm_move_job_arm(jobs[2]);
	KUNIT_EXPECT_FALSE(test, ttm_move_fence_is_foreign(fences[0]));
	KUNIT_EXPECT_TRUE(test, ttm_move_fence_is_foreign(fences[2]));

	complete_all(&gate);
	mvt_fence_signal(dep);
	for (i = 0; i < ARRAY_SIZE(fences); i++)
		mvt_expect_done(fx, fences[i], 1);
}

#define MVT_NUM_USAGES	(DMA_RESV_USAGE_BOOKKEEP + 1)

/* A reservation object with one fence of each usage. */
static int mvt_resv_init(struct mvt *fx, struct dma_resv *resv,
			 struct mvt_fence **fences)
{
	unsigned int usage;
	int ret;

	for (usage = 0; usage < MVT_NUM_USAGES; usage++)
		fences[usage] = mvt_fence_create(fx);
	dma_resv_init(resv);
	dma_resv_lock(resv, NULL);
	ret = dma_resv_reserve_fences(resv, MVT_NUM_USAGES);
	for (usage = 0; !ret && usage < MVT_NUM_USAGES; usage++)
		dma_resv_add_fence(resv, &fences[usage]->base, usage);
	dma_resv_unlock(resv);
	return ret;
}

static int mvt_add_resv(struct ttm_move_job *job, struct dma_resv *resv,
			enum dma_resv_usage usage)
{
	int ret;

	dma_resv_lock(resv, NULL);
	ret = ttm_move_job_add_resv(job, resv, usage);
	dma_resv_unlock(resv);
	return ret;
}

static void mvt_check_usage(struct mvt *fx, enum dma_resv_usage usage)
{
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *fences[MVT_NUM_USAGES];
	struct dma_fence *fence;
	struct dma_resv resv;
	unsigned int i;

	KUNIT_EXPECT_EQ(fx->test, mvt_resv_init(fx, &resv, fences), 0);
	KUNIT_EXPECT_EQ(fx->test, mvt_add_resv(job, &resv, usage), 0);
	KUNIT_EXPECT_EQ(fx->test, job->num_deps, usage + 1);
	fence = ttm_move_job_arm(job);
	for (i = 0; i <= usage; i++) {
		mvt_expect_waiting(fx, fence);
		mvt_fence_signal(fences[i]);
	}
	mvt_expect_done(fx, fence, 1);
	dma_resv_fini(&resv);
}

static void ttm_move_job_waits_by_usage(struct kunit *test)
{
	unsigned int usage;

	for (usage = 0; usage < MVT_NUM_USAGES; usage++)
		mvt_check_usage(test->priv, usage);
}

static void ttm_move_job_reports_failure_to_add_resv(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *fences[MVT_NUM_USAGES];
	struct dma_resv resv;

	ttm_move_job_add_dependency(job, &mvt_fence_create(fx)->base);
	KUNIT_EXPECT_EQ(test, mvt_resv_init(fx, &resv, fences), 0);
	fx->allocs.fail_all = true;
	KUNIT_EXPECT_EQ(test,
			mvt_add_resv(job, &resv, DMA_RESV_USAGE_BOOKKEEP),
			-ENOMEM);
	ttm_move_job_drop(job);
	dma_resv_fini(&resv);
}

/* In interrupt context the job is only queued. */
static void ttm_move_job_starts_from_interrupt(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence;

	ttm_move_job_add_dependency(job, &dep->base);
	fence = ttm_move_job_arm(job);
	mvt_expect_waiting(fx, fence);
	mvt_fence_signal_irq(dep);
	KUNIT_EXPECT_TRUE(test, dep->in_irq);
	mvt_wait(fx, fence);
	mvt_expect_copied(fx);
	mvt_expect_done(fx, fence, 1);
}

static void ttm_move_job_depends_on_another(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *first = mvt_job_create(fx);
	struct ttm_move_job *second = mvt_copy_create(fx);
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence;

	ttm_move_job_add_dependency(first, &dep->base);
	fence = ttm_move_job_arm(first);
	ttm_move_job_add_dependency(second, fence);
	dma_fence_put(fence);

	fence = ttm_move_job_arm(second);
	mvt_expect_waiting(fx, fence);
	mvt_fence_signal(dep);
	mvt_expect_done(fx, fence, 1);
	mvt_expect_copied(fx);
}

/* Arming, and all that follows in the caller, works with what is there. */
static void ttm_move_job_arms_without_memory(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence;

	ttm_move_job_add_dependency(job, &dep->base);
	KUNIT_EXPECT_EQ(test, ttm_move_job_prepare(job), 0);
	mvt_allocs_reset(fx);
	fx->allocs.fail_all = true;
	fence = ttm_move_job_arm(job);
	mvt_fence_signal(dep);
	mvt_expect_done(fx, fence, 1);
	mvt_expect_copied(fx);
	KUNIT_EXPECT_EQ(test, fx->allocs.count, 0);
}

static struct kunit_case ttm_move_depend_cases[] = {
	KUNIT_CASE_PARAM(ttm_move_job_waits_in_every_order,
			 mvt_outcome_gen_params),
	KUNIT_CASE(ttm_move_job_ignores_errors_of_dependencies),
	KUNIT_CASE(ttm_move_job_keeps_a_fence_once),
	KUNIT_CASE(ttm_move_job_keeps_the_later_fence),
	KUNIT_CASE(ttm_move_job_keeps_all_fences_of_context_0),
	KUNIT_CASE(ttm_move_job_waits_for_many),
	KUNIT_CASE(ttm_move_job_survives_failed_growth),
	KUNIT_CASE_PARAM(ttm_move_job_waits_for_many_parts,
			 mvt_container_gen_params),
	KUNIT_CASE_PARAM(ttm_move_job_waits_for_parts,
			 mvt_container_gen_params),
	KUNIT_CASE_PARAM(ttm_move_job_fails_to_wait_for_parts,
			 mvt_container_gen_params),
	KUNIT_CASE_PARAM(ttm_move_job_failsafe_rejects_containers,
			 mvt_container_gen_params),
	KUNIT_CASE(ttm_move_fence_is_foreign_by_dependency),
	KUNIT_CASE(ttm_move_fence_is_foreign_by_timeline),
	KUNIT_CASE(ttm_move_fence_is_foreign_by_later_fence),
	KUNIT_CASE(ttm_move_job_waits_by_usage),
	KUNIT_CASE(ttm_move_job_reports_failure_to_add_resv),
	KUNIT_CASE(ttm_move_job_starts_from_interrupt),
	KUNIT_CASE(ttm_move_job_depends_on_another),
	KUNIT_CASE(ttm_move_job_arms_without_memory),
	{ }
};

static struct kunit_suite ttm_move_depend_suite = {
	.name = "ttm_move_depend",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_depend_cases,
};

kunit_test_suite(ttm_move_depend_suite);
