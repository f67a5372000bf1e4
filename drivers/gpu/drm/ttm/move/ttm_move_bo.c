// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Moves of TTM buffer objects: the asynchronous counterpart of
 * ttm_bo_move_memcpy().
 */
#include <linux/io.h>

#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_tt.h>

#include "ttm_move_internal.h"

/* A move that has been thought through, but neither armed nor made. */
struct ttm_move_plan {
	enum ttm_move_op op;
	u64 bytes;
	struct ttm_move_mem dst;
	struct ttm_move_mem src;
};

static void ttm_move_plan_fini(struct ttm_move_plan *plan)
{
	ttm_move_mem_fini(&plan->dst);
	ttm_move_mem_fini(&plan->src);
}

static bool ttm_move_res_use_tt(struct ttm_buffer_object *bo,
				struct ttm_resource *res)
{
	return ttm_manager_type(bo->bdev, res->mem_type)->use_tt;
}

/* With the caching that CPU mappings of the same bytes have. */
static void ttm_move_map_bus(const struct ttm_bus_placement *bus, size_t bytes,
			     struct iosys_map *map)
{
	if (bus->caching == ttm_cached)
		iosys_map_set_vaddr(map, memremap(bus->offset, bytes,
						  MEMREMAP_WB));
	else if (bus->caching == ttm_write_combined)
		iosys_map_set_vaddr_iomem(map, ioremap_wc(bus->offset, bytes));
	else
		iosys_map_set_vaddr_iomem(map, ioremap(bus->offset, bytes));
}

/* Without a driver's hook: what TTM's own fallback can reach, mapped for the job. */
static int ttm_move_mem_init_bus(struct ttm_buffer_object *bo,
				 struct ttm_resource *res,
				 struct ttm_move_mem *mem)
{
	const struct ttm_device_funcs *funcs = bo->bdev->funcs;
	struct ttm_move_aperture aperture = { .bytes = ttm_move_resource_bytes(res) };
	struct ttm_bus_placement *bus = &res->bus;
	int ret;

	if (funcs->io_mem_free)
		return -EINVAL;
	if (!bus->offset && !bus->addr && funcs->io_mem_reserve) {
		ret = funcs->io_mem_reserve(bo->bdev, res);
		if (ret)
			return ret;
	}
	if (!bus->is_iomem)
		return -EINVAL;

	if (!bus->addr)
		ttm_move_map_bus(bus, ttm_move_resource_bytes(res), &aperture.map);
	else if (bus->caching == ttm_cached)
		iosys_map_set_vaddr(&aperture.map, bus->addr);
	else
		iosys_map_set_vaddr_iomem(&aperture.map, (void __iomem *)bus->addr);
	if (iosys_map_is_null(&aperture.map))
		return -ENOMEM;

	ttm_move_mem_init_linear(mem, &aperture, 0, ttm_move_resource_bytes(res));
	mem->owned_map = !bus->addr;
	return 0;
}

static int ttm_move_mem_init_res(struct ttm_move_device *mdev,
				 struct ttm_buffer_object *bo,
				 struct ttm_resource *res,
				 struct ttm_move_mem *mem)
{
	if (!ttm_move_res_use_tt(bo, res)) {
		if (mdev->ops->init_mem)
			return mdev->ops->init_mem(mdev, bo, res, mem);
		return ttm_move_mem_init_bus(bo, res, mem);
	}

	/* Pages of an importer are only known to the device. */
	if (!bo->ttm || !bo->ttm->pages)
		return -EINVAL;
	ttm_move_mem_init_tt(mem, bo->ttm, ttm_io_prot(bo, res, PAGE_KERNEL));
	return 0;
}

static bool ttm_move_src_use_tt(struct ttm_buffer_object *bo)
{
	return !bo->resource || ttm_move_res_use_tt(bo, bo->resource);
}

/* System pages that hold data, or that are to receive some, must be there. */
static int ttm_move_populate(struct ttm_buffer_object *bo,
			     struct ttm_operation_ctx *ctx,
			     struct ttm_resource *dst_mem)
{
	struct ttm_tt *tt = bo->ttm;

	if (!tt || ttm_move_src_use_tt(bo) == ttm_move_res_use_tt(bo, dst_mem))
		return 0;
	if (ttm_move_src_use_tt(bo) && !(tt->page_flags & TTM_TT_FLAG_SWAPPED))
		return 0;
	return ttm_tt_populate(bo->bdev, tt, ctx);
}

