// SPDX-License-Identifier: MIT
/*
 * Selftests of the move worker on a device with local memory: moves that have to wait,
 * and what may happen in the meantime.
 */
#include "gt/intel_context.h"
#include "gt/intel_gpu_commands.h"
#include "gt/intel_timeline.h"

#include "igt_spinner.h"

/**
 * struct mw_pending - a move that waits for a fence of the test's
 * @i915: the device
 * @obj: what moves
 * @other: who takes its place
 * @seed: what @obj holds
 * @dep: what the move waits for
 * @since: jobs before the move
 * @place: where in local memory @obj was, if it was there
 * @pages: mapping of the system pages that @obj had, if it had those
 */
struct mw_pending {
	struct drm_i915_private *i915;
	struct drm_i915_gem_object *obj;
	struct drm_i915_gem_object *other;
	u64 seed;
	struct mw_fence *dep;
	u64 since;
	u64 place;
	u64 *pages;
};

typedef struct mw_fence *(*mw_fence_fn)(void);

/* The move keeps the pages until it has ended. */
static int mw_pending_map_pages(struct mw_pending *p)
{
	struct ttm_tt *tt = i915_gem_to_ttm(p->obj)->ttm;

	i915_gem_object_lock(p->obj, NULL);
	p->pages = vmap(tt->pages, tt->num_pages, VM_MAP, PAGE_KERNEL);
	i915_gem_object_unlock(p->obj);
	return p->pages ? 0 : -ENOMEM;
}

/* All but the call that moves; @create makes what it waits for. */
static int mw_pending_prepare(struct mw_pending *p, mw_fence_fn create,
			      enum mw_engine engine, enum mw_direction dir)
{
	int ret;

	ret = mw_prepare(p->obj, dir != MW_IN, &p->seed) ?:
	      mw_set_engine(p->i915, engine);
	if (!ret && dir == MW_IN)
		ret = mw_pending_map_pages(p);
	if (ret)
		return ret;

	if (dir != MW_IN)
		p->place = mw_offset_in_lmem(p->obj);
	p->since = mw_tickets(p->i915);
	p->dep = create();
	return p->dep ? mw_add_fence(p->obj, &p->dep->base) : -ENOMEM;
}

/* The call that moves must return before what it waits for signals. */
static int mw_pending_go(struct mw_pending *p, enum mw_direction dir)
{
	return mw_go(p->obj, dir, false, &p->other) ?:
	       mw_expect_pending(p->obj, p->since);
}

static int mw_pending_start_behind(struct mw_pending *p, mw_fence_fn create,
				   enum mw_engine engine, enum mw_direction dir)
{
	return mw_pending_prepare(p, create, engine, dir) ?: mw_pending_go(p, dir);
}

static int mw_pending_start(struct mw_pending *p, enum mw_engine engine,
			    enum mw_direction dir)
{
	return mw_pending_start_behind(p, mw_fence_create, engine, dir);
}

static int mw_pending_init(struct mw_pending *p, struct drm_i915_private *i915, u64 bytes)
{
	*p = (struct mw_pending) { .i915 = i915 };
	p->obj = mw_create_piece(i915, bytes);
	return PTR_ERR_OR_ZERO(p->obj);
}

static int mw_pending_fini(struct mw_pending *p, int ret)
{
	mw_fence_put(p->dep);
	ret = mw_end(p->i915, ret);
	mw_put(p->other);
	mw_put(p->obj);
	vunmap(p->pages);
	return ret;
}

static int mw_pending_write_local(struct mw_pending *p)
{
	void __iomem *words;

	words = io_mapping_map_wc(&mw_lmem(p->i915)->iomap, p->place, p->obj->base.size);
	if (!words)
		return -ENOMEM;

	mw_fill((__force u64 *)words, p->obj->base.size, p->seed);
	wmb(); /* Written combined, before others are told. */
	io_mapping_unmap(words);
	return 0;
}

/* What users of the memory do until @dep signals is to be seen after the move. */
static int mw_pending_write(struct mw_pending *p)
{
	p->seed = ~p->seed;
	if (!p->pages)
		return mw_pending_write_local(p);
	mw_fill(p->pages, p->obj->base.size, p->seed);
	return 0;
}

