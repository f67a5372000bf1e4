// SPDX-License-Identifier: MIT
/*
 * lmem-walk: walks objects through i915's local memory, more of them than it can hold,
 * so that every step evicts others, and verifies every byte. Whatever engine copies
 * them, or none: no command is ever submitted from here.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <i915_drm.h>
#include <linux/dma-buf.h>

#include "pattern.h"

#define MIB	((uint64_t)1 << 20)

struct options {
	const char *device;
	uint64_t object_mib;
	uint64_t times;
	uint64_t rounds;
	uint64_t seed;
	bool quick_check;
	bool guests;
	bool realtime;
};

struct object {
	uint32_t handle;
	int dmabuf;
	uint64_t *words;
};

struct walk {
	struct options opt;
	int fd;
	uint64_t lmem_bytes;
	uint64_t object_bytes;
	uint32_t num_objects;
	struct object *objects;
	uint64_t random;
	uint64_t moves;
	uint64_t failed_moves;
	uint64_t verified_bytes;
	uint64_t mismatched_bytes;
};

static void fail(const char *what)
{
	fprintf(stderr, "lmem-walk: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void xioctl(int fd, unsigned long request, void *argument, const char *what)
{
	while (ioctl(fd, request, argument))
		if (errno != EINTR && errno != EAGAIN)
			fail(what);
}

/* The device */

static void query(struct walk *walk, struct drm_i915_query_item *item)
{
	struct drm_i915_query all = {
		.num_items = 1,
		.items_ptr = (uintptr_t)item,
	};

	item->query_id = DRM_I915_QUERY_MEMORY_REGIONS;
	xioctl(walk->fd, DRM_IOCTL_I915_QUERY, &all, "DRM_IOCTL_I915_QUERY");
	if (item->length < 0) {
		errno = -item->length;
		fail("DRM_I915_QUERY_MEMORY_REGIONS");
	}
}

/* Of all local memory together: how much there is, and how much of it is free. */
static void query_lmem(struct walk *walk, uint64_t *bytes, uint64_t *free_bytes)
{
	struct drm_i915_query_memory_regions *regions;
	struct drm_i915_query_item item = {};

	query(walk, &item);
	regions = calloc(1, item.length);
	if (!regions)
		fail("memory");
	item.data_ptr = (uintptr_t)regions;
	query(walk, &item);
	*bytes = 0;
	*free_bytes = 0;
	for (uint32_t i = 0; i < regions->num_regions; i++) {
		if (regions->regions[i].region.memory_class != I915_MEMORY_CLASS_DEVICE)
			continue;
		*bytes += regions->regions[i].probed_size;
		*free_bytes += regions->regions[i].unallocated_size;
	}
	free(regions);
}

static void walk_open(struct walk *walk)
{
	uint64_t free_bytes;

	walk->fd = open(walk->opt.device, O_RDWR | O_CLOEXEC);
	if (walk->fd < 0)
		fail(walk->opt.device);
	query_lmem(walk, &walk->lmem_bytes, &free_bytes);
	if (!walk->lmem_bytes) {
		fprintf(stderr, "lmem-walk: %s has no local memory: load i915_softgpu first\n",
			walk->opt.device);
		exit(EXIT_FAILURE);
	}
}

/* Objects */

/*
 * In local memory whenever it is used: it may wait elsewhere only while it is not. One
 * that @may_stay_out is content with system memory once it was evicted, as long as local
 * memory is full; i915 takes such pages from TTM's pool.
 */
static uint32_t object_handle(struct walk *walk, bool may_stay_out)
{
	struct drm_i915_gem_memory_class_instance places[] = {
		{ I915_MEMORY_CLASS_DEVICE, 0 },
		{ I915_MEMORY_CLASS_SYSTEM, 0 },
	};
	struct drm_i915_gem_create_ext_memory_regions regions = {
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
		.num_regions = may_stay_out ? 2 : 1,
		.regions = (uintptr_t)places,
	};
	struct drm_i915_gem_create_ext create = {
		.size = walk->object_bytes,
		.extensions = (uintptr_t)&regions,
	};

	xioctl(walk->fd, DRM_IOCTL_I915_GEM_CREATE_EXT, &create,
	       "DRM_IOCTL_I915_GEM_CREATE_EXT");
	return create.handle;
}

static uint64_t *handle_map(struct walk *walk, uint32_t handle)
{
	struct drm_i915_gem_mmap_offset offset = {
		.handle = handle,
		.flags = I915_MMAP_OFFSET_FIXED,
	};
	void *words;

	xioctl(walk->fd, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &offset,
	       "DRM_IOCTL_I915_GEM_MMAP_OFFSET");
	words = mmap(NULL, walk->object_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		     walk->fd, offset.offset);
	if (words == MAP_FAILED)
		fail("mmap");
	return words;
}

