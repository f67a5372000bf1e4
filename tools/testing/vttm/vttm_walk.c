// SPDX-License-Identifier: MIT
/*
 * vttm-walk: walks more buffers through video memory than it can hold, so that every
 * step evicts another one, and verifies every byte; first with the move worker, then
 * with TTM's synchronous move. What each move cost its caller goes to a file, a JSON
 * object per line.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "options.h"
#include "pattern.h"

#define MIB	((uint64_t)1 << 20)

/*
 * Each round shuffles the parts of the order, not the whole: a buffer comes back
 * only after half of all the others, more than VRAM holds, have been in.
 */
#define SHUFFLE_PARTS	4

struct options {
	uint64_t buffer_mib;
	uint64_t times;
	uint64_t rounds;
	uint64_t window;
	uint64_t seed;
	bool realtime;
	const char *device;
	const char *output;
	const char *trace;		/* what switches the tracer on, or NULL */
};

struct buffer {
	uint32_t handle;
	uint32_t generation;
};

/* A move that was asked for and whose end has not been recorded yet. */
struct move {
	uint32_t syncobj;
	uint32_t buffer;
	uint32_t round;
	uint32_t placement;
	uint64_t bytes;
	uint64_t evicted_bytes;
	uint64_t start_ns;
	uint64_t blocked_ns;
};

struct walk {
	struct options opt;
	int fd;
	FILE *out;
	struct drm_vttm_info info;
	uint64_t bytes;			/* of one buffer */
	uint32_t count;			/* buffers */
	uint32_t fits;			/* how many of them VRAM holds */
	struct buffer *buffers;
	uint32_t *order;		/* of one round */
	struct move *moves;		/* ring of opt.window entries */
	uint64_t asked, recorded;	/* moves, since the start */
	uint64_t random;
	const char *phase;		/* of the rounds: warm-up, measured or traced */
	const char *mode;
	uint64_t verified, mismatched;	/* bytes, in this mode */
};

/* Records: one JSON object per line */

static void put_word(struct walk *w, const char *name, const char *word)
{
	fprintf(w->out, "\"%s\": \"%s\", ", name, word);
}

static void put_number(struct walk *w, const char *name, uint64_t number)
{
	fprintf(w->out, "\"%s\": %" PRIu64 ", ", name, number);
}

static void begin_record(struct walk *w)
{
	fputc('{', w->out);
}

static void end_record(struct walk *w, const char *type)
{
	fprintf(w->out, "\"type\": \"%s\"}\n", type);
}

/* Contents */

static uint64_t base_of(const struct walk *w, uint32_t index)
{
	return pattern_base(w->opt.seed, index, w->buffers[index].generation);
}

static void rewrite(struct walk *w, uint32_t index)
{
	struct buffer *b = &w->buffers[index];
	uint64_t *words = object_map(w->fd, b->handle, w->bytes);

	b->generation++;
	pattern_fill(words, w->bytes, base_of(w, index));
	object_unmap(words, w->bytes);
}

/* About one buffer in @one_in gets new contents: from now on the old ones are wrong. */
static void rewrite_some(struct walk *w, uint32_t one_in)
{
	for (uint32_t i = 0; i < w->count; i++) {
		if (random_next(&w->random) % one_in == 0)
			rewrite(w, i);
	}
}

static void verify(struct walk *w, uint32_t index)
{
	uint64_t *words = object_map(w->fd, w->buffers[index].handle, w->bytes);
	size_t first_bad = 0;
	size_t bad = pattern_mismatches(words, w->bytes, base_of(w, index), &first_bad);

	object_unmap(words, w->bytes);
	w->verified += w->bytes;
	w->mismatched += bad;
	if (bad)
		fprintf(stderr, "%s: buffer %u differs in %zu bytes, first at offset %zu\n",
			w->mode, index, bad, first_bad);
}

