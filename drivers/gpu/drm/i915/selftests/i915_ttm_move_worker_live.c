// SPDX-License-Identifier: MIT
/*
 * Selftests of the move worker on a device with local memory: moves with the engine,
 * without it and with one that fails.
 */
#include "gem/i915_gem_create.h"
#include "gem/i915_gem_lmem.h"
#include "gem/i915_gem_pm.h"
#include "gem/i915_gem_region.h"
#include "gem/i915_gem_ttm_pm.h"
#include "gt/intel_gt_requests.h"

#include "igt_reset.h"

/* Objects */

static struct intel_memory_region *mw_lmem(struct drm_i915_private *i915)
{
	return i915->mm.regions[INTEL_REGION_LMEM_0];
}

static bool mw_has_small_bar(struct drm_i915_private *i915)
{
	return resource_size(&mw_lmem(i915)->io) < mw_lmem(i915)->total;
}

/* As user space's: may be anywhere, prefers local memory. */
static struct drm_i915_gem_object *mw_create(struct drm_i915_private *i915, u64 bytes)
{
	struct intel_memory_region *places[] = {
		mw_lmem(i915),
		i915->mm.regions[INTEL_REGION_SMEM],
	};

	return __i915_gem_object_create_user(i915, bytes, places, ARRAY_SIZE(places));
}

/* One piece, so that another object can ask for the same place. */
static struct drm_i915_gem_object *mw_create_piece(struct drm_i915_private *i915,
						   u64 bytes)
{
	struct drm_i915_gem_object *obj = mw_create(i915, bytes);

	if (!IS_ERR(obj))
		obj->flags |= I915_BO_ALLOC_CONTIGUOUS;
	return obj;
}

/* Calls @fn with the object locked; more than once, if locks are contended. */
static int mw_locked(struct drm_i915_gem_object *obj,
		     int (*fn)(struct drm_i915_gem_object *obj, u64 arg), u64 arg)
{
	struct i915_gem_ww_ctx ww;
	int ret;

	for_i915_gem_ww(&ww, ret, false)
		ret = i915_gem_object_lock(obj, &ww) ?: fn(obj, arg);
	return ret;
}

static int mw_fill_locked(struct drm_i915_gem_object *obj, u64 seed)
{
	u64 *words = i915_gem_object_pin_map(obj, I915_MAP_WC);

	if (IS_ERR(words))
		return PTR_ERR(words);
	mw_fill(words, obj->base.size, seed);
	i915_gem_object_unpin_map(obj);
	return 0;
}

static int mw_check_locked(struct drm_i915_gem_object *obj, u64 seed)
{
	u64 *words = i915_gem_object_pin_map(obj, I915_MAP_WC);
	int ret;

	if (IS_ERR(words))
		return PTR_ERR(words);
	ret = mw_check(words, obj->base.size, seed);
	i915_gem_object_unpin_map(obj);
	return ret;
}

static int mw_migrate_locked(struct drm_i915_gem_object *obj, u64 id)
{
	return i915_gem_object_migrate(obj, NULL, id);
}

static int mw_idle_locked(struct drm_i915_gem_object *obj, u64 unused)
{
	if (dma_resv_wait_timeout(obj->base.resv, DMA_RESV_USAGE_KERNEL, false,
				  MW_TIMEOUT) <= 0) {
		pr_err("a move does not end\n");
		return -ETIME;
	}
	return i915_gem_object_wait_migration(obj, false);
}

/* Every fill is unlike all others. */
static int mw_fill_new(struct drm_i915_gem_object *obj, u64 *seed)
{
	static u64 fills;

	*seed = ((u64)i915_selftest.random_seed << 32) + (++fills << 24);
	return mw_locked(obj, mw_fill_locked, *seed);
}

static int mw_check_obj(struct drm_i915_gem_object *obj, u64 seed)
{
	return mw_locked(obj, mw_idle_locked, 0) ?: mw_locked(obj, mw_check_locked, seed);
}

