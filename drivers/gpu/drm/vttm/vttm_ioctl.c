// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The ioctls. Each one checks its whole argument first, and acts only then.
 */
#include <linux/dma-fence-chain.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_syncobj.h>
#include <drm/drm_utils.h>

#include "vttm_drv.h"

static struct vttm_object *vttm_lookup(struct drm_file *file, u32 handle)
{
	struct drm_gem_object *gem = drm_gem_object_lookup(file, handle);

	return gem ? vttm_from_gem(gem) : NULL;
}

static void vttm_put(struct vttm_object *obj)
{
	drm_gem_object_put(&obj->bo.base);
}

static u32 vttm_info_flags(const struct vttm_device *vdev)
{
	return (vdev->ram ? 0 : VTTM_INFO_VRAM_IS_BAR) |
	       (vdev->use_buddy ? VTTM_INFO_VRAM_IS_BUDDY : 0) |
	       (vttm_moves_are_sync(0) ? VTTM_INFO_SYNC_MOVES : 0);
}

static int vttm_info_ioctl(struct drm_device *drm, void *data,
			   struct drm_file *file)
{
	struct vttm_device *vdev = vttm_from_drm(drm);
	struct drm_vttm_info *args = data;

	args->vram_bytes = vdev->vram_bytes;
	args->vram_used_bytes =
		ttm_resource_manager_usage(ttm_manager_type(&vdev->bdev,
							    TTM_PL_VRAM));
	args->flags = vttm_info_flags(vdev);
	args->page_bytes = PAGE_SIZE;
	return 0;
}

/* The largest object that one of the placements could hold, were it empty. */
static u64 vttm_largest(const struct vttm_device *vdev, u32 placements)
{
	u64 bytes = 0;

	if (placements & VTTM_PLACE_VRAM)
		bytes = vdev->vram_bytes;
	if (placements & VTTM_PLACE_SYSTEM)
		bytes = max(bytes, (u64)totalram_pages() << PAGE_SHIFT);
	return min_t(u64, bytes, SIZE_MAX & PAGE_MASK);
}

static int vttm_create_check(const struct vttm_device *vdev,
			     const struct drm_vttm_create *args)
{
	if (args->flags || args->pad || !args->size)
		return -EINVAL;
	if (!args->placements || args->placements & ~VTTM_PLACE_MASK)
		return -EINVAL;
	if (args->size > vttm_largest(vdev, args->placements))
		return -E2BIG;
	return 0;
}

static int vttm_create_ioctl(struct drm_device *drm, void *data,
			     struct drm_file *file)
{
	struct vttm_device *vdev = vttm_from_drm(drm);
	struct drm_vttm_create *args = data;
	struct vttm_object *obj;
	int ret;

	ret = vttm_create_check(vdev, args);
	if (ret)
		return ret;

	obj = vttm_object_create(vdev, PAGE_ALIGN(args->size),
				 args->placements);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	args->size = obj->bo.base.size;
	ret = drm_gem_handle_create(file, &obj->bo.base, &args->handle);
	vttm_put(obj);
	return ret;
}

static int vttm_mmap_offset_ioctl(struct drm_device *drm, void *data,
				  struct drm_file *file)
{
	struct drm_vttm_mmap_offset *args = data;
	struct vttm_object *obj;
	int ret = 0;

	if (args->pad)
		return -EINVAL;
	obj = vttm_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	if (obj->bo.base.import_attach)
		ret = -EOPNOTSUPP;
	else
		args->offset = drm_vma_node_offset_addr(&obj->bo.base.vma_node);
	vttm_put(obj);
	return ret;
}

/* Move */

/**
 * struct vttm_move_sync - what a move waits for and what it signals
 * @in_fence: reference, or NULL
 * @out: reference to the syncobj that receives the fence, or NULL
 * @chain: node for a timeline point of @out; owned until it is used
 * @point: the point, 0 for a binary syncobj
 */
struct vttm_move_sync {
	struct dma_fence *in_fence;
	struct drm_syncobj *out;
	struct dma_fence_chain *chain;
	u64 point;
};

static void vttm_move_sync_fini(struct vttm_move_sync *sync)
{
	dma_fence_put(sync->in_fence);
	dma_fence_chain_free(sync->chain);
	if (sync->out)
		drm_syncobj_put(sync->out);
}

