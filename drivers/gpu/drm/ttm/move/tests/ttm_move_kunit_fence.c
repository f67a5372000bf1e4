// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fences that a test signals by hand. The fixture keeps a reference to each; in
 * the end it has to be the only one.
 */
#include <linux/cpumask.h>
#include <linux/dma-fence-array.h>
#include <linux/hardirq.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "ttm_move_kunit.h"

static const char *mvt_fence_name(struct dma_fence *fence)
{
	return "ttm_move_kunit";
}

/* Some are faster than others: whoever comes first counts. */
static void mvt_fence_signal_from(struct mvt_fence *fence,
				  enum mvt_source source)
{
	fence->in_irq |= in_hardirq();
	if (!dma_fence_signal(&fence->base))
		atomic_inc(&fence->fx->signals[source]);
}

static void mvt_fence_later_work(struct work_struct *work)
{
	struct mvt_fence *fence = container_of(work, struct mvt_fence, later);

	if (!fence->rounds--)
		mvt_fence_signal_from(fence,
				      fence->source == MVT_BY_OTHER_CPU ?
				      MVT_BY_OTHER_CPU : MVT_BY_WORK);
	else
		queue_work(system_unbound_wq, work);
}

static void mvt_fence_timer(struct timer_list *timer)
{
	struct mvt_fence *fence = from_timer(fence, timer, timer);

	mvt_fence_signal_from(fence, MVT_BY_TIMER);
}

static enum hrtimer_restart mvt_fence_hrtimer(struct hrtimer *timer)
{
	struct mvt_fence *fence = container_of(timer, struct mvt_fence, hrtimer);

	mvt_fence_signal_from(fence, MVT_BY_HRTIMER);
	return HRTIMER_NORESTART;
}

static void mvt_fence_irq_work(struct irq_work *work)
{
	struct mvt_fence *fence = container_of(work, struct mvt_fence, irq);

	mvt_fence_signal_from(fence, MVT_BY_IRQ_WORK);
}

/* The other one, if there are two. */
int mvt_other_cpu(void)
{
	int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());

	return cpu < nr_cpu_ids ? cpu : 0;
}

/* With the lock of @fence held. */
static void mvt_fence_let_signal(struct mvt_fence *fence)
{
	switch (fence->source) {
	case MVT_BY_OTHER_CPU:
		queue_work_on(mvt_other_cpu(), system_wq, &fence->later);
		break;
	case MVT_BY_TIMER:
		mod_timer(&fence->timer, jiffies + 1);
		break;
	case MVT_BY_HRTIMER:
		hrtimer_start(&fence->hrtimer, ns_to_ktime(NSEC_PER_USEC),
			      HRTIMER_MODE_REL_HARD);
		break;
	case MVT_BY_IRQ_WORK:
		irq_work_queue(&fence->irq);
		break;
	default:
		queue_work(system_unbound_wq, &fence->later);
	}
}

static bool mvt_fence_enable_signaling(struct dma_fence *base)
{
	struct mvt_fence *fence = container_of(base, struct mvt_fence, base);

	fence->awaited = true;
	fence->signalling = mvt_is_signalling();
	if (!fence->when_awaited)
		return true;
	if (fence->source == MVT_AT_ONCE) {
		atomic_inc(&fence->fx->signals[MVT_AT_ONCE]);
		return false;
	}
	if (fence->source == MVT_BY_NEIGHBOUR && fence->neighbour)
		mvt_fence_signal_from(fence->neighbour, MVT_BY_NEIGHBOUR);
	mvt_fence_let_signal(fence);
	return true;
}

static void mvt_fence_set_deadline(struct dma_fence *base, ktime_t deadline)
{
	struct mvt_fence *fence = container_of(base, struct mvt_fence, base);

	fence->deadline = deadline;
	fence->deadlines++;
}

static const struct dma_fence_ops mvt_fence_ops = {
	.set_deadline = mvt_fence_set_deadline,
	.get_driver_name = mvt_fence_name,
	.get_timeline_name = mvt_fence_name,
	.enable_signaling = mvt_fence_enable_signaling,
};

