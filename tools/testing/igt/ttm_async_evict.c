// SPDX-License-Identifier: MIT
/*
 * Pipelined eviction as user space sees it: how long the call takes and how long the
 * fence, that nobody writes to memory before the eviction has read it, that every
 * client gets on, and that memory pressure stops nobody.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt_vttm.h"

IGT_TEST_DESCRIPTION("Pipelined eviction: time blocked, contents, fairness, memory pressure.");

#define PARTS		8
#define CLIENTS		4
#define DELAY_US	30000
#define TRIES		5

static void fill(struct buffer *b, int count, int fd, uint64_t bytes)
{
	for (int i = 0; i < count; i++) {
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
		buffer_move(&b[i], VTTM_PLACE_VRAM, 0);
	}
	for (int i = 0; i < count; i++)
		buffer_wait(&b[i]);
}

static void verify(const struct buffer *b, int count, const char *when)
{
	for (int i = 0; i < count; i++)
		buffer_verify(&b[i], when);
}

/* Numbers: no machine is promised to be fast */

struct timing {
	uint64_t blocked_ns;
	uint64_t done_ns;
	uint64_t moves;
};

/* Each move evicts another object, as those in VRAM take turns. */
static void measure(struct timing *t, uint32_t flags)
{
	int fd = client();
	uint64_t bytes = vram_bytes(fd) / PARTS;
	struct buffer b[2 * PARTS];

	fill(b, 2 * PARTS, fd, bytes);
	for (int i = 0; i < 2 * PARTS; i++) {
		struct buffer *one = &b[i];
		uint64_t start = now_ns();
		uint32_t out = buffer_move_out(one, VTTM_PLACE_VRAM, flags);

		t->blocked_ns += now_ns() - start;
		syncobj_await(fd, out, 0, "a move that evicts");
		t->done_ns += now_ns() - start;
		t->moves++;
	}
	verify(b, 2 * PARTS, "after measured moves");
	for (int i = 0; i < 2 * PARTS; i++)
		buffer_close(&b[i]);
}

static void report(const char *what, const struct timing *t)
{
	igt_info("%s: %" PRIu64 " moves, blocked %.1f us, until the fence %.1f us each\n", what,
		 t->moves, t->blocked_ns / 1e3 / t->moves, t->done_ns / 1e3 / t->moves);
}

static void restore_parameter(int signal)
{
	(void)signal;
	device_set_sync(false);
}

static void blocked_time(void)
{
	struct timing worker = { 0 }, sync = { 0 };

	igt_require_f(!geteuid(), "only root may change the module's parameter\n");
	measure(&worker, VTTM_MOVE_ASYNC);
	/* Evictions do as the parameter says, whatever the flags are. */
	igt_install_exit_handler(restore_parameter);
	device_set_sync(true);
	measure(&sync, VTTM_MOVE_SYNC);
	device_set_sync(false);
	report("the worker", &worker);
	report("synchronous", &sync);
}

/* Of those that were in video memory, one that is on its way out; NULL if none is. */
static const struct buffer *on_its_way_out(const struct buffer *b, int count)
{
	for (int i = 0; i < count; i++)
		if (buffer_info(&b[i]).placement == VTTM_PLACE_SYSTEM && buffer_is_busy(&b[i]))
			return &b[i];
	return NULL;
}

