/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The virtual TTM device: what its files share.
 */
#ifndef _VTTM_DRV_H_
#define _VTTM_DRV_H_

#include <linux/io-mapping.h>
#include <linux/kref.h>
#include <linux/mutex.h>

#include <drm/drm_device.h>
#include <drm/drm_ioctl.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_move.h>
#include <drm/ttm/ttm_placement.h>
#include <uapi/drm/vttm_drm.h>

struct dentry;
struct dma_buf;
struct drm_file;
struct shrinker;

/**
 * struct vttm_vram - manager of video memory on top of the buddy allocator
 * @man: TTM's part
 * @mm: the allocator
 * @lock: guards @mm
 * @piece_bytes: largest contiguous piece given out, 0 for no limit
 */
struct vttm_vram {
	struct ttm_resource_manager man;
	struct gpu_buddy mm;
	struct mutex lock; /* mm */
	u64 piece_bytes;
};

/**
 * struct vttm_vram_res - a piece of video memory given out by &struct vttm_vram
 * @base: TTM's part
 * @blocks: buddy blocks, in the order of the object's bytes
 * @linear: mapping that makes the blocks look contiguous, for TTM's own memcpy
 */
struct vttm_vram_res {
	struct ttm_resource base;
	struct list_head blocks;
	void *linear;
};

/**
 * struct vttm_fault - something that goes wrong because a test asked for it
 * @value: what it asked for; 0 for nothing
 * @max: the most that it may ask for
 */
struct vttm_fault {
	atomic_t value;
	u32 max;
};

/**
 * struct vttm_faults - all that can be made to go wrong
 * @copy_delay_us: how long each job of the worker sleeps before it copies
 * @fail_moves: so many jobs fail with -EIO instead of copying
 * @fail_allocs: so many jobs cannot be had, as if for want of memory
 */
struct vttm_faults {
	struct vttm_fault copy_delay_us;
	struct vttm_fault fail_moves;
	struct vttm_fault fail_allocs;
};

/**
 * struct vttm_device - a virtual TTM device
 * @drm: base
 * @bdev: TTM device
 * @mdev: move worker
 * @aperture: the CPU's view of video memory
 * @iomap: video memory in a BAR, mapped write-combined
 * @bar: bus address of video memory in a BAR, 0 if it is RAM
 * @ram: video memory in RAM
 * @vram_bytes: size of video memory
 * @vram: manager of video memory, unless the range manager does that
 * @use_buddy: @vram is in use
 * @shrinker: waits, in reclaim, for moves that leave system memory behind
 * @faults: what goes wrong on purpose
 */
struct vttm_device {
	struct drm_device drm;
	struct ttm_device bdev;
	struct ttm_move_device mdev;
	struct ttm_move_aperture aperture;
	struct io_mapping iomap;
	resource_size_t bar;
	void *ram;
	u64 vram_bytes;
	struct vttm_vram vram;
	bool use_buddy;
	struct shrinker *shrinker;
	struct vttm_faults faults;
};

/**
 * struct vttm_loss - whether an object has lost its bytes
 * @ref: the object's and its jobs', which may outlive it
 * @lost: a copy of them failed; set before that copy's fence signals, and never cleared
 */
struct vttm_loss {
	struct kref ref;
	bool lost;
};

/**
 * struct vttm_object - an object
 * @bo: base
 * @placements: what user space created it for, a set of VTTM_PLACE_*
 * @timeline: its moves signal in order
 * @move_flags: of the move ioctl that is in progress; guarded by the reservation
 * @in_fence: what user space makes that move wait for; borrowed from the ioctl
 *	that is in progress, guarded by the reservation
 * @untold: fence of the oldest move whose end a call with VTTM_MOVE_WAIT did not live
 *	to see, or NULL; exchanged atomically
 * @loss: whether its bytes are lost; reference
 * @dmabuf: what the object was imported from; its reservation is the object's
 */
struct vttm_object {
	struct ttm_buffer_object bo;
	u32 placements;
	struct ttm_move_timeline *timeline;
	u32 move_flags;
	struct dma_fence *in_fence;
	struct dma_fence *untold;
	struct vttm_loss *loss;
	struct dma_buf *dmabuf;
};

static inline struct vttm_device *vttm_from_drm(struct drm_device *drm)
{
	return container_of(drm, struct vttm_device, drm);
}

static inline struct vttm_device *vttm_from_bdev(struct ttm_device *bdev)
{
	return container_of(bdev, struct vttm_device, bdev);
}

/* What a move has left behind, until it is over: TTM's, and no object of ours. */
static inline bool vttm_is_ghost(const struct ttm_buffer_object *bo)
{
	return !bo->base.dev;
}

static inline struct vttm_object *vttm_from_bo(struct ttm_buffer_object *bo)
{
	WARN_ON_ONCE(vttm_is_ghost(bo));
	return container_of(bo, struct vttm_object, bo);
}

static inline struct vttm_object *vttm_from_gem(struct drm_gem_object *gem)
{
	return container_of(gem, struct vttm_object, bo.base);
}

/* vttm_drv.c */
bool vttm_moves_are_sync(u32 flags);

/* vttm_faults.c */
int vttm_faults_prepare(struct ttm_move_job *job);
int vttm_faults_begin(struct ttm_move_job *job);
void vttm_faults_debugfs_init(struct vttm_device *vdev, struct dentry *root);

/* vttm_ioctl.c */
#define VTTM_NUM_IOCTLS		(DRM_VTTM_OBJECT_INFO + 1)
extern const struct drm_ioctl_desc vttm_ioctls[VTTM_NUM_IOCTLS];

/* vttm_loss.c */
struct vttm_loss *vttm_loss_create(void);
void vttm_loss_put(struct vttm_loss *loss);
int vttm_loss_prepare(struct ttm_move_job *job);
int vttm_loss_begin(struct ttm_move_job *job);
void vttm_loss_retired(struct ttm_move_job *job);

/* vttm_object.c */
struct vttm_object *vttm_object_create(struct vttm_device *vdev, u64 size,
				       u32 placements);
struct drm_gem_object *
vttm_object_import(struct drm_device *drm, struct dma_buf_attachment *attach,
		   struct sg_table *st);
int vttm_object_validate(struct vttm_object *obj, u32 placement,
			 struct ttm_operation_ctx *ctx);
u32 vttm_object_placement(const struct vttm_object *obj);

/* vttm_shrinker.c */
int vttm_shrinker_init(struct vttm_device *vdev);

/* vttm_ttm.c */
int vttm_ttm_init(struct vttm_device *vdev, bool use_buddy, u64 piece_bytes);
int vttm_init_mem(struct ttm_move_device *mdev, struct ttm_buffer_object *bo,
		  struct ttm_resource *res, struct ttm_move_mem *mem);

/* vttm_vram.c */
int vttm_vram_init(struct vttm_device *vdev, u64 piece_bytes);
void vttm_vram_fini(struct vttm_device *vdev);
struct vttm_vram_res *vttm_vram_res(struct vttm_device *vdev,
				    struct ttm_resource *res);
u64 vttm_vram_offset(struct vttm_device *vdev, struct ttm_resource *res,
		     u64 offset);
unsigned int vttm_vram_num_runs(struct vttm_device *vdev,
				struct ttm_resource *res);

#endif
