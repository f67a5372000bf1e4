// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>

#include "device.h"

#define SYNC_PARAMETER	"/sys/module/vttm/parameters/sync"
#define RENDER_NODES	64
#define FIRST_RENDER	128

/* A move that has not ended by now never will. */
#define FENCE_TIMEOUT_NS	(60 * 1000000000ll)

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static const char *errno_name(void)
{
	const char *name = strerrorname_np(errno);

	return name ? name : "an unknown error";
}

static const char *advice(void)
{
	switch (errno) {
	case ENOMEM:
		return "give the machine more memory, or ask for fewer or smaller buffers";
	case ENODEV:
		return "the device is gone: look at the kernel's log";
	case EACCES:
	case EPERM:
		return "run it as a member of the group that owns the render node";
	case EIO:
		return "a copy failed: look at the kernel's log";
	case ETIME:
		return "a fence did not signal: look at the kernel's log for a hung task";
	default:
		return "look at the ioctl's description in vttm_drm.h and at the kernel's log";
	}
}

static void call(int fd, unsigned long request, void *argument, const char *what)
{
	if (drmIoctl(fd, request, argument))
		fail("%s: %s (%s); %s", what, errno_name(), strerror(errno), advice());
}

static bool is_vttm(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool yes = version && !strcmp(version->name, "vttm");

	drmFreeVersion(version);
	return yes;
}

static int open_first(void)
{
	for (int minor = FIRST_RENDER; minor < FIRST_RENDER + RENDER_NODES; minor++) {
		int fd = drmOpenRender(minor);

		if (fd >= 0 && is_vttm(fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	fail("no render node belongs to vttm; load it with vram_mb=256 or bind it to a PCI device");
}

static int open_path(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("%s: %s; %s", path, errno_name(), advice());
	if (!is_vttm(fd))
		fail("%s is not a node of vttm; leave --device away to have it searched", path);
	return fd;
}

int device_open(const char *path)
{
	return path ? open_path(path) : open_first();
}

void device_info(int fd, struct drm_vttm_info *info)
{
	memset(info, 0, sizeof(*info));
	call(fd, DRM_IOCTL_VTTM_INFO, info, "asking for the device's properties");
}

void device_set_sync(bool sync)
{
	int fd = open(SYNC_PARAMETER, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, sync ? "1" : "0", 1) != 1)
		fail("%s: %s; run it as root, with vttm loaded", SYNC_PARAMETER, errno_name());
	close(fd);
}

uint32_t object_create(int fd, uint64_t bytes)
{
	struct drm_vttm_create create = { .size = bytes, .placements = VTTM_PLACE_MASK };

	call(fd, DRM_IOCTL_VTTM_CREATE, &create, "creating a buffer");
	return create.handle;
}

uint32_t object_placement(int fd, uint32_t handle)
{
	struct drm_vttm_object_info info = { .handle = handle };

	call(fd, DRM_IOCTL_VTTM_OBJECT_INFO, &info, "asking where a buffer is");
	return info.placement;
}

uint64_t *object_map(int fd, uint32_t handle, uint64_t bytes)
{
	struct drm_vttm_mmap_offset place = { .handle = handle };
	void *words;

	call(fd, DRM_IOCTL_VTTM_MMAP_OFFSET, &place, "asking where to map a buffer");
	words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, place.offset);
	if (words == MAP_FAILED)
		fail("mapping a buffer: %s; %s", errno_name(), advice());
	return words;
}

void object_unmap(uint64_t *words, uint64_t bytes)
{
	munmap(words, bytes);
}

uint32_t syncobj_new(int fd)
{
	uint32_t syncobj;

	if (drmSyncobjCreate(fd, 0, &syncobj))
		fail("creating a syncobj: %s; %s", errno_name(), advice());
	return syncobj;
}

uint64_t object_move(int fd, uint32_t handle, uint32_t placement, uint32_t syncobj,
		     uint64_t *start_ns)
{
	struct drm_vttm_move move = {
		.handle = handle,
		.placement = placement,
		.out_syncobj = syncobj,
	};

	*start_ns = now_ns();
	call(fd, DRM_IOCTL_VTTM_MOVE, &move, "moving a buffer");
	return now_ns() - *start_ns;
}

static void await(int fd, uint32_t syncobj)
{
	int error = drmSyncobjWait(fd, &syncobj, 1, now_ns() + FENCE_TIMEOUT_NS, 0, NULL);

	if (!error)
		return;
	errno = -error;
	fail("waiting for a move: %s; %s", errno_name(), advice());
}

uint64_t syncobj_signal_time(int fd, uint32_t syncobj, uint64_t start_ns)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info file = {
		.num_fences = 1,
		.sync_fence_info = (uintptr_t)&fence,
	};
	int sync_file;

	await(fd, syncobj);
	if (drmSyncobjExportSyncFile(fd, syncobj, &sync_file))
		fail("exporting a move's fence: %s; %s", errno_name(), advice());
	call(sync_file, SYNC_IOC_FILE_INFO, &file, "asking when a move's fence signalled");
	close(sync_file);
	if (file.status < 0)
		fail("a move ended with error %d; look at the kernel's log", file.status);
	return fence.timestamp_ns < start_ns ? 0 : fence.timestamp_ns;
}
