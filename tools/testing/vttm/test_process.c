// SPDX-License-Identifier: MIT
/*
 * How a test of vttm-test ends, and the processes that it starts.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define POLL_MS		5

/* Ends of a test */

void check_failed(const char *file, int line, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

void skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(SKIPPED);
}

/* Processes */

pid_t spawn(void (*body)(void *argument), void *argument)
{
	pid_t pid = fork();

	check(pid >= 0, "fork: %s", error_name(-errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	body(argument);
	exit(0);
}

/* Status of @pid once it has ended; fails the test if that takes too long. */
static int reap(pid_t pid, const char *what)
{
	uint64_t deadline = now_ns() + PATIENCE;
	int status;

	while (!has_ended(pid)) {
		check(now_ns() < deadline, "%s: did not end", what);
		sleep_ms(POLL_MS);
	}
	waitpid(pid, &status, 0);
	return status;
}

void join(pid_t pid, const char *what)
{
	int status = reap(pid, what);

	check(WIFEXITED(status) && !WEXITSTATUS(status), "%s: ended with status %#x", what,
	      status);
}

void kill_and_reap(pid_t pid, const char *what)
{
	kill(pid, SIGKILL);
	reap(pid, what);
}