/* Of @num fences, to which it takes references; the caller has the array. */
struct dma_fence *mvt_array_create(struct mvt *fx, struct dma_fence **fences,
				   unsigned int num)
{
	struct dma_fence_array *array;
	struct dma_fence **copies;
	unsigned int i;

	copies = kcalloc(num, sizeof(*copies), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(fx->test, copies);
	for (i = 0; i < num; i++)
		copies[i] = dma_fence_get(fences[i]);
	array = dma_fence_array_create(num, copies, dma_fence_context_alloc(1), 1,
				       false);
	KUNIT_ASSERT_NOT_NULL(fx->test, array);
	return &array->base;
}

struct mvt_fence *mvt_fence_create_at(struct mvt *fx, u64 context, u64 seqno)
{
	struct mvt_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, fence);
	fence->fx = fx;
	spin_lock_init(&fence->lock);
	INIT_WORK(&fence->later, mvt_fence_later_work);
	fence->irq = IRQ_WORK_INIT_HARD(mvt_fence_irq_work);
	timer_setup(&fence->timer, mvt_fence_timer, 0);
	hrtimer_init(&fence->hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	fence->hrtimer.function = mvt_fence_hrtimer;
	dma_fence_init(&fence->base, &mvt_fence_ops, &fence->lock, context,
		       seqno);
	list_add_tail(&fence->link, &fx->fences);
	return fence;
}

struct mvt_fence *mvt_fence_create(struct mvt *fx)
{
	return mvt_fence_create_at(fx, dma_fence_context_alloc(1), 1);
}

void mvt_fence_signal(struct mvt_fence *fence)
{
	dma_fence_signal(&fence->base);
}

void mvt_fence_signal_error(struct mvt_fence *fence, int error)
{
	dma_fence_set_error(&fence->base, error);
	dma_fence_signal(&fence->base);
}

/*
 * By somebody else, who lets others go first so many times; at the latest when the
 * test waits.
 */
void mvt_fence_signal_later(struct mvt_fence *fence, unsigned int rounds)
{
	fence->rounds = rounds;
	queue_work(system_unbound_wq, &fence->later);
}

/*
 * By @source, not before a callback is added or somebody waits. @neighbour, if there is
 * one, is signalled right there, in the middle of what its own interested party does.
 */
void mvt_fence_signal_when_awaited(struct mvt_fence *fence,
				   enum mvt_source source,
				   struct mvt_fence *neighbour)
{
	static struct lock_class_key key;

	fence->when_awaited = true;
	fence->source = source;
	fence->neighbour = neighbour;
	/* The neighbour's lock nests in this one. */
	if (neighbour)
		lockdep_set_class(&fence->lock, &key);
}

void mvt_fence_signal_irq(struct mvt_fence *fence)
{
	irq_work_queue(&fence->irq);
	irq_work_sync(&fence->irq);
}

/* Nobody is about to signal a fence any more. */
void mvt_fences_sync(struct mvt *fx)
{
	struct mvt_fence *fence;

	list_for_each_entry(fence, &fx->fences, link) {
		cancel_work_sync(&fence->later);
		irq_work_sync(&fence->irq);
		timer_delete_sync(&fence->timer);
		hrtimer_cancel(&fence->hrtimer);
	}
}

/* Nobody waits for a fence for ever, even if the test gave up. */
void mvt_fences_signal(struct mvt *fx)
{
	struct mvt_fence *fence;

	mvt_fences_sync(fx);
	list_for_each_entry(fence, &fx->fences, link)
		dma_fence_signal(&fence->base);
}

void mvt_fences_fini(struct mvt *fx)
{
	struct mvt_fence *fence, *next;

	list_for_each_entry_safe(fence, next, &fx->fences, link) {
		list_del(&fence->link);
		KUNIT_EXPECT_EQ(fx->test, kref_read(&fence->base.refcount), 1);
		dma_fence_put(&fence->base);
	}
}