/*
 * System pages that were never touched hold no data, nor does an object that has
 * no memory yet: whoever may look at the destination must find zeroes. Only the
 * kernel's own objects are spared that, as in ttm_bo_move_memcpy().
 */
static enum ttm_move_op ttm_move_choose_op(struct ttm_buffer_object *bo)
{
	struct ttm_tt *tt = bo->ttm;

	if (!ttm_move_src_use_tt(bo))
		return TTM_MOVE_COPY;
	if (bo->resource && tt && ttm_tt_is_populated(tt))
		return TTM_MOVE_COPY;
	if (tt && !(tt->page_flags & TTM_TT_FLAG_ZERO_ALLOC))
		return TTM_MOVE_NONE;
	return TTM_MOVE_CLEAR;
}

/* What a driver's hook said must hold before anything is waited for or written. */
static bool ttm_move_plan_holds(const struct ttm_move_plan *plan)
{
	return (plan->op == TTM_MOVE_NONE ||
		ttm_move_mem_holds(&plan->dst, plan->bytes)) &&
	       (plan->op != TTM_MOVE_COPY ||
		ttm_move_mem_holds(&plan->src, plan->bytes));
}

static int ttm_move_plan_init(struct ttm_move_plan *plan,
			      struct ttm_move_device *mdev,
			      struct ttm_buffer_object *bo,
			      struct ttm_resource *dst_mem)
{
	int ret = 0;

	ttm_move_mem_init_none(&plan->dst);
	ttm_move_mem_init_none(&plan->src);
	/* The same pages before and after: nothing to do but to pass on. */
	plan->op = TTM_MOVE_NONE;
	if (!ttm_move_src_use_tt(bo) || !ttm_move_res_use_tt(bo, dst_mem))
		plan->op = ttm_move_choose_op(bo);
	plan->bytes = PAGE_ALIGN(ttm_move_resource_bytes(dst_mem));

	if (plan->op != TTM_MOVE_NONE)
		ret = ttm_move_mem_init_res(mdev, bo, dst_mem, &plan->dst);
	if (!ret && plan->op == TTM_MOVE_COPY)
		ret = ttm_move_mem_init_res(mdev, bo, bo->resource, &plan->src);
	if (!ret && !ttm_move_plan_holds(plan))
		ret = -EINVAL;
	if (ret)
		ttm_move_plan_fini(plan);
	return ret;
}

/* Synchronous: few bytes, or for want of memory for a job */

static struct dma_fence *ttm_move_bo_dependency(struct ttm_move_device *mdev,
						struct ttm_buffer_object *bo)
{
	return mdev->ops->dependency ? mdev->ops->dependency(bo) : NULL;
}

static bool ttm_move_bo_is_idle(struct ttm_buffer_object *bo,
				struct dma_fence *dependency)
{
	return (!dependency || dma_fence_is_signaled(dependency)) &&
	       dma_resv_test_signaled(bo->base.resv, DMA_RESV_USAGE_BOOKKEEP);
}

/**
 * ttm_move_bo_wait() - wait for all that a move of an object has to wait for
 * @mdev: the worker
 * @bo: the object
 * @ctx: may the call sleep interruptibly, and may it wait at all
 *
 * For a move that is made in the caller. Waits for as long as it takes, unlike
 * ttm_bo_wait_ctx().
 *
 * Context: Process context. May sleep. The object's reservation is held.
 * Return: 0, -ERESTARTSYS if interrupted, or -EBUSY if it would have had to wait
 * and @ctx.no_wait_gpu forbids that.
 */
int ttm_move_bo_wait(struct ttm_move_device *mdev, struct ttm_buffer_object *bo,
		     struct ttm_operation_ctx *ctx)
{
	struct dma_fence *dependency = ttm_move_bo_dependency(mdev, bo);
	long ret = 0;

	if (ctx->no_wait_gpu)
		return ttm_move_bo_is_idle(bo, dependency) ? 0 : -EBUSY;

	if (dependency)
		ret = dma_fence_wait(dependency, ctx->interruptible);
	if (!ret)
		ret = dma_resv_wait_timeout(bo->base.resv,
					    DMA_RESV_USAGE_BOOKKEEP,
					    ctx->interruptible,
					    MAX_SCHEDULE_TIMEOUT);
	return ret < 0 ? ret : 0;
}
EXPORT_SYMBOL_GPL(ttm_move_bo_wait);

