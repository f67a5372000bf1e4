// SPDX-License-Identifier: MIT
/*
 * Moves behind a fence that does not signal: they harm nobody but their owner.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

#define PARTS		8
#define OTHER_PARTS	12
#define A_WHILE_MS	60

/* One and a half times the video memory, every byte verified, by another client. */
static void go_on_as_other(uint64_t bytes)
{
	int fd = client();
	struct buffer parts[OTHER_PARTS];

	for (int i = 0; i < OTHER_PARTS; i++) {
		parts[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
		buffer_move(&parts[i], VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	}
	for (int i = 0; i < OTHER_PARTS; i++)
		buffer_verify(&parts[i], "another client's object");
	close(fd);
}

struct held {
	struct gate gate;
	uint32_t in;
	struct buffer b;
};

static void held_create(struct held *h, uint64_t bytes)
{
	int fd = client();

	h->b = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
	h->in = gate_create(&h->gate, fd);
}

static void held_move(struct held *h, uint32_t placement)
{
	buffer_move_as(&h->b, (struct drm_vttm_move){
		.placement = placement, .in_syncobj = h->in,
	});
}

/* Still on its way to @placement; then let it arrive. */
static void held_release(struct held *h, uint32_t placement)
{
	buffer_check_place(&h->b, placement, "held up, amid evictions");
	check(buffer_is_busy(&h->b), "the move did not wait for its fence");
	gate_open(&h->gate);
	buffer_verify(&h->b, "no longer held up");
	buffer_wait(&h->b);
	buffer_check_place(&h->b, placement, "no longer held up");
}

static void test_into_vram(void)
{
	uint64_t bytes = vram_bytes(client()) / PARTS;
	struct held h;

	held_create(&h, bytes);
	held_move(&h, VTTM_PLACE_VRAM);
	go_on_as_other(bytes);
	held_release(&h, VTTM_PLACE_VRAM);
}

static void test_out_of_vram(void)
{
	uint64_t bytes = vram_bytes(client()) / PARTS;
	struct held h;

	held_create(&h, bytes);
	buffer_move(&h.b, VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	held_move(&h, VTTM_PLACE_SYSTEM);
	go_on_as_other(bytes);
	held_release(&h, VTTM_PLACE_SYSTEM);
}

/* Behind the held move a second one, without a fence of its own. */
static void test_behind_held(void)
{
	uint64_t bytes = vram_bytes(client()) / PARTS;
	struct held h;

	held_create(&h, bytes);
	held_move(&h, VTTM_PLACE_VRAM);
	buffer_move(&h.b, VTTM_PLACE_SYSTEM, 0);
	buffer_move(&h.b, VTTM_PLACE_VRAM, 0);
	go_on_as_other(bytes);
	held_release(&h, VTTM_PLACE_VRAM);
}

/* A chain of syncobjs hides the fence behind moves of the device's own. */
static void test_behind_chain(void)
{
	uint64_t bytes = vram_bytes(client()) / PARTS;
	struct held h;
	struct buffer b;
	uint32_t link;

	held_create(&h, bytes);
	link = syncobj_new(h.b.fd);
	buffer_move_as(&h.b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = h.in,
		.out_syncobj = link, .out_point = 3,
	});
	b = buffer_create_filled(h.b.fd, bytes, VTTM_PLACE_MASK);
	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = link, .in_point = 3,
	});
	go_on_as_other(bytes);
	buffer_check_place(&b, VTTM_PLACE_VRAM, "held up by a chain");
	check(buffer_is_busy(&b), "a chained move did not wait");
	held_release(&h, VTTM_PLACE_VRAM);
	buffer_verify(&b, "no longer held up by a chain");
}

static void move_synchronously(struct held *h, uint32_t placement)
{
	buffer_move_as(&h->b, (struct drm_vttm_move){
		.placement = placement, .flags = VTTM_MOVE_SYNC, .in_syncobj = h->in,
	});
}