/*
 * The mapping stays, so that moves have to revoke it; but not where the time of a move
 * counts, which should be that of the bytes.
 */
static uint64_t *object_map(struct walk *walk, struct object *object)
{
	if (!object->words)
		object->words = handle_map(walk, object->handle);
	return object->words;
}

static void object_unmap(struct walk *walk, struct object *object)
{
	if (!walk->opt.guests)
		return;
	munmap(object->words, walk->object_bytes);
	object->words = NULL;
}

static int object_export(struct walk *walk, uint32_t handle)
{
	struct drm_prime_handle prime = {
		.handle = handle,
		.flags = O_RDWR | O_CLOEXEC,
	};

	xioctl(walk->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime,
	       "DRM_IOCTL_PRIME_HANDLE_TO_FD");
	return prime.fd;
}

static uint64_t object_pattern(struct walk *walk, uint32_t index)
{
	return pattern_base(walk->opt.seed, index, 0);
}

/*
 * Access to an exported object takes its pages: it moves to local memory. A driver whose
 * GPU fails may refuse; then the object must still be whole, wherever it is.
 */
static void dmabuf_move(struct walk *walk, int dmabuf)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	walk->moves++;
	while (ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync)) {
		if (errno == EIO) {
			walk->failed_moves++;
			return;
		}
		if (errno != EINTR && errno != EAGAIN)
			fail("DMA_BUF_IOCTL_SYNC (start)");
	}
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	xioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync, "DMA_BUF_IOCTL_SYNC (end)");
}

static void object_move(struct walk *walk, uint32_t index)
{
	dmabuf_move(walk, walk->objects[index].dmabuf);
}

static void object_create(struct walk *walk, uint32_t index)
{
	struct object *object = &walk->objects[index];

	object->handle = object_handle(walk, walk->opt.guests);
	object->dmabuf = object_export(walk, object->handle);
	/* Before it is mapped, which would be content with system memory. */
	object_move(walk, index);
	pattern_fill(object_map(walk, object), walk->object_bytes,
		     object_pattern(walk, index));
	object_unmap(walk, object);
}

static void object_verify(struct walk *walk, uint32_t index)
{
	struct object *object = &walk->objects[index];
	size_t first_bad = 0, bad;

	bad = pattern_mismatches(object_map(walk, object), walk->object_bytes,
				 object_pattern(walk, index), &first_bad);
	object_unmap(walk, object);
	if (bad)
		printf("object %" PRIu32 ": %zu bytes differ, the first at %zu\n",
		       index, bad, first_bad);
	walk->verified_bytes += walk->object_bytes;
	walk->mismatched_bytes += bad;
}

/* The walk */

static void walk_populate(struct walk *walk)
{
	walk->object_bytes = walk->opt.object_mib * MIB;
	if (walk->opt.guests)
		walk->opt.times = 1;
	walk->num_objects = walk->opt.times * walk->lmem_bytes / walk->object_bytes;
	if (walk->num_objects < 2) {
		fprintf(stderr, "lmem-walk: of %" PRIu64 " MiB: use a smaller --object-mib\n",
			walk->lmem_bytes / MIB);
		exit(EXIT_FAILURE);
	}
	walk->objects = calloc(walk->num_objects, sizeof(*walk->objects));
	if (!walk->objects)
		fail("memory");
	for (uint32_t i = 0; i < walk->num_objects; i++)
		object_create(walk, i);
}

static void walk_verify(struct walk *walk)
{
	for (uint32_t i = 0; i < walk->num_objects; i++)
		object_verify(walk, i);
}

/* i915 frees memory when it comes to it: wait, but not for ever. */
static void wait_for_room(struct walk *walk)
{
	uint64_t bytes, free_bytes;

	for (int tries = 0; tries < 1000; tries++) {
		query_lmem(walk, &bytes, &free_bytes);
		if (free_bytes >= walk->object_bytes)
			return;
		usleep(1000);
	}
	fprintf(stderr, "lmem-walk: local memory stays full, %" PRIu64 " bytes are free\n",
		free_bytes);
	exit(EXIT_FAILURE);
}

/* A guest takes the place of an object, and leaves. */
static void walk_guest(struct walk *walk)
{
	struct drm_gem_close gem_close = { .handle = object_handle(walk, false) };
	struct drm_i915_gem_wait wait = { .bo_handle = gem_close.handle, .timeout_ns = -1 };
	int dmabuf = object_export(walk, gem_close.handle);

	dmabuf_move(walk, dmabuf);
	xioctl(walk->fd, DRM_IOCTL_I915_GEM_WAIT, &wait, "DRM_IOCTL_I915_GEM_WAIT");
	close(dmabuf);
	xioctl(walk->fd, DRM_IOCTL_GEM_CLOSE, &gem_close, "DRM_IOCTL_GEM_CLOSE");
	wait_for_room(walk);
}

