// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Breaks the rules of the fence, one in each test, so that it can be seen that the
 * kernel notices: Documentation/gpu/ttm-move-contract.rst.
 *
 * By itself each test does what is allowed in the same place instead, of which nothing
 * may complain. With the parameter "breaks" it breaks the rule; since lockdep stops at
 * its first report, such a test wants a kernel of its own, as scripts/lockdep boots it.
 */
#include <linux/completion.h>
#include <linux/highmem.h>
#include <linux/interrupt.h>
#include <linux/kmemleak.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../ttm_move_internal.h"
#include "../ttm_move_section.h"
#include "ttm_move_kunit.h"

static bool breaks;
module_param(breaks, bool, 0444);
MODULE_PARM_DESC(breaks, "Let the suite ttm_move_breaks break the rules of the fence (default: 0)");

/**
 * struct mvb - a test that breaks a rule
 * @fx: the fixture
 * @act: what to do where the worker calls the driver: break the rule, or not
 * @mutex: taken inside the section
 * @lock: taken with interrupts off, as by a callback of a fence
 * @resv: a reservation object
 * @mm: an address space
 * @fence: a fence
 * @tasklet: an interrupt
 * @cache: a slab
 * @page: what the destination is mapped from
 * @wq: a queue
 * @work: on @wq
 * @nop: does nothing
 * @first: a job that another one waits for
 * @go: lets @first go on
 * @cb: on a move's fence
 * @job: a job that only the test works on
 */
struct mvb {
	struct mvt *fx;
	void (*act)(struct mvb *b);
	struct mutex mutex;
	spinlock_t lock;
	struct dma_resv resv;
	struct mm_struct *mm;
	struct mvt_fence *fence;
	struct tasklet_struct tasklet;
	struct kmem_cache *cache;
	struct page *page;
	struct workqueue_struct *wq;
	struct work_struct work;
	struct work_struct nop;
	struct ttm_move_job *first;
	struct completion go;
	struct dma_fence_cb cb;
	struct ttm_move_job job;
};

static void mvb_nop_work(struct work_struct *work)
{
}

static struct mvb *mvb_create(struct kunit *test, void (*act)(struct mvb *b))
{
	struct mvb *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, b);
	b->fx = test->priv;
	b->act = act;
	mutex_init(&b->mutex);
	spin_lock_init(&b->lock);
	INIT_WORK(&b->nop, mvb_nop_work);
	init_completion(&b->go);
	return b;
}

/* Where the worker calls others: an iterator, and the hooks */

static ssize_t mvb_map(struct ttm_move_iter *iter, u64 offset, size_t max,
		       struct iosys_map *map)
{
	struct mvb *b = container_of(iter->mem, struct ttm_move_job, src)->priv;

	b->act(b);
	iosys_map_set_vaddr(map, mvt_page(b->fx, MVT_SRC) + offset);
	return max;
}

static const struct ttm_move_mem_ops mvb_src_ops = {
	.map = mvb_map,
};

static int mvb_begin(struct ttm_move_job *job)
{
	struct mvb *b = job->priv;

	b->act(b);
	return 0;
}

static bool mvb_guard_failed(const struct ttm_move_job *job,
			     const struct dma_fence *guard)
{
	struct mvb *b = job->priv;

	b->act(b);
	return true;
}

static void mvb_retired(struct ttm_move_job *job)
{
	struct mvb *b = job->priv;

	b->act(b);
}

static struct ttm_move_job *mvb_job_create(struct mvb *b)
{
	struct ttm_move_job *job = mvt_copy_create(b->fx);

	job->priv = b;
	return job;
}

static void mvb_finish(struct mvb *b, struct dma_fence *fence)
{
	mvt_wait(b->fx, fence);
	mvt_expect_done(b->fx, fence, 1);
	mvt_expect_copied(b->fx);
}

static void mvb_run_map(struct mvb *b)
{
	struct ttm_move_job *job = mvb_job_create(b);

	job->src.ops = &mvb_src_ops;
	mvb_finish(b, ttm_move_job_arm(job));
}

static void mvb_run_begin(struct mvb *b)
{
	b->fx->ops.begin = mvb_begin;
	mvb_finish(b, ttm_move_job_arm(mvb_job_create(b)));
}

static void mvb_run_retired(struct mvb *b)
{
	struct ttm_move_job *job = mvb_job_create(b);

	b->fx->ops.prepare = NULL;
	b->fx->ops.retired = mvb_retired;
	KUNIT_EXPECT_EQ(b->fx->test, ttm_move_job_prepare(job), 0);
	mvb_finish(b, ttm_move_job_arm(job));
}

