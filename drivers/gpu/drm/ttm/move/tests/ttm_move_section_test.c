// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The way from publication to the signal: lockdep watches all of it, nobody is in it
 * who need not be, and nothing that may take long is queued there.
 */
#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "ttm_move_kunit.h"

static int mvt_section_init(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_PROVE_LOCKING))
		kunit_skip(test, "needs CONFIG_PROVE_LOCKING");
	return mvt_init(test);
}

/* What somebody sees who is called on the way. */
struct mvt_witness {
	struct dma_fence_cb cb;
	bool called;
	bool signalling;
};

static void mvt_witness_cb(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct mvt_witness *witness = container_of(cb, struct mvt_witness, cb);

	witness->called = true;
	witness->signalling = mvt_is_signalling();
}

static void mvt_expect_seen(struct mvt *fx, const struct mvt_witness *witness)
{
	KUNIT_EXPECT_TRUE(fx->test, witness->called);
	KUNIT_EXPECT_TRUE(fx->test, witness->signalling);
}

/* Those who learn of the signal learn of it from a worker that is watched. */
static void ttm_move_section_covers_signal(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence = mvt_arm_after(fx, &dep->base);
	struct mvt_witness witness = {};

	KUNIT_EXPECT_EQ(test, 0, dma_fence_add_callback(fence, &witness.cb,
							mvt_witness_cb));
	KUNIT_EXPECT_FALSE(test, mvt_is_signalling());
	mvt_fence_signal(dep);
	mvt_expect_done(fx, fence, 1);
	mvt_expect_seen(fx, &witness);
}

/* Arming tells a dependency that it is awaited; afterwards the caller is free. */
static void ttm_move_section_covers_arm(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct dma_fence *fence;

	fence = mvt_arm_after(fx, &dep->base);
	KUNIT_EXPECT_TRUE(test, dep->awaited);
	KUNIT_EXPECT_TRUE(test, dep->signalling);
	KUNIT_EXPECT_FALSE(test, mvt_is_signalling());
	mvt_fence_signal(dep);
	mvt_expect_done(fx, fence, 1);
}

/* The begin hook is within; the fixture's exit looks. */
static void ttm_move_section_covers_copy(struct kunit *test)
{
	struct mvt *fx = test->priv;

	mvt_expect_done(fx, ttm_move_job_arm(mvt_copy_create(fx)), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.began), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.unseen), 0);
}

/* The retired hook is not, on whichever queue; the fixture's exit looks. */
static void ttm_move_section_ends_before_release(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *job = mvt_copy_create(fx);

	KUNIT_EXPECT_EQ(test, ttm_move_job_prepare(job), 0);
	mvt_expect_done(fx, ttm_move_job_arm(job), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.unseen), 0);
}

/* A fence that nobody but the job has a reference to in the end. */
struct mvt_mortal {
	struct dma_fence base;
	spinlock_t lock; /* base */
	struct mvt_witness *witness;
};

static const char *mvt_mortal_name(struct dma_fence *fence)
{
	return "ttm_move_kunit";
}

static void mvt_mortal_release(struct dma_fence *fence)
{
	struct mvt_mortal *mortal = container_of(fence, struct mvt_mortal, base);

	mortal->witness->called = true;
	mortal->witness->signalling = mvt_is_signalling();
	dma_fence_free(fence);
}

static const struct dma_fence_ops mvt_mortal_ops = {
	.get_driver_name = mvt_mortal_name,
	.get_timeline_name = mvt_mortal_name,
	.release = mvt_mortal_release,
};

static struct dma_fence *mvt_mortal_create(struct mvt *fx,
					   struct mvt_witness *witness)
{
	struct mvt_mortal *mortal = kzalloc(sizeof(*mortal), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, mortal);
	mortal->witness = witness;
	spin_lock_init(&mortal->lock);
	dma_fence_init(&mortal->base, &mvt_mortal_ops, &mortal->lock,
		       dma_fence_context_alloc(1), 1);
	return &mortal->base;
}

/* What somebody does when the last reference to a dependency goes may allocate. */
static void ttm_move_section_ends_before_dependencies_go(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_witness witness = {};
	struct dma_fence *dep = mvt_mortal_create(fx, &witness);
	struct dma_fence *fence = mvt_arm_after(fx, dep);

	dma_fence_signal(dep);
	dma_fence_put(dep);
	mvt_expect_done(fx, fence, 1);
	KUNIT_EXPECT_TRUE(test, witness.called);
	KUNIT_EXPECT_FALSE(test, witness.signalling);
}

/* The kernel warns where reclaim waits for a queue that has no rescuer. */
static void mvt_flush_in_reclaim(struct workqueue_struct *wq)
{
	unsigned int flags = memalloc_noreclaim_save();

	flush_workqueue(wq);
	memalloc_noreclaim_restore(flags);
}

