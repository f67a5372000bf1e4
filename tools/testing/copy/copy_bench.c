// SPDX-License-Identifier: MIT
/*
 * How fast this machine moves bytes: the worker's routines, the C library, and a loop of
 * the shape that the kernel has today, in turns.
 *
 * Prints a line for each measurement, fields separated by tabs: "time", repetition,
 * memory, direction, granule, threads, routine, bytes, nanoseconds; before them lines
 * "about" with a name and its value, and "skip" with what is not measured and why.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "copy_bench.h"

#define MAX_THREADS	64
#define MAX_CASES	4096

/* A slow way is not waited for: it stops after so many ns, and what it did counts. */
#define PATIENCE_NS	200000000ull

/* So much of what a way has moved is looked at: reading video memory takes long. */
#define VERIFIED	(1024 * 1024ul)

typedef void (*peer_fn)(enum ttm_move_dir dir, void *dst, const void *src, size_t bytes);

/* One way: a routine of the table, or a peer. */
struct way {
	const char *name;
	const struct ttm_move_routine *routine;
	peer_fn peer;
};

static const struct way peers[] = {
	{ .name = "memcpy", .peer = peer_memcpy },
	{ .name = "present", .peer = peer_present },
};

struct options {
	size_t bytes;
	unsigned int repetitions;
	const char *threads;
	bool any_device;
	bool stand_in;
};

/* The two ends of a direction, and what the other end of an aperture is. */
struct area {
	const char *memory;
	u8 *ram[2];
	u8 *io[2];
	size_t bytes;
};

struct job {
	const struct area *area;
	enum ttm_move_dir dir;
	const struct way *way;
	size_t granule;
	unsigned int threads;
};

/* What the threads of a measurement share. */
struct team {
	struct job job;
	u8 *dst, *src;
	atomic_size_t next;
	atomic_size_t done;
	u64 deadline;
	u64 spent[MAX_THREADS];
	pthread_barrier_t start, end;
};

static const size_t granules[] = { SZ_4K, SZ_64K, 2ul << 20, 0 };

__thread unsigned int kernel_fpu_depth, kernel_fpu_sections;

static struct team team;
static struct job jobs[MAX_CASES];
static unsigned int num_jobs;

