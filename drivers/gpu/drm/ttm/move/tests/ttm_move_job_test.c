// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The life of a job: what it does to its destination, failure, retirement.
 */
#include <drm/ttm/ttm_tt.h>

#include "ttm_move_kunit.h"

/* What a job does */

static void ttm_move_job_copies(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct dma_fence *fence = ttm_move_job_arm(mvt_copy_create(fx));

	mvt_wait(fx, fence);
	mvt_expect_copied(fx);
	mvt_expect_done(fx, fence, 1);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).jobs, 1);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).copied_bytes, MVT_BYTES);
}

static void ttm_move_job_clears(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_job_create(fx);
	struct dma_fence *fence;

	mvt_job_set_clear(fx, job);
	fence = ttm_move_job_arm(job);
	mvt_wait(fx, fence);
	mvt_expect_zeroes(fx);
	mvt_expect_done(fx, fence, 1);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).cleared_bytes, MVT_BYTES);
}

static void ttm_move_job_does_nothing(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct dma_fence *fence = ttm_move_job_arm(mvt_job_create(fx));

	mvt_wait(fx, fence);
	mvt_expect_untouched(fx);
	mvt_expect_done(fx, fence, 1);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).skipped, 1);
}

static void ttm_move_job_rejects_short_memory(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_job_create(fx);
	struct ttm_move_mem mem, other, before;

	mvt_linear(fx, &mem, MVT_DST);
	before = mem;
	ttm_move_mem_init_linear(&other, &fx->aperture, 0, MVT_VRAM_BYTES);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_clear(job, &mem, MVT_BYTES + 1),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_copy(job, &mem, &other,
						    MVT_BYTES + 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_copy(job, &other, &mem,
						    MVT_BYTES + 1), -EINVAL);
	KUNIT_EXPECT_MEMEQ(test, &mem, &before, sizeof(mem));
	KUNIT_EXPECT_EQ(test, other.bytes, MVT_VRAM_BYTES);
	KUNIT_EXPECT_EQ(test, job->op, TTM_MOVE_NONE);
	ttm_move_job_drop(job);
}

/* What a job has taken, or nobody has filled, describes no memory. */
static void ttm_move_job_rejects_no_memory(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_job_create(fx), *other = mvt_job_create(fx);
	struct ttm_move_mem mem;

	mvt_linear(fx, &mem, MVT_DST);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_clear(job, &mem, MVT_BYTES), 0);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_clear(other, &mem, MVT_BYTES), -EINVAL);
	memset(&mem, 0, sizeof(mem));
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_clear(other, &mem, MVT_BYTES), -EINVAL);
	ttm_move_job_drop(other);
	ttm_move_job_drop(job);
}

/* Found out before the job is armed, whichever end it is. */
static void ttm_move_job_rejects_memory_outside_aperture(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_job_create(fx);
	struct ttm_move_mem outside, inside, beyond;

	ttm_move_mem_init_linear(&outside, &fx->aperture,
				 MVT_VRAM_BYTES - MVT_BYTES / 2, MVT_BYTES);
	mvt_linear(fx, &inside, MVT_DST);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_clear(job, &outside, MVT_BYTES),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_copy(job, &outside, &inside,
						    MVT_BYTES), -EINVAL);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_copy(job, &inside, &outside,
						    MVT_BYTES), -EINVAL);
	ttm_move_mem_init_linear(&beyond, &fx->aperture, 2 * MVT_VRAM_BYTES,
				 MVT_BYTES);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_clear(job, &beyond, MVT_BYTES),
			-EINVAL);
	KUNIT_EXPECT_NOT_NULL(test, inside.ops);
	KUNIT_EXPECT_NOT_NULL(test, outside.ops);

	/* What is not used may lie outside. */
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_clear(job, &outside,
						     MVT_BYTES / 2), 0);
	ttm_move_job_drop(job);
}

static void ttm_move_job_takes_over_its_memory(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_job_create(fx);
	struct ttm_move_mem dst, src;

	mvt_linear(fx, &dst, MVT_DST);
	mvt_linear(fx, &src, MVT_SRC);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_copy(job, &dst, &src, MVT_BYTES),
			0);
	KUNIT_EXPECT_NULL(test, dst.ops);
	KUNIT_EXPECT_NULL(test, src.ops);
	KUNIT_EXPECT_EQ(test, job->op, TTM_MOVE_COPY);
	KUNIT_EXPECT_STREQ(test, job->direction, "across");
	ttm_move_job_drop(job);
}

