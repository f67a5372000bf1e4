// SPDX-License-Identifier: MIT
/*
 * Objects, files and processes that end while their moves are in flight.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "vttm_async_move.h"

#define DELAY_US	40000
#define OBJECTS		6
#define CHILDREN	8

struct fleet {
	int fd;
	struct buffer b[OBJECTS];
};

/* Moves in flight, several per object; none is waited for. */
static void fleet_start(struct fleet *f)
{
	f->fd = client();
	for (int i = 0; i < OBJECTS; i++)
		f->b[i] = buffer_create_filled(f->fd, MIB + i * PAGE, VTTM_PLACE_MASK);
	for (int n = 0; n < 3; n++)
		for (int i = 0; i < OBJECTS; i++)
			buffer_move(&f->b[i], n % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
				    VTTM_MOVE_ASYNC);
}

static void check_vram_is_free(const char *when)
{
	int fd = client();

	check(vram_becomes(fd, 0), "%s: video memory stays in use", when);
	close(fd);
}

static void close_handles(void)
{
	struct fleet f;

	fault_set("copy_delay_us", DELAY_US);
	fleet_start(&f);
	for (int i = 0; i < OBJECTS; i++)
		buffer_close(&f.b[i]);
	check_vram_is_free("handles closed in flight");
}

static void close_file(void)
{
	struct fleet f;

	fault_set("copy_delay_us", DELAY_US);
	fleet_start(&f);
	for (int i = 0; i < OBJECTS; i++)
		object_unmap(f.b[i].words, f.b[i].bytes);
	close(f.fd);
	check_vram_is_free("a file closed in flight");
}

static void start_and_sleep(void *argument)
{
	struct fleet f;

	(void)argument;
	fleet_start(&f);
	pause();
}

static void kill_process(void)
{
	fault_set("copy_delay_us", DELAY_US);
	for (int i = 0; i < 4; i++) {
		pid_t pid = spawn(start_and_sleep, NULL);

		sleep_ms(20 + 30 * i);
		kill_and_reap(pid, "who has moves in flight");
		check_vram_is_free("killed in flight");
	}
}

static void verify_fleet(void *argument)
{
	struct fleet *f = argument;

	for (int i = 0; i < OBJECTS; i++)
		buffer_verify(&f->b[i], "through what a fork inherits");
}

static void forked(void)
{
	struct fleet f;
	pid_t pids[2];

	fault_set("copy_delay_us", DELAY_US);
	fleet_start(&f);
	for (int i = 0; i < 2; i++)
		pids[i] = spawn(verify_fleet, &f);
	for (int i = 0; i < OBJECTS; i++)
		buffer_move(&f.b[i], VTTM_PLACE_SYSTEM, VTTM_MOVE_ASYNC);
	for (int i = 0; i < 2; i++)
		join(pids[i], "a child with inherited mappings");
	verify_fleet(&f);
}

/* Files close on exec, and mappings go. */
static void start_and_exec(void *argument)
{
	struct fleet f;

	(void)argument;
	fleet_start(&f);
	execl("/bin/true", "true", NULL);
	fail("/bin/true cannot be executed");
}

static void exec_process(void)
{
	fault_set("copy_delay_us", DELAY_US);
	join(spawn(start_and_exec, NULL), "who executes another program");
	check_vram_is_free("executed in flight");
}

/* One and a half times the video memory among all; every process verifies its own. */
static void be_one_of_many(int child)
{
	uint64_t random = seed + child;
	int fd = client();
	struct buffer b[3];

	for (int i = 0; i < 3; i++)
		b[i] = buffer_create_filled(fd, vram_bytes(fd) / CHILDREN / 2, VTTM_PLACE_MASK);
	for (int i = 0; i < (quick ? 12 : 40); i++) {
		struct buffer *one = &b[random_next(&random) % 3];

		buffer_move(one, random_next(&random) % 4 ? VTTM_PLACE_VRAM : VTTM_PLACE_SYSTEM, 0);
		if (random_next(&random) % 4)
			continue;
		buffer_verify(one, "among many processes");
		buffer_rewrite(one);
	}
	for (int i = 0; i < 3; i++)
		buffer_verify(&b[i], "among many processes, at the end");
}

static void many_processes(void)
{
	igt_fork(child, CHILDREN)
		be_one_of_many(child);
	igt_waitchildren_timeout(SUBTEST_SECONDS, "many processes");
}

const struct subtest life_subtests[] = {
	{ "close-in-flight", "Handles are closed while their objects move.", close_handles },
	{ "close-file-in-flight", "A file is closed while its objects move.", close_file },
	{ "kill-in-flight", "A process is killed while its objects move.", kill_process },
	{ "fork-in-flight", "A child reads inherited mappings of moving objects.", forked },
	{ "exec-in-flight", "A process executes another program while its objects move.",
	  exec_process },
	{ "many-processes", "Eight processes evict each other's objects.", many_processes },
	{ }
};
