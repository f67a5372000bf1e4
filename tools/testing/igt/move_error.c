// SPDX-License-Identifier: MIT
/*
 * Copies that fail, and jobs that cannot be had: because a fault was asked for.
 */
#include <errno.h>
#include <inttypes.h>

#include "vttm_async_move.h"

#define PARTS		8
#define MAX_DELAY_US	1000000

/* The error is on the fence, and no byte is left half-way. */
static void fail_one_way(uint32_t from)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);
	uint64_t before = worker_total("errors");
	uint32_t out;
	int status;

	buffer_move(&b, from, VTTM_MOVE_WAIT);
	fault_set("fail_moves", 1);
	out = buffer_move_out(&b, VTTM_PLACE_MASK & ~from, VTTM_MOVE_ASYNC);
	status = syncobj_await_status(fd, out);
	igt_assert_f(status == -EIO, "the fence says %d\n", status);
	igt_assert(!buffer_count_nonzero(&b));
	igt_assert(!fault_get("fail_moves"));
	igt_assert(worker_total("errors") == before + 1);
	buffer_rewrite(&b);
	out = buffer_move_out(&b, from, VTTM_MOVE_ASYNC);
	igt_assert(syncobj_await_status(fd, out) == 1);
	buffer_verify(&b, "moved after the failure");
}

static void fail_in(void)
{
	fail_one_way(VTTM_PLACE_SYSTEM);
}

static void fail_out(void)
{
	fail_one_way(VTTM_PLACE_VRAM);
}

static void fail_waited_for(void)
{
	struct buffer b = buffer_create_filled(client(), MIB, VTTM_PLACE_MASK);

	fault_set("fail_moves", 1);
	expect(buffer_try_move(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_ASYNC | VTTM_MOVE_WAIT,
	}), -EIO, "waiting for a copy that fails");
	buffer_check_place(&b, VTTM_PLACE_VRAM, "after a copy that failed");
	igt_assert(!buffer_count_nonzero(&b));
}

/* Who is interrupted, and asks again, learns of it all the same, once. */
static void fail_interrupted(void)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
	struct gate gate;
	struct drm_vttm_move move = {
		.handle = b.handle, .placement = VTTM_PLACE_VRAM,
		.flags = VTTM_MOVE_ASYNC | VTTM_MOVE_WAIT,
		.in_syncobj = gate_create(&gate, fd),
	};

	fault_set("fail_moves", 1);
	expect(call_once(fd, DRM_IOCTL_VTTM_MOVE, &move), -EINTR, "an interrupted move");
	gate_open(&gate);
	buffer_wait(&b);
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_MOVE, &move), -EIO, "the same move again");
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_MOVE, &move), 0, "and once more");
}

/* Who waits for a move that fails moves all the same, and keeps its bytes. */
static void fail_before(void)
{
	int fd = client();
	struct buffer a = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
	uint32_t failed, out = syncobj_new(fd);

	fault_set("copy_delay_us", 50000);
	fault_set("fail_moves", 1);
	failed = buffer_move_out(&a, VTTM_PLACE_VRAM, VTTM_MOVE_ASYNC);
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_ASYNC,
		.in_syncobj = failed, .out_syncobj = out,
	});
	igt_assert(syncobj_await_status(fd, out) == 1);
	igt_assert(syncobj_status(fd, failed) == -EIO);
	igt_assert(!buffer_count_nonzero(&a));
	buffer_verify(&b, "behind a copy that failed");
}

