// SPDX-License-Identifier: MIT
/*
 * vttm-stress: what the kernel says that it has in use, and has done.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "stress.h"

#define IN_FLIGHT	"in_flight:\n"

static char debugfs[64];

const char *stress_debugfs(void)
{
	return debugfs;
}

/* Files */

static size_t read_file(const char *path, char *text, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t got = file < 0 ? 0 : 1;

	while (got > 0 && have < size - 1) {
		got = read(file, text + have, size - 1 - have);
		have += got > 0 ? got : 0;
	}
	if (file >= 0)
		close(file);
	text[have] = '\0';
	return have;
}

uint64_t stress_read_number(const char *path, const char *key)
{
	static char text[16384];
	const char *found;

	read_file(path, text, sizeof(text));
	found = strstr(text, key);
	return found ? strtoull(found + strlen(key), NULL, 10) : 0;
}

bool stress_write(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	bool done;

	if (file < 0)
		return false;
	done = write(file, text, strlen(text)) == (ssize_t)strlen(text);
	close(file);
	return done;
}

/* Samples */

static void device_file(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", debugfs, name);
}

void stress_sample_init(int fd)
{
	char path[PATH_MAX];
	struct stat node;

	if (fstat(fd, &node))
		fail("the device's node cannot be looked at");
	snprintf(debugfs, sizeof(debugfs), "/sys/kernel/debug/dri/%u", minor(node.st_rdev));
	device_file(path, "ttm_move");
	if (access(path, R_OK))
		fail("there is no %s; run as root, with debugfs mounted", path);
}

/* Each is a line behind the table's head. */
static uint64_t count_jobs_in_flight(void)
{
	static char text[65536];
	char path[PATH_MAX], *line;
	uint64_t lines = 0;

	device_file(path, "ttm_move");
	read_file(path, text, sizeof(text));
	line = strstr(text, IN_FLIGHT);
	if (!line)
		fail("%s does not list the jobs in flight", path);
	for (line += strlen(IN_FLIGHT); *line; line++)
		lines += *line == '\n';
	return lines - 1;
}

uint64_t stress_shmem_kib(void)
{
	return stress_read_number("/proc/meminfo", "\nShmem:");
}

uint64_t stress_available_kib(void)
{
	return stress_read_number("/proc/meminfo", "MemAvailable:");
}

void stress_sample_take(struct stress_sample *sample, int fd)
{
	*sample = (struct stress_sample){
		.available_kib = stress_available_kib(),
		.unreclaimable_kib = stress_read_number("/proc/meminfo", "SUnreclaim:"),
		.shmem_kib = stress_shmem_kib(),
		.objects = stress_read_number("/sys/kernel/debug/ttm/buffer_objects", ""),
		.jobs_in_flight = count_jobs_in_flight(),
		.vram_used = vram_used(fd),
		.references = stress_read_number("/sys/module/ttm_move/refcnt", ""),
	};
}

/* Totals */

static uint64_t worker_total(const char *key)
{
	char path[PATH_MAX];

	device_file(path, "ttm_move");
	return stress_read_number(path, key);
}

static uint64_t vm_total(const char *key)
{
	return stress_read_number("/proc/vmstat", key);
}

void stress_totals_read(struct stress_totals *totals)
{
	*totals = (struct stress_totals){
		.jobs = worker_total("\njobs: "),
		.copied_bytes = worker_total("\ncopied_bytes: "),
		.cleared_bytes = worker_total("\ncleared_bytes: "),
		.errors = worker_total("\nerrors: "),
		.sync_moves = worker_total("\nsync_moves: "),
		.allocstalls = vm_total("\nallocstall_dma32 ") +
			       vm_total("\nallocstall_normal ") +
			       vm_total("\nallocstall_movable "),
		.reclaimed_direct = vm_total("\npgsteal_direct "),
		.reclaimed_kswapd = vm_total("\npgsteal_kswapd "),
		.swapped_out = vm_total("\npswpout "),
		.swapped_in = vm_total("\npswpin "),
	};
}
