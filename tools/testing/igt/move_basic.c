// SPDX-License-Identifier: MIT
/*
 * Moves that nothing disturbs: contents, order, and that the caller is not kept.
 */
#include <inttypes.h>
#include <string.h>

#include "vttm_async_move.h"

#define STEPS		8
#define DELAY_US	150000
#define TRIES		5

static void sanitycheck(void)
{
	int fd = client();
	struct drm_vttm_info info;
	struct buffer b = buffer_create_filled(fd, PAGE, VTTM_PLACE_MASK);

	device_info(fd, &info);
	igt_assert(info.vram_bytes >= 16 * MIB && info.page_bytes);
	igt_assert(!(info.flags & VTTM_INFO_SYNC_MOVES));
	buffer_move(&b, VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	buffer_check_place(&b, VTTM_PLACE_VRAM, "after the first move");
	buffer_verify(&b, "after the first move");
}

static void to_and_fro(int fd, uint64_t bytes)
{
	struct buffer b = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);

	for (int i = 0; i < 4; i++) {
		uint32_t to = i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM;

		buffer_move(&b, to, VTTM_MOVE_ASYNC | VTTM_MOVE_WAIT);
		buffer_check_place(&b, to, "after a move");
		igt_assert_f(!buffer_info(&b).runs == (to == VTTM_PLACE_SYSTEM),
			     "%u pieces in placement %u\n", buffer_info(&b).runs, to);
		buffer_verify(&b, "after a move");
		buffer_rewrite(&b);
	}
	buffer_close(&b);
}

static void basic(void)
{
	int fd = client();
	const uint64_t sizes[] = {
		1, PAGE, 3 * PAGE, MIB - PAGE, MIB + PAGE, 5 * MIB, vram_bytes(fd) / 2,
		vram_bytes(fd),
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		to_and_fro(fd, sizes[i]);
}

/* True where the call returned before the slowed copy had ended; then it must end. */
static bool returned_early(struct buffer *b, uint32_t to)
{
	uint32_t out = buffer_move_out(b, to, VTTM_MOVE_ASYNC);
	bool early = !syncobj_status(b->fd, out);

	buffer_check_place(b, to, "on its way");
	igt_assert(syncobj_await_status(b->fd, out) == 1);
	igt_assert(!buffer_is_busy(b));
	buffer_verify(b, "arrived");
	return early;
}

/* A busy machine may keep the caller for as long as a copy takes, but not every time. */
static void returns_early(uint32_t from)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, vram_bytes(fd) / 4, VTTM_PLACE_MASK);

	for (int i = 0; i < TRIES; i++) {
		fault_set("copy_delay_us", 0);
		buffer_move(&b, from, VTTM_MOVE_WAIT);
		fault_set("copy_delay_us", DELAY_US);
		if (returned_early(&b, VTTM_PLACE_MASK & ~from))
			return;
	}
	fail("the call returned after the copy, %d times", TRIES);
}

static void returns_before_copy_in(void)
{
	returns_early(VTTM_PLACE_SYSTEM);
}

static void returns_before_copy_out(void)
{
	returns_early(VTTM_PLACE_VRAM);
}

/* Whatever was written when the call was made is what arrives, at once or later. */
static void reuse_at_once(void)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, 4 * MIB, VTTM_PLACE_MASK);

	fault_set("copy_delay_us", DELAY_US / 10);
	for (int i = 0; i < STEPS; i++) {
		buffer_move(&b, i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM, VTTM_MOVE_ASYNC);
		buffer_verify(&b, "read behind the call");
		buffer_rewrite(&b);
	}
	buffer_verify(&b, "at the end");
}

/* How many of the timeline's points have signalled; none may before its predecessor. */
static int points_signalled(int fd, uint32_t timeline)
{
	bool seen[STEPS];
	int count = 0;

	/* Backwards: what signals meanwhile cannot look like a gap. */
	for (int i = STEPS - 1; i >= 0; i--)
		seen[i] = syncobj_is_signalled(fd, timeline, i + 1);
	for (int i = 0; i < STEPS; i++) {
		igt_assert_f(!i || seen[i - 1] || !seen[i], "point %d before point %d\n",
			     i + 1, i);
		count += seen[i];
	}
	return count;
}

