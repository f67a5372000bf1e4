// SPDX-License-Identifier: MIT
/*
 * Selftests of the move worker on a device with local memory: copies from one object to
 * another, as for suspend, and memory that the CPU does not reach.
 */

/**
 * struct mw_pair - two objects, one to be copied to the other
 * @i915: the device
 * @local: in local memory, and pinned there
 * @words: mapping of @local
 * @backup: in system memory
 * @seed: what the first holds
 */
struct mw_pair {
	struct drm_i915_private *i915;
	struct drm_i915_gem_object *local;
	u64 *words;
	struct drm_i915_gem_object *backup;
	u64 seed;
};

static int mw_pair_init(struct mw_pair *p, struct drm_i915_private *i915)
{
	*p = (struct mw_pair) { .i915 = i915 };
	p->local = i915_gem_object_create_lmem(i915, MW_BYTES, 0);
	if (IS_ERR(p->local))
		return PTR_ERR(p->local);
	p->backup = i915_gem_object_create_region(i915->mm.regions[INTEL_REGION_SMEM],
						  MW_BYTES, 0, 0);
	if (IS_ERR(p->backup))
		return PTR_ERR(p->backup);
	p->words = i915_gem_object_pin_map_unlocked(p->local, I915_MAP_WC);
	if (IS_ERR(p->words))
		return PTR_ERR(p->words);

	p->seed = i915_selftest.random_seed;
	mw_fill(p->words, MW_BYTES, p->seed);
	/* The backup has its pages before it is copied to. */
	return mw_locked(p->backup, mw_fill_locked, ~p->seed);
}

static int mw_pair_fini(struct mw_pair *p, int ret)
{
	if (!IS_ERR_OR_NULL(p->words))
		i915_gem_object_unpin_map(p->local);
	mw_put(p->backup);
	mw_put(p->local);
	return mw_end(p->i915, ret);
}

static int mw_copy_objects(struct drm_i915_gem_object *dst,
			   struct drm_i915_gem_object *src, bool accel)
{
	struct i915_gem_ww_ctx ww;
	int ret;

	for_i915_gem_ww(&ww, ret, false)
		ret = i915_gem_object_lock(src, &ww) ?: i915_gem_object_lock(dst, &ww) ?:
		      i915_gem_obj_copy_ttm(dst, src, accel, false);
	return ret;
}

/* There, and back again after the original is gone. */
static int mw_pair_copy(struct mw_pair *p, bool accel)
{
	int ret = mw_copy_objects(p->backup, p->local, accel) ?:
		  mw_check_obj(p->backup, p->seed);

	if (ret)
		return ret;

	mw_fill(p->words, MW_BYTES, ~p->seed);
	return mw_copy_objects(p->local, p->backup, accel) ?:
	       mw_check(p->words, MW_BYTES, p->seed);
}

static int mw_live_copy(void *arg)
{
	enum mw_engine engine;
	struct mw_pair p;
	int accel, ret = 0;

	for (engine = 0; !ret && engine < MW_ENGINES; engine++) {
		for (accel = 0; !ret && accel < 2; accel++) {
			ret = mw_pair_init(&p, arg) ?: mw_set_engine(arg, engine) ?:
			      mw_pair_copy(&p, accel);
			if (ret)
				pr_err("engine %s, %s blitter: %d\n",
				       mw_engine_names[engine],
				       accel ? "with" : "without", ret);
			ret = mw_pair_fini(&p, ret);
		}
	}
	return ret;
}

/* A copy that is under way and fails, or one that nobody can make. */
static int mw_pair_lose(struct mw_pair *p, bool accel, bool no_memory)
{
	bool lost_later = accel && !no_memory;
	int ret, result;

	i915_ttm_migrate_set_failure_modes(true, no_memory);
	i915_ttm_migrate_set_ban_memcpy(true);
	result = mw_copy_objects(p->backup, p->local, accel);
	i915_ttm_migrate_set_failure_modes(false, false);
	i915_ttm_migrate_set_ban_memcpy(false);

	ret = mw_expect("the call's result", result, -EIO) ?:
	      mw_expect("the copy's unknown state", p->backup->mm.unknown_state,
			lost_later) ?:
	      mw_expect("the original's unknown state", p->local->mm.unknown_state, 0) ?:
	      mw_expect("wedging", intel_gt_is_wedged(to_gt(p->i915)), lost_later);
	return ret ?: mw_check(p->words, MW_BYTES, p->seed);
}

