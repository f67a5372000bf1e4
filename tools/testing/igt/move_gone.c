// SPDX-License-Identifier: MIT
/*
 * The device goes away, or to sleep, with moves in flight.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sw_sync.h"
#include "vttm_async_move.h"

#define OBJECTS		6
#define DELAY_US	300000
/* Together, far longer than suspend waits. */
#define LONG_DELAY_US	1000000
#define MANY_MOVES	(3 * OBJECTS)
/* Time enough to fall asleep. */
#define WAKE_AFTER_S	10

/* 0 or a negative errno. */
static int write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC), error;

	if (file < 0)
		return -errno;
	error = write(file, text, strlen(text)) < 0 ? -errno : 0;
	close(file);
	return error;
}

static bool file_has(const char *path, const char *word)
{
	char text[256];
	FILE *file = fopen(path, "re");
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(text, sizeof(text), file))
		found = strstr(text, word);
	fclose(file);
	return found;
}

static void start_moves(struct buffer b[OBJECTS], int fd)
{
	for (int i = 0; i < OBJECTS; i++)
		b[i] = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);
	fault_set("copy_delay_us", DELAY_US);
	for (int i = 0; i < OBJECTS; i++)
		buffer_move(&b[i], VTTM_PLACE_VRAM, VTTM_MOVE_ASYNC);
}

/* Unplug */

static char driver[PATH_MAX];

static void driver_tell(const char *what)
{
	char path[PATH_MAX + sizeof("/unbind")];

	snprintf(path, sizeof(path), "%s/%s", driver, what);
	expect(write_file(path, strrchr(device_folder(), '/') + 1), 0, what);
}

/* Every copy in flight ends, with its bytes, before the device is gone. */
static void unplug(void)
{
	char link[PATH_MAX + sizeof("/driver")];
	int fd = client();
	uint64_t left = 0;
	int out;
	struct buffer b[OBJECTS];

	igt_require_f(!geteuid(), "only root may unbind a device\n");
	snprintf(link, sizeof(link), "%s/driver", device_folder());
	igt_assert(realpath(link, driver));
	start_moves(b, fd);
	out = syncobj_export(fd, buffer_move_out(&b[0], VTTM_PLACE_SYSTEM, VTTM_MOVE_ASYNC));
	driver_tell("unbind");
	igt_assert_f(sync_fence_status(out) == 1, "gone before its moves had ended\n");
	expect(buffer_try_move(&b[1], (struct drm_vttm_move){ .placement = VTTM_PLACE_SYSTEM }),
	       -ENODEV, "a move without a device");
	for (int i = 0; i < OBJECTS; i++)
		left += buffer_count_nonzero(&b[i]);
	igt_info("%" PRIu64 " KiB can still be read\n", left * sizeof(*b->words) / KIB);
	driver_tell("bind");
}

/* Suspend */

static void check_awake(struct buffer b[OBJECTS])
{
	for (int i = 0; i < OBJECTS; i++) {
		buffer_check_place(&b[i], VTTM_PLACE_SYSTEM, "after suspend");
		buffer_verify(&b[i], "after suspend");
	}
	for (int i = 0; i < OBJECTS; i++)
		buffer_move(&b[i], VTTM_PLACE_VRAM, 0);
	for (int i = 0; i < OBJECTS; i++)
		buffer_verify(&b[i], "moved after suspend");
}

static void require_suspend_of_devices(void)
{
	igt_require_f(file_has("/sys/power/pm_test", "devices") &&
		      file_has("/sys/power/state", "freeze"),
		      "the kernel cannot try suspending devices (CONFIG_PM_SLEEP_DEBUG)\n");
	igt_require_f(!write_file("/sys/power/pm_test", "none"), "only root may suspend\n");
	write_file("/sys/module/suspend/parameters/pm_test_delay", "1");
}

/* As far as to the devices, and back; 0 or a negative errno. */
static int try_suspend_of_devices(void)
{
	int error;

	expect(write_file("/sys/power/pm_test", "devices"), 0, "choosing how far to suspend");
	error = write_file("/sys/power/state", "freeze");
	write_file("/sys/power/pm_test", "none");
	return error;
}