void fail(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fputs("copy-bench: error: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static u64 clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static bool is_clear(enum ttm_move_dir dir)
{
	return dir == TTM_MOVE_CLEAR_RAM || dir == TTM_MOVE_CLEAR_IO;
}

static bool reads_io(enum ttm_move_dir dir)
{
	return dir == TTM_MOVE_IO_TO_RAM || dir == TTM_MOVE_IO_TO_IO;
}

static bool writes_io(enum ttm_move_dir dir)
{
	return dir == TTM_MOVE_RAM_TO_IO || dir == TTM_MOVE_IO_TO_IO ||
	       dir == TTM_MOVE_CLEAR_IO;
}

static bool has_io(enum ttm_move_dir dir)
{
	return reads_io(dir) || writes_io(dir);
}

/* Measuring */

static void move(const struct job *job, u8 *dst, u8 *src, size_t bytes)
{
	struct iosys_map to = { .vaddr = dst, .is_iomem = writes_io(job->dir) };
	struct iosys_map from = { .vaddr = src, .is_iomem = reads_io(job->dir) };

	if (job->way->peer)
		job->way->peer(job->dir, dst, src, bytes);
	else if (is_clear(job->dir))
		ttm_move_clear_by(job->way->routine, job->dir, &to, bytes);
	else
		ttm_move_copy_by(job->way->routine, job->dir, &to, &from, bytes);
}

/* Asked for with each page, the time would take a good part of it. */
static bool is_late(size_t at)
{
	return at % SZ_64K == 0 && clock_ns(CLOCK_MONOTONIC) >= team.deadline;
}

/* As workers share a move: whoever is free takes the next piece. */
static size_t work_pieces(void)
{
	size_t at, bytes, done = 0;

	for (;;) {
		at = atomic_fetch_add(&team.next, team.job.granule);
		if (at >= team.job.area->bytes || is_late(at))
			break;
		bytes = min(team.job.granule, team.job.area->bytes - at);
		move(&team.job, team.dst + at, team.src + at, bytes);
		done += bytes;
	}
	return done;
}

static void work(unsigned int index)
{
	u64 start = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	atomic_fetch_add(&team.done, work_pieces());
	team.spent[index] = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
}

/* Those that are not of the team take part in its barriers; the end of all ends them. */
static void *member(void *arg)
{
	unsigned int index = (uintptr_t)arg;

	for (;;) {
		pthread_barrier_wait(&team.start);
		if (index < team.job.threads)
			work(index);
		pthread_barrier_wait(&team.end);
	}
	return NULL;
}

static void prepare(const struct job *job)
{
	const struct area *area = job->area;

	team.job = *job;
	team.dst = writes_io(job->dir) ? area->io[1] : area->ram[1];
	team.src = reads_io(job->dir) ? area->io[0] : area->ram[0];
	atomic_store(&team.next, 0);
	atomic_store(&team.done, 0);
}

/*
 * The bytes that have moved, and in how long: what the busiest thread spent on a CPU, so
 * that it makes no difference what else the machine has to do.
 */
static size_t measure(const struct job *job, u64 *ns)
{
	unsigned int i;

	prepare(job);
	team.deadline = clock_ns(CLOCK_MONOTONIC) + PATIENCE_NS;
	pthread_barrier_wait(&team.start);
	work(0);
	pthread_barrier_wait(&team.end);
	for (*ns = 1, i = 0; i < job->threads; i++)
		*ns = team.spent[i] > *ns ? team.spent[i] : *ns;
	return atomic_load(&team.done);
}

/* What one way has written is not to be taken for what the next one writes. */
static void spoil(const struct job *job)
{
	prepare(job);
	memset(team.dst, 0xd1, min(job->area->bytes, VERIFIED));
}

/* Numbers of a way that moves the wrong bytes would be worth nothing. */
static void verify(const struct job *job, size_t bytes)
{
	static u8 piece[SZ_64K];
	size_t at, n;

	for (at = 0; at < bytes && at < VERIFIED; at += n) {
		n = min(bytes - at, sizeof(piece));
		memcpy(piece, team.dst + at, n);
		if (is_clear(job->dir) ? piece[0] || memcmp(piece, piece + 1, n - 1) :
					 memcmp(piece, job->area->ram[0] + at, n))
			fail("%s moves wrong bytes (%s, %zu bytes at a time)",
			     job->way->name, ttm_move_dir_name(job->dir), job->granule);
	}
}

/* The first round is for the caches and for the verification, and is not counted. */
static void run(const struct job *job, unsigned int repetition)
{
	size_t bytes;
	u64 ns;

	if (!repetition)
		spoil(job);
	bytes = measure(job, &ns);
	if (!repetition) {
		verify(job, bytes);
		return;
	}
	printf("time\t%u\t%s\t%s\t%zu\t%u\t%s\t%zu\t%llu\n", repetition,
	       has_io(job->dir) ? job->area->memory : "ram", ttm_move_dir_name(job->dir),
	       job->granule, job->threads, job->way->name, bytes, (unsigned long long)ns);
	fflush(stdout);
}

/* What is measured */

static void add_job(const struct job *job)
{
	if (num_jobs == MAX_CASES)
		fail("more than %d combinations: ask for fewer thread counts", MAX_CASES);
	jobs[num_jobs++] = *job;
}

static void add_ways(struct job *job)
{
	const struct ttm_move_machine *machine = &ttm_move_this_machine;
	static struct way ways[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(peers); i++) {
		job->way = &peers[i];
		/* The kernel has no such loop for a CPU that lacks the instruction. */
		if (peers[i].peer != peer_present || ttm_move_sse41_valid())
			add_job(job);
	}
	for (i = 0; i < machine->num; i++) {
		ways[i].name = machine->routines[i].name;
		ways[i].routine = &machine->routines[i];
		job->way = &ways[i];
		if (ttm_move_routine_fits(machine, &machine->routines[i], job->dir, true))
			add_job(job);
	}
}

/* The whole, where several threads share it, is a part for each. */
static size_t whole(const struct area *area, unsigned int threads)
{
	size_t part = area->bytes / threads;

	return part - part % SZ_4K;
}

static void add_granules(const struct area *area, enum ttm_move_dir dir,
			 unsigned int threads)
{
	struct job job = { .area = area, .dir = dir, .threads = threads };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(granules); i++) {
		job.granule = granules[i] ?: whole(area, threads);
		if (job.granule <= whole(area, threads))
			add_ways(&job);
	}
}

static void add_dirs(const struct area *area, unsigned int threads)
{
	enum ttm_move_dir dir;

	for (dir = 0; dir < TTM_MOVE_NUM_DIRS; dir++)
		if (!has_io(dir) || area->io[0])
			add_granules(area, dir, threads);
}

static unsigned int add_all(const struct area *area, const char *list)
{
	unsigned long threads, most = 1, cpus = min(sysconf(_SC_NPROCESSORS_ONLN), MAX_THREADS);
	char *end;

	for (; *list; list = end) {
		threads = strtoul(list, &end, 10);
		/* More would take turns, which does not count as time. */
		if (end == list || threads < 1 || threads > cpus)
			fail("'%s' is not a list of numbers from 1 to %lu", list, cpus);
		add_dirs(area, threads);
		most = threads > most ? threads : most;
		end += *end == ',';
	}
	return most;
}

/* What each end is */

static u8 *ram_alloc(size_t bytes)
{
	u8 *vaddr = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (vaddr == MAP_FAILED)
		fail("%zu MiB of memory: %s: ask for less", bytes >> 20, strerror(errno));
	return vaddr;
}

static void aperture_init(struct area *area, const struct options *options)
{
	static struct vram vram;
	const char *reason = vram_map(&vram, 2 * area->bytes, options->any_device);

	if (!reason) {
		printf("about\taperture\t%s\n", vram.name);
		area->memory = "vram";
		area->io[0] = vram.vaddr;
	} else if (options->stand_in) {
		printf("about\taperture\tRAM in its place: %s\n", reason);
		area->memory = "stand-in";
		area->io[0] = ram_alloc(2 * area->bytes);
	} else {
		printf("skip\taperture\t%s\n", reason);
		return;
	}
	area->io[1] = area->io[0] + area->bytes;
	memcpy(area->io[0], area->ram[0], area->bytes);
}

static void fill(u8 *vaddr, size_t bytes)
{
	u64 state = 1;
	size_t i;

	for (i = 0; i < bytes; i += sizeof(state)) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		memcpy(vaddr + i, &state, sizeof(state));
	}
}

