// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Failures of this task's allocations, one at a time.
 */
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/sched.h>

#include "ttm_move_kunit.h"

#if defined(CONFIG_FAILSLAB) && defined(CONFIG_FAULT_INJECTION_DEBUG_FS)

/* The variable behind a file of failslab's in debugfs. */
static void *mvt_failslab_knob(const char *name)
{
	struct dentry *dir = debugfs_lookup("failslab", NULL);
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

/* Let allocations fail that may sleep, and let them do so silently. */
bool mvt_failslab_enable(bool enable)
{
	bool *ignore_reclaim = mvt_failslab_knob("ignore-gfp-wait");
	unsigned long *verbose = mvt_failslab_knob("verbose");

	if (!ignore_reclaim || !verbose)
		return false;

	*ignore_reclaim = !enable;
	*verbose = enable ? 0 : 2;
	return true;
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

bool mvt_failslab_enable(bool enable)
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
