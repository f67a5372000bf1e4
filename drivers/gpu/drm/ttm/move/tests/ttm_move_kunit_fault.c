// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Failures of this task's allocations, one at a time, and the state that a task is in
 * when it may not have just any.
 */
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

#include "ttm_move_kunit.h"

#if defined(CONFIG_FAILSLAB) && defined(CONFIG_FAIL_PAGE_ALLOC) &&	\
	defined(CONFIG_FAULT_INJECTION_DEBUG_FS)

/* The variable behind a file in debugfs. */
static void *mvt_knob(const char *folder, const char *name)
{
	struct dentry *dir = debugfs_lookup(folder, NULL);
	struct dentry *file;
	void *knob = NULL;

	if (!dir)
		return NULL;

	file = debugfs_lookup(name, dir);
	if (file)
		knob = d_inode(file)->i_private;
	dput(file);
	dput(dir);
	return knob;
}

/* Let allocations of one kind fail that may sleep, and let them do so silently. */
static bool mvt_fault_enable(const char *kind, bool enable)
{
	bool *ignore_reclaim = mvt_knob(kind, "ignore-gfp-wait");
	unsigned long *verbose = mvt_knob(kind, "verbose");

	if (!ignore_reclaim || !verbose)
		return false;

	*ignore_reclaim = !enable;
	*verbose = enable ? 0 : 2;
	return true;
}

/* Let single pages fail, wherever they lie. */
static bool mvt_page_fault_enable(bool enable)
{
	bool *ignore_highmem = mvt_knob("fail_page_alloc", "ignore-gfp-highmem");
	u32 *min_order = mvt_knob("fail_page_alloc", "min-order");

	if (!ignore_highmem || !min_order)
		return false;

	*ignore_highmem = !enable;
	*min_order = enable ? 0 : 1;
	return mvt_fault_enable("fail_page_alloc", enable);
}

/* One kind at a time: how often a slab needs a new page is not for us to say. */
bool mvt_faults_enable(enum mvt_faults faults)
{
	return mvt_fault_enable("failslab", faults == MVT_FAULTS_OF_SLABS) &&
	       mvt_page_fault_enable(faults == MVT_FAULTS_OF_PAGES);
}

/* The allocation after the next @nth - 1 fails. */
void mvt_fail_nth(unsigned int nth)
{
	WRITE_ONCE(current->fail_nth, nth);
}

unsigned int mvt_fail_left(void)
{
	return READ_ONCE(current->fail_nth);
}

#else

bool mvt_faults_enable(enum mvt_faults faults)
{
	return false;
}

void mvt_fail_nth(unsigned int nth)
{
}

unsigned int mvt_fail_left(void)
{
	return 0;
}

#endif

/*
 * Reclaim is where a shrinker is called: whoever waits, or takes a lock, must not need
 * memory to go on.
 */
unsigned int mvt_context_enter(enum mvt_context context)
{
	switch (context) {
	case MVT_NOIO:
		return memalloc_noio_save();
	case MVT_RECLAIM:
		fs_reclaim_acquire(GFP_KERNEL);
		return memalloc_noreclaim_save();
	default:
		return 0;
	}
}

void mvt_context_leave(enum mvt_context context, unsigned int flags)
{
	switch (context) {
	case MVT_NOIO:
		memalloc_noio_restore(flags);
		break;
	case MVT_RECLAIM:
		memalloc_noreclaim_restore(flags);
		fs_reclaim_release(GFP_KERNEL);
		break;
	default:
		break;
	}
}