static void ttm_move_job_is_told_from_other_fences(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_job_create(fx);
	struct dma_fence *fence = ttm_move_job_arm(job);

	KUNIT_EXPECT_PTR_EQ(test, ttm_move_job_from_fence(fence), job);
	KUNIT_EXPECT_PTR_EQ(test, job->ops, fx->mdev.ops);
	KUNIT_EXPECT_NULL(test,
			  ttm_move_job_from_fence(&mvt_fence_create(fx)->base));
	dma_fence_put(fence);
}

/* Whoever looks at it under RCU may do so while the last reference goes. */
static void ttm_move_job_fence_outlives_its_last_reference(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct dma_fence *fence = ttm_move_job_arm(mvt_job_create(fx)), *dead;

	mvt_settle(fx);
	rcu_read_lock();
	dma_fence_put(fence);
	/* KASAN sees to it that there still is something to look at. */
	dead = dma_fence_get_rcu(fence);
	rcu_read_unlock();
	KUNIT_EXPECT_NULL(test, dead);
}

static void ttm_move_job_refused_without_memory(struct kunit *test)
{
	struct mvt *fx = test->priv;

	fx->allocs.fail_all = true;
	KUNIT_EXPECT_NULL(test, ttm_move_job_create(&fx->mdev, NULL));
}

/* Failsafe */

struct mvt_guard {
	const char *name;
	int error;
	enum mvt_phase phase;
};

static const struct mvt_guard mvt_guards[] = {
	{ "ok_later", 0, MVT_AFTER_ARM },
	{ "ok_before_arm", 0, MVT_BEFORE_ARM },
	{ "ok_already", 0, MVT_BEFORE_ADD },
	{ "error_later", -EIO, MVT_AFTER_ARM },
	{ "error_before_arm", -EIO, MVT_BEFORE_ARM },
	{ "error_already", -EIO, MVT_BEFORE_ADD },
};

KUNIT_ARRAY_PARAM_DESC(mvt_guard, mvt_guards, name);

static void mvt_guard_signal(struct mvt_fence *guard,
			     const struct mvt_guard *param,
			     enum mvt_phase phase)
{
	if (param->phase != phase)
		return;
	if (param->error)
		mvt_fence_signal_error(guard, param->error);
	else
		mvt_fence_signal(guard);
}

static void mvt_expect_guarded(struct mvt *fx, const struct mvt_guard *param)
{
	if (param->error)
		mvt_expect_copied(fx);
	else
		mvt_expect_untouched(fx);
	KUNIT_EXPECT_EQ(fx->test, mvt_stats(fx).skipped, !param->error);
	KUNIT_EXPECT_EQ(fx->test, atomic_read(&fx->hooks.began), !!param->error);
}

/* It copies if, and only if, what it guards has failed. */
static void ttm_move_job_failsafe(struct kunit *test)
{
	const struct mvt_guard *param = test->param_value;
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *guard = mvt_fence_create(fx);
	struct dma_fence *fence;

	mvt_guard_signal(guard, param, MVT_BEFORE_ADD);
	KUNIT_EXPECT_EQ(test, ttm_move_job_add_guard(job, &guard->base), 0);
	mvt_guard_signal(guard, param, MVT_BEFORE_ARM);
	fence = ttm_move_job_arm(job);
	if (param->phase == MVT_AFTER_ARM)
		mvt_expect_waiting(fx, fence);
	mvt_guard_signal(guard, param, MVT_AFTER_ARM);

	mvt_expect_done(fx, fence, 1);
	mvt_expect_guarded(fx, param);
}

/* It has nothing to do, but its turn has not come. */
static void ttm_move_job_failsafe_keeps_the_order(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct mvt_fence *guard = mvt_fence_create(fx);
	struct ttm_move_timeline *timeline = fx->mdev.evictions[TTM_PL_VRAM];
	struct ttm_move_job *older, *failsafe;
	struct dma_fence *first, *second;

	older = ttm_move_job_create(&fx->mdev, timeline);
	failsafe = ttm_move_job_create(&fx->mdev, timeline);
	KUNIT_ASSERT_NOT_NULL(test, older);
	KUNIT_ASSERT_NOT_NULL(test, failsafe);
	ttm_move_job_add_dependency(older, &dep->base);
	ttm_move_job_add_guard(failsafe, &guard->base);
	first = ttm_move_job_arm(older);
	second = ttm_move_job_arm(failsafe);

	mvt_fence_signal(guard);
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(second));
	mvt_fence_signal(dep);
	mvt_expect_done(fx, first, 1);
	mvt_expect_done(fx, second, 1);
}

