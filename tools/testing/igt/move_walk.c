// SPDX-License-Identifier: MIT
/*
 * More objects than video memory holds, walked through it at random.
 */
#include <inttypes.h>

#include "vttm_async_move.h"

#define PER_VRAM	16	/* objects that fill video memory */
#define MOST_TIMES	8

/* Half of the memory is what TTM gives out before it swaps. */
static void require_memory(uint64_t bytes)
{
	uint64_t mib = 2 * bytes / MIB;

	igt_require_f(memory_available() > mib, "%" PRIu64 " MiB of memory are needed\n", mib);
}

static void walk_steps(struct buffer *b, int count, uint64_t *random)
{
	for (int i = 0; i < (quick ? 1 : 3) * count; i++) {
		struct buffer *one = &b[random_next(random) % count];

		buffer_move(one, VTTM_PLACE_VRAM, 0);
		if (!(random_next(random) % 8))
			buffer_verify(one, "on the walk");
		if (!(random_next(random) % 16))
			buffer_rewrite(one);
	}
}

/* @halves: of video memory, so many are asked for. */
static void walk_halves(int halves)
{
	struct buffer b[PER_VRAM * MOST_TIMES];
	int fd = client(), count = PER_VRAM * halves / 2;
	uint64_t bytes = vram_bytes(fd) / PER_VRAM, random = seed + halves;
	uint64_t before = worker_total("jobs");

	require_memory(bytes * count);
	for (int i = 0; i < count; i++)
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
	walk_steps(b, count, &random);
	for (int i = 0; i < count; i++)
		buffer_verify(&b[i], "after the walk");
	igt_info("%d objects of %" PRIu64 " KiB, %" PRIu64 " jobs\n", count, bytes / KIB,
		 worker_total("jobs") - before);
}

static void walk_a_bit(void)
{
	walk_halves(3);
}

static void walk_thrice(void)
{
	walk_halves(6);
}

static void walk_eight_times(void)
{
	walk_halves(2 * MOST_TIMES);
}

const struct subtest walk_subtests[] = {
	{ "oversubscribe-3-halves", "1.5 times the video memory, walked at random.", walk_a_bit },
	{ "oversubscribe-3x", "3 times the video memory, walked at random.", walk_thrice },
	{ "oversubscribe-8x", "8 times the video memory, walked at random.", walk_eight_times },
	{ }
};