/* Neither bytes to move nor anybody to wait for. */
static bool ttm_move_is_null(struct ttm_move_device *mdev,
			     struct ttm_buffer_object *bo,
			     const struct ttm_move_plan *plan)
{
	return plan->op == TTM_MOVE_NONE &&
	       ttm_move_bo_is_idle(bo, ttm_move_bo_dependency(mdev, bo));
}

static int ttm_move_plan_execute(const struct ttm_move_plan *plan)
{
	switch (plan->op) {
	case TTM_MOVE_COPY:
		return ttm_move_copy(&plan->dst, &plan->src, 0, plan->bytes);
	case TTM_MOVE_CLEAR:
		return ttm_move_clear(&plan->dst, 0, plan->bytes);
	default:
		return 0;
	}
}

/*
 * Asking somebody else would take longer: few bytes, nobody to wait for, and nothing that
 * makes each access slow.
 */
static bool ttm_move_bo_is_quick(struct ttm_move_device *mdev,
				 struct ttm_buffer_object *bo,
				 const struct ttm_move_plan *plan)
{
	if (plan->bytes > READ_ONCE(ttm_move_limits.caller_bytes))
		return false;
	if (plan->op == TTM_MOVE_COPY && ttm_move_mem_is_far(&plan->src))
		return false;
	if (!ttm_move_bo_is_idle(bo, ttm_move_bo_dependency(mdev, bo)))
		return false;
	/* What the fences tell of is read after them. */
	smp_rmb();
	return true;
}

/* With nobody left to wait for. */
static int ttm_move_bo_sync(struct ttm_move_device *mdev,
			    struct ttm_buffer_object *bo,
			    struct ttm_resource *dst_mem,
			    const struct ttm_move_plan *plan)
{
	int ret = ttm_move_plan_execute(plan);

	if (ret)
		return ret;

	ttm_bo_move_sync_cleanup(bo, dst_mem);
	ttm_move_device_count_sync(mdev);
	return 0;
}

/* Objects that have died */

/* A move of the object's own hands its bytes to nobody. */
static bool ttm_move_bo_is_used_by(const struct ttm_buffer_object *bo,
				   struct dma_fence *fence)
{
	struct ttm_move_job *job = ttm_move_job_from_fence(fence);

	return !job || job->bo != bo;
}

/* Those who submitted work before they dropped the object, such as to a GPU. */
static bool ttm_move_bo_is_used(struct ttm_buffer_object *bo)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	bool used = false;

	dma_resv_iter_begin(&cursor, &bo->base._resv, DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		used = ttm_move_bo_is_used_by(bo, fence);
		if (used)
			break;
	}
	dma_resv_iter_end(&cursor);
	return used;
}

/*
 * Whether nobody will ever look at the object's bytes: it has lost its last reference,
 * and no fence tells of anybody who uses it all the same. TTM keeps it, as it keeps its
 * pages, until the fences in its reservation have signalled, and gives it a reservation
 * of its own for that. It has set that before @deleted; the lock lets us see them in
 * this order. Where it had no memory for that, or left the object in somebody else's, as
 * it does with those of importers, we cannot tell who uses the object. A move with a
 * ghost of TTM's holds the object, which does not die before its end.
 *
 * Called by the worker, inside the signalling section.
 */
bool ttm_move_bo_is_dead(struct ttm_buffer_object *bo)
{
	bool alone;

	if (!READ_ONCE(bo->deleted))
		return false;

	spin_lock(&bo->bdev->lru_lock);
	alone = bo->base.resv == &bo->base._resv;
	spin_unlock(&bo->bdev->lru_lock);
	return alone && !ttm_move_bo_is_used(bo);
}

/* Asynchronous */

/*
 * Everything that frees memory of a manager at once must signal on that manager's
 * own timeline: TTM keeps only the latest fence of one context.
 */
static struct ttm_move_timeline *
ttm_move_bo_timeline(struct ttm_move_device *mdev, struct ttm_buffer_object *bo,
		     bool evict)
{
	if (evict)
		return mdev->evictions[bo->resource->mem_type];
	return mdev->ops->timeline ? mdev->ops->timeline(bo) : NULL;
}

static int ttm_move_job_set_plan(struct ttm_move_job *job,
				 struct ttm_move_plan *plan)
{
	int ret = 0;

	if (plan->op == TTM_MOVE_NONE)
		return 0;

	ret = ttm_move_mem_snapshot(&plan->dst);
	if (ret)
		return ret;
	if (plan->op == TTM_MOVE_CLEAR)
		return ttm_move_job_set_clear(job, &plan->dst, plan->bytes);

