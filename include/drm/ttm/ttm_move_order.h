/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What TTM needs where a driver's evictions have more than one source.
 */
#ifndef _TTM_MOVE_ORDER_H_
#define _TTM_MOVE_ORDER_H_

#include <linux/dma-fence.h>
#include <linux/spinlock.h>

#include <drm/ttm/ttm_move.h>
#include <drm/ttm/ttm_resource.h>

/**
 * ttm_move_manager_switch() - let a manager's evictions change to another context
 * @man: the manager
 * @fence: what is about to become &ttm_resource_manager.move
 *
 * TTM keeps one fence of a manager's evictions, the latest of one context, and would
 * drop @fence if that is of another: the memory would be handed out while it is being
 * read. A driver that evicts with an engine, and with the move worker where the engine
 * cannot, has two contexts; this waits for the last eviction of the other one, and
 * only where they change.
 *
 * Context: Process context. Called with &ttm_resource_manager.move_lock held, and
 * drops it to sleep. Not inside a fence signalling section.
 */
static inline void ttm_move_manager_switch(struct ttm_resource_manager *man,
					   struct dma_fence *fence)
	__must_hold(&man->move_lock)
{
	struct dma_fence *other;

	while (man->move && man->move->context != fence->context) {
		other = dma_fence_get(man->move);
		spin_unlock(&man->move_lock);
		dma_fence_wait(other, false);
		spin_lock(&man->move_lock);
		if (man->move == other) {
			man->move = NULL;
			dma_fence_put(other);
		}
		dma_fence_put(other);
	}
}

#endif