static int mw_migrate(struct drm_i915_gem_object *obj, enum intel_region_id id)
{
	return mw_locked(obj, mw_migrate_locked, id);
}

static enum intel_region_id mw_place(bool in)
{
	return in ? INTEL_REGION_LMEM_0 : INTEL_REGION_SMEM;
}

static int mw_is_lmem_locked(struct drm_i915_gem_object *obj, u64 unused)
{
	return i915_ttm_cpu_maps_iomem(i915_gem_to_ttm(obj)->resource);
}

static int mw_expect_place(struct drm_i915_gem_object *obj, bool lmem)
{
	if (mw_locked(obj, mw_is_lmem_locked, 0) == lmem)
		return 0;
	pr_err("the object is not in %s memory\n", lmem ? "local" : "system");
	return -EINVAL;
}

/* Filled, and where the test wants it, with nothing under way. */
static int mw_prepare(struct drm_i915_gem_object *obj, bool lmem, u64 *seed)
{
	return mw_fill_new(obj, seed) ?: mw_migrate(obj, mw_place(lmem)) ?:
	       mw_locked(obj, mw_idle_locked, 0) ?: mw_expect_place(obj, lmem);
}

/* The fences of an object */

/* How many jobs there have been: tells those of the test from those before. */
static u64 mw_tickets(struct drm_i915_private *i915)
{
	struct ttm_move_device *mdev = mw_mdev(i915);
	u64 tickets;

	spin_lock(&mdev->lock);
	tickets = mdev->stats.jobs;
	spin_unlock(&mdev->lock);
	return tickets;
}

/* An object of the same address may have had a job before. */
static bool mw_is_job_of(struct dma_fence *fence, struct drm_i915_gem_object *obj,
			 u64 since)
{
	struct ttm_move_job *job = ttm_move_job_from_fence(fence);

	return job && job->bo == i915_gem_to_ttm(obj) && job->ticket > since;
}

/* Of a job of the object later than the one with ticket @since: a reference, or NULL. */
static struct dma_fence *mw_get_job_fence(struct drm_i915_gem_object *obj, u64 since)
{
	struct dma_fence *fence, *found = NULL;
	struct dma_resv_iter cursor;

	i915_gem_object_lock(obj, NULL);
	dma_resv_for_each_fence(&cursor, obj->base.resv, DMA_RESV_USAGE_KERNEL, fence) {
		if (!mw_is_job_of(fence, obj, since))
			continue;
		dma_fence_put(found);
		found = dma_fence_get(fence);
	}
	i915_gem_object_unlock(obj);
	return found;
}

static int mw_add_fence(struct drm_i915_gem_object *obj, struct dma_fence *fence)
{
	int ret;

	i915_gem_object_lock(obj, NULL);
	ret = dma_resv_reserve_fences(obj->base.resv, 1);
	if (!ret)
		dma_resv_add_fence(obj->base.resv, fence, DMA_RESV_USAGE_READ);
	i915_gem_object_unlock(obj);
	return ret;
}

/* A fence that the next move of the object has to wait for. */
static struct mw_fence *mw_hold_back(struct drm_i915_gem_object *obj)
{
	struct mw_fence *f = mw_fence_create();

	if (f && mw_add_fence(obj, &f->base)) {
		mw_fence_put(f);
		return NULL;
	}
	return f;
}

static int mw_expect_pending(struct drm_i915_gem_object *obj, u64 since)
{
	struct dma_fence *fence;
	int ret = 0;

	mw_settle(to_i915(obj->base.dev));
	fence = mw_get_job_fence(obj, since);
	if (!fence || dma_fence_is_signaled(fence)) {
		pr_err("the move did not wait for the object's fences\n");
		ret = -EINVAL;
	}
	dma_fence_put(fence);
	return ret;
}

/* Evictions */

static struct ttm_resource_manager *mw_manager(struct drm_i915_private *i915)
{
	return ttm_manager_type(&i915->bdev, I915_PL_LMEM0);
}

