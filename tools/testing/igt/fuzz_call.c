// SPDX-License-Identifier: MIT
/*
 * What each kind of call does.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "fuzz.h"
#include "igt_vttm.h"

/* Twice all slots must not be more than the machine's memory. */
#define MAX_BYTES	(6 * MIB)
/* Sizes from here on are refused, and may stay as they are. */
#define ABSURD_BYTES	((uint64_t)1 << 45)
#define MAX_WAIT_MS	20

static const char *const names[NUM_OPS] = {
	"info", "create", "mmap_offset", "move", "wait", "object_info", "close",
	"sync_create", "sync_destroy", "sync_reset", "sync_signal", "import", "touch",
	"unknown", "pointer", "reopen",
};

const char *fuzz_op_name(uint32_t op)
{
	return op < NUM_OPS ? names[op] : "?";
}

void fuzz_file_open(struct fuzz_file *f)
{
	memset(f, 0, sizeof(*f));
	f->fd = client();
}

void fuzz_file_close(struct fuzz_file *f)
{
	close(f->fd);
}

static uint32_t from_slot(const uint32_t *slots, uint64_t slot)
{
	return slot < FUZZ_SLOTS ? __atomic_load_n(&slots[slot], __ATOMIC_RELAXED) : slot;
}

static void to_slot(uint32_t *slots, uint64_t slot, uint32_t handle)
{
	__atomic_store_n(&slots[slot % FUZZ_SLOTS], handle, __ATOMIC_RELAXED);
}

static int call_info(struct fuzz_file *f, const uint64_t *a)
{
	struct drm_vttm_info info;

	(void)a;
	return try_ioctl(f->fd, DRM_IOCTL_VTTM_INFO, &info);
}

static int close_object(struct fuzz_file *f, uint64_t slot)
{
	struct drm_gem_close argument = { .handle = from_slot(f->objects, slot) };

	if (slot < FUZZ_SLOTS)
		to_slot(f->objects, slot, 0);
	return try_ioctl(f->fd, DRM_IOCTL_GEM_CLOSE, &argument);
}

static int call_close(struct fuzz_file *f, const uint64_t *a)
{
	return close_object(f, a[0]);
}

/* What was in the slot would be lost, and its memory with it. */
static void put_object(struct fuzz_file *f, uint64_t slot, uint32_t handle)
{
	if (f->objects[slot % FUZZ_SLOTS])
		close_object(f, slot % FUZZ_SLOTS);
	to_slot(f->objects, slot, handle);
}

static int call_create(struct fuzz_file *f, const uint64_t *a)
{
	struct drm_vttm_create create = {
		.size = a[1] < ABSURD_BYTES ? a[1] % MAX_BYTES : a[1],
		.placements = a[2], .flags = a[3], .pad = a[4],
	};
	int error = try_ioctl(f->fd, DRM_IOCTL_VTTM_CREATE, &create);

	if (!error)
		put_object(f, a[0], create.handle);
	return error;
}

static int call_mmap_offset(struct fuzz_file *f, const uint64_t *a)
{
	struct drm_vttm_mmap_offset place = {
		.handle = from_slot(f->objects, a[0]), .pad = a[1],
	};

	return try_ioctl(f->fd, DRM_IOCTL_VTTM_MMAP_OFFSET, &place);
}

static int call_move(struct fuzz_file *f, const uint64_t *a)
{
	struct drm_vttm_move move = {
		.handle = from_slot(f->objects, a[0]), .placement = a[1], .flags = a[2],
		.pad = a[3], .in_syncobj = from_slot(f->syncobjs, a[4]),
		.out_syncobj = from_slot(f->syncobjs, a[5]), .in_point = a[6], .out_point = a[7],
	};

	return try_ioctl(f->fd, DRM_IOCTL_VTTM_MOVE, &move);
}

static int call_wait(struct fuzz_file *f, const uint64_t *a)
{
	struct drm_vttm_wait wait = {
		.handle = from_slot(f->objects, a[0]), .flags = a[1],
		.timeout_ns = now_ns() + a[2] % MAX_WAIT_MS * MS,
	};

	return try_ioctl(f->fd, DRM_IOCTL_VTTM_WAIT, &wait);
}

static int call_object_info(struct fuzz_file *f, const uint64_t *a)
{
	struct drm_vttm_object_info info = {
		.handle = from_slot(f->objects, a[0]), .pad = a[1],
	};

	return try_ioctl(f->fd, DRM_IOCTL_VTTM_OBJECT_INFO, &info);
}

static int destroy_syncobj(struct fuzz_file *f, uint64_t slot)
{
	uint32_t syncobj = from_slot(f->syncobjs, slot);

	if (slot < FUZZ_SLOTS)
		to_slot(f->syncobjs, slot, 0);
	return drmSyncobjDestroy(f->fd, syncobj) ? -errno : 0;
}

static int call_sync_destroy(struct fuzz_file *f, const uint64_t *a)
{
	return destroy_syncobj(f, a[0]);
}