/* The hook is called when @signal ends the guard, with the guard's lock held. */
static void mvb_run_guard(struct mvb *b, void (*signal)(struct mvt_fence *guard))
{
	struct mvt_fence *guard = mvt_fence_create(b->fx);
	struct ttm_move_job *job = mvb_job_create(b);
	struct dma_fence *fence;

	b->fx->ops.guard_failed = mvb_guard_failed;
	KUNIT_EXPECT_EQ(b->fx->test, ttm_move_job_add_guard(job, &guard->base), 0);
	fence = ttm_move_job_arm(job);
	dma_fence_set_error(&guard->base, -EIO);
	signal(guard);
	mvb_finish(b, fence);
}

static struct workqueue_struct *mvb_wq_create(struct mvb *b, const char *name,
					      unsigned int flags, int max_active)
{
	struct workqueue_struct *wq = alloc_workqueue("%s", flags, max_active,
						      name);

	KUNIT_ASSERT_NOT_NULL(b->fx->test, wq);
	return wq;
}

/* No allocation */

static void mvb_gfp_kernel(struct mvb *b)
{
	if (breaks)
		kfree(kmalloc(SZ_64, GFP_KERNEL));
}

static void ttm_move_breaks_gfp_kernel(struct kunit *test)
{
	mvb_run_map(mvb_create(test, mvb_gfp_kernel));
}

static void mvb_gfp_noio(struct mvb *b)
{
	if (breaks)
		kfree(kmalloc(SZ_64, GFP_NOIO));
}

static void ttm_move_breaks_gfp_noio(struct kunit *test)
{
	mvb_run_map(mvb_create(test, mvb_gfp_noio));
}

/* An interrupt on top of a section, with interrupts on. */
static void mvb_softirq(struct tasklet_struct *tasklet)
{
	kfree(kmalloc(SZ_64, GFP_NOWAIT));
}

/* What is none of the section's making, though it happens inside of one. */
static void mvb_others_allocate(struct mvb *b)
{
	spin_lock_irq(&b->lock);
	kfree(kmalloc(SZ_64, GFP_NOWAIT));
	spin_unlock_irq(&b->lock);

	local_bh_disable();
	tasklet_schedule(&b->tasklet);
	local_bh_enable();
}

static void mvb_gfp_nowait(struct mvb *b)
{
	if (breaks)
		kfree(kmalloc(SZ_64, GFP_NOWAIT));
	else
		mvb_others_allocate(b);
}

static void ttm_move_breaks_gfp_nowait(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_gfp_nowait);

	tasklet_setup(&b->tasklet, mvb_softirq);
	mvb_run_map(b);
	tasklet_kill(&b->tasklet);
}

static void mvb_cache_noio(struct mvb *b)
{
	void *object = breaks ? kmem_cache_alloc(b->cache, GFP_NOIO) : NULL;

	if (object)
		kmem_cache_free(b->cache, object);
}

static void ttm_move_breaks_cache_noio(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_cache_noio);

	b->cache = kmem_cache_create("ttm_move_breaks", SZ_64, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, b->cache);
	/* So that the next one takes no page. */
	kmem_cache_free(b->cache, kmem_cache_alloc(b->cache, GFP_KERNEL | __GFP_NOFAIL));
	mvb_run_map(b);
	kmem_cache_destroy(b->cache);
}

static void mvb_page_noio(struct mvb *b)
{
	unsigned long page = breaks ? __get_free_page(GFP_NOIO) : 0;

	free_page(page);
}

static void ttm_move_breaks_page_noio(struct kunit *test)
{
	mvb_run_map(mvb_create(test, mvb_page_noio));
}

static void mvb_vmalloc(struct mvb *b)
{
	if (breaks)
		vfree(vmalloc(PAGE_SIZE));
}

static void ttm_move_breaks_vmalloc(struct kunit *test)
{
	mvb_run_map(mvb_create(test, mvb_vmalloc));
}

/* No reservation, no address space, no lock that is elsewhere held over either */

static void mvb_resv_lock(struct mvb *b)
{
	bool locked = breaks ? !dma_resv_lock(&b->resv, NULL) :
			       dma_resv_trylock(&b->resv);

	if (locked)
		dma_resv_unlock(&b->resv);
}

static void ttm_move_breaks_resv_lock(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_resv_lock);

	dma_resv_init(&b->resv);
	mvb_run_map(b);
	dma_resv_fini(&b->resv);
}

