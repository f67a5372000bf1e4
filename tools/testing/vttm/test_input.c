// SPDX-License-Identifier: MIT
/*
 * Input that must be refused, and must leave everything as it was.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

#include "test.h"

#define MANY		1000
#define TIMELINE_END	7
#define OBJECT_BYTES	(3 * PAGE)

/* In the tables below these stand for handles; the fixture has the real ones. */
enum object { NONE, BOTH, SYSTEM_ONLY, VRAM_ONLY, OVERSIZED, CLOSED, HUGE, NUM_OBJECTS };
enum syncobj { NO_SYNCOBJ, EMPTY, BINARY, TIMELINE, UNKNOWN, NUM_SYNCOBJS };

/* Of every object that lives. */
struct state {
	uint64_t used;
	struct drm_vttm_object_info info[OVERSIZED + 1];
};

struct fixture {
	int fd;
	struct buffer buffers[OVERSIZED + 1];
	uint32_t handles[NUM_OBJECTS];
	uint32_t syncobjs[NUM_SYNCOBJS];
	struct state before;
};

static void take_state(const struct fixture *f, struct state *state)
{
	memset(state, 0, sizeof(*state));
	state->used = vram_used(f->fd);
	for (int i = BOTH; i <= OVERSIZED; i++)
		state->info[i] = buffer_info(&f->buffers[i]);
}

/* The call is refused with @error, and nothing has changed. */
static void refuse(const struct fixture *f, unsigned long request, void *argument, int error,
		   const char *what)
{
	struct state after;

	expect(try_ioctl(f->fd, request, argument), -error, what);
	take_state(f, &after);
	check(!memcmp(&f->before, &after, sizeof(after)), "%s: refused, but not without effect",
	      what);
}

static void make_objects(struct fixture *f)
{
	static const uint32_t placements[] = {
		[BOTH] = VTTM_PLACE_MASK, [SYSTEM_ONLY] = VTTM_PLACE_SYSTEM,
		[VRAM_ONLY] = VTTM_PLACE_VRAM, [OVERSIZED] = VTTM_PLACE_MASK,
	};
	struct buffer closed;

	for (int i = BOTH; i <= OVERSIZED; i++) {
		uint64_t bytes = i == OVERSIZED ? vram_bytes(f->fd) + PAGE : OBJECT_BYTES;

		f->buffers[i] = buffer_create(f->fd, bytes, placements[i]);
		f->handles[i] = f->buffers[i].handle;
	}
	closed = buffer_create(f->fd, PAGE, VTTM_PLACE_MASK);
	f->handles[CLOSED] = closed.handle;
	buffer_close(&closed);
	f->handles[HUGE] = UINT32_MAX;
}

/* The fences are those of a move: they may be freed, unlike the kernel's stub. */
static void make_syncobjs(struct fixture *f)
{
	for (int i = EMPTY; i <= TIMELINE; i++)
		f->syncobjs[i] = syncobj_new(f->fd);
	f->syncobjs[UNKNOWN] = UINT32_MAX;
	buffer_move_as(&f->buffers[BOTH], (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_ASYNC,
		.out_syncobj = f->syncobjs[BINARY],
	});
	buffer_move_as(&f->buffers[BOTH], (struct drm_vttm_move){
		.placement = VTTM_PLACE_SYSTEM, .flags = VTTM_MOVE_ASYNC,
		.out_syncobj = f->syncobjs[TIMELINE], .out_point = TIMELINE_END,
	});
}

static void set_up(struct fixture *f, uint32_t placement)
{
	memset(f, 0, sizeof(*f));
	f->fd = client();
	make_objects(f);
	make_syncobjs(f);
	buffer_move(&f->buffers[BOTH], placement, VTTM_MOVE_WAIT);
	for (int i = BOTH; i <= OVERSIZED; i++)
		buffer_wait(&f->buffers[i]);
	check(vram_becomes(f->fd, (placement == VTTM_PLACE_VRAM ? 2 : 1) * OBJECT_BYTES),
	      "%" PRIu64 " bytes of VRAM are in use before the test", vram_used(f->fd));
	take_state(f, &f->before);
}

