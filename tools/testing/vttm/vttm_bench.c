// SPDX-License-Identifier: MIT
/*
 * vttm-bench: what applications gain from moves that do not block. Each thing is done
 * with the move worker and with TTM's synchronous move, in turns; every sample goes to a
 * file, a JSON object per line, for scripts/report/bench.py.
 */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>

#include "device.h"
#include "options.h"
#include "pattern.h"

#define MIB		((uint64_t)1 << 20)
#define SMALL_BYTES	((uint64_t)64 << 10)
#define PAGE_BYTES	4096

/* Where the administrator chooses the CPUs that copy. */
#define CPUMASKS	"/sys/devices/virtual/workqueue/ttm_move*/cpumask"

/* The buffers hold so many times the VRAM. */
#define TIMES		3

struct bench {
	int fd;
	FILE *out;
	uint32_t syncobj;
	uint64_t vram_bytes;
	uint64_t big_bytes;
	uint64_t buffer_bytes;
	unsigned int rounds;
	unsigned int cpus;		/* that are online */
	const char *way;
	const char *output;
};

/* Records */

static void record(struct bench *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void record(struct bench *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(b->out, "{\"way\": \"%s\", ", b->way);
	vfprintf(b->out, format, args);
	fputs("}\n", b->out);
	va_end(args);
}

/* Who moves, and where */

static void choose_way(struct bench *b, bool sync)
{
	b->way = sync ? "ttm" : "worker";
	device_set_sync(sync);
}

static void write_mask(const char *path, unsigned int mask)
{
	FILE *file = fopen(path, "w");

	if (!file || fprintf(file, "%x", mask) < 0 || fclose(file))
		fail("%s: %s; run it as root", path, strerror(errno));
}

/* Let the first @cpus CPUs copy, and no other. */
static void choose_cpus(unsigned int cpus)
{
	glob_t found;

	if (glob(CPUMASKS, 0, NULL, &found))
		fail("there is no %s; load ttm_move and a driver that uses it", CPUMASKS);
	for (size_t i = 0; i < found.gl_pathc; i++)
		write_mask(found.gl_pathv[i], (1u << cpus) - 1);
	globfree(&found);
}

/* Objects */

static void object_close(struct bench *b, uint32_t handle)
{
	if (drmCloseBufferHandle(b->fd, handle))
		fail("closing a buffer: %s", strerror(errno));
}

/* What was closed goes when its moves have ended. */
static void wait_until_empty(struct bench *b)
{
	struct drm_vttm_info info;

	for (;;) {
		device_info(b->fd, &info);
		if (!info.vram_used_bytes)
			return;
		usleep(1000);
	}
}

static void fill(struct bench *b, uint32_t handle, uint32_t index, uint64_t bytes)
{
	uint64_t *words = object_map(b->fd, handle, bytes);

	pattern_fill(words, bytes, pattern_base(1, index, 0));
	object_unmap(words, bytes);
}

/* Not of every byte, which is for the tests, but none is taken for another. */
static void check(struct bench *b, uint32_t handle, uint32_t index, uint64_t bytes)
{
	uint64_t *words = object_map(b->fd, handle, bytes);
	size_t first = 0;

	if (pattern_mismatches(words, PAGE_BYTES, pattern_base(1, index, 0), &first))
		fail("buffer %u has wrong bytes: run scripts/run", index);
	object_unmap(words, bytes);
}

/* Returns when the move has ended, and says how long the call took. */
static uint64_t timed_move(struct bench *b, uint32_t handle, uint32_t placement,
			   uint64_t *blocked_ns)
{
	uint64_t start_ns, end_ns;

	*blocked_ns = object_move(b->fd, handle, placement, b->syncobj, &start_ns);
	end_ns = syncobj_signal_time(b->fd, b->syncobj, start_ns);
	if (end_ns < start_ns + *blocked_ns)
		return *blocked_ns;
	return end_ns - start_ns;
}

/* One big move, by one CPU, by all of them, and by the caller */

static void big_move(struct bench *b, uint32_t handle, uint32_t placement,
		     unsigned int cpus)
{
	uint64_t blocked_ns, done_ns = timed_move(b, handle, placement, &blocked_ns);

	record(b, "\"bench\": \"big\", \"dir\": \"%s\", \"bytes\": %" PRIu64
	       ", \"cpus\": %u, \"blocked_ns\": %" PRIu64 ", \"done_ns\": %" PRIu64,
	       placement == VTTM_PLACE_VRAM ? "in" : "out", b->big_bytes, cpus, blocked_ns,
	       done_ns);
}

static void big_there_and_back(struct bench *b, uint32_t handle, unsigned int cpus)
{
	big_move(b, handle, VTTM_PLACE_VRAM, cpus);
	big_move(b, handle, VTTM_PLACE_SYSTEM, cpus);
}

static void big_round(struct bench *b, uint32_t handle)
{
	choose_way(b, false);
	for (unsigned int cpus = 1; cpus <= b->cpus; cpus++) {
		choose_cpus(cpus);
		big_there_and_back(b, handle, cpus);
	}
	choose_way(b, true);
	big_there_and_back(b, handle, 1);
}

static void bench_big(struct bench *b)
{
	uint32_t handle = object_create(b->fd, b->big_bytes);

	fill(b, handle, 0, b->big_bytes);
	for (unsigned int round = 0; round < b->rounds; round++) {
		big_round(b, handle);
		fprintf(stderr, "one big move: round %u of %u\n", round + 1, b->rounds);
	}
	check(b, handle, 0, b->big_bytes);
	object_close(b, handle);
	wait_until_empty(b);
}

/* A small move beside a big one */

static uint64_t small_move(struct bench *b, uint32_t handle, uint64_t *blocked_ns)
{
	uint64_t done_ns = timed_move(b, handle, VTTM_PLACE_VRAM, blocked_ns);
	uint64_t unused;

	timed_move(b, handle, VTTM_PLACE_SYSTEM, &unused);
	return done_ns;
}

/* The big one is asked for first, with a syncobj of its own. */
static void latency_sample(struct bench *b, uint32_t small, uint32_t big, bool beside)
{
	uint32_t syncobj = syncobj_new(b->fd);
	uint64_t start_ns, blocked_ns, done_ns;

	if (beside)
		object_move(b->fd, big, VTTM_PLACE_VRAM, syncobj, &start_ns);
	done_ns = small_move(b, small, &blocked_ns);
	if (beside)
		syncobj_signal_time(b->fd, syncobj, start_ns);
	record(b, "\"bench\": \"latency\", \"bytes\": %" PRIu64 ", \"beside\": %" PRIu64
	       ", \"blocked_ns\": %" PRIu64 ", \"done_ns\": %" PRIu64,
	       SMALL_BYTES, beside ? b->big_bytes : 0, blocked_ns, done_ns);
	if (beside)
		timed_move(b, big, VTTM_PLACE_SYSTEM, &blocked_ns);
	drmSyncobjDestroy(b->fd, syncobj);
}

static void bench_latency(struct bench *b)
{
	uint32_t small = object_create(b->fd, SMALL_BYTES);
	uint32_t big = object_create(b->fd, b->big_bytes);

	fill(b, small, 1, SMALL_BYTES);
	fill(b, big, 2, b->big_bytes);
	choose_way(b, false);
	for (unsigned int round = 0; round < b->rounds; round++) {
		latency_sample(b, small, big, false);
		latency_sample(b, small, big, true);
		fprintf(stderr, "a small move beside a big one: round %u of %u\n", round + 1,
			b->rounds);
	}
	object_close(b, small);
	object_close(b, big);
	wait_until_empty(b);
}

/* An application that allocates and fills more than fits */

static void fill_all(struct bench *b, uint32_t *handles, uint32_t count, uint32_t ahead)
{
	uint64_t start_ns;

	for (uint32_t i = 0; i < count + ahead; i++) {
		if (i < count) {
			handles[i] = object_create(b->fd, b->buffer_bytes);
			object_move(b->fd, handles[i], VTTM_PLACE_VRAM, b->syncobj,
				    &start_ns);
		}
		if (i >= ahead)
			fill(b, handles[i - ahead], i - ahead, b->buffer_bytes);
	}
}

static void fill_sample(struct bench *b, uint32_t *handles, uint32_t count, uint32_t ahead)
{
	uint64_t start_ns = now_ns(), end_ns;

	fill_all(b, handles, count, ahead);
	end_ns = now_ns();
	record(b, "\"bench\": \"fill\", \"bytes\": %" PRIu64 ", \"buffer_bytes\": %" PRIu64
	       ", \"ahead\": %u, \"ns\": %" PRIu64,
	       count * b->buffer_bytes, b->buffer_bytes, ahead, end_ns - start_ns);
	for (uint32_t i = 0; i < count; i++) {
		check(b, handles[i], i, b->buffer_bytes);
		object_close(b, handles[i]);
	}
	wait_until_empty(b);
}

static void bench_fill(struct bench *b)
{
	static const uint32_t aheads[] = { 0, 4 };
	uint32_t count = TIMES * b->vram_bytes / b->buffer_bytes;
	uint32_t *handles = calloc(count, sizeof(*handles));

	if (!handles)
		fail("out of memory; ask for larger buffers");
	for (unsigned int round = 0; round < b->rounds; round++) {
		for (unsigned int i = 0; i < 4; i++) {
			choose_way(b, i % 2);
			fill_sample(b, handles, count, aheads[i / 2]);
		}
		fprintf(stderr, "allocate and fill: round %u of %u\n", round + 1, b->rounds);
	}
	free(handles);
}

/* Command line */

static const struct option long_options[] = {
	{ "big", required_argument, NULL, 'g' },
	{ "buffer", required_argument, NULL, 'b' },
	{ "rounds", required_argument, NULL, 'r' },
	{ "output", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static const char usage_text[] =
	"usage: vttm-bench [OPTION]...\n"
	"\n"
	"  --big MIB       size of the one big object, at most half of VRAM (default 256)\n"
	"  --buffer MIB    size of the buffers that an application fills (default 8)\n"
	"  --rounds N      samples of each kind (default 5)\n"
	"  --output FILE   where the samples go (default: bench.jsonl)\n";

static void parse_one(struct bench *b, int option)
{
	switch (option) {
	case 'g':
		b->big_bytes = parse_number("big", optarg, 1, 4096) * MIB;
		break;
	case 'b':
		b->buffer_bytes = parse_number("buffer", optarg, 1, 1024) * MIB;
		break;
	case 'r':
		b->rounds = parse_number("rounds", optarg, 1, 1000);
		break;
	case 'o':
		b->output = optarg;
		break;
	default:
		fputs(usage_text, option == 'h' ? stdout : stderr);
		exit(option == 'h' ? 0 : 2);
	}
}

static void open_all(struct bench *b)
{
	struct drm_vttm_info info;

	b->fd = device_open(NULL);
	device_info(b->fd, &info);
	b->vram_bytes = info.vram_bytes;
	if (b->big_bytes > b->vram_bytes / 2)
		fail("VRAM has %" PRIu64 " MiB: take at most half of it for --big",
		     b->vram_bytes / MIB);
	b->syncobj = syncobj_new(b->fd);
	b->cpus = sysconf(_SC_NPROCESSORS_ONLN);
	b->out = fopen(b->output, "w");
	if (!b->out)
		fail("%s: %s; name a file that can be written with --output", b->output,
		     strerror(errno));
}

int main(int argc, char **argv)
{
	struct bench b = {
		.big_bytes = 256 * MIB, .buffer_bytes = 8 * MIB, .rounds = 5,
		.way = "all", .output = "bench.jsonl",
	};
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_one(&b, option);
	refuse_arguments(argc, argv);
	open_all(&b);
	record(&b, "\"bench\": \"device\", \"vram_bytes\": %" PRIu64 ", \"cpus\": %u",
	       b.vram_bytes, b.cpus);
	bench_big(&b);
	bench_latency(&b);
	bench_fill(&b);
	record(&b, "\"bench\": \"end\"");
	if (fclose(b.out))
		fail("%s: %s; the samples are incomplete", b.output, strerror(errno));
	return 0;
}
