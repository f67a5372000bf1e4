// SPDX-License-Identifier: MIT
/*
 * What files, processes and devices see of each other's objects.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#include "test.h"

/* Isolation */

struct stranger {
	uint32_t handle;
	uint64_t offset;
};

static void try_handle(int fd, uint32_t handle)
{
	struct drm_vttm_mmap_offset place = { .handle = handle };
	struct drm_vttm_move move = { .handle = handle, .placement = VTTM_PLACE_VRAM };
	struct drm_vttm_wait wait = { .handle = handle };
	struct drm_vttm_object_info info = { .handle = handle };
	int dmabuf;

	expect(try_ioctl(fd, DRM_IOCTL_VTTM_MMAP_OFFSET, &place), -ENOENT, "another's offset");
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_MOVE, &move), -ENOENT, "moving another's object");
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_WAIT, &wait), -ENOENT, "waiting for another's");
	expect(try_ioctl(fd, DRM_IOCTL_VTTM_OBJECT_INFO, &info), -ENOENT, "another's state");
	expect(drmPrimeHandleToFD(fd, handle, DRM_CLOEXEC, &dmabuf) ? -errno : 0, -ENOENT,
	       "exporting another's object");
}

static void try_offset(int fd, uint64_t offset)
{
	void *words = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, offset);

	check(words == MAP_FAILED, "another's object can be mapped");
	expect(-errno, -EACCES, "mapping another's object");
}

static void be_stranger(void *argument)
{
	const struct stranger *s = argument;
	int fd = client();

	try_handle(fd, s->handle);
	try_offset(fd, s->offset);
}

static void isolation(bool process)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, PAGE, VTTM_PLACE_MASK);
	struct drm_vttm_mmap_offset place = { .handle = b.handle };
	struct stranger s = { .handle = b.handle };

	expect(try_ioctl(fd, DRM_IOCTL_VTTM_MMAP_OFFSET, &place), 0, "asking for an offset");
	s.offset = place.offset;
	if (process)
		join(spawn(be_stranger, &s), "another process");
	else
		be_stranger(&s);
	buffer_verify(&b, "after the attempts");
	buffer_check_place(&b, VTTM_PLACE_SYSTEM, "after the attempts");
}

static void test_isolated_file(void)
{
	isolation(false);
}

static void test_isolated_process(void)
{
	isolation(true);
}

/* One object, two files */

/* The same object as @b, through @fd. */
static struct buffer share(const struct buffer *b, int fd)
{
	int dmabuf = buffer_export(b);
	struct buffer shared = *b;

	shared.fd = fd;
	shared.handle = dmabuf_import(fd, dmabuf);
	shared.words = object_map(fd, shared.handle, shared.bytes);
	close(dmabuf);
	return shared;
}

static void test_shared(void)
{
	struct buffer a = buffer_create_filled(client(), 3 * MIB, VTTM_PLACE_MASK);
	struct buffer b = share(&a, client());

	check(!(buffer_info(&b).flags & (VTTM_OBJECT_IMPORTED | VTTM_OBJECT_PINNED)),
	      "an object of the same device counts as imported");
	for (int i = 0; i < 4; i++) {
		buffer_move(i % 2 ? &a : &b, VTTM_PLACE_VRAM, 0);
		buffer_verify(&a, "through the first file");
		buffer_verify(&b, "through the second file");
		buffer_rewrite(&b);
		a.base = b.base;
		buffer_move(i % 2 ? &b : &a, VTTM_PLACE_SYSTEM, 0);
		buffer_check_place(&b, VTTM_PLACE_SYSTEM, "moved through the other file");
		buffer_verify(&a, "written through the second file");
	}
	buffer_close(&a);
	buffer_move(&b, VTTM_PLACE_VRAM, 0);
	buffer_verify(&b, "after the first file let go");
}

/* Write through a mapping that is new, and so cannot show where the object was before. */
static void rewrite_anew(struct buffer *b)
{
	uint64_t *old = b->words;

	b->words = object_map(b->fd, b->handle, b->bytes);
	buffer_rewrite(b);
	munmap(b->words, b->bytes);
	b->words = old;
}

