/* SPDX-License-Identifier: MIT */
/*
 * Contents that can be told apart: every byte of a pattern depends on the run's
 * seed, the buffer, how often it was rewritten, and the offset. Bytes that are stale,
 * from another buffer or at another place do not go unnoticed.
 */
#ifndef VTTM_PATTERN_H
#define VTTM_PATTERN_H

#include <stdbool.h>
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

/* What words are that should show a pattern, or zeroes. */
struct pattern_verdict {
	size_t zero;			/* words that are zero, and should not be */
	size_t other;			/* words that are neither */
	size_t first_other;		/* index of the first of these */
	uint64_t found;			/* what is there */
};

void pattern_judge(const uint64_t *words, size_t bytes, uint64_t base,
		   struct pattern_verdict *v);
/* The same for words that should all be zero. */
void pattern_judge_zero(const uint64_t *words, size_t bytes, struct pattern_verdict *v);

/* Whether a word at @index is the pattern's, or zero where @zero allows that. */
bool pattern_fits(uint64_t word, size_t index, uint64_t base, bool zero);

/* Of which buffer's generation @word at @index is, if it is of a pattern at all. */
void pattern_origin(uint64_t seed, uint64_t word, size_t index, uint32_t *buffer,
		    uint32_t *generation);

#endif