/* A point at or before the last one would never be seen to signal. */
static bool vttm_point_is_new(struct drm_syncobj *syncobj, u64 point)
{
	struct dma_fence *last = drm_syncobj_fence_get(syncobj);
	bool is_new = !last || !to_dma_fence_chain(last) || point > last->seqno;

	dma_fence_put(last);
	return is_new;
}

static int vttm_move_sync_init_out(struct vttm_move_sync *sync,
				   struct drm_file *file,
				   const struct drm_vttm_move *args)
{
	sync->out = drm_syncobj_find(file, args->out_syncobj);
	if (!sync->out)
		return -ENOENT;
	sync->point = args->out_point;
	if (!sync->point)
		return 0;
	if (!vttm_point_is_new(sync->out, sync->point))
		return -EINVAL;

	sync->chain = dma_fence_chain_alloc();
	return sync->chain ? 0 : -ENOMEM;
}

static int vttm_move_sync_init_in(struct vttm_move_sync *sync,
				  struct drm_file *file,
				  const struct drm_vttm_move *args)
{
	struct dma_fence *fence;
	int ret;

	ret = drm_syncobj_find_fence(file, args->in_syncobj, args->in_point, 0,
				     &fence);
	/* On failure it leaves a pointer behind that is not ours. */
	if (!ret)
		sync->in_fence = fence;
	return ret;
}

static int vttm_move_sync_init(struct vttm_move_sync *sync,
			       struct drm_file *file,
			       const struct drm_vttm_move *args)
{
	int ret = 0;

	memset(sync, 0, sizeof(*sync));
	if (args->in_syncobj)
		ret = vttm_move_sync_init_in(sync, file, args);
	if (!ret && args->out_syncobj)
		ret = vttm_move_sync_init_out(sync, file, args);
	if (ret)
		vttm_move_sync_fini(sync);
	return ret;
}

static void vttm_move_sync_signal(struct vttm_move_sync *sync,
				  struct dma_fence *fence)
{
	if (!sync->out)
		return;

	if (!sync->point) {
		drm_syncobj_replace_fence(sync->out, fence);
		return;
	}
	drm_syncobj_add_point(sync->out, sync->chain, fence, sync->point);
	sync->chain = NULL;
}

/* The fence of the last move that had one; if that is long ago, a stub. */
static struct dma_fence *vttm_object_own_fence(struct vttm_object *obj)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_for_each_fence(&cursor, obj->bo.base.resv,
				DMA_RESV_USAGE_KERNEL, fence)
		if (fence->context == obj->timeline->context)
			return dma_fence_get(fence);
	return dma_fence_get_stub();
}

/* That a move failed was told, or will be; see vttm_wait_fence(). */
static struct dma_fence *vttm_object_past_fence(struct vttm_object *obj)
{
	struct dma_fence *fence = vttm_object_own_fence(obj);

	if (dma_fence_get_status(fence) >= 0)
		return fence;
	dma_fence_put(fence);
	return dma_fence_get_stub();
}

/*
 * Nothing is to be moved: a job that passes on the moves before and the in-fence,
 * and that later moves wait for as for any other.
 */
static struct dma_fence *vttm_object_pass_on(struct vttm_object *obj,
					     struct dma_fence *in_fence)
{
	struct vttm_device *vdev = vttm_from_bdev(obj->bo.bdev);
	struct dma_resv *resv = obj->bo.base.resv;
	struct ttm_move_job *job;
	struct dma_fence *fence;

	if (!in_fence && dma_resv_test_signaled(resv, DMA_RESV_USAGE_KERNEL))
		return vttm_object_past_fence(obj);

	job = ttm_move_job_create(&vdev->mdev, obj->timeline);
	if (!job)
		return ERR_PTR(-ENOMEM);
	if (ttm_move_job_add_resv(job, resv, DMA_RESV_USAGE_KERNEL) ||
	    ttm_move_job_add_dependency(job, in_fence) ||
	    dma_resv_reserve_fences(resv, 1)) {
		ttm_move_job_drop(job);
		return ERR_PTR(-ENOMEM);
	}
	fence = ttm_move_job_arm(job);
	dma_resv_add_fence(resv, fence, DMA_RESV_USAGE_KERNEL);
	return fence;
}

