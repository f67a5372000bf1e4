// SPDX-License-Identifier: MIT
/*
 * Evictions: more objects than video memory holds, several clients, clients that die.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pattern.h"
#include "test.h"

#define WALK_STEPS	250
#define WALK_BUFFERS	512
#define PARTS		8

/* Random walk */

struct walker {
	struct buffer buffers[WALK_BUFFERS];
	uint32_t count;
	uint64_t random;
};

static uint64_t choose(struct walker *w, uint64_t below)
{
	return random_next(&w->random) % below;
}

/*
 * Mixed sizes, one and a half times the video memory in all. None is so large that an
 * object which the other process has locked could leave it no room.
 */
static void walk_create(struct walker *w, int fd)
{
	uint64_t left = vram_bytes(fd) * 3 / 2, most = vram_bytes(fd) / 8;

	while (left) {
		uint64_t bytes = PAGE * (1 + choose(w, 1 << (1 + choose(w, 12))));

		bytes = bytes < most ? bytes : most;
		bytes = bytes < left ? bytes : left;
		check(w->count < WALK_BUFFERS, "too few buffers for the walk");
		w->buffers[w->count++] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
		left -= bytes;
	}
}

/* Moves by the worker, by TTM and by default, into VRAM twice as often as out of it. */
static void walk_step(struct walker *w)
{
	static const uint32_t flags[] = {
		0, VTTM_MOVE_ASYNC, VTTM_MOVE_SYNC, VTTM_MOVE_ASYNC | VTTM_MOVE_WAIT,
	};
	struct buffer *b = &w->buffers[choose(w, w->count)];

	buffer_move(b, choose(w, 3) ? VTTM_PLACE_VRAM : VTTM_PLACE_SYSTEM,
		    flags[choose(w, sizeof(flags) / sizeof(*flags))]);
	if (!choose(w, 8))
		buffer_verify(b, "on the walk");
	if (!choose(w, 8))
		buffer_rewrite(b);
}

static void be_walker(void *argument)
{
	static struct walker w;

	w.random = seed + (uintptr_t)argument;
	walk_create(&w, client());
	for (int i = 0; i < WALK_STEPS; i++)
		walk_step(&w);
	for (uint32_t i = 0; i < w.count; i++)
		buffer_verify(&w.buffers[i], "after the walk");
}

static void two_walkers(void)
{
	pid_t walkers[2];

	for (uintptr_t i = 0; i < 2; i++)
		walkers[i] = spawn(be_walker, (void *)(i << 32));
	for (int i = 0; i < 2; i++)
		join(walkers[i], "a random walk");
}

static void test_walk(void)
{
	two_walkers();
}

/* The module's parameter: whatever no flag says is then moved by TTM itself. */

static void restore_parameter(void)
{
	device_set_sync(false);
}

static void set_parameter(bool sync)
{
	struct drm_vttm_info info;

	if (geteuid())
		skip("only root may change the module's parameter");
	device_set_sync(sync);
	device_info(client(), &info);
	check(!(info.flags & VTTM_INFO_SYNC_MOVES) == !sync, "INFO does not tell the parameter");
}

static void test_walk_sync(void)
{
	atexit(restore_parameter);
	set_parameter(true);
	two_walkers();
	set_parameter(false);
}

/* A move without a flag, with the parameter set, is over when the call returns. */
static void test_parameter(void)
{
	struct buffer b = buffer_create_filled(client(), 8 * MIB, VTTM_PLACE_MASK);

	atexit(restore_parameter);
	set_parameter(true);
	buffer_move(&b, VTTM_PLACE_VRAM, 0);
	check(!buffer_is_busy(&b), "busy after a synchronous move");
	buffer_verify(&b, "moved by TTM");
	set_parameter(false);
}

/* Clients that end */

struct mover {
	struct buffer buffers[PARTS];
};

/* Many large moves, none of which is waited for; twice as much as VRAM holds. */
static void queue_moves(struct mover *m, int fd)
{
	for (int i = 0; i < PARTS; i++) {
		m->buffers[i] = buffer_create(fd, vram_bytes(fd) / PARTS * 2, VTTM_PLACE_MASK);
		m->buffers[i].words[0] = i;
	}
	for (int n = 0; n < 3 * PARTS; n++)
		buffer_move(&m->buffers[n % PARTS],
			    n / PARTS % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM, 0);
}

static void move_for_ever(void *argument)
{
	static struct mover m;
	int fd = client();

	(void)argument;
	for (;;) {
		queue_moves(&m, fd);
		for (int i = 0; i < PARTS; i++)
			buffer_close(&m.buffers[i]);
	}
}

static void test_killed(void)
{
	int fd = client();

	for (int i = 0; i < 4; i++) {
		pid_t pid = spawn(move_for_ever, NULL);

		sleep_ms(50 + 40 * i);
		check(!has_ended(pid), "the process to be killed ended by itself");
		kill_and_reap(pid, "a process with moves in flight");
		check(vram_becomes(fd, 0), "a killed process leaves video memory in use");
	}
}

/* Handles that are closed, and a file, while their objects move. */
static void test_closed_moving(void)
{
	static struct mover m;
	int fd = client(), other = client();

	queue_moves(&m, fd);
	for (int i = 0; i < PARTS; i++)
		buffer_close(&m.buffers[i]);
	check(vram_becomes(fd, 0), "closed handles leave video memory in use");
	queue_moves(&m, other);
	for (int i = 0; i < PARTS; i++)
		munmap(m.buffers[i].words, m.buffers[i].bytes);
	close(other);
	check(vram_becomes(fd, 0), "a closed file leaves video memory in use");
}

const struct test pressure_tests[] = {
	{ "walk", test_walk },
	{ "walk-sync", test_walk_sync },
	{ "parameter", test_parameter },
	{ "killed", test_killed },
	{ "closed-moving", test_closed_moving },
	{ }
};
