// SPDX-License-Identifier: MIT
/*
 * Fences that moves give and take, and waiting.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <xf86drm.h>

#include "test.h"

/* How long something must go on not happening to be believed. */
#define A_WHILE_MS	60

/* Out-syncobjs */

static void test_out_binary(void)
{
	int fd = client();
	uint32_t out = syncobj_new(fd);
	struct buffer b = buffer_create_filled(fd, 5 * MIB, VTTM_PLACE_MASK);

	for (int i = 0; i < 4; i++) {
		buffer_move_as(&b, (struct drm_vttm_move){
			.placement = i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
			.out_syncobj = out,
		});
		syncobj_await(fd, out, 0, "the fence of a move");
		check(!buffer_is_busy(&b), "busy after the fence of the move has signalled");
	}
	buffer_verify(&b, "after four moves");
}

static void check_last_point(int fd, uint32_t syncobj, uint64_t wanted)
{
	uint64_t last = 0;

	expect(drmSyncobjQuery(fd, &syncobj, &last, 1) ? -errno : 0, 0, "asking for a point");
	check(last == wanted, "last point %" PRIu64 " instead of %" PRIu64, last, wanted);
}

/* Points need not follow each other closely, and moves without a point may be between. */
static void test_out_timeline(void)
{
	static const uint64_t points[] = { 1, 2, 10, UINT64_MAX };
	int fd = client();
	uint32_t out = syncobj_new(fd);
	struct buffer b = buffer_create_filled(fd, 5 * MIB, VTTM_PLACE_MASK);

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		buffer_move_as(&b, (struct drm_vttm_move){
			.placement = i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
			.out_syncobj = out, .out_point = points[i],
		});
	}
	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		syncobj_await(fd, out, points[i], "a point of the timeline");
	check_last_point(fd, out, UINT64_MAX);
	check(!buffer_is_busy(&b), "busy after the last point has signalled");
	buffer_verify(&b, "after the moves");
}

/* A binary fence may be followed by points. */
static void test_out_mixed(void)
{
	int fd = client();
	uint32_t out = syncobj_new(fd);
	struct buffer b = buffer_create(fd, PAGE, VTTM_PLACE_MASK);

	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .out_syncobj = out,
	});
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_SYSTEM, .out_syncobj = out, .out_point = 1,
	});
	syncobj_await(fd, out, 1, "a point behind a binary fence");
}

/* In-syncobjs */

/* The gate holds a move of @a, whose fence holds a move of @b. */
static void move_chained(int fd, uint64_t point, uint32_t flags)
{
	struct gate gate;
	uint32_t in = gate_create(&gate, fd), link = syncobj_new(fd), out = syncobj_new(fd);
	struct buffer a = buffer_create_filled(fd, 3 * MIB, VTTM_PLACE_MASK);
	struct buffer b = buffer_create_filled(fd, PAGE, VTTM_PLACE_MASK);

	buffer_move_as(&a, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = flags, .in_syncobj = in,
		.out_syncobj = link, .out_point = point,
	});
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = flags, .in_syncobj = link,
		.in_point = point, .out_syncobj = out,
	});
	sleep_ms(A_WHILE_MS);
	check(buffer_is_busy(&a) && buffer_is_busy(&b), "moves did not wait for their fences");
	check(!syncobj_is_signalled(fd, link, point), "the first fence signals too early");
	check(!syncobj_is_signalled(fd, out, 0), "the second fence signals too early");
	gate_open(&gate);
	syncobj_await(fd, out, 0, "the end of the chain");
	check(syncobj_is_signalled(fd, link, point), "the second move did not wait for the first");
	check(!buffer_is_busy(&b), "busy after its fence has signalled");
	buffer_verify(&a, "the first of a chain");
	buffer_verify(&b, "the second of a chain");
	buffer_close(&a);
	buffer_close(&b);
}

static void test_in_binary(void)
{
	move_chained(client(), 0, VTTM_MOVE_ASYNC);
}