static int mw_pending_once(struct drm_i915_private *i915, enum mw_engine engine,
			   enum mw_direction dir, int error)
{
	struct mw_pending p;
	int ret;

	ret = mw_pending_init(&p, i915, MW_BYTES) ?: mw_pending_start(&p, engine, dir) ?:
	      mw_pending_write(&p) ?: mw_fence_end(p.dep, error) ?:
	      mw_check_obj(p.obj, p.seed);
	if (ret)
		pr_err("engine %s, %s: %d\n", mw_engine_names[engine],
		       mw_direction_names[dir], ret);
	return mw_pending_fini(&p, ret);
}

static int mw_pending_all(struct drm_i915_private *i915, int error)
{
	enum mw_engine engine;
	enum mw_direction dir;
	int ret = 0;

	for (engine = 0; !ret && engine < MW_ENGINES; engine++)
		for (dir = 0; !ret && dir < MW_DIRECTIONS; dir++)
			ret = mw_pending_once(i915, engine, dir, error);
	return ret;
}

/* Nobody waits but who wants the bytes, whoever copies. */
static int mw_live_pending(void *arg)
{
	return mw_pending_all(arg, 0);
}

/* Bytes are kept when somebody who used them before has failed. */
static int mw_live_dependency_fails(void *arg)
{
	return mw_pending_all(arg, -EIO);
}

/* Nor are they lost where nobody but the blitter could bring them. */
static int mw_live_dependency_fails_banned(void *arg)
{
	enum mw_direction dir;
	int ret = 0;

	for (dir = 0; !ret && dir < MW_DIRECTIONS; dir++) {
		i915_ttm_migrate_set_ban_memcpy(true);
		ret = mw_pending_once(arg, MW_OK, dir, -EIO);
	}
	return ret;
}

/**
 * struct mw_failed - users of an object who have failed
 * @error: with what
 * @fences: theirs; TTM may put one of its own in the place of the first
 * @to: where the object moves
 */
struct mw_failed {
	int error;
	struct mw_fence *fences[2];
	enum intel_region_id to;
};

/*
 * All of it under one lock: with lockdep, whoever takes that anew drops fences that have
 * signalled.
 */
static int mw_failed_locked(struct drm_i915_gem_object *obj, u64 arg)
{
	struct mw_failed *f = u64_to_ptr(struct mw_failed, arg);
	unsigned int i;
	int ret;

	ret = dma_resv_reserve_fences(obj->base.resv, ARRAY_SIZE(f->fences) + 1);
	if (ret)
		return ret;

	for (i = 0; i < ARRAY_SIZE(f->fences); i++)
		dma_resv_add_fence(obj->base.resv, &f->fences[i]->base,
				   DMA_RESV_USAGE_READ);
	for (i = 0; !ret && i < ARRAY_SIZE(f->fences); i++)
		ret = mw_fence_end(f->fences[i], f->error);
	return ret ?: i915_gem_object_migrate(obj, NULL, f->to);
}

static int mw_failed_move(struct mw_failed *f, struct drm_i915_gem_object *obj, bool ban)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(f->fences); i++) {
		f->fences[i] = mw_stranger_create();
		if (!f->fences[i])
			ret = -ENOMEM;
	}
	i915_ttm_migrate_set_ban_memcpy(ban);
	/* For the list of subtests -EINTR is a success. */
	ret = ret ?: mw_expect("the call's result",
			       mw_locked(obj, mw_failed_locked, (uintptr_t)f), 0);
	i915_ttm_migrate_set_ban_memcpy(false);
	for (i = 0; i < ARRAY_SIZE(f->fences); i++)
		mw_fence_put(f->fences[i]);
	return ret;
}

static int mw_failed_before(struct drm_i915_private *i915, int error, bool ban, bool in)
{
	struct drm_i915_gem_object *obj = mw_create(i915, MW_BYTES);
	struct mw_failed f = { .error = error, .to = mw_place(in) };
	u64 seed;
	int ret;

	if (IS_ERR(obj))
		return PTR_ERR(obj);

	ret = mw_prepare(obj, !in, &seed) ?: mw_failed_move(&f, obj, ban) ?:
	      mw_expect_place(obj, in) ?: mw_check_obj(obj, seed) ?:
	      mw_expect("the unknown state", obj->mm.unknown_state, false) ?:
	      mw_expect("wedging", intel_gt_is_wedged(to_gt(i915)), false);
	if (ret)
		pr_err("error %d, CPU %s, %s: %d\n", error, ban ? "banned" : "allowed",
		       in ? "in" : "out", ret);
	i915_gem_object_put(obj);
	return mw_end(i915, ret);
}