/* A dma-buf's own mapping has to be zapped, too, when the object moves. */
static void test_dmabuf_mapping(void)
{
	struct buffer b = buffer_create_filled(client(), 3 * MIB, VTTM_PLACE_MASK);
	int dmabuf = buffer_export(&b);
	uint64_t *words = dmabuf_map(dmabuf, b.bytes);

	for (int i = 0; i < 6; i++) {
		words_verify(&b, words, "through the dma-buf");
		buffer_verify(&b, "through the device");
		buffer_move(&b, i % 2 ? VTTM_PLACE_SYSTEM : VTTM_PLACE_VRAM,
			    i % 3 ? VTTM_MOVE_ASYNC : VTTM_MOVE_SYNC);
		rewrite_anew(&b);
	}
}

/* The mapping alone keeps the object, and the object its device. */
static void test_dmabuf_alone(void)
{
	struct buffer b = buffer_create_filled(client(), MIB + PAGE, VTTM_PLACE_MASK);
	int dmabuf = buffer_export(&b);
	uint64_t *words = dmabuf_map(dmabuf, b.bytes);

	words_verify(&b, words, "before all is closed");
	buffer_move(&b, VTTM_PLACE_VRAM, 0);
	munmap(b.words, b.bytes);
	close(b.fd);
	close(dmabuf);
	words_verify(&b, words, "after all was closed");
	check(vram_used(client()) == b.bytes, "the object is gone from VRAM");
	b.words = words;
	buffer_rewrite(&b);
	buffer_verify(&b, "rewritten");
}

/* Other devices */

static void check_same(const struct buffer *b, const struct drm_vttm_object_info *before)
{
	struct drm_vttm_object_info now = buffer_info(b);

	check(!memcmp(&now, before, sizeof(now)), "a refused move changed the object");
}

static void check_pinned(const struct buffer *b)
{
	struct drm_vttm_object_info info = buffer_info(b);

	check(info.flags & VTTM_OBJECT_PINNED, "not pinned while another device has it");
	check(info.placement == VTTM_PLACE_SYSTEM, "pinned outside of system memory");
	for (uint32_t to = VTTM_PLACE_SYSTEM; to <= VTTM_PLACE_VRAM; to++)
		expect(buffer_try_move(b, (struct drm_vttm_move){ .placement = to }), -EBUSY,
		       "moving a pinned object");
	check_same(b, &info);
}

/* Detached a moment after the importer's last handle is closed. */
static void check_unpinned(const struct buffer *b)
{
	uint64_t deadline = now_ns() + PATIENCE;

	while (buffer_info(b).flags & VTTM_OBJECT_PINNED) {
		check(now_ns() < deadline, "pinned after the other device let go");
		sleep_ms(5);
	}
	buffer_move(b, VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	buffer_check_place(b, VTTM_PLACE_VRAM, "no longer pinned");
}

static void fill_vram(int fd)
{
	struct buffer large = buffer_create(fd, vram_bytes(fd), VTTM_PLACE_MASK);

	buffer_move(&large, VTTM_PLACE_VRAM, VTTM_MOVE_WAIT);
	buffer_close(&large);
}

/* From VRAM, with a move in flight, into @importer and out of it again. */
static void lend(int importer)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, 3 * MIB, VTTM_PLACE_MASK);
	int dmabuf = buffer_export(&b);
	uint64_t *words = dmabuf_map(dmabuf, b.bytes);
	uint32_t imported;

	buffer_move(&b, VTTM_PLACE_VRAM, 0);
	imported = dmabuf_import(importer, dmabuf);
	check_pinned(&b);
	buffer_verify(&b, "pinned");
	words_verify(&b, words, "pinned, through the dma-buf");
	buffer_rewrite(&b);
	words_verify(&b, words, "rewritten, through the dma-buf");
	fill_vram(fd);
	check_pinned(&b);
	handle_close(importer, imported);
	check_unpinned(&b);
	buffer_verify(&b, "no longer pinned");
	words_verify(&b, words, "no longer pinned, through the dma-buf");
}

static void test_lent_to_vttm(void)
{
	lend(other_client());
}

static void test_lent_to_vgem(void)
{
	lend(vgem_open());
}

