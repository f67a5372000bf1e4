// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The device of the benchmarks.
 */
#include <linux/gfp.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_kunit_helpers.h>
#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_range_manager.h>
#include <drm/ttm/ttm_tt.h>

#include <asm/unistd.h>

#include "ttm_move_bench.h"

static unsigned long max_mib = 1024;
module_param(max_mib, ulong, 0444);
MODULE_PARM_DESC(max_mib, "Largest object, in MiB; less where memory is short (default: 1024)");

/* Left to the rest of the kernel, in bytes. */
#define MVB_RESERVE	SZ_64M

/* Time */

/*
 * The time for which the kernel's process has had a processor of the host: what else runs
 * there hits what takes long more often than what is short. Otherwise time as it passes.
 */
#if defined(CONFIG_UML) && defined(CONFIG_64BIT)
static u64 mvb_cpu_ns(void)
{
	struct __kernel_timespec time = {};
	long ret;

	/* UML has no function for that: a system call of the host's. */
	asm volatile("syscall" : "=a" (ret)
		     : "0" (__NR_clock_gettime), "D" (CLOCK_PROCESS_CPUTIME_ID), "S" (&time)
		     : "rcx", "r11", "memory");
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}
#else
static u64 mvb_cpu_ns(void)
{
	return ktime_get_ns();
}
#endif

/* For something that is about so many bytes: to ask the host would take longer than few. */
void mvb_clock_start(struct mvb_clock *clock, u64 bytes)
{
	clock->large = bytes >= MVB_LARGE;
	clock->cpu_ns = clock->large ? mvb_cpu_ns() : 0;
	clock->wall_ns = ktime_get_ns();
}

/*
 * Since mvb_clock_start(), in nanoseconds. Time as it passes is too long where something else
 * ran; the process's own is, by the calls that ask for it.
 */
u64 mvb_clock_ns(const struct mvb_clock *clock)
{
	u64 wall_ns = ktime_get_ns() - clock->wall_ns;

	return clock->large ? min(wall_ns, mvb_cpu_ns() - clock->cpu_ns) : wall_ns;
}

static struct mvb *mvb_from_bdev(struct ttm_device *bdev)
{
	return container_of(bdev, struct mvb, bdev);
}

/* The driver */

static int mvb_init_mem(struct ttm_move_device *mdev, struct ttm_buffer_object *bo,
			struct ttm_resource *res, struct ttm_move_mem *mem)
{
	struct mvb *fx = mdev->priv;

	ttm_move_mem_init_linear(mem, &fx->aperture, (u64)res->start << PAGE_SHIFT,
				 res->size);
	return 0;
}

static const struct ttm_move_ops mvb_move_ops = {
	.init_mem = mvb_init_mem,
};

static struct ttm_tt *mvb_tt_create(struct ttm_buffer_object *bo, u32 page_flags)
{
	struct ttm_tt *tt = kzalloc(sizeof(*tt), GFP_KERNEL);

	if (tt && ttm_tt_init(tt, bo, page_flags, ttm_cached, 0)) {
		kfree(tt);
		return NULL;
	}
	return tt;
}

static void mvb_tt_destroy(struct ttm_device *bdev, struct ttm_tt *tt)
{
	ttm_tt_fini(tt);
	kfree(tt);
}

static void mvb_evict_flags(struct ttm_buffer_object *bo,
			    struct ttm_placement *placement)
{
	static const struct ttm_place system = { .mem_type = TTM_PL_SYSTEM };

	placement->num_placement = 1;
	placement->placement = &system;
}

static int mvb_io_mem_reserve(struct ttm_device *bdev, struct ttm_resource *res)
{
	struct mvb *fx = mvb_from_bdev(bdev);

	if (res->mem_type != TTM_PL_VRAM)
		return 0;

	res->bus.addr = page_address(fx->vram) + ((u64)res->start << PAGE_SHIFT);
	res->bus.is_iomem = true;
	res->bus.caching = ttm_cached;
	return 0;
}

/* Nobody is short of video memory here: what leaves it does so as if evicted. */
static int mvb_move_by(struct mvb *fx, struct ttm_buffer_object *bo,
		       struct ttm_operation_ctx *ctx, struct ttm_resource *dst)
{
	if (fx->way == MVB_WORKER)
		return ttm_bo_move_memcpy_async(&fx->mdev, bo,
						dst->mem_type == TTM_PL_SYSTEM,
						ctx, dst);
	return ttm_bo_wait_ctx(bo, ctx) ?: ttm_bo_move_memcpy(bo, ctx, dst);
}

static int mvb_move(struct ttm_buffer_object *bo, bool evict,
		    struct ttm_operation_ctx *ctx, struct ttm_resource *dst,
		    struct ttm_place *hop)
{
	struct mvb *fx = mvb_from_bdev(bo->bdev);
	struct mvb_clock clock;
	int ret = 0;

	mvb_clock_start(&clock, bo->base.size);
	if (bo->resource)
		ret = mvb_move_by(fx, bo, ctx, dst);
	else
		ttm_bo_move_null(bo, dst);
	fx->hook_ns += mvb_clock_ns(&clock);
	return ret;
}

static const struct ttm_device_funcs mvb_bdev_funcs = {
	.ttm_tt_create = mvb_tt_create,
	.ttm_tt_destroy = mvb_tt_destroy,
	.eviction_valuable = ttm_bo_eviction_valuable,
	.evict_flags = mvb_evict_flags,
	.move = mvb_move,
	.io_mem_reserve = mvb_io_mem_reserve,
};

/* Objects */

static void mvb_bo_destroy(struct ttm_buffer_object *bo)
{
	drm_gem_object_release(&bo->base);
	kfree(bo);
}

