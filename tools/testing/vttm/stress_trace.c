// SPDX-License-Identifier: MIT
/*
 * vttm-stress: reads the kernel's trace while it is made, and keeps only figures: how long
 * fences took, and who waited for one while it looked for memory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

#define INSTANCE	"/sys/kernel/tracing/instances/vttm-stress"
#define RECORD_NAMES	"/sys/kernel/tracing/options/record-cmd"
#define BUFFER_KIB	"4096"

/* Events, and which of them; all that others than the worker do is left out. */
static const struct {
	const char *event;
	const char *filter;
} events[] = {
	{ "ttm_move/ttm_move_retired", NULL },
	{ "dma_fence/dma_fence_signaled", "driver == \"ttm_move\" && timeline == \"evict\"" },
	{ "dma_fence/dma_fence_wait_start", "driver == \"ttm_move\"" },
	{ "dma_fence/dma_fence_wait_end", "driver == \"ttm_move\"" },
	{ "vmscan/mm_vmscan_direct_reclaim_begin", NULL },
	{ "vmscan/mm_vmscan_direct_reclaim_end", NULL },
};

#define NUM_EVENTS	(sizeof(events) / sizeof(*events))

/* Tasks that are looking for memory, or waiting while they do. */
struct task {
	pid_t pid;			/* 0: none */
	bool in_reclaim;
	uint64_t wait_since_ns;		/* or 0 */
};

#define MAX_TASKS	256

struct reader {
	struct stress_trace *trace;
	const pid_t *dropper;
	pid_t kswapd;
	struct task tasks[MAX_TASKS];
};

static pid_t reader_pid;

/* A line of the trace */

struct line {
	pid_t pid;
	uint64_t ns;
	const char *event;		/* up to a colon */
	const char *arguments;
};

/* "  <...>-123   [001] .....  12.345678: event: arguments" */
static bool line_parse(char *text, struct line *l)
{
	char *cpu = strstr(text, " ["), *pid, *colon, *time;

	if (!cpu)
		return false;
	*cpu = '\0';
	pid = strrchr(text, '-');
	colon = strstr(cpu + 1, ": ");
	if (!pid || !colon)
		return false;
	*colon = '\0';
	time = strrchr(cpu + 1, ' ');
	if (!time)
		return false;
	l->pid = atoi(pid + 1);
	l->ns = strtod(time, NULL) * 1e9;
	l->event = colon + 2;
	l->arguments = strchr(l->event, ':');
	return l->arguments;
}

static bool line_is(const struct line *l, const char *event)
{
	size_t length = l->arguments - l->event;

	return strlen(event) == length && !strncmp(l->event, event, length);
}

static uint64_t line_number(const struct line *l, const char *key)
{
	const char *found = strstr(l->arguments, key);

	return found ? strtoull(found + strlen(key), NULL, 10) : 0;
}

/* Tasks */

static struct task *task_find(struct reader *r, pid_t pid)
{
	struct task *free = NULL;

	for (int i = 0; i < MAX_TASKS; i++) {
		if (r->tasks[i].pid == pid)
			return &r->tasks[i];
		if (!r->tasks[i].pid && !free)
			free = &r->tasks[i];
	}
	/* Those that were killed never leave: somebody has to go. */
	if (!free)
		free = &r->tasks[pid % MAX_TASKS];
	*free = (struct task){ .pid = pid };
	return free;
}

static void task_forget(struct task *t)
{
	if (!t->in_reclaim && !t->wait_since_ns)
		t->pid = 0;
}

static int waiter_of(const struct reader *r, const struct task *t)
{
	if (t->pid == r->kswapd)
		return WAITER_KSWAPD;
	if (t->pid == __atomic_load_n(r->dropper, __ATOMIC_RELAXED))
		return WAITER_DROPPER;
	return t->in_reclaim ? WAITER_DIRECT : -1;
}

static void keep_most(uint64_t *most, uint64_t value)
{
	if (value > *most)
		*most = value;
}

static void wait_start(struct reader *r, struct task *t, uint64_t ns)
{
	if (waiter_of(r, t) >= 0)
		t->wait_since_ns = ns;
}

static void wait_end(struct reader *r, struct task *t, uint64_t ns)
{
	int waiter = waiter_of(r, t);

	if (waiter >= 0 && t->wait_since_ns) {
		r->trace->waits[waiter]++;
		keep_most(&r->trace->longest_wait_ns[waiter], ns - t->wait_since_ns);
	}
	t->wait_since_ns = 0;
}

/* Events */

