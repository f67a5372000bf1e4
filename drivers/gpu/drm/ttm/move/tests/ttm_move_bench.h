/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What the benchmarks of the move worker share: a TTM device with as much video memory,
 * in RAM, as there is room for, and two ways to move its objects.
 */
#ifndef _TTM_MOVE_BENCH_H_
#define _TTM_MOVE_BENCH_H_

#include <linux/sizes.h>

#include <drm/drm_device.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_move.h>

#include <kunit/test.h>

/* Who does what is measured. */
enum mvb_way {
	MVB_WORKER,
	MVB_TTM,
	MVB_PLAIN,	/* memcpy(): only where nothing but bytes is moved */
	MVB_NUM_WAYS,
};

/* In bytes: what is about so much takes much longer than asking the host for the time. */
#define MVB_LARGE	SZ_256K

/**
 * struct mvb_clock - since when something is measured
 * @large: it is about many bytes
 * @wall_ns: time as it passes
 * @cpu_ns: what the kernel's process has had of the host's processors
 */
struct mvb_clock {
	bool large;
	u64 wall_ns;
	u64 cpu_ns;
};

/**
 * struct mvb - the fixture
 * @test: the test
 * @drm: a device
 * @bdev: of @drm
 * @mdev: the worker
 * @aperture: all of the video memory
 * @vram: its pages
 * @bytes: of the video memory
 * @way: who moves objects, of the first two
 * @hook_ns: spent in move(), in nanoseconds
 */
struct mvb {
	struct kunit *test;
	struct drm_device *drm;
	struct ttm_device bdev;
	struct ttm_move_device mdev;
	struct ttm_move_aperture aperture;
	struct page *vram;
	u64 bytes;
	enum mvb_way way;
	u64 hook_ns;
};

void mvb_clock_start(struct mvb_clock *clock, u64 bytes);
u64 mvb_clock_ns(const struct mvb_clock *clock);
int mvb_init(struct kunit *test);
void mvb_exit(struct kunit *test);
struct ttm_buffer_object *mvb_bo_create(struct mvb *fx, u64 bytes, u32 mem_type);
void mvb_bo_move(struct mvb *fx, struct ttm_buffer_object *bo, u32 mem_type);
void mvb_bo_wait(struct mvb *fx, struct ttm_buffer_object *bo);
void mvb_settle(struct mvb *fx);

#endif
