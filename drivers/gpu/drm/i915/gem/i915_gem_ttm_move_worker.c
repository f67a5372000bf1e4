// SPDX-License-Identifier: MIT
/*
 * i915's moves that do not block their caller, whoever copies.
 *
 * Where the blitter can copy it does, and a job of the move worker guards all of its
 * requests: should one of them fail, the CPU copies. Where the blitter cannot, a job
 * copies from the beginning. Whatever frees local memory signals in the order of that
 * region's evictions, no matter who copies: TTM keeps one fence for all of them.
 *
 * Some bytes the CPU may not touch: compressed ones, and those outside of a small BAR.
 * If the blitter fails on these, the object is unusable from before the fence signals,
 * the fence carries an error, and the device is declared wedged. That takes a mutex
 * under which others wait for fences, so that the fence must not wait for it; see
 * i915_ttm_move_worker_is_lost().
 */
#include <linux/dma-fence-array.h>
#include <linux/wait_bit.h>

#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_move.h>
#include <drm/ttm/ttm_tt.h>

#include "gt/intel_gt.h"
#include "i915_deps.h"
#include "i915_config.h"
#include "i915_drv.h"
#include "i915_memcpy.h"
#include "i915_request.h"
#include "i915_scatterlist.h"
#include "i915_sw_fence.h"
#include "intel_memory_region.h"
#include "intel_region_ttm.h"
#include "intel_runtime_pm.h"

#include "gem/i915_gem_object.h"
#include "gem/i915_gem_ttm.h"
#include "gem/i915_gem_ttm_move.h"
#include "gem/i915_gem_ttm_move_worker.h"

/*
 * How long suspend and unbind wait: longer than a move does for others, who may be asleep
 * or gone.
 */
#define I915_TTM_MOVE_IDLE_TIMEOUT	(20 * HZ)

/**
 * struct i915_ttm_move_worker - the move worker of a device
 * @i915: the device
 * @mdev: TTM's side
 * @wedge: declares the device wedged
 * @idle_timeout: how long suspend and unbind wait, in jiffies
 * @proxies: number of &struct i915_ttm_move_proxy
 */
struct i915_ttm_move_worker {
	struct drm_i915_private *i915;
	struct ttm_move_device mdev;
	struct work_struct wedge;
	long idle_timeout;
	atomic_t proxies;
};

/**
 * struct i915_ttm_move_proxy - the fence of a stranger, as far as a move waits for it
 * @base: signals when that has, or when i915's patience ends; comes first, since the
 *	memory is freed by its address
 * @lock: the fence's
 * @chain: waits for the stranger's fence
 * @worker: counts this one
 */
struct i915_ttm_move_proxy {
	struct dma_fence base;
	spinlock_t lock; /* the fence's */
	struct i915_sw_fence chain;
	struct i915_ttm_move_worker *worker;
};

/**
 * struct i915_ttm_move - a move while its caller prepares it
 * @worker: the device's
 * @src: object whose bytes are read, held by the caller
 * @dst: object whose bytes are written, held by the caller; of an ordinary move the
 *	same as @src
 * @dst_mem: where they are written; of an ordinary move not yet @dst's resource
 * @dst_rsgt: the pages of @dst_mem, or NULL if that is system memory
 * @ctx: how to wait, where waiting cannot be helped
 * @evict: frees the source's resource at once, on its region's timeline
 * @clear: there are no bytes to read: write zeroes
 * @memcpy: the CPU may touch the bytes
 * @accel: the blitter may be used
 * @job: guards the blitter's requests; NULL for want of memory
 * @error: without @job, of the blitter's requests
 */
struct i915_ttm_move {
	struct i915_ttm_move_worker *worker;
	struct ttm_buffer_object *src;
	struct ttm_buffer_object *dst;
	struct ttm_resource *dst_mem;
	struct i915_refct_sgt *dst_rsgt;
	struct ttm_operation_ctx *ctx;
	bool evict;
	bool clear;
	bool memcpy;
	bool accel;
	struct ttm_move_job *job;
	int error;
};

/**
 * struct i915_ttm_move_hold - what a job keeps alive, and awake, until it has retired
 * @obj: the object that is written, or NULL if nobody can reach it any more
 * @src_rsgt: pages of local memory that are read, or NULL
 * @dst_rsgt: pages of local memory that are written, or NULL
 * @wakeref: the device's memory can be reached
 */
struct i915_ttm_move_hold {
	struct drm_i915_gem_object *obj;
	struct i915_refct_sgt *src_rsgt;
	struct i915_refct_sgt *dst_rsgt;
	intel_wakeref_t wakeref;
};

static struct intel_runtime_pm *i915_ttm_move_rpm(const struct i915_ttm_move *move)
{
	return &move->worker->i915->runtime_pm;
}

static struct i915_ttm_move_worker *i915_ttm_job_worker(const struct ttm_move_job *job)
{
	return job->mdev->priv;
}

/* What a job holds */

/**
 * i915_ttm_move_worker_rsgt() - the pages of a resource, as a move by the CPU needs them
 * @obj: the object that has them, or will
 * @res: the resource
 *
 * System pages are reached by the object's struct ttm_tt. A table of them would cost the
 * caller time for each page, and an IOMMU mapping. Who binds the object makes it, unless
 * the pages are a file's, which has one from the beginning.
 *
 * Context: Process context. May sleep. @obj is locked.
 * Return: the table, with a reference, NULL for system memory, or an error, such as
 * -ENOMEM.
 */