	ret = ttm_move_mem_snapshot(&plan->src);
	if (ret)
		return ret;
	return ttm_move_job_set_copy(job, &plan->dst, &plan->src, plan->bytes);
}

/*
 * Everything that may fail, up to the point of no return. The plan moves into the
 * job last, so that a failure leaves it whole for a synchronous move.
 */
static struct ttm_move_job *ttm_move_bo_job(struct ttm_move_device *mdev,
					    struct ttm_buffer_object *bo,
					    bool evict,
					    struct ttm_move_plan *plan)
{
	struct ttm_move_timeline *timeline = ttm_move_bo_timeline(mdev, bo, evict);
	struct ttm_move_job *job = ttm_move_job_create(mdev, timeline);

	if (!job)
		return NULL;

	job->bo = bo;
	job->dies_with_bo = true;
	if (ttm_move_job_add_resv(job, bo->base.resv, DMA_RESV_USAGE_BOOKKEEP) ||
	    ttm_move_job_add_dependency(job, ttm_move_bo_dependency(mdev, bo)) ||
	    ttm_move_job_prepare(job) || ttm_move_job_set_plan(job, plan)) {
		ttm_move_job_drop(job);
		return NULL;
	}
	return job;
}

/* System pages that an object has left */

/*
 * TTM frees the pages of an object that is validated for no place. This object is
 * nothing else, and nobody can find it.
 *
 * Called in process context, outside of the signalling section. May sleep.
 */
void ttm_move_tt_free(struct ttm_device *bdev, struct ttm_tt *tt)
{
	struct ttm_buffer_object bo = {
		.bdev = bdev,
		.type = ttm_bo_type_kernel,
		.ttm = tt,
	};
	struct ttm_operation_ctx ctx = {};
	struct ttm_placement nowhere = {};

	bo.base.resv = &bo.base._resv;
	dma_resv_init(bo.base.resv);
	WARN_ON(!dma_resv_trylock(bo.base.resv));
	WARN_ON(ttm_bo_validate(&bo, &nowhere, &ctx));
	dma_resv_unlock(bo.base.resv);
	dma_resv_fini(bo.base.resv);
	bdev->funcs->ttm_tt_destroy(bdev, tt);
}

/*
 * Whether the object leaves nothing but pages of its own: a place in system memory is
 * no more than a name. The pages of an importer are the object's, and live as long.
 */
static bool ttm_move_leaves_pages_only(struct ttm_buffer_object *bo,
				       struct ttm_resource *dst_mem)
{
	return bo->resource && bo->resource->mem_type == TTM_PL_SYSTEM &&
	       !ttm_move_res_use_tt(bo, dst_mem) &&
	       !(bo->ttm && bo->ttm->page_flags & TTM_TT_FLAG_EXTERNAL);
}

/*
 * The job takes the pages, so that TTM needs no ghost object for them. Before it is
 * armed: it may be gone right after.
 */
static void ttm_move_bo_take_tt(struct ttm_move_job *job, struct ttm_buffer_object *bo,
				struct ttm_resource *dst_mem)
{
	if (!TTM_MOVE_TAKES_PAGES || !ttm_move_leaves_pages_only(bo, dst_mem))
		return;
	job->tt = bo->ttm;
	bo->ttm = NULL;
	ttm_resource_free(bo, &bo->resource);
}

/*
 * Hand the fence to TTM. What can still fail is a ghost object of TTM's, where the job
 * does not hold what the object leaves. The copy goes on regardless, and there is no way
 * back: wait for it, and for what it waits for, and take the synchronous way out.
 */
static void ttm_move_bo_publish(struct ttm_buffer_object *bo,
				struct dma_fence *fence, bool evict,
				struct ttm_resource *dst_mem)
{
	if (!bo->resource) {
		dma_resv_add_fence(bo->base.resv, fence, DMA_RESV_USAGE_KERNEL);
		ttm_bo_assign_mem(bo, dst_mem);
		return;
	}

	if (ttm_bo_move_accel_cleanup(bo, fence, evict, true, dst_mem)) {
		dma_fence_wait(fence, false);
		ttm_bo_move_sync_cleanup(bo, dst_mem);
	}
}