static void tear_down(struct fixture *f)
{
	for (int i = BOTH; i <= OVERSIZED; i++)
		buffer_close(&f->buffers[i]);
	check(vram_becomes(f->fd, 0), "closed objects keep VRAM");
	close(f->fd);
}

/* Create */

static const struct {
	const char *what;
	struct drm_vttm_create create;
} bad_creates[] = {
	{ "size 0", { .placements = VTTM_PLACE_MASK } },
	{ "no placement", { .size = PAGE } },
	{ "unknown placement", { .size = PAGE, .placements = 4 } },
	{ "known and unknown placements", { .size = PAGE, .placements = 7 } },
	{ "highest placement", { .size = PAGE, .placements = 1u << 31 } },
	{ "lowest flag", { .size = PAGE, .placements = VTTM_PLACE_MASK, .flags = 1 } },
	{ "highest flag", { .size = PAGE, .placements = VTTM_PLACE_MASK, .flags = 1u << 31 } },
	{ "padding", { .size = PAGE, .placements = VTTM_PLACE_MASK, .pad = 1 } },
};

static void test_create(void)
{
	struct fixture f;

	set_up(&f, VTTM_PLACE_SYSTEM);
	for (size_t i = 0; i < sizeof(bad_creates) / sizeof(*bad_creates); i++) {
		struct drm_vttm_create create = bad_creates[i].create;

		refuse(&f, DRM_IOCTL_VTTM_CREATE, &create, EINVAL, bad_creates[i].what);
		check(!create.handle, "%s: a handle all the same", bad_creates[i].what);
	}
}

/* The largest sizes wrap around when they are rounded up to pages. */
static void test_create_size(void)
{
	uint64_t vram = vram_bytes(client());
	const uint64_t sizes[] = {
		vram + 1, vram * 2, 1ull << 46, 1ull << 63,
		UINT64_MAX - PAGE + 1, UINT64_MAX - PAGE + 2, UINT64_MAX,
	};
	struct fixture f;

	set_up(&f, VTTM_PLACE_VRAM);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct drm_vttm_create create = {
			.size = sizes[i], .placements = VTTM_PLACE_VRAM,
		};

		refuse(&f, DRM_IOCTL_VTTM_CREATE, &create, E2BIG, "too large for VRAM");
		if (i < 2)
			continue;
		create.placements = VTTM_PLACE_MASK;
		refuse(&f, DRM_IOCTL_VTTM_CREATE, &create, E2BIG, "too large for any place");
	}
}

/* Move */

struct bad_move {
	const char *what;
	int error;
	struct drm_vttm_move move;
};

#define TO_VRAM(number)	.handle = (number), .placement = VTTM_PLACE_VRAM

