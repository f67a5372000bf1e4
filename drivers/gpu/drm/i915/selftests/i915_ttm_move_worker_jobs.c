// SPDX-License-Identifier: MIT
/*
 * Selftests of the move worker on the mock device: the order of its jobs, what a job
 * holds, and what it does when bytes are lost.
 */

/* The order of fences */

#define MW_JOBS	8

/**
 * struct mw_queue - jobs of one region's evictions, each with a fence to wait for
 * @i915: the device
 * @deps: what the jobs wait for
 * @fences: of the jobs, in the order of arming
 */
struct mw_queue {
	struct drm_i915_private *i915;
	struct mw_fence *deps[MW_JOBS];
	struct dma_fence *fences[MW_JOBS];
};

static int mw_queue_push(struct mw_queue *q, unsigned int i)
{
	struct ttm_move_device *mdev = mw_mdev(q->i915);
	struct ttm_move_job *job;

	q->deps[i] = mw_fence_create();
	if (!q->deps[i])
		return -ENOMEM;

	job = ttm_move_job_create(mdev, mdev->evictions[I915_PL_LMEM0]);
	if (!job)
		return -ENOMEM;

	if (ttm_move_job_add_dependency(job, &q->deps[i]->base)) {
		ttm_move_job_drop(job);
		return -ENOMEM;
	}
	q->fences[i] = ttm_move_job_arm(job);
	return 0;
}

static int mw_queue_fill(struct mw_queue *q)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < MW_JOBS; i++)
		ret = mw_queue_push(q, i);
	return ret;
}

static void mw_queue_drain(struct mw_queue *q)
{
	unsigned int i;

	for (i = 0; i < MW_JOBS; i++)
		mw_fence_put(q->deps[i]);
	for (i = 0; i < MW_JOBS; i++)
		dma_fence_put(q->fences[i]);
	mw_flush(q->i915);
}

/* All fences up to the first whose dependency is missing, and none behind it. */
static int mw_queue_check(struct mw_queue *q, unsigned long met)
{
	unsigned int ready = find_first_zero_bit(&met, MW_JOBS), i;

	mw_settle(q->i915);
	for (i = 0; i < MW_JOBS; i++) {
		bool expected = i < ready;

		if (q->fences[i]->context != q->fences[0]->context ||
		    q->fences[i]->seqno != q->fences[0]->seqno + i)
			return -EINVAL;
		if (dma_fence_is_signaled(q->fences[i]) == expected)
			continue;
		pr_err("job %u has %ssignalled, met %lx\n", i, expected ? "not " : "",
		       met);
		return -EINVAL;
	}
	return 0;
}

static int mw_queue_run(struct mw_queue *q, const unsigned int *order)
{
	unsigned long met = 0;
	unsigned int i;
	int ret;

	ret = mw_queue_check(q, met);
	for (i = 0; !ret && i < MW_JOBS; i++) {
		met |= BIT(order[i]);
		ret = mw_fence_signal(q->deps[order[i]]) ?: mw_queue_check(q, met);
	}
	return ret;
}

static int mw_mock_order(void *arg)
{
	struct rnd_state prng = I915_RND_STATE_INITIALIZER(i915_selftest.random_seed);
	struct mw_queue q = { .i915 = arg };
	unsigned int *order;
	unsigned int round;
	int ret = 0;

	order = i915_random_order(MW_JOBS, &prng);
	if (!order)
		return -ENOMEM;

	for (round = 0; !ret && round < 8; round++) {
		i915_random_reorder(order, MW_JOBS, &prng);
		ret = mw_queue_fill(&q) ?: mw_queue_run(&q, order);
		mw_queue_drain(&q);
		q = (struct mw_queue) { .i915 = arg };
	}
	kfree(order);
	return ret;
}

/* Guards: somebody else's copy in parts */

#define MW_GUARDS	3

/**
 * struct mw_guarded - a job that guards a copy in several parts
 * @i915: the device
 * @tt: what the job clears
 * @parts: the copy's
 * @fence: the job's
 */
