// SPDX-License-Identifier: MIT
/*
 * Nobody gets to see what another client left.
 */
#include <inttypes.h>
#include <unistd.h>

#include "vttm_async_move.h"

#define PARTS		8
#define DELAY_US	20000

/* All of video memory, and as much of system memory, full of one client's bytes. */
static void dirty_all(uint64_t bytes)
{
	int fd = client();
	struct buffer b[2 * PARTS];

	for (int i = 0; i < 2 * PARTS; i++) {
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
		buffer_move(&b[i], VTTM_PLACE_VRAM, 0);
	}
	for (int i = 0; i < 2 * PARTS; i++)
		buffer_close(&b[i]);
	close(fd);
}

static void expect_zero(const struct buffer *b, const char *when)
{
	uint64_t count = buffer_count_nonzero(b);

	check(!count, "%s: %" PRIu64 " words are somebody else's", when, count);
}

static void fresh_in(uint32_t placements, bool move_first)
{
	int fd = client();
	uint64_t bytes = vram_bytes(fd) / PARTS;
	struct buffer b[PARTS];

	dirty_all(bytes);
	for (int i = 0; i < PARTS; i++) {
		b[i] = buffer_create(fd, bytes, placements);
		if (move_first)
			buffer_move(&b[i], VTTM_PLACE_VRAM, 0);
	}
	for (int i = 0; i < PARTS; i++)
		expect_zero(&b[i], "a fresh object");
	for (int i = 0; i < PARTS; i++)
		buffer_close(&b[i]);
	close(fd);
}

static void fresh_vram(void)
{
	fresh_in(VTTM_PLACE_VRAM, false);
}

static void fresh_moved(void)
{
	fresh_in(VTTM_PLACE_MASK, true);
}

static void fresh_system(void)
{
	fresh_in(VTTM_PLACE_MASK, false);
}

static void fresh_delayed(void)
{
	fault_set("copy_delay_us", DELAY_US);
	fresh_in(VTTM_PLACE_VRAM, false);
	fresh_in(VTTM_PLACE_MASK, true);
}

/* One client leaves secrets in memory, the other looks for them in what it gets. */
static void leave_secrets(int fd, uint64_t bytes)
{
	struct buffer b = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);

	buffer_move(&b, VTTM_PLACE_VRAM, 0);
	buffer_close(&b);
}

static void look_for_secrets(int fd, uint64_t bytes, int round)
{
	struct buffer b = buffer_create(fd, bytes, round % 2 ? VTTM_PLACE_VRAM : VTTM_PLACE_MASK);

	if (round % 4 == 2)
		buffer_move(&b, VTTM_PLACE_VRAM, 0);
	expect_zero(&b, "while another client leaves its bytes");
	buffer_close(&b);
}

static void two_clients(void)
{
	int rounds = quick ? 40 : 160;

	igt_fork(child, 4) {
		int fd = client();
		uint64_t bytes = vram_bytes(fd) / PARTS;

		for (int i = 0; i < rounds; i++) {
			if (child % 2)
				leave_secrets(fd, bytes);
			else
				look_for_secrets(fd, bytes, i);
		}
	}
	igt_waitchildren_timeout(SUBTEST_SECONDS, "clients with secrets");
}

/* A copy that fails must not leave what the memory held before. */
static void failed_copy(void)
{
	int fd = client();
	uint64_t bytes = vram_bytes(fd) / PARTS;
	struct buffer b[PARTS];

	dirty_all(bytes);
	/* The faults are for what is moved from here on. */
	igt_assert(vram_becomes(fd, 0));
	fault_set("fail_moves", PARTS);
	for (int i = 0; i < PARTS; i++) {
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
		buffer_move(&b[i], VTTM_PLACE_VRAM, VTTM_MOVE_ASYNC);
	}
	for (int i = 0; i < PARTS; i++)
		expect_zero(&b[i], "after a failed copy");
}

const struct subtest secret_subtests[] = {
	{ "fresh-vram", "Fresh video memory reads as zeroes.", fresh_vram },
	{ "fresh-moved", "A fresh object reads as zeroes after its first move.", fresh_moved },
	{ "fresh-system", "Fresh system memory reads as zeroes.", fresh_system },
	{ "fresh-delayed", "The same with slow copies.", fresh_delayed },
	{ "no-foreign-bytes", "Clients look for each other's bytes all the time.", two_clients },
	{ "no-foreign-bytes-failed", "A failed copy shows no other client's bytes.",
	  failed_copy },
	{ }
};
