// SPDX-License-Identifier: MIT
/*
 * Objects in i915's local memory, more of them than it holds, verified byte by byte.
 * No command is submitted: whoever copies, an engine or a CPU, was asked by the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <i915_drm.h>
#include <linux/dma-buf.h>
#include <xf86drm.h>

#include "igt.h"
#include "pattern.h"

IGT_TEST_DESCRIPTION("Objects in local memory of i915, oversubscribed and swapped.");

#define MIB		((uint64_t)1 << 20)
#define NODES		64
#define MAX_OBJECTS	256
#define PER_LMEM	16	/* objects that fill local memory, if they are large enough */
#define MAX_BYTES	(16 * MIB)
#define TIMEOUT_S	300

/* Where an object may be. */
enum places { LMEM, LMEM_SMEM, SMEM_LMEM };

struct object {
	uint32_t handle;
	int dmabuf;
	uint64_t bytes;
	uint64_t *words;
	uint64_t base;
};

static struct object objects[MAX_OBJECTS];
static int num_objects;
static int i915 = -1;
static uint64_t seed = 1;
static bool quick;

static int call(int fd, unsigned long request, void *argument)
{
	return drmIoctl(fd, request, argument) ? -errno : 0;
}

/* The device */

static bool is_i915(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool yes = version && !strcmp(version->name, "i915");

	drmFreeVersion(version);
	return yes;
}