struct mw_guarded {
	struct drm_i915_private *i915;
	struct ttm_tt tt;
	struct mw_fence *parts[MW_GUARDS];
	struct dma_fence *fence;
};

static void mw_guarded_fini(struct mw_guarded *g)
{
	unsigned int i;

	for (i = 0; i < MW_GUARDS; i++)
		mw_fence_put(g->parts[i]);
	dma_fence_put(g->fence);
	mw_flush(g->i915);
	mw_pages_free(&g->tt);
}

static int mw_guarded_init(struct mw_guarded *g, struct drm_i915_private *i915)
{
	unsigned int i;
	int ret;

	*g = (struct mw_guarded) { .i915 = i915 };
	ret = mw_pages_alloc(&g->tt, SZ_64K);
	for (i = 0; !ret && i < MW_GUARDS; i++) {
		g->parts[i] = mw_fence_create();
		if (!g->parts[i])
			ret = -ENOMEM;
	}
	for (i = 0; !ret && i < g->tt.num_pages; i++)
		memset(page_address(g->tt.pages[i]), POISON_INUSE, PAGE_SIZE);
	return ret;
}

/* Part @early ends before the job knows of it. */
static int mw_guarded_arm(struct mw_guarded *g, int early, int error)
{
	struct ttm_move_job *job = ttm_move_job_create(mw_mdev(g->i915), NULL);
	struct ttm_move_mem mem;
	unsigned int i;
	int ret;

	if (!job)
		return -ENOMEM;

	ttm_move_mem_init_tt(&mem, &g->tt, PAGE_KERNEL);
	ret = ttm_move_job_set_clear(job, &mem, SZ_64K);
	if (!ret && early >= 0)
		ret = mw_fence_end(g->parts[early], error);
	for (i = 0; !ret && i < MW_GUARDS; i++)
		ret = ttm_move_job_add_guard(job, &g->parts[i]->base);
	if (ret) {
		ttm_move_job_drop(job);
		return ret;
	}
	g->fence = ttm_move_job_arm(job);
	return 0;
}

static int mw_guarded_check(struct mw_guarded *g, u8 byte)
{
	unsigned int i;

	for (i = 0; i < g->tt.num_pages; i++)
		if (memchr_inv(page_address(g->tt.pages[i]), byte, PAGE_SIZE)) {
			pr_err("page %u is not all %x\n", i, byte);
			return -EINVAL;
		}
	return 0;
}

/* Of the parts, @bad ends with @error; -1: none does. Then the job clears, or not. */
static int mw_guarded_run(struct mw_guarded *g, int early, int bad, int error, bool clears)
{
	int i, ret;

	ret = mw_guarded_arm(g, early, early == bad ? error : 0);
	for (i = MW_GUARDS; !ret && i--;) {
		if (i == early)
			continue;
		mw_settle(g->i915);
		if (dma_fence_is_signaled(g->fence))
			ret = -EINVAL;
		ret = ret ?: mw_guarded_check(g, POISON_INUSE) ?:
		      mw_fence_end(g->parts[i], i == bad ? error : 0);
	}
	/* Whatever became of the parts, the bytes are right in the end. */
	return ret ?: mw_wait(g->fence) ?: mw_expect("the job's error", g->fence->error, 0) ?:
	       mw_guarded_check(g, bad >= 0 && clears ? 0 : POISON_INUSE);
}

static int mw_guards_with(struct drm_i915_private *i915, int error, bool clears)
{
	struct mw_guarded g;
	int early, bad, ret = 0;

	for (early = -1; !ret && early < MW_GUARDS; early++) {
		for (bad = -1; !ret && bad < MW_GUARDS; bad++) {
			ret = mw_guarded_init(&g, i915) ?:
			      mw_guarded_run(&g, early, bad, error, clears);
			if (ret)
				pr_err("early %d, bad %d with %d: %d\n", early, bad, error,
				       ret);
			mw_guarded_fini(&g);
		}
	}
	return ret;
}

