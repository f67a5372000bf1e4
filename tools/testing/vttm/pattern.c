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

/* Each word is read once: others may write to it. */
static uint64_t word_read(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void judge_word(struct pattern_verdict *v, size_t index, uint64_t found, uint64_t wanted)
{
	if (found == wanted)
		return;
	if (!found) {
		v->zero++;
		return;
	}
	if (!v->other++) {
		v->first_other = index;
		v->found = found;
	}
}

void pattern_judge(const uint64_t *words, size_t bytes, uint64_t base,
		   struct pattern_verdict *v)
{
	*v = (struct pattern_verdict){ 0 };
	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		judge_word(v, i, word_read(&words[i]), word_at(base, i));
}

void pattern_judge_zero(const uint64_t *words, size_t bytes, struct pattern_verdict *v)
{
	*v = (struct pattern_verdict){ 0 };
	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		judge_word(v, i, word_read(&words[i]), 0);
}

bool pattern_fits(uint64_t word, size_t index, uint64_t base, bool zero)
{
	return word == word_at(base, index) || (zero && !word);
}

/* Of an odd number, modulo 2^64; each step doubles the bits that are right. */
static uint64_t inverse(uint64_t x)
{
	uint64_t y = x;

	for (int bits = 3; bits < 64; bits *= 2)
		y *= 2 - x * y;
	return y;
}

static uint64_t gather(uint64_t x)
{
	x ^= x >> 32;
	x *= inverse(SPREAD);
	x ^= x >> 32;
	x *= inverse(SPREAD);
	return x ^ (x >> 32);
}

/* Every step on the way from a buffer to its words can be taken back. */
void pattern_origin(uint64_t seed, uint64_t word, size_t index, uint32_t *buffer,
		    uint32_t *generation)
{
	uint64_t base = ((word ^ (word >> 32)) * inverse(SPREAD)) ^ index;
	uint64_t origin = gather(base) - scatter(seed);

	*buffer = origin;
	*generation = origin >> 32;
}