static int open_i915(void)
{
	char path[32];

	for (int i = 0; i < NODES; i++) {
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && is_i915(fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

static int query(struct drm_i915_query_item *item)
{
	struct drm_i915_query all = { .num_items = 1, .items_ptr = (uintptr_t)item };

	item->query_id = DRM_I915_QUERY_MEMORY_REGIONS;
	return call(i915, DRM_IOCTL_I915_QUERY, &all) ?: item->length < 0 ? item->length : 0;
}

/* Of all local memory; 0 where there is none, or no such query. */
static uint64_t lmem_bytes(void)
{
	struct drm_i915_query_memory_regions *regions;
	struct drm_i915_query_item item = { 0 };
	uint64_t bytes = 0;

	if (query(&item) || !item.length)
		return 0;
	regions = calloc(1, item.length);
	igt_assert(regions);
	item.data_ptr = (uintptr_t)regions;
	igt_assert(!query(&item));
	for (uint32_t i = 0; i < regions->num_regions; i++)
		if (regions->regions[i].region.memory_class == I915_MEMORY_CLASS_DEVICE)
			bytes += regions->regions[i].probed_size;
	free(regions);
	return bytes;
}

/* Objects */

static const struct drm_i915_gem_memory_class_instance places_of[][2] = {
	[LMEM] = { { I915_MEMORY_CLASS_DEVICE, 0 } },
	[LMEM_SMEM] = { { I915_MEMORY_CLASS_DEVICE, 0 }, { I915_MEMORY_CLASS_SYSTEM, 0 } },
	[SMEM_LMEM] = { { I915_MEMORY_CLASS_SYSTEM, 0 }, { I915_MEMORY_CLASS_DEVICE, 0 } },
};

static int try_create(const struct drm_i915_gem_memory_class_instance *places, int count,
		      uint64_t bytes, uint32_t *handle)
{
	struct drm_i915_gem_create_ext_memory_regions regions = {
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
		.num_regions = count,
		.regions = (uintptr_t)places,
	};
	struct drm_i915_gem_create_ext create = {
		.size = bytes,
		.extensions = (uintptr_t)&regions,
	};
	int error = call(i915, DRM_IOCTL_I915_GEM_CREATE_EXT, &create);

	*handle = create.handle;
	return error;
}

static void object_map(struct object *o)
{
	struct drm_i915_gem_mmap_offset offset = {
		.handle = o->handle,
		.flags = I915_MMAP_OFFSET_FIXED,
	};

	igt_assert(!call(i915, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &offset));
	o->words = mmap(NULL, o->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, i915,
			offset.offset);
	igt_assert(o->words != MAP_FAILED);
}

static struct object *object_create(enum places places, uint64_t bytes)
{
	struct object *o = &objects[num_objects];

	igt_assert(num_objects < MAX_OBJECTS);
	o->bytes = bytes;
	igt_assert(!try_create(places_of[places], places == LMEM ? 1 : 2, bytes, &o->handle));
	num_objects++;
	igt_assert(!drmPrimeHandleToFD(i915, o->handle, DRM_CLOEXEC | DRM_RDWR, &o->dmabuf));
	object_map(o);
	return o;
}

static void object_fill(struct object *o)
{
	static uint32_t generation;

	o->base = pattern_base(seed, o->handle, ++generation);
	pattern_fill(o->words, o->bytes, o->base);
}

static void object_verify(const struct object *o, const char *when)
{
	size_t first = 0, bad = pattern_mismatches(o->words, o->bytes, o->base, &first);

	igt_assert_f(!bad, "%s: %zu bytes of handle %u differ, first at %zu\n", when, bad,
		     o->handle, first);
}

static void objects_verify(const char *when)
{
	for (int i = 0; i < num_objects; i++)
		object_verify(&objects[i], when);
}

static void objects_close_from(int first)
{
	while (num_objects > first) {
		struct object *o = &objects[--num_objects];
		struct drm_gem_close argument = { .handle = o->handle };

		if (o->words && o->words != MAP_FAILED)
			munmap(o->words, o->bytes);
		if (o->dmabuf)
			close(o->dmabuf);
		drmIoctl(i915, DRM_IOCTL_GEM_CLOSE, &argument);
		memset(o, 0, sizeof(*o));
	}
}

static void objects_close(void)
{
	objects_close_from(0);
}

/* Access to an exported object takes its pages: it moves to the first of its places. */
static void object_move(const struct object *o)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	igt_assert(!call(o->dmabuf, DMA_BUF_IOCTL_SYNC, &sync));
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	igt_assert(!call(o->dmabuf, DMA_BUF_IOCTL_SYNC, &sync));
}

static uint64_t object_bytes(void)
{
	uint64_t bytes = lmem_bytes() / PER_LMEM & ~(MIB - 1);

	return bytes > MAX_BYTES ? MAX_BYTES : bytes < MIB ? MIB : bytes;
}

/* So many of one kind as are @halves of local memory, or as can be counted here. */
static void populate(enum places places, int halves)
{
	uint64_t bytes = object_bytes(), count = lmem_bytes() * halves / 2 / bytes;

	count = count < MAX_OBJECTS ? count : MAX_OBJECTS;
	for (uint64_t i = 0; i < count; i++) {
		struct object *o = object_create(places, bytes);

		/* Before it is filled: a fault alone is content with any of its places. */
		object_move(o);
		object_fill(o);
	}
	igt_info("%d objects of %" PRIu64 " MiB, local memory of %" PRIu64 " MiB\n",
		 num_objects, bytes / MIB, lmem_bytes() / MIB);
}

static void take_steps(int steps, uint64_t *random)
{
	for (int i = 0; i < steps; i++) {
		struct object *o = &objects[random_next(random) % num_objects];

		object_move(o);
		if (random_next(random) % 4)
			continue;
		object_verify(o, "on the walk");
		object_fill(o);
	}
}

static void oversubscribe(enum places places, int halves)
{
	uint64_t random = seed + halves;

	populate(places, halves);
	take_steps((quick ? 1 : 3) * num_objects, &random);
	objects_verify("after the walk");
}

/* Subtests */

static void create_placements(void)
{
	for (enum places places = LMEM; places <= SMEM_LMEM; places++) {
		struct object *o = object_create(places, MIB);

		object_fill(o);
		object_move(o);
		object_verify(o, "created with placements");
	}
}

static void create_invalid(void)
{
	static const struct drm_i915_gem_memory_class_instance twice[] = {
		{ I915_MEMORY_CLASS_DEVICE, 0 }, { I915_MEMORY_CLASS_DEVICE, 0 },
	};
	static const struct drm_i915_gem_memory_class_instance unknown = { 9, 0 };
	static const struct drm_i915_gem_memory_class_instance far = {
		I915_MEMORY_CLASS_DEVICE, 99,
	};
	uint32_t handle;

	igt_assert(try_create(twice, 2, MIB, &handle) == -EINVAL);
	igt_assert(try_create(&unknown, 1, MIB, &handle) == -EINVAL);
	igt_assert(try_create(&far, 1, MIB, &handle) == -EINVAL);
	igt_assert(try_create(places_of[LMEM], 0, MIB, &handle) == -EINVAL);
	igt_assert(try_create(places_of[LMEM], 1, 0, &handle) == -EINVAL);
}

static void oversubscribe_lmem(void)
{
	oversubscribe(LMEM, 3);
}

static void oversubscribe_lmem_twice(void)
{
	oversubscribe(LMEM, 4);
}

static void oversubscribe_both(void)
{
	oversubscribe(LMEM_SMEM, 3);
}

static void oversubscribe_system_first(void)
{
	oversubscribe(SMEM_LMEM, 3);
}

/* What is in local memory is pushed out by what comes, and comes back by turns. */
static void swap_out_and_in(void)
{
	int residents = num_objects;

	for (int i = 0; i < residents / 2; i++) {
		struct object *guest = object_create(LMEM, object_bytes());

		object_move(guest);
		object_fill(guest);
	}
	objects_verify("while others are there");
	objects_close_from(residents);
	for (int i = 0; i < residents; i++)
		object_move(&objects[i]);
	objects_verify("swapped out and in");
}

static void swapping(void)
{
	populate(LMEM, 2);
	for (int round = 0; round < (quick ? 1 : 3); round++)
		swap_out_and_in();
}

static void expect_zero(const struct object *o)
{
	for (uint64_t at = 0; at < o->bytes / sizeof(*o->words); at++)
		igt_assert_f(!o->words[at], "somebody's bytes at word %" PRIu64 "\n", at);
}

/* Fresh memory is nobody's. */
static void fresh(void)
{
	for (int round = 0; round < 2; round++) {
		populate(LMEM, 3);
		objects_close();
		for (int i = 0; i < PER_LMEM / 2; i++)
			expect_zero(object_create(LMEM, object_bytes()));
		objects_close();
	}
}

/* Each process has its own objects: all together do not fit. */
static void many_processes(void)
{
	igt_fork(child, 3) {
		uint64_t random = seed + child;

		i915 = open_i915();
		igt_assert(i915 >= 0);
		populate(child ? LMEM : LMEM_SMEM, 1);
		take_steps(2 * num_objects, &random);
		objects_verify("among several processes");
	}
	igt_waitchildren_timeout(TIMEOUT_S, "several processes");
}

static const struct {
	const char *name;
	const char *what;
	void (*run)(void);
} subtests[] = {
	{ "create-placements", "One object of each kind of placements.", create_placements },
	{ "create-invalid", "Placements that must be refused.", create_invalid },
	{ "oversubscribe-lmem", "1.5 times local memory, local memory only.",
	  oversubscribe_lmem },
	{ "oversubscribe-lmem-2x", "Twice local memory, local memory only.",
	  oversubscribe_lmem_twice },
	{ "oversubscribe-lmem-smem", "1.5 times local memory, system memory will do.",
	  oversubscribe_both },
	{ "oversubscribe-smem-lmem", "1.5 times local memory, system memory preferred.",
	  oversubscribe_system_first },
	{ "swap", "Objects that others push out come back whole.", swapping },
	{ "fresh", "Fresh local memory reads as zeroes.", fresh },
	{ "many-processes", "Three processes evict each other's objects.", many_processes },
};

static const struct option options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "quick", no_argument, NULL, 'q' },
	{ }
};

static const char help[] =
	"  --seed N\tstart of all random choices (default: 1)\n"
	"  --quick\tless of everything that can be less\n";

static int option(int option, int index, void *data)
{
	(void)index;
	(void)data;
	if (option == 's')
		seed = strtoull(optarg, NULL, 0);
	else if (option == 'q')
		quick = true;
	else
		return IGT_OPT_HANDLER_ERROR;
	return IGT_OPT_HANDLER_SUCCESS;
}

static void run(void (*body)(void))
{
	objects_close();
	igt_set_timeout(TIMEOUT_S, "the end of the subtest");
	body();
	objects_close();
	igt_reset_timeout();
}

static void subtest_run(size_t i)
{
	igt_describe(subtests[i].what);
	igt_subtest(subtests[i].name)
		run(subtests[i].run);
}

int igt_main_args("", options, help, option, NULL)
{
	igt_fixture() {
		i915 = open_i915();
		igt_require_f(i915 >= 0, "there is no device of i915\n");
		igt_require_f(lmem_bytes(), "the device has no local memory\n");
	}

	for (size_t i = 0; i < sizeof(subtests) / sizeof(*subtests); i++)
		subtest_run(i);
}
