// SPDX-License-Identifier: MIT
/*
 * Objects, files and processes that end while their moves are in flight.
 */
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vttm_async_move.h"

#define DELAY_US	40000
#define OBJECTS		6
#define KILLS		3
#define CHILDREN_WITH_MAPPINGS	2
#define CHILDREN	8

/*
 * Each test is made twice: with copies that take a while, so that what happens to their
 * owner happens at any moment of theirs; and behind a fence that signals only after it
 * has happened, so that it certainly happens before.
 */
#define TIMES	2

struct fleet {
	int fd;
	struct buffer b[OBJECTS];
};

/* What the processes of a test share. */
struct plan {
	bool held;
	struct hold hold;
	int sync_file;			/* of the fence, if the moves are held */
	bool started;			/* all moves have been asked for */
};

static struct plan *plan_make(bool held)
{
	struct plan *p = mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = client();

	igt_assert(p != MAP_FAILED);
	p->held = held;
	if (held)
		p->sync_file = syncobj_export(fd, hold_create(&p->hold, fd));
	fault_set("copy_delay_us", held ? 0 : DELAY_US);
	return p;
}

/* The moves have lost their owner, and end all the same. */
static void plan_end(struct plan *p, const char *when)
{
	int fd = client();

	if (p->held) {
		/* What could be freed is, a moment later. */
		sleep_ms(A_WHILE_MS);
		check(vram_used(fd), "%s: memory of moves in flight was freed", when);
		hold_release(&p->hold);
	}
	check(vram_becomes(fd, 0), "%s: video memory stays in use", when);
	close(fd);
	munmap(p, sizeof(*p));
}

/* Moves in flight, several per object; none is waited for. */
static void fleet_start(struct fleet *f, struct plan *p)
{
	uint32_t in;

	f->fd = client();
	in = p->held ? syncobj_take(f->fd, dup(p->sync_file)) : 0;
	for (int i = 0; i < OBJECTS; i++)
		f->b[i] = buffer_create_filled(f->fd, MIB + i * PAGE, VTTM_PLACE_MASK);
	for (int n = 0; n < 3; n++)
		for (int i = 0; i < OBJECTS; i++)
			buffer_move_as(&f->b[i], (struct drm_vttm_move){
				.placement = n % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
				.flags = VTTM_MOVE_ASYNC, .in_syncobj = in,
			});
	__atomic_store_n(&p->started, true, __ATOMIC_RELEASE);
}

static void await_start(struct plan *p)
{
	uint64_t deadline = now_ns() + PATIENCE;

	while (!__atomic_load_n(&p->started, __ATOMIC_ACQUIRE)) {
		check(now_ns() < deadline, "the moves were not begun");
		sleep_ms(1);
	}
}

static void close_handles(void)
{
	for (int i = 0; i < TIMES; i++) {
		struct plan *p = plan_make(i);
		struct fleet f;

		fleet_start(&f, p);
		for (int n = 0; n < OBJECTS; n++)
			buffer_close(&f.b[n]);
		plan_end(p, "handles closed in flight");
	}
}

static void close_file(void)
{
	for (int i = 0; i < TIMES; i++) {
		struct plan *p = plan_make(i);
		struct fleet f;

		fleet_start(&f, p);
		for (int n = 0; n < OBJECTS; n++)
			object_unmap(f.b[n].words, f.b[n].bytes);
		close(f.fd);
		plan_end(p, "a file closed in flight");
	}
}

static void start_and_sleep(void *argument)
{
	struct fleet f;

	fleet_start(&f, argument);
	pause();
}

static void kill_process(void)
{
	for (int i = 0; i < KILLS * TIMES; i++) {
		struct plan *p = plan_make(i % TIMES);
		pid_t pid = spawn(start_and_sleep, p);

		await_start(p);
		/* Not always at the same moment of the copies. */
		sleep_ms(i * DELAY_US / 2000);
		kill_and_reap(pid, "who has moves in flight");
		plan_end(p, "killed in flight");
	}
}