static void retired(struct reader *r, const struct line *l)
{
	r->trace->jobs++;
	keep_most(&r->trace->longest_fence_ns, line_number(l, " ns="));
}

static void note(struct reader *r, const struct line *l)
{
	struct task *t;

	if (line_is(l, "ttm_move_retired")) {
		retired(r, l);
		return;
	}
	if (line_is(l, "dma_fence_signaled")) {
		r->trace->evictions++;
		return;
	}
	t = task_find(r, l->pid);
	if (line_is(l, "mm_vmscan_direct_reclaim_begin"))
		t->in_reclaim = true;
	else if (line_is(l, "mm_vmscan_direct_reclaim_end"))
		t->in_reclaim = false;
	else if (line_is(l, "dma_fence_wait_start"))
		wait_start(r, t, l->ns);
	else if (line_is(l, "dma_fence_wait_end"))
		wait_end(r, t, l->ns);
	task_forget(t);
}

/* "CPU:0 [LOST 12 EVENTS]" */
static void note_lost(struct reader *r, const char *text)
{
	const char *lost = strstr(text, "[LOST ");

	if (lost)
		r->trace->lost_events += strtoull(lost + strlen("[LOST "), NULL, 10);
}

static void read_on(struct reader *r, FILE *pipe)
{
	char text[512];
	struct line l;

	while (fgets(text, sizeof(text), pipe)) {
		note_lost(r, text);
		if (line_parse(text, &l))
			note(r, &l);
	}
}

static pid_t find_kswapd(void)
{
	struct dirent *entry;
	DIR *processes = opendir("/proc");
	pid_t pid = 0;

	while (processes && !pid && (entry = readdir(processes))) {
		char path[280], name[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file = fopen(path, "re");
		if (file && fgets(name, sizeof(name), file) && !strcmp(name, "kswapd0\n"))
			pid = atoi(entry->d_name);
		if (file)
			fclose(file);
	}
	if (processes)
		closedir(processes);
	return pid;
}

static bool told_to_end;

static void end_soon(int signal)
{
	(void)signal;
	__atomic_store_n(&told_to_end, true, __ATOMIC_RELAXED);
}

/* Until it is told to end, and has read what is left: then there is nothing to wait for. */
static void be_reader(void *argument)
{
	static struct reader r;
	struct stress_shared *shared = argument;
	int fd = open(INSTANCE "/trace_pipe", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	FILE *pipe = fd < 0 ? NULL : fdopen(fd, "r");

	check(pipe, "the trace cannot be read: %s", error_name(-errno));
	signal(SIGTERM, end_soon);
	r.trace = &shared->trace;
	r.dropper = &shared->dropper;
	r.kswapd = find_kswapd();
	for (bool last = false; !last;) {
		last = __atomic_load_n(&told_to_end, __ATOMIC_RELAXED);
		read_on(&r, pipe);
		clearerr(pipe);
		if (!last)
			sleep_ms(20);
	}
}

static void instance_write(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), INSTANCE "/%s", name);
	if (!stress_write(path, text))
		fail("%s does not take '%s'; this kernel does not trace what is to be reported",
		     path, text);
}

static void event_enable(const char *event, const char *filter)
{
	char name[128];

	if (filter) {
		snprintf(name, sizeof(name), "events/%s/filter", event);
		instance_write(name, filter);
	}
	snprintf(name, sizeof(name), "events/%s/enable", event);
	instance_write(name, "1");
}

void stress_trace_begin(struct stress_shared *shared)
{
	/* Names of tasks would patch the scheduler while it runs; new instances inherit. */
	stress_write(RECORD_NAMES, "0");
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		fail("%s cannot be made: %s; mount tracefs, and run as root", INSTANCE,
		     strerror(errno));
	instance_write("trace_clock", "mono");
	instance_write("buffer_size_kb", BUFFER_KIB);
	for (size_t i = 0; i < NUM_EVENTS; i++)
		event_enable(events[i].event, events[i].filter);
	reader_pid = spawn(be_reader, shared);
}

void stress_trace_end(void)
{
	int status;

	for (size_t i = 0; i < NUM_EVENTS; i++) {
		char name[128];

		snprintf(name, sizeof(name), "events/%s/enable", events[i].event);
		instance_write(name, "0");
	}
	kill(reader_pid, SIGTERM);
	waitpid(reader_pid, &status, 0);
	check(WIFEXITED(status) && !WEXITSTATUS(status),
	      "who reads the trace ended with status %#x", status);
	rmdir(INSTANCE);
}