/* After -EAGAIN the request was run again; after -ETIMEDOUT, perhaps too early. */
static int mw_mock_guards(void *arg)
{
	return mw_guards_with(arg, -EIO, true) ?: mw_guards_with(arg, -EAGAIN, false) ?:
	       mw_guards_with(arg, -ETIMEDOUT, true);
}

/* What a job holds, and what it does when bytes are lost */

/**
 * struct mw_counts - references and wakerefs
 * @obj: to the object
 * @src: to the pages that are read
 * @dst: to the pages that are written
 * @awake: of the device's runtime power management
 */
struct mw_counts {
	unsigned int obj;
	unsigned int src;
	unsigned int dst;
	int awake;
};

/**
 * struct mw_held - a move of an object between two places of a mock region
 * @r: the region
 * @obj: the object
 * @to: the place that it moves to is this one's
 * @guard: of the blitter, if there were one
 * @move: the move
 * @job: its job, until armed
 * @fence: its fence, once armed
 * @cb: looks when the fence signals
 * @before: counts without the job
 * @at_signal: counts when the fence signals
 */
struct mw_held {
	struct mw_region r;
	struct drm_i915_gem_object *obj;
	struct drm_i915_gem_object *to;
	struct mw_fence *guard;
	struct i915_ttm_move move;
	struct ttm_move_job *job;
	struct dma_fence *fence;
	struct dma_fence_cb cb;
	struct mw_counts before;
	struct mw_counts at_signal;
};

static void mw_held_count(struct mw_held *h, struct mw_counts *counts)
{
	struct drm_i915_private *i915 = h->r.mr->i915;

	counts->obj = kref_read(&h->obj->base.refcount);
	counts->src = kref_read(&h->obj->mm.rsgt->kref);
	counts->dst = kref_read(&h->to->mm.rsgt->kref);
	counts->awake = atomic_read(&i915->runtime_pm.wakeref_count);
}

/* Objects of mock regions are none of TTM's: pretend that this one is. */
static void mw_held_pretend(struct drm_i915_gem_object *obj)
{
	obj->mm.res->mem_type = I915_PL_LMEM0;
	i915_gem_to_ttm(obj)->resource = obj->mm.res;
	obj->ttm.cached_io_rsgt = i915_refct_sgt_get(obj->mm.rsgt);
}

static void mw_held_pretend_no_more(struct drm_i915_gem_object *obj)
{
	i915_refct_sgt_put(fetch_and_zero(&obj->ttm.cached_io_rsgt));
	i915_gem_to_ttm(obj)->resource = NULL;
}

static void mw_held_fini(struct mw_held *h)
{
	ttm_move_job_drop(h->job);
	mw_fence_put(h->guard);
	if (!IS_ERR(h->r.mr))
		mw_flush(h->r.mr->i915);
	dma_fence_put(h->fence);
	if (h->obj && h->obj->ttm.cached_io_rsgt)
		mw_held_pretend_no_more(h->obj);
	mw_region_fini(&h->r);
}

static int mw_held_alloc(struct mw_held *h)
{
	struct drm_i915_gem_object *obj = mw_region_alloc(&h->r, SZ_64K, 0);
	struct drm_i915_gem_object *to = mw_region_alloc(&h->r, SZ_64K, 0);

	if (IS_ERR(obj) || IS_ERR(to))
		return -ENOMEM;

	h->obj = obj;
	h->to = to;
	mw_held_pretend(obj);
	h->guard = mw_fence_create();
	return h->guard ? 0 : -ENOMEM;
}

/* Nobody but the blitter may touch these bytes. */
static int mw_held_job(struct mw_held *h)
{
	h->move = (struct i915_ttm_move) {
		.worker = h->r.mr->i915->ttm_move_worker,
		.src = i915_gem_to_ttm(h->obj),
		.dst = i915_gem_to_ttm(h->obj),
		.dst_mem = h->to->mm.res,
		.dst_rsgt = h->to->mm.rsgt,
	};
	i915_gem_object_lock(h->obj, NULL);
	h->job = i915_ttm_move_job_create(&h->move, NULL);
	i915_gem_object_unlock(h->obj);
	if (!h->job)
		return -ENOMEM;
	return ttm_move_job_add_guard(h->job, &h->guard->base);
}

