// SPDX-License-Identifier: MIT
#include "pattern.h"

#define STEP	0x9e3779b97f4a7c15ull	/* 2^64 over the golden ratio: all states differ */
#define SPREAD	0xd6e8feb86659fd93ull	/* odd, its bits about evenly set */

static uint64_t scatter(uint64_t x)
{
	x ^= x >> 32;
	x *= SPREAD;
	x ^= x >> 32;
	x *= SPREAD;
	return x ^ (x >> 32);
}

uint64_t random_next(uint64_t *state)
{
	*state += STEP;
	return scatter(*state);
}

uint64_t pattern_base(uint64_t seed, uint32_t buffer, uint32_t generation)
{
	return scatter(scatter(seed) + (((uint64_t)generation << 32) | buffer));
}

/* One multiplication: filling must not take longer than what is measured. */
static inline uint64_t word_at(uint64_t base, size_t index)
{
	uint64_t x = (base ^ index) * SPREAD;

	return x ^ (x >> 32);
}

void pattern_fill(uint64_t *words, size_t bytes, uint64_t base)
{
	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		words[i] = word_at(base, i);
}

static size_t differing_bytes(uint64_t difference)
{
	size_t count = 0;

	for (; difference; difference >>= 8)
		count += (difference & 0xff) != 0;
	return count;
}

size_t pattern_mismatches(const uint64_t *words, size_t bytes, uint64_t base,
			  size_t *first_bad)
{
	size_t bad = 0;

	for (size_t i = 0; i < bytes / sizeof(*words); i++) {
		uint64_t difference = words[i] ^ word_at(base, i);

		if (!difference)
			continue;
		if (!bad)
			*first_bad = i * sizeof(*words);
		bad += differing_bytes(difference);
	}
	return bad;
}
