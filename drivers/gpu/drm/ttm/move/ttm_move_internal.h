/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the files of the move worker share with each other and with the tests.
 */
#ifndef _TTM_MOVE_INTERNAL_H_
#define _TTM_MOVE_INTERNAL_H_

#include <drm/ttm/ttm_move.h>

#include "ttm_move_copy.h"

/* ttm_move_bo.c */
bool ttm_move_bo_is_dead(struct ttm_buffer_object *bo);
void ttm_move_tt_free(struct ttm_device *bdev, struct ttm_tt *tt);

/* ttm_move_device.c */
void ttm_move_device_track(struct ttm_move_job *job);
void ttm_move_device_untrack(struct ttm_move_job *job);
void *ttm_move_zalloc(size_t bytes);

/*
 * Elsewhere the kernel's own mapping of a page stays cached, however TTM wants it mapped.
 * User Mode Linux has it for the tests.
 */
#define TTM_MOVE_HEEDS_CACHING	(IS_ENABLED(CONFIG_X86) ||	\
				 IS_ENABLED(CONFIG_HIGHMEM) ||	\
				 IS_ENABLED(CONFIG_UML))

/* ttm_move_iter.c */

/*
 * What a description that nobody has filled, or that has been given away, must say. The
 * rest of it costs more to clear than all else that describes a small move.
 */
static inline void ttm_move_mem_init_none(struct ttm_move_mem *mem)
{
	mem->ops = NULL;
	mem->owned_map = false;
	mem->uncached = false;
}

bool ttm_move_mem_fini_may_sleep(const struct ttm_move_mem *mem);
bool ttm_move_mem_is_far(const struct ttm_move_mem *mem);
bool ttm_move_mem_holds(const struct ttm_move_mem *mem, u64 bytes);

/* ttm_move_job.c */
s64 ttm_move_job_age(const struct ttm_move_job *job);
s64 ttm_move_job_lap(struct ttm_move_job *job);
void ttm_move_job_set_none(struct ttm_move_job *job);
int ttm_move_copy_some(struct ttm_move_iter *dst, struct ttm_move_iter *src,
		       u64 offset, u64 bytes);
int ttm_move_clear_some(struct ttm_move_iter *dst, u64 offset, u64 bytes,
			bool skip_holes);
void ttm_move_job_release_all(struct list_head *retired);

/* ttm_move_timeline.c */
void ttm_move_timeline_init(struct ttm_move_timeline *timeline,
			    const char *name);
void ttm_move_timeline_add(struct ttm_move_timeline *timeline,
			   struct ttm_move_job *job,
			   const struct dma_fence_ops *ops);
void ttm_move_timeline_retire(struct ttm_move_timeline *timeline,
			      struct ttm_move_job *job,
			      struct list_head *retired);
void ttm_move_timeline_hurry(struct ttm_move_timeline *timeline,
			     struct ttm_move_job *job);

/* ttm_move_work.c */

/**
 * struct ttm_move_limits - who makes a copy; module parameters
 * @read_workers: of a copy that reads device memory or uncached pages
 * @write_workers: of any other copy
 * @clear_workers: of a job that clears
 * @cpus: while so many copy for a device no worker is added; 0 for as many as are
 *	online, less one for those who ask for moves
 * @chunk_bytes: what a worker does before it lets others go first
 * @last_cpu_bytes: size from which on a move may have that last CPU as well
 * @caller_bytes: what a caller moves himself who would not have to wait for anybody
 */
struct ttm_move_limits {
	unsigned int read_workers;
	unsigned int write_workers;
	unsigned int clear_workers;
	unsigned int cpus;
	unsigned long chunk_bytes;
	unsigned long last_cpu_bytes;
	unsigned long caller_bytes;
};

extern struct ttm_move_limits ttm_move_limits;

unsigned int ttm_move_num_cpus(void);
void ttm_move_work_init(struct ttm_move_job *job);
void ttm_move_work_share(struct ttm_move_job *job);
void ttm_move_work_queue(struct ttm_move_job *job);
void ttm_move_work_hurry(struct ttm_move_job *job);

#endif