static void ttm_move_section_needs_no_memory(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_job *copy = mvt_copy_create(fx);
	struct ttm_move_job *pass = mvt_job_create(fx);
	struct dma_fence *fence;

	fence = ttm_move_job_arm(copy);
	mvt_flush_in_reclaim(fx->mdev.wq);
	mvt_flush_in_reclaim(fx->mdev.urgent_wq);
	mvt_flush_in_reclaim(fx->mdev.help_wq);
	mvt_expect_done(fx, fence, 1);
	fence = ttm_move_job_arm(pass);
	mvt_flush_in_reclaim(fx->mdev.pass_wq);
	mvt_expect_done(fx, fence, 1);
	mvt_flush_in_reclaim(fx->mdev.free_wq);
}

/* Copies */

/* However many copies there are, one CPU is left for those who ask for them. */
static void ttm_move_copies_leave_a_cpu(struct kunit *test)
{
	unsigned int i, limit = max(num_online_cpus(), 2u) - 1;
	struct dma_fence **fences;
	DECLARE_COMPLETION_ONSTACK(gate);
	struct mvt *fx = test->priv;

	fences = kunit_kcalloc(test, limit + 1, sizeof(*fences), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fences);
	fx->hooks.begin_gate = &gate;
	for (i = 0; i <= limit; i++)
		fences[i] = ttm_move_job_arm(mvt_copy_create(fx));
	mvt_wait_until_begun(fx, limit);
	mvt_give_way();
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.began), limit);

	complete_all(&gate);
	for (i = 0; i <= limit; i++)
		mvt_expect_done(fx, fences[i], 1);
}

/* Release */

/* A job whose retired hook waits for as long as it is let. */
static struct dma_fence *mvt_arm_blocked(struct mvt *fx,
					 struct completion *gate)
{
	struct ttm_move_job *job = mvt_copy_create(fx);

	fx->hooks.retired_gate = gate;
	KUNIT_EXPECT_EQ(fx->test, ttm_move_job_prepare(job), 0);
	return ttm_move_job_arm(job);
}

/* Whoever sleeps in the retired hook keeps no other fence from signalling. */
static void ttm_move_release_holds_up_nobody(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(gate);
	struct mvt *fx = test->priv;
	struct dma_fence *blocked, *copy, *pass;

	workqueue_set_max_active(fx->mdev.wq, 1);
	workqueue_set_max_active(fx->mdev.pass_wq, 1);
	blocked = mvt_arm_blocked(fx, &gate);
	mvt_wait(fx, blocked);

	copy = ttm_move_job_arm(mvt_copy_create(fx));
	pass = ttm_move_job_arm(mvt_job_create(fx));
	mvt_wait(fx, copy);
	mvt_wait(fx, pass);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 0);

	complete_all(&gate);
	mvt_expect_done(fx, blocked, 1);
	mvt_expect_done(fx, copy, 1);
	mvt_expect_done(fx, pass, 1);
}

static unsigned int mvt_count_in_flight(struct mvt *fx)
{
	unsigned int num;

	spin_lock(&fx->mdev.lock);
	num = list_count_nodes(&fx->mdev.in_flight);
	spin_unlock(&fx->mdev.lock);
	return num;
}

/* A job that clears by a mapping of its own, which goes with it. */
static struct dma_fence *mvt_arm_mapped(struct mvt *fx)
{
	struct ttm_move_job *job = mvt_job_create(fx);
	struct ttm_move_aperture aperture = { .bytes = MVT_BYTES };
	struct ttm_move_mem dst;

	iosys_map_set_vaddr_iomem(&aperture.map,
				  ioremap(MVT_IOMEM_BASE, MVT_BYTES));
	KUNIT_ASSERT_FALSE(fx->test, iosys_map_is_null(&aperture.map));
	ttm_move_mem_init_linear(&dst, &aperture, 0, MVT_BYTES);
	dst.owned_map = true;
	KUNIT_EXPECT_EQ(fx->test, ttm_move_job_set_clear(job, &dst, MVT_BYTES),
			0);
	return ttm_move_job_arm(job);
}

/* The release of what @arm makes does not hold up anybody, where that of others does. */
static void mvt_expect_released_elsewhere(struct mvt *fx,
					  struct dma_fence *(*arm)(struct mvt *fx))
{
	DECLARE_COMPLETION_ONSTACK(gate);
	struct dma_fence *blocked, *plain, *sleeper;

	workqueue_set_max_active(fx->mdev.release_wq, 1);
	blocked = mvt_arm_blocked(fx, &gate);
	mvt_wait(fx, blocked);
	plain = ttm_move_job_arm(mvt_copy_create(fx));
	flush_workqueue(fx->mdev.wq);
	KUNIT_EXPECT_EQ(fx->test, mvt_count_in_flight(fx), 1);
	sleeper = arm(fx);
	flush_workqueue(fx->mdev.wq);
	KUNIT_EXPECT_TRUE(fx->test, dma_fence_is_signaled(sleeper));
	KUNIT_EXPECT_EQ(fx->test, mvt_count_in_flight(fx), 2);

	complete_all(&gate);
	mvt_expect_done(fx, blocked, 1);
	mvt_expect_done(fx, plain, 1);
	mvt_expect_done(fx, sleeper, 1);
}

