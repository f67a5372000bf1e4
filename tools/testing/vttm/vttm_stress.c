// SPDX-License-Identifier: MIT
/*
 * vttm-stress: many processes move, evict, touch, lend, give away and poll objects, and are
 * killed, over a small video memory, while copies are slow, or fail, and memory is short.
 * Every byte is checked, nobody may hang, and nothing may be left.
 *
 * A run has rounds, every other one with memory pressure. After each round all is given
 * back, and what the kernel still has in use then must not grow.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "pattern.h"
#include "stress.h"

#define ROUND_SECONDS	15
#define TICK_MS		20

/* However slow the machine is, there are so many moves in each weather, and per killing. */
#define WEATHER_MOVES	100
#define KILL_EVERY_MS	500
#define KILL_MOVES	15

/*
 * How much more the kernel may have in use after the last round than after the first:
 * pages of slabs are not given back one object at a time.
 */
#define SLAB_SLACK_KIB	3072
#define MEMORY_SLACK_KIB	12288

/* References to ttm_move.ko: the driver's, and what managers keep of past evictions. */
#define MOST_REFERENCES	(1 + STRESS_DEVICES)

struct supervisor {
	struct stress s;
	int fd;
	uint64_t random;
	pid_t pids[STRESS_MAX_WORKERS];
	unsigned int lives[STRESS_MAX_WORKERS];
	uint64_t killed;
	uint64_t rounds;
	uint64_t next_kill_ns;
	uint64_t next_kill_moves;
	uint64_t shmem_before_kib;
	uint64_t shmem_most_kib;
	uint64_t available_least_kib;
	struct stress_totals before;
	struct stress_totals after;
	struct stress_sample samples[STRESS_MAX_ROUNDS];
	unsigned int problems;
	char problem[256];		/* the first one */
};

static void problem(struct supervisor *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void problem(struct supervisor *v, const char *format, ...)
{
	char text[sizeof(v->problem)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(stderr, "vttm-stress: %s\n", text);
	if (!v->problems++)
		memcpy(v->problem, text, sizeof(text));
}

/* Workers */

struct birth {
	const struct stress *s;
	unsigned int slot;
	unsigned int life;
};

static void be_worker(void *argument)
{
	const struct birth *b = argument;

	stress_work(b->s, b->slot, b->life);
}

static void worker_start(struct supervisor *v, unsigned int slot)
{
	struct birth b = { .s = &v->s, .slot = slot, .life = v->lives[slot]++ };

	v->s.shared->slots[slot].op = 0;
	v->pids[slot] = spawn(be_worker, &b);
}

/* The step that a slot's worker is in. */
static const char *step_name(const struct stress_slot *slot)
{
	uint32_t op = __atomic_load_n(&slot->op, __ATOMIC_ACQUIRE);

	return op ? stress_op_names[op - 1] : "no step";
}

/* How long it has been in it; 0 where it is between two. */
static uint64_t step_age_ns(const struct stress_slot *slot)
{
	uint32_t op = __atomic_load_n(&slot->op, __ATOMIC_ACQUIRE);
	uint64_t since = __atomic_load_n(&slot->since_ns, __ATOMIC_RELAXED);
	uint64_t now = now_ns();

	return op && now > since ? now - since : 0;
}

/* The kernel is asked where everybody is who waits. */
static void tell_hang(struct supervisor *v, unsigned int slot, const char *what)
{
	problem(v, "worker %u has been in '%s' for more than %" PRIu64 " s", slot, what,
		v->s.opt.patience);
	stress_write("/proc/sysrq-trigger", "w");
}

static void tell_end(struct supervisor *v, unsigned int slot, int status)
{
	if (WIFSIGNALED(status))
		problem(v, "worker %u died of signal %d in '%s'", slot, WTERMSIG(status),
			step_name(&v->s.shared->slots[slot]));
	else if (WEXITSTATUS(status))
		problem(v, "worker %u found something wrong, as said above", slot);
	else if (!v->s.shared->stop)
		problem(v, "worker %u ended by itself", slot);
}

/* Notice those that have ended, and those that do not get on. */
static void worker_look(struct supervisor *v, unsigned int slot)
{
	const struct stress_slot *stats = &v->s.shared->slots[slot];
	int status;

	if (!v->pids[slot])
		return;
	if (waitpid(v->pids[slot], &status, WNOHANG) == v->pids[slot]) {
		v->pids[slot] = 0;
		tell_end(v, slot, status);
	} else if (step_age_ns(stats) > v->s.opt.patience * SECOND) {
		tell_hang(v, slot, step_name(stats));
	}
}

static bool is_dead_in_time(struct supervisor *v, pid_t pid)
{
	uint64_t deadline = now_ns() + v->s.opt.patience * SECOND;

	while (!has_ended(pid) && now_ns() < deadline)
		sleep_ms(2);
	return has_ended(pid);
}

/* At whatever it is doing; the next one takes over its slot. */
static void worker_kill(struct supervisor *v, unsigned int slot)
{
	int status;

	kill(v->pids[slot], SIGKILL);
	if (!is_dead_in_time(v, v->pids[slot])) {
		tell_hang(v, slot, "being killed");
		return;
	}
	waitpid(v->pids[slot], &status, 0);
	/* It may have found something wrong a moment before. */
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		tell_end(v, slot, status);
	else
		v->killed++;
	worker_start(v, slot);
}

/* Rounds */

/* What is in a mailbox at the end of a round is lost, and with it the object. */
static void mailboxes_open(struct supervisor *v)
{
	for (unsigned int i = 0; i < v->s.opt.workers; i++)
		check(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, v->s.mailboxes[i]),
		      "a mailbox cannot be made: %s", error_name(-errno));
}

static void mailboxes_close(struct supervisor *v)
{
	for (unsigned int i = 0; i < v->s.opt.workers; i++) {
		close(v->s.mailboxes[i][0]);
		close(v->s.mailboxes[i][1]);
	}
}

static void watch_memory(struct supervisor *v)
{
	uint64_t shmem = stress_shmem_kib(), available = stress_available_kib();

	if (shmem > v->shmem_most_kib)
		v->shmem_most_kib = shmem;
	if (available < v->available_least_kib)
		v->available_least_kib = available;
}

static void look_at_all(struct supervisor *v)
{
	for (unsigned int i = 0; i < v->s.opt.workers; i++)
		worker_look(v, i);
	watch_memory(v);
}

static uint64_t total(const struct supervisor *v, enum stress_count what)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < v->s.opt.workers; i++)
		sum += v->s.shared->slots[i].counts[what];
	return sum;
}