static const struct bad_move bad_moves[] = {
	{ "first unknown flag", EINVAL, { TO_VRAM(BOTH), .flags = 8 } },
	{ "highest flag", EINVAL, { TO_VRAM(BOTH), .flags = 1u << 31 } },
	{ "padding", EINVAL, { TO_VRAM(BOTH), .pad = 1 } },
	{ "SYNC and ASYNC", EINVAL,
	  { TO_VRAM(BOTH), .flags = VTTM_MOVE_SYNC | VTTM_MOVE_ASYNC } },
	{ "no placement", EINVAL, { .handle = BOTH } },
	{ "two placements", EINVAL, { .handle = BOTH, .placement = VTTM_PLACE_MASK } },
	{ "unknown placement", EINVAL, { .handle = BOTH, .placement = 4 } },
	{ "highest placement", EINVAL, { .handle = BOTH, .placement = 1u << 31 } },
	{ "not created for VRAM", EINVAL, { TO_VRAM(SYSTEM_ONLY) } },
	{ "not created for system memory", EINVAL,
	  { .handle = VRAM_ONLY, .placement = VTTM_PLACE_SYSTEM } },
	{ "larger than VRAM", E2BIG, { TO_VRAM(OVERSIZED) } },
	{ "handle 0", ENOENT, { TO_VRAM(NONE) } },
	{ "closed handle", ENOENT, { TO_VRAM(CLOSED) } },
	{ "huge handle", ENOENT, { TO_VRAM(HUGE) } },
	{ "in point without syncobj", EINVAL, { TO_VRAM(BOTH), .in_point = 1 } },
	{ "out point without syncobj", EINVAL, { TO_VRAM(BOTH), .out_point = 1 } },
	{ "unknown in syncobj", ENOENT, { TO_VRAM(BOTH), .in_syncobj = UNKNOWN } },
	{ "unknown out syncobj", ENOENT, { TO_VRAM(BOTH), .out_syncobj = UNKNOWN } },
	{ "unknown out syncobj, good in syncobj", ENOENT,
	  { TO_VRAM(BOTH), .in_syncobj = BINARY, .out_syncobj = UNKNOWN } },
	{ "in syncobj without fence", EINVAL, { TO_VRAM(BOTH), .in_syncobj = EMPTY } },
	{ "in point without fence", EINVAL,
	  { TO_VRAM(BOTH), .in_syncobj = EMPTY, .in_point = 1 } },
	{ "in point of a binary syncobj", EINVAL,
	  { TO_VRAM(BOTH), .in_syncobj = BINARY, .in_point = 1 } },
	{ "in point beyond the last", EINVAL,
	  { TO_VRAM(BOTH), .in_syncobj = TIMELINE, .in_point = TIMELINE_END + 1 } },
	{ "highest in point", EINVAL,
	  { TO_VRAM(BOTH), .in_syncobj = TIMELINE, .in_point = UINT64_MAX } },
	{ "out point that is the last", EINVAL,
	  { TO_VRAM(BOTH), .out_syncobj = TIMELINE, .out_point = TIMELINE_END } },
	{ "out point before the last, good in syncobj", EINVAL,
	  { TO_VRAM(BOTH), .in_syncobj = BINARY, .out_syncobj = TIMELINE,
	    .out_point = TIMELINE_END - 1 } },
};

static void refuse_move(const struct fixture *f, const struct bad_move *bad)
{
	struct drm_vttm_move move = bad->move;

	move.handle = f->handles[move.handle];
	move.in_syncobj = f->syncobjs[move.in_syncobj];
	move.out_syncobj = f->syncobjs[move.out_syncobj];
	refuse(f, DRM_IOCTL_VTTM_MOVE, &move, bad->error, bad->what);
}

/* From either place, so that both a move and "already there" are refused. */
static void test_move(void)
{
	for (uint32_t placement = VTTM_PLACE_SYSTEM; placement <= VTTM_PLACE_VRAM; placement++) {
		struct fixture f;

		set_up(&f, placement);
		for (size_t i = 0; i < sizeof(bad_moves) / sizeof(*bad_moves); i++)
			refuse_move(&f, &bad_moves[i]);
		check(!syncobj_is_signalled(f.fd, f.syncobjs[EMPTY], 0),
		      "a refused move gave a syncobj a fence");
		tear_down(&f);
	}
}

/* A reference that each call took or dropped too much would show. */
static void test_move_many(void)
{
	struct fixture f;

	set_up(&f, VTTM_PLACE_SYSTEM);
	for (size_t i = 0; i < sizeof(bad_moves) / sizeof(*bad_moves); i++) {
		const struct drm_vttm_move *move = &bad_moves[i].move;

		if (move->in_syncobj != BINARY && move->in_syncobj != TIMELINE &&
		    move->out_syncobj != TIMELINE)
			continue;
		for (int n = 0; n < MANY; n++)
			refuse_move(&f, &bad_moves[i]);
	}
	/* The fences are still there, and still good to wait for. */
	syncobj_await(f.fd, f.syncobjs[BINARY], 0, "the binary syncobj");
	syncobj_await(f.fd, f.syncobjs[TIMELINE], TIMELINE_END, "the timeline");
	buffer_move_as(&f.buffers[BOTH], (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_WAIT,
		.in_syncobj = f.syncobjs[TIMELINE], .in_point = TIMELINE_END,
		.out_syncobj = f.syncobjs[BINARY],
	});
}

