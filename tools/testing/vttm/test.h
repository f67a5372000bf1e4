/* SPDX-License-Identifier: MIT */
/*
 * What the tests of vttm-test share. Each test runs in a process of its own: whatever
 * fails ends that process with a message, and the kernel cleans up after it.
 */
#ifndef VTTM_TEST_H
#define VTTM_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "device.h"

#define KIB		((uint64_t)1 << 10)
#define MIB		((uint64_t)1 << 20)
#define PAGE		(4 * KIB)
#define MS		((int64_t)1000000)
#define SECOND		(1000 * MS)

/* What ends within moments on an idle machine has this long on a busy one. */
#define PATIENCE	(8 * SECOND)

struct test {
	const char *name;
	void (*run)(void);
};

/* Each ends with an entry without a name. */
extern const struct test input_tests[];
extern const struct test memory_tests[];
extern const struct test fence_tests[];
extern const struct test share_tests[];
extern const struct test pressure_tests[];
extern const struct test held_tests[];
extern const struct test unbind_tests[];
extern const struct test module_tests[];

/* Ends of a test */

#define check(condition, ...)						\
	do {								\
		if (!(condition))					\
			check_failed(__FILE__, __LINE__, __VA_ARGS__);	\
	} while (0)

void check_failed(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4), __noreturn__));

/* The test cannot be made here. */
void skip(const char *format, ...) __attribute__((format(printf, 1, 2), __noreturn__));

/* The status that skip() ends a test's process with. */
#define SKIPPED		4

/* The device under test */

/* Choose the device behind @node (NULL: the first one of vttm) for client(). */
void choose_device(const char *node);
/* Its folder below /sys/devices. */
const char *device_folder(void);
/* A new open file of it. */
int client(void);
/* An open file of another device of vttm; skips the test where there is none. */
int other_client(void);

/* The primary node of vgem; skips the test where there is none. */
int vgem_open(void);
/* Handle of a new object of vgem, of @bytes, at least a page's. */
uint32_t vgem_new(int vgem, uint64_t bytes);

uint64_t vram_bytes(int fd);
uint64_t vram_used(int fd);
/* Whether its use becomes @bytes: what moves leave is freed a moment after they end. */
bool vram_becomes(int fd, uint64_t bytes);

/* The start of all random choices. */
extern uint64_t seed;

/* Calls */

/* 0 or a negative errno. */
int try_ioctl(int fd, unsigned long request, void *argument);
/* The same amid signals, and not begun again when one interrupts it. */
int call_once(int fd, unsigned long request, void *argument);
/* Name of a negative errno, or "success". */
const char *error_name(int error);
/* Fails the test, naming @what, unless @result is @wanted; both 0 or a negative errno. */
void expect(int result, int wanted, const char *what);

/* Buffers: an object, its mapping, and what it should contain */

struct buffer {
	int fd;
	uint32_t handle;
	uint64_t bytes;
	uint64_t *words;
	uint64_t base;			/* of the pattern */
};

struct buffer buffer_create(int fd, uint64_t bytes, uint32_t placements);
/* The same, with a pattern in it. */
struct buffer buffer_create_filled(int fd, uint64_t bytes, uint32_t placements);
void buffer_close(struct buffer *b);
void handle_close(int fd, uint32_t handle);

/* Write a pattern that was never used before. */
void buffer_rewrite(struct buffer *b);
void buffer_verify(const struct buffer *b, const char *when);
void buffer_verify_zero(const struct buffer *b, const char *when);
/* Whether @words, another mapping of the buffer, shows the pattern. */
void words_verify(const struct buffer *b, const uint64_t *words, const char *when);

/* Ask for a move as @how says, but for the handle; 0 or a negative errno. */
int buffer_try_move(const struct buffer *b, struct drm_vttm_move how);
/* The same, and it must succeed. */
void buffer_move_as(const struct buffer *b, struct drm_vttm_move how);
void buffer_move(const struct buffer *b, uint32_t placement, uint32_t flags);
/* 0 or a negative errno. */
int buffer_try_wait(const struct buffer *b, int64_t deadline_ns);
void buffer_wait(const struct buffer *b);
struct drm_vttm_object_info buffer_info(const struct buffer *b);
bool buffer_is_busy(const struct buffer *b);
/* Fails the test unless the buffer is, or is on its way, there. */
void buffer_check_place(const struct buffer *b, uint32_t placement, const char *when);

/* An image that no other object has: a dma-buf, and a mapping through it. */
int buffer_export(const struct buffer *b);
uint64_t *dmabuf_map(int dmabuf, uint64_t bytes);
/* Handle of the imported dma-buf. */
uint32_t dmabuf_import(int fd, int dmabuf);

/* Fences */

/* Syncobj of @fd; whether it, or its @point, signals at once or within PATIENCE. */
bool syncobj_is_signalled(int fd, uint32_t syncobj, uint64_t point);
void syncobj_await(int fd, uint32_t syncobj, uint64_t point, const char *what);

/* A new syncobj with the fence of @sync_file, which is closed. */
uint32_t syncobj_take(int fd, int sync_file);

/* A fence that signals when the test says so, or by itself after 10 seconds. */
struct gate {
	int vgem;
	uint32_t fence;
};

/* Returns a syncobj of @fd with the gate's fence; skips the test without vgem. */
uint32_t gate_create(struct gate *gate, int fd);
void gate_open(struct gate *gate);

/* Processes */

/* Run @body in a new process, which ends with this one. */
pid_t spawn(void (*body)(void *argument), void *argument);
bool has_ended(pid_t pid);
/* Wait for @pid to end, PATIENCE at most; it must exit with 0. */
void join(pid_t pid, const char *what);
/* Kill @pid; it must die at once. */
void kill_and_reap(pid_t pid, const char *what);
void sleep_ms(unsigned int ms);

#endif
