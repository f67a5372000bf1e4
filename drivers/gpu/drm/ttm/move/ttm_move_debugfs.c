// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Totals, and the jobs in flight.
 */
#include <linux/debugfs.h>
#include <linux/math64.h>
#include <linux/seq_file.h>

#include "ttm_move_internal.h"

static const char * const ttm_move_state_names[] = {
	[TTM_MOVE_NEW] = "new",
	[TTM_MOVE_WAITING] = "waiting",
	[TTM_MOVE_READY] = "ready",
	[TTM_MOVE_COPYING] = "copying",
	[TTM_MOVE_DONE] = "done",
	[TTM_MOVE_RETIRED] = "retired",
};

static void ttm_move_show_totals(struct seq_file *m,
				 struct ttm_move_device *mdev)
{
	struct ttm_move_stats stats;

	ttm_move_device_stats(mdev, &stats);
	seq_printf(m, "job_bytes: %zu\n", sizeof(struct ttm_move_job));
	seq_printf(m, "jobs: %llu\n", stats.jobs);
	seq_printf(m, "copied_bytes: %llu\n", stats.copied_bytes);
	seq_printf(m, "cleared_bytes: %llu\n", stats.cleared_bytes);
	seq_printf(m, "skipped: %llu\n", stats.skipped);
	seq_printf(m, "errors: %llu\n", stats.errors);
	seq_printf(m, "sync_moves: %llu\n", stats.sync_moves);
}

static void ttm_move_show_routines(struct seq_file *m)
{
	enum ttm_move_dir dir;

	seq_printf(m, "routines: %s\n", ttm_move_copy_overridden());
	seq_printf(m, "%-12s %-14s %-14s %s\n", "direction", "plain_memory",
		   "other_aperture", "small");
	for (dir = 0; dir < TTM_MOVE_NUM_DIRS; dir++)
		seq_printf(m, "%-12s %-14s %-14s %s\n", ttm_move_dir_name(dir),
			   ttm_move_routine_of(dir, true, true)->name,
			   ttm_move_routine_of(dir, false, true)->name,
			   ttm_move_routine_of(dir, true, false)->name);
}

static void ttm_move_show_job(struct seq_file *m, struct ttm_move_job *job)
{
	seq_printf(m, "%-8llu %-12s %-10llu %-8s %-7s %12llu %8lld\n",
		   job->ticket, job->timeline->name, job->timeline->context,
		   ttm_move_state_names[READ_ONCE(job->state)],
		   READ_ONCE(job->direction), job->bytes,
		   div_s64(ttm_move_job_age(job), NSEC_PER_USEC));
}

static void ttm_move_show_in_flight(struct seq_file *m,
				    struct ttm_move_device *mdev)
{
	struct ttm_move_job *job;

	seq_puts(m, "in_flight:\n");
	seq_printf(m, "%-8s %-12s %-10s %-8s %-7s %12s %8s\n", "job", "timeline",
		   "context", "state", "dir", "bytes", "age_us");
	spin_lock(&mdev->lock);
	list_for_each_entry(job, &mdev->in_flight, tracked)
		ttm_move_show_job(m, job);
	spin_unlock(&mdev->lock);
}

static int ttm_move_show(struct seq_file *m, void *unused)
{
	struct ttm_move_device *mdev = m->private;

	ttm_move_show_totals(m, mdev);
	ttm_move_show_routines(m);
	ttm_move_show_in_flight(m, mdev);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ttm_move);

/**
 * ttm_move_debugfs_init() - show the worker in debugfs
 * @mdev: the worker
 * @root: the device's debugfs directory, which must go before @mdev does
 *
 * Creates a file "ttm_move": totals, the chosen copy routines, jobs in flight.
 *
 * Context: Process context. May sleep.
 */
void ttm_move_debugfs_init(struct ttm_move_device *mdev, struct dentry *root)
{
	debugfs_create_file("ttm_move", 0444, root, mdev, &ttm_move_fops);
}
EXPORT_SYMBOL_GPL(ttm_move_debugfs_init);
