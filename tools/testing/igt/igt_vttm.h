/* SPDX-License-Identifier: MIT */
/*
 * What the IGT tests of vttm share. The vocabulary of vttm-test (test.h) ends a subtest
 * here, as IGT does it; what it starts, opens and maps is given back after each subtest.
 */
#ifndef IGT_VTTM_H
#define IGT_VTTM_H

#include <getopt.h>

#include "igt.h"
#include "pattern.h"
#include "test.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof(*(array)))
#endif

/* How long something must go on not happening to be believed. */
#define A_WHILE_MS	60

/* A subtest that runs for so many seconds hangs. */
#define SUBTEST_SECONDS	300

struct subtest {
	const char *name;
	const char *what;
	void (*run)(void);
};

/* Run the subtests of a list that ends with one without a name. */
void subtests_run(const struct subtest *list);
/* The same for tests of vttm-test, whose names say what they are about. */
void tests_run(const struct test *list);

/* A program with these blocks, and the options --node, --seed and --quick. */
#define vttm_main	int igt_main_args("", vttm_options, vttm_help, vttm_option, NULL)

extern const struct option vttm_options[];
extern const char vttm_help[];
extern bool quick;
int vttm_option(int option, int index, void *data);
/* To be called in a fixture: find the device, and see whether it can be used. */
void vttm_init(void);
/* To be called in the last fixture, as a subtest that failed leaves what it had. */
void vttm_fini(void);

/* Fences that signal when the test says so: of sw_sync, otherwise of vgem. */
struct hold {
	int timeline;
	struct gate gate;
};

/* Returns a syncobj of @fd with the fence; skips where no such fence can be had. */
uint32_t hold_create(struct hold *hold, int fd);
/* Whether nobody else ever signals it: vgem does so after some seconds. */
bool hold_is_for_ever(const struct hold *hold);
void hold_release(struct hold *hold);

/* Sync files: 0 while the syncobj's fence is active, 1 once signalled, or an errno. */
int syncobj_export(int fd, uint32_t syncobj);
int syncobj_status(int fd, uint32_t syncobj);
/* The status once it is no longer 0. */
int syncobj_await_status(int fd, uint32_t syncobj);

/*
 * Faults on purpose, in debugfs: "copy_delay_us", "fail_moves" and "fail_allocs". Skips
 * where the driver offers none.
 */
void fault_set(const char *name, unsigned int value);
unsigned int fault_get(const char *name);
/* 0 or a negative errno. */
int fault_try_set(const char *name, unsigned int value);
/* The worker's total of that name. */
uint64_t worker_total(const char *name);

/* A move with an out-syncobj, as @flags say; returns the syncobj. */
uint32_t buffer_move_out(const struct buffer *b, uint32_t placement, uint32_t flags);
/* How many of its words are not zero. */
uint64_t buffer_count_nonzero(const struct buffer *b);
bool buffer_is_whole(const struct buffer *b);

/* MiB that the kernel could give out. */
uint64_t memory_available(void);

#endif