/* The evicted object is lost, and no other. */
static void fail_evict(void)
{
	int fd = client(), lost = 0;
	uint64_t bytes = vram_bytes(fd) / PARTS;
	struct buffer b[PARTS + 1];

	for (int i = 0; i <= PARTS; i++)
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
	for (int i = 0; i < PARTS; i++)
		buffer_move(&b[i], VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	fault_set("fail_moves", 1);
	buffer_move(&b[PARTS], VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	buffer_verify(&b[PARTS], "who evicted another");
	for (int i = 0; i < PARTS; i++) {
		if (buffer_is_whole(&b[i])) {
			igt_assert(!(buffer_info(&b[i]).flags & VTTM_OBJECT_LOST));
			continue;
		}
		igt_assert_f(!buffer_count_nonzero(&b[i]), "object %d is neither\n", i);
		igt_assert(buffer_info(&b[i]).flags & VTTM_OBJECT_LOST);
		lost++;
	}
	igt_assert_f(lost == 1, "%d objects were lost\n", lost);
}

/* Whole or zeroes, whatever fails when. */
static void fail_at_random(void)
{
	int fd = client(), lost = 0;
	uint64_t random = seed, bytes = vram_bytes(fd) / PARTS;
	struct buffer b[2 * PARTS];

	for (int i = 0; i < 2 * PARTS; i++)
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
	for (int i = 0; i < (quick ? 60 : 240); i++) {
		struct buffer *one = &b[random_next(&random) % ARRAY_SIZE(b)];

		if (!(random_next(&random) % 4))
			fault_set("fail_moves", 1);
		buffer_move(one, 1 + random_next(&random) % 2, 0);
		if (random_next(&random) % 4 || buffer_is_whole(one))
			continue;
		igt_assert_f(!buffer_count_nonzero(one), "neither whole nor zeroes\n");
		buffer_rewrite(one);
		lost++;
	}
	igt_info("%d objects were lost, and found as zeroes\n", lost);
}

/* Without a job the caller copies: later, but the same. */
static void no_job(void)
{
	int fd = client();
	uint64_t before = worker_total("sync_moves");
	struct buffer b = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);

	for (int i = 0; i < 4; i++) {
		uint32_t out;

		fault_set("fail_allocs", 1);
		out = buffer_move_out(&b, i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
				      VTTM_MOVE_ASYNC);
		igt_assert_f(syncobj_status(fd, out) == 1, "not over when the call returned\n");
		igt_assert(!fault_get("fail_allocs"));
		buffer_verify(&b, "copied by the caller");
		buffer_rewrite(&b);
	}
	igt_assert(worker_total("sync_moves") == before + 4);
}

/* Evictions without a job, at random, among others. */
static void no_job_evict(void)
{
	int fd = client();
	uint64_t random = seed, bytes = vram_bytes(fd) / PARTS;
	struct buffer b[2 * PARTS];

	for (int i = 0; i < 2 * PARTS; i++)
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
	for (int i = 0; i < (quick ? 40 : 120); i++) {
		fault_set("fail_allocs", random_next(&random) % 3);
		buffer_move(&b[random_next(&random) % ARRAY_SIZE(b)], VTTM_PLACE_VRAM, 0);
	}
	for (int i = 0; i < 2 * PARTS; i++)
		buffer_verify(&b[i], "after moves with and without jobs");
}

static void bounds(void)
{
	fault_set("copy_delay_us", 0);
	expect(fault_try_set("copy_delay_us", MAX_DELAY_US), 0, "the longest delay");
	expect(fault_try_set("copy_delay_us", MAX_DELAY_US + 1), -EINVAL, "a longer delay");
	igt_assert(fault_get("copy_delay_us") == MAX_DELAY_US);
	expect(fault_try_set("fail_moves", UINT32_MAX), -EINVAL, "too many failures");
	expect(fault_try_set("fail_allocs", UINT32_MAX), -EINVAL, "too many failures");
	igt_assert(!fault_get("fail_moves") && !fault_get("fail_allocs"));
}

const struct subtest error_subtests[] = {
	{ "fault-bounds", "What debugfs can be asked for has limits.", bounds },
	{ "fault-move-in", "A failed copy into VRAM: error on the sync_file, zeroes.", fail_in },
	{ "fault-move-out", "A failed copy out of VRAM: error on the sync_file, zeroes.",
	  fail_out },
	{ "fault-move-wait", "A failed copy that the call waits for.", fail_waited_for },
	{ "fault-move-interrupted", "A failed copy whose waiter was interrupted, and asks again.",
	  fail_interrupted },
	{ "fault-move-before", "A move behind one that fails keeps its bytes.", fail_before },
	{ "fault-evict", "A failed eviction loses one object only.", fail_evict },
	{ "fault-random", "Failures at random: each object is whole, or zeroes.",
	  fail_at_random },
	{ "fault-alloc", "Without a job the call copies, and its fence has signalled.",
	  no_job },
	{ "fault-alloc-evict", "Evictions with and without a job.", no_job_evict },
	{ }
};
