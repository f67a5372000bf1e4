// SPDX-License-Identifier: MIT
/*
 * The modules go, and come back: not while anybody holds something of theirs, and then
 * without a trace. The code behind a fence has to stay for as long as the fence.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sync_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xf86drm.h>

#include "test.h"

#define A_WHILE_MS	100
#define WORKER		"ttm_move"
#define DRIVER		"vttm"

static char parameters[PATH_MAX];

static bool is_loaded(const char *module)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	return !access(path, F_OK);
}

static void file_of(const char *module, char path[64])
{
	snprintf(path, 64, "/modules/%s.ko", module);
}

/* 0 or a negative errno; does not wait for who holds the module. */
static int try_unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

static void load(const char *module, const char *with)
{
	char path[64];
	int file;

	if (is_loaded(module))
		return;
	file_of(module, path);
	file = open(path, O_RDONLY | O_CLOEXEC);
	check(file >= 0 && !syscall(SYS_finit_module, file, with, 0), "loading %s: %s", path,
	      error_name(-errno));
	close(file);
}

/* The PCI device still knows its driver's name. */
static void load_all(void)
{
	load(WORKER, "");
	load(DRIVER, parameters);
}

/* Fences are freed a grace period after the last reference is gone. */
static void unload(const char *module)
{
	uint64_t deadline = now_ns() + PATIENCE;
	int error;

	while ((error = try_unload(module)) == -EAGAIN && now_ns() < deadline)
		sleep_ms(5);
	expect(error, 0, module);
}

static void add_parameter(const char *name)
{
	size_t length = strlen(parameters);
	char path[96], value[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/sys/module/" DRIVER "/parameters/%s", name);
	file = fopen(path, "re");
	check(file && fgets(value, sizeof(value), file), "%s cannot be read", path);
	fclose(file);
	value[strcspn(value, "\n")] = '\0';
	snprintf(parameters + length, sizeof(parameters) - length, "%s=%s ", name, value);
}

/* The test may end here and there, and others come after it. */
static void prepare(void)
{
	static const char *const names[] = { "vram_mb", "manager", "piece_kb", "bar" };
	char worker[64], driver[64];

	file_of(WORKER, worker);
	file_of(DRIVER, driver);
	if (geteuid())
		skip("only root may unload modules");
	if (!is_loaded(DRIVER) || access(worker, R_OK) || access(driver, R_OK))
		skip("%s and %s are not there to be loaded again", worker, driver);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		add_parameter(names[i]);
	atexit(load_all);
}

static void check_reborn(void)
{
	int fd;
	struct buffer b;

	load_all();
	fd = client();
	b = buffer_create_filled(fd, 3 * MIB, VTTM_PLACE_MASK);
	buffer_move(&b, VTTM_PLACE_VRAM, 0);
	buffer_verify(&b, "after the modules were loaded again");
	buffer_close(&b);
	check(vram_becomes(fd, 0), "a closed object keeps VRAM");
	close(fd);
}

/* Each of these alone keeps the driver. */
static void test_refused(void)
{
	struct buffer b;
	int fd, dmabuf;

	prepare();
	fd = client();
	expect(try_unload(WORKER), -EAGAIN, "unloading the worker under a driver");
	expect(try_unload(DRIVER), -EAGAIN, "unloading the driver with a file open");
	b = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
	dmabuf = buffer_export(&b);
	close(fd);
	expect(try_unload(DRIVER), -EAGAIN, "unloading the driver with an object mapped");
	buffer_verify(&b, "after its file was closed");
	munmap(b.words, b.bytes);
	expect(try_unload(DRIVER), -EAGAIN, "unloading the driver with a dma-buf");
	close(dmabuf);
	unload(DRIVER);
	unload(WORKER);
	check_reborn();
}

/* What user space sees of a fence comes from the worker's code. */
static void check_fence(int sync_file, int status)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info file = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };

	expect(try_ioctl(sync_file, SYNC_IOC_FILE_INFO, &file), 0, "looking at a fence");
	check(file.status == status, "the fence says %d instead of %d", file.status, status);
	check(!strcmp(fence.driver_name, WORKER) && !strcmp(fence.obj_name, "object"),
	      "the fence is of '%s', '%s'", fence.driver_name, fence.obj_name);
}

/* The driver is gone, and its device: the fence is not. */
static void check_worker_is_kept(int sync_file)
{
	check(!is_loaded(DRIVER), "the driver is still there");
	expect(try_unload(WORKER), -EAGAIN, "unloading the worker under a fence");
	check_fence(sync_file, 1);
	close(sync_file);
	unload(WORKER);
}

/* An object that moves behind a fence, if there is one, and nothing else; its own fence. */
static int move_and_leave(int fd, uint32_t in)
{
	struct buffer b = buffer_create_filled(fd, 3 * MIB, VTTM_PLACE_MASK);
	uint32_t out = syncobj_new(fd);
	int sync_file;

	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_ASYNC,
		.in_syncobj = in, .out_syncobj = out,
	});
	expect(drmSyncobjExportSyncFile(fd, out, &sync_file) ? -errno : 0, 0,
	       "exporting a fence");
	munmap(b.words, b.bytes);
	close(fd);
	return sync_file;
}

static void test_fence_held(void)
{
	int sync_file;

	prepare();
	sync_file = move_and_leave(client(), 0);
	unload(DRIVER);
	check_worker_is_kept(sync_file);
	check_reborn();
}

/* Without what is to be done at the end of the test. */
static void unload_driver(void *unused)
{
	(void)unused;
	unload(DRIVER);
	_exit(0);
}

/* Who unloads the driver waits for its moves, like who takes a device away. */
static void test_move_held(void)
{
	struct gate gate;
	int sync_file, fd;
	pid_t pid;

	prepare();
	fd = client();
	sync_file = move_and_leave(fd, gate_create(&gate, fd));
	pid = spawn(unload_driver, NULL);
	sleep_ms(A_WHILE_MS);
	check(!has_ended(pid), "the driver went before its moves had ended");
	check_fence(sync_file, 0);
	gate_open(&gate);
	join(pid, "unloading the driver");
	check_worker_is_kept(sync_file);
	check_reborn();
}

const struct test module_tests[] = {
	{ "unload-refused", test_refused },
	{ "unload-fence-held", test_fence_held },
	{ "unload-move-held", test_move_held },
	{ }
};