static void mvb_mmap_lock(struct mvb *b)
{
	bool locked = true;

	if (breaks)
		mmap_read_lock(b->mm);
	else
		locked = mmap_read_trylock(b->mm);
	if (locked)
		mmap_read_unlock(b->mm);
}

static void ttm_move_breaks_mmap_lock(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_mmap_lock);

	/* A test has no address space until it maps something. */
	KUNIT_ASSERT_NE(test, kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ,
					    MAP_ANONYMOUS | MAP_PRIVATE, 0), 0);
	b->mm = current->mm;
	/* The kernel's own kunit_attach_mm() never gives it back. */
	kmemleak_not_leak(b->mm);
	mvb_run_map(b);
}

static void mvb_mutex(struct mvb *b)
{
	mutex_lock(&b->mutex);
	mutex_unlock(&b->mutex);
}

static void ttm_move_breaks_mutex(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_mutex);

	mutex_lock(&b->mutex);
	if (breaks)
		kfree(kmalloc(SZ_64, GFP_KERNEL));
	mutex_unlock(&b->mutex);
	mvb_run_map(b);
}

static void ttm_move_breaks_mutex_over_wait(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_mutex);
	struct mvt_fence *fence = mvt_fence_create(b->fx);

	mvt_fence_signal(fence);
	mutex_lock(&b->mutex);
	if (breaks)
		dma_fence_wait(&fence->base, false);
	mutex_unlock(&b->mutex);
	mvb_run_map(b);
}

/* No wait for a fence */

static void mvb_fence_wait(struct mvb *b)
{
	if (breaks)
		dma_fence_wait(&b->fence->base, false);
	else
		WARN_ON(!dma_fence_is_signaled(&b->fence->base));
}

static void ttm_move_breaks_fence_wait(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_fence_wait);

	/* Whoever waits does not know that. */
	b->fence = mvt_fence_create(b->fx);
	mvt_fence_signal(b->fence);
	mvb_run_map(b);
}

/* The section is open as long as it should be */

static void mvb_section_open(struct mvb *b)
{
	bool cookie = dma_fence_begin_signalling();

	if (!breaks)
		dma_fence_end_signalling(cookie);
}

static void ttm_move_breaks_section_open(struct kunit *test)
{
	mvb_run_retired(mvb_create(test, mvb_section_open));
}

static void mvb_section_closed(struct mvb *b)
{
	bool cookie = dma_fence_begin_signalling();

	dma_fence_end_signalling(cookie && !breaks);
}

static void ttm_move_breaks_section_closed(struct kunit *test)
{
	mvb_run_begin(mvb_create(test, mvb_section_closed));
}

static const char *mvb_fence_name(struct dma_fence *fence)
{
	return "ttm_move_breaks";
}

/* The fence is part of a job that the test frees. */
static void mvb_fence_release(struct dma_fence *fence)
{
}

static const struct dma_fence_ops mvb_fence_ops = {
	.get_driver_name = mvb_fence_name,
	.get_timeline_name = mvb_fence_name,
	.release = mvb_fence_release,
};

static void mvb_publish(struct mvb *b)
{
	ttm_move_timeline_add(b->job.timeline, &b->job, &mvb_fence_ops);
}

static void mvb_publish_inside(struct mvb *b)
{
	bool cookie = ttm_move_section_begin();

	mvb_publish(b);
	ttm_move_section_end(cookie);
}

static void mvb_retire(struct mvb *b)
{
	LIST_HEAD(retired);

	ttm_move_timeline_retire(b->job.timeline, &b->job, &retired);
}

static void mvb_retire_inside(struct mvb *b)
{
	bool cookie = ttm_move_section_begin();

	mvb_retire(b);
	ttm_move_section_end(cookie);
}

/* The worker's own steps. */
static void mvb_expect_signal(struct kunit *test, void (*publish)(struct mvb *b),
			      void (*retire)(struct mvb *b))
{
	struct mvb *b = mvb_create(test, NULL);
	struct dma_fence *fence = &b->job.fence;

	b->job.timeline = ttm_move_timeline_create("breaks");
	KUNIT_ASSERT_NOT_NULL(test, b->job.timeline);
	publish(b);
	retire(b);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(fence));
	dma_fence_put(fence);
	ttm_move_timeline_put(b->job.timeline);
}

static void ttm_move_breaks_publish_outside(struct kunit *test)
{
	mvb_expect_signal(test, breaks ? mvb_publish : mvb_publish_inside,
			  mvb_retire_inside);
}

static void ttm_move_breaks_signal_outside(struct kunit *test)
{
	mvb_expect_signal(test, mvb_publish_inside,
			  breaks ? mvb_retire : mvb_retire_inside);
}

