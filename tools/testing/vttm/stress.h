/* SPDX-License-Identifier: MIT */
/*
 * The parts of vttm-stress: workers, which may die at any moment, what makes their lives
 * hard, and what is told of it.
 */
#ifndef VTTM_STRESS_H
#define VTTM_STRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "test.h"

#define STRESS_MAX_WORKERS	64
#define STRESS_MAX_ROUNDS	256

/* Of vttm: the one under test, and the one that objects are lent to. */
#define STRESS_DEVICES		2

/* What a worker does, a step at a time. */
enum stress_op {
	STRESS_CREATE, STRESS_MOVE, STRESS_HOLD, STRESS_VERIFY, STRESS_WRITE, STRESS_TOUCH,
	STRESS_PEEK, STRESS_REMAP, STRESS_POLL, STRESS_GIVE, STRESS_TAKE, STRESS_LEND,
	STRESS_CLOSE, STRESS_END,
	STRESS_NUM_OPS
};

/* What a worker counts. */
enum stress_count {
	COUNT_CREATED,			/* objects */
	COUNT_MOVES,			/* calls that moved an object, or said they will */
	COUNT_REFUSED,			/* calls for which there was no room or no memory */
	COUNT_FAILED_FENCES,		/* of moves: those with an error */
	COUNT_LOST,			/* objects found to be zeroes after a fault on purpose */
	COUNT_VERIFIED,			/* bytes */
	COUNT_HELD,			/* moves behind a fence of somebody else */
	COUNT_POLLED,			/* dma-bufs and sync files */
	COUNT_GIVEN,			/* objects, to another process */
	COUNT_TAKEN,			/* objects, from another process */
	COUNT_LENT,			/* objects, to another device */
	STRESS_NUM_COUNTS
};

/*
 * One worker after the other has the slot. Only the one that has it writes, and the
 * parent reads: nothing is lost when a worker is killed.
 */
struct stress_slot {
	uint32_t op;			/* what it does now, plus one; or 0 */
	uint64_t since_ns;		/* when it began to */
	uint64_t longest_ns[STRESS_NUM_OPS];
	uint64_t counts[STRESS_NUM_COUNTS];
};

/* A reclaim that waits for one of the worker's fences, by who makes it. */
enum stress_waiter {
	WAITER_DIRECT,			/* a task that wants memory */
	WAITER_KSWAPD,
	WAITER_DROPPER,			/* who writes to drop_caches */
	STRESS_NUM_WAITERS
};

/* What the tracer says; written by its reader alone. */
struct stress_trace {
	uint64_t jobs;
	uint64_t evictions;
	uint64_t longest_fence_ns;	/* from arming to the signal */
	uint64_t waits[STRESS_NUM_WAITERS];
	uint64_t longest_wait_ns[STRESS_NUM_WAITERS];
	uint64_t lost_events;
};

/* What all processes of the program see. */
struct stress_shared {
	bool stop;			/* workers are to verify what they have, and end */
	/*
	 * Odd while copies may fail on purpose, and counted up at both ends of that time:
	 * only an object that lived through some of it may have turned into zeroes.
	 */
	uint32_t fault_epoch;
	pid_t dropper;			/* who calls shrinkers by hand, or 0 */
	uint64_t pressed_pages;		/* touched by who takes the memory */
	struct stress_trace trace;
	struct stress_slot slots[STRESS_MAX_WORKERS];
};

struct stress_options {
	uint64_t seconds;
	uint64_t workers;
	uint64_t patience;		/* seconds that a step may take */
	const char *device;
	const char *report;
};

/* What is the same for all workers. */
struct stress {
	struct stress_options opt;
	struct stress_shared *shared;
	uint64_t vram_bytes;
	/* One end of each is a worker's mailbox, the other for those who write to it. */
	int mailboxes[STRESS_MAX_WORKERS][2];
};

/* stress_worker.c */
extern const char *const stress_op_names[STRESS_NUM_OPS];
/* The life of a worker, until it is killed or told to stop; @life counts those of a slot. */
void stress_work(const struct stress *s, unsigned int slot, unsigned int life);

/* stress_weather.c: what makes the workers' lives hard */

struct stress_faults {
	uint64_t moves;			/* copies made to fail */
	uint64_t allocs;		/* jobs refused */
	bool exact;			/* whether @moves is known for sure */
};

enum {
	WEATHER_CALM, WEATHER_SLOW, WEATHER_FAILING, WEATHER_LIMITED, WEATHER_ALL,
	STRESS_WEATHERS
};

struct stress_weather {
	unsigned int delay_us;		/* before each copy */
	unsigned int fail_moves;	/* copies that fail, again and again */
	unsigned int fail_allocs;	/* the same of moves that find no job */
	bool ttm_limit;			/* TTM swaps objects out, to keep to its limit */
};

extern const struct stress_weather stress_weathers[STRESS_WEATHERS];

/* All that there are, in an order that depends on @random. */
void stress_weather_shuffle(const struct stress_weather *order[STRESS_WEATHERS],
			    uint64_t *random);
void stress_weather_init(struct stress *s, int fd);
void stress_weather_begin(struct stress *s, const struct stress_weather *w);
/* To be called now and then. */
void stress_weather_go_on(const struct stress_weather *w);
void stress_weather_end(struct stress *s, const struct stress_weather *w);
const struct stress_faults *stress_weather_faults(void);

/*
 * Take more memory than is left, so that everybody looks for some; without swap space,
 * call the kernel's shrinkers by hand instead.
 */
void stress_pressure_begin(struct stress *s);
void stress_pressure_end(struct stress *s);
bool stress_has_swap(void);

/* stress_trace.c */
void stress_trace_begin(struct stress_shared *shared);
void stress_trace_end(void);

/* stress_sample.c: what the kernel has in use */

struct stress_sample {
	uint64_t available_kib;
	uint64_t unreclaimable_kib;	/* slabs */
	uint64_t shmem_kib;
	uint64_t objects;		/* of all TTM devices */
	uint64_t jobs_in_flight;
	uint64_t vram_used;
	uint64_t references;		/* to ttm_move.ko: each job has one */
};

/* What the worker's totals say, and what reclaim has done since the start. */
struct stress_totals {
	uint64_t jobs;
	uint64_t copied_bytes;
	uint64_t cleared_bytes;
	uint64_t errors;
	uint64_t sync_moves;
	uint64_t allocstalls;
	uint64_t reclaimed_direct;	/* pages */
	uint64_t reclaimed_kswapd;
	uint64_t swapped_out;
	uint64_t swapped_in;
};

void stress_sample_init(int fd);
void stress_sample_take(struct stress_sample *sample, int fd);
uint64_t stress_shmem_kib(void);
uint64_t stress_available_kib(void);
void stress_totals_read(struct stress_totals *totals);

/* Files: the number behind @key, or the first one where @key is ""; 0 without it. */
uint64_t stress_read_number(const char *path, const char *key);
bool stress_write(const char *path, const char *text);
/* The device's folder in debugfs. */
const char *stress_debugfs(void);

#endif