/* More than a job has room for in itself. */
#define MVT_NUM_GUARDS	(TTM_MOVE_INLINE_DEPS + 2)

static const struct mvt_bad_part {
	const char *name;
	int index;
} mvt_bad_parts[] = {
	{ "the first one fails", 0 },
	{ "one in the middle fails", TTM_MOVE_INLINE_DEPS - 1 },
	{ "the last one fails", MVT_NUM_GUARDS - 1 },
	{ "none fails", MVT_NUM_GUARDS },
};

KUNIT_ARRAY_PARAM_DESC(mvt_bad_part, mvt_bad_parts, name);

/* All parts of a copy have to go well, though they are of one context. */
static void ttm_move_job_failsafe_guards_every_part(struct kunit *test)
{
	const struct mvt_bad_part *bad = test->param_value;
	struct mvt *fx = test->priv;
	u64 context = dma_fence_context_alloc(1);
	struct mvt_fence *parts[MVT_NUM_GUARDS];
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct dma_fence *fence;
	int i;

	for (i = 0; i < MVT_NUM_GUARDS; i++) {
		parts[i] = mvt_fence_create_at(fx, context, i + 1);
		KUNIT_EXPECT_EQ(test, 0,
				ttm_move_job_add_guard(job, &parts[i]->base));
	}
	fence = ttm_move_job_arm(job);
	for (i = 0; i < MVT_NUM_GUARDS; i++) {
		mvt_expect_waiting(fx, fence);
		if (i == bad->index)
			mvt_fence_signal_error(parts[i], -EIO);
		else
			mvt_fence_signal(parts[i]);
	}
	mvt_expect_done(fx, fence, 1);
	if (bad->index < MVT_NUM_GUARDS)
		mvt_expect_copied(fx);
	else
		mvt_expect_untouched(fx);
}

static const struct mvt_guard mvt_ends[] = {
	{ "ok", 0, MVT_AFTER_ARM },
	{ "error", -EIO, MVT_AFTER_ARM },
};

KUNIT_ARRAY_PARAM_DESC(mvt_end, mvt_ends, name);

/* A part that there is no memory for is awaited at once, and counts all the same. */
static void ttm_move_job_failsafe_without_memory_for_a_part(struct kunit *test)
{
	const struct mvt_guard *param = test->param_value;
	struct mvt *fx = test->priv;
	struct mvt_fence *part = mvt_fence_create(fx);
	struct mvt_fence *last = mvt_fence_create(fx);
	struct ttm_move_job *job = mvt_copy_create(fx);
	unsigned int max = job->max_deps;
	struct dma_fence *fence;

	while (job->num_deps < max)
		KUNIT_EXPECT_EQ(test, ttm_move_job_add_guard(job, &part->base), 0);
	fx->allocs.fail_all = true;
	if (param->error)
		dma_fence_set_error(&last->base, param->error);
	mvt_fence_signal_later(last, 4);
	KUNIT_EXPECT_EQ(test, ttm_move_job_add_guard(job, &last->base), 0);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&last->base));
	KUNIT_EXPECT_EQ(test, job->num_deps, max);
	fence = ttm_move_job_arm(job);
	mvt_expect_waiting(fx, fence);
	mvt_fence_signal(part);
	mvt_expect_done(fx, fence, 1);
	mvt_expect_guarded(fx, param);
}

static bool mvt_guard_failed(const struct ttm_move_job *job,
			     const struct dma_fence *guard)
{
	return guard->error != -EAGAIN;
}

/* What an error means is the driver's to say, of every part. */
static void ttm_move_job_failsafe_asks_the_driver(struct kunit *test)
{
	const struct mvt_guard *param = test->param_value;
	struct mvt *fx = test->priv;
	struct mvt_fence *replayed = mvt_fence_create(fx);
	struct mvt_fence *part = mvt_fence_create(fx);
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct dma_fence *fence;

	fx->ops.guard_failed = mvt_guard_failed;
	ttm_move_job_add_guard(job, &part->base);
	mvt_fence_signal_error(replayed, -EAGAIN);
	ttm_move_job_add_guard(job, &replayed->base);
	fence = ttm_move_job_arm(job);
	mvt_guard_signal(part, param, MVT_AFTER_ARM);
	mvt_expect_done(fx, fence, 1);
	mvt_expect_guarded(fx, param);
}