/**
 * ttm_move_bo_is_held_up() - whether moving an object may take unbounded time
 * @bo: the object, or one of TTM's ghosts
 *
 * Evictions of a manager signal in order. One that waits for a fence of somebody
 * else, such as user space's, holds up those behind it: a driver whose users can
 * bring fences of their own should call this from
 * &ttm_device_funcs.eviction_valuable, and have another object evicted.
 *
 * Context: Process context. The object's reservation is held.
 * Return: true if the object has an unsignalled fence that is not of the worker,
 * or is of a job that waits for such a one.
 */
bool ttm_move_bo_is_held_up(struct ttm_buffer_object *bo)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_for_each_fence(&cursor, bo->base.resv, DMA_RESV_USAGE_BOOKKEEP,
				fence)
		if (ttm_move_fence_is_foreign(fence))
			return true;
	return false;
}
EXPORT_SYMBOL_GPL(ttm_move_bo_is_held_up);

static int ttm_move_bo_async(struct ttm_move_device *mdev,
			     struct ttm_buffer_object *bo, bool evict,
			     struct ttm_resource *dst_mem,
			     struct ttm_move_plan *plan)
{
	struct ttm_move_job *job;
	struct dma_fence *fence;

	job = ttm_move_bo_job(mdev, bo, evict, plan);
	if (!job)
		return -ENOMEM;

	ttm_move_bo_take_tt(job, bo, dst_mem);
	fence = ttm_move_job_arm(job);
	ttm_move_bo_publish(bo, fence, evict, dst_mem);
	dma_fence_put(fence);
	return 0;
}

/**
 * ttm_bo_move_memcpy_async() - move an object with the CPU, without blocking
 * @mdev: the worker of the object's device
 * @bo: the object
 * @evict: whether TTM evicts the object, as the driver's move() was told
 * @ctx: may the call sleep interruptibly, and may it wait at all
 * @dst_mem: where to; on success the object's resource
 *
 * To be called from a driver's &ttm_device_funcs.move in the place of
 * ttm_bo_move_memcpy(), without waiting for the object before. The copy waits
 * for all fences in the object's reservation, and its own fence is added there
 * as DMA_RESV_USAGE_KERNEL: whoever reaches the bytes by CPU has to wait for
 * those. An eviction is pipelined: its old resource is free at once, and the
 * manager hands the fence to whoever gets it next. Pages of system memory that the
 * object leaves go with the job, which frees them. The memory of any other move
 * stays with a ghost object until the copy is done. An object that had no memory
 * yet is cleared.
 *
 * A few bytes that nobody has to be waited for are moved at once, since that takes less
 * time than to ask for it; see the module's parameter caller_bytes.
 *
 * Where there is no memory for a job the call waits, as @ctx allows, and copies
 * itself. Where there is none for TTM's ghost object, with the job under way, it
 * waits for the job whatever @ctx says.
 *
 * Context: Process context. May sleep. The object's reservation is held, and one
 * fence slot is reserved, as TTM does before move().
 * Return: 0; the move is done, or will be. Otherwise nothing has changed:
 * -ERESTARTSYS if interrupted; -EBUSY if it would have had to wait and
 * @ctx.no_wait_gpu forbids that; -ENOMEM without system pages; -EINVAL, or what
 * the driver's hook returned, for memory that the CPU cannot reach.
 */
int ttm_bo_move_memcpy_async(struct ttm_move_device *mdev,
			     struct ttm_buffer_object *bo, bool evict,
			     struct ttm_operation_ctx *ctx,
			     struct ttm_resource *dst_mem)
{
	struct ttm_move_plan plan __uninitialized; /* Small moves would feel it. */
	int ret;

	dma_resv_assert_held(bo->base.resv);

	ret = ttm_move_populate(bo, ctx, dst_mem) ?:
	      ttm_move_plan_init(&plan, mdev, bo, dst_mem);
	if (ret)
		return ret;

	if (ttm_move_is_null(mdev, bo, &plan)) {
		ttm_bo_move_sync_cleanup(bo, dst_mem);
		return 0;
	}

	/* Where TTM does not pipeline it would wait for the fence instead. */
	evict = evict && !ttm_move_src_use_tt(bo);
	if (ttm_move_bo_is_quick(mdev, bo, &plan))
		ret = ttm_move_bo_sync(mdev, bo, dst_mem, &plan);
	else if (ttm_move_bo_async(mdev, bo, evict, dst_mem, &plan))
		ret = ttm_move_bo_wait(mdev, bo, ctx) ?:
		      ttm_move_bo_sync(mdev, bo, dst_mem, &plan);
	ttm_move_plan_fini(&plan);
	return ret;
}
EXPORT_SYMBOL_GPL(ttm_bo_move_memcpy_async);