/* Whether the slowed eviction had not ended when the call that needs it returned. */
static bool evicted_and_returned(struct buffer *b)
{
	struct buffer *comer = &b[PARTS];
	const struct buffer *goer;
	uint32_t out;

	fault_set("copy_delay_us", 0);
	buffer_move(comer, VTTM_PLACE_SYSTEM, VTTM_MOVE_WAIT);
	for (int i = 0; i < PARTS; i++)
		buffer_move(&b[i], VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	fault_set("copy_delay_us", 5 * DELAY_US);
	out = buffer_move_out(comer, VTTM_PLACE_VRAM, VTTM_MOVE_ASYNC);
	goer = on_its_way_out(b, PARTS);
	/* Whoever needs the room waits for it. */
	igt_assert_f(!goer || !syncobj_status(b->fd, out) || !buffer_is_busy(goer),
		     "room was there before the eviction had ended\n");
	igt_assert(syncobj_await_status(b->fd, out) == 1);
	return goer;
}

/* A busy machine may keep the caller for as long as an eviction, but not every time. */
static void evict_and_return(void)
{
	int fd = client();
	uint64_t bytes = vram_bytes(fd) / PARTS;
	struct buffer b[PARTS + 1];
	bool returned = false;

	for (int i = 0; i <= PARTS; i++)
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
	for (int i = 0; i < TRIES && !returned; i++)
		returned = evicted_and_returned(b);
	igt_assert_f(returned, "the call waited for the eviction, %d times\n", TRIES);
	verify(b, PARTS + 1, "after a pipelined eviction");
}

/* Contents: who gets the room must not write to it before it was read */

/* Twice as many as there is room for, none of them in video memory yet. */
static void create_twice(int fd, struct buffer *b)
{
	uint64_t bytes = vram_bytes(fd) / PARTS;

	for (int i = 0; i < 2 * PARTS; i++)
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
}

/* Of which the first half takes all the room; from here on, moves are slow. */
static void create_twice_and_fill(int fd, struct buffer *b)
{
	create_twice(fd, b);
	for (int i = 0; i < PARTS; i++)
		buffer_move(&b[i], VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	fault_set("copy_delay_us", DELAY_US);
}

static void moves_into_room(void)
{
	int fd = client();
	struct buffer b[2 * PARTS];

	create_twice_and_fill(fd, b);
	for (int i = 0; i < 2 * PARTS; i++)
		buffer_move(&b[(i + PARTS) % (2 * PARTS)], VTTM_PLACE_VRAM, 0);
	verify(b, 2 * PARTS, "after moves into room of others");
}

/* Fresh objects clear the room that they get, and are written to at once. */
static void fresh_into_room(void)
{
	int fd = client();
	uint64_t bytes = vram_bytes(fd) / PARTS;
	struct buffer b[PARTS], fresh[PARTS];

	fill(b, PARTS, fd, bytes);
	fault_set("copy_delay_us", DELAY_US);
	for (int i = 0; i < PARTS; i++) {
		fresh[i] = buffer_create(fd, bytes, VTTM_PLACE_VRAM);
		/* The first touch waits: what is there are zeroes, and nobody's bytes. */
		igt_assert_f(!fresh[i].words[i], "a fresh object shows somebody's bytes\n");
		buffer_rewrite(&fresh[i]);
	}
	verify(b, PARTS, "evicted by fresh objects");
	verify(fresh, PARTS, "fresh, and written to at once");
}

/* The caller copies into the room, by itself, while the worker still empties it. */
static void sync_into_room(void)
{
	int fd = client();
	struct buffer b[2 * PARTS];

	create_twice_and_fill(fd, b);
	for (int i = 0; i < PARTS; i++)
		buffer_move(&b[PARTS + i], VTTM_PLACE_VRAM, VTTM_MOVE_SYNC);
	verify(b, 2 * PARTS, "after synchronous moves into room of others");
}

/* Every third move, or its eviction, finds no job, and is the caller's. */
static void jobless_into_room(void)
{
	int fd = client();
	uint64_t random = seed;
	struct buffer b[2 * PARTS];

	create_twice(fd, b);
	fault_set("copy_delay_us", DELAY_US / 6);
	for (int i = 0; i < (quick ? 20 : 60); i++) {
		fault_set("fail_allocs", i % 3 == 1);
		buffer_move(&b[random_next(&random) % ARRAY_SIZE(b)], VTTM_PLACE_VRAM, 0);
	}
	verify(b, 2 * PARTS, "after moves of which a third found no job");
}

/* What is mapped is evicted, and read and written through the old mapping. */
static void mapped(void)
{
	int fd = client();
	struct buffer b[2 * PARTS];

	create_twice(fd, b);
	fault_set("copy_delay_us", DELAY_US / 3);
	for (int i = 0; i < 4 * PARTS; i++) {
		buffer_move(&b[i % (2 * PARTS)], VTTM_PLACE_VRAM, 0);
		buffer_rewrite(&b[(i + PARTS) % (2 * PARTS)]);
	}
	verify(b, 2 * PARTS, "evicted while it was written");
}

/* Fairness: what each got done is told; that it got something done is asserted */

struct score {
	uint64_t moves[CLIENTS];
};

static bool all_got_on(const struct score *score)
{
	for (int i = 0; i < CLIENTS; i++)
		if (__atomic_load_n(&score->moves[i], __ATOMIC_RELAXED) < 2)
			return false;
	return true;
}

/* Nobody leaves before all others have got something, however slow the machine is. */
static void be_client(struct score *score, int child, uint64_t deadline)
{
	int fd = client();
	/* One client asks for much at a time, the others for little. */
	uint64_t bytes = vram_bytes(fd) / (child ? 4 * PARTS : PARTS / 2);
	int count = child ? 2 * PARTS : PARTS / 2;
	struct buffer b[2 * PARTS];

	for (int i = 0; i < count; i++)
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
	for (int i = 0; now_ns() < deadline || !all_got_on(score); i++) {
		uint32_t from = object_placement(fd, b[i % count].handle);

		buffer_move(&b[i % count], VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
		/* What nobody evicted had nowhere to go. */
		__atomic_fetch_add(&score->moves[child], from == VTTM_PLACE_SYSTEM,
				   __ATOMIC_RELAXED);
	}
	verify(b, count, "among greedy clients");
}

static void fairness(void)
{
	struct score *score = mmap(NULL, sizeof(*score), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t deadline = now_ns() + (quick ? 2 : 5) * SECOND;

	igt_assert(score != MAP_FAILED);
	igt_fork(child, CLIENTS)
		be_client(score, child, deadline);
	igt_waitchildren_timeout(SUBTEST_SECONDS, "clients that evict each other");
	for (int i = 0; i < CLIENTS; i++)
		igt_info("client %d: %" PRIu64 " moves\n", i, score->moves[i]);
	igt_assert_f(all_got_on(score), "a client got nowhere\n");
	munmap(score, sizeof(*score));
}

/* Memory pressure */

#define LEFT_MIB	64	/* what the kernel keeps for emergencies, and more */
#define AT_A_TIME	4

struct pressure {
	uint64_t bytes;
	bool there;
};

/* Takes so much of what is left, says so, and keeps touching it. */
static void press(void *argument)
{
	struct pressure *p = argument;
	char *memory = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	check(memory != MAP_FAILED, "no address space for %" PRIu64 " bytes", p->bytes);
	for (;; __atomic_store_n(&p->there, true, __ATOMIC_RELEASE))
		for (uint64_t i = 0; i < p->bytes; i += PAGE)
			memory[i]++;
}

/* The process that presses, once only about @left MiB are left. */
static pid_t begin_pressure(struct pressure *p, uint64_t left)
{
	pid_t pid;

	p->bytes = (memory_available() - left) * MIB;
	pid = spawn(press, p);
	while (!__atomic_load_n(&p->there, __ATOMIC_ACQUIRE))
		sleep_ms(10);
	igt_info("%" PRIu64 " MiB of memory are left\n", memory_available());
	igt_assert_f(memory_available() < left + left / 4, "there is no pressure\n");
	return pid;
}

static void under_pressure(void)
{
	struct pressure *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = client();
	uint64_t random = seed, left = LEFT_MIB + 2 * vram_bytes(fd) / MIB;
	struct buffer b[2 * PARTS];
	pid_t pid;

	igt_assert(p != MAP_FAILED);
	create_twice(fd, b);
	igt_require_f(memory_available() > 2 * left,
		      "there is too little memory to take some away\n");
	pid = begin_pressure(p, left);
	/* Few at a time, so that nobody has to be killed for what they need. */
	for (int i = 0; i < (quick ? 60 : 240); i++)
		buffer_move(&b[random_next(&random) % ARRAY_SIZE(b)], VTTM_PLACE_VRAM,
			    i % AT_A_TIME ? 0 : VTTM_MOVE_WAIT);
	verify(b, 2 * PARTS, "under memory pressure");
	igt_assert_f(!has_ended(pid), "the pressure did not last\n");
	kill_and_reap(pid, "who takes memory");
	munmap(p, sizeof(*p));
}

/* More than TTM gives out before it swaps: system pages go to shmem, and come back. */
static void swapped(void)
{
	int fd = client(), count;
	uint64_t bytes = vram_bytes(fd) / PARTS, total = memory_available() * MIB / 10 * 7;
	struct buffer *b;

	igt_require_f(!quick, "takes long\n");
	count = total / bytes;
	b = calloc(count, sizeof(*b));
	igt_assert(b);
	for (int i = 0; i < count; i++)
		b[i] = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
	for (int i = 0; i < count; i++)
		buffer_move(&b[i], VTTM_PLACE_VRAM, 0);
	verify(b, count, "of more than TTM keeps");
	igt_info("%d objects, %" PRIu64 " MiB\n", count, count * bytes / MIB);
	free(b);
}

static const struct subtest subtests[] = {
	{ "pipelined", "The call that evicts returns before the eviction has ended.",
	  evict_and_return },
	{ "blocked-time", "How long calls that evict block, and take until their fence.",
	  blocked_time },
	{ "room-after-read-move", "Moves get room only behind its eviction.", moves_into_room },
	{ "room-after-read-fresh", "Fresh objects get room only behind its eviction.",
	  fresh_into_room },
	{ "room-after-read-sync", "Synchronous moves wait for the eviction of their room.",
	  sync_into_room },
	{ "room-after-read-jobless", "The same where some moves find no job.",
	  jobless_into_room },
	{ "mapped", "Objects are evicted while they are written.", mapped },
	{ "fairness", "Clients that ask for much and for little all get on.", fairness },
	{ "memory-pressure", "Moves while another process takes the memory.",
	  under_pressure },
	{ "swapped", "More objects than TTM keeps in memory.", swapped },
	{ }
};

vttm_main
{
	igt_fixture() {
		vttm_init();
	}

	subtests_run(subtests);

	igt_fixture() {
		vttm_fini();
	}
}
