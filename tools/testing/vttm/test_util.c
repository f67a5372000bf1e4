// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/dma-buf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "pattern.h"
#include "test.h"

#define NODES		64
#define FIRST_RENDER	128
#define POLL_MS		5

/* The ioctls of vgem, for which libdrm has no header. */
struct vgem_attach {
	uint32_t handle;
	uint32_t flags;
	uint32_t fence;			/* out */
	uint32_t pad;
};

struct vgem_signal {
	uint32_t fence;
	uint32_t flags;
};

#define VGEM_ATTACH		DRM_IOWR(DRM_COMMAND_BASE + 1, struct vgem_attach)
#define VGEM_ATTACH_WRITE	1
#define VGEM_SIGNAL		DRM_IOW(DRM_COMMAND_BASE + 2, struct vgem_signal)

uint64_t seed = 1;

/* Devices */

static char chosen_folder[PATH_MAX];

/* Folder of the device behind the node that @fd has open. */
static void folder_of(int fd, char folder[PATH_MAX])
{
	char link[64];
	struct stat node;

	if (fstat(fd, &node))
		fail("a render node cannot be looked at: %s", strerror(errno));
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/device", major(node.st_rdev),
		 minor(node.st_rdev));
	if (!realpath(link, folder))
		fail("%s: %s; mount sysfs at /sys", link, strerror(errno));
}

void choose_device(const char *node)
{
	int fd = device_open(node);

	folder_of(fd, chosen_folder);
	close(fd);
}

const char *device_folder(void)
{
	return chosen_folder;
}

/* The node's number changes when the device is bound again; its folder does not. */
int client(void)
{
	char path[PATH_MAX + sizeof("/drm")];
	struct dirent *entry;
	DIR *nodes;

	snprintf(path, sizeof(path), "%s/drm", chosen_folder);
	nodes = opendir(path);
	while (nodes && (entry = readdir(nodes))) {
		if (strncmp(entry->d_name, "renderD", 7))
			continue;
		snprintf(path, sizeof(path), "/dev/dri/%.64s", entry->d_name);
		closedir(nodes);
		return device_open(path);
	}
	fail("%s has no render node: is a driver bound to it?", chosen_folder);
}

static bool is_driven_by(int fd, const char *driver)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool yes = version && !strcmp(version->name, driver);

	drmFreeVersion(version);
	return yes;
}

static bool is_chosen(int fd)
{
	char folder[PATH_MAX];

	folder_of(fd, folder);
	return !strcmp(folder, chosen_folder);
}

