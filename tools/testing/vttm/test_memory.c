// SPDX-License-Identifier: MIT
/*
 * Contents: fresh memory, moves both ways, page faults and a debugger's access.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pattern.h"
#include "test.h"

#define PARTS	8

/* A move each way for the worker and for TTM's own copy. */
static const uint32_t ways[] = { VTTM_MOVE_ASYNC, VTTM_MOVE_SYNC };

#define NUM_WAYS	(sizeof(ways) / sizeof(*ways))

/* Fresh memory */

/* Objects with contents in all of video memory, closed again. */
static void soil_vram(int fd)
{
	struct buffer parts[PARTS];

	for (int i = 0; i < PARTS; i++) {
		parts[i] = buffer_create_filled(fd, vram_bytes(fd) / PARTS, VTTM_PLACE_MASK);
		buffer_move(&parts[i], VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	}
	check(vram_becomes(fd, vram_bytes(fd)), "video memory is not full");
	for (int i = 0; i < PARTS; i++)
		buffer_close(&parts[i]);
	check(vram_becomes(fd, 0), "closed objects keep video memory");
}

static void test_fresh_system(void)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, 4 * MIB, VTTM_PLACE_MASK);

	buffer_close(&b);
	b = buffer_create(fd, 4 * MIB, VTTM_PLACE_SYSTEM);
	buffer_check_place(&b, VTTM_PLACE_SYSTEM, "a new object");
	buffer_verify_zero(&b, "a new object");
}

/* An object that nobody touched has no system pages: its move is a clear. */
static void test_fresh_after_move(void)
{
	int fd = client();

	for (size_t way = 0; way < NUM_WAYS; way++) {
		struct buffer parts[PARTS];

		soil_vram(fd);
		for (int i = 0; i < PARTS; i++) {
			parts[i] = buffer_create(fd, vram_bytes(fd) / PARTS, VTTM_PLACE_MASK);
			buffer_move(&parts[i], VTTM_PLACE_VRAM, ways[way]);
		}
		for (int i = 0; i < PARTS; i++) {
			buffer_check_place(&parts[i], VTTM_PLACE_VRAM, "after a move");
			buffer_verify_zero(&parts[i], "untouched before its move to VRAM");
			buffer_close(&parts[i]);
		}
	}
}

static void test_fresh_vram_only(void)
{
	int fd = client();
	struct buffer parts[PARTS];

	soil_vram(fd);
	for (int i = 0; i < PARTS; i++) {
		parts[i] = buffer_create(fd, vram_bytes(fd) / PARTS, VTTM_PLACE_VRAM);
		buffer_check_place(&parts[i], VTTM_PLACE_VRAM, "a new object for VRAM only");
	}
	for (int i = 0; i < PARTS; i++)
		buffer_verify_zero(&parts[i], "a new object for VRAM only");
}

/* Out of video memory before anybody looked: the zeroes must come along. */
static void test_fresh_evicted(void)
{
	int fd = client();
	struct buffer fresh, large;

	soil_vram(fd);
	fresh = buffer_create(fd, 3 * MIB, VTTM_PLACE_VRAM);
	large = buffer_create(fd, vram_bytes(fd), VTTM_PLACE_MASK);
	buffer_move(&large, VTTM_PLACE_VRAM, 0);
	buffer_check_place(&fresh, VTTM_PLACE_SYSTEM, "an evicted object");
	buffer_verify_zero(&fresh, "an evicted object");
}

/* Moves */

/* Pieces of 1 MiB, the default, come from the two ends of video memory by turns. */
static void check_runs(const struct buffer *b, uint32_t runs)
{
	struct drm_vttm_info info;

	device_info(b->fd, &info);
	if (!(info.flags & VTTM_INFO_VRAM_IS_BUDDY))
		check(runs == 1, "%u runs with the range manager", runs);
	else if (b->bytes > MIB)
		check(runs > 1, "a large object is not fragmented");
	else
		check(runs > 0, "no runs in VRAM");
}

static void check_in_vram(const struct buffer *b, uint64_t used_before)
{
	struct drm_vttm_object_info info = buffer_info(b);

	check(info.placement == VTTM_PLACE_VRAM, "not in VRAM after a move there");
	check(!(info.flags & VTTM_OBJECT_BUSY), "busy after VTTM_MOVE_WAIT");
	check(info.size == b->bytes, "its size changed");
	check(vram_used(b->fd) == used_before + b->bytes, "use of VRAM is not its size");
	check_runs(b, info.runs);
}

