/* SPDX-License-Identifier: MIT */
/*
 * Contents that can be told apart: every byte of a pattern depends on the run's
 * seed, the buffer, how often it was rewritten, and the offset. Bytes that are stale,
 * from another buffer or at another place do not go unnoticed.
 */
#ifndef VTTM_PATTERN_H
#define VTTM_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* The next value of a generator that the caller keeps the state of. */
uint64_t random_next(uint64_t *state);

/* The start value of the pattern of a buffer's generation. */
uint64_t pattern_base(uint64_t seed, uint32_t buffer, uint32_t generation);

/* Write the pattern. @bytes is a multiple of 8. */
void pattern_fill(uint64_t *words, size_t bytes, uint64_t base);

/*
 * How many bytes differ from the pattern; where some do, @first_bad is set to the
 * offset of the first 8 bytes with a difference.
 */
size_t pattern_mismatches(const uint64_t *words, size_t bytes, uint64_t base,
			  size_t *first_bad);

#endif