/* What another process still has of an object that its owner has let go of. */
struct heirloom {
	struct buffer b;
	int dmabuf;
	int sync_file;
};

static void await_readable(int file)
{
	struct pollfd one = { .fd = file, .events = POLLIN };

	check(poll(&one, 1, PATIENCE / MS) == 1 && one.revents == POLLIN, "never readable");
}

static void poll_and_look(void *argument)
{
	const struct heirloom *h = argument;

	await_readable(h->sync_file);
	await_readable(h->dmabuf);
	words_verify(&h->b, dmabuf_map(h->dmabuf, h->b.bytes), "polled, and then read");
}

static void close_polled(void)
{
	for (int i = 0; i < TIMES; i++) {
		struct plan *p = plan_make(i);
		struct heirloom h;
		struct fleet f;
		pid_t pid;

		fleet_start(&f, p);
		h.b = f.b[OBJECTS - 1];
		h.dmabuf = buffer_export(&h.b);
		h.sync_file = syncobj_export(f.fd, buffer_move_out(&h.b, VTTM_PLACE_SYSTEM,
								   VTTM_MOVE_ASYNC));
		pid = spawn(poll_and_look, &h);
		for (int n = 0; n < OBJECTS; n++)
			buffer_close(&f.b[n]);
		close(f.fd);
		close(h.dmabuf);
		close(h.sync_file);
		plan_end(p, "closed while it was polled in flight");
		join(pid, "who polls what its owner has let go of");
	}
}

static void verify_fleet(void *argument)
{
	struct fleet *f = argument;

	for (int i = 0; i < OBJECTS; i++)
		buffer_verify(&f->b[i], "through what a fork inherits");
}

static void fork_in(bool held)
{
	struct plan *p = plan_make(held);
	struct fleet f;
	pid_t pids[CHILDREN_WITH_MAPPINGS];

	fleet_start(&f, p);
	for (int i = 0; i < CHILDREN_WITH_MAPPINGS; i++)
		pids[i] = spawn(verify_fleet, &f);
	if (held) {
		sleep_ms(A_WHILE_MS);
		for (int i = 0; i < CHILDREN_WITH_MAPPINGS; i++)
			igt_assert_f(!has_ended(pids[i]), "a child did not wait for moves\n");
		hold_release(&p->hold);
	}
	/* Not before: TTM lets who waits in a fault keep the object's reservation. */
	for (int i = 0; i < OBJECTS; i++)
		buffer_move(&f.b[i], VTTM_PLACE_SYSTEM, VTTM_MOVE_ASYNC);
	for (int i = 0; i < CHILDREN_WITH_MAPPINGS; i++)
		join(pids[i], "a child with inherited mappings");
	verify_fleet(&f);
	munmap(p, sizeof(*p));
}

static void forked(void)
{
	for (int i = 0; i < TIMES; i++)
		fork_in(i);
}

/* Files close on exec, and mappings go. */
static void start_and_exec(void *argument)
{
	struct fleet f;

	fleet_start(&f, argument);
	execl("/bin/true", "true", NULL);
	fail("/bin/true cannot be executed");
}

static void exec_process(void)
{
	for (int i = 0; i < TIMES; i++) {
		struct plan *p = plan_make(i);

		join(spawn(start_and_exec, p), "who executes another program");
		plan_end(p, "executed in flight");
	}
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
	{ "close-polled-in-flight", "Another process polls what is closed while it moves.",
	  close_polled },
	{ "kill-in-flight", "A process is killed while its objects move.", kill_process },
	{ "fork-in-flight", "A child reads inherited mappings of moving objects.", forked },
	{ "exec-in-flight", "A process executes another program while its objects move.",
	  exec_process },
	{ "many-processes", "Eight processes evict each other's objects.", many_processes },
	{ }
};