/* All the CPUs that copies may have are taken: nothing to do is done all the same. */
static void ttm_move_job_failsafe_passes_copies(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *guard = mvt_fence_create(fx);
	struct ttm_move_job *copy = mvt_copy_create(fx);
	struct ttm_move_job *failsafe = ttm_move_job_create(&fx->mdev, NULL);
	DECLARE_COMPLETION_ONSTACK(gate);
	struct dma_fence *first, *second;

	KUNIT_ASSERT_NOT_NULL(test, failsafe);
	fx->hooks.begin_gate = &gate;
	workqueue_set_max_active(fx->mdev.wq, 1);
	first = ttm_move_job_arm(copy);
	ttm_move_job_set_refuse(failsafe, MVT_BYTES);
	ttm_move_job_add_guard(failsafe, &guard->base);
	second = ttm_move_job_arm(failsafe);
	mvt_fence_signal(guard);
	mvt_wait(fx, second);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(first));
	complete_all(&gate);
	mvt_expect_done(fx, first, 1);
	mvt_expect_done(fx, second, 1);
}

static const struct mvt_refusal {
	const char *name;
	int guard_error;
	int begin_error;
	int status;
} mvt_refusals[] = {
	{ "copied by somebody else", 0, 0, 1 },
	{ "nobody has copied", -EIO, 0, -EIO },
	{ "nobody has copied, driver says why", -EIO, -ENODEV, -ENODEV },
};

KUNIT_ARRAY_PARAM_DESC(mvt_refusal, mvt_refusals, name);

/* What the CPU may not touch it does not touch: neither copies nor clears. */
static void ttm_move_job_refuses(struct kunit *test)
{
	const struct mvt_refusal *param = test->param_value;
	struct mvt *fx = test->priv;
	struct mvt_fence *guard = mvt_fence_create(fx);
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct dma_fence *fence;

	ttm_move_job_set_refuse(job, MVT_BYTES);
	ttm_move_job_add_guard(job, &guard->base);
	fx->hooks.begin_error = param->begin_error;
	fence = ttm_move_job_arm(job);
	if (param->guard_error)
		mvt_fence_signal_error(guard, param->guard_error);
	else
		mvt_fence_signal(guard);
	mvt_expect_done(fx, fence, param->status);
	mvt_expect_untouched(fx);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.began), !!param->guard_error);
}

/* A later fence of its context cannot stand in for the guard: its outcome counts. */
static void ttm_move_job_failsafe_waits_for_its_guard(struct kunit *test)
{
	struct mvt *fx = test->priv;
	u64 context = dma_fence_context_alloc(1);
	struct mvt_fence *guard = mvt_fence_create_at(fx, context, 1);
	struct mvt_fence *later = mvt_fence_create_at(fx, context, 2);
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct dma_fence *fence;

	ttm_move_job_add_guard(job, &guard->base);
	ttm_move_job_add_dependency(job, &later->base);
	fence = ttm_move_job_arm(job);
	mvt_fence_signal(later);
	mvt_expect_waiting(fx, fence);
	mvt_fence_signal_error(guard, -EIO);
	mvt_expect_done(fx, fence, 1);
	mvt_expect_copied(fx);
}

/* Failure: no stale bytes, and everybody is told */

static void ttm_move_job_forbidden_leaves_zeroes(struct kunit *test)
{
	struct mvt *fx = test->priv;

	fx->hooks.begin_error = -EIO;
	mvt_expect_done(fx, ttm_move_job_arm(mvt_copy_create(fx)), -EIO);
	mvt_expect_zeroes(fx);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, 1);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).copied_bytes, 0);
}

struct mvt_witness {
	struct dma_fence_cb cb;
	int error;
};

static void mvt_witness_look(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	container_of(cb, struct mvt_witness, cb)->error = fence->error;
}

/* Callbacks run in the midst of the signal. */
static void ttm_move_job_error_comes_with_the_signal(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_witness witness = {};
	struct dma_fence *fence;

	fx->hooks.begin_error = -EIO;
	ttm_move_job_add_dependency(job, &user->base);
	fence = ttm_move_job_arm(job);
	KUNIT_EXPECT_EQ(test, dma_fence_add_callback(fence, &witness.cb,
						     mvt_witness_look), 0);
	mvt_fence_signal(user);
	mvt_expect_done(fx, fence, -EIO);
	KUNIT_EXPECT_EQ(test, witness.error, -EIO);
}