struct i915_refct_sgt *
i915_ttm_move_worker_rsgt(struct drm_i915_gem_object *obj, struct ttm_resource *res)
{
	return i915_ttm_cpu_maps_iomem(res) ? i915_ttm_resource_get_st(obj, res) : NULL;
}

static struct i915_refct_sgt *i915_ttm_move_src_rsgt(const struct i915_ttm_move *move)
{
	if (move->clear)
		return NULL;
	return i915_ttm_move_worker_rsgt(i915_ttm_to_gem(move->src), move->src->resource);
}

/* TTM may move an object that waits to be freed; then nobody looks at it any more. */
static struct drm_i915_gem_object *
i915_ttm_move_get_obj(const struct i915_ttm_move *move)
{
	struct drm_i915_gem_object *obj = i915_ttm_to_gem(move->dst);

	return kref_get_unless_zero(&obj->base.refcount) ? obj : NULL;
}

static struct i915_ttm_move_hold *
i915_ttm_move_hold_create(const struct i915_ttm_move *move)
{
	struct i915_ttm_move_hold *hold = kzalloc(sizeof(*hold), GFP_KERNEL);
	struct i915_refct_sgt *src_rsgt;

	if (!hold)
		return ERR_PTR(-ENOMEM);

	src_rsgt = i915_ttm_move_src_rsgt(move);
	if (IS_ERR(src_rsgt)) {
		kfree(hold);
		return ERR_CAST(src_rsgt);
	}

	hold->src_rsgt = src_rsgt;
	if (move->dst_rsgt)
		hold->dst_rsgt = i915_refct_sgt_get(move->dst_rsgt);
	hold->obj = i915_ttm_move_get_obj(move);
	hold->wakeref = intel_runtime_pm_get(i915_ttm_move_rpm(move));
	return hold;
}

/* The job's private pointer is the move before, and what it holds afterwards. */
static int i915_ttm_move_prepare(struct ttm_move_job *job)
{
	struct i915_ttm_move_hold *hold = i915_ttm_move_hold_create(job->priv);

	if (IS_ERR(hold))
		return PTR_ERR(hold);

	job->priv = hold;
	return 0;
}

static void i915_ttm_move_retired(struct ttm_move_job *job)
{
	struct i915_ttm_move_hold *hold = job->priv;

	intel_runtime_pm_put(&i915_ttm_job_worker(job)->i915->runtime_pm, hold->wakeref);
	if (hold->obj)
		i915_gem_object_put(hold->obj);
	i915_refct_sgt_put(hold->src_rsgt);
	i915_refct_sgt_put(hold->dst_rsgt);
	kfree(hold);
}

static void i915_ttm_move_wedge_work(struct work_struct *work)
{
	struct i915_ttm_move_worker *worker =
		container_of(work, struct i915_ttm_move_worker, wedge);
	struct intel_gt *gt;
	unsigned int id;

	for_each_gt(gt, worker->i915, id)
		intel_gt_set_wedged(gt);
}

/*
 * What the blitter should have written is not there, and the CPU cannot help. The
 * fence's signal is the barrier for those who wait for it before they look at the
 * object's state.
 */
static int i915_ttm_move_lose(struct ttm_move_job *job)
{
	struct i915_ttm_move_worker *worker = i915_ttm_job_worker(job);
	struct i915_ttm_move_hold *hold = job->priv;

	if (hold->obj)
		hold->obj->mm.unknown_state = true;
	queue_work(worker->i915->unordered_wq, &worker->wedge);
	return -EIO;
}

static int i915_ttm_move_begin(struct ttm_move_job *job)
{
	return job->op == TTM_MOVE_REFUSE ? i915_ttm_move_lose(job) : 0;
}

/*
 * Not every error is one of the copy: after a reset on behalf of somebody else a request
 * is run again, and one that waited too long for another driver is run all the same,
 * though perhaps too early. The job has waited, and copies the bytes once more if it can.
 */
static bool i915_ttm_move_guard_failed(const struct ttm_move_job *job,
				       const struct dma_fence *guard)
{
	switch (guard->error) {
	case -EAGAIN:
		return false;
	case -ETIMEDOUT:
		return job->op != TTM_MOVE_REFUSE;
	default:
		return true;
	}
}

static const struct ttm_move_ops i915_ttm_move_ops = {
	.prepare = i915_ttm_move_prepare,
	.begin = i915_ttm_move_begin,
	.guard_failed = i915_ttm_move_guard_failed,
	.retired = i915_ttm_move_retired,
};

/* The memory of a move, as the CPU sees it */

static void i915_ttm_move_aperture(struct intel_memory_region *mr,
				   struct ttm_move_aperture *aperture)
{
	*aperture = (struct ttm_move_aperture) {
		.iomap = &mr->iomap,
		.bytes = resource_size(&mr->io),
		/* Behind a hypervisor it may be trapped. */
		.plain = i915_has_memcpy_from_wc(),
	};
}

