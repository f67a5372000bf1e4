/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The fence signalling section: from publication to signal, as lockdep sees it.
 */
#ifndef _TTM_MOVE_SECTION_H_
#define _TTM_MOVE_SECTION_H_

#include <linux/bug.h>
#include <linux/dma-fence.h>
#include <linux/lockdep.h>

#ifdef CONFIG_PROVE_LOCKING

/*
 * Held by a task inside a section of ours, for the checks of ttm_move_section.c.
 * Dma-fence's own map is not to be had by others, and is not taken where the caller
 * holds a spinlock.
 */
extern struct lockdep_map ttm_move_section_map;

void ttm_move_section_init(void);
void ttm_move_section_fini(void);

/* A mark, not a lock: it has no order with any, and may be nested. */
static inline void ttm_move_section_mark(void)
{
	lock_acquire(&ttm_move_section_map, 0, 1, 2, 0, NULL, _THIS_IP_);
}

static inline void ttm_move_section_unmark(void)
{
	lock_release(&ttm_move_section_map, _THIS_IP_);
}

static inline void ttm_move_section_assert(void)
{
	WARN_ONCE(lock_is_held(&ttm_move_section_map) == LOCK_STATE_NOT_HELD,
		  "ttm_move: outside of a signalling section\n");
}

#else

static inline void ttm_move_section_init(void)
{
}

static inline void ttm_move_section_fini(void)
{
}

static inline void ttm_move_section_mark(void)
{
}

static inline void ttm_move_section_unmark(void)
{
}

static inline void ttm_move_section_assert(void)
{
}

#endif

/*
 * All that arms a job, works on it or signals is between these two: lockdep and our
 * own checks know of the rules of the fence. Costs nothing without lockdep.
 */
static inline bool ttm_move_section_begin(void)
{
	bool cookie = dma_fence_begin_signalling();

	ttm_move_section_mark();
	return cookie;
}

/* @cookie: what ttm_move_section_begin() returned */
static inline void ttm_move_section_end(bool cookie)
{
	ttm_move_section_unmark();
	dma_fence_end_signalling(cookie);
}

#endif