/* An object whose pages are there. */
struct ttm_buffer_object *mvb_bo_create(struct mvb *fx, u64 bytes, u32 mem_type)
{
	struct ttm_operation_ctx ctx = {};
	struct ttm_place place = { .mem_type = mem_type };
	struct ttm_placement placement = { 1, &place };
	struct ttm_buffer_object *bo = kzalloc(sizeof(*bo), GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(fx->test, bo);
	drm_gem_private_object_init(fx->drm, &bo->base, bytes);
	ret = ttm_bo_init_reserved(&fx->bdev, bo, ttm_bo_type_kernel, &placement, 0,
				   &ctx, NULL, NULL, mvb_bo_destroy);
	KUNIT_ASSERT_EQ(fx->test, ret, 0);
	if (mem_type == TTM_PL_SYSTEM)
		KUNIT_EXPECT_EQ(fx->test, ttm_tt_populate(&fx->bdev, bo->ttm, &ctx), 0);
	ttm_bo_unreserve(bo);
	return bo;
}

void mvb_bo_move(struct mvb *fx, struct ttm_buffer_object *bo, u32 mem_type)
{
	struct ttm_operation_ctx ctx = {};
	struct ttm_place place = { .mem_type = mem_type };
	struct ttm_placement placement = { 1, &place };
	int ret;

	ttm_bo_reserve(bo, false, false, NULL);
	ret = ttm_bo_validate(bo, &placement, &ctx);
	ttm_bo_unreserve(bo);
	if (ret || bo->resource->mem_type != mem_type)
		KUNIT_FAIL(fx->test, "move: %d", ret);
}

void mvb_bo_wait(struct mvb *fx, struct ttm_buffer_object *bo)
{
	if (dma_resv_wait_timeout(bo->base.resv, DMA_RESV_USAGE_BOOKKEEP, false,
				  60 * HZ) <= 0)
		KUNIT_FAIL(fx->test, "a move does not end");
}

/* Whatever a move leaves to be done has been done: ghosts and jobs are gone. */
void mvb_settle(struct mvb *fx)
{
	ttm_move_device_flush(&fx->mdev);
	flush_workqueue(fx->bdev.wq);
}

/* Set-up */

/* Contiguous, so that TTM's own loop can map it, and twice as much is to be had. */
static struct page *mvb_try_vram(u64 bytes)
{
	unsigned long pages = bytes >> PAGE_SHIFT;
	struct page *vram;

	vram = alloc_contig_pages(pages, GFP_KERNEL | __GFP_NOWARN,
				  first_online_node, NULL);
	if (vram && si_mem_available() < pages + (MVB_RESERVE >> PAGE_SHIFT)) {
		free_contig_range(page_to_pfn(vram), pages);
		vram = NULL;
	}
	return vram;
}

static int mvb_init_vram(struct mvb *fx)
{
	u64 bytes = roundup_pow_of_two(max(max_mib, 1UL)) * SZ_1M;

	for (; !fx->vram && bytes >= SZ_1M; bytes /= 2) {
		fx->vram = mvb_try_vram(bytes);
		fx->bytes = bytes;
	}
	if (!fx->vram)
		return -ENOMEM;

	fx->bytes = min_t(u64, fx->bytes, (u64)max_mib * SZ_1M);
	memset(page_address(fx->vram), 0x5a, fx->bytes);
	iosys_map_set_vaddr(&fx->aperture.map, page_address(fx->vram));
	fx->aperture.bytes = fx->bytes;
	fx->aperture.plain = true;
	return ttm_range_man_init(&fx->bdev, TTM_PL_VRAM, false,
				  fx->bytes >> PAGE_SHIFT);
}

static int mvb_init_ttm(struct mvb *fx)
{
	struct drm_device *drm = fx->drm;

	return ttm_device_init(&fx->bdev, &mvb_bdev_funcs, drm->dev,
			       drm->anon_inode->i_mapping,
			       drm->vma_offset_manager, false, false) ?:
	       mvb_init_vram(fx) ?:
	       ttm_move_device_init(&fx->mdev, &fx->bdev, "bench",
				    &mvb_move_ops, fx);
}

int mvb_init(struct kunit *test)
{
	struct mvb *fx = kunit_kzalloc(test, sizeof(*fx), GFP_KERNEL);
	struct device *dev = drm_kunit_helper_alloc_device(test);

	KUNIT_ASSERT_NOT_NULL(test, fx);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	fx->test = test;
	/*
	 * Nothing is redirected here: as where no tests run, ttm_move_zalloc() need not look for
	 * a stub. What fails says so by fx->test alone.
	 */
	current->kunit_test = NULL;
	fx->drm = __drm_kunit_helper_alloc_drm_device(test, dev, sizeof(*fx->drm), 0,
						      DRIVER_GEM);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, fx->drm);
	KUNIT_ASSERT_EQ(test, mvb_init_ttm(fx), 0);
	test->priv = fx;
	return 0;
}

static unsigned long mvb_vram_pages(const struct mvb *fx)
{
	return roundup_pow_of_two(fx->bytes) >> PAGE_SHIFT;
}

void mvb_exit(struct kunit *test)
{
	struct mvb *fx = test->priv;

	if (!fx)
		return;

	mvb_settle(fx);
	ttm_range_man_fini(&fx->bdev, TTM_PL_VRAM);
	ttm_move_device_fini(&fx->mdev);
	ttm_device_fini(&fx->bdev);
	free_contig_range(page_to_pfn(fx->vram), mvb_vram_pages(fx));
}

MODULE_DESCRIPTION("Benchmarks of asynchronous CPU moves of TTM buffers");
MODULE_LICENSE("Dual MIT/GPL");
