// SPDX-License-Identifier: MIT
/*
 * Random and mutated sequences of ioctls from several threads, for a bounded time. Calls
 * are written to a file before they are made: what brought the kernel down can be made
 * again with --replay, from one thread or from as many as before. Sequences that led to
 * a result that was not seen before are kept, in files of their own, and mutated in turn.
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

IGT_TEST_DESCRIPTION("Random and mutated calls of vttm from several threads.");

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
	struct fuzz_figures figures;
	pthread_mutex_t lock;		/* of all that follows */
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
static char replayed[PATH_MAX];		/* what is replayed now */

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

/* The sequence that led to a result for the first time is kept. */
static void note(const struct sequence *s, uint32_t op, int error)
{
	if (fuzz_figures_count(&run.figures, op, error))
		return;
	pthread_mutex_lock(&run.lock);
	if (run.num_corpus < CORPUS)
		run.corpus[run.num_corpus++] = *s;
	pthread_mutex_unlock(&run.lock);
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

static void files_open(void)
{
	for (int i = 0; i < FUZZ_FILES; i++)
		fuzz_file_open(&run.files[i]);
}

static void files_close(void)
{
	for (int i = 0; i < FUZZ_FILES; i++)
		fuzz_file_close(&run.files[i]);
}

static void start(void)
{
	memset(&run.figures, 0, sizeof(run.figures));
	run.num_corpus = 0;
	files_open();
}

static void end(void)
{
	files_close();
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
		run.figures.calls += threads[i].calls;
	}
	fuzz_figures_tell(&run.figures, seconds);
	fuzz_figures_write(&run.figures, seconds, folder);
	igt_assert(run.figures.calls);
	end();
	check_device();
}

/* Replaying */

#define ALL_THREADS	UINT32_MAX

/*
 * Make the calls of @thread, or of all, one after the other; @results receives what each
 * returned, @most of them. Returns how many there were.
 */
static unsigned int replay(const char *path, uint32_t thread, int *results, unsigned int most)
{
	FILE *log = fopen(path, "re");
	struct fuzz_call call;
	unsigned int count = 0;

	while (log && (!results || count < most) && fuzz_read(log, &call)) {
		int error;

		if (thread != ALL_THREADS && call.thread != thread)
			continue;
		error = fuzz_execute(&run.files[call.thread % FUZZ_FILES], &call);
		if (results)
			results[count] = call.op == OP_WAIT ? 0 : error;
		count++;
	}
	if (log)
		fclose(log);
	return count;
}

/* What a single thread did and got, it gets again. How long a wait takes may differ. */
static void record_replays(void)
{
	static int results[2][REPLAYED];
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
	for (int i = 0; i < 2; i++) {
		files_open();
		igt_assert(replay(path, ALL_THREADS, results[i], REPLAYED) == REPLAYED);
		files_close();
	}
	for (int i = 0; i < REPLAYED; i++)
		igt_assert_f(results[0][i] == results[1][i], "call %d: %s, and then %s\n", i,
			     error_name(results[0][i]), error_name(results[1][i]));
}

/* What was given, or else what several-threads did last. */
static void choose_replayed(void)
{
	snprintf(replayed, sizeof(replayed), "%s/calls", folder);
	if (replay_file)
		snprintf(replayed, sizeof(replayed), "%s", replay_file);
	igt_require_f(!access(replayed, R_OK), "%s cannot be read: name a file with --replay\n",
		      replayed);
	/* Waits are made again, and there may be many. */
	igt_set_timeout(4 * seconds + SUBTEST_SECONDS, "the end of the calls");
}

static void replay_given(void)
{
	unsigned int count;

	choose_replayed();
	files_open();
	count = replay(replayed, ALL_THREADS, NULL, 0);
	files_close();
	igt_info("%u calls made again\n", count);
	igt_assert(count);
	check_device();
}

static void *be_replayer(void *argument)
{
	struct thread *t = argument;

	t->calls = replay(replayed, t->number, NULL, 0);
	return NULL;
}

/* In the order of each thread, but not the same among them. */
static void replay_threads(void)
{
	struct thread threads[FUZZ_THREADS] = { 0 };
	uint64_t calls = 0;

	choose_replayed();
	files_open();
	for (int i = 0; i < FUZZ_THREADS; i++) {
		threads[i].number = i;
		igt_assert(!pthread_create(&threads[i].id, NULL, be_replayer, &threads[i]));
	}
	for (int i = 0; i < FUZZ_THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		calls += threads[i].calls;
	}
	files_close();
	igt_info("%" PRIu64 " calls made again\n", calls);
	igt_assert(calls);
	check_device();
}

static const struct subtest subtests[] = {
	{ "record-replays", "What is written down can be made again, with the same results.",
	  record_replays },
	{ "several-threads", "Threads that share files make random calls.", several_threads },
	{ "replay", "The calls of a file, one after the other.", replay_given },
	{ "replay-threads", "The calls of a file, from as many threads as before.",
	  replay_threads },
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
	"  --replay FILE\twhat replay and replay-threads read (default: what\n"
	"\t\tseveral-threads wrote)\n";

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