/*
 * By reset, by its watchdog, innocently, and for want of patience: what somebody has left
 * behind is no error of the move's.
 */
static int mw_live_failed_before(void *arg)
{
	static const int errors[] = { -EIO, -EINTR, -EAGAIN, -ETIMEDOUT };
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(errors) * 4; i++)
		ret = mw_failed_before(arg, errors[i / 4], i & 1, i & 2);
	return ret;
}

/* Without memory for a job the call waits, and only then copies. */
static int mw_task_move_out(struct mw_task *task)
{
	return mw_migrate(task->obj, INTEL_REGION_SMEM);
}

static int mw_no_memory_run(struct mw_pending *p, struct mw_task *task,
			    enum mw_engine engine)
{
	int ret, err;

	i915_ttm_migrate_set_failure_modes(engine == MW_FAILS, true);
	ret = mw_task_start(task);
	if (ret)
		return ret;

	ret = mw_task_expect_blocked(task) ?: mw_pending_write(p);
	err = mw_fence_signal(p->dep);
	ret = ret ?: err;
	err = mw_task_join(task);
	i915_ttm_migrate_set_failure_modes(false, false);
	return err == -ETIME ? err : ret ?: err;
}

static int mw_no_memory(struct drm_i915_private *i915, enum mw_engine engine)
{
	struct mw_task *task = kzalloc(sizeof(*task), GFP_KERNEL);
	struct mw_pending p;
	int ret;

	if (!task)
		return -ENOMEM;

	ret = mw_pending_init(&p, i915, MW_BYTES) ?:
	      mw_pending_prepare(&p, mw_fence_create, engine, MW_OUT);
	if (!ret) {
		task->fn = mw_task_move_out;
		task->obj = i915_gem_object_get(p.obj);
		ret = mw_no_memory_run(&p, task, engine);
	}
	ret = ret ?: mw_check_obj(p.obj, p.seed);
	mw_task_free(task, ret);
	return mw_pending_fini(&p, ret);
}

static int mw_live_no_memory(void *arg)
{
	enum mw_engine engine;
	int ret = 0;

	for (engine = 0; !ret && engine < MW_ENGINES; engine++)
		ret = mw_no_memory(arg, engine);
	return ret;
}

/* Whoever still has @obj has its fences, and nobody but the test has them otherwise. */
static int mw_expect_freed(struct mw_pending *p)
{
	int ret = mw_flush(p->i915);

	i915_gem_drain_freed_objects(p->i915);
	if (!ret && wait_for(kref_read(&p->dep->base.refcount) == 1, 60000)) {
		pr_err("nobody uses the object any more, but it is not freed\n");
		ret = -EINVAL;
	}
	return ret;
}

/* An object that nobody has any more while it moves. */
static int mw_live_freed_once(struct drm_i915_private *i915, enum mw_engine engine,
			      enum mw_direction dir)
{
	struct mw_pending p;
	struct dma_fence *fence = NULL;
	int ret;

	ret = mw_pending_init(&p, i915, MW_BYTES) ?: mw_pending_start(&p, engine, dir);
	if (!ret && kref_read(&p.obj->base.refcount) < 2) {
		pr_err("the move does not hold the object\n");
		ret = -EINVAL;
	}
	if (!ret) {
		fence = mw_get_job_fence(p.obj, p.since);
		i915_gem_object_put(fetch_and_zero(&p.obj));
		mw_put(fetch_and_zero(&p.other));
		ret = mw_fence_signal(p.dep) ?: mw_wait(fence) ?: mw_expect_freed(&p);
	}
	dma_fence_put(fence);
	return mw_pending_fini(&p, ret);
}

