/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the files of the move worker share with each other and with the tests.
 */
#ifndef _TTM_MOVE_INTERNAL_H_
#define _TTM_MOVE_INTERNAL_H_

#include <drm/ttm/ttm_move.h>

/* ttm_move_bo.c */
bool ttm_move_bo_is_dead(struct ttm_buffer_object *bo);

/* ttm_move_copy.c */
void ttm_move_copy_init(void);
void ttm_move_copy_map(struct iosys_map *dst, const struct iosys_map *src,
		       size_t bytes, bool plain);
void ttm_move_clear_map(struct iosys_map *dst, size_t bytes);
const char *ttm_move_copy_name(bool dst_io, bool src_io, bool plain);

/* ttm_move_device.c */
void ttm_move_device_track(struct ttm_move_job *job);
void ttm_move_device_untrack(struct ttm_move_job *job);
void *ttm_move_zalloc(size_t bytes);

/* ttm_move_iter.c */
bool ttm_move_mem_fini_may_sleep(const struct ttm_move_mem *mem);
bool ttm_move_mem_holds(const struct ttm_move_mem *mem, u64 bytes);

/* ttm_move_job.c */
s64 ttm_move_job_age(const struct ttm_move_job *job);

/* ttm_move_timeline.c */
void ttm_move_timeline_init(struct ttm_move_timeline *timeline,
			    const char *name);
void ttm_move_timeline_add(struct ttm_move_timeline *timeline,
			   struct ttm_move_job *job,
			   const struct dma_fence_ops *ops);
void ttm_move_timeline_retire(struct ttm_move_timeline *timeline,
			      struct ttm_move_job *job,
			      struct list_head *retired);

#endif
