// SPDX-License-Identifier: MIT
/*
 * vttm-test: what the ioctls of vttm promise, tried from outside. Prints TAP: a line per
 * test, and a test that could not be made is skipped with the reason. A test that leaves
 * video memory in use has failed.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "test.h"

/* A test that runs for so long hangs. */
#define DEADLINE	(60 * SECOND)

#define MESSAGE_BYTES	512

/* Those that take the device away come last: they may fail to give it back. */
static const struct test *const suites[] = {
	input_tests, memory_tests, fence_tests, share_tests, held_tests, pressure_tests,
	unbind_tests, module_tests,
};

#define NUM_SUITES	(sizeof(suites) / sizeof(*suites))

struct options {
	const char *device;
	const char *only;		/* name of a test, or NULL for all */
	bool list;
};

struct totals {
	unsigned int run;
	unsigned int failed;
};

struct outcome {
	enum { PASSED, FAILED, SKIPPED_TEST } result;
	double seconds;
	char message[MESSAGE_BYTES];
};

/* What a test prints goes to a file that its processes share. */
static _Noreturn void be_test(const struct test *t, int messages)
{
	setpgid(0, 0);
	dup2(messages, STDOUT_FILENO);
	dup2(messages, STDERR_FILENO);
	t->run();
	exit(0);
}

/* Status of the test's process; the processes that it left are ended. */
static int await_test(pid_t pid, bool *in_time)
{
	uint64_t deadline = now_ns() + DEADLINE;
	int status;

	while (!has_ended(pid) && now_ns() < deadline)
		sleep_ms(2);
	*in_time = has_ended(pid);
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	return status;
}

static void read_message(int messages, char text[MESSAGE_BYTES])
{
	ssize_t bytes = pread(messages, text, MESSAGE_BYTES - 1, 0);

	text[bytes > 0 ? bytes : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static void judge(struct outcome *o, int status, bool in_time)
{
	o->result = FAILED;
	if (!in_time)
		snprintf(o->message, sizeof(o->message), "did not end in time");
	else if (WIFSIGNALED(status))
		snprintf(o->message, sizeof(o->message), "died of signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) == SKIPPED)
		o->result = SKIPPED_TEST;
	else if (!WEXITSTATUS(status))
		o->result = PASSED;
}

static void check_for_leaks(struct outcome *o)
{
	int fd;

	if (o->result != PASSED)
		return;
	fd = client();
	if (!vram_becomes(fd, 0)) {
		o->result = FAILED;
		snprintf(o->message, sizeof(o->message),
			 "%" PRIu64 " bytes of VRAM are still in use", vram_used(fd));
	}
	close(fd);
}

static void run(const struct test *t, struct outcome *o)
{
	uint64_t start = now_ns();
	int messages = memfd_create("messages", MFD_CLOEXEC);
	bool in_time;
	pid_t pid;
	int status;

	fflush(NULL);
	pid = fork();
	if (messages < 0 || pid < 0)
		fail("a test cannot be started: %s", strerror(errno));
	if (!pid)
		be_test(t, messages);
	status = await_test(pid, &in_time);
	read_message(messages, o->message);
	close(messages);
	judge(o, status, in_time);
	check_for_leaks(o);
	o->seconds = (now_ns() - start) / 1e9;
}

static void report(const struct test *t, const struct outcome *o, struct totals *totals)
{
	totals->run++;
	totals->failed += o->result == FAILED;
	printf("# %.3f s\n", o->seconds);
	if (o->result == FAILED)
		printf("# %s\n", o->message);
	printf("%s %u - %s", o->result == FAILED ? "not ok" : "ok", totals->run, t->name);
	if (o->result == SKIPPED_TEST)
		printf(" # SKIP %s", o->message);
	putchar('\n');
}

static void run_all(const struct options *opt, struct totals *totals)
{
	for (size_t i = 0; i < NUM_SUITES; i++) {
		for (const struct test *t = suites[i]; t->name; t++) {
			struct outcome outcome = { 0 };

			if (opt->only && strcmp(opt->only, t->name))
				continue;
			run(t, &outcome);
			report(t, &outcome, totals);
		}
	}
	printf("1..%u\n", totals->run);
}

static void list(void)
{
	for (size_t i = 0; i < NUM_SUITES; i++)
		for (const struct test *t = suites[i]; t->name; t++)
			puts(t->name);
}

static bool is_test(const char *name)
{
	for (size_t i = 0; i < NUM_SUITES; i++)
		for (const struct test *t = suites[i]; t->name; t++)
			if (!strcmp(t->name, name))
				return true;
	return false;
}

/* Command line */

static const struct option long_options[] = {
	{ "device", required_argument, NULL, 'd' },
	{ "run", required_argument, NULL, 'r' },
	{ "seed", required_argument, NULL, 's' },
	{ "list", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static const char usage_text[] =
	"usage: vttm-test [OPTION]...\n"
	"\n"
	"Needs the device for itself. Some tests need root, vgem, or a second device of\n"
	"vttm, and are otherwise skipped. Prints TAP; status 1 if a test fails.\n"
	"\n"
	"  --device PATH   node of the device (default: the first one of vttm)\n"
	"  --run NAME      run this test only\n"
	"  --seed N        start of all random choices and patterns (default 1)\n"
	"  --list          print the names of all tests\n";

static void parse_seed(const char *text)
{
	char *end;

	errno = 0;
	seed = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno)
		return;
	fprintf(stderr, "vttm-test: --seed takes a number, not '%s'\n", text);
	misuse();
}

static void parse_name(struct options *opt, const char *name)
{
	opt->only = name;
	if (is_test(name))
		return;
	fprintf(stderr, "vttm-test: there is no test '%s'; --list prints all\n", name);
	misuse();
}

static void parse_one(struct options *opt, int option)
{
	switch (option) {
	case 'd':
		opt->device = optarg;
		break;
	case 'r':
		parse_name(opt, optarg);
		break;
	case 's':
		parse_seed(optarg);
		break;
	case 'l':
		opt->list = true;
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
	struct options opt = { 0 };
	struct totals totals = { 0 };

	parse(&opt, argc, argv);
	if (opt.list) {
		list();
		return 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	choose_device(opt.device);
	printf("# %s, seed %" PRIu64 "\n", device_folder(), seed);
	run_all(&opt, &totals);
	return totals.failed ? 1 : 0;
}