static int mw_live_freed(void *arg)
{
	enum mw_engine engine;
	enum mw_direction dir;
	int ret = 0;

	for (engine = 0; !ret && engine < MW_ENGINES; engine++)
		for (dir = 0; !ret && dir < MW_DIRECTIONS; dir++)
			ret = mw_live_freed_once(arg, engine, dir);
	return ret;
}

/* Requests that fail */

#define MW_PARTS	4

/* The requests that the blitter has yet to do, oldest first. */
static unsigned int mw_requests(struct drm_i915_private *i915, struct i915_request **rqs,
				unsigned int max)
{
	struct intel_timeline *tl = to_gt(i915)->migrate.context->timeline;
	struct i915_request *rq;
	unsigned int n = 0;

	mutex_lock(&tl->mutex);
	list_for_each_entry(rq, &tl->requests, link)
		if (n < max && !i915_request_completed(rq))
			rqs[n++] = i915_request_get(rq);
	mutex_unlock(&tl->mutex);
	return n;
}

/*
 * What is not submitted yet and has an error is not done: just as if the engine had
 * failed there.
 */
static int mw_fail_part(struct drm_i915_private *i915, unsigned int part)
{
	struct i915_request *rqs[MW_PARTS];
	unsigned int n = mw_requests(i915, rqs, MW_PARTS), i;

	if (n == MW_PARTS)
		i915_request_set_error_once(rqs[part], -EIO);
	for (i = 0; i < n; i++)
		i915_request_put(rqs[i]);
	return mw_expect("the number of requests", n, MW_PARTS);
}

static int mw_part_fails(struct drm_i915_private *i915, enum mw_direction dir,
			 unsigned int part)
{
	struct mw_pending p;
	int ret;

	ret = mw_pending_init(&p, i915, MW_PARTS * SZ_8M) ?:
	      mw_pending_start(&p, MW_OK, dir) ?: mw_fail_part(i915, part) ?:
	      mw_fence_signal(p.dep) ?: mw_check_obj(p.obj, p.seed);
	if (ret)
		pr_err("%s, part %u fails: %d\n", mw_direction_names[dir], part, ret);
	return mw_pending_fini(&p, ret);
}

/* The first, the last or one in the middle: no part of a move may get lost. */
static int mw_live_part_fails(void *arg)
{
	enum mw_direction dir;
	unsigned int part;
	int ret = 0;

	for (dir = 0; !ret && dir < MW_DIRECTIONS; dir++)
		for (part = 0; !ret && part < MW_PARTS; part++)
			ret = mw_part_fails(arg, dir, part);
	return ret;
}

/* Dependencies on a request that runs */

/**
 * struct mw_spin - a spinner that does not outlive a test that is stuck
 * @spin: the spinner
 * @rq: its request: reference
 * @watchdog: ends it
 * @late: the watchdog did
 */
struct mw_spin {
	struct igt_spinner spin;
	struct i915_request *rq;
	struct delayed_work watchdog;
	bool late;
};

static void mw_spin_watchdog(struct work_struct *work)
{
	struct mw_spin *s = container_of(work, typeof(*s), watchdog.work);

	WRITE_ONCE(s->late, true);
	igt_spinner_end(&s->spin);
}

static int mw_spin_start(struct mw_spin *s, struct intel_engine_cs *engine)
{
	struct intel_context *ce = intel_context_create(engine);
	struct i915_request *rq;

	if (IS_ERR(ce))
		return PTR_ERR(ce);

	rq = igt_spinner_create_request(&s->spin, ce, MI_ARB_CHECK);
	intel_context_put(ce);
	if (IS_ERR(rq))
		return PTR_ERR(rq);

	s->rq = i915_request_get(rq);
	i915_request_add(rq);
	schedule_delayed_work(&s->watchdog, MW_WATCHDOG);
	return 0;
}

static int mw_spin_end(struct mw_spin *s)
{
	cancel_delayed_work_sync(&s->watchdog);
	if (s->late || i915_request_completed(s->rq)) {
		pr_err("a call waited for the request that held the move back\n");
		return -ETIME;
	}
	igt_spinner_end(&s->spin);
	return 0;
}

static void mw_spin_fini(struct mw_spin *s)
{
	cancel_delayed_work_sync(&s->watchdog);
	igt_spinner_fini(&s->spin);
	if (s->rq)
		i915_request_put(s->rq);
}

