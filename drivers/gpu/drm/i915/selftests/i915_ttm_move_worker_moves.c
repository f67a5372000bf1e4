// SPDX-License-Identifier: MIT
/*
 * Selftests of the move worker on a device with local memory: what becomes of the bytes
 * in moves of all kinds, one at a time and many.
 */
/* Two of the blitter's requests, the second one not full. */
#define MW_BYTES	(SZ_8M + SZ_1M)

static int mw_live_sanity(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct ttm_move_timeline *timeline = mw_mdev(i915)->evictions[I915_PL_LMEM0];
	struct drm_i915_gem_object *obj = mw_create(i915, SZ_64K);
	u64 seed;
	int ret;

	if (IS_ERR(obj))
		return PTR_ERR(obj);

	ret = timeline && mw_mdev(i915)->bdev == &i915->bdev ? 0 : -EINVAL;
	ret = ret ?: mw_fill_new(obj, &seed) ?: mw_check_obj(obj, seed);
	i915_gem_object_put(obj);
	return ret;
}

/* Pages: a table of those in local memory, none of those that TTM has */

static int mw_has_table_locked(struct drm_i915_gem_object *obj, u64 unused)
{
	struct ttm_resource *res = i915_gem_to_ttm(obj)->resource;
	struct i915_refct_sgt *rsgt = i915_ttm_move_worker_rsgt(obj, res);
	bool has = rsgt;

	if (IS_ERR(rsgt))
		return PTR_ERR(rsgt);
	i915_refct_sgt_put(rsgt);
	return has;
}

static int mw_table_once(struct drm_i915_gem_object *obj, bool lmem)
{
	u64 seed;
	int ret = mw_prepare(obj, lmem, &seed);

	if (ret)
		return ret;
	if (mw_locked(obj, mw_has_table_locked, 0) == lmem)
		return 0;
	pr_err("a table is %s for %s memory\n", lmem ? "needed" : "not needed",
	       lmem ? "local" : "system");
	return -EINVAL;
}

static int mw_live_tables(void *arg)
{
	struct drm_i915_gem_object *obj = mw_create(arg, SZ_64K);
	int ret;

	if (IS_ERR(obj))
		return PTR_ERR(obj);

	ret = mw_table_once(obj, true) ?: mw_table_once(obj, false);
	i915_gem_object_put(obj);
	return ret;
}

/* Contents */

static int mw_contents_once(struct drm_i915_gem_object *obj, enum mw_direction dir)
{
	struct drm_i915_gem_object *other;
	u64 seed;
	int ret;

	ret = mw_prepare(obj, dir != MW_IN, &seed) ?: mw_go(obj, dir, true, &other);
	if (ret)
		return ret;

	ret = mw_expect_place(obj, dir == MW_IN) ?: mw_check_obj(obj, seed);
	mw_put(other);
	return ret;
}

static int mw_contents_size(struct drm_i915_private *i915, u64 bytes)
{
	struct drm_i915_gem_object *obj = mw_create_piece(i915, bytes);
	enum mw_direction dir;
	int ret = 0;

	if (IS_ERR(obj))
		return PTR_ERR(obj);

	for (dir = 0; !ret && dir < MW_DIRECTIONS; dir++) {
		ret = mw_contents_once(obj, dir);
		if (ret)
			pr_err("%s, %llu bytes: %d\n", mw_direction_names[dir], bytes,
			       ret);
	}
	i915_gem_object_put(obj);
	return ret;
}

/*
 * Also for GPUs that fail: run it with, for example, i915_softgpu's fail_copies. Bytes
 * are kept whatever happens to the engine.
 */
static int mw_live_contents(void *arg)
{
	static const u64 sizes[] = {
		SZ_64K, SZ_2M, SZ_8M - SZ_64K, SZ_8M + SZ_64K, SZ_16M + SZ_2M, SZ_32M,
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(sizes); i++)
		ret = mw_contents_size(arg, sizes[i]);
	return ret;
}

/* All combinations of what may go wrong */

/* What comes of a move. */
enum mw_result {
	MW_MOVES,
	MW_LOSES,
	MW_STAYS
};

/**
 * struct mw_outcome - what a result looks like
 * @ret: what the call returns
 * @error: of the fence
 * @unknown: the object's state is not known
 * @wedged: the device gets wedged
 * @moved: the object has changed its place
 */
struct mw_outcome {
	int ret;
	int error;
	bool unknown;
	bool wedged;
	bool moved;
};

static const struct mw_outcome mw_outcomes[] = {
	[MW_MOVES] = { .moved = true },
	[MW_LOSES] = { .error = -EIO, .unknown = true, .wedged = true, .moved = true },
	[MW_STAYS] = { .ret = -EIO },
};

