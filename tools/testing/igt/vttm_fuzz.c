// SPDX-License-Identifier: MIT
/*
 * Random and mutated sequences of ioctls from several threads, for a bounded time. Calls
 * are written to a file before they are made: what brought the kernel down can be made
 * again with --replay. Sequences that led to a result that was not seen before are kept,
 * in files of their own, and mutated in turn.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "igt_vttm.h"

#define ERRNOS		134
#define WINDOW		12	/* calls that may have led to a result */
#define CORPUS		256
#define REPLAYED	(32 * FUZZ_BATCH)

struct sequence {
	struct fuzz_call calls[WINDOW];
	int count;
};

/* What all threads of a run share. */
static struct {
	struct fuzz_file files[FUZZ_FILES];
	uint64_t deadline;
	int log;
	pthread_mutex_t lock;		/* of all that follows */
	bool seen[NUM_OPS][ERRNOS];
	unsigned int pairs;
	struct sequence corpus[CORPUS];
	unsigned int num_corpus;
} run = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct thread {
	pthread_t id;
	uint32_t number;
	uint64_t random;
	uint64_t calls;
	struct sequence last;
};

static unsigned int seconds = 10;
static const char *folder = "/tmp";
static const char *replay_file;

static int open_log(const char *name)
{
	char path[PATH_MAX];
	int log;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	log = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
	igt_assert_f(log >= 0, "%s cannot be written\n", path);
	return log;
}

/* The corpus */

static void keep_file(const struct sequence *s, uint32_t op, int error)
{
	char path[PATH_MAX];
	int file;

	snprintf(path, sizeof(path), "%s/corpus-%s-%s", folder, fuzz_op_name(op),
		 error_name(error));
	file = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	if (file < 0)
		return;
	fuzz_write(file, s->calls, s->count);
	close(file);
}