static int mw_held_init(struct mw_held *h, struct drm_i915_private *i915)
{
	int ret;

	memset(h, 0, sizeof(*h));
	ret = mw_region_init(&h->r, i915) ?: mw_held_alloc(h);
	if (ret)
		return ret;
	mw_held_count(h, &h->before);
	return mw_held_job(h);
}

static int mw_held_expect(const struct mw_held *h, const struct mw_counts *now,
			  unsigned int held, const char *when)
{
	bool awake = now->awake > h->before.awake;

	if (now->obj == h->before.obj + held && now->src == h->before.src + held &&
	    now->dst == h->before.dst + held && awake == held)
		return 0;

	pr_err("%s: %u %u %u %d references, before the move %u %u %u %d\n", when,
	       now->obj, now->src, now->dst, now->awake, h->before.obj, h->before.src,
	       h->before.dst, h->before.awake);
	return -EINVAL;
}

static int mw_held_expect_now(struct mw_held *h, unsigned int held, const char *when)
{
	struct mw_counts now;

	mw_held_count(h, &now);
	return mw_held_expect(h, &now, held, when);
}

static void mw_held_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct mw_held *h = container_of(cb, typeof(*h), cb);

	mw_held_count(h, &h->at_signal);
}

static int mw_held_arm(struct mw_held *h)
{
	h->fence = ttm_move_job_arm(fetch_and_zero(&h->job));
	return dma_fence_add_callback(h->fence, &h->cb, mw_held_signalled);
}

static int mw_held_retire(struct mw_held *h, int error)
{
	return mw_fence_end(h->guard, error) ?: mw_wait(h->fence) ?:
	       mw_flush(h->r.mr->i915);
}

static int mw_held_expect_kept(struct mw_held *h)
{
	struct drm_i915_private *i915 = h->r.mr->i915;

	flush_work(&i915->ttm_move_worker->wedge);
	return mw_expect("the fence's error", h->fence->error, 0) ?:
	       mw_expect("the unknown state", h->obj->mm.unknown_state, false) ?:
	       mw_expect("wedging", intel_gt_is_wedged(to_gt(i915)), false);
}

/* Until the job has retired, and no longer. */
static int mw_mock_hold(void *arg)
{
	struct mw_held h;
	int ret;

	ret = mw_held_init(&h, arg) ?:
	      mw_held_expect_now(&h, 1, "prepared") ?: mw_held_arm(&h);
	if (!ret) {
		mw_settle(arg);
		ret = mw_held_expect_now(&h, 1, "armed") ?: mw_held_retire(&h, 0) ?:
		      mw_held_expect(&h, &h.at_signal, 1, "signalling") ?:
		      mw_held_expect_now(&h, 0, "retired");
	}
	ret = ret ?: mw_held_expect_kept(&h);
	mw_held_fini(&h);
	return ret;
}

/* With these errors the blitter has written its bytes, and nobody else could. */
static int mw_mock_forgiven(void *arg)
{
	static const int errors[] = { -EAGAIN, -ETIMEDOUT };
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(errors); i++) {
		struct mw_held h;

		ret = mw_held_init(&h, arg) ?: mw_held_arm(&h) ?:
		      mw_held_retire(&h, errors[i]) ?: mw_held_expect_kept(&h);
		if (ret)
			pr_err("error %d: %d\n", errors[i], ret);
		mw_held_fini(&h);
	}
	return ret;
}

static int mw_mock_hold_dropped(void *arg)
{
	struct mw_held h;
	int ret;

	ret = mw_held_init(&h, arg);
	if (!ret) {
		ttm_move_job_drop(fetch_and_zero(&h.job));
		ret = mw_held_expect_now(&h, 0, "dropped");
	}
	mw_held_fini(&h);
	return ret;
}