static void i915_ttm_move_mem_init(struct ttm_move_mem *mem,
				   struct ttm_buffer_object *bo,
				   struct ttm_resource *res,
				   struct i915_refct_sgt *rsgt)
{
	struct ttm_move_aperture aperture;
	struct intel_memory_region *mr;

	if (!i915_ttm_cpu_maps_iomem(res)) {
		ttm_move_mem_init_tt(mem, bo->ttm, ttm_io_prot(bo, res, PAGE_KERNEL));
		return;
	}

	mr = intel_memory_region_lookup(to_i915(bo->base.dev), INTEL_MEMORY_LOCAL,
					res->mem_type - I915_PL_LMEM0);
	i915_ttm_move_aperture(mr, &aperture);
	ttm_move_mem_init_sg(mem, &aperture, &rsgt->table, mr->region.start,
			     bo->base.size);
}

static u64 i915_ttm_move_bytes(const struct i915_ttm_move *move)
{
	return move->src->base.size;
}

/* The job keeps the tables of local memory, so that it needs no copies of them. */
static int i915_ttm_move_job_set(struct ttm_move_job *job,
				 const struct i915_ttm_move *move)
{
	const struct i915_ttm_move_hold *hold = job->priv;
	struct ttm_move_mem dst, src;
	int ret;

	if (!move->memcpy) {
		ttm_move_job_set_refuse(job, i915_ttm_move_bytes(move));
		return 0;
	}

	i915_ttm_move_mem_init(&dst, move->dst, move->dst_mem, hold->dst_rsgt);
	if (move->clear)
		return ttm_move_job_set_clear(job, &dst, i915_ttm_move_bytes(move));

	i915_ttm_move_mem_init(&src, move->src, move->src->resource, hold->src_rsgt);
	ret = ttm_move_job_set_copy(job, &dst, &src, i915_ttm_move_bytes(move));
	/* A backup stays where it is, other than an object that moves. */
	job->leaves_tt &= move->src == move->dst;
	return ret;
}

/* The fences of strangers */

static const char *i915_ttm_move_proxy_name(struct dma_fence *fence)
{
	return "i915_ttm_move_proxy";
}

static void i915_ttm_move_proxy_release(struct dma_fence *fence)
{
	struct i915_ttm_move_proxy *proxy = container_of(fence, typeof(*proxy), base);
	struct i915_ttm_move_worker *worker = proxy->worker;

	i915_sw_fence_fini(&proxy->chain);
	dma_fence_free(fence);
	if (atomic_dec_and_test(&worker->proxies))
		wake_up_var(&worker->proxies);
}

static const struct dma_fence_ops i915_ttm_move_proxy_ops = {
	.get_driver_name = i915_ttm_move_proxy_name,
	.get_timeline_name = i915_ttm_move_proxy_name,
	.release = i915_ttm_move_proxy_release,
};

/*
 * Perhaps with the lock of the stranger's fence held. Nobody but jobs waits for a proxy,
 * and these only count: no lock nests in the proxy's that a fence could nest in.
 */
static int i915_ttm_move_proxy_notify(struct i915_sw_fence *chain,
				      enum i915_sw_fence_notify state)
{
	struct i915_ttm_move_proxy *proxy = container_of(chain, typeof(*proxy), chain);

	if (state == FENCE_COMPLETE)
		dma_fence_signal(&proxy->base);
	else
		dma_fence_put(&proxy->base);
	return NOTIFY_DONE;
}

static struct i915_ttm_move_proxy *
i915_ttm_move_proxy_alloc(struct i915_ttm_move_worker *worker)
{
	struct i915_ttm_move_proxy *proxy = kzalloc(sizeof(*proxy), GFP_KERNEL);

	if (!proxy)
		return NULL;

	spin_lock_init(&proxy->lock);
	dma_fence_init(&proxy->base, &i915_ttm_move_proxy_ops, &proxy->lock, 0, 0);
	i915_sw_fence_init(&proxy->chain, i915_ttm_move_proxy_notify);
	proxy->worker = worker;
	atomic_inc(&worker->proxies);
	return proxy;
}

/* A reference, or NULL. The chain has one of its own until it is done. */
static struct dma_fence *
i915_ttm_move_proxy_create(struct i915_ttm_move_worker *worker, struct dma_fence *fence,
			   unsigned long timeout)
{
	struct i915_ttm_move_proxy *proxy = i915_ttm_move_proxy_alloc(worker);
	int ret;

	if (!proxy)
		return NULL;

	dma_fence_get(&proxy->base);
	/* Where it might sleep it would wait for the stranger instead. */
	ret = i915_sw_fence_await_dma_fence(&proxy->chain, fence, timeout, GFP_NOWAIT);
	i915_sw_fence_commit(&proxy->chain);
	if (ret >= 0)
		return &proxy->base;
	dma_fence_put(&proxy->base);
	return NULL;
}

/* Jobs */

/*
 * Others wait for the job as long as it takes, under locks some of them: it must not take
 * as long as user space, or a device that hangs, pleases.
 */
