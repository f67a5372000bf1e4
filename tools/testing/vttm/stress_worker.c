// SPDX-License-Identifier: MIT
/*
 * vttm-stress: a worker. It has some objects, knows every byte of them, and does one thing
 * after the other with one of them; at any moment it may be killed.
 *
 * An object carries the pattern of its last writer: of which slot, which of the slot's
 * workers, which of its objects, and how often that worker had written before. Whoever has
 * the object knows what to expect, and whatever else is there tells where it came from.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <xf86drm.h>

#include "pattern.h"
#include "stress.h"

#define MAX_OBJECTS	12
#define WORDS		8		/* looked at by one touch */

/* What is not known yet by then goes on in the background. */
#define POLL_MS		100

struct object {
	struct buffer b;		/* its base only counts where it is not blank */
	uint32_t number;		/* of all that the worker had */
	uint32_t placements;
	bool blank;			/* it has to read as zeroes */
	uint32_t epoch;			/* of faults, when it was written */
	int fence;			/* sync file of its last move but for -1 */
	uint32_t fence_epoch;		/* of faults, when that was asked for */
	bool written_since;
};

struct worker {
	const struct stress *s;
	struct stress_slot *stats;
	unsigned int slot;
	unsigned int life;
	int fd;
	int memory;			/* /proc/self/mem */
	uint64_t random;
	uint64_t bytes;			/* of all objects */
	uint32_t numbers;
	uint32_t generation;
	unsigned int count;
	struct object objects[MAX_OBJECTS];
};

/* What one worker tells another of an object that it gives away. */
struct gift {
	uint64_t bytes;
	uint64_t base;
	uint32_t placements;
	uint32_t epoch;
	bool blank;
};

static uint64_t choose(struct worker *w, uint64_t below)
{
	return random_next(&w->random) % below;
}

static void count(struct worker *w, enum stress_count what, uint64_t by)
{
	__atomic_store_n(&w->stats->counts[what], w->stats->counts[what] + by,
			 __ATOMIC_RELAXED);
}

/* Faults on purpose */

static uint32_t fault_epoch(const struct worker *w)
{
	return __atomic_load_n(&w->s->shared->fault_epoch, __ATOMIC_SEQ_CST);
}

/* Whether a copy may have been made to fail since it was @epoch. */
static bool may_have_failed(const struct worker *w, uint32_t epoch)
{
	return (epoch & 1) || epoch != fault_epoch(w);
}

/* Contents */

/* The name of a pattern: slot, worker of the slot, and its object. */
static uint32_t writer(const struct worker *w, uint32_t object)
{
	return w->slot << 26 | (w->life & 0x3fff) << 12 | (object & 0xfff);
}

static void describe(uint64_t word, size_t index, char text[96])
{
	uint32_t buffer, generation;

	pattern_origin(seed, word, index, &buffer, &generation);
	snprintf(text, 96, "slot %u, worker %u, object %u, generation %u", buffer >> 26,
		 buffer >> 12 & 0x3fff, buffer & 0xfff, generation);
}

static _Noreturn void complain(const struct object *o, const struct pattern_verdict *v,
			       const char *when)
{
	uint64_t wanted[1];
	char found[96], right[96];

	pattern_fill(wanted, sizeof(wanted), o->b.base);
	describe(v->found, v->first_other, found);
	describe(wanted[0], 0, right);
	fail("%s: %zu words are wrong, the first at offset %zu: %#" PRIx64
	     ", as if of %s; right would be %s", when, v->other,
	     v->first_other * sizeof(uint64_t), v->found, found, o->blank ? "zero" : right);
}

static void object_write(struct worker *w, struct object *o)
{
	o->epoch = fault_epoch(w);
	o->b.base = pattern_base(seed, writer(w, o->number), ++w->generation);
	o->blank = false;
	o->written_since = true;
	pattern_fill(o->b.words, o->b.bytes, o->b.base);
}

/* Every byte, through @words; false if the object is lost, as it may be. */
static bool words_are_right(struct worker *w, const struct object *o, const uint64_t *words,
			    const char *when)
{
	struct pattern_verdict v;

	if (o->blank)
		pattern_judge_zero(words, o->b.bytes, &v);
	else
		pattern_judge(words, o->b.bytes, o->b.base, &v);
	count(w, COUNT_VERIFIED, o->b.bytes);
	if (v.other)
		complain(o, &v, when);
	if (v.zero && !may_have_failed(w, o->epoch))
		fail("%s: %zu words are zero, and no copy was made to fail", when, v.zero);
	return !v.zero;
}