static bool is_time_to_kill(const struct supervisor *v)
{
	return now_ns() >= v->next_kill_ns && total(v, COUNT_MOVES) >= v->next_kill_moves;
}

static void tick(struct supervisor *v, const struct stress_weather *w)
{
	sleep_ms(TICK_MS);
	look_at_all(v);
	stress_weather_go_on(w);
	if (v->problems || !is_time_to_kill(v))
		return;
	v->next_kill_ns = now_ns() + random_next(&v->random) % (2 * KILL_EVERY_MS * MS);
	v->next_kill_moves = total(v, COUNT_MOVES) + KILL_MOVES;
	worker_kill(v, random_next(&v->random) % v->s.opt.workers);
}

static void weather(struct supervisor *v, const struct stress_weather *w, uint64_t duration_ns)
{
	uint64_t deadline = now_ns() + duration_ns, moves = total(v, COUNT_MOVES);

	stress_weather_begin(&v->s, w);
	while (!v->problems && (now_ns() < deadline ||
				total(v, COUNT_MOVES) < moves + WEATHER_MOVES))
		tick(v, w);
	stress_weather_end(&v->s, w);
}

/* A slow machine may need longer until somebody wants memory at the right moment. */
static void await_reclaim(struct supervisor *v)
{
	const struct stress_weather *slow = &stress_weathers[WEATHER_SLOW];
	const struct stress_trace *trace = &v->s.shared->trace;
	uint64_t deadline = now_ns() + v->s.opt.patience * SECOND;

	stress_weather_begin(&v->s, slow);
	while (!v->problems && now_ns() < deadline && !trace->waits[WAITER_DIRECT] &&
	       !trace->waits[WAITER_KSWAPD] && !trace->waits[WAITER_DROPPER])
		tick(v, slow);
	stress_weather_end(&v->s, slow);
}

static bool somebody_works(const struct supervisor *v)
{
	for (unsigned int i = 0; i < v->s.opt.workers; i++)
		if (v->pids[i])
			return true;
	return false;
}