static struct dma_fence *mw_last_eviction(struct drm_i915_private *i915)
{
	struct ttm_resource_manager *man = mw_manager(i915);
	struct dma_fence *fence;

	spin_lock(&man->move_lock);
	fence = dma_fence_get(man->move);
	spin_unlock(&man->move_lock);
	return fence;
}

/* TTM keeps one fence for all evictions, which must not overtake each other. */
static int mw_check_evictions(struct drm_i915_private *i915, bool expected)
{
	struct dma_fence *fence = mw_last_eviction(i915);
	int ret = 0;

	if (fence ? fence->context != mw_mdev(i915)->evictions[I915_PL_LMEM0]->context :
	    expected) {
		pr_err("%s\n", fence ? "an eviction's fence is not of the region's" :
		       "nothing was evicted");
		ret = -EINVAL;
	}
	dma_fence_put(fence);
	return ret;
}

static u64 mw_offset_in_lmem(struct drm_i915_gem_object *obj)
{
	struct intel_memory_region *mr = mw_lmem(to_i915(obj->base.dev));
	u64 offset;

	i915_gem_object_lock(obj, NULL);
	offset = sg_dma_address(obj->mm.pages->sgl) - mr->region.start;
	i915_gem_object_unlock(obj);
	return offset;
}

/*
 * Takes the object's place. With @wait the new one waits for the memory, and otherwise
 * it is to be cleared later.
 */
static int mw_evict(struct drm_i915_gem_object *obj, bool wait,
		    struct drm_i915_gem_object **out)
{
	struct drm_i915_gem_object *other;
	int ret;

	*out = NULL;
	other = i915_gem_object_create_region_at(mw_lmem(to_i915(obj->base.dev)),
						 mw_offset_in_lmem(obj), obj->base.size,
						 wait ? 0 : I915_BO_ALLOC_USER);
	if (IS_ERR(other))
		return PTR_ERR(other);

	ret = i915_gem_object_pin_pages_unlocked(other);
	if (ret) {
		i915_gem_object_put(other);
		return ret;
	}
	i915_gem_object_unpin_pages(other);
	*out = other;
	return 0;
}

static void mw_put(struct drm_i915_gem_object *obj)
{
	if (!IS_ERR_OR_NULL(obj))
		i915_gem_object_put(obj);
}

/* Unless it did not come back, and may still use what it has. */
static void mw_task_free(struct mw_task *task, int ret)
{
	if (ret == -ETIME)
		return;
	mw_put(task->obj);
	kfree(task);
}

enum mw_direction {
	MW_IN,
	MW_OUT,
	MW_EVICT,
	MW_DIRECTIONS
};

static const char * const mw_direction_names[] = { "in", "out", "evict" };

/* By @dir; who took the place is for the caller to put. */
static int mw_go(struct drm_i915_gem_object *obj, enum mw_direction dir, bool wait,
		 struct drm_i915_gem_object **other)
{
	*other = NULL;
	if (dir == MW_EVICT)
		return mw_evict(obj, wait, other);
	return mw_migrate(obj, mw_place(dir == MW_IN));
}

/* The engine */

enum mw_engine {
	MW_OK,
	MW_FAILS,
	MW_DEAD,
	MW_ENGINES
};

static const char * const mw_engine_names[] = { "ok", "fails", "dead" };

/* Nothing of the test, and nothing of a test before, is under way. */
static int mw_quiesce(struct drm_i915_private *i915)
{
	int ret = mw_flush(i915);

	if (ret)
		return ret;
	if (intel_gt_wait_for_idle(to_gt(i915), MW_TIMEOUT)) {
		pr_err("the GT does not become idle\n");
		return -ETIME;
	}
	return 0;
}