static void object_verify(struct worker *w, struct object *o, const char *when)
{
	if (words_are_right(w, o, o->b.words, when))
		return;
	count(w, COUNT_LOST, 1);
	object_write(w, o);
}

/* Fences */

static int fence_status(int fence)
{
	struct sync_file_info info = { 0 };

	expect(try_ioctl(fence, SYNC_IOC_FILE_INFO, &info), 0, "looking at a fence");
	return info.status;
}

/* A copy that failed, as it may, has left zeroes. */
static void note_failure(struct worker *w, struct object *o, int error, uint32_t epoch)
{
	if (error != -EIO || !may_have_failed(w, epoch))
		fail("a move ended with %s, and was not made to", error_name(error));
	count(w, COUNT_FAILED_FENCES, 1);
	count(w, COUNT_LOST, 1);
	o->blank = true;
}

/* Look at the fence of the object's last move, if there is one and it has signalled. */
static void object_settle(struct worker *w, struct object *o)
{
	int status;

	if (o->fence < 0)
		return;
	status = fence_status(o->fence);
	if (!status)
		return;
	close(o->fence);
	o->fence = -1;
	if (status < 0 && !o->written_since)
		note_failure(w, o, status, o->fence_epoch);
}

static void await_readable(struct worker *w, int file, short events)
{
	struct pollfd one = { .fd = file, .events = events };

	while (poll(&one, 1, POLL_MS) == 0)
		;
	check(one.revents == events, "poll tells %#x instead of %#x", one.revents, events);
	count(w, COUNT_POLLED, 1);
}

/* Objects */

static struct object *object_add(struct worker *w, uint32_t handle, uint64_t bytes,
				 uint32_t placements)
{
	struct object *o = &w->objects[w->count++];

	*o = (struct object){
		.b = { .fd = w->fd, .handle = handle, .bytes = bytes },
		.number = w->numbers++,
		.placements = placements,
		.blank = true,
		.epoch = fault_epoch(w),
		.fence = -1,
	};
	o->b.words = object_map(w->fd, handle, bytes);
	w->bytes += bytes;
	return o;
}

static void object_remove(struct worker *w, struct object *o)
{
	if (o->fence >= 0)
		close(o->fence);
	w->bytes -= o->b.bytes;
	buffer_close(&o->b);
	*o = w->objects[--w->count];
}

/* Three times the video memory, for all workers together. */
static bool has_enough(const struct worker *w)
{
	return w->count == MAX_OBJECTS ||
	       w->bytes > 3 * w->s->vram_bytes / w->s->opt.workers;
}

/* Any size up to a sixteenth of the video memory, and that often enough. */
static uint64_t choose_bytes(struct worker *w)
{
	uint64_t pages = 2, most = w->s->vram_bytes / 16 / PAGE;

	while (pages < most && choose(w, 8))
		pages *= 2;
	if (pages >= most && choose(w, 2))
		return most * PAGE;
	return PAGE * (1 + choose(w, pages < most ? pages : most));
}

/* No room, or no memory: nothing has happened. */
static bool was_refused(struct worker *w, int error)
{
	if (error != -ENOMEM && error != -EBUSY)
		return false;
	count(w, COUNT_REFUSED, 1);
	return true;
}

static void do_create(struct worker *w, struct object *unused)
{
	struct drm_vttm_create create = {
		.size = choose_bytes(w),
		.placements = choose(w, 4) ? VTTM_PLACE_MASK : VTTM_PLACE_VRAM,
	};
	struct object *o;
	int error;

	(void)unused;
	if (has_enough(w))
		return;
	error = try_ioctl(w->fd, DRM_IOCTL_VTTM_CREATE, &create);
	if (was_refused(w, error))
		return;
	expect(error, 0, "creating an object");
	o = object_add(w, create.handle, create.size, create.placements);
	count(w, COUNT_CREATED, 1);
	if (choose(w, 2))
		object_verify(w, o, "a fresh object");
	object_write(w, o);
}

static void do_close(struct worker *w, struct object *o)
{
	/* It may die with its moves in flight, or with all known of it. */
	if (choose(w, 2))
		object_verify(w, o, "before it is closed");
	object_remove(w, o);
}

/* Moves */

static const uint32_t move_flags[] = {
	0, 0, VTTM_MOVE_ASYNC, VTTM_MOVE_SYNC, VTTM_MOVE_WAIT, VTTM_MOVE_ASYNC | VTTM_MOVE_WAIT,
};