static void workers_end(struct supervisor *v)
{
	__atomic_store_n(&v->s.shared->stop, true, __ATOMIC_RELEASE);
	while (somebody_works(v) && !v->problems) {
		sleep_ms(TICK_MS);
		look_at_all(v);
	}
}

static void expect_none(struct supervisor *v, const char *what, uint64_t number)
{
	if (number)
		problem(v, "%" PRIu64 " %s are left when all is over", number, what);
}

static bool is_settled(const struct stress_sample *sample)
{
	return !sample->objects && !sample->jobs_in_flight && !sample->vram_used &&
	       sample->references <= MOST_REFERENCES;
}

/* What was given back last may take a moment to go. */
static void round_settle(struct supervisor *v, struct stress_sample *sample)
{
	uint64_t deadline = now_ns() + v->s.opt.patience * SECOND;

	stress_write("/proc/sys/vm/drop_caches", "7");
	do {
		sleep_ms(TICK_MS);
		stress_sample_take(sample, v->fd);
	} while (!is_settled(sample) && now_ns() < deadline);
	expect_none(v, "objects", sample->objects);
	expect_none(v, "jobs", sample->jobs_in_flight);
	expect_none(v, "bytes of video memory", sample->vram_used);
	if (sample->references > MOST_REFERENCES)
		expect_none(v, "fences", sample->references - 1);
}

static void round_run(struct supervisor *v, uint64_t duration_ns)
{
	const struct stress_weather *order[STRESS_WEATHERS];
	bool tight = v->rounds % 2;

	v->s.shared->stop = false;
	mailboxes_open(v);
	if (tight)
		stress_pressure_begin(&v->s);
	for (unsigned int i = 0; i < v->s.opt.workers; i++)
		worker_start(v, i);
	stress_weather_shuffle(order, &v->random);
	for (int i = 0; i < STRESS_WEATHERS && !v->problems; i++)
		weather(v, order[i], duration_ns / STRESS_WEATHERS);
	if (tight)
		await_reclaim(v);
	workers_end(v);
	if (v->problems)
		return;
	if (tight)
		stress_pressure_end(&v->s);
	mailboxes_close(v);
	round_settle(v, &v->samples[v->rounds++]);
}

static void say_round(const struct supervisor *v, uint64_t of)
{
	printf("round %" PRIu64 " of %" PRIu64 ": %" PRIu64 " moves, %" PRIu64
	       " MiB verified, %" PRIu64 " killed, %" PRIu64 " faults\n", v->rounds, of,
	       total(v, COUNT_MOVES), total(v, COUNT_VERIFIED) / MIB, v->killed,
	       stress_weather_faults()->moves + stress_weather_faults()->allocs);
}

static uint64_t choose_rounds(uint64_t seconds)
{
	uint64_t rounds = seconds / ROUND_SECONDS;

	if (rounds > STRESS_MAX_ROUNDS)
		return STRESS_MAX_ROUNDS;
	/* With pressure, and without. */
	return rounds < 2 ? 2 : rounds;
}

/* Judgement */

static void judge_faults(struct supervisor *v)
{
	const struct stress_faults *faults = stress_weather_faults();
	uint64_t errors = v->after.errors - v->before.errors;

	if (faults->exact && errors != faults->moves)
		problem(v, "%" PRIu64 " copies failed, and %" PRIu64 " were made to", errors,
			faults->moves);
	if (total(v, COUNT_LOST) > errors)
		problem(v, "%" PRIu64 " objects were lost by %" PRIu64 " copies that failed",
			total(v, COUNT_LOST), errors);
}

/* The first round warms up. */
static void judge_memory(struct supervisor *v)
{
	const struct stress_sample *first = &v->samples[0], *last = &v->samples[v->rounds - 1];

	if (last->unreclaimable_kib > first->unreclaimable_kib + SLAB_SLACK_KIB)
		problem(v, "slabs grew from %" PRIu64 " to %" PRIu64 " KiB",
			first->unreclaimable_kib, last->unreclaimable_kib);
	if (last->available_kib + MEMORY_SLACK_KIB < first->available_kib)
		problem(v, "available memory shrank from %" PRIu64 " to %" PRIu64 " KiB",
			first->available_kib, last->available_kib);
}

