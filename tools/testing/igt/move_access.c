// SPDX-License-Identifier: MIT
/*
 * Who reaches the bytes by CPU while they move.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "vttm_async_move.h"

#define DELAY_US	60000
#define ROUNDS		6

static void read_all(void *argument)
{
	buffer_verify(argument, "read behind a fault");
}

/* A fault on a new mapping waits for the move, and then shows what was there before. */
static void fault_waits(void)
{
	int fd = client();
	struct hold hold;
	uint32_t in = hold_create(&hold, fd);
	struct buffer b = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);
	pid_t pid;

	buffer_move_as(&b, (struct drm_vttm_move){
		.placement = VTTM_PLACE_VRAM, .in_syncobj = in,
	});
	pid = spawn(read_all, &b);
	sleep_ms(A_WHILE_MS);
	igt_assert_f(!has_ended(pid), "the fault did not wait for the move\n");
	hold_release(&hold);
	join(pid, "who reads while the object moves");
	buffer_verify(&b, "after the move");
}

/* All pages are mapped and touched before: each move has to revoke them. */
static void stale_mapping(void)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);

	fault_set("copy_delay_us", DELAY_US);
	for (int i = 0; i < ROUNDS; i++) {
		buffer_move(&b, i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
			    i % 3 ? VTTM_MOVE_ASYNC : VTTM_MOVE_SYNC);
		buffer_rewrite(&b);
		buffer_wait(&b);
		/* A mapping that is new cannot show the old place. */
		object_unmap(b.words, b.bytes);
		b.words = object_map(fd, b.handle, b.bytes);
		buffer_verify(&b, "what was written while it moved");
	}
}

/* One word at a time, at random, while the object moves all the time. */
static void scribble(void)
{
	int fd = client();
	uint64_t random = seed, words = 2 * MIB / sizeof(uint64_t);
	struct buffer b = buffer_create(fd, 2 * MIB, VTTM_PLACE_MASK);
	uint64_t *copy = calloc(words, sizeof(*copy));

	igt_assert(copy);
	for (int i = 0; i < (quick ? 40 : 150); i++) {
		buffer_move(&b, i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM, 0);
		for (int n = 0; n < 50; n++) {
			uint64_t at = random_next(&random) % words;

			igt_assert_f(b.words[at] == copy[at], "word %zu is stale\n", (size_t)at);
			copy[at] = random_next(&random);
			b.words[at] = copy[at];
		}
	}
	igt_assert(!memcmp(b.words, copy, b.bytes));
	free(copy);
}

/* PRIME */

struct loan {
	int dmabuf;
	struct buffer b;		/* the owner's */
	uint64_t new_base;
};

/* Another process, with a file of its own: reads all, and writes all. */
static void borrow(void *argument)
{
	struct loan *loan = argument;
	struct buffer mine = loan->b;

	mine.fd = client();
	mine.handle = dmabuf_import(mine.fd, loan->dmabuf);
	mine.words = object_map(mine.fd, mine.handle, mine.bytes);
	buffer_verify(&mine, "through an import");
	buffer_move(&mine, VTTM_PLACE_SYSTEM, 0);
	pattern_fill(mine.words, mine.bytes, loan->new_base);
}

static void prime_other_process(void)
{
	struct loan loan = { .b = buffer_create_filled(client(), 2 * MIB, VTTM_PLACE_MASK) };

	loan.dmabuf = buffer_export(&loan.b);
	fault_set("copy_delay_us", DELAY_US);
	for (int i = 0; i < ROUNDS; i++) {
		loan.new_base = pattern_base(seed, 0xffff, i);
		buffer_move(&loan.b, VTTM_PLACE_VRAM, VTTM_MOVE_ASYNC);
		join(spawn(borrow, &loan), "who imported the object");
		loan.b.base = loan.new_base;
		buffer_verify(&loan.b, "written through an import");
	}
}

/* The dma-buf's own mapping, in a process that never opened the device. */
static void use_dmabuf(void *argument)
{
	struct loan *loan = argument;
	uint64_t *words = dmabuf_map(loan->dmabuf, loan->b.bytes);

	words_verify(&loan->b, words, "through the dma-buf");
	pattern_fill(words, loan->b.bytes, loan->new_base);
}

static void prime_mapping(void)
{
	struct loan loan = { .b = buffer_create_filled(client(), 2 * MIB, VTTM_PLACE_MASK) };

	loan.dmabuf = buffer_export(&loan.b);
	fault_set("copy_delay_us", DELAY_US);
	for (int i = 0; i < ROUNDS; i++) {
		loan.new_base = pattern_base(seed, 0xfffe, i);
		buffer_move(&loan.b, i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM, VTTM_MOVE_ASYNC);
		join(spawn(use_dmabuf, &loan), "who mapped the dma-buf");
		loan.b.base = loan.new_base;
		buffer_verify(&loan.b, "written through the dma-buf");
	}
}

/* Another device takes the pages: not before they are there. */
static void prime_other_device(void)
{
	int fd = client(), vgem = vgem_open(), dmabuf;
	struct buffer b = buffer_create_filled(fd, 2 * MIB, VTTM_PLACE_MASK);
	uint32_t imported;

	buffer_move(&b, VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	dmabuf = buffer_export(&b);
	fault_set("copy_delay_us", DELAY_US);
	imported = dmabuf_import(vgem, dmabuf);
	igt_assert_f(!buffer_is_busy(&b), "another device got the pages of a move in flight\n");
	igt_assert(buffer_info(&b).flags & VTTM_OBJECT_PINNED);
	buffer_verify(&b, "lent to another device");
	words_verify(&b, dmabuf_map(dmabuf, b.bytes), "lent, through the dma-buf");
	handle_close(vgem, imported);
}

const struct subtest access_subtests[] = {
	{ "mmap-fault-waits", "A fault waits for the move and sees the right bytes.",
	  fault_waits },
	{ "mmap-stale", "Mappings of before the move are revoked.", stale_mapping },
	{ "mmap-scribble", "Single words at random while the object keeps moving.", scribble },
	{ "prime-other-process", "Another process reads and writes an import in flight.",
	  prime_other_process },
	{ "prime-mapping", "Another process reads and writes the dma-buf in flight.",
	  prime_mapping },
	{ "prime-other-device", "Another device gets the pages when they have arrived.",
	  prime_other_device },
	{ }
};