int other_client(void)
{
	for (int i = FIRST_RENDER; i < FIRST_RENDER + NODES; i++) {
		int fd = drmOpenRender(i);

		if (fd >= 0 && is_driven_by(fd, "vttm") && !is_chosen(fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	skip("there is no second device of vttm");
}

/* Dumb buffers are made on the primary node only. */
int vgem_open(void)
{
	char path[32];

	for (int i = 0; i < NODES; i++) {
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && is_driven_by(fd, "vgem"))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	skip("vgem is not loaded");
}

uint32_t vgem_new(int vgem, uint64_t bytes)
{
	struct drm_mode_create_dumb dumb = {
		.width = bytes, .height = 1, .bpp = 8,
	};

	expect(try_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb), 0, "creating a vgem object");
	return dumb.handle;
}

uint64_t vram_bytes(int fd)
{
	struct drm_vttm_info info;

	device_info(fd, &info);
	return info.vram_bytes;
}

uint64_t vram_used(int fd)
{
	struct drm_vttm_info info;

	device_info(fd, &info);
	return info.vram_used_bytes;
}

bool vram_becomes(int fd, uint64_t bytes)
{
	uint64_t deadline = now_ns() + PATIENCE;

	while (vram_used(fd) != bytes && now_ns() < deadline)
		sleep_ms(POLL_MS);
	return vram_used(fd) == bytes;
}

/* Calls */

int try_ioctl(int fd, unsigned long request, void *argument)
{
	return drmIoctl(fd, request, argument) ? -errno : 0;
}

static _Atomic int alarms;

static void count_alarm(int number)
{
	(void)number;
	alarms++;
}

/* A signal that interrupts calls comes again and again, lest the first be too early. */
static void alarms_begin(void)
{
	struct sigaction action = { .sa_handler = count_alarm };
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void alarms_end(void)
{
	struct itimerval never = { 0 };

	setitimer(ITIMER_REAL, &never, NULL);
	check(alarms, "no signal came");
}

int call_once(int fd, unsigned long request, void *argument)
{
	int error;

	alarms_begin();
	error = ioctl(fd, request, argument) ? -errno : 0;
	alarms_end();
	return error;
}

const char *error_name(int error)
{
	const char *name = error ? strerrorname_np(-error) : "success";

	return name ? name : "an unknown error";
}

void expect(int result, int wanted, const char *what)
{
	if (result != wanted)
		fail("%s: %s instead of %s", what, error_name(result), error_name(wanted));
}

/* Buffers */

struct buffer buffer_create(int fd, uint64_t bytes, uint32_t placements)
{
	struct drm_vttm_create create = { .size = bytes, .placements = placements };
	struct buffer b = { .fd = fd };

	expect(try_ioctl(fd, DRM_IOCTL_VTTM_CREATE, &create), 0, "creating a buffer");
	b.handle = create.handle;
	b.bytes = create.size;
	b.words = object_map(fd, b.handle, b.bytes);
	return b;
}

struct buffer buffer_create_filled(int fd, uint64_t bytes, uint32_t placements)
{
	struct buffer b = buffer_create(fd, bytes, placements);

	buffer_rewrite(&b);
	return b;
}

void handle_close(int fd, uint32_t handle)
{
	struct drm_gem_close argument = { .handle = handle };

	expect(try_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &argument), 0, "closing a handle");
}

void buffer_close(struct buffer *b)
{
	munmap(b->words, b->bytes);
	b->words = NULL;
	handle_close(b->fd, b->handle);
}

void buffer_rewrite(struct buffer *b)
{
	static uint32_t generation;

	/* Processes are told apart by their numbers. */
	b->base = pattern_base(seed, getpid(), ++generation);
	pattern_fill(b->words, b->bytes, b->base);
}

void words_verify(const struct buffer *b, const uint64_t *words, const char *when)
{
	size_t first_bad = 0;
	size_t bad = pattern_mismatches(words, b->bytes, b->base, &first_bad);

	check(!bad, "%s: %zu of %" PRIu64 " bytes differ, first at offset %zu", when, bad,
	      b->bytes, first_bad);
}

void buffer_verify(const struct buffer *b, const char *when)
{
	words_verify(b, b->words, when);
}

void buffer_verify_zero(const struct buffer *b, const char *when)
{
	for (size_t i = 0; i < b->bytes / sizeof(*b->words); i++)
		check(!b->words[i], "%s: not zero at offset %zu", when,
		      i * sizeof(*b->words));
}

int buffer_try_move(const struct buffer *b, struct drm_vttm_move how)
{
	how.handle = b->handle;
	return try_ioctl(b->fd, DRM_IOCTL_VTTM_MOVE, &how);
}

void buffer_move_as(const struct buffer *b, struct drm_vttm_move how)
{
	expect(buffer_try_move(b, how), 0, "moving a buffer");
}

void buffer_move(const struct buffer *b, uint32_t placement, uint32_t flags)
{
	buffer_move_as(b, (struct drm_vttm_move){ .placement = placement, .flags = flags });
}

int buffer_try_wait(const struct buffer *b, int64_t deadline_ns)
{
	struct drm_vttm_wait wait = { .handle = b->handle, .timeout_ns = deadline_ns };

	return try_ioctl(b->fd, DRM_IOCTL_VTTM_WAIT, &wait);
}

void buffer_wait(const struct buffer *b)
{
	expect(buffer_try_wait(b, now_ns() + PATIENCE), 0, "waiting for a buffer");
}

struct drm_vttm_object_info buffer_info(const struct buffer *b)
{
	struct drm_vttm_object_info info = { .handle = b->handle };

	expect(try_ioctl(b->fd, DRM_IOCTL_VTTM_OBJECT_INFO, &info), 0,
	       "asking for a buffer's state");
	return info;
}

bool buffer_is_busy(const struct buffer *b)
{
	return buffer_info(b).flags & VTTM_OBJECT_BUSY;
}

void buffer_check_place(const struct buffer *b, uint32_t placement, const char *when)
{
	uint32_t found = buffer_info(b).placement;

	check(found == placement, "%s: placement %u instead of %u", when, found, placement);
}

/* PRIME */

int buffer_export(const struct buffer *b)
{
	int dmabuf;

	expect(drmPrimeHandleToFD(b->fd, b->handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf) ? -errno : 0,
	       0, "exporting a buffer");
	return dmabuf;
}

uint64_t *dmabuf_map(int dmabuf, uint64_t bytes)
{
	void *words = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	check(words != MAP_FAILED, "mapping a dma-buf: %s", error_name(-errno));
	return words;
}

uint32_t dmabuf_import(int fd, int dmabuf)
{
	uint32_t handle;

	expect(drmPrimeFDToHandle(fd, dmabuf, &handle) ? -errno : 0, 0, "importing a dma-buf");
	return handle;
}

/* Fences */

static int syncobj_try_wait(int fd, uint32_t syncobj, uint64_t point, int64_t deadline_ns)
{
	return drmSyncobjTimelineWait(fd, &syncobj, &point, 1, deadline_ns, 0, NULL);
}

bool syncobj_is_signalled(int fd, uint32_t syncobj, uint64_t point)
{
	return !syncobj_try_wait(fd, syncobj, point, 0);
}

void syncobj_await(int fd, uint32_t syncobj, uint64_t point, const char *what)
{
	expect(syncobj_try_wait(fd, syncobj, point, now_ns() + PATIENCE), 0, what);
}

/* The only way to a fence of vgem leads through an object that it is attached to. */
static int gate_sync_file(struct gate *gate)
{
	struct dma_buf_export_sync_file exported = { .flags = DMA_BUF_SYNC_READ };
	struct vgem_attach attach = {
		.handle = vgem_new(gate->vgem, PAGE),
		.flags = VGEM_ATTACH_WRITE,
	};
	struct buffer b = { .fd = gate->vgem, .handle = attach.handle };
	int dmabuf = buffer_export(&b);

	expect(try_ioctl(gate->vgem, VGEM_ATTACH, &attach), 0,
	       "attaching a fence of vgem");
	gate->fence = attach.fence;
	expect(try_ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &exported), 0,
	       "exporting a fence of vgem");
	close(dmabuf);
	return exported.fd;
}

uint32_t syncobj_take(int fd, int sync_file)
{
	uint32_t syncobj = syncobj_new(fd);

	expect(drmSyncobjImportSyncFile(fd, syncobj, sync_file) ? -errno : 0, 0,
	       "importing a sync_file");
	close(sync_file);
	return syncobj;
}

uint32_t gate_create(struct gate *gate, int fd)
{
	gate->vgem = vgem_open();
	return syncobj_take(fd, gate_sync_file(gate));
}

void gate_open(struct gate *gate)
{
	struct vgem_signal signal = { .fence = gate->fence };

	expect(try_ioctl(gate->vgem, VGEM_SIGNAL, &signal), 0,
	       "signalling a fence of vgem in time");
	close(gate->vgem);
}

/* Time and processes */

bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	return !waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

void sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}