/* The other ioctls */

static void test_wait(void)
{
	static const struct {
		const char *what;
		int error;
		struct drm_vttm_wait wait;
	} bad[] = {
		{ "lowest flag", EINVAL, { .handle = BOTH, .flags = 1 } },
		{ "highest flag", EINVAL, { .handle = BOTH, .flags = 1u << 31 } },
		{ "handle 0", ENOENT, { .handle = NONE } },
		{ "closed handle", ENOENT, { .handle = CLOSED } },
		{ "huge handle", ENOENT, { .handle = HUGE } },
	};
	struct fixture f;

	set_up(&f, VTTM_PLACE_SYSTEM);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct drm_vttm_wait wait = bad[i].wait;

		wait.handle = f.handles[wait.handle];
		refuse(&f, DRM_IOCTL_VTTM_WAIT, &wait, bad[i].error, bad[i].what);
	}
}

static void test_mmap_offset(void)
{
	static const struct {
		const char *what;
		int error;
		struct drm_vttm_mmap_offset place;
	} bad[] = {
		{ "padding", EINVAL, { .handle = BOTH, .pad = 1 } },
		{ "handle 0", ENOENT, { .handle = NONE } },
		{ "closed handle", ENOENT, { .handle = CLOSED } },
		{ "huge handle", ENOENT, { .handle = HUGE } },
	};
	struct fixture f;

	set_up(&f, VTTM_PLACE_SYSTEM);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct drm_vttm_mmap_offset place = bad[i].place;

		place.handle = f.handles[place.handle];
		refuse(&f, DRM_IOCTL_VTTM_MMAP_OFFSET, &place, bad[i].error, bad[i].what);
	}
}

static void test_object_info(void)
{
	static const struct {
		const char *what;
		int error;
		struct drm_vttm_object_info info;
	} bad[] = {
		{ "padding", EINVAL, { .handle = BOTH, .pad = 1 } },
		{ "handle 0", ENOENT, { .handle = NONE } },
		{ "closed handle", ENOENT, { .handle = CLOSED } },
		{ "huge handle", ENOENT, { .handle = HUGE } },
	};
	struct fixture f;

	set_up(&f, VTTM_PLACE_SYSTEM);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct drm_vttm_object_info info = bad[i].info;

		info.handle = f.handles[info.handle];
		refuse(&f, DRM_IOCTL_VTTM_OBJECT_INFO, &info, bad[i].error, bad[i].what);
	}
}

/* A word of an ioctl's argument, and the bits of it that are not for users. */
struct bad_bits {
	const char *what;
	unsigned long request;
	size_t offset;
	uint32_t allowed;
};

