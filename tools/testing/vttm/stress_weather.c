// SPDX-License-Identifier: MIT
/*
 * vttm-stress: what makes the workers' lives hard. Faults on purpose, which the driver
 * offers in debugfs; TTM's limit, beyond which it swaps objects out; and other processes
 * that take the memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pattern.h"
#include "stress.h"

#define TTM_LIMIT	"/sys/module/ttm/parameters/pages_limit"
#define DROP_CACHES	"/proc/sys/vm/drop_caches"

/* Slabs, and without a word in the kernel's log. */
#define DROP_SLABS	"6"

const struct stress_weather stress_weathers[STRESS_WEATHERS] = {
	[WEATHER_CALM] = { .delay_us = 0 },
	[WEATHER_SLOW] = { .delay_us = 4000 },
	[WEATHER_FAILING] = { .fail_moves = 3, .fail_allocs = 5 },
	[WEATHER_LIMITED] = { .delay_us = 500, .ttm_limit = true },
	[WEATHER_ALL] = {
		.delay_us = 2000, .fail_moves = 2, .fail_allocs = 3, .ttm_limit = true,
	},
};

void stress_weather_shuffle(const struct stress_weather *order[STRESS_WEATHERS],
			    uint64_t *random)
{
	for (int i = 0; i < STRESS_WEATHERS; i++) {
		int other = random_next(random) % (i + 1);

		order[i] = order[other];
		order[other] = &stress_weathers[i];
	}
}

/* Faults on purpose */

static struct stress_faults faults = { .exact = true };

const struct stress_faults *stress_weather_faults(void)
{
	return &faults;
}

static void fault_path(char path[PATH_MAX], const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", stress_debugfs(), name);
}

static void fault_set(const char *name, unsigned int value)
{
	char path[PATH_MAX], text[16];

	fault_path(path, name);
	snprintf(text, sizeof(text), "%u\n", value);
	if (!stress_write(path, text))
		fail("%s does not take %u; run as root", path, value);
}

static unsigned int fault_left(const char *name)
{
	char path[PATH_MAX];

	fault_path(path, name);
	return stress_read_number(path, "");
}

/* Only when all that was asked for has happened, so that it can be counted. */
static void fault_renew(const char *name, unsigned int value, uint64_t *total)
{
	if (!value || fault_left(name))
		return;
	fault_set(name, value);
	*total += value;
}

/* What does not come about in time is taken back, and the count is then a guess. */
static void fault_finish(const char *name, uint64_t *total, bool *exact)
{
	uint64_t deadline = now_ns() + PATIENCE;
	unsigned int left;

	while (fault_left(name) && now_ns() < deadline)
		sleep_ms(5);
	left = fault_left(name);
	if (!left)
		return;
	fault_set(name, 0);
	*total -= left;
	*exact = false;
}

/* TTM's limit */

static uint64_t ttm_limit_before, ttm_limit_low;

static void ttm_limit_set(uint64_t pages)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64 "\n", pages);
	if (!stress_write(TTM_LIMIT, text))
		fail("%s does not take %" PRIu64 "; run as root", TTM_LIMIT, pages);
}

/* Weather */

/* Far less than the objects need when video memory is full. */
void stress_weather_init(struct stress *s, int fd)
{
	s->vram_bytes = vram_bytes(fd);
	ttm_limit_before = stress_read_number(TTM_LIMIT, "");
	ttm_limit_low = s->vram_bytes / 4 / PAGE;
	if (!ttm_limit_before)
		fail("there is no %s to make TTM swap objects out", TTM_LIMIT);
}

static void next_epoch(struct stress *s)
{
	__atomic_add_fetch(&s->shared->fault_epoch, 1, __ATOMIC_SEQ_CST);
}

void stress_weather_begin(struct stress *s, const struct stress_weather *w)
{
	fault_set("copy_delay_us", w->delay_us);
	if (w->ttm_limit)
		ttm_limit_set(ttm_limit_low);
	if (w->fail_moves)
		next_epoch(s);
	stress_weather_go_on(w);
}

void stress_weather_go_on(const struct stress_weather *w)
{
	fault_renew("fail_moves", w->fail_moves, &faults.moves);
	fault_renew("fail_allocs", w->fail_allocs, &faults.allocs);
}

void stress_weather_end(struct stress *s, const struct stress_weather *w)
{
	bool allocs_exact;

	fault_finish("fail_allocs", &faults.allocs, &allocs_exact);
	fault_finish("fail_moves", &faults.moves, &faults.exact);
	if (w->fail_moves)
		next_epoch(s);
	if (w->ttm_limit)
		ttm_limit_set(ttm_limit_before);
	fault_set("copy_delay_us", 0);
}

/* Memory */

static pid_t presser;

bool stress_has_swap(void)
{
	return stress_read_number("/proc/meminfo", "SwapTotal:") > 0;
}

struct pressure {
	struct stress_shared *shared;
	uint64_t bytes;
};

static void touch_all(const struct pressure *p, char *memory)
{
	for (uint64_t i = 0; i < p->bytes; i += PAGE) {
		memory[i]++;
		__atomic_add_fetch(&p->shared->pressed_pages, 1, __ATOMIC_RELAXED);
	}
}

/* More than there is: others are swapped out for it, and it for others. */
static void press(void *argument)
{
	const struct pressure *p = argument;
	char *memory = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	check(memory != MAP_FAILED, "no memory to take: %s", error_name(-errno));
	for (;;)
		touch_all(p, memory);
}

/* Without swap space, taking memory ends in killing: call shrinkers by hand instead. */
static void drop(void *argument)
{
	(void)argument;
	for (;;) {
		if (!stress_write(DROP_CACHES, DROP_SLABS))
			fail("%s cannot be written; run as root", DROP_CACHES);
		sleep_ms(10);
	}
}

/* However long it takes, as long as it goes on. */
static void await_pressure(const struct stress *s, uint64_t pages)
{
	uint64_t *pressed = &s->shared->pressed_pages, last = 0, since = now_ns();

	while (__atomic_load_n(pressed, __ATOMIC_RELAXED) < pages) {
		uint64_t now = __atomic_load_n(pressed, __ATOMIC_RELAXED);

		if (now != last)
			since = now_ns();
		check(now_ns() - since < s->opt.patience * SECOND,
		      "no memory could be taken for %" PRIu64 " s", s->opt.patience);
		last = now;
		sleep_ms(20);
	}
}

void stress_pressure_begin(struct stress *s)
{
	uint64_t swap = stress_read_number("/proc/meminfo", "SwapFree:") * KIB;
	struct pressure p = {
		.shared = s->shared, .bytes = stress_available_kib() * KIB + swap / 8,
	};

	if (!swap) {
		s->shared->dropper = spawn(drop, NULL);
		return;
	}
	s->shared->pressed_pages = 0;
	presser = spawn(press, &p);
	await_pressure(s, p.bytes / PAGE);
}

static void end_process(pid_t *pid)
{
	int status;

	if (!*pid)
		return;
	check(!has_ended(*pid), "who takes the memory ended by itself");
	kill(*pid, SIGKILL);
	waitpid(*pid, &status, 0);
	*pid = 0;
}

void stress_pressure_end(struct stress *s)
{
	end_process(&presser);
	end_process(&s->shared->dropper);
}
