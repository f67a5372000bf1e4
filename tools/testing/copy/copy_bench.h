/* SPDX-License-Identifier: MIT */
/*
 * What the files of copy-bench share.
 */
#ifndef COPY_BENCH_H
#define COPY_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ttm_move_copy.h"

/* Ends the program with a message on stderr. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* copy_peer.c: what the routines are compared with */
void peer_memcpy(enum ttm_move_dir dir, void *dst, const void *src, size_t bytes);
void peer_present(enum ttm_move_dir dir, void *dst, const void *src, size_t bytes);

/**
 * struct vram - memory of a GPU, mapped for the CPU
 * @vaddr: the mapping
 * @bytes: its length
 * @name: of the device and its type of memory
 */
struct vram {
	void *vaddr;
	size_t bytes;
	char name[320];
};

/* copy_vram.c: returns NULL, or why there is no such memory */
const char *vram_map(struct vram *vram, size_t bytes, bool any_device);

#endif