static void walk_step(struct walk *walk)
{
	if (!walk->opt.guests) {
		object_move(walk, random_next(&walk->random) % walk->num_objects);
		return;
	}
	walk_guest(walk);
	for (uint32_t i = 0; i < walk->num_objects; i++)
		object_move(walk, i);
}

static void walk_round(struct walk *walk, uint64_t round)
{
	for (uint32_t i = 0; i < walk->num_objects; i++)
		walk_step(walk);
	if (!walk->opt.quick_check)
		walk_verify(walk);
	printf("round %" PRIu64 " of %" PRIu64 ": %" PRIu64 " moves, %" PRIu64 " bytes differ\n",
	       round, walk->opt.rounds, walk->moves, walk->mismatched_bytes);
	fflush(stdout);
}

static void walk_report(const struct walk *walk)
{
	printf("{\"objects\": %" PRIu32 ", \"object_bytes\": %" PRIu64
	       ", \"lmem_bytes\": %" PRIu64 ", \"moves\": %" PRIu64
	       ", \"failed_moves\": %" PRIu64
	       ", \"verified_bytes\": %" PRIu64 ", \"mismatched_bytes\": %" PRIu64 "}\n",
	       walk->num_objects, walk->object_bytes, walk->lmem_bytes, walk->moves,
	       walk->failed_moves, walk->verified_bytes, walk->mismatched_bytes);
}

/* Whoever copies then never takes the processor away in the midst of a move. */
static void become_realtime(void)
{
	struct sched_param priority = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_RR, &priority))
		fail("--realtime, which takes root");
}

/* The command line */

static void print_usage(FILE *out)
{
	fprintf(out,
		"usage: lmem-walk [OPTION]...\n"
		"\n"
		"  --device PATH     i915's node (/dev/dri/card0)\n"
		"  --object-mib N    size of an object, 1 to 1024 (8)\n"
		"  --times N         as many objects as fill local memory so often, 1 to 16 (2)\n"
		"  --rounds N        rounds of as many moves as there are objects, 1 to 1000 (3)\n"
		"  --seed N          start of all random choices (1)\n"
		"  --verify-at-end   once, instead of after every round\n"
		"  --guests          evict objects by short-lived guests, instead of by each\n"
		"                    other; they fill local memory once, whatever --times says\n"
		"  --realtime        with real-time priority, as a compositor\n"
		"\n"
		"The last line is a JSON object. Status 0 if no byte was lost.\n");
}

static uint64_t parse_number(const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || value < min || value > max) {
		fprintf(stderr, "lmem-walk: '%s' is not a number from %" PRIu64 " to %" PRIu64 "\n",
			text, min, max);
		exit(2);
	}
	return value;
}

static void parse(struct options *opt, int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "object-mib", required_argument, NULL, 'o' },
		{ "times", required_argument, NULL, 't' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 's' },
		{ "verify-at-end", no_argument, NULL, 'e' },
		{ "guests", no_argument, NULL, 'g' },
		{ "realtime", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	int key;

	while ((key = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (key) {
		case 'd':
			opt->device = optarg;
			break;
		case 'o':
			opt->object_mib = parse_number(optarg, 1, 1024);
			break;
		case 't':
			opt->times = parse_number(optarg, 1, 16);
			break;
		case 'r':
			opt->rounds = parse_number(optarg, 1, 1000);
			break;
		case 's':
			opt->seed = parse_number(optarg, 0, UINT64_MAX);
			break;
		case 'e':
			opt->quick_check = true;
			break;
		case 'g':
			opt->guests = true;
			break;
		case 'p':
			opt->realtime = true;
			break;
		case 'h':
			print_usage(stdout);
			exit(EXIT_SUCCESS);
		default:
			print_usage(stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fprintf(stderr, "lmem-walk: '%s' is no option: see --help\n", argv[optind]);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct walk walk = {
		.opt = {
			.device = "/dev/dri/card0",
			.object_mib = 8,
			.times = 2,
			.rounds = 3,
			.seed = 1,
		},
	};

	parse(&walk.opt, argc, argv);
	walk.random = walk.opt.seed;
	walk_open(&walk);
	if (walk.opt.realtime)
		become_realtime();
	walk_populate(&walk);
	for (uint64_t round = 1; round <= walk.opt.rounds; round++)
		walk_round(&walk, round);
	if (walk.opt.quick_check)
		walk_verify(&walk);
	walk_report(&walk);
	return walk.mismatched_bytes ? EXIT_FAILURE : EXIT_SUCCESS;
}