/**
 * struct mw_gate - keeps the work behind it in a queue until a task waits for that
 * @work: the gate
 * @task: the task
 * @listen: from now on @task sleeps only where it waits for the work
 * @open: @task does not wait, and will not
 */
struct mw_gate {
	struct work_struct work;
	struct task_struct *task;
	bool listen;
	bool open;
};

static bool mw_gate_is_open(struct mw_gate *gate)
{
	return READ_ONCE(gate->open) ||
	       (READ_ONCE(gate->listen) &&
		READ_ONCE(gate->task->__state) & TASK_UNINTERRUPTIBLE);
}

static void mw_gate_work(struct work_struct *work)
{
	struct mw_gate *gate = container_of(work, typeof(*gate), work);

	wait_for(mw_gate_is_open(gate), 60000);
}

static int mw_held_check_lost(struct mw_held *h)
{
	if (h->fence->error != -EIO) {
		pr_err("the fence's error is %d\n", h->fence->error);
		return -EINVAL;
	}
	if (!i915_ttm_move_worker_is_lost(h->obj)) {
		pr_err("nobody knows that the object is lost\n");
		return -EINVAL;
	}
	if (!intel_gt_is_wedged(to_gt(h->r.mr->i915))) {
		pr_err("told of the loss before the device is wedged\n");
		return -EINVAL;
	}
	return 0;
}

/* Whoever is told of the loss finds the device wedged, however late that comes. */
static int mw_held_lose(struct mw_held *h, struct mw_gate *gate)
{
	int ret = mw_held_arm(h) ?: mw_held_retire(h, -EIO);

	WRITE_ONCE(gate->listen, true);
	ret = ret ?: mw_held_check_lost(h);
	WRITE_ONCE(gate->open, true);
	return ret ?: mw_held_expect_now(h, 0, "lost");
}

static int mw_held_lose_behind_gate(struct mw_held *h)
{
	struct drm_i915_private *i915 = h->r.mr->i915;
	struct mw_gate gate = { .task = current };
	struct workqueue_struct *queue;
	int ret;

	queue = alloc_ordered_workqueue("ttm_move_selftest", 0);
	if (!queue)
		return -ENOMEM;

	INIT_WORK_ONSTACK(&gate.work, mw_gate_work);
	swap(queue, i915->unordered_wq);
	queue_work(i915->unordered_wq, &gate.work);
	ret = mw_held_lose(h, &gate);
	swap(queue, i915->unordered_wq);
	destroy_workqueue(queue);
	destroy_work_on_stack(&gate.work);
	return ret;
}

/* On a device of its own, which is wedged afterwards. */
static int mw_mock_lost(void *arg)
{
	struct drm_i915_private *i915 = mock_gem_device();
	struct mw_held h;
	int ret;

	if (!i915)
		return -ENOMEM;

	ret = mw_held_init(&h, i915);
	if (!ret && i915_ttm_move_worker_is_lost(h.obj))
		ret = -EINVAL;
	ret = ret ?: mw_held_lose_behind_gate(&h);
	mw_held_fini(&h);
	mock_destroy_device(i915);
	return ret;
}

/* Whose fence it is */

/* Behind nothing: it fails at once. Nobody else is to come upon @hold. */
static struct dma_fence *mw_arm_refusing(struct ttm_move_device *mdev,
					 struct i915_ttm_move_hold *hold)
{
	struct ttm_move_job *job = ttm_move_job_create(mdev, NULL);

	if (!job)
		return NULL;
	job->priv = hold;
	ttm_move_job_set_refuse(job, SZ_4K);
	return ttm_move_job_arm(job);
}

/**
 * struct mw_whose - fences of the device's own worker, and of another driver's
 * @i915: the device
 * @worker: that of another driver
 * @hold: nothing, for the device's own job
 * @own: of a job of the device's own, has failed
 * @other: of a job of @worker, likewise
 */
struct mw_whose {
	struct drm_i915_private *i915;
	struct ttm_move_device worker;
	struct i915_ttm_move_hold hold;
	struct dma_fence *own;
	struct dma_fence *other;
};

