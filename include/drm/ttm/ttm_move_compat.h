/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The differences between the kernels that the worker and its users build on,
 * all in this place.
 */
#ifndef _TTM_MOVE_COMPAT_H_
#define _TTM_MOVE_COMPAT_H_

/* The buddy allocator left DRM and changed its prefix. */
#if IS_ENABLED(CONFIG_GPU_BUDDY)
#include <linux/gpu_buddy.h>
#else
#include <drm/drm_buddy.h>
#define gpu_buddy			drm_buddy
#define gpu_buddy_block			drm_buddy_block
#define gpu_buddy_block_offset		drm_buddy_block_offset
#define gpu_buddy_block_size		drm_buddy_block_size
#define gpu_buddy_init			drm_buddy_init
#define gpu_buddy_fini			drm_buddy_fini
#define gpu_buddy_alloc_blocks		drm_buddy_alloc_blocks
#define gpu_buddy_free_list		drm_buddy_free_list
#define GPU_BUDDY_TOPDOWN_ALLOCATION	DRM_BUDDY_TOPDOWN_ALLOCATION
#define GPU_BUDDY_CONTIGUOUS_ALLOCATION	DRM_BUDDY_CONTIGUOUS_ALLOCATION
#define GPU_BUDDY_RANGE_ALLOCATION	DRM_BUDDY_RANGE_ALLOCATION
#endif

/* Sparse, which does not know the question, looks at the newest. */
#if defined(__CHECKER__)
#define TTM_MOVE_HAS_TTM_BO_H
#elif __has_include("drm/ttm/ttm_bo.h")
#define TTM_MOVE_HAS_TTM_BO_H
#endif

/* Linux 6.12, and its successors */
#ifdef TTM_MOVE_HAS_TTM_BO_H
#include <kunit/static_stub.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_placement.h>

#define ttm_move_resource_bytes(res)	((res)->size)
#define ttm_move_assign_str(dst, src...) __assign_str(dst)
#define ttm_move_shrinker_data(shrinker) ((shrinker)->private_data)

/* What a platform driver's remove() returns. */
#define ttm_move_removed_t		void
#define TTM_MOVE_REMOVED

/* A fence's owner can be told by when it is wanted. */
#define TTM_MOVE_FENCE_DEADLINE(hook)	.set_deadline = (hook),

/* TTM takes the pages from an object without making anything. */
#define TTM_MOVE_TAKES_PAGES		true

/* Those of DRM are what a driver has that names none. */
#define TTM_MOVE_PRIME_OPS

/* At @place, where others are evicted for it. */
static inline struct ttm_placement ttm_move_placement(const struct ttm_place *place)
{
	return (struct ttm_placement) { .num_placement = 1, .placement = place };
}

/* Until TTM has let go of all objects whose deletion was put off. */
static inline void ttm_move_drain_ghosts(struct ttm_device *bdev)
{
	drain_workqueue(bdev->wq);
}

/* Linux 6.1 */
#else
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <drm/ttm/ttm_bo_api.h>
#include <drm/ttm/ttm_bo_driver.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_placement.h>

#undef gpu_buddy_free_list
#define gpu_buddy_free_list(mm, blocks, flags...) drm_buddy_free_list(mm, blocks)

/* It has no static stubs, so nobody can refuse the worker memory. */
#define KUNIT_STATIC_STUB_REDIRECT(fn_and_args...) do { } while (0)

#define ttm_move_resource_bytes(res)	((u64)(res)->num_pages << PAGE_SHIFT)
#define ttm_move_assign_str(dst, src)	__assign_str(dst, src)

/* Nobody says by when a fence is wanted. */
#define TTM_MOVE_FENCE_DEADLINE(hook...)

static inline void dma_fence_set_deadline(struct dma_fence *fence, ktime_t deadline)
{
}

/* TTM gives an object whose pages it takes a resource, for which memory may be short. */
#define TTM_MOVE_TAKES_PAGES		false

#define ttm_move_removed_t		int
#define TTM_MOVE_REMOVED		0

#define TTM_MOVE_PRIME_OPS \
	.prime_handle_to_fd = drm_gem_prime_handle_to_fd, \
	.prime_fd_to_handle = drm_gem_prime_fd_to_handle, \
	.gem_prime_mmap = drm_gem_prime_mmap,

/* TTM does not write there, either. */
#define ttm_device_init(bdev, funcs, args...) \
	ttm_device_init(bdev, (struct ttm_device_funcs *)(funcs), args)

/* Where others may be evicted had to be said by itself. */
static inline struct ttm_placement ttm_move_placement(const struct ttm_place *place)
{
	return (struct ttm_placement) {
		.num_placement = 1, .placement = place,
		.num_busy_placement = 1, .busy_placement = place,
	};
}

/* The work puts itself into the queue again as long as there are some. */
static inline void ttm_move_drain_ghosts(struct ttm_device *bdev)
{
	while (flush_delayed_work(&bdev->wq))
		cond_resched();
}

/* A shrinker was a part of what it shrinks. */
struct ttm_move_shrinker {
	struct shrinker base;
	void *data;
};

#define ttm_move_shrinker_data(shrinker) \
	(container_of(shrinker, struct ttm_move_shrinker, base)->data)

static inline struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...)
{
	struct ttm_move_shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	return shrinker ? &shrinker->base : NULL;
}

/* Where that fails there is one less who frees memory, and nothing to undo. */
static inline void shrinker_register(struct shrinker *shrinker)
{
	if (register_shrinker(shrinker, "ttm_move"))
		pr_warn("ttm_move: no memory for a shrinker\n");
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(container_of(shrinker, struct ttm_move_shrinker, base));
}
#endif

#endif
