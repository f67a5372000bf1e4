// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The ioctls. Each one checks its whole argument first, and acts only then.
 */
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_syncobj.h>

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
	       (vttm_moves_are_sync() ? VTTM_INFO_SYNC_MOVES : 0);
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
	args->job_bytes = sizeof(struct ttm_move_job);
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
	return bytes;
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

static int vttm_move_sync_init(struct vttm_move_sync *sync,
			       struct drm_file *file,
			       const struct drm_vttm_move *args)
{
	int ret = 0;

	memset(sync, 0, sizeof(*sync));
	if (args->in_syncobj)
		ret = drm_syncobj_find_fence(file, args->in_syncobj,
					     args->in_point, 0,
					     &sync->in_fence);
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

/*
 * The object is in use until the fence signals: so its moves wait for that, on
 * whichever path they are made, while a fault need not.
 */
static int vttm_object_add_in_fence(struct vttm_object *obj,
				    struct dma_fence *in_fence)
{
	struct dma_resv *resv = obj->bo.base.resv;
	struct dma_fence_unwrap iter;
	struct dma_fence *fence;
	unsigned int num = 0;
	int ret;

	dma_fence_unwrap_for_each(fence, &iter, in_fence)
		num++;
	ret = dma_resv_reserve_fences(resv, max(num, 1u));
	if (ret)
		return ret;

	dma_fence_unwrap_for_each(fence, &iter, in_fence)
		dma_resv_add_fence(resv, fence, DMA_RESV_USAGE_BOOKKEEP);
	dma_fence_put(obj->in_fence);
	obj->in_fence = dma_fence_get(in_fence);
	return 0;
}

/* The fence of the move that was just queued, if it was queued. */
static struct dma_fence *vttm_object_own_fence(struct vttm_object *obj)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_for_each_fence(&cursor, obj->bo.base.resv,
				DMA_RESV_USAGE_KERNEL, fence)
		if (fence->context == obj->timeline->context)
			return dma_fence_get(fence);
	return NULL;
}

/*
 * A fence for all that has been asked of the object. It cannot fail: the move
 * has happened.
 */
static struct dma_fence *vttm_object_fence(struct vttm_object *obj)
{
	struct dma_resv *resv = obj->bo.base.resv;
	struct dma_fence *fence = NULL;

	if (dma_resv_get_singleton(resv, DMA_RESV_USAGE_BOOKKEEP, &fence))
		dma_resv_wait_timeout(resv, DMA_RESV_USAGE_BOOKKEEP, false,
				      MAX_SCHEDULE_TIMEOUT);
	return fence ?: dma_fence_get_stub();
}

/* The reservation is held. */
static struct dma_fence *vttm_object_move(struct vttm_object *obj,
					  const struct drm_vttm_move *args,
					  struct dma_fence *in_fence)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct ttm_resource *before = obj->bo.resource;
	struct dma_fence *fence = NULL;
	int ret = 0;

	if (obj->bo.pin_count)
		return ERR_PTR(-EBUSY);

	if (in_fence)
		ret = vttm_object_add_in_fence(obj, in_fence);
	if (ret)
		return ERR_PTR(ret);

	obj->move_flags = args->flags;
	ret = vttm_object_validate(obj, args->placement, &ctx);
	obj->move_flags = 0;
	if (ret)
		return ERR_PTR(ret);

	if (obj->bo.resource != before)
		fence = vttm_object_own_fence(obj);
	return fence ?: vttm_object_fence(obj);
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

static int vttm_move_locked(struct vttm_object *obj,
			    const struct drm_vttm_move *args,
			    struct vttm_move_sync *sync)
{
	struct dma_fence *fence;
	long ret;

	ret = ttm_bo_reserve(&obj->bo, true, false, NULL);
	if (ret)
		return ret;
	fence = vttm_object_move(obj, args, sync->in_fence);
	ttm_bo_unreserve(&obj->bo);
	if (IS_ERR(fence))
		return PTR_ERR(fence);

	/*
	 * A wait that is interrupted is begun again by the same call, which must
	 * find the syncobj as it was.
	 */
	ret = args->flags & VTTM_MOVE_WAIT ? dma_fence_wait(fence, true) : 0;
	if (!ret)
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

	ret = args->placement & ~obj->placements ? -EINVAL : 0;
	if (!ret)
		ret = vttm_move_sync_init(&sync, file, args);
	if (!ret) {
		ret = vttm_move_locked(obj, args, &sync);
		vttm_move_sync_fini(&sync);
	}
	vttm_put(obj);
	return ret;
}

/* Wait */

static unsigned long vttm_timeout(s64 ns)
{
	if (ns < 0)
		return MAX_SCHEDULE_TIMEOUT;
	/* At least as long as asked for. */
	return ns ? min_t(u64, nsecs_to_jiffies64(ns) + 1,
			  MAX_SCHEDULE_TIMEOUT - 1) : 0;
}

/* Only a move of this object made zeroes of its bytes, not an eviction before. */
static bool vttm_fence_is_failed_move(struct dma_fence *fence,
				      const struct vttm_object *obj)
{
	struct ttm_move_job *job = ttm_move_job_from_fence(fence);

	return job && job->bo == &obj->bo && dma_fence_get_status(fence) < 0;
}

static int vttm_object_error(struct vttm_object *obj)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	int ret;

	ret = ttm_bo_reserve(&obj->bo, true, false, NULL);
	if (ret)
		return ret;
	dma_resv_for_each_fence(&cursor, obj->bo.base.resv,
				DMA_RESV_USAGE_KERNEL, fence)
		if (vttm_fence_is_failed_move(fence, obj))
			ret = -EIO;
	ttm_bo_unreserve(&obj->bo);
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

	ret = dma_resv_wait_timeout(obj->bo.base.resv, DMA_RESV_USAGE_KERNEL,
				    true, vttm_timeout(args->timeout_ns));
	if (!ret)
		ret = -ETIME;
	else if (ret > 0)
		ret = vttm_object_error(obj);
	vttm_put(obj);
	return ret;
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