static int i915_ttm_move_job_await(struct ttm_move_job *job, struct dma_fence *fence)
{
	struct i915_ttm_move_worker *worker = i915_ttm_job_worker(job);
	unsigned long timeout = i915_ttm_move_worker_fence_timeout(worker->i915, fence);
	struct dma_fence *proxy;
	int ret;

	if (!timeout || dma_fence_is_signaled(fence))
		return ttm_move_job_add_dependency(job, fence);

	proxy = i915_ttm_move_proxy_create(worker, fence, timeout);
	if (!proxy)
		return -ENOMEM;
	ret = ttm_move_job_add_dependency(job, proxy);
	dma_fence_put(proxy);
	return ret;
}

/* Everybody who may touch the object. */
static int i915_ttm_move_job_await_bo(struct ttm_move_job *job,
				      struct ttm_buffer_object *bo)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	int ret;

	dma_resv_for_each_fence(&cursor, bo->base.resv, DMA_RESV_USAGE_BOOKKEEP, fence) {
		ret = i915_ttm_move_job_await(job, fence);
		if (ret)
			return ret;
	}
	return 0;
}

static int i915_ttm_move_job_depend(struct ttm_move_job *job,
				    const struct i915_ttm_move *move)
{
	int ret = i915_ttm_move_job_await_bo(job, move->src);

	if (ret || move->src == move->dst)
		return ret;
	return i915_ttm_move_job_await_bo(job, move->dst);
}

/*
 * That of the evictions from local memory. The blitter's requests run in order anyhow,
 * so that all of them can signal there.
 */
static struct ttm_move_timeline *
i915_ttm_move_region_timeline(const struct i915_ttm_move *move)
{
	struct ttm_resource *res = move->src->resource;

	if (!i915_ttm_cpu_maps_iomem(res))
		res = move->dst_mem;
	return move->worker->mdev.evictions[res->mem_type];
}

/* NULL, mostly for want of memory: the caller waits instead. */
static struct ttm_move_job *
i915_ttm_move_job_create(struct i915_ttm_move *move, struct ttm_move_timeline *timeline)
{
	struct ttm_move_job *job;

	if (I915_SELFTEST_ONLY(i915_ttm_migrate_fails_alloc()))
		return NULL;

	job = ttm_move_job_create(&move->worker->mdev, timeline);
	if (!job)
		return NULL;

	job->bo = move->dst;
	job->priv = move;
	if (i915_ttm_move_job_depend(job, move) || ttm_move_job_prepare(job) ||
	    i915_ttm_move_job_set(job, move)) {
		ttm_move_job_drop(job);
		return NULL;
	}
	return job;
}

/* Without a job: the caller waits for whatever a job would have waited for. */

/* How long for @fence, if for strangers until @end; in jiffies. */
static long i915_ttm_move_patience(struct i915_ttm_move_worker *worker,
				   struct dma_fence *fence, unsigned long end)
{
	if (!i915_ttm_move_worker_fence_timeout(worker->i915, fence))
		return MAX_SCHEDULE_TIMEOUT;
	return max_t(long, end - jiffies, 1);
}

/* Other than a job a caller can come back: it does not go on without the stranger. */
static int i915_ttm_move_wait_fence(struct i915_ttm_move_worker *worker,
				    struct dma_fence *fence,
				    const struct ttm_operation_ctx *ctx,
				    unsigned long end)
{
	long ret;

	if (dma_fence_is_signaled(fence))
		return 0;
	if (ctx->no_wait_gpu)
		return -EBUSY;
	ret = dma_fence_wait_timeout(fence, ctx->interruptible,
				     i915_ttm_move_patience(worker, fence, end));
	return ret ? min(ret, 0) : -EBUSY;
}

static int i915_ttm_move_wait_bo(struct i915_ttm_move_worker *worker,
				 struct ttm_buffer_object *bo,
				 const struct ttm_operation_ctx *ctx)
{
	unsigned long end = jiffies + i915_fence_timeout(worker->i915);
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	int ret;

	dma_resv_for_each_fence(&cursor, bo->base.resv, DMA_RESV_USAGE_BOOKKEEP, fence) {
		ret = i915_ttm_move_wait_fence(worker, fence, ctx, end);
		if (ret)
			return ret;
	}
	return 0;
}

static int i915_ttm_move_wait(const struct i915_ttm_move *move)
{
	return i915_ttm_move_wait_bo(move->worker, move->src, move->ctx) ?:
	       i915_ttm_move_wait_bo(move->worker, move->dst, move->ctx);
}

static int i915_ttm_move_memcpy(const struct i915_ttm_move *move,
				struct i915_refct_sgt *src_rsgt)
{
	u64 bytes = i915_ttm_move_bytes(move);
	struct ttm_move_mem dst, src;

	i915_ttm_move_mem_init(&dst, move->dst, move->dst_mem, move->dst_rsgt);
	if (move->clear)
		return ttm_move_clear(&dst, 0, bytes);

	i915_ttm_move_mem_init(&src, move->src, move->src->resource, src_rsgt);
	return ttm_move_copy(&dst, &src, 0, bytes);
}