/* Its memory may not even be written any more. */
static void ttm_move_job_leaves_a_gone_device_alone(struct kunit *test)
{
	struct mvt *fx = test->priv;

	fx->hooks.begin_error = -ENODEV;
	mvt_expect_done(fx, ttm_move_job_arm(mvt_copy_create(fx)), -ENODEV);
	mvt_expect_untouched(fx);
}

/* Pages that are all there but @missing, full of dirt. */
static void mvt_tt_init(struct mvt *fx, struct ttm_tt *tt, unsigned int missing)
{
	unsigned int i;

	memset(tt, 0, sizeof(*tt));
	tt->caching = ttm_cached;
	tt->num_pages = MVT_PAGES;
	tt->pages = kunit_kcalloc(fx->test, MVT_PAGES, sizeof(*tt->pages),
				  GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(fx->test, tt->pages);
	for (i = 0; i < MVT_PAGES; i++)
		if (i != missing)
			tt->pages[i] = virt_to_page(mvt_page(fx, MVT_SRC + i));
}

static void mvt_check_missing_page(struct mvt *fx, unsigned int missing)
{
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct ttm_move_mem dst, src;
	struct ttm_tt tt;

	mvt_tt_init(fx, &tt, missing);
	mvt_linear(fx, &dst, MVT_DST);
	ttm_move_mem_init_tt(&src, &tt, PAGE_KERNEL);
	KUNIT_EXPECT_EQ(fx->test,
			ttm_move_job_set_copy(job, &dst, &src, MVT_BYTES), 0);
	mvt_expect_done(fx, ttm_move_job_arm(job), -EFAULT);
	mvt_expect_zeroes(fx);
}

/* Also what was copied before the failure, and what would have come after it. */
static void ttm_move_job_failing_midway_leaves_zeroes(struct kunit *test)
{
	unsigned int missing;

	for (missing = 0; missing < MVT_PAGES; missing++)
		mvt_check_missing_page(test->priv, missing);
}

/* What can be reached on either side of a hole is cleared. */
static void ttm_move_job_failure_clears_around_a_hole(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_job_create(fx);
	struct ttm_move_mem dst;
	struct ttm_tt tt;

	mvt_vram_dirty(fx);
	mvt_tt_init(fx, &tt, 1);
	ttm_move_mem_init_tt(&dst, &tt, PAGE_KERNEL);
	KUNIT_EXPECT_EQ(test, ttm_move_job_set_clear(job, &dst, MVT_BYTES), 0);
	mvt_expect_done(fx, ttm_move_job_arm(job), -EFAULT);
	KUNIT_EXPECT_TRUE(test, mvt_is_filled_with(mvt_page(fx, MVT_SRC), 0,
						   PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, mvt_is_filled_with(mvt_page(fx, MVT_SRC + 2), 0,
						   MVT_BYTES - 2 * PAGE_SIZE));
}

/* A hook that has something positive to say does not object. */
static void ttm_move_job_begin_may_be_positive(struct kunit *test)
{
	struct mvt *fx = test->priv;

	fx->hooks.begin_error = 1;
	mvt_expect_done(fx, ttm_move_job_arm(mvt_copy_create(fx)), 1);
	mvt_expect_copied(fx);
}

/* Those who wait behind it are not to blame. */
static void ttm_move_job_error_stays_with_its_job(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_timeline *timeline = fx->mdev.evictions[TTM_PL_VRAM];
	struct ttm_move_job *bad = ttm_move_job_create(&fx->mdev, timeline);
	struct ttm_move_job *good = ttm_move_job_create(&fx->mdev, timeline);
	struct dma_fence *first, *second;

	KUNIT_ASSERT_NOT_NULL(test, bad);
	KUNIT_ASSERT_NOT_NULL(test, good);
	fx->hooks.begin_error = -EIO;
	mvt_job_set_clear(fx, bad);
	first = ttm_move_job_arm(bad);
	second = ttm_move_job_arm(good);
	mvt_expect_done(fx, first, -EIO);
	mvt_expect_done(fx, second, 1);
}

/* Retirement */

static void ttm_move_job_retires_once(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence;

	KUNIT_EXPECT_EQ(test, ttm_move_job_prepare(job), 0);
	ttm_move_job_add_dependency(job, &dep->base);
	fence = ttm_move_job_arm(job);
	mvt_expect_waiting(fx, fence);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 0);

	mvt_fence_signal(dep);
	mvt_expect_done(fx, fence, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.early), 0);
}