static void test_in_timeline(void)
{
	move_chained(client(), 5, VTTM_MOVE_ASYNC);
}

struct sync_move {
	const struct buffer *b;
	uint32_t in;
};

static void move_synchronously(void *argument)
{
	const struct sync_move *how = argument;

	buffer_move_as(how->b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_SYNC, .in_syncobj = how->in,
	});
}

/* Without the worker it is the caller who waits. */
static void test_in_sync(void)
{
	struct gate gate;
	int fd = client();
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
	struct sync_move how = { .b = &b, .in = gate_create(&gate, fd) };
	pid_t pid = spawn(move_synchronously, &how);

	sleep_ms(A_WHILE_MS);
	check(!has_ended(pid), "a synchronous move does not wait for its fence");
	gate_open(&gate);
	join(pid, "a synchronous move behind a fence");
	buffer_check_place(&b, VTTM_PLACE_VRAM, "after the move");
	buffer_verify(&b, "after the move");
}

/* Moves that have nothing to move */

static void test_nothing_to_move(void)
{
	int fd = client();
	uint32_t out = syncobj_new(fd);
	struct buffer b = buffer_create(fd, PAGE, VTTM_PLACE_MASK);

	for (int i = 0; i < 2; i++) {
		uint32_t placement = i ? VTTM_PLACE_VRAM : VTTM_PLACE_SYSTEM;

		buffer_move(&b, placement, VTTM_MOVE_WAIT);
		buffer_move_as(&b, (struct drm_vttm_move){
			.placement = placement, .out_syncobj = out, .out_point = i + 1,
		});
		check(syncobj_is_signalled(fd, out, i + 1), "nothing to move, but no fence");
	}
}

/* Its fence stands for the moves before it, and for its own in-syncobj. */
static void nothing_to_move_behind(bool own)
{
	struct gate gate;
	int fd = client();
	uint32_t in = gate_create(&gate, fd), out = syncobj_new(fd);
	struct buffer b = buffer_create(fd, PAGE, VTTM_PLACE_MASK);

	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = own ? 0 : in,
		.flags = own ? VTTM_MOVE_WAIT : 0,
	});
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = own ? in : 0, .out_syncobj = out,
	});
	sleep_ms(A_WHILE_MS);
	check(!syncobj_is_signalled(fd, out, 0), "the fence signals too early");
	gate_open(&gate);
	syncobj_await(fd, out, 0, "a fence with nothing to move");
}

static void test_nothing_behind_move(void)
{
	nothing_to_move_behind(false);
}

static void test_nothing_behind_fence(void)
{
	nothing_to_move_behind(true);
}

/* Waiting */

static void test_wait_flag(void)
{
	int fd = client();
	uint32_t out = syncobj_new(fd);
	struct buffer b = buffer_create_filled(fd, 5 * MIB, VTTM_PLACE_MASK);

	for (int i = 0; i < 6; i++) {
		buffer_move_as(&b, (struct drm_vttm_move){
			.placement = i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
			.flags = VTTM_MOVE_WAIT, .out_syncobj = out,
		});
		check(!buffer_is_busy(&b), "busy after VTTM_MOVE_WAIT");
		check(syncobj_is_signalled(fd, out, 0), "fence unsignalled after VTTM_MOVE_WAIT");
	}
}

/* How often this thread gave its processor away, to wait for something. */
static long sleeps(void)
{
	struct rusage usage;

	check(!getrusage(RUSAGE_THREAD, &usage), "getrusage: %s", error_name(-errno));
	return usage.ru_nvcsw;
}

/* With a time that is past, whether the object is busy: no wait, not even a short one. */
static void look(const struct buffer *b, int wanted, const char *what)
{
	static const int64_t past[] = { 0, 1, -1, INT64_MIN };
	long before = sleeps();

	for (size_t i = 0; i < sizeof(past) / sizeof(*past); i++)
		expect(buffer_try_wait(b, past[i]), wanted, what);
	check(sleeps() == before, "%s: slept", what);
}

