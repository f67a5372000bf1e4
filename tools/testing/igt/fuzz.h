/* SPDX-License-Identifier: MIT */
/*
 * The parts of vttm_fuzz: calls that can be written down, and made again.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define FUZZ_SLOTS	12	/* objects, and syncobjs, of an open file */
#define FUZZ_FILES	2
#define FUZZ_THREADS	4	/* so that two share each file */
#define FUZZ_ARGUMENTS	8
#define FUZZ_BATCH	64	/* calls that are written down at once */
#define FUZZ_ERRNOS	134

enum fuzz_op {
	OP_INFO, OP_CREATE, OP_MMAP_OFFSET, OP_MOVE, OP_WAIT, OP_OBJECT_INFO, OP_CLOSE,
	OP_SYNC_CREATE, OP_SYNC_DESTROY, OP_SYNC_RESET, OP_SYNC_SIGNAL, OP_IMPORT, OP_TOUCH,
	OP_UNKNOWN, OP_POINTER, OP_REOPEN,
	NUM_OPS
};

/* Slots below FUZZ_SLOTS stand for what is in them, others for themselves. */
struct fuzz_call {
	uint32_t thread;
	uint32_t op;
	uint64_t a[FUZZ_ARGUMENTS];
};

/* An open file. Threads race for the slots: that is what they are shared for. */
struct fuzz_file {
	int fd;
	uint32_t objects[FUZZ_SLOTS];
	uint32_t syncobjs[FUZZ_SLOTS];
};

/* fuzz_call.c */
const char *fuzz_op_name(uint32_t op);
void fuzz_file_open(struct fuzz_file *f);
void fuzz_file_close(struct fuzz_file *f);
/* Make the call; 0 or a negative errno. */
int fuzz_execute(struct fuzz_file *f, const struct fuzz_call *call);

/* fuzz_figures.c */
struct fuzz_figures {
	uint64_t calls;
	uint64_t results[NUM_OPS][FUZZ_ERRNOS];	/* how often each */
};

/* From any thread: count a result; returns how often it was there before. */
uint64_t fuzz_figures_count(struct fuzz_figures *f, uint32_t op, int error);
/* In a line for people, and in FOLDER/figures.json. */
void fuzz_figures_tell(const struct fuzz_figures *f, unsigned int seconds);
void fuzz_figures_write(const struct fuzz_figures *f, unsigned int seconds, const char *folder);

/* fuzz_random.c */
struct fuzz_call fuzz_invent(uint64_t *random);
void fuzz_mutate(struct fuzz_call *call, uint64_t *random);

/* fuzz_file.c: a call is a line */
void fuzz_write(int log, const struct fuzz_call *calls, int count);
/* False at the end of the file; lines that are no calls are passed over. */
bool fuzz_read(FILE *log, struct fuzz_call *call);

#endif