static void ttm_move_job_unprepared_retires_silently(struct kunit *test)
{
	struct mvt *fx = test->priv;

	mvt_expect_done(fx, ttm_move_job_arm(mvt_copy_create(fx)), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 0);
}

static void ttm_move_job_dropped_gives_everything_back(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_timeline *timeline = fx->mdev.evictions[TTM_PL_VRAM];
	struct ttm_move_job *job = ttm_move_job_create(&fx->mdev, timeline);
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct mvt_fence *guard = mvt_fence_create(fx);

	KUNIT_ASSERT_NOT_NULL(test, job);
	mvt_job_set_copy(fx, job);
	ttm_move_job_add_dependency(job, &dep->base);
	ttm_move_job_add_guard(job, &guard->base);
	KUNIT_EXPECT_EQ(test, ttm_move_job_prepare(job), 0);
	ttm_move_job_drop(job);

	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&dep->base.refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&guard->base.refcount), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&timeline->ref), 1);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).jobs, 0);
	ttm_move_job_drop(NULL);
}

static void ttm_move_job_dropped_unprepared_is_not_retired(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);

	fx->hooks.prepare_error = -EBUSY;
	KUNIT_EXPECT_EQ(test, ttm_move_job_prepare(job), -EBUSY);
	ttm_move_job_drop(job);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 0);
}

static struct kunit_case ttm_move_job_cases[] = {
	KUNIT_CASE(ttm_move_job_copies),
	KUNIT_CASE(ttm_move_job_clears),
	KUNIT_CASE(ttm_move_job_does_nothing),
	KUNIT_CASE(ttm_move_job_rejects_short_memory),
	KUNIT_CASE(ttm_move_job_rejects_no_memory),
	KUNIT_CASE(ttm_move_job_rejects_memory_outside_aperture),
	KUNIT_CASE(ttm_move_job_takes_over_its_memory),
	KUNIT_CASE(ttm_move_job_refused_without_memory),
	KUNIT_CASE(ttm_move_job_is_told_from_other_fences),
	KUNIT_CASE(ttm_move_job_fence_outlives_its_last_reference),
	KUNIT_CASE_PARAM(ttm_move_job_failsafe, mvt_guard_gen_params),
	KUNIT_CASE(ttm_move_job_failsafe_keeps_the_order),
	KUNIT_CASE_PARAM(ttm_move_job_failsafe_guards_every_part,
			 mvt_bad_part_gen_params),
	KUNIT_CASE_PARAM(ttm_move_job_failsafe_without_memory_for_a_part,
			 mvt_end_gen_params),
	KUNIT_CASE_PARAM(ttm_move_job_failsafe_asks_the_driver,
			 mvt_end_gen_params),
	KUNIT_CASE(ttm_move_job_failsafe_passes_copies),
	KUNIT_CASE_PARAM(ttm_move_job_refuses, mvt_refusal_gen_params),
	KUNIT_CASE(ttm_move_job_failsafe_waits_for_its_guard),
	KUNIT_CASE(ttm_move_job_forbidden_leaves_zeroes),
	KUNIT_CASE(ttm_move_job_error_comes_with_the_signal),
	KUNIT_CASE(ttm_move_job_leaves_a_gone_device_alone),
	KUNIT_CASE(ttm_move_job_failing_midway_leaves_zeroes),
	KUNIT_CASE(ttm_move_job_failure_clears_around_a_hole),
	KUNIT_CASE(ttm_move_job_begin_may_be_positive),
	KUNIT_CASE(ttm_move_job_error_stays_with_its_job),
	KUNIT_CASE(ttm_move_job_retires_once),
	KUNIT_CASE(ttm_move_job_unprepared_retires_silently),
	KUNIT_CASE(ttm_move_job_dropped_gives_everything_back),
	KUNIT_CASE(ttm_move_job_dropped_unprepared_is_not_retired),
	{ }
};

static struct kunit_suite ttm_move_job_suite = {
	.name = "ttm_move_job",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_job_cases,
};

kunit_test_suite(ttm_move_job_suite);