/* Callbacks: any context, neither copies nor signals, the order of locks */

static void mvb_signal(struct mvb *b)
{
	if (breaks)
		mvt_fence_signal(b->fence);
	else
		mvt_fence_signal_later(b->fence, 0);
}

static void ttm_move_breaks_signal_in_callback(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_signal);

	b->fence = mvt_fence_create(b->fx);
	mvb_run_guard(b, mvt_fence_signal);
}

/* A copy gives way to others; without, the job does what there is to do. */
static void mvb_clear(struct mvb *b)
{
	struct ttm_move_mem dst;

	mvt_linear(b->fx, &dst, MVT_DST);
	if (breaks)
		ttm_move_clear(&dst, 0, MVT_BYTES);
}

static void ttm_move_breaks_copy_in_callback(struct kunit *test)
{
	mvb_run_guard(mvb_create(test, mvb_clear), mvt_fence_signal);
}

static void mvb_lock(struct mvb *b)
{
	spin_lock(&b->lock);
	spin_unlock(&b->lock);
}

static void mvb_lock_irq(struct mvb *b)
{
	spin_lock_irq(&b->lock);
	spin_unlock_irq(&b->lock);
}

static void ttm_move_breaks_irq_lock(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_lock);

	if (breaks)
		mvb_lock(b);
	else
		mvb_lock_irq(b);
	mvb_run_guard(b, mvt_fence_signal_irq);
}

/* With the lock of the move's timeline held. */
static void mvb_lock_in_timeline(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	mvb_lock(container_of(cb, struct mvb, cb));
}

/* Which takes the timeline's lock. */
static void mvb_add_callback(struct mvb *b, struct dma_fence *fence)
{
	dma_fence_add_callback(fence, &b->cb, mvb_lock_in_timeline);
}

static void mvb_add_callback_locked(struct mvb *b, struct dma_fence *fence)
{
	spin_lock_irq(&b->lock);
	mvb_add_callback(b, fence);
	spin_unlock_irq(&b->lock);
}

static void ttm_move_breaks_timeline_lock(struct kunit *test)
{
	struct mvb *b = mvb_create(test, NULL);
	struct mvt_fence *dep = mvt_fence_create(b->fx);
	struct ttm_move_job *job = mvb_job_create(b);
	struct dma_fence *fence;

	KUNIT_EXPECT_EQ(test, ttm_move_job_add_dependency(job, &dep->base), 0);
	fence = ttm_move_job_arm(job);
	if (breaks)
		mvb_add_callback_locked(b, fence);
	else
		mvb_add_callback(b, fence);
	mvt_fence_signal(dep);
	mvb_finish(b, fence);
}

/* Reclaim-safe queues */

/* Waits, and not in vain: nothing else runs before it. */
static void mvb_run_on(struct workqueue_struct *wq, struct work_struct *work)
{
	queue_work(wq, work);
	flush_work(work);
}

static void mvb_flush(struct mvb *b)
{
	mvb_run_on(b->wq, &b->nop);
}

/* The copy waits for a queue. */
static void ttm_move_breaks_flush_unsafe(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_flush);

	b->wq = mvb_wq_create(b, "mvb_other",
			      WQ_UNBOUND | (breaks ? 0 : WQ_MEM_RECLAIM), 0);
	mvb_run_begin(b);
	destroy_workqueue(b->wq);
}

static void mvb_flush_worker(struct work_struct *work)
{
	struct mvb *b = container_of(work, struct mvb, work);

	mvb_run_on(b->fx->mdev.wq, &b->nop);
	mvb_run_on(b->fx->mdev.urgent_wq, &b->nop);
	mvb_run_on(b->fx->mdev.help_wq, &b->nop);
	mvb_run_on(b->fx->mdev.pass_wq, &b->nop);
	mvb_run_on(b->fx->mdev.free_wq, &b->nop);
}