#define NUM_MOVE_FLAGS	(sizeof(move_flags) / sizeof(*move_flags))

static struct drm_vttm_move choose_move(struct worker *w, const struct object *o)
{
	bool stay = o->placements == VTTM_PLACE_VRAM || choose(w, 3);

	return (struct drm_vttm_move){
		.handle = o->b.handle,
		.placement = stay ? VTTM_PLACE_VRAM : VTTM_PLACE_SYSTEM,
		.flags = move_flags[choose(w, NUM_MOVE_FLAGS)],
	};
}

/* What a call says of a move; false where it was refused. */
static bool move(struct worker *w, struct object *o, struct drm_vttm_move *how)
{
	uint32_t epoch = fault_epoch(w);
	int error = try_ioctl(w->fd, DRM_IOCTL_VTTM_MOVE, how);

	if (was_refused(w, error))
		return false;
	count(w, COUNT_MOVES, 1);
	if (error == -EIO && how->flags & VTTM_MOVE_WAIT)
		note_failure(w, o, error, epoch);
	else
		expect(error, 0, "moving an object");
	return true;
}

static void move_with_fence(struct worker *w, struct object *o, struct drm_vttm_move *how)
{
	uint32_t epoch = fault_epoch(w), syncobj = syncobj_new(w->fd);
	int fence;

	how->flags &= ~VTTM_MOVE_WAIT;
	how->out_syncobj = syncobj;
	if (move(w, o, how)) {
		expect(drmSyncobjExportSyncFile(w->fd, syncobj, &fence) ? -errno : 0, 0,
		       "exporting a fence");
		o->fence = fence;
		o->fence_epoch = epoch;
		o->written_since = false;
	}
	drmSyncobjDestroy(w->fd, syncobj);
}

static void do_move(struct worker *w, struct object *o)
{
	struct drm_vttm_move how = choose_move(w, o);

	object_settle(w, o);
	if (o->fence < 0 && choose(w, 2))
		move_with_fence(w, o, &how);
	else
		move(w, o, &how);
}

/*
 * Behind a fence that does not signal until its owner says so, or dies. Where the move
 * finds no job the call itself waits for it, so that a signal's handler has to say so.
 */
static int held_by;			/* vgem's file, with the fence; or -1 */

static void let_go(int signal)
{
	(void)signal;
	close(held_by);
	__atomic_store_n(&held_by, -1, __ATOMIC_RELEASE);
}

static void let_go_in(unsigned int ms)
{
	struct itimerval timer = { .it_value.tv_usec = ms * 1000 };

	signal(SIGALRM, let_go);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void do_hold(struct worker *w, struct object *o)
{
	struct drm_vttm_move how = choose_move(w, o);
	struct gate gate;

	object_settle(w, o);
	how.flags &= ~VTTM_MOVE_WAIT;
	how.in_syncobj = gate_create(&gate, w->fd);
	held_by = gate.vgem;
	let_go_in(1 + choose(w, 30));
	if (move(w, o, &how))
		count(w, COUNT_HELD, 1);
	drmSyncobjDestroy(w->fd, how.in_syncobj);
	while (__atomic_load_n(&held_by, __ATOMIC_ACQUIRE) >= 0)
		sleep_ms(1);
}

/* Access */

static void do_verify(struct worker *w, struct object *o)
{
	object_settle(w, o);
	object_verify(w, o, "verified");
}

static void do_write(struct worker *w, struct object *o)
{
	object_settle(w, o);
	object_write(w, o);
}

static void check_word(struct worker *w, const struct object *o, uint64_t word, size_t index,
		       const char *how)
{
	struct pattern_verdict v = { .other = 1, .first_other = index, .found = word };
	bool zero = o->blank || may_have_failed(w, o->epoch);

	if (o->blank ? !word : pattern_fits(word, index, o->b.base, zero))
		return;
	complain(o, &v, how);
}

/* A few words, each of which may be a fault. */
static void do_touch(struct worker *w, struct object *o)
{
	for (int i = 0; i < WORDS; i++) {
		size_t index = choose(w, o->b.bytes / sizeof(uint64_t));

		check_word(w, o, __atomic_load_n(&o->b.words[index], __ATOMIC_RELAXED), index,
			   "touched");
	}
}

/* The same, as a debugger would. */
static void do_peek(struct worker *w, struct object *o)
{
	size_t index = choose(w, o->b.bytes / sizeof(uint64_t) - WORDS);
	uint64_t words[WORDS];
	ssize_t got = pread(w->memory, words, sizeof(words), (uintptr_t)&o->b.words[index]);

	check(got == sizeof(words), "reading as a debugger: %zd bytes, %s", got,
	      error_name(-errno));
	for (int i = 0; i < WORDS; i++)
		check_word(w, o, words[i], index + i, "peeked at");
}

static void do_remap(struct worker *w, struct object *o)
{
	object_unmap(o->b.words, o->b.bytes);
	o->b.words = object_map(w->fd, o->b.handle, o->b.bytes);
}

/* Other processes, and other devices */

static void do_poll(struct worker *w, struct object *o)
{
	int dmabuf = buffer_export(&o->b);

	if (o->fence >= 0)
		await_readable(w, o->fence, POLLIN);
	await_readable(w, dmabuf, choose(w, 2) ? POLLIN : POLLOUT);
	close(dmabuf);
	object_settle(w, o);
}

union rights {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

static struct msghdr message_of(struct iovec *data, union rights *rights)
{
	return (struct msghdr){
		.msg_iov = data, .msg_iovlen = 1,
		.msg_control = rights, .msg_controllen = sizeof(*rights),
	};
}

/* Whether the mailbox had room. */
static bool gift_send(int mailbox, const struct gift *gift, int dmabuf)
{
	struct iovec data = { .iov_base = (void *)gift, .iov_len = sizeof(*gift) };
	union rights rights = { .header = {
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int)),
	} };
	struct msghdr message = message_of(&data, &rights);

	memcpy(CMSG_DATA(&rights.header), &dmabuf, sizeof(dmabuf));
	return sendmsg(mailbox, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*gift);
}

