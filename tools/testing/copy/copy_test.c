// SPDX-License-Identifier: MIT
/*
 * Every way to move bytes that this CPU has, against memcpy() and memset(). Built with
 * the sanitizers; what assembly touches, the guard pages see.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "ttm_move_copy.h"

#define MAX_LENGTH	512
#define MAX_ALIGN	64
#define MARGIN		64
#define AREA		(MARGIN + MAX_ALIGN + MAX_LENGTH + MARGIN)
#define GUARDED		(2 * SZ_4K)
#define LARGE		(512 * 1024)

/* A routine in one of its directions. */
struct subject {
	const struct ttm_move_routine *routine;
	enum ttm_move_dir dir;
	char what[64];
};

__thread unsigned int kernel_fpu_depth, kernel_fpu_sections;

static unsigned int seed = 1;
static unsigned int rounds = 200;
static int planned, failed;

/* Where a fault would be: for the message that the handler prints. */
static char current[160];

static unsigned int next_random(unsigned int limit)
{
	static u64 state;

	if (!state)
		state = 0x9e3779b97f4a7c15ull * seed;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 32) % limit;
}

static void randomise(u8 *buffer, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		buffer[i] = next_random(256);
}

static bool is_clear(const struct subject *subject)
{
	return subject->dir == TTM_MOVE_CLEAR_RAM ||
	       subject->dir == TTM_MOVE_CLEAR_IO;
}

static bool writes_io(enum ttm_move_dir dir)
{
	return dir == TTM_MOVE_RAM_TO_IO || dir == TTM_MOVE_IO_TO_IO ||
	       dir == TTM_MOVE_CLEAR_IO;
}

static bool reads_io(enum ttm_move_dir dir)
{
	return dir == TTM_MOVE_IO_TO_RAM || dir == TTM_MOVE_IO_TO_IO;
}

/* By the subject. */
static void move(const struct subject *subject, u8 *dst, u8 *src, size_t bytes)
{
	struct iosys_map to = { .vaddr = dst, .is_iomem = writes_io(subject->dir) };
	struct iosys_map from = { .vaddr = src, .is_iomem = reads_io(subject->dir) };

	if (is_clear(subject))
		ttm_move_clear_by(subject->routine, subject->dir, &to, bytes);
	else
		ttm_move_copy_by(subject->routine, subject->dir, &to, &from, bytes);
}

/* By the C library, which is what the subject is compared with. */
static void expect(const struct subject *subject, u8 *dst, const u8 *src, size_t bytes)
{
	if (is_clear(subject))
		memset(dst, 0, bytes);
	else
		memcpy(dst, src, bytes);
}

static bool complain(const struct subject *subject, size_t bytes, const u8 *dst,
		     const u8 *src)
{
	printf("# %zu bytes, source at %zu, destination at %zu, modulo 64, are wrong\n",
	       bytes, (size_t)src % 64, (size_t)dst % 64);
	return false;
}

/* What is before and behind the bytes must stay. */
static bool check_length(const struct subject *subject, u8 *dst, u8 *want, u8 *src,
			 size_t to, size_t from, size_t bytes)
{
	memset(dst, 0xd1, AREA);
	memset(want, 0xd1, AREA);
	expect(subject, want + to, src + from, bytes);
	move(subject, dst + to, src + from, bytes);
	return !memcmp(dst, want, AREA) || complain(subject, bytes, dst + to, src + from);
}

/* All lengths at all alignments of both ends; clearing has one end. */
static bool test_lengths(const struct subject *subject)
{
	static u8 dst[AREA] __aligned(64), want[AREA] __aligned(64), src[AREA] __aligned(64);
	size_t from, to, bytes, froms = is_clear(subject) ? 1 : MAX_ALIGN;

	randomise(src, sizeof(src));
	for (from = 0; from < froms; from++)
		for (to = 0; to < MAX_ALIGN; to++)
			for (bytes = 0; bytes <= MAX_LENGTH; bytes++)
				if (!check_length(subject, dst, want, src, MARGIN + to,
						  MARGIN + from, bytes))
					return false;
	return true;
}

/* Memory between two pages that nobody may touch. */
static u8 *guarded_alloc(void)
{
	u8 *pages = mmap(NULL, GUARDED + 2 * SZ_4K, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED ||
	    mprotect(pages + SZ_4K, GUARDED, PROT_READ | PROT_WRITE)) {
		fprintf(stderr, "copy-test: error: mmap: %s: is there no memory left?\n",
			strerror(errno));
		exit(1);
	}
	return pages + SZ_4K;
}

static void guarded_free(u8 *memory)
{
	munmap(memory - SZ_4K, GUARDED + 2 * SZ_4K);
}

static bool check_guarded(const struct subject *subject, u8 *dst, u8 *src, size_t bytes)
{
	u8 want[MAX_LENGTH];

	snprintf(current, sizeof(current), "%s: %zu bytes at a guard page",
		 subject->what, bytes);
	expect(subject, want, src, bytes);
	move(subject, dst, src, bytes);
	return !memcmp(dst, want, bytes) || complain(subject, bytes, dst, src);
}