static void area_init(struct area *area, const struct options *options)
{
	area->bytes = options->bytes;
	area->ram[0] = ram_alloc(area->bytes);
	area->ram[1] = ram_alloc(area->bytes);
	fill(area->ram[0], area->bytes);
	aperture_init(area, options);
}

/* What a CPU lacks, and what the kernel would choose here for so many bytes. */
static void about_routines(size_t bytes)
{
	bool stream = bytes >= TTM_MOVE_LARGE_BYTES;
	const struct ttm_move_machine *machine = &ttm_move_this_machine;
	enum ttm_move_dir dir;
	unsigned int i;

	for (i = 0; i < machine->num; i++)
		if (!machine->routines[i].valid())
			printf("skip\t%s\tthe CPU lacks %s\n", machine->routines[i].name,
			       machine->routines[i].needs);
	for (dir = 0; dir < TTM_MOVE_NUM_DIRS; dir++)
		printf("about\tchosen %s\t%s\n", ttm_move_dir_name(dir),
		       ttm_move_routine_of(dir, true, stream)->name);
}

static unsigned long parse_number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || !value || value > max)
		fail("'%s' is not a number from 1 to %lu", text, max);
	return value;
}

static void parse(struct options *options, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "b:r:t:as")) != -1) {
		switch (option) {
		case 'b':
			options->bytes = parse_number(optarg, 4096) << 20;
			break;
		case 'r':
			options->repetitions = parse_number(optarg, 1000);
			break;
		case 't':
			options->threads = optarg;
			break;
		case 'a':
			options->any_device = true;
			break;
		case 's':
			options->stand_in = true;
			break;
		default:
			fail("usage: copy-bench [-b MIB] [-r REPETITIONS] [-t THREADS] [-as]");
		}
	}
}

static void team_start(unsigned int threads)
{
	pthread_t thread;
	uintptr_t i;

	pthread_barrier_init(&team.start, NULL, threads);
	pthread_barrier_init(&team.end, NULL, threads);
	for (i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, member, (void *)i))
			fail("pthread_create: ask for fewer threads");
}

int main(int argc, char **argv)
{
	struct options options = { .bytes = 64ul << 20, .repetitions = 9, .threads = "1" };
	struct area area = {};
	unsigned int i, repetition;

	parse(&options, argc, argv);
	ttm_move_copy_init();
	about_routines(options.bytes);
	area_init(&area, &options);
	team_start(add_all(&area, options.threads));
	for (repetition = 0; repetition <= options.repetitions; repetition++) {
		fprintf(stderr, "==> repetition %u of %u\n", repetition, options.repetitions);
		for (i = 0; i < num_jobs; i++)
			run(&jobs[i], repetition);
	}
	return 0;
}