/* The report: one JSON object */

static void put(FILE *out, const char *name, uint64_t number)
{
	fprintf(out, " \"%s\": %" PRIu64 ",\n", name, number);
}

static void put_counts(FILE *out, const struct supervisor *v)
{
	static const char *const names[STRESS_NUM_COUNTS] = {
		[COUNT_CREATED] = "created", [COUNT_MOVES] = "moves",
		[COUNT_REFUSED] = "refused", [COUNT_FAILED_FENCES] = "failed_fences",
		[COUNT_LOST] = "lost", [COUNT_VERIFIED] = "verified_bytes",
		[COUNT_HELD] = "held", [COUNT_POLLED] = "polled", [COUNT_GIVEN] = "given",
		[COUNT_TAKEN] = "taken", [COUNT_LENT] = "lent",
	};

	for (int i = 0; i < STRESS_NUM_COUNTS; i++)
		put(out, names[i], total(v, i));
	put(out, "killed", v->killed);
}

static void put_longest(FILE *out, const struct supervisor *v)
{
	fputs(" \"longest_step_ns\": {", out);
	for (int op = 0; op < STRESS_NUM_OPS; op++) {
		uint64_t longest = 0;

		for (unsigned int i = 0; i < v->s.opt.workers; i++)
			if (v->s.shared->slots[i].longest_ns[op] > longest)
				longest = v->s.shared->slots[i].longest_ns[op];
		fprintf(out, "%s\"%s\": %" PRIu64, op ? ", " : "", stress_op_names[op], longest);
	}
	fputs("},\n", out);
}

static void put_faults(FILE *out, const struct supervisor *v)
{
	const struct stress_faults *faults = stress_weather_faults();

	put(out, "failed_copies_asked", faults->moves);
	put(out, "refused_jobs_asked", faults->allocs);
	put(out, "failed_copies", v->after.errors - v->before.errors);
	put(out, "moves_without_job", v->after.sync_moves - v->before.sync_moves);
}

static void put_worker(FILE *out, const struct supervisor *v)
{
	put(out, "jobs", v->after.jobs - v->before.jobs);
	put(out, "copied_bytes", v->after.copied_bytes - v->before.copied_bytes);
	put(out, "cleared_bytes", v->after.cleared_bytes - v->before.cleared_bytes);
	put(out, "traced_jobs", v->s.shared->trace.jobs);
	put(out, "lost_events", v->s.shared->trace.lost_events);
	put(out, "evictions", v->s.shared->trace.evictions);
	put(out, "longest_fence_ns", v->s.shared->trace.longest_fence_ns);
}

static void put_reclaim(FILE *out, const struct supervisor *v)
{
	static const char *const names[STRESS_NUM_WAITERS] = { "direct", "kswapd", "dropper" };
	const struct stress_trace *trace = &v->s.shared->trace;

	put(out, "swap", stress_has_swap());
	for (int i = 0; i < STRESS_NUM_WAITERS; i++)
		fprintf(out, " \"reclaim_waits_%s\": %" PRIu64 ",\n"
			" \"longest_reclaim_wait_%s_ns\": %" PRIu64 ",\n", names[i],
			trace->waits[i], names[i], trace->longest_wait_ns[i]);
	put(out, "allocstalls", v->after.allocstalls - v->before.allocstalls);
	put(out, "reclaimed_direct_pages",
	    v->after.reclaimed_direct - v->before.reclaimed_direct);
	put(out, "reclaimed_kswapd_pages",
	    v->after.reclaimed_kswapd - v->before.reclaimed_kswapd);
	put(out, "swapped_out_pages", v->after.swapped_out - v->before.swapped_out);
	put(out, "swapped_in_pages", v->after.swapped_in - v->before.swapped_in);
	put(out, "ttm_swapped_most_kib", v->shmem_most_kib - v->shmem_before_kib);
	put(out, "available_least_kib", v->available_least_kib);
}

static void put_samples(FILE *out, const struct supervisor *v)
{
	fputs(" \"rounds\": [", out);
	for (uint64_t i = 0; i < v->rounds; i++)
		fprintf(out, "%s\n  {\"available_kib\": %" PRIu64 ", \"slab_kib\": %" PRIu64 "}",
			i ? "," : "", v->samples[i].available_kib,
			v->samples[i].unreclaimable_kib);
	fputs("\n ],\n", out);
}