/* Somebody on whom reclaim relies waits for the worker's own queues. */
static void ttm_move_breaks_unsafe_queue(struct kunit *test)
{
	struct mvb *b = mvb_create(test, NULL);
	struct workqueue_struct *unsafe = mvb_wq_create(b, "mvb_unsafe",
							WQ_UNBOUND, 0);

	if (breaks)
		swap(b->fx->mdev.wq, unsafe);
	b->wq = mvb_wq_create(b, "mvb_reclaim", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	INIT_WORK(&b->work, mvb_flush_worker);
	mvb_run_on(b->wq, &b->work);
	destroy_workqueue(b->wq);
	if (breaks)
		swap(b->fx->mdev.wq, unsafe);
	destroy_workqueue(unsafe);
}

/* The second job lets the first one go, and may wait for it first. */
static int mvb_begin_own_queue(struct ttm_move_job *job)
{
	struct mvb *b = job->priv;

	if (job == b->first) {
		wait_for_completion(&b->go);
		return 0;
	}
	complete(&b->go);
	if (breaks)
		flush_work(&b->first->worker.work);
	return 0;
}

/* Two workers, even where there is one processor. */
static void ttm_move_breaks_own_queue(struct kunit *test)
{
	struct mvb *b = mvb_create(test, NULL);
	struct workqueue_struct *wq = mvb_wq_create(b, "mvb_two",
						    WQ_UNBOUND | WQ_MEM_RECLAIM, 2);
	struct dma_fence *first, *second;

	swap(b->fx->mdev.wq, wq);
	b->fx->ops.begin = mvb_begin_own_queue;
	b->first = mvb_job_create(b);
	first = ttm_move_job_arm(b->first);
	second = ttm_move_job_arm(mvb_job_create(b));
	mvb_finish(b, second);
	mvb_finish(b, first);
	swap(b->fx->mdev.wq, wq);
	destroy_workqueue(wq);
}

/* No sleep where a mapping forbids it */

/* With preemption off it is what kmap_atomic() was. */
static ssize_t mvb_map_page(struct ttm_move_iter *iter, u64 offset, size_t max,
			    struct iosys_map *map)
{
	struct mvb *b = container_of(iter->mem, struct ttm_move_job, dst)->priv;

	if (breaks)
		preempt_disable();
	iosys_map_set_vaddr(map, kmap_local_page(b->page));
	return min_t(size_t, max, PAGE_SIZE);
}

static void mvb_unmap_page(struct ttm_move_iter *iter, struct iosys_map *map)
{
	kunmap_local(map->vaddr);
	if (breaks)
		preempt_enable();
}

static const struct ttm_move_mem_ops mvb_page_ops = {
	.map = mvb_map_page,
	.unmap = mvb_unmap_page,
};

static void ttm_move_breaks_atomic_map(struct kunit *test)
{
	struct mvb *b = mvb_create(test, mvb_mutex);
	struct ttm_move_job *job;
	struct dma_fence *fence;

	b->page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, b->page);
	job = mvb_job_create(b);
	job->dst.ops = &mvb_page_ops;
	job->src.ops = &mvb_src_ops;
	fence = ttm_move_job_arm(job);
	mvt_wait(b->fx, fence);
	mvt_expect_done(b->fx, fence, 1);
	__free_page(b->page);
}

static struct kunit_case ttm_move_breaks_cases[] = {
	KUNIT_CASE(ttm_move_breaks_gfp_kernel),
	KUNIT_CASE(ttm_move_breaks_gfp_noio),
	KUNIT_CASE(ttm_move_breaks_gfp_nowait),
	KUNIT_CASE(ttm_move_breaks_cache_noio),
	KUNIT_CASE(ttm_move_breaks_page_noio),
	KUNIT_CASE(ttm_move_breaks_vmalloc),
	KUNIT_CASE(ttm_move_breaks_resv_lock),
	KUNIT_CASE(ttm_move_breaks_mmap_lock),
	KUNIT_CASE(ttm_move_breaks_mutex),
	KUNIT_CASE(ttm_move_breaks_mutex_over_wait),
	KUNIT_CASE(ttm_move_breaks_fence_wait),
	KUNIT_CASE(ttm_move_breaks_section_open),
	KUNIT_CASE(ttm_move_breaks_section_closed),
	KUNIT_CASE(ttm_move_breaks_publish_outside),
	KUNIT_CASE(ttm_move_breaks_signal_outside),
	KUNIT_CASE(ttm_move_breaks_signal_in_callback),
	KUNIT_CASE(ttm_move_breaks_copy_in_callback),
	KUNIT_CASE(ttm_move_breaks_irq_lock),
	KUNIT_CASE(ttm_move_breaks_timeline_lock),
	KUNIT_CASE(ttm_move_breaks_flush_unsafe),
	KUNIT_CASE(ttm_move_breaks_unsafe_queue),
	KUNIT_CASE(ttm_move_breaks_own_queue),
	KUNIT_CASE(ttm_move_breaks_atomic_map),
	{ }
};

static struct kunit_suite ttm_move_breaks_suite = {
	.name = "ttm_move_breaks",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_breaks_cases,
};

kunit_test_suite(ttm_move_breaks_suite);