static void check_in_system(const struct buffer *b)
{
	struct drm_vttm_object_info info = buffer_info(b);

	check(info.placement == VTTM_PLACE_SYSTEM, "not in system memory after a move there");
	check(!(info.flags & VTTM_OBJECT_BUSY), "busy after VTTM_MOVE_WAIT");
	check(!info.runs, "runs in system memory");
}

static void there_and_back(int fd, uint64_t bytes, uint32_t flags)
{
	uint64_t rounded = (bytes + PAGE - 1) / PAGE * PAGE;
	struct buffer b = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);

	check(b.bytes == rounded, "the size is not rounded up to pages");
	check_in_system(&b);
	buffer_move(&b, VTTM_PLACE_VRAM, flags | VTTM_MOVE_WAIT);
	check_in_vram(&b, 0);
	buffer_verify(&b, "in VRAM");
	buffer_rewrite(&b);
	buffer_verify(&b, "rewritten in VRAM");
	buffer_move(&b, VTTM_PLACE_SYSTEM, flags | VTTM_MOVE_WAIT);
	check_in_system(&b);
	buffer_verify(&b, "back in system memory");
	buffer_close(&b);
	check(vram_becomes(fd, 0), "a closed object keeps VRAM");
}

static void test_moves(void)
{
	static const uint64_t sizes[] = {
		1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, MIB - PAGE, MIB, MIB + PAGE, 5 * MIB,
		8 * MIB + 5 * PAGE,
	};
	int fd = client();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (size_t way = 0; way < NUM_WAYS; way++)
			there_and_back(fd, sizes[i], ways[way]);
}

/* The last pieces of each other's memory are in use: everything is evicted. */
static void test_whole_vram(void)
{
	int fd = client();
	uint64_t bytes = vram_bytes(fd);
	struct buffer a = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);
	struct buffer b = buffer_create_filled(fd, bytes, VTTM_PLACE_MASK);

	buffer_move(&a, VTTM_PLACE_VRAM, 0);
	buffer_move(&b, VTTM_PLACE_VRAM, 0);
	buffer_check_place(&a, VTTM_PLACE_SYSTEM, "evicted");
	buffer_check_place(&b, VTTM_PLACE_VRAM, "what evicted it");
	buffer_verify(&a, "evicted");
	buffer_verify(&b, "what evicted it");
}

/* Faults */

/* Through a mapping that was in use before, and through a new one. */
static void test_faults(void)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, 5 * MIB + PAGE, VTTM_PLACE_MASK);

	for (int round = 0; round < 8; round++) {
		uint64_t *words;

		for (int i = 0; i <= round; i++)
			buffer_move(&b, i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM, 0);
		buffer_verify(&b, "read behind queued moves");
		buffer_rewrite(&b);
		for (int i = 0; i <= round; i++)
			buffer_move(&b, i % 2 ? VTTM_PLACE_VRAM : VTTM_PLACE_SYSTEM, 0);
		words = object_map(fd, b.handle, b.bytes);
		words_verify(&b, words, "mapped and read behind queued moves");
		object_unmap(words, b.bytes);
	}
}

/* A write behind queued moves must not be lost to the copy of an earlier one. */
static void test_writes(void)
{
	int fd = client();
	struct buffer b = buffer_create(fd, 3 * MIB, VTTM_PLACE_MASK);

	for (int i = 0; i < 12; i++) {
		buffer_rewrite(&b);
		buffer_move(&b, i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
			    i % 3 ? VTTM_MOVE_ASYNC : VTTM_MOVE_SYNC);
	}
	buffer_verify(&b, "after many writes and moves");
}

static void test_bad_mappings(void)
{
	int fd = client();
	struct buffer b = buffer_create(fd, 2 * PAGE, VTTM_PLACE_MASK);
	struct drm_vttm_mmap_offset place = { .handle = b.handle };
	const int prot = PROT_READ | PROT_WRITE;

	expect(try_ioctl(fd, DRM_IOCTL_VTTM_MMAP_OFFSET, &place), 0, "asking for an offset");
	check(mmap(NULL, 3 * PAGE, prot, MAP_SHARED, fd, place.offset) == MAP_FAILED,
	      "a mapping beyond the end of the object");
	check(mmap(NULL, PAGE, prot, MAP_PRIVATE, fd, place.offset) == MAP_FAILED,
	      "a private mapping that can be written");
	check(mmap(NULL, PAGE, prot, MAP_SHARED, fd, 0) == MAP_FAILED,
	      "a mapping at offset 0");
	buffer_close(&b);
	check(mmap(NULL, PAGE, prot, MAP_SHARED, fd, place.offset) == MAP_FAILED,
	      "a mapping of a closed object");
}

/* Access as a debugger has it */

static int own_memory(void)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	check(fd >= 0, "/proc/self/mem: %s", error_name(-errno));
	return fd;
}

