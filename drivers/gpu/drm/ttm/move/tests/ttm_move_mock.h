/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The move worker for the mock driver of TTM's own tests, which a semantic patch lets
 * call these. Without a worker in the kernel they are what the driver had before.
 */
#ifndef _TTM_MOVE_MOCK_H_
#define _TTM_MOVE_MOCK_H_

#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>

/**
 * struct ttm_move_mock_totals - what became of the mock driver's moves
 * @moves: asked for
 * @jobs: made by a job of a worker
 * @sync_moves: made by a worker's call, in the caller
 * @errors: jobs whose fence carries an error
 */
struct ttm_move_mock_totals {
	u64 moves;
	u64 jobs;
	u64 sync_moves;
	u64 errors;
};

/* Whose moves there are, and whether somebody uses each object that moves. */
enum ttm_move_mock_mode {
	TTM_MOVE_MOCK_KERNEL,
	TTM_MOVE_MOCK_IDLE,
	TTM_MOVE_MOCK_BUSY,
	TTM_MOVE_MOCK_NUM_MODES,
};

#if IS_REACHABLE(CONFIG_DRM_TTM_MOVE_MOCK)

int ttm_move_mock_init(struct ttm_device *bdev);
void ttm_move_mock_device_fini(struct ttm_device *bdev);
void ttm_move_mock_drain(struct ttm_device *bdev);
int ttm_move_mock_move(struct ttm_buffer_object *bo, bool evict,
		       struct ttm_operation_ctx *ctx, struct ttm_resource *dst);
int ttm_move_mock_mode(void);
struct ttm_move_mock_totals ttm_move_mock_totals(void);

#else

static inline int ttm_move_mock_init(struct ttm_device *bdev)
{
	return 0;
}

static inline void ttm_move_mock_device_fini(struct ttm_device *bdev)
{
	ttm_device_fini(bdev);
}

static inline void ttm_move_mock_drain(struct ttm_device *bdev)
{
}

static inline int ttm_move_mock_move(struct ttm_buffer_object *bo, bool evict,
				     struct ttm_operation_ctx *ctx,
				     struct ttm_resource *dst)
{
	return ttm_bo_move_memcpy(bo, ctx, dst);
}

#endif

#endif