static int call_sync_create(struct fuzz_file *f, const uint64_t *a)
{
	uint32_t syncobj;

	if (drmSyncobjCreate(f->fd, a[1], &syncobj))
		return -errno;
	if (f->syncobjs[a[0] % FUZZ_SLOTS])
		destroy_syncobj(f, a[0] % FUZZ_SLOTS);
	to_slot(f->syncobjs, a[0], syncobj);
	return 0;
}

static int call_sync_reset(struct fuzz_file *f, const uint64_t *a)
{
	uint32_t syncobj = from_slot(f->syncobjs, a[0]);

	return drmSyncobjReset(f->fd, &syncobj, 1) ? -errno : 0;
}

static int call_sync_signal(struct fuzz_file *f, const uint64_t *a)
{
	uint32_t syncobj = from_slot(f->syncobjs, a[0]);
	uint64_t point = a[1];

	return drmSyncobjTimelineSignal(f->fd, &syncobj, &point, 1) ? -errno : 0;
}

/* Export an object, and import it again: the same one, under the same handle. */
static int call_import(struct fuzz_file *f, const uint64_t *a)
{
	uint32_t handle;
	int dmabuf, error;

	if (drmPrimeHandleToFD(f->fd, from_slot(f->objects, a[0]), DRM_CLOEXEC | DRM_RDWR,
			       &dmabuf))
		return -errno;
	error = drmPrimeFDToHandle(f->fd, dmabuf, &handle) ? -errno : 0;
	close(dmabuf);
	return error;
}

/* Map a page of the object, read it, and perhaps write it. */
static int call_touch(struct fuzz_file *f, const uint64_t *a)
{
	struct drm_vttm_mmap_offset place = { .handle = from_slot(f->objects, a[0]) };
	int error = try_ioctl(f->fd, DRM_IOCTL_VTTM_MMAP_OFFSET, &place);
	uint64_t *words;

	if (error)
		return error;
	words = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, place.offset);
	if (words == MAP_FAILED)
		return -errno;
	if (a[1] & 1)
		__atomic_store_n(&words[a[2] % (PAGE / sizeof(*words))], a[2], __ATOMIC_RELAXED);
	__atomic_load_n(&words[a[1] % (PAGE / sizeof(*words))], __ATOMIC_RELAXED);
	munmap(words, PAGE);
	return 0;
}

static int call_unknown(struct fuzz_file *f, const uint64_t *a)
{
	char argument[256] = { 0 };
	unsigned int number = DRM_VTTM_OBJECT_INFO + 1 + a[0] %
			      (DRM_COMMAND_END - DRM_COMMAND_BASE - DRM_VTTM_OBJECT_INFO - 1);

	return try_ioctl(f->fd, DRM_IOC(DRM_IOC_READWRITE, DRM_IOCTL_BASE,
					DRM_COMMAND_BASE + number, a[1] % sizeof(argument)),
			 argument);
}

/* Our own ioctls at other sizes than they have, and with bad pointers. */
static int call_pointer(struct fuzz_file *f, const uint64_t *a)
{
	char argument[256];
	unsigned int number = a[0] % (DRM_VTTM_OBJECT_INFO + 1);
	void *where = a[1] % 2 ? (void *)-PAGE : argument;

	memset(argument, a[2], sizeof(argument));
	return try_ioctl(f->fd, DRM_IOC(DRM_IOC_READWRITE, DRM_IOCTL_BASE,
					DRM_COMMAND_BASE + number, a[3] % sizeof(argument)),
			 where);
}

/* All that the file has goes at once, with moves in flight. */
static int call_reopen(struct fuzz_file *f, const uint64_t *a)
{
	int fd = client(), old = __atomic_exchange_n(&f->fd, fd, __ATOMIC_SEQ_CST);

	(void)a;
	for (int i = 0; i < FUZZ_SLOTS; i++) {
		to_slot(f->objects, i, 0);
		to_slot(f->syncobjs, i, 0);
	}
	close(old);
	return 0;
}

static int (*const calls[NUM_OPS])(struct fuzz_file *f, const uint64_t *a) = {
	[OP_INFO] = call_info,
	[OP_CREATE] = call_create,
	[OP_MMAP_OFFSET] = call_mmap_offset,
	[OP_MOVE] = call_move,
	[OP_WAIT] = call_wait,
	[OP_OBJECT_INFO] = call_object_info,
	[OP_CLOSE] = call_close,
	[OP_SYNC_CREATE] = call_sync_create,
	[OP_SYNC_DESTROY] = call_sync_destroy,
	[OP_SYNC_RESET] = call_sync_reset,
	[OP_SYNC_SIGNAL] = call_sync_signal,
	[OP_IMPORT] = call_import,
	[OP_TOUCH] = call_touch,
	[OP_UNKNOWN] = call_unknown,
	[OP_POINTER] = call_pointer,
	[OP_REOPEN] = call_reopen,
};

int fuzz_execute(struct fuzz_file *f, const struct fuzz_call *call)
{
	return call->op < NUM_OPS ? calls[call->op](f, call->a) : -EINVAL;
}