static int i915_ttm_move_sync(const struct i915_ttm_move *move)
{
	struct i915_refct_sgt *src_rsgt;
	intel_wakeref_t wakeref;
	int ret = 0;

	if (!move->memcpy)
		return -EIO;

	src_rsgt = i915_ttm_move_src_rsgt(move);
	if (IS_ERR(src_rsgt))
		return PTR_ERR(src_rsgt);

	with_intel_runtime_pm(i915_ttm_move_rpm(move), wakeref)
		ret = i915_ttm_move_memcpy(move, src_rsgt);
	i915_refct_sgt_put(src_rsgt);
	return ret;
}

/* By the blitter */

static bool i915_ttm_move_has_blitter(const struct i915_ttm_move *move)
{
	struct intel_gt *gt = to_gt(move->worker->i915);

	return move->accel && gt->migrate.context && !intel_gt_is_wedged(gt);
}

static int i915_ttm_move_wait_request(struct i915_request *rq)
{
	dma_fence_wait(&rq->fence, false);
	if (I915_SELFTEST_ONLY(i915_ttm_migrate_fails_gpu()))
		return -EIO;
	return rq->fence.error;
}

/* Pretending that the blitter fails: the job copies, whatever comes of its requests. */
static void i915_ttm_move_job_ignore(struct ttm_move_job *job, struct i915_request *rq)
{
	if (ttm_move_job_add_dependency(job, &rq->fence))
		dma_fence_wait(&rq->fence, false);
}

/**
 * i915_ttm_move_worker_submitted() - note a request that does a part of a move
 * @move: the move, or NULL if the request is not part of one
 * @rq: the request, which has been added
 *
 * Each request of a move has an error of its own, and none of them may get lost.
 *
 * Context: Process context. May sleep. Where there is no memory to note the request,
 * waits until it is done.
 */
void i915_ttm_move_worker_submitted(struct i915_ttm_move *move,
				    struct i915_request *rq)
{
	int ret;

	if (!move)
		return;

	if (!move->job) {
		/* Each of them, also behind one that failed: the CPU comes next. */
		ret = i915_ttm_move_wait_request(rq);
		move->error = move->error ?: ret;
	} else if (I915_SELFTEST_ONLY(i915_ttm_migrate_fails_gpu())) {
		i915_ttm_move_job_ignore(move->job, rq);
	} else {
		ttm_move_job_add_guard(move->job, &rq->fence);
	}
}

/*
 * What the blitter waits for. What became of it is no matter: not even of what signals
 * meanwhile, for which this returns 1, and takes all of it to be noted anew.
 */
static int i915_ttm_move_deps_add(struct i915_deps *deps, struct ttm_buffer_object *bo,
				  const struct ttm_operation_ctx *ctx)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	int ret;

	dma_resv_for_each_fence(&cursor, bo->base.resv, dma_resv_usage_rw(true), fence) {
		if (dma_fence_is_signaled(fence))
			continue;
		ret = i915_deps_add_dependency(deps, fence, ctx);
		if (ret)
			return dma_fence_is_signaled(fence) ? 1 : ret;
	}
	return 0;
}