/* Either end at the beginning or at the end of what may be touched. */
static bool test_guards(const struct subject *subject)
{
	u8 *dst = guarded_alloc(), *src = guarded_alloc();
	bool good = true;
	size_t bytes;
	int ends;

	randomise(src, GUARDED);
	for (bytes = 0; good && bytes <= MAX_LENGTH; bytes++)
		for (ends = 0; good && ends < 4; ends++)
			good = check_guarded(subject,
					     dst + (ends & 1 ? GUARDED - bytes : 0),
					     src + (ends & 2 ? GUARDED - bytes : 0),
					     bytes);
	guarded_free(dst);
	guarded_free(src);
	return good;
}

/* As an iterator would have it: @bytes in pieces of random length. */
static void move_runs(const struct subject *subject, u8 *dst, u8 *src, size_t bytes)
{
	size_t n;

	for (; bytes; bytes -= n, dst += n, src += n) {
		n = min(1 + next_random(1u << next_random(18)), bytes);
		move(subject, dst, src, n);
	}
}

/* On the heap, with what the sanitizers put around it. */
static bool test_runs(const struct subject *subject)
{
	size_t bytes = 1 + next_random(LARGE), to = next_random(128);
	size_t from = next_random(128);
	u8 *dst = malloc(to + bytes), *want = malloc(to + bytes), *src = malloc(from + bytes);
	bool good;

	randomise(src, from + bytes);
	memset(dst, 0xd1, to + bytes);
	memset(want, 0xd1, to + bytes);
	expect(subject, want + to, src + from, bytes);
	move_runs(subject, dst + to, src + from, bytes);
	good = !memcmp(dst, want, to + bytes);
	if (!good)
		complain(subject, bytes, dst + to, src + from);
	free(dst);
	free(want);
	free(src);
	return good;
}

static bool test_random(const struct subject *subject)
{
	unsigned int i;

	for (i = 0; i < rounds; i++)
		if (!test_runs(subject))
			return false;
	return true;
}

/* No more than this at a time keeps others from the CPU. */
static size_t section_limit(const struct subject *subject)
{
	if (reads_io(subject->dir))
		return SZ_4K;
	return writes_io(subject->dir) ? SZ_16K : SZ_64K;
}

/* The FPU is taken and given back often enough, or not at all. */
static bool test_sections(const struct subject *subject)
{
	u8 *dst = aligned_alloc(64, LARGE), *src = aligned_alloc(64, LARGE);
	unsigned int least = subject->routine->fpu ? LARGE / section_limit(subject) : 0;
	bool good;

	randomise(src, SZ_4K);
	kernel_fpu_sections = 0;
	move(subject, dst, src, LARGE);
	good = kernel_fpu_depth == 0 && kernel_fpu_sections >= least &&
	       (least || !kernel_fpu_sections);
	printf("# %u sections in %u KiB\n", kernel_fpu_sections, LARGE / 1024);
	free(dst);
	free(src);
	return good;
}

struct test {
	const char *name;
	bool (*run)(const struct subject *subject);
};

static const struct test tests[] = {
	{ "lengths-and-alignments", test_lengths },
	{ "guard-pages", test_guards },
	{ "random-runs", test_random },
	{ "sections", test_sections },
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void run_test(const struct subject *subject, const struct test *test)
{
	double start = seconds();
	bool good;

	snprintf(current, sizeof(current), "%s/%s", subject->what, test->name);
	good = test->run(subject);
	printf("# %.3f s\n", seconds() - start);
	printf("%sok %d - %s/%s\n", good ? "" : "not ", ++planned, subject->what,
	       test->name);
	failed += !good;
}

static void run_subject(const struct subject *subject)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tests); i++)
		run_test(subject, &tests[i]);
}

/* A routine that the table has and this CPU has not is a test that did not run. */
static void run_routine(const struct ttm_move_routine *routine)
{
	struct subject subject = { .routine = routine };

	if (!routine->valid()) {
		printf("ok %d - %s # SKIP the CPU lacks %s\n", ++planned, routine->name,
		       routine->needs);
		return;
	}
	for (subject.dir = 0; subject.dir < TTM_MOVE_NUM_DIRS; subject.dir++) {
		if (!(routine->dirs & BIT(subject.dir)))
			continue;
		snprintf(subject.what, sizeof(subject.what), "%s/%s", routine->name,
			 ttm_move_dir_name(subject.dir));
		run_subject(&subject);
	}
}

/* A touched guard page, or an instruction that the CPU lacks. */
static void on_fault(int signal)
{
	static const char text[] = ": a fault\n";

	if (write(STDOUT_FILENO, "# ", 2) < 0 ||
	    write(STDOUT_FILENO, current, strlen(current)) < 0 ||
	    write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

static unsigned int parse_number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || !value || value > 999999999) {
		fprintf(stderr, "copy-test: '%s' is not a number from 1 to 999999999\n",
			text);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "s:r:")) != -1) {
		if (option == 's') {
			seed = parse_number(optarg);
		} else if (option == 'r') {
			rounds = parse_number(optarg);
		} else {
			fprintf(stderr, "usage: copy-test [-s SEED] [-r ROUNDS]\n");
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	unsigned int i;

	parse(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGSEGV, on_fault);
	signal(SIGILL, on_fault);
	signal(SIGBUS, on_fault);
	printf("# seed %u\n", seed);
	for (i = 0; i < ttm_move_this_machine.num; i++)
		run_routine(&ttm_move_this_machine.routines[i]);
	printf("1..%d\n", planned);
	return failed ? 1 : 0;
}