/* The reservation is held. */
static struct dma_fence *vttm_object_move(struct vttm_object *obj,
					  const struct drm_vttm_move *args,
					  struct dma_fence *in_fence)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	u64 seqno = obj->timeline->seqno;
	int ret;

	if (obj->bo.pin_count)
		return ERR_PTR(-EBUSY);
	if (vttm_object_placement(obj) == args->placement)
		return vttm_object_pass_on(obj, in_fence);

	obj->move_flags = args->flags;
	obj->in_fence = in_fence;
	ret = vttm_object_validate(obj, args->placement, &ctx);
	obj->in_fence = NULL;
	obj->move_flags = 0;
	if (ret)
		return ERR_PTR(ret);
	/* A move that was made at once has no fence of its own. */
	return seqno == obj->timeline->seqno ? dma_fence_get_stub() :
	       vttm_object_own_fence(obj);
}

static int vttm_move_check(const struct drm_vttm_move *args)
{
	const u32 both = VTTM_MOVE_SYNC | VTTM_MOVE_ASYNC;

	if (args->pad || args->flags & ~VTTM_MOVE_MASK)
		return -EINVAL;
	if ((args->flags & both) == both)
		return -EINVAL;
	if (args->placement & ~VTTM_PLACE_MASK ||
	    hweight32(args->placement) != 1)
		return -EINVAL;
	if ((args->in_point && !args->in_syncobj) ||
	    (args->out_point && !args->out_syncobj))
		return -EINVAL;
	return 0;
}

/* TTM would evict everybody else before it found out. */
static int vttm_move_check_object(const struct vttm_device *vdev,
				  const struct vttm_object *obj,
				  const struct drm_vttm_move *args)
{
	if (args->placement & ~obj->placements)
		return -EINVAL;
	if (args->placement == VTTM_PLACE_VRAM &&
	    obj->bo.base.size > vdev->vram_bytes)
		return -E2BIG;
	return 0;
}

/* Whoever waits for the object next is told what became of it. */
static void vttm_object_keep_untold(struct vttm_object *obj,
				    struct dma_fence *fence)
{
	/* Before anybody else may find it, and drop the reference. */
	dma_fence_get(fence);
	if (cmpxchg(&obj->untold, NULL, fence))
		dma_fence_put(fence);
}

/*
 * A call that is interrupted is made again, and may find nothing to move: then the
 * fence is not that of the copy, which is older and so has signalled, too.
 */
static int vttm_wait_fence(struct vttm_object *obj, struct dma_fence *fence)
{
	struct dma_fence *untold;
	int ret;

	ret = dma_fence_wait(fence, true);
	if (ret) {
		vttm_object_keep_untold(obj, fence);
		return ret;
	}
	untold = xchg(&obj->untold, NULL);
	if (dma_fence_get_status(fence) < 0 ||
	    (untold && dma_fence_get_status(untold) < 0))
		ret = -EIO;
	dma_fence_put(untold);
	return ret;
}

/*
 * A copy in the caller would wait for user space's fence with the reservation held, and
 * keep those from evicting the object who have to wait for it then.
 */
static int vttm_move_wait_in(const struct drm_vttm_move *args,
			     const struct vttm_move_sync *sync)
{
	if (!sync->in_fence || !vttm_moves_are_sync(args->flags))
		return 0;
	return dma_fence_wait(sync->in_fence, true);
}

static int vttm_move_locked(struct vttm_object *obj,
			    const struct drm_vttm_move *args,
			    struct vttm_move_sync *sync)
{
	struct ww_acquire_ctx ticket;
	struct dma_fence *fence;
	int ret;

	/*
	 * With a ticket TTM waits for an object that a younger one has locked; what
	 * an older one has locked does not count as room that could be had.
	 */
	ww_acquire_init(&ticket, &reservation_ww_class);
	ret = ttm_bo_reserve(&obj->bo, true, false, &ticket);
	if (!ret) {
		fence = vttm_object_move(obj, args, sync->in_fence);
		ttm_bo_unreserve(&obj->bo);
	}
	ww_acquire_fini(&ticket);
	if (ret)
		return ret;
	if (IS_ERR(fence))
		return PTR_ERR(fence);

