// SPDX-License-Identifier: MIT
/*
 * What a move waits for, and what it signals.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xf86drm.h>

#include "vttm_async_move.h"

static uint32_t other_place(uint32_t placement)
{
	return VTTM_PLACE_MASK & ~placement;
}

/* Behind a fence of somebody else's, in both directions. */
static void in_fence(void)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);

	for (uint32_t from = VTTM_PLACE_SYSTEM; from <= VTTM_PLACE_VRAM; from++) {
		struct hold hold;
		uint32_t in = hold_create(&hold, fd), out = syncobj_new(fd);

		buffer_move(&b, from, VTTM_MOVE_WAIT);
		buffer_move_as(&b, (struct drm_vttm_move){
			.placement = other_place(from), .flags = VTTM_MOVE_ASYNC,
			.in_syncobj = in, .out_syncobj = out,
		});
		sleep_ms(A_WHILE_MS);
		igt_assert_f(!syncobj_status(fd, out), "the move did not wait\n");
		igt_assert(buffer_is_busy(&b));
		hold_release(&hold);
		igt_assert(syncobj_await_status(fd, out) == 1);
		buffer_verify(&b, "moved behind a fence");
	}
}

/* The fence of the move that is held back holds back that of another object. */
static void in_fence_of_move(void)
{
	int fd = client();
	struct hold hold;
	uint32_t in = hold_create(&hold, fd);
	struct buffer a = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);
	struct buffer b = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);
	uint32_t moved = syncobj_new(fd);

	buffer_move_as(&a, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = in, .out_syncobj = moved,
	});
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = moved,
	});
	sleep_ms(A_WHILE_MS);
	igt_assert(buffer_is_busy(&a) && buffer_is_busy(&b));
	hold_release(&hold);
	buffer_wait(&b);
	igt_assert_f(!buffer_is_busy(&a), "a move did not wait for another one's fence\n");
	buffer_verify(&a, "the first");
	buffer_verify(&b, "the second");
}

/* A second move, which has no fence of its own, waits for the first all the same. */
static void in_fence_order(void)
{
	int fd = client();
	struct hold hold;
	uint32_t in = hold_create(&hold, fd), out;
	struct buffer b = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);

	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_ASYNC, .in_syncobj = in,
	});
	out = buffer_move_out(&b, VTTM_PLACE_SYSTEM, VTTM_MOVE_ASYNC);
	sleep_ms(A_WHILE_MS);
	igt_assert_f(!syncobj_status(fd, out), "a move overtook the one before\n");
	hold_release(&hold);
	igt_assert(syncobj_await_status(fd, out) == 1);
	buffer_verify(&b, "after two moves behind a fence");
}

static void in_fence_timeline(void)
{
	int fd = client();
	struct hold hold;
	uint32_t in = hold_create(&hold, fd), timeline = syncobj_new(fd);
	struct buffer a = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);

	buffer_move_as(&a, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = in,
		.out_syncobj = timeline, .out_point = 4,
	});
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = timeline, .in_point = 4,
		.out_syncobj = timeline, .out_point = 9,
	});
	sleep_ms(A_WHILE_MS);
	igt_assert(!syncobj_is_signalled(fd, timeline, 4));
	igt_assert(!syncobj_is_signalled(fd, timeline, 9));
	hold_release(&hold);
	syncobj_await(fd, timeline, 9, "the last point");
	igt_assert(syncobj_is_signalled(fd, timeline, 4));
	buffer_verify(&a, "at point 4");
	buffer_verify(&b, "at point 9");
}

static void in_fence_signalled(void)
{
	int fd = client();
	struct hold hold;
	uint32_t in = hold_create(&hold, fd);
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);

	hold_release(&hold);
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_WAIT, .in_syncobj = in,
	});
	buffer_verify(&b, "moved behind a fence that had signalled");
}

/* The fence in the syncobj is active until the bytes are there, and not for longer. */
static void out_syncobj(uint64_t first_point)
{
	int fd = client();
	uint32_t out = syncobj_new(fd);
	struct buffer b = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);

	for (int i = 0; i < 4; i++) {
		uint64_t point = first_point ? first_point + i : 0;
		struct hold hold;

		buffer_move_as(&b, (struct drm_vttm_move){
			.placement = i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
			.flags = VTTM_MOVE_ASYNC, .in_syncobj = hold_create(&hold, fd),
			.out_syncobj = out, .out_point = point,
		});
		sleep_ms(A_WHILE_MS / 4);
		igt_assert_f(!syncobj_is_signalled(fd, out, point),
			     "signalled while the move is held back\n");
		hold_release(&hold);
		syncobj_await(fd, out, point, "a move's fence");
		igt_assert(!buffer_is_busy(&b));
		buffer_verify(&b, "behind the fence");
	}
}

static void out_binary(void)
{
	out_syncobj(0);
}

static void out_timeline(void)
{
	out_syncobj(1000);
}

/* A point that is to come is waited for, not only one that is there. */
static void wait_before_submit(void *argument)
{
	struct buffer *b = argument;
	uint32_t timeline = b->base;
	uint64_t point = 2;

	expect(drmSyncobjTimelineWait(b->fd, &timeline, &point, 1, now_ns() + PATIENCE,
				      DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, NULL), 0,
	       "waiting for a point that is to come");
}

