// SPDX-License-Identifier: MIT
/*
 * The device is taken away from under its users, and given back.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "test.h"

#define BUFFERS		6
#define A_WHILE_MS	100

struct users {
	struct buffer buffers[BUFFERS];
	uint64_t *through_dmabuf;	/* of the first buffer */
	struct buffer untouched;	/* mapped, but never read nor written */
};

/* The driver's folder, and the name by which it knows the device. */
static char driver_folder[PATH_MAX];

static void find_driver(void)
{
	char link[PATH_MAX + sizeof("/driver")];

	if (geteuid())
		skip("only root may unbind a device");
	snprintf(link, sizeof(link), "%s/driver", device_folder());
	check(realpath(link, driver_folder), "the device has no driver in %s", link);
}

/* @what is bind or unbind. */
static void tell_driver(const char *what)
{
	const char *device = strrchr(device_folder(), '/') + 1;
	char path[PATH_MAX + sizeof("/unbind")];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", driver_folder, what);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	check(fd >= 0 && write(fd, device, strlen(device)) == (ssize_t)strlen(device),
	      "%s: %s", path, error_name(-errno));
	close(fd);
}

static void unbind(void *argument)
{
	(void)argument;
	tell_driver("unbind");
}

static void rebind(void)
{
	tell_driver("bind");
}

/* Idle and busy objects in both places, and all kinds of mappings. */
static void users_create(struct users *u, int fd)
{
	for (int i = 0; i < BUFFERS; i++)
		u->buffers[i] = buffer_create_filled(fd, 3 * MIB, VTTM_PLACE_MASK);
	u->untouched = buffer_create(fd, MIB, VTTM_PLACE_VRAM);
	u->through_dmabuf = dmabuf_map(buffer_export(&u->buffers[0]), u->buffers[0].bytes);
	buffer_move(&u->buffers[0], VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	words_verify(&u->buffers[0], u->through_dmabuf, "before the device goes");
}

static void users_move(struct users *u)
{
	for (int n = 0; n < 6; n++)
		for (int i = 1; i < BUFFERS; i++)
			buffer_move(&u->buffers[i],
				    n % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM, 0);
}

/* What is there is not said; but that nobody dies of it. */
static void touch_all(const uint64_t *words, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes / sizeof(*words); i += PAGE / sizeof(*words))
		__atomic_load_n(&words[i], __ATOMIC_RELAXED);
}

static void users_touch(const struct users *u)
{
	for (int i = 0; i < BUFFERS; i++)
		touch_all(u->buffers[i].words, u->buffers[i].bytes);
	touch_all(u->untouched.words, u->untouched.bytes);
	touch_all(u->through_dmabuf, u->buffers[0].bytes);
	*u->through_dmabuf = 1;
}

static void check_gone(int fd, uint32_t handle)
{
	struct drm_vttm_info info;
	struct drm_vttm_create create = { .size = PAGE, .placements = VTTM_PLACE_MASK };
	struct drm_vttm_mmap_offset place = { .handle = handle };
	struct drm_vttm_move move = { .handle = handle, .placement = VTTM_PLACE_VRAM };
	struct drm_vttm_wait wait = { .handle = handle };
	struct drm_vttm_object_info object = { .handle = handle };

	expect(try_ioctl(fd, DRM_IOCTL_VTTM_INFO, &info), -ENODEV, "INFO");
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_CREATE, &create), -ENODEV, "CREATE");
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_MMAP_OFFSET, &place), -ENODEV, "MMAP_OFFSET");
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_MOVE, &move), -ENODEV, "MOVE");
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_WAIT, &wait), -ENODEV, "WAIT");
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_OBJECT_INFO, &object), -ENODEV, "OBJECT_INFO");
}

/* The new device works while the old one's files and mappings are still there. */
static void check_reborn(void)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, 3 * MIB, VTTM_PLACE_MASK);

	check(vram_used(fd) == 0, "video memory of the old device counts for the new one");
	buffer_move(&b, VTTM_PLACE_VRAM, 0);
	buffer_verify(&b, "on the new device");
	buffer_close(&b);
	check(vram_becomes(fd, 0), "a closed object keeps VRAM of the new device");
	close(fd);
}

static void users_close(struct users *u, int fd)
{
	munmap(u->through_dmabuf, u->buffers[0].bytes);
	for (int i = 0; i < BUFFERS; i++)
		munmap(u->buffers[i].words, u->buffers[i].bytes);
	munmap(u->untouched.words, u->untouched.bytes);
	close(fd);
}

static void test_unbind(void)
{
	static struct users u;
	int fd;

	find_driver();
	fd = client();
	users_create(&u, fd);
	users_move(&u);
	unbind(NULL);
	check_gone(fd, u.buffers[1].handle);
	users_touch(&u);
	rebind();
	users_touch(&u);
	check_reborn();
	users_close(&u, fd);
	check_reborn();
}

