// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects: GEM on one side, TTM on the other.
 */
#include <linux/dma-buf.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_ttm_helper.h>
#include <drm/drm_prime.h>
#include <drm/ttm/ttm_tt.h>

#include "vttm_drv.h"

static void vttm_object_free_parts(struct vttm_object *obj)
{
	ttm_move_timeline_put(obj->timeline);
	vttm_loss_put(obj->loss);
	if (obj->dmabuf)
		dma_buf_put(obj->dmabuf);
	kfree(obj);
}

static void vttm_object_destroy(struct ttm_buffer_object *bo)
{
	struct vttm_object *obj = vttm_from_bo(bo);

	if (bo->base.import_attach)
		drm_prime_gem_destroy(&bo->base, bo->sg);
	drm_gem_object_release(&bo->base);
	dma_fence_put(obj->untold);
	vttm_object_free_parts(obj);
}

u32 vttm_object_placement(const struct vttm_object *obj)
{
	return obj->bo.resource && obj->bo.resource->mem_type == TTM_PL_VRAM ?
	       VTTM_PLACE_VRAM : VTTM_PLACE_SYSTEM;
}

static struct ttm_place vttm_place(u32 placement)
{
	return (struct ttm_place){
		.mem_type = placement & VTTM_PLACE_SYSTEM ?
			    TTM_PL_SYSTEM : TTM_PL_VRAM,
	};
}

int vttm_object_validate(struct vttm_object *obj, u32 placement,
			 struct ttm_operation_ctx *ctx)
{
	struct ttm_place place = vttm_place(placement);
	struct ttm_placement to = ttm_move_placement(&place);

	return ttm_bo_validate(&obj->bo, &to, ctx);
}

/* PRIME: other devices see the system pages, for as long as they hold them. */

static int vttm_object_pin(struct drm_gem_object *gem)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct vttm_object *obj = vttm_from_gem(gem);
	int ret;

	if (!obj->bo.pin_count) {
		ret = vttm_object_validate(obj, VTTM_PLACE_SYSTEM, &ctx) ?:
		      ttm_tt_populate(obj->bo.bdev, obj->bo.ttm, &ctx) ?:
		      ttm_move_bo_wait_moves(&obj->bo, true);
		if (ret)
			return ret;
	}
	ttm_bo_pin(&obj->bo);
	return 0;
}

static void vttm_object_unpin(struct drm_gem_object *gem)
{
	ttm_bo_unpin(&vttm_from_gem(gem)->bo);
}

static struct sg_table *vttm_object_get_sg_table(struct drm_gem_object *gem)
{
	struct ttm_tt *tt = vttm_from_gem(gem)->bo.ttm;

	return drm_prime_pages_to_sg(gem->dev, tt->pages, tt->num_pages);
}

static int vttm_object_vmap(struct drm_gem_object *gem, struct iosys_map *map)
{
	int ret = vttm_object_pin(gem);

	if (ret)
		return ret;
	ret = drm_gem_ttm_vmap(gem, map);
	if (ret)
		vttm_object_unpin(gem);
	return ret;
}

static void vttm_object_vunmap(struct drm_gem_object *gem,
			       struct iosys_map *map)
{
	drm_gem_ttm_vunmap(gem, map);
	vttm_object_unpin(gem);
}

/* User mappings */

/* Reads or writes the bytes of a mapping on behalf of a debugger. */
static int vttm_mem_access(const struct ttm_move_mem *mem, u64 offset,
			   void *buf, int len, bool write)
{
	struct ttm_move_iter iter;
	struct iosys_map map;
	ssize_t n;
	int done;

	ttm_move_iter_init(&iter, mem);
	for (done = 0; done < len; done += n) {
		n = ttm_move_iter_map(&iter, offset + done, len - done, &map);
		if (n < 0)
			return n;
		if (write)
			iosys_map_memcpy_to(&map, 0, buf + done, n);
		else
			iosys_map_memcpy_from(buf + done, &map, 0, n);
		ttm_move_iter_unmap(&iter, &map);
	}
	return len;
}

static int vttm_object_mem(struct vttm_object *obj, struct ttm_move_mem *mem)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct vttm_device *vdev = vttm_from_bdev(obj->bo.bdev);
	struct ttm_buffer_object *bo = &obj->bo;
	int ret;

	if (bo->resource->mem_type == TTM_PL_VRAM)
		return vttm_init_mem(&vdev->mdev, bo, bo->resource, mem);

	ret = ttm_tt_populate(bo->bdev, bo->ttm, &ctx);
	if (!ret)
		ttm_move_mem_init_tt(mem, bo->ttm, PAGE_KERNEL);
	return ret;
}

static int vttm_object_access(struct vttm_object *obj, u64 offset, void *buf,
			      int len, bool write)
{
	struct ttm_move_mem mem;
	int ret;

	ret = ttm_bo_reserve(&obj->bo, true, false, NULL);
	if (ret)
		return ret;
	ret = ttm_move_bo_wait_moves(&obj->bo, true) ?: vttm_object_mem(obj, &mem) ?:
	      vttm_mem_access(&mem, offset, buf, len, write);
	ttm_bo_unreserve(&obj->bo);
	return ret;
}