static void out_waited_for(void)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK), how = b;
	pid_t pid;

	how.base = syncobj_new(fd);
	pid = spawn(wait_before_submit, &how);
	for (uint64_t point = 1; point <= 2; point++) {
		sleep_ms(A_WHILE_MS);
		igt_assert_f(!has_ended(pid), "point 2 was there before its move\n");
		buffer_move_as(&b, (struct drm_vttm_move){
			.placement = point, .out_syncobj = how.base, .out_point = point,
		});
	}
	join(pid, "who waits for point 2");
}

/* Sync files can be polled, too. */
static short polled(int fd, short events, int timeout_ms)
{
	struct pollfd one = { .fd = fd, .events = events };
	int ready = poll(&one, 1, timeout_ms);

	igt_assert(ready >= 0);
	return one.revents;
}

static void poll_sync_file(void)
{
	int fd = client(), sync_file;
	struct hold hold;
	uint32_t in = hold_create(&hold, fd), out = syncobj_new(fd);
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);

	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = in, .out_syncobj = out,
	});
	sync_file = syncobj_export(fd, out);
	igt_assert(!polled(sync_file, POLLIN, A_WHILE_MS));
	hold_release(&hold);
	igt_assert(polled(sync_file, POLLIN, PATIENCE / MS) == POLLIN);
}

/* Both readers and writers of a dma-buf wait for the kernel's own moves. */
static void poll_dmabuf(void)
{
	int fd = client(), dmabuf;
	struct hold hold;
	uint32_t in = hold_create(&hold, fd);
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);

	dmabuf = buffer_export(&b);
	igt_assert(polled(dmabuf, POLLIN, 0) == POLLIN);
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = in,
	});
	igt_assert_f(!polled(dmabuf, POLLIN, A_WHILE_MS), "readable while it moves\n");
	igt_assert_f(!polled(dmabuf, POLLOUT, A_WHILE_MS), "writable while it moves\n");
	hold_release(&hold);
	igt_assert(polled(dmabuf, POLLIN, PATIENCE / MS) == POLLIN);
	igt_assert(polled(dmabuf, POLLOUT, PATIENCE / MS) == POLLOUT);
	buffer_verify(&b, "after it was polled");
}

static void begin_cpu_access(void *argument)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };

	expect(try_ioctl(*(int *)argument, DMA_BUF_IOCTL_SYNC, &sync), 0, "beginning access");
}

static void cpu_access(void)
{
	int fd = client(), dmabuf;
	struct hold hold;
	uint32_t in = hold_create(&hold, fd);
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
	pid_t pid;

	dmabuf = buffer_export(&b);
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = in,
	});
	pid = spawn(begin_cpu_access, &dmabuf);
	sleep_ms(A_WHILE_MS);
	igt_assert_f(!has_ended(pid), "access begins while the object moves\n");
	hold_release(&hold);
	join(pid, "who wants to access a dma-buf");
}

/* What other drivers would wait for. */
static void dmabuf_fence(void)
{
	int fd = client(), dmabuf;
	struct hold hold;
	uint32_t in = hold_create(&hold, fd);
	struct buffer b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
	struct dma_buf_export_sync_file exported = { .flags = DMA_BUF_SYNC_READ };

	dmabuf = buffer_export(&b);
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = in,
	});
	expect(try_ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &exported), 0,
	       "exporting a dma-buf's fences");
	igt_assert_f(!polled(exported.fd, POLLIN, A_WHILE_MS), "the move's fence is not there\n");
	hold_release(&hold);
	igt_assert(polled(exported.fd, POLLIN, PATIENCE / MS) == POLLIN);
	igt_assert(!buffer_is_busy(&b));
}

const struct subtest fence_subtests[] = {
	{ "in-fence", "A fence of somebody else's holds a move back, and lets it go.", in_fence },
	{ "in-fence-of-move", "A move waits for another object's, by its fence.",
	  in_fence_of_move },
	{ "in-fence-order", "A move behind one that is held back does not overtake it.",
	  in_fence_order },
	{ "in-fence-timeline", "A point of a timeline as in-fence.", in_fence_timeline },
	{ "in-fence-signalled", "A fence that has signalled holds nothing back.",
	  in_fence_signalled },
	{ "out-syncobj-binary", "The out-syncobj signals with the copy.", out_binary },
	{ "out-syncobj-timeline", "Points of a timeline signal with the copies.", out_timeline },
	{ "out-syncobj-awaited", "Somebody waits for a point before its move is made.",
	  out_waited_for },
	{ "poll-sync-file", "A move's sync_file becomes readable when it ends.", poll_sync_file },
	{ "poll-dmabuf", "A dma-buf is neither readable nor writable while it moves.",
	  poll_dmabuf },
	{ "dmabuf-cpu-access", "Access to a dma-buf begins behind the move.", cpu_access },
	{ "dmabuf-export-fence", "A dma-buf's exported fence stands for the move.",
	  dmabuf_fence },
	{ }
};