/* By engine, whether there is no memory for a job, whether the CPU may not copy. */
static const enum mw_result mw_results[MW_ENGINES][2][2] = {
	[MW_OK] = { { MW_MOVES, MW_MOVES }, { MW_MOVES, MW_MOVES } },
	[MW_FAILS] = { { MW_MOVES, MW_LOSES }, { MW_MOVES, MW_STAYS } },
	[MW_DEAD] = { { MW_MOVES, MW_STAYS }, { MW_MOVES, MW_STAYS } },
};

/**
 * struct mw_case - one of the combinations, and what came of it
 * @engine: what is the matter with the engine
 * @no_memory: for a job
 * @ban: the CPU may not copy
 * @dir: where to
 * @obj: what moves
 * @other: who takes its place
 * @seed: what @obj holds
 * @ret: what the call returned
 * @in_caller: moves that have been made in their callers
 * @fence: of the move: reference
 */
struct mw_case {
	enum mw_engine engine;
	bool no_memory;
	bool ban;
	enum mw_direction dir;
	struct drm_i915_gem_object *obj;
	struct drm_i915_gem_object *other;
	u64 seed;
	int ret;
	u64 in_caller;
	struct dma_fence *fence;
};

static struct drm_i915_private *mw_case_i915(const struct mw_case *c)
{
	return to_i915(c->obj->base.dev);
}

static u64 mw_in_caller(struct drm_i915_private *i915)
{
	struct ttm_move_stats stats;

	ttm_move_device_stats(mw_mdev(i915), &stats);
	return stats.sync_moves;
}

/* With all that goes wrong from here on; afterwards nothing new goes wrong. */
static int mw_case_run(struct mw_case *c)
{
	u64 since;
	int ret;

	ret = mw_set_engine(mw_case_i915(c), c->engine);
	if (ret)
		return ret;

	since = mw_tickets(mw_case_i915(c));
	c->in_caller = mw_in_caller(mw_case_i915(c));
	i915_ttm_migrate_set_failure_modes(c->engine == MW_FAILS, c->no_memory);
	i915_ttm_migrate_set_ban_memcpy(c->ban);
	c->ret = mw_go(c->obj, c->dir, true, &c->other);
	c->in_caller = mw_in_caller(mw_case_i915(c)) - c->in_caller;
	c->fence = mw_get_job_fence(c->obj, since);
	i915_ttm_migrate_set_failure_modes(false, false);
	i915_ttm_migrate_set_ban_memcpy(false);
	return c->fence ? mw_wait(c->fence) : 0;
}

static bool mw_case_is_wedged(const struct mw_case *c)
{
	flush_work(&mw_case_i915(c)->ttm_move_worker->wedge);
	return intel_gt_is_wedged(to_gt(mw_case_i915(c)));
}

static int mw_case_check(struct mw_case *c, const struct mw_outcome *o)
{
	bool loses = o->unknown, in = c->dir == MW_IN;
	int ret;

	ret = mw_expect("the call's result", c->ret, o->ret) ?:
	      mw_expect("whether there is a job", !!c->fence, o->moved && !c->no_memory) ?:
	      mw_expect("whether the caller is counted as blocked", c->in_caller > 0,
			o->moved && c->no_memory) ?:
	      mw_expect("the fence's error", c->fence ? c->fence->error : 0, o->error) ?:
	      mw_expect("the unknown state", c->obj->mm.unknown_state, o->unknown) ?:
	      mw_expect("wedging", mw_case_is_wedged(c),
			o->wedged || c->engine == MW_DEAD) ?:
	      mw_expect_place(c->obj, o->moved ? in : !in) ?:
	      mw_expect("the wait's result", mw_locked(c->obj, mw_idle_locked, 0),
			loses ? -EIO : 0);
	if (ret || loses)
		return ret;
	return mw_check_obj(c->obj, c->seed);
}

static int mw_case_do(struct drm_i915_private *i915, struct mw_case *c)
{
	int ret;

	c->obj = mw_create_piece(i915, MW_BYTES);
	if (IS_ERR(c->obj))
		return PTR_ERR(c->obj);

	ret = mw_prepare(c->obj, c->dir != MW_IN, &c->seed) ?: mw_case_run(c) ?:
	      mw_case_check(c, &mw_outcomes[mw_results[c->engine][c->no_memory][c->ban]]);
	if (ret)
		pr_err("engine %s, %s memory, CPU %s, %s: %d\n",
		       mw_engine_names[c->engine], c->no_memory ? "no" : "enough",
		       c->ban ? "banned" : "allowed", mw_direction_names[c->dir], ret);
	dma_fence_put(c->fence);
	mw_put(c->other);
	i915_gem_object_put(c->obj);
	return mw_end(i915, ret);
}