/* Out and in again, all of it behind the spinner. */
static int mw_spin_move(struct mw_spin *s, struct drm_i915_gem_object *obj, bool fails)
{
	unsigned int i;
	u64 seed, since;
	int ret;

	ret = mw_prepare(obj, true, &seed) ?: mw_add_fence(obj, &s->rq->fence);
	i915_ttm_migrate_set_failure_modes(fails, false);
	for (i = 0; !ret && i < 4; i++) {
		since = mw_tickets(to_i915(obj->base.dev));
		ret = mw_migrate(obj, mw_place(i % 2)) ?: mw_expect_pending(obj, since);
	}
	i915_ttm_migrate_set_failure_modes(false, false);
	ret = ret ?: mw_spin_end(s);
	return ret ?: mw_check_obj(obj, seed);
}

static int mw_spin_engine(struct intel_engine_cs *engine, bool fails)
{
	struct mw_spin s = { };
	struct drm_i915_gem_object *obj;
	int ret;

	INIT_DELAYED_WORK_ONSTACK(&s.watchdog, mw_spin_watchdog);
	ret = igt_spinner_init(&s.spin, engine->gt);
	if (ret)
		goto out;

	obj = mw_create(engine->i915, MW_BYTES);
	ret = PTR_ERR_OR_ZERO(obj) ?: mw_spin_start(&s, engine) ?:
	      mw_spin_move(&s, obj, fails);
	mw_spin_fini(&s);
	mw_put(obj);
out:
	destroy_delayed_work_on_stack(&s.watchdog);
	return mw_end(engine->i915, ret);
}

static int mw_live_spinner(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct intel_engine_cs *engine;
	enum intel_engine_id id;
	int ret;

	for_each_engine(engine, to_gt(i915), id) {
		if (!intel_engine_can_store_dword(engine))
			continue;
		ret = mw_spin_engine(engine, false) ?: mw_spin_engine(engine, true);
		if (ret) {
			pr_err("%s: %d\n", engine->name, ret);
			return ret;
		}
	}
	return 0;
}

/* Strangers */

/* A stranger's fence may never signal: the move goes on all the same. */
static int mw_stranger_run(struct mw_pending *p, enum mw_engine engine)
{
	struct dma_fence *fence;
	int ret;

	ret = mw_pending_start_behind(p, mw_stranger_create, engine, MW_EVICT);
	if (ret)
		return ret;

	fence = mw_get_job_fence(p->obj, p->since);
	ret = mw_wait(fence);
	dma_fence_put(fence);
	return ret ?: mw_fence_signal(p->dep) ?: mw_check_obj(p->obj, p->seed);
}

static int mw_stranger_once(struct drm_i915_private *i915, enum mw_engine engine, bool ban)
{
	struct mw_pending p;
	int ret;

	i915_ttm_migrate_set_ban_memcpy(ban);
	ret = mw_pending_init(&p, i915, MW_BYTES) ?: mw_stranger_run(&p, engine);
	if (ret)
		pr_err("engine %s, CPU %s: %d\n", mw_engine_names[engine],
		       ban ? "banned" : "allowed", ret);
	return mw_pending_fini(&p, ret);
}

static bool mw_trusts_strangers(struct drm_i915_private *i915)
{
	if (i915_fence_timeout(i915))
		return false;
	pr_info("i915 waits for strangers as long as they please, skipping\n");
	return true;
}

static int mw_live_stranger(void *arg)
{
	if (mw_trusts_strangers(arg))
		return 0;
	return mw_stranger_once(arg, MW_OK, false) ?: mw_stranger_once(arg, MW_OK, true) ?:
	       mw_stranger_once(arg, MW_DEAD, false);
}

/* Who has to wait for a stranger himself gives up, and may come back. */

static int mw_stranger_no_memory(struct drm_i915_private *i915)
{
	struct mw_pending p;
	int ret;

	ret = mw_pending_init(&p, i915, MW_BYTES) ?:
	      mw_pending_prepare(&p, mw_stranger_create, MW_OK, MW_OUT);
	i915_ttm_migrate_set_failure_modes(false, true);
	ret = ret ?: mw_expect("the call's result",
			       mw_migrate(p.obj, INTEL_REGION_SMEM), -EAGAIN);
	i915_ttm_migrate_set_failure_modes(false, false);
	ret = ret ?: mw_fence_signal(p.dep) ?: mw_expect_place(p.obj, true) ?:
	      mw_check_obj(p.obj, p.seed);
	return mw_pending_fini(&p, ret);
}