#define BITS(request, type, member, allowed) \
	{ #member " of " #request, request, offsetof(struct type, member), allowed }

static const struct bad_bits bad_bits[] = {
	BITS(DRM_IOCTL_VTTM_CREATE, drm_vttm_create, placements, VTTM_PLACE_MASK),
	BITS(DRM_IOCTL_VTTM_CREATE, drm_vttm_create, flags, 0),
	BITS(DRM_IOCTL_VTTM_CREATE, drm_vttm_create, pad, 0),
	BITS(DRM_IOCTL_VTTM_MMAP_OFFSET, drm_vttm_mmap_offset, pad, 0),
	BITS(DRM_IOCTL_VTTM_MOVE, drm_vttm_move, placement, VTTM_PLACE_MASK),
	BITS(DRM_IOCTL_VTTM_MOVE, drm_vttm_move, flags, VTTM_MOVE_MASK),
	BITS(DRM_IOCTL_VTTM_MOVE, drm_vttm_move, pad, 0),
	BITS(DRM_IOCTL_VTTM_WAIT, drm_vttm_wait, flags, 0),
	BITS(DRM_IOCTL_VTTM_OBJECT_INFO, drm_vttm_object_info, pad, 0),
};

/* Good but for one bit. */
union argument {
	struct drm_vttm_create create;
	struct drm_vttm_mmap_offset place;
	struct drm_vttm_move move;
	struct drm_vttm_wait wait;
	struct drm_vttm_object_info info;
};

static void argument_init(const struct fixture *f, unsigned long request, union argument *a)
{
	uint32_t handle = f->handles[BOTH];

	memset(a, 0, sizeof(*a));
	switch (request) {
	case DRM_IOCTL_VTTM_CREATE:
		a->create.size = PAGE;
		a->create.placements = VTTM_PLACE_MASK;
		break;
	case DRM_IOCTL_VTTM_MMAP_OFFSET:
		a->place.handle = handle;
		break;
	case DRM_IOCTL_VTTM_MOVE:
		a->move.handle = handle;
		a->move.placement = VTTM_PLACE_VRAM;
		break;
	case DRM_IOCTL_VTTM_WAIT:
		a->wait.handle = handle;
		break;
	case DRM_IOCTL_VTTM_OBJECT_INFO:
		a->info.handle = handle;
	}
}

static void refuse_bits(const struct fixture *f, const struct bad_bits *bad)
{
	for (unsigned int bit = 0; bit < 32; bit++) {
		union argument a;
		char what[80];

		if (bad->allowed & 1u << bit)
			continue;
		argument_init(f, bad->request, &a);
		*(uint32_t *)((char *)&a + bad->offset) |= 1u << bit;
		snprintf(what, sizeof(what), "bit %u in %s", bit, bad->what);
		refuse(f, bad->request, &a, EINVAL, what);
	}
}

static void test_bits(void)
{
	struct fixture f;

	set_up(&f, VTTM_PLACE_SYSTEM);
	for (size_t i = 0; i < sizeof(bad_bits) / sizeof(*bad_bits); i++)
		refuse_bits(&f, &bad_bits[i]);
}

static void test_unknown_ioctls(void)
{
	struct fixture f;
	char argument[64] = { 0 };

	set_up(&f, VTTM_PLACE_SYSTEM);
	for (int i = DRM_VTTM_OBJECT_INFO + 1; i < DRM_COMMAND_END - DRM_COMMAND_BASE; i++)
		refuse(&f, DRM_IOC(DRM_IOC_READWRITE, DRM_IOCTL_BASE, DRM_COMMAND_BASE + i,
				   sizeof(argument)), argument, EINVAL, "unknown ioctl");
}

static void test_bad_pointers(void)
{
	static const unsigned long requests[] = {
		DRM_IOCTL_VTTM_INFO, DRM_IOCTL_VTTM_CREATE, DRM_IOCTL_VTTM_MMAP_OFFSET,
		DRM_IOCTL_VTTM_MOVE, DRM_IOCTL_VTTM_WAIT, DRM_IOCTL_VTTM_OBJECT_INFO,
	};
	struct fixture f;

	set_up(&f, VTTM_PLACE_SYSTEM);
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		refuse(&f, requests[i], NULL, EFAULT, "no argument");
		refuse(&f, requests[i], (void *)-PAGE, EFAULT, "an argument of the kernel's");
	}
}

const struct test input_tests[] = {
	{ "input-create", test_create },
	{ "input-create-size", test_create_size },
	{ "input-move", test_move },
	{ "input-move-many", test_move_many },
	{ "input-wait", test_wait },
	{ "input-mmap-offset", test_mmap_offset },
	{ "input-object-info", test_object_info },
	{ "input-bits", test_bits },
	{ "input-unknown-ioctls", test_unknown_ioctls },
	{ "input-bad-pointers", test_bad_pointers },
	{ }
};