static void suspend_devices(void)
{
	struct buffer b[OBJECTS];

	require_suspend_of_devices();
	start_moves(b, client());
	expect(try_suspend_of_devices(), 0, "suspending devices");
	check_awake(b);
}

/*
 * The moves in flight take longer than suspend waits for them: the machine stays awake,
 * and all goes on.
 */
static void suspend_busy(void)
{
	struct buffer b[OBJECTS];

	require_suspend_of_devices();
	start_moves(b, client());
	fault_set("copy_delay_us", LONG_DELAY_US);
	for (int n = 0; n < MANY_MOVES; n++)
		buffer_move(&b[n % OBJECTS], n / OBJECTS % 2 ? VTTM_PLACE_VRAM :
			    VTTM_PLACE_SYSTEM, VTTM_MOVE_ASYNC);
	expect(try_suspend_of_devices(), -EBUSY, "suspending with moves in flight");
	fault_set("copy_delay_us", 0);
	for (int i = 0; i < OBJECTS; i++)
		buffer_verify(&b[i], "after a suspend that did not come about");
	expect(try_suspend_of_devices(), 0, "suspending devices");
	check_awake(b);
}

/* Who should release the fence that a move waits for is asleep by then. */
static void suspend_held(void)
{
	int fd = client();
	struct hold hold;
	uint32_t in = hold_create(&hold, fd), out = syncobj_new(fd);
	struct buffer b[OBJECTS];

	igt_require_f(hold_is_for_ever(&hold), "vgem's fences signal by themselves\n");
	require_suspend_of_devices();
	start_moves(b, fd);
	buffer_move_as(&b[0], (struct drm_vttm_move){
		.placement = VTTM_PLACE_SYSTEM, .flags = VTTM_MOVE_ASYNC,
		.in_syncobj = in, .out_syncobj = out,
	});
	expect(try_suspend_of_devices(), -EBUSY, "suspending with a move held up");
	igt_assert(!syncobj_status(fd, out));
	hold_release(&hold);
	igt_assert(syncobj_await_status(fd, out) == 1);
	expect(try_suspend_of_devices(), 0, "suspending devices");
	check_awake(b);
}

static bool set_alarm(void)
{
	char text[16];

	snprintf(text, sizeof(text), "+%d", WAKE_AFTER_S);
	write_file("/sys/class/rtc/rtc0/wakealarm", "0");
	return !write_file("/sys/class/rtc/rtc0/wakealarm", text);
}

/* From here on whatever should wake the machine keeps it from sleeping. */
static void arm_wakeup(void)
{
	char count[32] = "";
	FILE *file = fopen("/sys/power/wakeup_count", "re");

	igt_require_f(file && fgets(count, sizeof(count), file), "wake-ups are not counted\n");
	fclose(file);
	igt_require_f(!write_file("/sys/power/wakeup_count", count), "only root may suspend\n");
}

/* All the way; the clock's alarm wakes the machine. */
static void suspend_mem(void)
{
	struct buffer b[OBJECTS];
	int error;

	igt_require_f(!quick, "takes long\n");
	/* Out of s2idle an emulated clock's alarm may not wake anybody. */
	igt_require_f(file_has("/sys/power/mem_sleep", "[deep]"), "there is no suspend to RAM\n");
	start_moves(b, client());
	arm_wakeup();
	igt_require_f(set_alarm(), "there is no clock whose alarm wakes the machine\n");
	error = write_file("/sys/power/state", "mem");
	igt_require_f(error != -EBUSY, "the alarm came before the machine slept\n");
	expect(error, 0, "suspending");
	check_awake(b);
}

const struct subtest gone_subtests[] = {
	{ "suspend-devices", "Devices are suspended while objects move.", suspend_devices },
	{ "suspend-busy", "No suspend while moves take too long, and then one.",
	  suspend_busy },
	{ "suspend-held", "No suspend while a fence of who sleeps holds a move up.",
	  suspend_held },
	{ "suspend-mem", "The machine is suspended to RAM while objects move.", suspend_mem },
	{ "unplug-in-flight", "The device goes while objects move; the moves end first.",
	  unplug },
	{ }
};