static int mw_live_copy_lost(void *arg)
{
	struct mw_pair p;
	int i, ret = 0;

	for (i = 0; !ret && i < 4; i++) {
		ret = mw_pair_init(&p, arg) ?: mw_quiesce(arg) ?:
		      mw_pair_lose(&p, i & 1, i & 2);
		if (ret)
			pr_err("%s blitter, %s memory: %d\n", i & 1 ? "with" : "without",
			       i & 2 ? "no" : "enough", ret);
		ret = mw_pair_fini(&p, ret);
	}
	return ret;
}

/**
 * struct mw_copier - a copy in a thread of its own
 * @task: copies to its object
 * @src: what it copies: reference
 */
struct mw_copier {
	struct mw_task task;
	struct drm_i915_gem_object *src;
};

static int mw_task_copy(struct mw_task *task)
{
	struct mw_copier *copier = container_of(task, typeof(*copier), task);

	return mw_copy_objects(task->obj, copier->src, false);
}

static bool mw_leaves_memory(struct drm_i915_private *i915)
{
	struct ttm_move_device *mdev = mw_mdev(i915);
	struct ttm_move_job *job;
	bool leaves = false;

	spin_lock(&mdev->lock);
	list_for_each_entry(job, &mdev->in_flight, tracked)
		leaves |= job->leaves_tt;
	spin_unlock(&mdev->lock);
	return leaves;
}

static int mw_copier_run(struct mw_copier *copier, struct mw_fence *dep)
{
	struct drm_i915_private *i915 = to_i915(copier->src->base.dev);
	int ret, err;

	ret = mw_task_start(&copier->task);
	if (ret)
		return ret;

	ret = mw_task_expect_blocked(&copier->task) ?:
	      mw_expect("whether there is a copy", mw_is_idle(mw_mdev(i915)), false) ?:
	      mw_expect("whether the copy frees anything", mw_leaves_memory(i915), false);
	err = mw_fence_signal(dep);
	ret = ret ?: err;
	err = mw_task_join(&copier->task);
	return err == -ETIME ? err : ret ?: err;
}

static int mw_copier_restore(struct mw_pair *p)
{
	struct mw_copier *copier = kzalloc(sizeof(*copier), GFP_KERNEL);
	struct mw_fence *dep = mw_hold_back(p->local);
	int ret = -ENOMEM;

	if (copier && dep) {
		copier->task.fn = mw_task_copy;
		copier->task.obj = i915_gem_object_get(p->local);
		copier->src = i915_gem_object_get(p->backup);
		ret = mw_copier_run(copier, dep);
	}
	mw_fence_put(dep);
	if (!copier || ret == -ETIME)
		return ret;
	mw_put(copier->src);
	mw_put(copier->task.obj);
	kfree(copier);
	return ret;
}

/* A backup keeps its memory when it has been restored from: reclaim may not count on it. */
static int mw_live_copy_keeps(void *arg)
{
	struct mw_pair p;
	int ret;

	ret = mw_pair_init(&p, arg) ?: mw_quiesce(arg) ?: mw_copier_restore(&p) ?:
	      mw_check(p.words, MW_BYTES, ~p.seed);
	return mw_pair_fini(&p, ret);
}

/* The whole region: pinned objects are copied, others move. */
static int mw_backup_region(struct mw_pair *p, struct drm_i915_gem_object *obj, u64 seed)
{
	struct intel_memory_region *mr = mw_lmem(p->i915);
	int ret;

	ret = i915_ttm_backup_region(mr, I915_TTM_BACKUP_ALLOW_GPU |
				     I915_TTM_BACKUP_PINNED);
	if (ret) {
		i915_ttm_recover_region(mr);
		return ret;
	}

	ret = mw_expect("whether there is a backup", !!p->local->ttm.backup, true) ?:
	      mw_expect_place(obj, false);
	mw_fill(p->words, MW_BYTES, ~p->seed);
	return i915_ttm_restore_region(mr, I915_TTM_BACKUP_ALLOW_GPU) ?: ret ?:
	       mw_expect("whether there still is a backup", !!p->local->ttm.backup,
			 false) ?:
	       mw_check(p->words, MW_BYTES, p->seed) ?: mw_check_obj(obj, seed);
}

/*
 * Contexts and page tables of the driver are copied back as they were: nothing uses
 * them in between.
 */
static int mw_backup_engine(struct drm_i915_private *i915, enum mw_engine engine)
{
	struct drm_i915_gem_object *obj = mw_create(i915, MW_BYTES);
	struct mw_pair p;
	u64 seed;
	int ret;

	if (IS_ERR(obj))
		return PTR_ERR(obj);

	ret = mw_pair_init(&p, i915) ?: mw_prepare(obj, true, &seed) ?:
	      mw_set_engine(i915, engine) ?: mw_backup_region(&p, obj, seed);
	if (ret)
		pr_err("engine %s: %d\n", mw_engine_names[engine], ret);
	i915_gem_object_put(obj);
	return mw_pair_fini(&p, ret);
}

