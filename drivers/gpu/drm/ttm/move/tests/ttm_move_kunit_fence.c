// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fences that a test signals by hand. The fixture keeps a reference to each; in
 * the end it has to be the only one.
 */
#include <linux/hardirq.h>
#include <linux/slab.h>

#include "ttm_move_kunit.h"

static const char *mvt_fence_name(struct dma_fence *fence)
{
	return "ttm_move_kunit";
}

/* With the fence's lock held. */
static bool mvt_fence_enable_signaling(struct dma_fence *base)
{
	struct mvt_fence *fence = container_of(base, struct mvt_fence, base);

	if (fence->when_awaited)
		queue_work(system_unbound_wq, &fence->later);
	return true;
}

static const struct dma_fence_ops mvt_fence_ops = {
	.get_driver_name = mvt_fence_name,
	.get_timeline_name = mvt_fence_name,
	.enable_signaling = mvt_fence_enable_signaling,
};

static void mvt_fence_later_work(struct work_struct *work)
{
	struct mvt_fence *fence = container_of(work, struct mvt_fence, later);

	if (!fence->rounds--)
		dma_fence_signal(&fence->base);
	else
		queue_work(system_unbound_wq, work);
}

static void mvt_fence_irq_work(struct irq_work *work)
{
	struct mvt_fence *fence = container_of(work, struct mvt_fence, irq);

	fence->in_irq = in_hardirq();
	dma_fence_signal(&fence->base);
}

struct mvt_fence *mvt_fence_create_at(struct mvt *fx, u64 context, u64 seqno)
{
	struct mvt_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, fence);
	spin_lock_init(&fence->lock);
	INIT_WORK(&fence->later, mvt_fence_later_work);
	fence->irq = IRQ_WORK_INIT_HARD(mvt_fence_irq_work);
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

/* By somebody else, not before a callback is added or somebody waits. */
void mvt_fence_signal_when_awaited(struct mvt_fence *fence)
{
	fence->when_awaited = true;
}

void mvt_fence_signal_irq(struct mvt_fence *fence)
{
	irq_work_queue(&fence->irq);
	irq_work_sync(&fence->irq);
}

/* Nobody waits for a fence for ever, even if the test gave up. */
void mvt_fences_signal(struct mvt *fx)
{
	struct mvt_fence *fence;

	list_for_each_entry(fence, &fx->fences, link) {
		cancel_work_sync(&fence->later);
		dma_fence_signal(&fence->base);
	}
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