/* Nor do pages that take long to free, and they wait for no hook. */
static void ttm_move_release_frees_pages_elsewhere(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_PAGES, TTM_PL_SYSTEM);
	DECLARE_COMPLETION_ONSTACK(gate);
	struct dma_fence *plain;

	fx->free_gate = &gate;
	mvt_bo_add_fence(fx, mbo, user);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	mvt_fence_signal(user);
	mvt_bo_wait(fx, mbo);
	plain = ttm_move_job_arm(mvt_copy_create(fx));
	flush_workqueue(fx->mdev.wq);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(plain));
	KUNIT_EXPECT_EQ(test, mvt_count_in_flight(fx), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->counts.pages), MVT_PAGES);

	complete_all(&gate);
	mvt_expect_done(fx, plain, 1);
	ttm_move_device_flush(&fx->mdev);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->counts.pages), 0);
	fx->free_gate = NULL;
}

/* Nor does whoever undoes a mapping: it is left to the queue where all may sleep. */
static void ttm_move_release_unmaps_elsewhere(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_INDIRECT_IOMEM))
		kunit_skip(test, "needs emulated I/O memory");

	mvt_expect_released_elsewhere(test->priv, mvt_arm_mapped);
}

/* A copy that waits for so many that the list of them is of vmalloc(). */
static struct dma_fence *mvt_arm_many_deps(struct mvt *fx)
{
	struct mvt_fence *users[TTM_MOVE_INLINE_DEPS + 1];
	struct ttm_move_job *job = mvt_copy_create(fx);
	struct dma_fence *fence;
	unsigned int i;

	fx->allocs.vmalloc = true;
	for (i = 0; i < ARRAY_SIZE(users); i++) {
		users[i] = mvt_fence_create(fx);
		KUNIT_EXPECT_EQ(fx->test, 0,
				ttm_move_job_add_dependency(job, &users[i]->base));
	}
	fx->allocs.vmalloc = false;
	KUNIT_EXPECT_TRUE(fx->test, is_vmalloc_addr(job->deps));
	fence = ttm_move_job_arm(job);
	for (i = 0; i < ARRAY_SIZE(users); i++)
		mvt_fence_signal(users[i]);
	return fence;
}

/* A job that clears so many pieces that the list of them is of vmalloc(). */
static struct dma_fence *mvt_arm_many_runs(struct mvt *fx)
{
	const unsigned int num = TTM_MOVE_INLINE_RUNS + 1;
	struct ttm_move_job *job = mvt_job_create(fx);
	struct ttm_move_mem dst;
	struct scatterlist *sg;
	struct sg_table st;
	unsigned int i;

	KUNIT_ASSERT_EQ(fx->test, sg_alloc_table(&st, num, GFP_KERNEL), 0);
	for_each_sg(st.sgl, sg, num, i) {
		sg_dma_address(sg) = 2 * i * PAGE_SIZE;
		sg_dma_len(sg) = PAGE_SIZE;
	}
	ttm_move_mem_init_sg(&dst, &fx->aperture, &st, 0, num * PAGE_SIZE);
	fx->allocs.vmalloc = true;
	KUNIT_EXPECT_EQ(fx->test, ttm_move_mem_snapshot(&dst), 0);
	fx->allocs.vmalloc = false;
	KUNIT_EXPECT_TRUE(fx->test, is_vmalloc_addr(dst.runs));
	KUNIT_EXPECT_EQ(fx->test, 0,
			ttm_move_job_set_clear(job, &dst, num * PAGE_SIZE));
	sg_free_table(&st);
	return ttm_move_job_arm(job);
}

/* To free what is of vmalloc() sleeps, too. */
static void ttm_move_release_frees_dependencies_elsewhere(struct kunit *test)
{
	mvt_expect_released_elsewhere(test->priv, mvt_arm_many_deps);
}

static void ttm_move_release_frees_runs_elsewhere(struct kunit *test)
{
	mvt_expect_released_elsewhere(test->priv, mvt_arm_many_runs);
}

static struct kunit_case ttm_move_section_cases[] = {
	KUNIT_CASE(ttm_move_section_covers_arm),
	KUNIT_CASE(ttm_move_section_covers_copy),
	KUNIT_CASE(ttm_move_section_covers_signal),
	KUNIT_CASE(ttm_move_section_ends_before_release),
	KUNIT_CASE(ttm_move_section_ends_before_dependencies_go),
	KUNIT_CASE(ttm_move_section_needs_no_memory),
	KUNIT_CASE(ttm_move_copies_leave_a_cpu),
	KUNIT_CASE(ttm_move_release_holds_up_nobody),
	KUNIT_CASE(ttm_move_release_frees_pages_elsewhere),
	KUNIT_CASE(ttm_move_release_unmaps_elsewhere),
	KUNIT_CASE(ttm_move_release_frees_dependencies_elsewhere),
	KUNIT_CASE(ttm_move_release_frees_runs_elsewhere),
	{ }
};

static struct kunit_suite ttm_move_section_suite = {
	.name = "ttm_move_section",
	.init = mvt_section_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_section_cases,
};

kunit_test_suite(ttm_move_section_suite);