static void verify_all(struct walk *w)
{
	for (uint32_t i = 0; i < w->count; i++)
		verify(w, i);
	fprintf(stderr, "%s: %" PRIu64 " MiB verified, %" PRIu64 " bytes differ\n",
		w->mode, w->verified / MIB, w->mismatched);
	begin_record(w);
	put_word(w, "mode", w->mode);
	put_number(w, "verified_bytes", w->verified);
	put_number(w, "mismatched_bytes", w->mismatched);
	end_record(w, "mode");
}

/* Moves */

static uint64_t vram_used(const struct walk *w)
{
	struct drm_vttm_info info;

	device_info(w->fd, &info);
	return info.vram_used_bytes;
}

static void record(struct walk *w, const struct move *m, uint64_t signalled_ns)
{
	begin_record(w);
	put_word(w, "mode", w->mode);
	put_word(w, "to", m->placement == VTTM_PLACE_VRAM ? "vram" : "system");
	put_number(w, "round", m->round);
	put_number(w, "buffer", m->buffer);
	put_number(w, "bytes", m->bytes);
	put_number(w, "evicted_bytes", m->evicted_bytes);
	put_number(w, "start_ns", m->start_ns);
	put_number(w, "blocked_ns", m->blocked_ns);
	put_number(w, "signalled_ns", signalled_ns);
	put_word(w, "phase", w->phase);
	end_record(w, "move");
}

static struct move *ring_slot(struct walk *w, uint64_t number)
{
	return &w->moves[number % w->opt.window];
}

static void finish_oldest(struct walk *w)
{
	struct move *m = ring_slot(w, w->recorded++);
	uint64_t signalled_ns = syncobj_signal_time(w->fd, m->syncobj, m->start_ns);

	record(w, m, signalled_ns ? signalled_ns : m->start_ns + m->blocked_ns);
}

static void drain(struct walk *w)
{
	while (w->recorded < w->asked)
		finish_oldest(w);
}

/* An application asks for several moves in a row, and then waits for some of them. */
static void make_room(struct walk *w)
{
	if (w->asked - w->recorded < w->opt.window)
		return;
	while (w->asked - w->recorded > w->opt.window / 2)
		finish_oldest(w);
}

/*
 * Ask for a move. Only the ioctl itself is timed: room in the window is made before.
 * Nothing else takes or frees VRAM meanwhile, so the difference in its use tells how
 * much had to leave.
 */
static void move(struct walk *w, uint32_t round, uint32_t index, uint32_t placement)
{
	uint32_t handle = w->buffers[index].handle;
	struct move *m = ring_slot(w, w->asked);
	uint64_t used;

	make_room(w);
	m->round = round;
	m->buffer = index;
	m->placement = placement;
	m->bytes = object_placement(w->fd, handle) == placement ? 0 : w->bytes;
	m->evicted_bytes = 0;
	used = vram_used(w);
	m->blocked_ns = object_move(w->fd, handle, placement, m->syncobj, &m->start_ns);
	if (placement == VTTM_PLACE_VRAM)
		m->evicted_bytes = used + m->bytes - vram_used(w);
	w->asked++;
}

/* Walks */

static void shuffle(struct walk *w, uint32_t *order, uint32_t count)
{
	for (uint32_t left = count; left > 1; left--) {
		uint32_t chosen = random_next(&w->random) % left;
		uint32_t swapped = order[left - 1];

		order[left - 1] = order[chosen];
		order[chosen] = swapped;
	}
}

static void shuffle_parts(struct walk *w)
{
	uint32_t begin = 0;

	for (uint32_t part = 1; part <= SHUFFLE_PARTS; part++) {
		uint32_t end = (uint64_t)w->count * part / SHUFFLE_PARTS;

		shuffle(w, w->order + begin, end - begin);
		begin = end;
	}
}

/*
 * All buffers through VRAM, then some of the last ones back. The last of all is read
 * at once: the page fault has to wait for whatever is still in flight.
 */
static void walk_round(struct walk *w, uint32_t round)
{
	uint32_t last = w->count - 1;

	shuffle_parts(w);
	for (uint32_t i = 0; i < w->count; i++)
		move(w, round, w->order[i], VTTM_PLACE_VRAM);
	for (uint32_t i = 0; i < w->fits / 4; i++)
		move(w, round, w->order[last - i], VTTM_PLACE_SYSTEM);
	verify(w, w->order[last]);
	drain(w);
	fprintf(stderr, "%s: round %u of %" PRIu64 " walked\n", w->mode, round + 1,
		w->opt.rounds);
}

