// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "igt_vttm.h"
#include "sw_sync.h"

#define POLL_MS		5
#define HELPERS		4	/* as many as IGT can have at once */
#define MESSAGE_BYTES	512
#define NO_TIMELINE	(-1)
#define FIRST_RENDER	128
#define RENDER_NODES	64

static const char *const fault_names[] = { "copy_delay_us", "fail_moves", "fail_allocs" };

bool quick;
static const char *node;
static int first_fd;

/* Ends of a subtest, for the vocabulary of vttm-test */

/* IGT would jump back to the subtest even in a helper, which must go no further. */
static bool in_helper;

__attribute__((format(printf, 1, 0)))
static void say(const char *format, va_list arguments, char message[MESSAGE_BYTES])
{
	vsnprintf(message, MESSAGE_BYTES, format, arguments);
	if (!in_helper)
		return;
	fprintf(stderr, "helper %d: %s\n", getpid(), message);
	_exit(IGT_EXIT_FAILURE);
}

void fail(const char *format, ...)
{
	char message[MESSAGE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments, message);
	va_end(arguments);
	igt_warn("%s\n", message);
	igt_fail(IGT_EXIT_FAILURE);
}

void check_failed(const char *file, int line, const char *format, ...)
{
	char message[MESSAGE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments, message);
	va_end(arguments);
	__igt_fail_assert(IGT_LOG_DOMAIN, file, line, "check", "condition", "%s\n", message);
}

void skip(const char *format, ...)
{
	char message[MESSAGE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	say(format, arguments, message);
	va_end(arguments);
	igt_skip("%s\n", message);
}

/* Processes, for the vocabulary of vttm-test: helpers, as they may be killed */

static struct igt_helper_process helpers[HELPERS];

static struct igt_helper_process *helper_find(pid_t pid)
{
	for (int i = 0; i < HELPERS; i++)
		if (pid ? helpers[i].running && helpers[i].pid == pid : !helpers[i].running)
			return &helpers[i];
	fail("more helpers than IGT can have, or an unknown one");
}

pid_t spawn(void (*body)(void *argument), void *argument)
{
	struct igt_helper_process *helper = helper_find(0);

	helper->use_SIGKILL = true;
	igt_fork_helper(helper) {
		in_helper = true;
		if (sigsetjmp(igt_subtest_jmpbuf, 1))
			_exit(IGT_EXIT_FAILURE);
		body(argument);
	}
	return helper->pid;
}

static void await_end(pid_t pid, const char *what)
{
	uint64_t deadline = now_ns() + PATIENCE;

	while (!has_ended(pid)) {
		check(now_ns() < deadline, "%s: did not end", what);
		sleep_ms(POLL_MS);
	}
}

void join(pid_t pid, const char *what)
{
	int status;

	await_end(pid, what);
	status = igt_wait_helper(helper_find(pid));
	check(WIFEXITED(status) && !WEXITSTATUS(status), "%s: ended with status %#x", what,
	      status);
}

void kill_and_reap(pid_t pid, const char *what)
{
	kill(pid, SIGKILL);
	await_end(pid, what);
	igt_wait_helper(helper_find(pid));
}

/* Some may have ended by themselves, which igt_stop_helper() takes for a mistake. */
static void helpers_stop(void)
{
	for (int i = 0; i < HELPERS; i++) {
		if (!helpers[i].running)
			continue;
		kill(helpers[i].pid, SIGKILL);
		igt_wait_helper(&helpers[i]);
	}
}

/* What a subtest leaves, were it only for having failed */

/* Mappings of the device and of its dma-bufs keep objects. */
static void unmap_all(void)
{
	char line[512];
	unsigned long start, end;
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "/dev/dri/") && !strstr(line, "/dmabuf"))
			continue;
		if (sscanf(line, "%lx-%lx", &start, &end) == 2)
			munmap((void *)start, end - start);
	}
	if (maps)
		fclose(maps);
}

/* Only what was opened after the program had begun. */
static void close_all(void)
{
	close_range(first_fd, ~0u, 0);
}

static void faults_end(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(fault_names); i++)
		fault_try_set(fault_names[i], 0);
}

static void clean_up(void)
{
	helpers_stop();
	unmap_all();
	close_all();
	faults_end();
}

static void check_for_leaks(void)
{
	int fd = client();

	check(vram_becomes(fd, 0), "%" PRIu64 " bytes of VRAM are still in use", vram_used(fd));
	close(fd);
}

/* Nothing that an earlier subtest left may be taken for this one's. */
static void run(void (*body)(void))
{
	clean_up();
	igt_set_timeout(SUBTEST_SECONDS, "the end of the subtest");
	body();
	clean_up();
	check_for_leaks();
	igt_reset_timeout();
}

static void subtest_run(const struct subtest *t)
{
	igt_describe(t->what);
	igt_subtest(t->name)
		run(t->run);
}

void subtests_run(const struct subtest *list)
{
	for (; list->name; list++)
		subtest_run(list);
}

static void test_run(const struct test *t)
{
	igt_describe_f("What vttm-test calls %s.", t->name);
	igt_subtest(t->name)
		run(t->run);
}

void tests_run(const struct test *list)
{
	for (; list->name; list++)
		test_run(list);
}

/* The program */

const struct option vttm_options[] = {
	{ "node", required_argument, NULL, 'n' },
	{ "seed", required_argument, NULL, 's' },
	{ "quick", no_argument, NULL, 'q' },
	{ }
};