static int mw_live_matrix(void *arg)
{
	unsigned int i, cases = MW_ENGINES * 2 * 2 * MW_DIRECTIONS;
	int ret = 0;

	for (i = 0; !ret && i < cases; i++) {
		struct mw_case c = {
			.dir = i % MW_DIRECTIONS,
			.ban = i / MW_DIRECTIONS % 2,
			.no_memory = i / (MW_DIRECTIONS * 2) % 2,
			.engine = i / (MW_DIRECTIONS * 4),
		};

		ret = mw_case_do(arg, &c);
	}
	return ret;
}

/* More than fits */

/**
 * struct mw_storm - objects that together are larger than local memory
 * @i915: the device
 * @objs: the objects
 * @seeds: what they hold
 * @num: how many there are
 * @prng: in which order they are used
 */
struct mw_storm {
	struct drm_i915_private *i915;
	struct drm_i915_gem_object **objs;
	u64 *seeds;
	unsigned int num;
	struct rnd_state prng;
};

/* Some have no other place, and are evicted to one that is not theirs. */
static struct drm_i915_gem_object *mw_storm_create(struct mw_storm *s, unsigned int i)
{
	static const u64 sizes[] = { SZ_8M, SZ_2M, SZ_16M, SZ_4M };
	u64 bytes = sizes[i % ARRAY_SIZE(sizes)];

	if (i % 3)
		return mw_create(s->i915, bytes);
	return i915_gem_object_create_region(mw_lmem(s->i915), bytes, 0, 0);
}

static int mw_storm_fill(struct mw_storm *s, unsigned int max, u64 bytes)
{
	u64 total = 0;
	int ret = 0;

	while (!ret && total < bytes && s->num < max) {
		struct drm_i915_gem_object *obj = mw_storm_create(s, s->num);

		if (IS_ERR(obj))
			return PTR_ERR(obj);

		s->objs[s->num] = obj;
		ret = mw_fill_new(obj, &s->seeds[s->num++]) ?:
		      mw_check_evictions(s->i915, false);
		total += obj->base.size;
	}
	return ret ?: mw_check_evictions(s->i915, true);
}

/* Each comes back to local memory, and drives out another one. */
static int mw_storm_check(struct mw_storm *s)
{
	unsigned int *order = i915_random_order(s->num, &s->prng);
	unsigned int i;
	int ret = 0;

	if (!order)
		return -ENOMEM;

	for (i = 0; !ret && i < s->num; i++) {
		ret = mw_check_obj(s->objs[order[i]], s->seeds[order[i]]) ?:
		      mw_check_evictions(s->i915, true);
		if (ret)
			pr_err("object %u of %u: %d\n", order[i], s->num, ret);
	}
	kfree(order);
	return ret;
}

static void mw_storm_fini(struct mw_storm *s)
{
	while (s->num)
		i915_gem_object_put(s->objs[--s->num]);
	kvfree(s->objs);
	kvfree(s->seeds);
}

static int mw_storm_run(struct mw_storm *s)
{
	/* Only what the CPU reaches can be filled and checked by it. */
	u64 bytes = min_t(u64, resource_size(&mw_lmem(s->i915)->io),
			  mw_lmem(s->i915)->total) * 3 / 2;
	unsigned int max = bytes / SZ_2M + 1;

	s->objs = kvcalloc(max, sizeof(*s->objs), GFP_KERNEL);
	s->seeds = kvcalloc(max, sizeof(*s->seeds), GFP_KERNEL);
	if (!s->objs || !s->seeds)
		return -ENOMEM;
	return mw_storm_fill(s, max, bytes) ?: mw_storm_check(s) ?: mw_storm_check(s);
}

static int mw_storm(struct drm_i915_private *i915, enum mw_engine engine)
{
	struct mw_storm s = {
		.i915 = i915,
		.prng = I915_RND_STATE_INITIALIZER(i915_selftest.random_seed),
	};
	int ret;

	ret = mw_set_engine(i915, engine) ?: mw_storm_run(&s);
	mw_storm_fini(&s);
	return mw_end(i915, ret);
}

static int mw_live_storm(void *arg)
{
	return mw_storm(arg, MW_OK);
}

static int mw_live_storm_fails(void *arg)
{
	return mw_storm(arg, MW_FAILS);
}

static int mw_live_storm_dead(void *arg)
{
	return mw_storm(arg, MW_DEAD);
}
