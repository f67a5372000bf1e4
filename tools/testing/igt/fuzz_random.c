// SPDX-License-Identifier: MIT
/*
 * Calls at random: most of them make sense, so that they get far.
 */
#include "fuzz.h"
#include "igt_vttm.h"

/* What goes wrong goes wrong at the edges. */
static const uint64_t edges[] = {
	0, 1, 2, 3, 4, 7, 8, PAGE - 1, PAGE, PAGE + 1, MIB, 5 * MIB, UINT32_MAX - 1, UINT32_MAX,
	1ull << 31, 1ull << 32, 1ull << 46, 1ull << 63, UINT64_MAX - PAGE + 2, UINT64_MAX,
};

/* How often each is chosen. */
static const unsigned int weights[NUM_OPS] = {
	[OP_INFO] = 1, [OP_CREATE] = 8, [OP_MMAP_OFFSET] = 2, [OP_MOVE] = 30, [OP_WAIT] = 4,
	[OP_OBJECT_INFO] = 4, [OP_CLOSE] = 5, [OP_SYNC_CREATE] = 4, [OP_SYNC_DESTROY] = 2,
	[OP_SYNC_RESET] = 1, [OP_SYNC_SIGNAL] = 2, [OP_IMPORT] = 3, [OP_TOUCH] = 8,
	[OP_UNKNOWN] = 1, [OP_POINTER] = 1,
};

static uint64_t below(uint64_t *random, uint64_t limit)
{
	return random_next(random) % limit;
}

static uint32_t choose_op(uint64_t *random)
{
	unsigned int total = 0, left;
	uint32_t op;

	/* Now and then, as it ends all that there is. */
	if (!below(random, 500))
		return OP_REOPEN;
	for (op = 0; op < NUM_OPS; op++)
		total += weights[op];
	left = below(random, total);
	for (op = 0; left >= weights[op]; op++)
		left -= weights[op];
	return op;
}

static void invent_move(uint64_t *a, uint64_t *random)
{
	static const uint64_t flags[] = { 0, 0, 1, 2, 4, 4, 5 };

	a[1] = 1 + below(random, 2);
	a[2] = flags[below(random, ARRAY_SIZE(flags))];
	/* Slot FUZZ_SLOTS - 1 stays mostly empty; it stands for "none". */
	a[4] = below(random, 3) ? FUZZ_SLOTS - 1 : below(random, FUZZ_SLOTS);
	a[5] = below(random, 3) ? below(random, FUZZ_SLOTS) : FUZZ_SLOTS - 1;
	a[6] = below(random, 4) ? 0 : below(random, 8);
	a[7] = below(random, 3) ? 0 : below(random, 1000000);
}

struct fuzz_call fuzz_invent(uint64_t *random)
{
	struct fuzz_call call = { .op = choose_op(random) };
	uint64_t *a = call.a;

	a[0] = below(random, FUZZ_SLOTS);
	switch (call.op) {
	case OP_CREATE:
		a[1] = below(random, 1ull << (1 + below(random, 22)));
		a[2] = 1 + below(random, 3);
		break;
	case OP_MOVE:
		invent_move(a, random);
		break;
	case OP_WAIT:
		a[2] = below(random, 8);
		break;
	case OP_SYNC_CREATE:
		a[0] = below(random, FUZZ_SLOTS - 1);
		break;
	case OP_SYNC_SIGNAL:
		a[1] = below(random, 100);
		break;
	default:
		a[1] = below(random, 4) ? 0 : random_next(random);
		a[2] = random_next(random);
		a[3] = random_next(random);
	}
	if (!below(random, 8))
		fuzz_mutate(&call, random);
	return call;
}

void fuzz_mutate(struct fuzz_call *call, uint64_t *random)
{
	uint64_t *a = &call->a[below(random, FUZZ_ARGUMENTS)];

	switch (below(random, 3)) {
	case 0:
		*a = edges[below(random, ARRAY_SIZE(edges))];
		break;
	case 1:
		*a ^= 1ull << below(random, 64);
		break;
	default:
		*a += below(random, 3) - 1;
	}
}