/* Each time that it begins anew there is one fence less. */
static int i915_ttm_move_deps_init(struct i915_deps *deps,
				   const struct i915_ttm_move *move)
{
	int ret;

	do {
		i915_deps_init(deps, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		ret = i915_ttm_move_deps_add(deps, move->dst, move->ctx);
		if (!ret && move->src != move->dst)
			ret = i915_ttm_move_deps_add(deps, move->src, move->ctx);
	} while (ret > 0);
	return ret;
}

/* To the blitter all pages are addresses, those of system memory as well. */
static struct i915_refct_sgt *i915_ttm_move_dst_rsgt(const struct i915_ttm_move *move)
{
	if (move->dst_rsgt)
		return i915_refct_sgt_get(move->dst_rsgt);
	return i915_ttm_resource_get_st(i915_ttm_to_gem(move->dst), move->dst_mem);
}

/* All of the move, or an error; then nothing of it is under way. */
static int i915_ttm_move_submit_to(struct i915_ttm_move *move, struct sg_table *dst_st)
{
	struct dma_fence *fence;
	struct i915_deps deps;
	int ret;

	ret = i915_ttm_move_deps_init(&deps, move);
	if (ret)
		return ret;

	fence = i915_ttm_accel_move(move->src, move->clear, move->dst_mem,
				    move->dst->ttm, dst_st, &deps, move);
	i915_deps_fini(&deps);
	if (IS_ERR(fence))
		return PTR_ERR(fence);
	dma_fence_put(fence);
	return 0;
}

static int i915_ttm_move_submit(struct i915_ttm_move *move)
{
	struct i915_refct_sgt *dst_rsgt = i915_ttm_move_dst_rsgt(move);
	int ret;

	if (IS_ERR(dst_rsgt))
		return PTR_ERR(dst_rsgt);

	ret = i915_ttm_move_submit_to(move, &dst_rsgt->table);
	i915_refct_sgt_put(dst_rsgt);
	return ret;
}

static struct dma_fence *i915_ttm_move_by_blitter(struct i915_ttm_move *move)
{
	int ret = 0;

	move->error = 0;
	move->job = i915_ttm_move_job_create(move, i915_ttm_move_region_timeline(move));
	if (!move->job)
		ret = i915_ttm_move_wait(move);
	if (!ret)
		ret = i915_ttm_move_submit(move);
	if (!ret && move->job)
		return ttm_move_job_arm(move->job);

	ttm_move_job_drop(move->job);
	/* Nothing guarded the requests, and they are done. */
	if (!ret && move->error)
		ret = i915_ttm_move_sync(move);
	return ERR_PTR(ret);
}

/* By the CPU */

static struct dma_fence *i915_ttm_move_by_cpu(struct i915_ttm_move *move)
{
	struct ttm_move_timeline *timeline = NULL;
	struct ttm_move_job *job;

	if (move->evict)
		timeline = i915_ttm_move_region_timeline(move);
	job = i915_ttm_move_job_create(move, timeline);
	if (job)
		return ttm_move_job_arm(job);
	return ERR_PTR(i915_ttm_move_wait(move) ?: i915_ttm_move_sync(move));
}

/* The caller's affair: it will be back. */
static bool i915_ttm_move_is_retry(int err)
{
	return err == -EINTR || err == -ERESTARTSYS || err == -EAGAIN || err == -EBUSY;
}

static struct dma_fence *i915_ttm_move_by_anybody(struct i915_ttm_move *move)
{
	struct dma_fence *fence = ERR_PTR(-EIO);

	if (i915_ttm_move_has_blitter(move))
		fence = i915_ttm_move_by_blitter(move);
	if (!IS_ERR(fence) || !move->memcpy || i915_ttm_move_is_retry(PTR_ERR(fence)))
		return fence;
	return i915_ttm_move_by_cpu(move);
}

/*
 * A fence for the end of the move; NULL if it has ended; or an error, then nothing is
 * under way.
 */
static struct dma_fence *i915_ttm_move_run(struct i915_ttm_move *move)
{
	struct dma_fence *fence = i915_ttm_move_by_anybody(move);

	/* Whoever made it, the caller has waited. */
	if (!fence)
		ttm_move_device_count_sync(&move->worker->mdev);
	return fence;
}

/**
 * i915_ttm_move_worker_move() - move an object's bytes without blocking
 * @bo: the object
 * @evict: TTM evicts it
 * @ctx: how to wait, where there is no memory to do without
 * @clear: the object has no bytes yet: write zeroes
 * @dst_mem: where to
 * @dst_rsgt: of @dst_mem, from i915_ttm_move_worker_rsgt(); borrowed
 *
 * The move waits for all fences of the object. Its own is for the caller to publish,
 * as a kernel fence of the object, and where TTM frees the old resource at once, in
 * the resource's manager.
 *
 * Context: Process context. May sleep. The object is locked. The pages of both sides
 * are there.
 * Return: the fence, with a reference; NULL if the move was made in the caller; or an
 * error, then nothing is under way: -EIO if nobody can do it, -ERESTARTSYS, -EINTR or
 * -EAGAIN if the caller shall try again, -EBUSY if it would have had to wait and @ctx
 * forbids that, or did and another driver took too long, -ENOMEM, or, where only the
 * blitter may touch the bytes, what the mapping of their new pages failed with.
 */
struct dma_fence *
i915_ttm_move_worker_move(struct ttm_buffer_object *bo, bool evict,
			  struct ttm_operation_ctx *ctx, bool clear,
			  struct ttm_resource *dst_mem,
			  struct i915_refct_sgt *dst_rsgt)
{
	struct i915_ttm_move move = {
		.worker = to_i915(bo->base.dev)->ttm_move_worker,
		.src = bo,
		.dst = bo,
		.dst_mem = dst_mem,
		.dst_rsgt = dst_rsgt,
		.ctx = ctx,
		/* From elsewhere TTM waits for the fence before it frees anything. */
		.evict = evict && i915_ttm_cpu_maps_iomem(bo->resource),
		.clear = clear,
		.memcpy = i915_ttm_memcpy_allowed(bo, dst_mem),
		.accel = true,
	};

	dma_resv_assert_held(bo->base.resv);
	return i915_ttm_move_run(&move);
}

/**
 * i915_ttm_move_worker_wait() - wait before an object moves that has no bytes to move
 * @bo: the object
 * @ctx: how to wait
 *
 * TTM waits as well, for whoever still reads the new memory, but it may give up before
 * i915's own moves have ended, and cannot say so: it warns, and leaves the object where it
 * was.
 *
 * Context: Process context. May sleep: for i915's own work as long as it takes, for other
 * drivers no longer than i915's requests would. The object is locked.
 * Return: 0, -ERESTARTSYS if interrupted, -EBUSY if @ctx forbids to wait, or if another
 * driver took too long.
 */
int i915_ttm_move_worker_wait(struct ttm_buffer_object *bo, struct ttm_operation_ctx *ctx)
{
	return i915_ttm_move_wait_bo(to_i915(bo->base.dev)->ttm_move_worker, bo, ctx);
}

static struct dma_fence *i915_ttm_move_copy(struct drm_i915_gem_object *dst,
					    struct drm_i915_gem_object *src,
					    bool accel, bool intr)
{
	struct ttm_operation_ctx ctx = { .interruptible = intr };
	struct i915_ttm_move move = {
		.worker = to_i915(dst->base.dev)->ttm_move_worker,
		.src = i915_gem_to_ttm(src),
		.dst = i915_gem_to_ttm(dst),
		.ctx = &ctx,
		.accel = accel,
	};
	struct dma_fence *fence;

	move.dst_mem = move.dst->resource;
	move.memcpy = i915_ttm_memcpy_allowed(move.src, move.dst_mem);
	move.dst_rsgt = i915_ttm_move_worker_rsgt(dst, move.dst_mem);
	if (IS_ERR(move.dst_rsgt))
		return ERR_CAST(move.dst_rsgt);

	fence = i915_ttm_move_run(&move);
	i915_refct_sgt_put(move.dst_rsgt);
	return fence;
}

/* Uninterruptibly: it takes no longer than what the copy waits for, which is bounded. */
static int i915_ttm_move_wait_copy(struct drm_i915_gem_object *dst,
				   struct dma_fence *fence)
{
	dma_fence_wait(fence, false);
	if (fence->error)
		i915_ttm_move_worker_is_lost(dst);
	return fence->error;
}

/**
 * i915_gem_obj_copy_ttm() - copy the bytes of one object to another
 * @dst: the other one
 * @src: the one
 * @allow_accel: the blitter may be used
 * @intr: sleep interruptibly, where there is no memory to do without
 *
 * The copy waits for all fences of both objects, and the call for the copy. Nobody else
 * comes to know of it, as both objects are locked until it has ended.
 *
 * Context: Process context. Sleeps. Both objects are locked, and have their pages.
 * Return: 0; the copy is made. Otherwise the error with which it ended, and where that
 * made @dst unusable the device has been declared wedged because of it: -EIO if nobody
 * can do it, -EBUSY if there was no memory to wait for another driver in the background,
 * -ENOMEM, -ERESTARTSYS or -EINTR if interrupted.
 */
int i915_gem_obj_copy_ttm(struct drm_i915_gem_object *dst,
			  struct drm_i915_gem_object *src,
			  bool allow_accel, bool intr)
{
	struct dma_fence *fence;
	int ret;

	assert_object_held(dst);
	assert_object_held(src);
	if (GEM_WARN_ON(!i915_gem_to_ttm(src)->resource ||
			!i915_gem_to_ttm(dst)->resource))
		return -EINVAL;

	fence = i915_ttm_move_copy(dst, src, allow_accel, intr);
	if (IS_ERR_OR_NULL(fence))
		return PTR_ERR_OR_ZERO(fence);

	ret = i915_ttm_move_wait_copy(dst, fence);
	dma_fence_put(fence);
	return ret;
}

/* Those who wait for a move */

/**
 * i915_ttm_move_worker_fence_timeout() - how long i915 waits for a fence
 * @i915: the device that waits
 * @fence: what it waits for
 *
 * i915 does not trust other drivers: its requests and moves go on after a while though
 * their fences have not signalled. A move of the device's own is no stranger, and a
 * request must never overtake it: the memory may still hold somebody else's bytes. It
 * does not last for ever, since it does not wait for ever for strangers either.
 *
 * Context: Any context.
 * Return: jiffies, 0 for as long as it takes.
 */
unsigned long i915_ttm_move_worker_fence_timeout(const struct drm_i915_private *i915,
						 struct dma_fence *fence)
{
	const struct ttm_move_job *job = ttm_move_job_from_fence(fence);

	/* The worker of a stranger may be gone: compared, but not followed. */
	if (dma_fence_is_i915(fence) || (job && job->mdev == &i915->ttm_move_worker->mdev))
		return 0;
	return i915_fence_context_timeout(i915, fence->context);
}

static int i915_ttm_move_error_of_one(struct dma_fence *fence)
{
	const struct ttm_move_job *job = ttm_move_job_from_fence(fence);

	return job && job->ops == &i915_ttm_move_ops ? 0 : fence->error;
}

/**
 * i915_ttm_move_worker_fence_error() - a fence's error, as far as others are concerned
 * @fence: a fence that has signalled
 *
 * A region's eviction fences are waited for by whoever gets the memory next. That the
 * object that was evicted is lost is none of their business; its own users learn it from
 * its state. Who waits for all fences of an object has them in an array, which takes over
 * the first error of any.
 *
 * Context: Any context.
 * Return: 0 for a move, otherwise the fence's error.
 */
int i915_ttm_move_worker_fence_error(struct dma_fence *fence)
{
	struct dma_fence_array *array = to_dma_fence_array(fence);
	unsigned int i;
	int error = 0;

	if (!array)
		return i915_ttm_move_error_of_one(fence);
	for (i = 0; fence->error && !error && i < array->num_fences; i++)
		error = i915_ttm_move_error_of_one(array->fences[i]);
	return error;
}

/**
 * i915_ttm_move_worker_inherits() - whether a request fails as what it has waited for
 * @rq: the request
 * @error: the first error of what it has waited for, or 0
 *
 * A request of a move brings bytes from one place to another, whatever became of those
 * who used them before, or did not end in time; where the CPU may not touch them, they
 * would be lost otherwise: with an error a request is not run, or is killed as soon as
 * another wants the engine.
 *
 * Context: Any context.
 * Return: whether @rq takes over @error.
 */
bool i915_ttm_move_worker_inherits(const struct i915_request *rq, int error)
{
	return error && rq->context != rq->engine->gt->migrate.context;
}

/**
 * i915_gem_object_has_unknown_state() - whether nobody knows what an object's memory holds
 * @obj: the object
 *
 * Neither CPU nor GPU may get to see such memory. To be called after the object's kernel
 * fences have signalled: before, the answer may be no where it is going to be yes.
 *
 * Context: Any context.
 * Return: whether a move has lost the object.
 */
bool i915_gem_object_has_unknown_state(struct drm_i915_gem_object *obj)
{
	/* Pairs with the signal of the fence that i915_ttm_move_lose() comes before. */
	smp_rmb();
	return obj->mm.unknown_state;
}

/**
 * i915_ttm_move_worker_is_lost() - whether an object must not be looked at any more
 * @obj: the object
 *
 * To be called after the object's kernel fences have signalled. When this returns
 * true the device has been declared wedged because of it.
 *
 * Context: Process context. May sleep: not where a fence, or memory, waits for it.
 * Return: whether nobody knows what the object's memory holds.
 */
bool i915_ttm_move_worker_is_lost(struct drm_i915_gem_object *obj)
{
	if (!i915_gem_object_has_unknown_state(obj))
		return false;

	flush_work(&to_i915(obj->base.dev)->ttm_move_worker->wedge);
	return true;
}

/**
 * i915_ttm_move_worker_may_use() - whether a request may use an object
 * @obj: the object
 *
 * To be called after the request has begun to wait for the object's binding. If that is
 * still under way, and the object turns out to be lost, the binding has an error, which the
 * request takes over. If it has ended, nobody else tells the request that there is nothing
 * behind the object's addresses.
 *
 * Context: Any context. The object is locked.
 * Return: 0, or -EIO if nobody knows what the object's memory holds.
 */
int i915_ttm_move_worker_may_use(struct drm_i915_gem_object *obj)
{
	return i915_gem_object_has_unknown_state(obj) ? -EIO : 0;
}

/* The device */

/**
 * i915_ttm_move_worker_init() - set up the worker of a device
 * @i915: the device, whose TTM device is there
 *
 * Context: Process context. May sleep.
 * Return: 0, or -ENOMEM.
 */
int i915_ttm_move_worker_init(struct drm_i915_private *i915)
{
	struct i915_ttm_move_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL);
	int ret;

	if (!worker)
		return -ENOMEM;

	worker->i915 = i915;
	worker->idle_timeout = I915_TTM_MOVE_IDLE_TIMEOUT;
	INIT_WORK(&worker->wedge, i915_ttm_move_wedge_work);
	ret = ttm_move_device_init(&worker->mdev, &i915->bdev, dev_name(i915->drm.dev),
				   &i915_ttm_move_ops, worker);
	if (ret) {
		kfree(worker);
		return ret;
	}
	i915->ttm_move_worker = worker;
	return 0;
}

