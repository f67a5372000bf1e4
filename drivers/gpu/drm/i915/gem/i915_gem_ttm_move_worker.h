/* SPDX-License-Identifier: MIT */
#ifndef _I915_GEM_TTM_MOVE_WORKER_H_
#define _I915_GEM_TTM_MOVE_WORKER_H_

#include <linux/types.h>

#include "i915_selftest.h"

struct dentry;
struct dma_fence;
struct drm_i915_gem_object;
struct drm_i915_private;
struct i915_deps;
struct i915_refct_sgt;
struct i915_request;
struct i915_ttm_move;
struct i915_ttm_move_worker;
struct sg_table;
struct ttm_buffer_object;
struct ttm_operation_ctx;
struct ttm_resource;
struct ttm_tt;

int i915_ttm_move_worker_init(struct drm_i915_private *i915);
void i915_ttm_move_worker_fini(struct drm_i915_private *i915);
void i915_ttm_move_worker_flush(struct drm_i915_private *i915);
int i915_ttm_move_worker_idle(struct drm_i915_private *i915);
void i915_ttm_move_worker_debugfs(struct drm_i915_private *i915, struct dentry *root);

struct i915_refct_sgt *
i915_ttm_move_worker_rsgt(struct drm_i915_gem_object *obj, struct ttm_resource *res);
struct dma_fence *
i915_ttm_move_worker_move(struct ttm_buffer_object *bo, bool evict,
			  struct ttm_operation_ctx *ctx, bool clear,
			  struct ttm_resource *dst_mem,
			  struct i915_refct_sgt *dst_rsgt);
void i915_ttm_move_worker_submitted(struct i915_ttm_move *move,
				    struct i915_request *rq);

int i915_ttm_move_worker_wait(struct ttm_buffer_object *bo, struct ttm_operation_ctx *ctx);
unsigned long i915_ttm_move_worker_fence_timeout(const struct drm_i915_private *i915,
						 struct dma_fence *fence);
int i915_ttm_move_worker_fence_error(struct dma_fence *fence);
bool i915_ttm_move_worker_inherits(const struct i915_request *rq, int error);
bool i915_ttm_move_worker_is_lost(struct drm_i915_gem_object *obj);
int i915_ttm_move_worker_may_use(struct drm_i915_gem_object *obj);

/* What i915_gem_ttm_move.c does for the worker. */

struct dma_fence *i915_ttm_accel_move(struct ttm_buffer_object *bo, bool clear,
				      struct ttm_resource *dst_mem,
				      struct ttm_tt *dst_ttm,
				      struct sg_table *dst_st,
				      const struct i915_deps *deps,
				      struct i915_ttm_move *move);
bool i915_ttm_memcpy_allowed(struct ttm_buffer_object *bo,
			     struct ttm_resource *dst_mem);

I915_SELFTEST_DECLARE(bool i915_ttm_migrate_fails_gpu(void));
I915_SELFTEST_DECLARE(bool i915_ttm_migrate_fails_alloc(void));

#endif