/* Ends well when, and only when, the device goes. */
static void use_until_gone(void *argument)
{
	struct buffer b = buffer_create(client(), 3 * MIB, VTTM_PLACE_MASK);

	(void)argument;
	for (int i = 0;; i++) {
		int error = buffer_try_move(&b, (struct drm_vttm_move){
			.placement = i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
			.flags = i % 5 ? 0 : VTTM_MOVE_SYNC,
		});

		touch_all(b.words, b.bytes);
		if (error == -ENODEV)
			return;
		expect(error, 0, "moving until the device goes");
	}
}

/* At any moment of moves, faults and the closing of files. */
static void test_unbind_in_use(void)
{
	find_driver();
	for (int i = 0; i < 5; i++) {
		pid_t users[] = { spawn(use_until_gone, NULL), spawn(use_until_gone, NULL) };

		sleep_ms(100 + 13 * i);
		unbind(NULL);
		join(users[0], "a user of the device");
		join(users[1], "a user of the device");
		rebind();
	}
	check_reborn();
}

/* No copy may run when the aperture is gone: the driver waits for those in flight. */
static void test_unbind_held(void)
{
	struct gate gate;
	struct buffer b;
	pid_t pid;
	int fd;

	find_driver();
	fd = client();
	b = buffer_create_filled(fd, 3 * MIB, VTTM_PLACE_MASK);
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = gate_create(&gate, fd),
	});
	pid = spawn(unbind, NULL);
	sleep_ms(A_WHILE_MS);
	check(!has_ended(pid), "the device went before its moves had ended");
	check_gone(fd, b.handle);
	gate_open(&gate);
	join(pid, "taking the device away");
	touch_all(b.words, b.bytes);
	rebind();
	check_reborn();
}

/* Others wait for a move of the device that goes */

struct watched {
	int sync_file;
	int dmabuf;
};

static void await_readable(int file, const char *what)
{
	struct pollfd one = { .fd = file, .events = POLLIN };

	check(poll(&one, 1, PATIENCE / MS) == 1 && one.revents == POLLIN,
	      "%s never becomes readable", what);
}

static void poll_both(void *argument)
{
	const struct watched *w = argument;

	await_readable(w->sync_file, "a fence");
	await_readable(w->dmabuf, "a dma-buf");
}

/* A copy of @b is held behind @in; what can be seen of that from outside. */
static struct watched move_watched(const struct buffer *b, uint32_t in)
{
	uint32_t out = syncobj_new(b->fd);
	struct watched w = { .dmabuf = buffer_export(b) };

	buffer_move_as(b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_ASYNC,
		.in_syncobj = in, .out_syncobj = out,
	});
	expect(drmSyncobjExportSyncFile(b->fd, out, &w.sync_file) ? -errno : 0, 0,
	       "exporting a fence");
	return w;
}

/* Who polls is woken by the move, not left behind by the device. */
static void test_unbind_polled(void)
{
	struct gate gate;
	struct watched w;
	struct buffer b;
	pid_t poller, unbinder;

	find_driver();
	b = buffer_create_filled(client(), 3 * MIB, VTTM_PLACE_MASK);
	w = move_watched(&b, gate_create(&gate, b.fd));
	poller = spawn(poll_both, &w);
	unbinder = spawn(unbind, NULL);
	sleep_ms(A_WHILE_MS);
	check(!has_ended(poller), "readable before the move has ended");
	gate_open(&gate);
	join(poller, "who polls a fence and a dma-buf");
	join(unbinder, "taking the device away");
	touch_all(b.words, b.bytes);
	rebind();
	check_reborn();
}

/* The other device's move begins when this one's has ended, though its device is gone. */
static void test_unbind_awaited(void)
{
	struct gate gate;
	struct watched w;
	struct buffer b, other;
	uint32_t out;
	pid_t pid;

	find_driver();
	b = buffer_create_filled(client(), 3 * MIB, VTTM_PLACE_MASK);
	other = buffer_create_filled(other_client(), 3 * MIB, VTTM_PLACE_MASK);
	w = move_watched(&b, gate_create(&gate, b.fd));
	out = syncobj_new(other.fd);
	buffer_move_as(&other, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .out_syncobj = out,
		.in_syncobj = syncobj_take(other.fd, w.sync_file),
	});
	pid = spawn(unbind, NULL);
	sleep_ms(A_WHILE_MS);
	check(!has_ended(pid), "the device went before its moves had ended");
	check(!syncobj_is_signalled(other.fd, out, 0), "the other's move did not wait");
	gate_open(&gate);
	join(pid, "taking the device away");
	syncobj_await(other.fd, out, 0, "a move behind one of a device that is gone");
	buffer_verify(&other, "moved behind a device that is gone");
	rebind();
	check_reborn();
}

const struct test unbind_tests[] = {
	{ "unbind", test_unbind },
	{ "unbind-in-use", test_unbind_in_use },
	{ "unbind-held", test_unbind_held },
	{ "unbind-polled", test_unbind_polled },
	{ "unbind-awaited", test_unbind_awaited },
	{ }
};