/* What @b is for a device that imported it. */
static void check_imported(const struct buffer *b)
{
	struct drm_vttm_mmap_offset place = { .handle = b->handle };
	struct drm_vttm_object_info info = buffer_info(b);
	struct drm_vttm_move no_move = { .placement = VTTM_PLACE_SYSTEM };

	check(info.flags & VTTM_OBJECT_IMPORTED, "an import is not told");
	check(info.placement == VTTM_PLACE_SYSTEM && info.placements == VTTM_PLACE_SYSTEM,
	      "an import in placement %u of %u", info.placement, info.placements);
	check(info.size == b->bytes, "an import of another size");
	expect(try_ioctl(b->fd, DRM_IOCTL_VTTM_MMAP_OFFSET, &place), -EOPNOTSUPP,
	       "the offset of an import");
	expect(buffer_try_move(b, (struct drm_vttm_move){ .placement = VTTM_PLACE_VRAM }),
	       -EINVAL, "moving an import to VRAM");
	no_move.out_syncobj = syncobj_new(b->fd);
	buffer_move_as(b, no_move);
	syncobj_await(b->fd, no_move.out_syncobj, 0, "leaving an import where it is");
	check_same(b, &info);
}

/* @b has been imported by our device: its bytes are there through a dma-buf of ours. */
static void check_reexported(const struct buffer *b, const struct buffer *owner)
{
	int dmabuf = buffer_export(b);
	uint64_t *words = dmabuf_map(dmabuf, b->bytes);

	words_verify(owner, words, "an import, exported again");
	words[0] ^= 1;
	check(owner->words[0] == words[0], "writes through an import are lost");
	words[0] ^= 1;
	munmap(words, b->bytes);
	close(dmabuf);
}

static void test_import_from_vttm(void)
{
	int fd = client(), other = other_client();
	struct buffer owner = buffer_create_filled(other, 3 * MIB, VTTM_PLACE_MASK);
	int dmabuf = buffer_export(&owner);
	struct buffer b = { .fd = fd, .bytes = owner.bytes };

	b.handle = dmabuf_import(fd, dmabuf);
	check_imported(&b);
	check_reexported(&b, &owner);
	check(vram_used(fd) == 0, "an import takes video memory");
	/* The owner's handle goes first. */
	handle_close(other, owner.handle);
	check_reexported(&b, &owner);
	handle_close(fd, b.handle);
}

static void test_import_from_vgem(void)
{
	int fd = client(), vgem = vgem_open();
	struct buffer owner = { .fd = vgem, .bytes = 3 * PAGE };
	struct buffer b = { .fd = fd, .bytes = owner.bytes };
	int dmabuf;

	owner.handle = vgem_new(vgem, owner.bytes);
	dmabuf = buffer_export(&owner);
	owner.words = dmabuf_map(dmabuf, owner.bytes);
	buffer_rewrite(&owner);
	b.handle = dmabuf_import(fd, dmabuf);
	check_imported(&b);
	check_reexported(&b, &owner);
}

/* Pinned many times, by one importer after another, and counted right. */
static void test_lent_often(void)
{
	int fd = client();
	struct buffer b = buffer_create_filled(fd, PAGE, VTTM_PLACE_MASK);
	int dmabuf = buffer_export(&b);

	for (int i = 0; i < 100; i++) {
		int importers[] = { vgem_open(), vgem_open() };

		/* The second file of a device shares the first one's import. */
		dmabuf_import(importers[0], dmabuf);
		dmabuf_import(importers[1], dmabuf);
		close(importers[0]);
		check(buffer_info(&b).flags & VTTM_OBJECT_PINNED,
		      "not pinned while one importer is left");
		close(importers[1]);
		check_unpinned(&b);
	}
	buffer_verify(&b, "lent often");
}

const struct test share_tests[] = {
	{ "isolated-file", test_isolated_file },
	{ "isolated-process", test_isolated_process },
	{ "shared", test_shared },
	{ "dmabuf-mapping", test_dmabuf_mapping },
	{ "dmabuf-alone", test_dmabuf_alone },
	{ "lent-to-vttm", test_lent_to_vttm },
	{ "lent-to-vgem", test_lent_to_vgem },
	{ "lent-often", test_lent_often },
	{ "import-from-vttm", test_import_from_vttm },
	{ "import-from-vgem", test_import_from_vgem },
	{ }
};