static void mw_reset_gt(struct intel_gt *gt)
{
	intel_wakeref_t wakeref = intel_runtime_pm_get(gt->uncore->rpm);

	flush_work(&gt->i915->ttm_move_worker->wedge);
	igt_global_reset_lock(gt);
	intel_gt_reset(gt, ALL_ENGINES, NULL);
	igt_global_reset_unlock(gt);
	intel_runtime_pm_put(gt->uncore->rpm, wakeref);
}

/* From whatever the test did to it. */
static int mw_revive(struct drm_i915_private *i915)
{
	struct intel_gt *gt;
	unsigned int id;
	int ret;

	i915_ttm_migrate_set_failure_modes(false, false);
	i915_ttm_migrate_set_ban_memcpy(false);
	ret = mw_flush(i915);
	if (ret)
		return ret;
	for_each_gt(gt, i915, id) {
		flush_work(&gt->i915->ttm_move_worker->wedge);
		if (intel_gt_is_wedged(gt))
			mw_reset_gt(gt);
		if (intel_gt_is_wedged(gt)) {
			pr_err("the GT stays wedged\n");
			return -EIO;
		}
	}
	return 0;
}

static int mw_set_engine(struct drm_i915_private *i915, enum mw_engine engine)
{
	struct intel_gt *gt;
	unsigned int id;
	int ret;

	ret = mw_quiesce(i915);
	if (ret)
		return ret;

	i915_ttm_migrate_set_failure_modes(engine == MW_FAILS, false);
	if (engine != MW_DEAD)
		return 0;

	for_each_gt(gt, i915, id)
		intel_gt_set_wedged(gt);
	return 0;
}

/* The test's result, or that of making the device usable again. */
static int mw_end(struct drm_i915_private *i915, int ret)
{
	int err = mw_revive(i915);

	i915_gem_drain_freed_objects(i915);
	return ret ?: err;
}

#include "i915_ttm_move_worker_moves.c"
#include "i915_ttm_move_worker_pending.c"
#include "i915_ttm_move_worker_copies.c"
#include "i915_ttm_move_worker_users.c"

static int mw_live_teardown(int err, void *i915)
{
	return __i915_live_teardown(mw_uninterrupted(err), i915);
}

int i915_ttm_move_worker_live_selftests(struct drm_i915_private *i915)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(mw_live_sanity),
		SUBTEST(mw_live_tables),
		SUBTEST(mw_live_contents),
		SUBTEST(mw_live_matrix),
		SUBTEST(mw_live_part_fails),
		SUBTEST(mw_live_dependency_fails),
		SUBTEST(mw_live_dependency_fails_banned),
		SUBTEST(mw_live_failed_before),
		SUBTEST(mw_live_pending),
		SUBTEST(mw_live_no_memory),
		SUBTEST(mw_live_freed),
		SUBTEST(mw_live_spinner),
		SUBTEST(mw_live_stranger),
		SUBTEST(mw_live_stranger_in_call),
		SUBTEST(mw_live_no_overtaking),
		SUBTEST(mw_live_storm),
		SUBTEST(mw_live_storm_fails),
		SUBTEST(mw_live_storm_dead),
		SUBTEST(mw_live_copy),
		SUBTEST(mw_live_copy_lost),
		SUBTEST(mw_live_copy_keeps),
		SUBTEST(mw_live_backup),
		SUBTEST(mw_live_suspend_busy),
		SUBTEST(mw_live_small_bar),
		SUBTEST(mw_live_mmap),
		SUBTEST(mw_live_debugger),
		SUBTEST(mw_live_dmabuf_vmap),
		SUBTEST(mw_live_dmabuf_attach),
		SUBTEST(mw_live_lost),
		SUBTEST(mw_live_lost_fault),
		SUBTEST(mw_live_lost_requests),
	};

	if (!HAS_LMEM(i915)) {
		pr_info("no local memory, nothing to move\n");
		return 0;
	}

	return __i915_subtests(__func__, __i915_live_setup, mw_live_teardown,
			       tests, ARRAY_SIZE(tests), i915);
}