/* Not recorded: it only lets every mode begin alike. */
static void empty_vram(struct walk *w)
{
	uint32_t syncobj = w->moves[0].syncobj;
	uint64_t start_ns;

	for (uint32_t i = 0; i < w->count; i++) {
		object_move(w->fd, w->buffers[i].handle, VTTM_PLACE_SYSTEM, syncobj,
			    &start_ns);
		syncobj_signal_time(w->fd, syncobj, start_ns);
	}
}

static void begin_mode(struct walk *w, const char *mode)
{
	w->mode = mode;
	w->random = w->opt.seed;
	w->verified = 0;
	w->mismatched = 0;
	for (uint32_t i = 0; i < w->count; i++)
		w->order[i] = i;
	empty_vram(w);
	device_set_sync(!strcmp(mode, "sync"));
}

static void set_trace(struct walk *w, bool on)
{
	FILE *file;

	if (!w->opt.trace)
		return;
	file = fopen(w->opt.trace, "w");
	if (!file || fputs(on ? "1" : "0", file) < 0 || fclose(file))
		fail("%s: %s; name the tracer's switch with --trace", w->opt.trace,
		     strerror(errno));
}

/*
 * The first round fills caches, an emulator's above all. Tracing costs time in the very
 * calls that are measured, so only the last one has it.
 */
static void begin_round(struct walk *w, uint32_t round)
{
	bool last = round == w->opt.rounds - 1;

	w->phase = last && w->opt.trace ? "traced" : round ? "measured" : "warm-up";
	set_trace(w, last);
	rewrite_some(w, SHUFFLE_PARTS);
}

static void run_mode(struct walk *w, const char *mode)
{
	begin_mode(w, mode);
	for (uint32_t round = 0; round < w->opt.rounds; round++) {
		begin_round(w, round);
		walk_round(w, round);
	}
	set_trace(w, false);
	verify_all(w);
}

/* Set-up */

static void *allocate(size_t count, size_t bytes)
{
	void *memory = calloc(count, bytes);

	if (!memory)
		fail("out of memory; ask for fewer or larger buffers");
	return memory;
}

/* The copying threads then never take the processor away in the midst of a call. */
static void become_realtime(void)
{
	struct sched_param priority = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_RR, &priority))
		fail("--realtime: %s; run it as root, or without", strerror(errno));
}

static void measure(struct walk *w)
{
	device_info(w->fd, &w->info);
	w->bytes = w->opt.buffer_mib * MIB;
	w->fits = w->info.vram_bytes / w->bytes;
	if (w->fits < w->opt.window)
		fail("VRAM holds %u such buffers; use a smaller --buffer or --window", w->fits);
	w->count = (w->opt.times * w->info.vram_bytes + w->bytes - 1) / w->bytes;
}

static void create(struct walk *w)
{
	w->buffers = allocate(w->count, sizeof(*w->buffers));
	w->order = allocate(w->count, sizeof(*w->order));
	w->moves = allocate(w->opt.window, sizeof(*w->moves));
	for (uint64_t i = 0; i < w->opt.window; i++)
		w->moves[i].syncobj = syncobj_new(w->fd);
	for (uint32_t i = 0; i < w->count; i++)
		w->buffers[i].handle = object_create(w->fd, w->bytes);
}

static void describe(struct walk *w)
{
	uint32_t flags = w->info.flags;

	begin_record(w);
	put_word(w, "vram", flags & VTTM_INFO_VRAM_IS_BAR ? "bar" : "ram");
	put_word(w, "manager", flags & VTTM_INFO_VRAM_IS_BUDDY ? "buddy" : "range");
	put_number(w, "vram_bytes", w->info.vram_bytes);
	put_number(w, "buffer_bytes", w->bytes);
	put_number(w, "buffers", w->count);
	put_number(w, "rounds", w->opt.rounds);
	put_number(w, "window", w->opt.window);
	put_number(w, "seed", w->opt.seed);
	end_record(w, "device");
	fprintf(stderr, "%u buffers of %" PRIu64 " MiB, %u fit into VRAM; seed %" PRIu64 "\n",
		w->count, w->opt.buffer_mib, w->fits, w->opt.seed);
}