/* An object that nobody is going to clear: there is nothing to move. */
static int mw_stranger_no_bytes(struct drm_i915_private *i915)
{
	struct drm_i915_gem_object *obj = i915_gem_object_create_lmem(i915, MW_BYTES, 0);
	struct mw_fence *dep;
	int ret;

	if (IS_ERR(obj))
		return PTR_ERR(obj);

	dep = mw_stranger_create();
	ret = dep ? mw_add_fence(obj, &dep->base) : -ENOMEM;
	ret = ret ?: mw_expect("the call's result",
			       i915_gem_object_pin_pages_unlocked(obj), -EAGAIN) ?:
	      mw_fence_signal(dep) ?: i915_gem_object_pin_pages_unlocked(obj);
	if (!ret)
		i915_gem_object_unpin_pages(obj);
	mw_fence_put(dep);
	i915_gem_object_put(obj);
	return mw_end(i915, ret);
}

static int mw_live_stranger_in_call(void *arg)
{
	if (mw_trusts_strangers(arg))
		return 0;
	return mw_stranger_no_memory(arg) ?: mw_stranger_no_bytes(arg);
}

/* In jiffies: longer than i915's patience with the fences of strangers. */
#define MW_PATIENCE	(msecs_to_jiffies(CONFIG_DRM_I915_FENCE_TIMEOUT) + 2 * HZ)

static struct dma_fence *mw_arm_behind(struct drm_i915_private *i915, struct mw_fence *dep)
{
	struct ttm_move_job *job = ttm_move_job_create(mw_mdev(i915), NULL);

	if (!job)
		return NULL;
	if (ttm_move_job_add_dependency(job, &dep->base)) {
		ttm_move_job_drop(job);
		return NULL;
	}
	return ttm_move_job_arm(job);
}

static struct i915_request *mw_request_behind(struct intel_engine_cs *engine,
					      struct dma_fence *fence)
{
	struct intel_context *ce = intel_context_create(engine);
	struct i915_request *rq;
	int ret;

	if (IS_ERR(ce))
		return ERR_CAST(ce);

	rq = intel_context_create_request(ce);
	intel_context_put(ce);
	if (IS_ERR(rq))
		return rq;

	ret = i915_request_await_dma_fence(rq, fence);
	i915_request_get(rq);
	i915_request_add(rq);
	if (ret) {
		i915_request_put(rq);
		return ERR_PTR(ret);
	}
	return rq;
}

static int mw_expect_patience(struct i915_request *rq, struct mw_fence *dep)
{
	int ret;

	ret = mw_expect("the wait for a request that must not run",
			i915_request_wait(rq, 0, MW_PATIENCE), -ETIME);
	ret = mw_fence_signal(dep) ?: ret;
	if (ret)
		return ret;
	if (i915_request_wait(rq, 0, MW_TIMEOUT) < 0) {
		pr_err("the request does not run after the move\n");
		return -ETIME;
	}
	return mw_expect("the request's error", rq->fence.error, 0);
}

/*
 * However long a move takes: who overtakes it writes where it still reads. It has to let
 * time pass; on a slow machine it can only fail to notice.
 */
static int mw_live_no_overtaking(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct mw_fence *dep = mw_fence_create();
	struct dma_fence *fence;
	struct i915_request *rq;
	int ret;

	if (!dep)
		return -ENOMEM;

	fence = mw_arm_behind(i915, dep);
	if (!fence) {
		mw_fence_put(dep);
		return -ENOMEM;
	}
	rq = mw_request_behind(to_gt(i915)->engine[BCS0], fence);
	ret = PTR_ERR_OR_ZERO(rq) ?: mw_expect_patience(rq, dep);
	if (!IS_ERR(rq))
		i915_request_put(rq);
	mw_fence_put(dep);
	dma_fence_put(fence);
	return mw_end(i915, ret);
}