/* Whether it was the first time; the sequence that led to it is then kept. */
static void note(const struct sequence *s, uint32_t op, int error)
{
	bool *seen = &run.seen[op][-error % ERRNOS], is_new;

	if (__atomic_load_n(seen, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&run.lock);
	is_new = !*seen;
	*seen = true;
	run.pairs += is_new;
	if (is_new && run.num_corpus < CORPUS)
		run.corpus[run.num_corpus++] = *s;
	pthread_mutex_unlock(&run.lock);
	if (is_new)
		keep_file(s, op, error);
}

static bool choose_from_corpus(struct thread *t, struct sequence *s)
{
	bool any;

	pthread_mutex_lock(&run.lock);
	any = run.num_corpus;
	if (any)
		*s = run.corpus[random_next(&t->random) % run.num_corpus];
	pthread_mutex_unlock(&run.lock);
	return any;
}

/* Threads */

static void remember(struct sequence *s, const struct fuzz_call *call)
{
	if (s->count == WINDOW)
		memmove(s->calls, s->calls + 1, (--s->count) * sizeof(*s->calls));
	s->calls[s->count++] = *call;
}

static void make(struct thread *t, const struct fuzz_call *call)
{
	int error;

	remember(&t->last, call);
	error = fuzz_execute(&run.files[t->number % FUZZ_FILES], call);
	note(&t->last, call->op, error);
	t->calls++;
}

/* A sequence of the corpus with one change, or a call at random; returns how many. */
static int invent(struct thread *t, struct fuzz_call *calls)
{
	struct sequence s;

	if (random_next(&t->random) % 32 || !choose_from_corpus(t, &s)) {
		calls[0] = fuzz_invent(&t->random);
		return 1;
	}
	fuzz_mutate(&s.calls[random_next(&t->random) % s.count], &t->random);
	memcpy(calls, s.calls, s.count * sizeof(*calls));
	return s.count;
}

/* As writing takes longer than calling, many calls are written down before the first. */
static void make_batch(struct thread *t)
{
	struct fuzz_call calls[FUZZ_BATCH];
	int count = 0;

	while (count <= FUZZ_BATCH - WINDOW)
		count += invent(t, &calls[count]);
	for (int i = 0; i < count; i++)
		calls[i].thread = t->number;
	fuzz_write(run.log, calls, count);
	for (int i = 0; i < count; i++)
		make(t, &calls[i]);
}

static void *be_thread(void *argument)
{
	struct thread *t = argument;

	while (now_ns() < run.deadline)
		make_batch(t);
	return NULL;
}

static void start(void)
{
	memset(run.seen, 0, sizeof(run.seen));
	run.pairs = 0;
	run.num_corpus = 0;
	for (int i = 0; i < FUZZ_FILES; i++)
		fuzz_file_open(&run.files[i]);
}

static void end(void)
{
	for (int i = 0; i < FUZZ_FILES; i++)
		fuzz_file_close(&run.files[i]);
	close(run.log);
}

/* The device still does what it should. */
static void check_device(void)
{
	struct buffer b = buffer_create_filled(client(), MIB, VTTM_PLACE_MASK);

	buffer_move(&b, VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	buffer_verify(&b, "after the calls");
}

/* Subtests */

static void several_threads(void)
{
	struct thread threads[FUZZ_THREADS] = { 0 };
	uint64_t calls = 0;

	igt_set_timeout(seconds + SUBTEST_SECONDS, "the end of all threads");
	run.log = open_log("calls");
	start();
	run.deadline = now_ns() + seconds * SECOND;
	for (int i = 0; i < FUZZ_THREADS; i++) {
		threads[i].number = i;
		threads[i].random = pattern_base(seed, i, 0);
		igt_assert(!pthread_create(&threads[i].id, NULL, be_thread, &threads[i]));
	}
	for (int i = 0; i < FUZZ_THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		calls += threads[i].calls;
	}
	igt_info("seed %" PRIu64 ": %" PRIu64 " calls in %u s, %" PRIu64
		 " per second, %u pairs of call and result\n", seed, calls, seconds,
		 calls / seconds, run.pairs);
	igt_assert(calls);
	end();
	check_device();
}

/* One call after the other; @results receives what each returned. */
static unsigned int replay(const char *path, int *results, unsigned int most)
{
	FILE *log = fopen(path, "re");
	struct fuzz_call call;
	unsigned int count = 0;

	igt_require_f(log, "%s cannot be read\n", path);
	for (int i = 0; i < FUZZ_FILES; i++)
		fuzz_file_open(&run.files[i]);
	while ((!results || count < most) && fuzz_read(log, &call)) {
		int error = fuzz_execute(&run.files[call.thread % FUZZ_FILES], &call);

		if (results)
			results[count] = call.op == OP_WAIT ? 0 : error;
		count++;
	}
	for (int i = 0; i < FUZZ_FILES; i++)
		fuzz_file_close(&run.files[i]);
	fclose(log);
	return count;
}

/* What a single thread did and got, it gets again. How long a wait takes may differ. */
static void record_replays(void)
{
	static int first[REPLAYED], second[REPLAYED];
	char path[PATH_MAX];
	uint64_t random = seed;
	int log = open_log("recorded");

	for (int i = 0; i < REPLAYED; i += FUZZ_BATCH) {
		struct fuzz_call calls[FUZZ_BATCH];

		for (int n = 0; n < FUZZ_BATCH; n++)
			calls[n] = fuzz_invent(&random);
		fuzz_write(log, calls, FUZZ_BATCH);
	}
	close(log);
	snprintf(path, sizeof(path), "%s/recorded", folder);
	igt_assert(replay(path, first, REPLAYED) == REPLAYED);
	igt_assert(replay(path, second, REPLAYED) == REPLAYED);
	for (int i = 0; i < REPLAYED; i++)
		igt_assert_f(first[i] == second[i], "call %d: %s, and then %s\n", i,
			     error_name(first[i]), error_name(second[i]));
}

static void replay_given(void)
{
	igt_require_f(replay_file, "no file was given with --replay\n");
	igt_info("%u calls made again\n", replay(replay_file, NULL, 0));
	check_device();
}

static const struct subtest subtests[] = {
	{ "record-replays", "What is written down can be made again, with the same results.",
	  record_replays },
	{ "several-threads", "Threads that share files make random calls.", several_threads },
	{ "replay", "The calls of a file, one after the other.", replay_given },
	{ }
};

static const struct option options[] = {
	{ "node", required_argument, NULL, 'n' },
	{ "seed", required_argument, NULL, 's' },
	{ "quick", no_argument, NULL, 'q' },
	{ "seconds", required_argument, NULL, 't' },
	{ "save", required_argument, NULL, 'o' },
	{ "replay", required_argument, NULL, 'r' },
	{ }
};

static const char help[] =
	"  --node PATH\tnode of the device (default: the first one of vttm)\n"
	"  --seed N\tstart of all random choices (default: 1)\n"
	"  --seconds N\thow long the threads go on (default: 10)\n"
	"  --save FOLDER\twhere calls are written (default: /tmp)\n"
	"  --replay FILE\twhat the subtest replay reads\n";

static int option(int key, int index, void *data)
{
	switch (key) {
	case 't':
		seconds = strtoul(optarg, NULL, 0);
		return seconds && seconds <= 3600 ? IGT_OPT_HANDLER_SUCCESS :
						    IGT_OPT_HANDLER_ERROR;
	case 'o':
		folder = optarg;
		return IGT_OPT_HANDLER_SUCCESS;
	case 'r':
		replay_file = optarg;
		return IGT_OPT_HANDLER_SUCCESS;
	default:
		return vttm_option(key, index, data);
	}
}

int igt_main_args("", options, help, option, NULL)
{
	igt_fixture() {
		vttm_init();
	}

	subtests_run(subtests);

	igt_fixture() {
		vttm_fini();
	}
}