/* Odd places and lengths, across the borders of pages and of pieces. */
static const struct {
	uint64_t offset;
	size_t bytes;
} spans[] = {
	{ 0, 8 }, { PAGE - 3, 7 }, { MIB - 5, 11 }, { MIB - PAGE, 2 * PAGE },
	{ 2 * MIB - 1, 2 }, { 3 * MIB - 9, 9 },
};

#define NUM_SPANS	(sizeof(spans) / sizeof(*spans))

/* What the pattern has in a span. */
static void expected_bytes(const struct buffer *b, size_t span, char *bytes)
{
	static uint64_t words[3 * MIB / sizeof(uint64_t)];

	pattern_fill(words, b->bytes, b->base);
	memcpy(bytes, (char *)words + spans[span].offset, spans[span].bytes);
}

static void read_span(int mem, const struct buffer *b, size_t span, const char *when)
{
	char found[2 * PAGE], expected[2 * PAGE];
	size_t bytes = spans[span].bytes;

	check(pread(mem, found, bytes, (uintptr_t)b->words + spans[span].offset) ==
	      (ssize_t)bytes, "%s: span %zu: %s", when, span, error_name(-errno));
	expected_bytes(b, span, expected);
	check(!memcmp(found, expected, bytes), "%s: span %zu differs", when, span);
}

static void test_debugger_reads(void)
{
	int fd = client(), mem = own_memory();
	struct buffer b = buffer_create_filled(fd, 3 * MIB, VTTM_PLACE_MASK);

	for (size_t span = 0; span < NUM_SPANS; span++) {
		read_span(mem, &b, span, "in system memory");
		buffer_move(&b, VTTM_PLACE_VRAM, 0);
		read_span(mem, &b, span, "on the way to VRAM");
		buffer_move(&b, VTTM_PLACE_SYSTEM, 0);
		buffer_move(&b, VTTM_PLACE_VRAM, 0);
		read_span(mem, &b, span, "on the way there and back");
		read_span(mem, &b, span, "in VRAM");
		buffer_move(&b, VTTM_PLACE_SYSTEM, 0);
		read_span(mem, &b, span, "on the way to system memory");
	}
}

static void write_span(int mem, const struct buffer *b, size_t span)
{
	char bytes[2 * PAGE];

	expected_bytes(b, span, bytes);
	check(pwrite(mem, bytes, spans[span].bytes, (uintptr_t)b->words + spans[span].offset) ==
	      (ssize_t)spans[span].bytes, "span %zu cannot be written: %s", span,
	      error_name(-errno));
}

/* Garbage is overwritten with what the pattern has there. */
static void test_debugger_writes(void)
{
	int fd = client(), mem = own_memory();
	struct buffer b = buffer_create_filled(fd, 3 * MIB, VTTM_PLACE_MASK);

	for (size_t span = 0; span < NUM_SPANS; span++) {
		memset((char *)b.words + spans[span].offset, 0x5a, spans[span].bytes);
		buffer_move(&b, span % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM, 0);
		write_span(mem, &b, span);
	}
	buffer_verify(&b, "written by a debugger");
}

/* A mapping that begins amid the object, as only a dma-buf gives it. */
static void test_debugger_part(void)
{
	int fd = client(), mem = own_memory();
	struct buffer b = buffer_create_filled(fd, 3 * PAGE, VTTM_PLACE_MASK);
	uint64_t *part = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, buffer_export(&b), PAGE);
	uint64_t word;

	check(part != MAP_FAILED, "a part of a dma-buf cannot be mapped: %s",
	      error_name(-errno));
	buffer_move(&b, VTTM_PLACE_VRAM, 0);
	check(pread(mem, &word, sizeof(word), (uintptr_t)&part[1]) == sizeof(word),
	      "a mapping of a part: %s", error_name(-errno));
	check(word == b.words[PAGE / sizeof(word) + 1], "a mapping of a part shows others");
	check(part[1] == word, "a fault in it shows others");
}

const struct test memory_tests[] = {
	{ "fresh-system", test_fresh_system },
	{ "fresh-after-move", test_fresh_after_move },
	{ "fresh-vram-only", test_fresh_vram_only },
	{ "fresh-evicted", test_fresh_evicted },
	{ "moves", test_moves },
	{ "whole-vram", test_whole_vram },
	{ "faults", test_faults },
	{ "writes", test_writes },
	{ "bad-mappings", test_bad_mappings },
	{ "debugger-reads", test_debugger_reads },
	{ "debugger-writes", test_debugger_writes },
	{ "debugger-part", test_debugger_part },
	{ }
};
