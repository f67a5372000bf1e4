/* SPDX-License-Identifier: MIT */
/*
 * The virtual TTM device as a program sees it. Every function here either does what
 * it says or ends the program with a message and status 1.
 */
#ifndef VTTM_DEVICE_H
#define VTTM_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vttm_drm.h"

/* Print a message, what to do about it included, and end the program. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), __noreturn__));

/* CLOCK_MONOTONIC, the clock of a fence's time stamp too. */
uint64_t now_ns(void);

/* Open @path, or where that is NULL the first render node that vttm drives. */
int device_open(const char *path);

void device_info(int fd, struct drm_vttm_info *info);

/* Choose, for the whole module, between the worker and TTM's synchronous move. */
void device_set_sync(bool sync);

uint32_t object_create(int fd, uint64_t bytes);
/* Where the object is or is on its way to: one VTTM_PLACE_*. */
uint32_t object_placement(int fd, uint32_t handle);

uint64_t *object_map(int fd, uint32_t handle, uint64_t bytes);
void object_unmap(uint64_t *words, uint64_t bytes);

uint32_t syncobj_new(int fd);

/* Ask for a move; returns how long the call took, in nanoseconds. */
uint64_t object_move(int fd, uint32_t handle, uint32_t placement, uint32_t syncobj,
		     uint64_t *start_ns);

/*
 * Wait for the fence in @syncobj and return when it signalled, or 0 where the fence
 * says a time before @start_ns: it is then one that stands for "nothing to wait for".
 */
uint64_t syncobj_signal_time(int fd, uint32_t syncobj, uint64_t start_ns);

#endif