/* What a problem says has neither quotes nor control characters. */
static void report(const struct supervisor *v)
{
	FILE *out = fopen(v->s.opt.report, "we");

	if (!out)
		fail("%s: %s", v->s.opt.report, strerror(errno));
	fputs("{\n", out);
	put(out, "seed", seed);
	put(out, "seconds", v->s.opt.seconds);
	put(out, "workers", v->s.opt.workers);
	put(out, "vram_bytes", v->s.vram_bytes);
	put_counts(out, v);
	put_longest(out, v);
	put_faults(out, v);
	put_worker(out, v);
	put_reclaim(out, v);
	put_samples(out, v);
	fprintf(out, " \"problem\": \"%s\"\n}\n", v->problem);
	if (fclose(out))
		fail("%s: %s", v->s.opt.report, strerror(errno));
}

/* The command line */

static const struct option long_options[] = {
	{ "seconds", required_argument, NULL, 't' },
	{ "workers", required_argument, NULL, 'w' },
	{ "patience", required_argument, NULL, 'p' },
	{ "seed", required_argument, NULL, 's' },
	{ "device", required_argument, NULL, 'd' },
	{ "report", required_argument, NULL, 'o' },
	{ "help", no_argument, NULL, 'h' },
	{ }
};

static const char usage_text[] =
	"usage: vttm-stress [OPTION]...\n"
	"\n"
	"Needs root, debugfs, tracefs, vgem, a second device of vttm, and the devices for\n"
	"itself. With swap space, memory is made short; otherwise the kernel's shrinkers are\n"
	"called by hand. Status 1 if anything is wrong.\n"
	"\n"
	"  --seconds N     how long, 2 to 86400 (default 300)\n"
	"  --workers N     processes that use the device, 2 to 64 (default 8)\n"
	"  --patience N    seconds after which a step is taken to hang (default 60)\n"
	"  --seed N        start of all random choices and patterns (default 1)\n"
	"  --device PATH   node of the device (default: the first one of vttm)\n"
	"  --report FILE   where the figures go, as JSON (default stress.json)\n";

static void parse_one(struct stress_options *opt, int option)
{
	switch (option) {
	case 't':
		opt->seconds = parse_number("seconds", optarg, 2, 86400);
		break;
	case 'w':
		opt->workers = parse_number("workers", optarg, 2, STRESS_MAX_WORKERS);
		break;
	case 'p':
		opt->patience = parse_number("patience", optarg, 1, 3600);
		break;
	case 's':
		seed = parse_number("seed", optarg, 0, UINT64_MAX);
		break;
	case 'd':
		opt->device = optarg;
		break;
	case 'o':
		opt->report = optarg;
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(0);
	default:
		misuse();
	}
}

static void parse(struct stress_options *opt, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		parse_one(opt, option);
	refuse_arguments(argc, argv);
}

static void prepare(struct supervisor *v)
{
	choose_device(v->s.opt.device);
	v->fd = client();
	v->s.shared = mmap(NULL, sizeof(*v->s.shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check(v->s.shared != MAP_FAILED, "no memory for what the processes share");
	stress_sample_init(v->fd);
	stress_weather_init(&v->s, v->fd);
	v->random = seed;
	v->shmem_before_kib = stress_shmem_kib();
	v->shmem_most_kib = v->shmem_before_kib;
	v->available_least_kib = stress_available_kib();
	stress_totals_read(&v->before);
}

static void run(struct supervisor *v)
{
	uint64_t rounds = choose_rounds(v->s.opt.seconds);

	stress_trace_begin(v->s.shared);
	while (v->rounds < rounds && !v->problems) {
		round_run(v, v->s.opt.seconds * SECOND / rounds);
		say_round(v, rounds);
	}
	stress_trace_end();
	stress_totals_read(&v->after);
	if (v->problems)
		return;
	judge_faults(v);
	judge_memory(v);
}

int main(int argc, char **argv)
{
	static struct supervisor v = {
		.s.opt = {
			.seconds = 300, .workers = 8, .patience = 60, .report = "stress.json",
		},
	};

	parse(&v.s.opt, argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	prepare(&v);
	run(&v);
	report(&v);
	/* Those that hang are left to the kernel. */
	return v.problems ? 1 : 0;
}