/**
 * i915_ttm_move_worker_fini() - drain and tear down the worker of a device
 * @i915: the device
 *
 * Context: Process context. Sleeps, as long as the slowest dependency takes.
 */
void i915_ttm_move_worker_fini(struct drm_i915_private *i915)
{
	struct i915_ttm_move_worker *worker = i915->ttm_move_worker;

	ttm_move_device_fini(&worker->mdev);
	/* Those of jobs that were dropped are not done yet. */
	wait_var_event(&worker->proxies, !atomic_read(&worker->proxies));
	cancel_work_sync(&worker->wedge);
	kfree(worker);
	i915->ttm_move_worker = NULL;
}

/**
 * i915_ttm_move_worker_flush() - wait until all moves have ended and hold nothing
 * @i915: the device; its worker may be gone already
 *
 * Context: Process context. Sleeps, as long as the slowest dependency takes. No object
 * is locked.
 */
void i915_ttm_move_worker_flush(struct drm_i915_private *i915)
{
	if (i915->ttm_move_worker)
		ttm_move_device_flush(&i915->ttm_move_worker->mdev);
}

/**
 * i915_ttm_move_worker_idle() - wait until nobody touches local memory, but not for ever
 * @i915: the device
 *
 * For suspend and unbind, after which local memory is gone.
 *
 * Context: Process context. Sleeps. No object is locked.
 * Return: 0, or -EBUSY if a move has still not ended.
 */
int i915_ttm_move_worker_idle(struct drm_i915_private *i915)
{
	struct i915_ttm_move_worker *worker = i915->ttm_move_worker;
	int ret = ttm_move_device_flush_timeout(&worker->mdev, worker->idle_timeout);

	if (ret)
		drm_warn(&i915->drm,
			 "moves wait for others: debugfs/dri/*/ttm_move lists them\n");
	flush_work(&worker->wedge);
	return ret;
}

/**
 * i915_ttm_move_worker_debugfs() - show the worker of a device in debugfs
 * @i915: the device
 * @root: its directory
 *
 * Context: Process context. May sleep.
 */
void i915_ttm_move_worker_debugfs(struct drm_i915_private *i915, struct dentry *root)
{
	ttm_move_debugfs_init(&i915->ttm_move_worker->mdev, root);
}

#if IS_ENABLED(CONFIG_DRM_I915_SELFTEST)
#include "selftests/i915_ttm_move_worker.c"
#endif