static void order(void)
{
	int fd = client(), last = 0, now;
	uint64_t deadline = now_ns() + 2 * PATIENCE;
	uint32_t points[STEPS], timeline = syncobj_new(fd);
	struct buffer b = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);

	fault_set("copy_delay_us", DELAY_US / 5);
	for (int i = 0; i < STEPS; i++) {
		points[i] = i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM;
		buffer_move_as(&b, (struct drm_vttm_move){
			.placement = points[i], .flags = VTTM_MOVE_ASYNC,
			.out_syncobj = timeline, .out_point = i + 1,
		});
	}
	buffer_check_place(&b, points[STEPS - 1], "behind all moves");
	for (; last < STEPS; last = now) {
		now = points_signalled(fd, timeline);
		igt_assert_f(now >= last, "%d points, and later %d\n", last, now);
		igt_assert_f(now_ns() < deadline, "%d of %d moves have ended\n", now, STEPS);
	}
	buffer_verify(&b, "after all moves");
}

/* Each move waits for the one before, of another object. */
static void chained(void)
{
	int fd = client();
	struct hold hold;
	uint32_t in = hold_create(&hold, fd), first = 0;
	struct buffer b[STEPS];

	for (int i = 0; i < STEPS; i++) {
		uint32_t out = syncobj_new(fd);

		b[i] = buffer_create_filled(fd, MIB, VTTM_PLACE_MASK);
		buffer_move_as(&b[i], (struct drm_vttm_move){
			.placement = VTTM_PLACE_VRAM, .flags = VTTM_MOVE_ASYNC,
			.in_syncobj = in, .out_syncobj = out,
		});
		first = first ? first : out;
		in = out;
	}
	sleep_ms(A_WHILE_MS);
	for (int i = 0; i < STEPS; i++)
		igt_assert_f(buffer_is_busy(&b[i]), "object %d did not wait\n", i);
	hold_release(&hold);
	syncobj_await(fd, in, 0, "the end of the chain");
	igt_assert(syncobj_is_signalled(fd, first, 0));
	for (int i = 0; i < STEPS; i++)
		buffer_verify(&b[i], "of the chain");
}

#define MIXED	6

static void sync_and_async(void)
{
	static const uint32_t flags[] = {
		0, VTTM_MOVE_SYNC, VTTM_MOVE_ASYNC, VTTM_MOVE_SYNC | VTTM_MOVE_WAIT,
		VTTM_MOVE_ASYNC | VTTM_MOVE_WAIT,
	};
	int fd = client();
	uint64_t random = seed;
	struct buffer b[MIXED];

	for (int i = 0; i < MIXED; i++)
		b[i] = buffer_create_filled(fd, 2 * MIB + i * PAGE, VTTM_PLACE_MASK);
	for (int i = 0; i < (quick ? 100 : 300); i++) {
		struct buffer *one = &b[random_next(&random) % MIXED];

		buffer_move(one, 1 + random_next(&random) % 2,
			    flags[random_next(&random) % ARRAY_SIZE(flags)]);
		if (random_next(&random) % 4)
			continue;
		buffer_verify(one, "among mixed moves");
		buffer_rewrite(one);
	}
	for (int i = 0; i < MIXED; i++)
		buffer_verify(&b[i], "after mixed moves");
}

const struct subtest basic_subtests[] = {
	{ "sanitycheck", "One page there, and what the device says of itself.", sanitycheck },
	{ "basic", "Objects from a byte to all of VRAM, both ways, every byte looked at.",
	  basic },
	{ "returns-before-copy-in", "The call into VRAM returns with its fence active.",
	  returns_before_copy_in },
	{ "returns-before-copy-out", "The call out of VRAM returns with its fence active.",
	  returns_before_copy_out },
	{ "reuse-at-once", "Reads and writes behind the call meet the moved bytes.",
	  reuse_at_once },
	{ "order", "Moves of one object end in the order of the calls.", order },
	{ "chain", "Moves of several objects, each behind the one before.", chained },
	{ "sync-and-async", "Synchronous and asynchronous moves of the same objects.",
	  sync_and_async },
	{ }
};