static void open_output(struct walk *w)
{
	w->out = fopen(w->opt.output, "w");
	if (!w->out)
		fail("%s: %s; name a file that can be written with --output",
		     w->opt.output, strerror(errno));
}

static void close_output(struct walk *w)
{
	begin_record(w);
	end_record(w, "end");
	if (fclose(w->out))
		fail("%s: %s; the records are incomplete", w->opt.output, strerror(errno));
}

/* Command line */

static const struct option long_options[] = {
	{ "buffer", required_argument, NULL, 'b' },
	{ "times", required_argument, NULL, 't' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "window", required_argument, NULL, 'w' },
	{ "seed", required_argument, NULL, 's' },
	{ "realtime", no_argument, NULL, 'p' },
	{ "device", required_argument, NULL, 'd' },
	{ "output", required_argument, NULL, 'o' },
	{ "trace", required_argument, NULL, 'x' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static const char usage_text[] =
	"usage: vttm-walk [OPTION]...\n"
	"\n"
	"  --buffer MIB    size of a buffer, 1 to 1024 (default 8)\n"
	"  --times N       buffers for N times the VRAM's size, 2 to 16 (default 3)\n"
	"  --rounds N      how often all buffers are walked, 1 to 1000 (default 2)\n"
	"  --window N      moves in flight at most, 1 to 64 (default 8); when so many\n"
	"                  are, half of them are waited for\n"
	"  --seed N        start of all random choices and patterns (default 1)\n"
	"  --realtime      run with real-time priority, as a compositor does\n"
	"  --device PATH   node of the device (default: the first one of vttm)\n"
	"  --output FILE   where the records go (default: walk.jsonl)\n"
	"  --trace FILE    write 1 there before the last round of each mode, and 0\n"
	"                  after it (default: do not)\n";

static void parse_one(struct options *opt, int option)
{
	switch (option) {
	case 'b':
		opt->buffer_mib = parse_number("buffer", optarg, 1, 1024);
		break;
	case 't':
		opt->times = parse_number("times", optarg, 2, 16);
		break;
	case 'r':
		opt->rounds = parse_number("rounds", optarg, 1, 1000);
		break;
	case 'w':
		opt->window = parse_number("window", optarg, 1, 64);
		break;
	case 's':
		opt->seed = parse_number("seed", optarg, 0, UINT64_MAX);
		break;
	case 'p':
		opt->realtime = true;
		break;
	case 'd':
		opt->device = optarg;
		break;
	case 'o':
		opt->output = optarg;
		break;
	case 'x':
		opt->trace = optarg;
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(0);
	default:
		misuse();
	}
}

static void parse(struct options *opt, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_one(opt, option);
	refuse_arguments(argc, argv);
}

int main(int argc, char **argv)
{
	struct walk w = {
		.opt = {
			.buffer_mib = 8, .times = 3, .rounds = 2, .window = 8, .seed = 1,
			.output = "walk.jsonl",
		},
	};
	uint64_t mismatched;

	parse(&w.opt, argc, argv);
	if (w.opt.realtime)
		become_realtime();
	w.fd = device_open(w.opt.device);
	measure(&w);
	open_output(&w);
	describe(&w);
	create(&w);
	for (uint32_t i = 0; i < w.count; i++)
		rewrite(&w, i);
	fprintf(stderr, "all buffers filled\n");
	run_mode(&w, "async");
	mismatched = w.mismatched;
	run_mode(&w, "sync");
	mismatched += w.mismatched;
	close_output(&w);
	if (mismatched)
		fail("%" PRIu64 " bytes are wrong; the buffers are named above", mismatched);
	return 0;
}