/* The dma-buf, or -1 where the mailbox is empty. */
static int gift_receive(int mailbox, struct gift *gift)
{
	struct iovec data = { .iov_base = gift, .iov_len = sizeof(*gift) };
	union rights rights;
	struct msghdr message = message_of(&data, &rights);
	int dmabuf;

	if (recvmsg(mailbox, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(*gift))
		return -1;
	check(message.msg_controllen >= CMSG_LEN(sizeof(int)), "a gift without an object");
	memcpy(&dmabuf, CMSG_DATA(&rights.header), sizeof(dmabuf));
	return dmabuf;
}

/*
 * The object belongs to another process from now on; what that does with it meets the
 * moves that the giver still asks for.
 */
static void do_give(struct worker *w, struct object *o)
{
	unsigned int to = choose(w, w->s->opt.workers);
	struct gift gift = {
		.bytes = o->b.bytes, .base = o->b.base, .placements = o->placements,
		.epoch = o->epoch, .blank = o->blank,
	};
	int dmabuf;

	object_settle(w, o);
	if (to == w->slot || o->fence >= 0)
		return;
	gift.blank = o->blank;
	dmabuf = buffer_export(&o->b);
	if (gift_send(w->s->mailboxes[to][1], &gift, dmabuf)) {
		count(w, COUNT_GIVEN, 1);
		for (int i = choose(w, 3); i > 0; i--) {
			struct drm_vttm_move how = choose_move(w, o);

			how.flags &= ~VTTM_MOVE_WAIT;
			move(w, o, &how);
		}
		object_remove(w, o);
	}
	close(dmabuf);
}

static void adopt(struct worker *w, const struct gift *gift, int dmabuf)
{
	struct object *o = object_add(w, dmabuf_import(w->fd, dmabuf), gift->bytes,
				      gift->placements);

	o->b.base = gift->base;
	o->epoch = gift->epoch;
	o->blank = gift->blank;
	object_verify(w, o, "taken over");
}

static void look_through(struct worker *w, const struct object *o, int dmabuf, const char *when)
{
	uint64_t *words = dmabuf_map(dmabuf, o->b.bytes);

	words_are_right(w, o, words, when);
	munmap(words, o->b.bytes);
}

/* Only the dma-buf is looked at: it is the last reference. */
static void look_and_drop(struct worker *w, const struct gift *gift, int dmabuf)
{
	struct object o = {
		.b = { .base = gift->base, .bytes = gift->bytes },
		.epoch = gift->epoch, .blank = gift->blank,
	};

	look_through(w, &o, dmabuf, "through another's dma-buf");
}

static void do_take(struct worker *w, struct object *unused)
{
	struct gift gift;
	int dmabuf = gift_receive(w->s->mailboxes[w->slot][0], &gift);

	(void)unused;
	if (dmabuf < 0)
		return;
	count(w, COUNT_TAKEN, 1);
	if (w->count < MAX_OBJECTS)
		adopt(w, &gift, dmabuf);
	else
		look_and_drop(w, &gift, dmabuf);
	close(dmabuf);
}

/* Another device has the pages for a moment, and nobody may move them. */
static void do_lend(struct worker *w, struct object *o)
{
	int importer = choose(w, 2) ? vgem_open() : other_client();
	int dmabuf = buffer_export(&o->b), error;
	uint32_t handle;

	object_settle(w, o);
	error = drmPrimeFDToHandle(importer, dmabuf, &handle) ? -errno : 0;
	if (!was_refused(w, error)) {
		expect(error, 0, "lending an object");
		count(w, COUNT_LENT, 1);
		look_through(w, o, dmabuf, "lent to another device");
		sleep_ms(choose(w, 4));
	}
	close(dmabuf);
	close(importer);
}

/* Steps */

const char *const stress_op_names[STRESS_NUM_OPS] = {
	[STRESS_CREATE] = "create", [STRESS_MOVE] = "move", [STRESS_HOLD] = "hold",
	[STRESS_VERIFY] = "verify", [STRESS_WRITE] = "write", [STRESS_TOUCH] = "touch",
	[STRESS_PEEK] = "peek", [STRESS_REMAP] = "remap", [STRESS_POLL] = "poll",
	[STRESS_GIVE] = "give", [STRESS_TAKE] = "take", [STRESS_LEND] = "lend",
	[STRESS_CLOSE] = "close", [STRESS_END] = "end",
};

/* Of so many steps, which; the others need an object. */
static const struct {
	unsigned int weight;
	void (*run)(struct worker *w, struct object *o);
} steps[STRESS_END] = {
	[STRESS_CREATE] = { 2, do_create }, [STRESS_MOVE] = { 50, do_move },
	[STRESS_HOLD] = { 1, do_hold }, [STRESS_VERIFY] = { 8, do_verify },
	[STRESS_WRITE] = { 6, do_write }, [STRESS_TOUCH] = { 12, do_touch },
	[STRESS_PEEK] = { 3, do_peek }, [STRESS_REMAP] = { 2, do_remap },
	[STRESS_POLL] = { 4, do_poll }, [STRESS_GIVE] = { 5, do_give },
	[STRESS_TAKE] = { 8, do_take }, [STRESS_LEND] = { 2, do_lend },
	[STRESS_CLOSE] = { 4, do_close },
};

static enum stress_op choose_step(struct worker *w)
{
	unsigned int sum = 0, chosen, op;

	for (op = 0; op < STRESS_END; op++)
		sum += steps[op].weight;
	chosen = choose(w, sum);
	for (op = 0; chosen >= steps[op].weight; op++)
		chosen -= steps[op].weight;
	return op;
}

static void step_begin(struct worker *w, enum stress_op op)
{
	__atomic_store_n(&w->stats->since_ns, now_ns(), __ATOMIC_RELAXED);
	__atomic_store_n(&w->stats->op, op + 1, __ATOMIC_RELEASE);
}

static void step_end(struct worker *w, enum stress_op op)
{
	uint64_t took = now_ns() - w->stats->since_ns;

	__atomic_store_n(&w->stats->op, 0, __ATOMIC_RELEASE);
	if (took > w->stats->longest_ns[op])
		w->stats->longest_ns[op] = took;
}

/* Who is new has to catch up: only all objects together are too many. */
static bool is_poor(struct worker *w)
{
	return !w->count || (!has_enough(w) && choose(w, 2));
}

static void step(struct worker *w)
{
	enum stress_op op = is_poor(w) ? STRESS_CREATE : choose_step(w);

	step_begin(w, op);
	steps[op].run(w, w->count ? &w->objects[choose(w, w->count)] : NULL);
	step_end(w, op);
}

/* Nobody leaves an object behind that was not looked at. */
static void end(struct worker *w)
{
	while (w->count) {
		step_begin(w, STRESS_END);
		do_verify(w, &w->objects[0]);
		object_remove(w, &w->objects[0]);
		step_end(w, STRESS_END);
	}
}

void stress_work(const struct stress *s, unsigned int slot, unsigned int life)
{
	struct worker w = {
		.s = s, .stats = &s->shared->slots[slot], .slot = slot, .life = life,
		.random = pattern_base(seed, slot, life), .fd = client(),
		.memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC),
	};

	check(w.memory >= 0, "/proc/self/mem: %s", error_name(-errno));
	while (!__atomic_load_n(&s->shared->stop, __ATOMIC_ACQUIRE))
		step(&w);
	end(&w);
}