	/*
	 * A wait that is interrupted is begun again by the same call, which must
	 * find the syncobj as it was.
	 */
	if (args->flags & VTTM_MOVE_WAIT)
		ret = vttm_wait_fence(obj, fence);
	if (ret != -ERESTARTSYS)
		vttm_move_sync_signal(sync, fence);
	dma_fence_put(fence);
	return ret;
}

static int vttm_move_ioctl(struct drm_device *drm, void *data,
			   struct drm_file *file)
{
	struct drm_vttm_move *args = data;
	struct vttm_move_sync sync;
	struct vttm_object *obj;
	int ret;

	ret = vttm_move_check(args);
	if (ret)
		return ret;
	obj = vttm_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	ret = vttm_move_check_object(vttm_from_drm(drm), obj, args);
	if (!ret)
		ret = vttm_move_sync_init(&sync, file, args);
	if (!ret) {
		ret = vttm_move_wait_in(args, &sync) ?:
		      vttm_move_locked(obj, args, &sync);
		vttm_move_sync_fini(&sync);
	}
	vttm_put(obj);
	return ret;
}

/* Wait */

/*
 * The kernel counts a timeout in ticks, of which a busy machine is late with some: the
 * sleep then ends by as many too early, and is begun again.
 */
static long vttm_wait_until(struct vttm_object *obj, s64 deadline_ns)
{
	long ret;

	do {
		ret = dma_resv_wait_timeout(obj->bo.base.resv,
					    DMA_RESV_USAGE_KERNEL, true,
					    drm_timeout_abs_to_jiffies(deadline_ns));
	} while (!ret && ktime_get() < deadline_ns);
	return ret;
}

static int vttm_wait_ioctl(struct drm_device *drm, void *data,
			   struct drm_file *file)
{
	struct drm_vttm_wait *args = data;
	struct vttm_object *obj;
	long ret;

	if (args->flags)
		return -EINVAL;
	obj = vttm_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	ret = vttm_wait_until(obj, args->timeout_ns);
	vttm_put(obj);
	if (ret < 0)
		return ret;
	return ret ? 0 : -ETIME;
}

static u32 vttm_object_flags(const struct vttm_object *obj)
{
	u32 flags = 0;

	if (!dma_resv_test_signaled(obj->bo.base.resv, DMA_RESV_USAGE_KERNEL))
		flags |= VTTM_OBJECT_BUSY;
	if (obj->bo.base.import_attach)
		flags |= VTTM_OBJECT_IMPORTED;
	if (obj->bo.pin_count)
		flags |= VTTM_OBJECT_PINNED;
	if (READ_ONCE(obj->loss->lost))
		flags |= VTTM_OBJECT_LOST;
	return flags;
}

static int vttm_object_info_ioctl(struct drm_device *drm, void *data,
				  struct drm_file *file)
{
	struct vttm_device *vdev = vttm_from_drm(drm);
	struct drm_vttm_object_info *args = data;
	struct vttm_object *obj;
	int ret;

	if (args->pad)
		return -EINVAL;
	obj = vttm_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	ret = ttm_bo_reserve(&obj->bo, true, false, NULL);
	if (!ret) {
		args->size = obj->bo.base.size;
		args->placements = obj->placements;
		args->placement = vttm_object_placement(obj);
		args->flags = vttm_object_flags(obj);
		args->runs = vttm_vram_num_runs(vdev, obj->bo.resource);
		ttm_bo_unreserve(&obj->bo);
	}
	vttm_put(obj);
	return ret;
}

const struct drm_ioctl_desc vttm_ioctls[VTTM_NUM_IOCTLS] = {
	DRM_IOCTL_DEF_DRV(VTTM_INFO, vttm_info_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VTTM_CREATE, vttm_create_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VTTM_MMAP_OFFSET, vttm_mmap_offset_ioctl,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VTTM_MOVE, vttm_move_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VTTM_WAIT, vttm_wait_ioctl, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VTTM_OBJECT_INFO, vttm_object_info_ioctl,
			  DRM_RENDER_ALLOW),
};