static void mw_whose_fini(struct mw_whose *w)
{
	dma_fence_put(w->own);
	dma_fence_put(w->other);
	mw_flush(w->i915);
	if (w->worker.bdev)
		ttm_move_device_fini(&w->worker);
}

static int mw_whose_init(struct mw_whose *w, struct drm_i915_private *i915)
{
	int ret;

	w->i915 = i915;
	ret = ttm_move_device_init(&w->worker, &i915->bdev, "selftest", NULL, NULL);
	if (ret) {
		w->worker.bdev = NULL;
		return ret;
	}
	w->own = mw_arm_refusing(mw_mdev(i915), &w->hold);
	w->other = mw_arm_refusing(&w->worker, NULL);
	if (!w->own || !w->other)
		return -ENOMEM;
	return mw_wait(w->own) ?: mw_wait(w->other) ?:
	       mw_expect("the own job's error", w->own->error, -EIO) ?:
	       mw_expect("the other job's error", w->other->error, -EIO);
}

/* Another driver's worker deserves no more trust than that driver. */
static int mw_whose_check(const struct mw_whose *w)
{
	return mw_expect("patience with an own job",
			 i915_ttm_move_worker_fence_timeout(w->i915, w->own), 0) ?:
	       mw_expect("patience with another driver's job",
			 i915_ttm_move_worker_fence_timeout(w->i915, w->other),
			 i915_fence_timeout(w->i915)) ?:
	       mw_expect("the error of an own job",
			 i915_ttm_move_worker_fence_error(w->own), 0) ?:
	       mw_expect("the error of another driver's job",
			 i915_ttm_move_worker_fence_error(w->other), -EIO);
}

/* On a device of its own, which is wedged afterwards. */
static int mw_on_own_device(int (*fn)(const struct mw_whose *w))
{
	struct drm_i915_private *i915 = mock_gem_device();
	struct mw_whose *w = kzalloc(sizeof(*w), GFP_KERNEL);
	int ret = -ENOMEM;

	if (i915 && w) {
		ret = mw_whose_init(w, i915) ?: fn(w);
		mw_whose_fini(w);
	}
	kfree(w);
	if (i915)
		mock_destroy_device(i915);
	return ret;
}

static int mw_mock_whose(void *arg)
{
	return mw_on_own_device(mw_whose_check);
}

/* Of both fences; NULL for want of memory. */
static struct dma_fence *mw_array_create(struct dma_fence *a, struct dma_fence *b)
{
	struct dma_fence **fences = kmalloc_array(2, sizeof(*fences), GFP_KERNEL);
	struct dma_fence_array *array;

	if (!fences)
		return NULL;

	fences[0] = dma_fence_get(a);
	fences[1] = dma_fence_get(b);
	array = dma_fence_array_create(2, fences, dma_fence_context_alloc(1), 1, false);
	if (array)
		return &array->base;
	dma_fence_put(a);
	dma_fence_put(b);
	kfree(fences);
	return NULL;
}

static int mw_expect_error_of_both(struct dma_fence *a, struct dma_fence *b, int error)
{
	struct dma_fence *array = mw_array_create(a, b);
	int ret;

	if (!array)
		return -ENOMEM;
	ret = mw_wait(array) ?: mw_expect("the array's error", array->error, -EIO) ?:
	      mw_expect("the array's error, for others",
			i915_ttm_move_worker_fence_error(array), error);
	dma_fence_put(array);
	return ret;
}

/* As an object's fences come to the binding of the object. */
static int mw_whose_check_arrays(const struct mw_whose *w)
{
	struct dma_fence *good = dma_fence_get_stub();
	int ret;

	ret = mw_expect_error_of_both(w->own, good, 0) ?:
	      mw_expect_error_of_both(good, w->own, 0) ?:
	      mw_expect_error_of_both(w->own, w->other, -EIO) ?:
	      mw_expect_error_of_both(w->other, good, -EIO);
	dma_fence_put(good);
	return ret;
}

static int mw_mock_whose_arrays(void *arg)
{
	return mw_on_own_device(mw_whose_check_arrays);
}