/* With a small BAR the driver has pinned objects that only the blitter can back up. */
static int mw_live_backup(void *arg)
{
	unsigned int engines = mw_has_small_bar(arg) ? MW_OK + 1 : MW_ENGINES;
	enum mw_engine engine;
	int ret = 0;

	for (engine = 0; !ret && engine < engines; engine++)
		ret = mw_backup_engine(arg, engine);
	return ret;
}

/* A suspend that has to be called off leaves the GPU as it was: nobody would resume it. */
static int mw_suspend_busy(struct mw_pending *p)
{
	long *timeout = &p->i915->ttm_move_worker->idle_timeout, before = *timeout;
	int ret;

	*timeout = 1;
	ret = mw_expect("suspend's result", i915_gem_backup_suspend(p->i915), -EBUSY) ?:
	      mw_expect("wedging", intel_gt_is_wedged(to_gt(p->i915)), false);
	*timeout = before;
	return ret;
}

static int mw_live_suspend_busy(void *arg)
{
	struct mw_pending p;
	int ret;

	ret = mw_pending_init(&p, arg, MW_BYTES) ?: mw_pending_start(&p, MW_OK, MW_OUT) ?:
	      mw_suspend_busy(&p) ?: mw_fence_signal(p.dep) ?:
	      mw_check_obj(p.obj, p.seed);
	return mw_pending_fini(&p, ret);
}

/* Local memory that the CPU does not reach */

static int mw_hide_locked(struct drm_i915_gem_object *obj, u64 unused)
{
	return __i915_gem_object_migrate(obj, NULL, INTEL_REGION_LMEM_0,
					 obj->flags | I915_BO_ALLOC_GPU_ONLY);
}

static int mw_is_hidden_locked(struct drm_i915_gem_object *obj, u64 unused)
{
	return !i915_ttm_resource_mappable(i915_gem_to_ttm(obj)->resource);
}

static int mw_expect_hidden(struct drm_i915_gem_object *obj)
{
	return mw_expect("whether the CPU cannot reach it",
			 mw_locked(obj, mw_is_hidden_locked, 0), true);
}

/* Filled in system memory: only the blitter brings it where it is. */
static int mw_hide(struct drm_i915_gem_object *obj, u64 *seed)
{
	return mw_prepare(obj, false, seed) ?: mw_locked(obj, mw_hide_locked, 0) ?:
	       mw_locked(obj, mw_idle_locked, 0) ?: mw_expect_hidden(obj);
}

/* Nobody can get the bytes out until the engine lives again. */
static int mw_hidden_dead(struct drm_i915_private *i915, struct drm_i915_gem_object *obj)
{
	u64 seed;

	return mw_hide(obj, &seed) ?: mw_set_engine(i915, MW_DEAD) ?:
	       mw_expect("the move's result", mw_migrate(obj, INTEL_REGION_SMEM), -EIO) ?:
	       mw_expect_hidden(obj) ?: mw_revive(i915) ?:
	       mw_migrate(obj, INTEL_REGION_SMEM) ?: mw_check_obj(obj, seed);
}

static int mw_hidden_lost(struct drm_i915_private *i915, struct drm_i915_gem_object *obj)
{
	struct mw_fence *dep;
	u64 seed;
	int ret;

	ret = mw_hide(obj, &seed) ?: mw_quiesce(i915);
	if (ret)
		return ret;

	dep = mw_hold_back(obj);
	if (!dep)
		return -ENOMEM;

	ret = mw_migrate(obj, INTEL_REGION_SMEM) ?: mw_fail_part(i915, 1) ?:
	      mw_fence_signal(dep) ?:
	      mw_expect("the wait's result", mw_locked(obj, mw_idle_locked, 0), -EIO) ?:
	      mw_expect("wedging", intel_gt_is_wedged(to_gt(i915)), true);
	mw_fence_put(dep);
	return ret;
}

static int mw_live_small_bar(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct drm_i915_gem_object *obj;
	int ret;

	if (!mw_has_small_bar(i915)) {
		pr_info("the CPU reaches all of local memory, skipping\n");
		return 0;
	}

	obj = mw_create(i915, MW_PARTS * SZ_8M);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	ret = mw_hidden_dead(i915, obj) ?: mw_hidden_lost(i915, obj);
	i915_gem_object_put(obj);
	return mw_end(i915, ret);
}