static int vttm_vm_access(struct vm_area_struct *vma, unsigned long addr,
			  void *buf, int len, int write)
{
	struct vttm_object *obj = vttm_from_bo(vma->vm_private_data);
	struct drm_gem_object *gem = &obj->bo.base;
	u64 offset;
	int ret, idx;

	offset = addr - vma->vm_start +
		 ((u64)(vma->vm_pgoff - drm_vma_node_start(&gem->vma_node)) <<
		  PAGE_SHIFT);
	if (len < 1 || offset >= gem->size || len > gem->size - offset)
		return -EIO;
	if (!drm_dev_enter(gem->dev, &idx))
		return -EIO;
	ret = vttm_object_access(obj, offset, buf, len, write);
	drm_dev_exit(idx);
	return ret;
}

static const struct vm_operations_struct vttm_vm_ops = {
	.fault = ttm_bo_vm_fault,
	.open = ttm_bo_vm_open,
	.close = ttm_bo_vm_close,
	.access = vttm_vm_access,
};

/* The exporter knows where the bytes of an imported object are. */
static int vttm_mmap_imported(struct drm_gem_object *gem,
			      struct vm_area_struct *vma)
{
	int ret;

	vma->vm_private_data = NULL;
	vma->vm_ops = NULL;
	ret = dma_buf_mmap(gem->import_attach->dmabuf, vma, 0);
	if (!ret)
		drm_gem_object_put(gem);
	return ret;
}

static int vttm_object_mmap(struct drm_gem_object *gem,
			    struct vm_area_struct *vma)
{
	if (gem->import_attach)
		return vttm_mmap_imported(gem, vma);
	return drm_gem_ttm_mmap(gem, vma);
}

static void vttm_object_free(struct drm_gem_object *gem)
{
	ttm_bo_put(&vttm_from_gem(gem)->bo);
}

static const struct drm_gem_object_funcs vttm_object_funcs = {
	.free = vttm_object_free,
	.pin = vttm_object_pin,
	.unpin = vttm_object_unpin,
	.get_sg_table = vttm_object_get_sg_table,
	.vmap = vttm_object_vmap,
	.vunmap = vttm_object_vunmap,
	.mmap = vttm_object_mmap,
	.vm_ops = &vttm_vm_ops,
};

/* Creation */

static struct vttm_object *vttm_object_alloc(struct vttm_device *vdev, u64 size,
					     u32 placements)
{
	struct vttm_object *obj = kzalloc(sizeof(*obj), GFP_KERNEL);

	if (!obj)
		return NULL;

	obj->timeline = ttm_move_timeline_create("object");
	obj->loss = vttm_loss_create();
	if (!obj->timeline || !obj->loss) {
		vttm_object_free_parts(obj);
		return NULL;
	}
	obj->placements = placements;
	obj->bo.base.funcs = &vttm_object_funcs;
	drm_gem_private_object_init(&vdev->drm, &obj->bo.base, size);
	return obj;
}

/* On failure TTM has destroyed the object. */
static int vttm_object_init(struct vttm_object *obj, struct vttm_device *vdev,
			    enum ttm_bo_type type, struct sg_table *st,
			    struct dma_resv *resv)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct ttm_place place = vttm_place(obj->placements);
	struct ttm_placement to = ttm_move_placement(&place);

	return ttm_bo_init_reserved(&vdev->bdev, &obj->bo, type, &to, 0, &ctx,
				    st, resv, vttm_object_destroy);
}

/* The object is unlocked, and belongs to the caller. */
struct vttm_object *vttm_object_create(struct vttm_device *vdev, u64 size,
				       u32 placements)
{
	struct vttm_object *obj = vttm_object_alloc(vdev, size, placements);
	int ret;

	if (!obj)
		return ERR_PTR(-ENOMEM);

	ret = vttm_object_init(obj, vdev, ttm_bo_type_device, NULL, NULL);
	if (ret)
		return ERR_PTR(ret);

	ttm_bo_unreserve(&obj->bo);
	return obj;
}

struct drm_gem_object *
vttm_object_import(struct drm_device *drm, struct dma_buf_attachment *attach,
		   struct sg_table *st)
{
	struct vttm_device *vdev = vttm_from_drm(drm);
	struct dma_resv *resv = attach->dmabuf->resv;
	struct vttm_object *obj;
	int ret;

	obj = vttm_object_alloc(vdev, PAGE_ALIGN(attach->dmabuf->size),
				VTTM_PLACE_SYSTEM);
	if (!obj)
		return ERR_PTR(-ENOMEM);

	/* TTM may use the reservation even after a failure. */
	get_dma_buf(attach->dmabuf);
	obj->dmabuf = attach->dmabuf;
	dma_resv_lock(resv, NULL);
	ret = vttm_object_init(obj, vdev, ttm_bo_type_sg, st, resv);
	dma_resv_unlock(resv);
	return ret ? ERR_PTR(ret) : &obj->bo.base;
}