/* Until when the wait goes, and that the object is busy or not. */
static void test_wait_until(void)
{
	struct gate gate;
	int fd = client();
	uint32_t in = gate_create(&gate, fd);
	struct buffer b = buffer_create_filled(fd, 3 * MIB, VTTM_PLACE_MASK);
	uint64_t deadline;

	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = in,
	});
	look(&b, -ETIME, "looking at a busy object");

	deadline = now_ns() + A_WHILE_MS * MS;
	expect(buffer_try_wait(&b, deadline), -ETIME, "waiting for a busy object");
	check(now_ns() >= deadline, "the wait ended before its time");

	gate_open(&gate);
	expect(buffer_try_wait(&b, INT64_MAX), 0, "waiting for ever");
	look(&b, 0, "looking at an idle object");
}

/* Signals */

static void test_interrupted_move(void)
{
	struct gate gate;
	int fd = client();
	uint32_t in = gate_create(&gate, fd), out = syncobj_new(fd);
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
	struct drm_vttm_move move = {
		.handle = b.handle, .placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_WAIT,
		.in_syncobj = in, .out_syncobj = out,
	};

	expect(call_once(fd, DRM_IOCTL_VTTM_MOVE, &move), -EINTR, "an interrupted move");
	check(drmSyncobjWait(fd, &out, 1, 0, 0, NULL) == -EINVAL,
	      "an interrupted move gave its syncobj a fence");
	buffer_check_place(&b, VTTM_PLACE_VRAM, "after the interruption");
	check(buffer_is_busy(&b), "the move did not go on after the interruption");
	gate_open(&gate);
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_MOVE, &move), 0, "the same move again");
	check(syncobj_is_signalled(fd, out, 0), "no fence after the second call");
	buffer_verify(&b, "after an interrupted move");
}

/* Nothing was moved: the copy would have been the caller's. */
static void test_interrupted_sync_move(void)
{
	struct gate gate;
	int fd = client();
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
	struct drm_vttm_move move = {
		.handle = b.handle, .placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_SYNC,
		.in_syncobj = gate_create(&gate, fd),
	};

	expect(call_once(fd, DRM_IOCTL_VTTM_MOVE, &move), -EINTR, "an interrupted move");
	buffer_check_place(&b, VTTM_PLACE_SYSTEM, "after the interruption");
	check(!buffer_is_busy(&b), "busy after the interruption");
	check(vram_becomes(fd, 0), "VRAM is in use after the interruption");
	gate_open(&gate);
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_MOVE, &move), 0, "the same move again");
	buffer_verify(&b, "after an interrupted move");
}

static void test_interrupted_wait(void)
{
	struct gate gate;
	int fd = client();
	struct buffer b = buffer_create(fd, MIB, VTTM_PLACE_MASK);
	struct drm_vttm_wait wait = { .handle = b.handle, .timeout_ns = INT64_MAX };

	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = gate_create(&gate, fd),
	});
	expect(call_once(fd, DRM_IOCTL_VTTM_WAIT, &wait), -EINTR, "an interrupted wait");
	gate_open(&gate);
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_WAIT, &wait), 0, "the same wait again");
}

const struct test fence_tests[] = {
	{ "out-binary", test_out_binary },
	{ "out-timeline", test_out_timeline },
	{ "out-mixed", test_out_mixed },
	{ "in-binary", test_in_binary },
	{ "in-timeline", test_in_timeline },
	{ "in-sync", test_in_sync },
	{ "nothing-to-move", test_nothing_to_move },
	{ "nothing-behind-move", test_nothing_behind_move },
	{ "nothing-behind-fence", test_nothing_behind_fence },
	{ "wait-flag", test_wait_flag },
	{ "wait-until", test_wait_until },
	{ "interrupted-move", test_interrupted_move },
	{ "interrupted-sync-move", test_interrupted_sync_move },
	{ "interrupted-wait", test_interrupted_wait },
	{ }
};