const char vttm_help[] =
	"  --node PATH\tnode of the device (default: the first one of vttm)\n"
	"  --seed N\tstart of all random choices (default: 1)\n"
	"  --quick\tless of everything that can be less\n";

int vttm_option(int option, int index, void *data)
{
	(void)index;
	(void)data;
	switch (option) {
	case 'n':
		node = optarg;
		return IGT_OPT_HANDLER_SUCCESS;
	case 's':
		seed = strtoull(optarg, NULL, 0);
		return IGT_OPT_HANDLER_SUCCESS;
	case 'q':
		quick = true;
		return IGT_OPT_HANDLER_SUCCESS;
	default:
		return IGT_OPT_HANDLER_ERROR;
	}
}

static bool is_vttm(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool yes = version && !strcmp(version->name, "vttm");

	drmFreeVersion(version);
	return yes;
}

static bool there_is_a_device(void)
{
	bool found = node && !access(node, R_OK | W_OK);

	for (int i = FIRST_RENDER; !found && !node && i < FIRST_RENDER + RENDER_NODES; i++) {
		int fd = drmOpenRender(i);

		if (fd < 0)
			continue;
		found = is_vttm(fd);
		close(fd);
	}
	return found;
}

void vttm_init(void)
{
	igt_require_f(there_is_a_device(), "no render node belongs to vttm\n");
	choose_device(node);
	/* The lowest number that is free now; all that tests open comes behind it. */
	first_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	igt_assert(first_fd >= 0);
	close(first_fd);
}

void vttm_fini(void)
{
	clean_up();
}

/* Fences */

static bool there_is_sw_sync(void)
{
	return !access("/sys/kernel/debug/sync/sw_sync", W_OK) || !access("/dev/sw_sync", W_OK);
}

uint32_t hold_create(struct hold *hold, int fd)
{
	hold->timeline = NO_TIMELINE;
	if (!there_is_sw_sync())
		return gate_create(&hold->gate, fd);
	hold->timeline = sw_sync_timeline_create();
	return syncobj_take(fd, sw_sync_timeline_create_fence(hold->timeline, 1));
}

bool hold_is_for_ever(const struct hold *hold)
{
	return hold->timeline != NO_TIMELINE;
}

void hold_release(struct hold *hold)
{
	if (hold->timeline == NO_TIMELINE)
		gate_open(&hold->gate);
	else
		sw_sync_timeline_inc(hold->timeline, 1);
}

int syncobj_export(int fd, uint32_t syncobj)
{
	int sync_file;

	expect(drmSyncobjExportSyncFile(fd, syncobj, &sync_file) ? -errno : 0, 0,
	       "exporting a sync_file");
	return sync_file;
}

int syncobj_status(int fd, uint32_t syncobj)
{
	int sync_file = syncobj_export(fd, syncobj);
	int status = sync_fence_status(sync_file);

	close(sync_file);
	return status;
}

int syncobj_await_status(int fd, uint32_t syncobj)
{
	syncobj_await(fd, syncobj, 0, "the fence of a move");
	return syncobj_status(fd, syncobj);
}

/* Faults */

static int debugfs_open(const char *name, int mode)
{
	int fd = client();
	int file = igt_debugfs_open(fd, name, mode | O_CLOEXEC);

	close(fd);
	return file;
}

int fault_try_set(const char *name, unsigned int value)
{
	int file = debugfs_open(name, O_WRONLY), error;

	if (file < 0)
		return -ENOENT;
	error = dprintf(file, "%u\n", value) < 0 ? -errno : 0;
	close(file);
	return error;
}

void fault_set(const char *name, unsigned int value)
{
	int error = fault_try_set(name, value);

	if (error == -ENOENT)
		skip("debugfs has no %s of vttm: mount it, and be root", name);
	expect(error, 0, name);
}

/* The number behind @key in a file; the file's first number where @key is "". */
static uint64_t debugfs_read(const char *name, const char *key)
{
	char text[4096];
	int file = debugfs_open(name, O_RDONLY);
	ssize_t bytes;
	char *found;

	if (file < 0)
		skip("debugfs has no %s of vttm: mount it, and be root", name);
	bytes = read(file, text, sizeof(text) - 1);
	close(file);
	text[bytes > 0 ? bytes : 0] = '\0';
	found = strstr(text, key);
	check(found, "%s does not tell %s", name, key);
	return strtoull(found + strlen(key), NULL, 10);
}

unsigned int fault_get(const char *name)
{
	return debugfs_read(name, "");
}

uint64_t worker_total(const char *name)
{
	char key[64];

	snprintf(key, sizeof(key), "\n%s: ", name);
	return debugfs_read("ttm_move", key);
}

/* Buffers */

uint32_t buffer_move_out(const struct buffer *b, uint32_t placement, uint32_t flags)
{
	uint32_t out = syncobj_new(b->fd);

	buffer_move_as(b, (struct drm_vttm_move){
		.placement = placement, .flags = flags, .out_syncobj = out,
	});
	return out;
}

uint64_t buffer_count_nonzero(const struct buffer *b)
{
	uint64_t count = 0;

	for (size_t i = 0; i < b->bytes / sizeof(*b->words); i++)
		count += b->words[i] != 0;
	return count;
}

bool buffer_is_whole(const struct buffer *b)
{
	size_t first_bad;

	return !pattern_mismatches(b->words, b->bytes, b->base, &first_bad);
}

uint64_t memory_available(void)
{
	char line[128];
	uint64_t kib = 0;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib / 1024;
}