static void move_in_synchronously(void *argument)
{
	move_synchronously(argument, VTTM_PLACE_VRAM);
}

static void move_out_synchronously(void *argument)
{
	move_synchronously(argument, VTTM_PLACE_SYSTEM);
}

/* Others need the memory of an object whose mover waits for a fence: he has no lock on it. */
static void test_sync_evicted(void)
{
	uint64_t bytes = vram_bytes(client());
	struct buffer other = buffer_create_filled(client(), bytes, VTTM_PLACE_MASK);
	struct held h;
	pid_t pid;

	held_create(&h, bytes);
	buffer_move(&h.b, VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	pid = spawn(move_out_synchronously, &h);
	sleep_ms(A_WHILE_MS);
	buffer_move(&other, VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	check(!has_ended(pid), "a synchronous move did not wait for its fence");
	buffer_verify(&other, "in the place of one that is to be moved");
	gate_open(&h.gate);
	join(pid, "a synchronous move behind a fence");
	buffer_verify(&h.b, "evicted, then moved");
}

static void test_sync(void)
{
	uint64_t bytes = vram_bytes(client()) / PARTS;
	struct held h;
	pid_t pid;

	held_create(&h, bytes);
	pid = spawn(move_in_synchronously, &h);
	sleep_ms(A_WHILE_MS);
	go_on_as_other(bytes);
	check(!has_ended(pid), "a synchronous move did not wait for its fence");
	gate_open(&h.gate);
	join(pid, "a synchronous move behind a fence");
	buffer_verify(&h.b, "no longer held up");
}

/* There is no room, and there will not be: the call says so, and moves nothing. */
static void test_no_room(void)
{
	int fd = client();
	uint64_t bytes = vram_bytes(fd) / PARTS;
	struct buffer held[PARTS], b = buffer_create_filled(client(), bytes, VTTM_PLACE_MASK);
	struct drm_vttm_create create = { .size = PAGE, .placements = VTTM_PLACE_VRAM };
	struct gate gate;
	uint32_t in = gate_create(&gate, fd);

	for (int i = 0; i < PARTS; i++) {
		held[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
		buffer_move_as(&held[i], (struct drm_vttm_move){
			.placement = VTTM_PLACE_VRAM, .in_syncobj = in,
		});
	}
	for (int i = 0; i < 3; i++)
		expect(buffer_try_move(&b, (struct drm_vttm_move){ .placement = VTTM_PLACE_VRAM }),
		       -ENOMEM, "a move without room");
	expect(try_ioctl(b.fd, DRM_IOCTL_VTTM_CREATE, &create), -ENOMEM, "an object without room");
	buffer_check_place(&b, VTTM_PLACE_SYSTEM, "after a move without room");
	check(!buffer_is_busy(&b), "busy after a move without room");
	buffer_verify(&b, "after a move without room");
	check(vram_used(fd) == vram_bytes(fd), "a move without room freed some");
	gate_open(&gate);
	for (int i = 0; i < PARTS; i++)
		buffer_verify(&held[i], "no longer held up");
	buffer_move(&b, VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	buffer_verify(&b, "moved as soon as there is room");
}

#define RIVALS		3
#define RIVAL_BYTES	(64 * KIB)
#define RIVALRY_NS	(3 * SECOND / 2)

static void in_and_out(void *end_ns)
{
	struct buffer b = buffer_create_filled(client(), RIVAL_BYTES, VTTM_PLACE_MASK);
	int ret;

	while (now_ns() < *(const uint64_t *)end_ns) {
		ret = buffer_try_move(&b, (struct drm_vttm_move){ .placement = VTTM_PLACE_VRAM });
		check(!ret || ret == -ENOMEM, "a move amid rivals: %s", error_name(ret));
		buffer_move(&b, VTTM_PLACE_SYSTEM, 0);
	}
	buffer_verify(&b, "amid rivals");
}

/*
 * Room for one only. Who looks for some meets what another's move has just left behind, of
 * which the driver knows nothing; it says so in the kernel's log if it is asked.
 */
static void test_rivals(void)
{
	uint64_t end_ns;
	struct held h;
	pid_t pids[RIVALS];

	held_create(&h, vram_bytes(client()) - RIVAL_BYTES);
	held_move(&h, VTTM_PLACE_VRAM);
	end_ns = now_ns() + RIVALRY_NS;
	for (int i = 0; i < RIVALS; i++)
		pids[i] = spawn(in_and_out, &end_ns);
	for (int i = 0; i < RIVALS; i++)
		join(pids[i], "moves amid rivals");
	held_release(&h, VTTM_PLACE_VRAM);
}

/* Whoever waits for a held move can be killed */

static void read_mapping(void *argument)
{
	struct held *h = argument;

	buffer_verify(&h->b, "behind a fence");
}

static void wait_for_moves(void *argument)
{
	struct held *h = argument;

	expect(buffer_try_wait(&h->b, INT64_MAX), 0, "waiting behind a fence");
}

static void move_and_wait(void *argument)
{
	struct held *h = argument;

	buffer_move_as(&h->b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_SYSTEM, .flags = VTTM_MOVE_WAIT,
	});
}

static void (*const waiters[])(void *) = { read_mapping, wait_for_moves, move_and_wait };

#define NUM_WAITERS	(sizeof(waiters) / sizeof(*waiters))

/* A fault waits for the move, and then sees what was written before. */
static void test_waiters(void)
{
	struct held h;
	pid_t pids[NUM_WAITERS];

	held_create(&h, MIB);
	held_move(&h, VTTM_PLACE_VRAM);
	for (size_t i = 0; i < NUM_WAITERS; i++)
		pids[i] = spawn(waiters[i], &h);
	sleep_ms(A_WHILE_MS);
	for (size_t i = 0; i < NUM_WAITERS; i++)
		check(!has_ended(pids[i]), "waiter %zu does not wait", i);
	gate_open(&h.gate);
	for (size_t i = 0; i < NUM_WAITERS; i++)
		join(pids[i], "whoever waits for a move");
}

static void test_waiters_killed(void)
{
	struct held h;

	held_create(&h, MIB);
	held_move(&h, VTTM_PLACE_VRAM);
	for (size_t i = 0; i < NUM_WAITERS; i++) {
		pid_t pid = spawn(waiters[i], &h);

		sleep_ms(A_WHILE_MS);
		check(!has_ended(pid), "waiter %zu does not wait", i);
		kill_and_reap(pid, "whoever waits for a move");
	}
	gate_open(&h.gate);
	buffer_verify(&h.b, "whoever waited is dead");
}

/* Everything is closed while the move is held up; the memory comes back later. */
static void test_owner_gone(void)
{
	int fd = client();
	struct held h;

	held_create(&h, MIB);
	held_move(&h, VTTM_PLACE_VRAM);
	munmap(h.b.words, h.b.bytes);
	close(h.b.fd);
	sleep_ms(A_WHILE_MS);
	check(vram_used(fd) == MIB, "the memory of a move in flight was freed");
	gate_open(&h.gate);
	check(vram_becomes(fd, 0), "the memory of a move without owner is not freed");
}

const struct test held_tests[] = {
	{ "held-into-vram", test_into_vram },
	{ "held-out-of-vram", test_out_of_vram },
	{ "held-behind", test_behind_held },
	{ "held-chain", test_behind_chain },
	{ "held-sync", test_sync },
	{ "held-sync-evicted", test_sync_evicted },
	{ "held-no-room", test_no_room },
	{ "held-rivals", test_rivals },
	{ "held-waiters", test_waiters },
	{ "held-waiters-killed", test_waiters_killed },
	{ "held-owner-gone", test_owner_gone },
	{ }
};
