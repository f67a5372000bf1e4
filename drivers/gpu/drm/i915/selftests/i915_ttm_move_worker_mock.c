// SPDX-License-Identifier: MIT
/*
 * Selftests of the move worker on the mock device, where no GPU is needed: memory that a
 * mock region describes.
 */
#include "gem/i915_gem_region.h"

#include "mock_gem_device.h"
#include "mock_region.h"

#define MW_REGION_BYTES	SZ_8M
#define MW_REGION_START	SZ_1G

/* A mock region with memory behind it */

/**
 * struct mw_region - a region of the mock device, and the memory that it stands for
 * @mr: the region
 * @mem: its memory
 * @model: what @mem should hold
 * @aperture: leads to @mem
 * @objects: all of the test's objects there
 * @prng: all that is random
 */
struct mw_region {
	struct intel_memory_region *mr;
	u8 *mem;
	u8 *model;
	struct ttm_move_aperture aperture;
	struct list_head objects;
	struct rnd_state prng;
};

static int mw_region_init(struct mw_region *r, struct drm_i915_private *i915)
{
	*r = (struct mw_region) {
		.prng = I915_RND_STATE_INITIALIZER(i915_selftest.random_seed),
	};
	INIT_LIST_HEAD(&r->objects);
	r->mr = mock_region_create(i915, MW_REGION_START, MW_REGION_BYTES, PAGE_SIZE,
				   0, 0);
	if (IS_ERR(r->mr))
		return PTR_ERR(r->mr);

	r->mem = vmalloc(MW_REGION_BYTES);
	r->model = vmalloc(MW_REGION_BYTES);
	if (!r->mem || !r->model)
		return -ENOMEM;

	prandom_bytes_state(&r->prng, r->mem, MW_REGION_BYTES);
	memcpy(r->model, r->mem, MW_REGION_BYTES);
	iosys_map_set_vaddr(&r->aperture.map, r->mem);
	r->aperture.bytes = MW_REGION_BYTES;
	return 0;
}

static void mw_region_free(struct drm_i915_gem_object *obj)
{
	i915_gem_object_lock(obj, NULL);
	i915_gem_object_unpin_pages(obj);
	__i915_gem_object_put_pages(obj);
	i915_gem_object_unlock(obj);
	list_del(&obj->st_link);
	i915_gem_object_put(obj);
}

static void mw_region_fini(struct mw_region *r)
{
	struct drm_i915_gem_object *obj, *next;

	if (IS_ERR(r->mr))
		return;

	list_for_each_entry_safe(obj, next, &r->objects, st_link)
		mw_region_free(obj);
	i915_gem_drain_freed_objects(r->mr->i915);
	intel_memory_region_destroy(r->mr);
	vfree(r->mem);
	vfree(r->model);
}

static struct drm_i915_gem_object *
mw_region_alloc(struct mw_region *r, u64 bytes, unsigned int flags)
{
	struct drm_i915_gem_object *obj;
	int ret;

	obj = i915_gem_object_create_region(r->mr, bytes, 0, flags);
	if (IS_ERR(obj))
		return obj;

	ret = i915_gem_object_pin_pages_unlocked(obj);
	if (ret) {
		i915_gem_object_put(obj);
		return ERR_PTR(ret);
	}
	list_add_tail(&obj->st_link, &r->objects);
	return obj;
}

/* Holes of one to four pages, all over the region. */
static int mw_region_punch(struct mw_region *r)
{
	struct drm_i915_gem_object *obj, *next;

	do {
		u32 pages = 1 + i915_prandom_u32_max_state(4, &r->prng);

		obj = mw_region_alloc(r, pages * PAGE_SIZE, 0);
	} while (!IS_ERR(obj));
	if (PTR_ERR(obj) != -ENXIO)
		return PTR_ERR(obj);

	list_for_each_entry_safe(obj, next, &r->objects, st_link)
		if (i915_prandom_u32_max_state(2, &r->prng))
			mw_region_free(obj);
	return 0;
}

/* Where in the region each page of an object lies. */
static int mw_region_offsets(const struct mw_region *r,
			     struct drm_i915_gem_object *obj, u64 *offsets)
{
	struct sgt_iter iter;
	dma_addr_t addr;
	u64 i = 0;

	for_each_sgt_daddr(addr, iter, obj->mm.pages) {
		if (i == obj->base.size >> PAGE_SHIFT)
			return -EINVAL;
		offsets[i++] = addr - MW_REGION_START;
	}
	return i == obj->base.size >> PAGE_SHIFT ? 0 : -EINVAL;
}

static int mw_region_check(const struct mw_region *r)
{
	u64 i = 0;

	if (!memcmp(r->mem, r->model, MW_REGION_BYTES))
		return 0;

	while (r->mem[i] == r->model[i])
		i++;
	pr_err("byte %llx of the region is %x instead of %x\n", i, r->mem[i],
	       r->model[i]);
	return -EINVAL;
}

/* System pages */

static void mw_pages_free(struct ttm_tt *tt)
{
	while (tt->num_pages)
		__free_page(tt->pages[--tt->num_pages]);
	kvfree(tt->pages);
}

/* The iterators want nothing of the ttm_tt but its pages, and how they are cached. */
static int mw_pages_alloc(struct ttm_tt *tt, u64 bytes)
{
	u32 pages = bytes >> PAGE_SHIFT;

	memset(tt, 0, sizeof(*tt));
	tt->caching = ttm_cached;
	tt->pages = kvcalloc(pages + 1, sizeof(*tt->pages), GFP_KERNEL);
	if (!tt->pages)
		return -ENOMEM;

	for (; tt->num_pages < pages; tt->num_pages++) {
		tt->pages[tt->num_pages] = alloc_page(GFP_KERNEL);
		if (!tt->pages[tt->num_pages]) {
			mw_pages_free(tt);
			return -ENOMEM;
		}
	}
	return 0;
}

/* In an order that no iterator can guess. */
static void mw_pages_mix(struct ttm_tt *tt, struct rnd_state *prng)
{
	u32 i;

	i915_prandom_shuffle(tt->pages, sizeof(*tt->pages), tt->num_pages, prng);
	for (i = 0; i < tt->num_pages; i++)
		prandom_bytes_state(prng, page_address(tt->pages[i]), PAGE_SIZE);
}

/* Copies */

/**
 * struct mw_copy - a copy between an object in a mock region and system pages
 * @r: the region
 * @obj: the object
 * @offsets: of its pages in the region
 * @tt: the system pages
 * @before: what they held before the copy
 * @in: into the region
 * @offset: first byte that is copied
 * @bytes: how many are
 */
struct mw_copy {
	struct mw_region *r;
	struct drm_i915_gem_object *obj;
	u64 *offsets;
	struct ttm_tt tt;
	u8 *before;
	bool in;
	u64 offset;
	u64 bytes;
};

static void mw_copy_fini(struct mw_copy *c)
{
	mw_pages_free(&c->tt);
	kvfree(c->offsets);
	kvfree(c->before);
}

static int mw_copy_init(struct mw_copy *c, struct mw_region *r,
			struct drm_i915_gem_object *obj)
{
	int ret;

	*c = (struct mw_copy) { .r = r, .obj = obj };
	ret = mw_pages_alloc(&c->tt, obj->base.size);
	if (ret)
		return ret;

	c->offsets = kvcalloc(c->tt.num_pages, sizeof(*c->offsets), GFP_KERNEL);
	c->before = kvmalloc(obj->base.size, GFP_KERNEL);
	ret = c->offsets && c->before ? mw_region_offsets(r, obj, c->offsets) : -ENOMEM;
	if (ret)
		mw_copy_fini(c);
	return ret;
}

/* How much of page @i the copy covers, and where in the page it begins. */
static u64 mw_copy_span(const struct mw_copy *c, u32 i, u64 *start)
{
	u64 from = max_t(u64, c->offset, (u64)i << PAGE_SHIFT);
	u64 to = min_t(u64, c->offset + c->bytes, (u64)(i + 1) << PAGE_SHIFT);

	*start = offset_in_page(from);
	return from < to ? to - from : 0;
}

/* The region in the model, and the system pages in @before, as they should become. */
static void mw_copy_model(struct mw_copy *c)
{
	u64 bytes, start;
	u32 i;

	for (i = 0; i < c->tt.num_pages; i++) {
		u8 *page = page_address(c->tt.pages[i]);
		u8 *model = c->r->model + c->offsets[i];
		u8 *before = c->before + ((u64)i << PAGE_SHIFT);

		memcpy(before, page, PAGE_SIZE);
		bytes = mw_copy_span(c, i, &start);
		if (c->in)
			memcpy(model + start, page + start, bytes);
		else
			memcpy(before + start, model + start, bytes);
	}
}

static int mw_copy_check(struct mw_copy *c)
{
	u32 i;

	for (i = 0; i < c->tt.num_pages; i++) {
		if (!memcmp(page_address(c->tt.pages[i]),
			    c->before + ((u64)i << PAGE_SHIFT), PAGE_SIZE))
			continue;
		pr_err("page %u of %u is wrong, %s, from %llx, %llx bytes\n", i,
		       c->tt.num_pages, c->in ? "in" : "out", c->offset, c->bytes);
		return -EINVAL;
	}
	return mw_region_check(c->r);
}

static void mw_copy_mems(struct mw_copy *c, struct ttm_move_mem *dst,
			 struct ttm_move_mem *src)
{
	ttm_move_mem_init_sg(c->in ? dst : src, &c->r->aperture, c->obj->mm.pages,
			     MW_REGION_START, c->obj->base.size);
	ttm_move_mem_init_tt(c->in ? src : dst, &c->tt, PAGE_KERNEL);
}

static int mw_copy_by_call(struct mw_copy *c)
{
	struct ttm_move_mem dst, src;

	mw_copy_mems(c, &dst, &src);
	return ttm_move_copy(&dst, &src, c->offset, c->bytes);
}

/* Without the driver's hold: the test keeps what is copied. */
static int mw_copy_by_job(struct mw_copy *c)
{
	struct ttm_move_device *mdev = mw_mdev(c->r->mr->i915);
	struct ttm_move_job *job = ttm_move_job_create(mdev, NULL);
	struct ttm_move_mem dst, src;
	struct dma_fence *fence;
	int ret;

	if (!job)
		return -ENOMEM;

	mw_copy_mems(c, &dst, &src);
	ret = ttm_move_job_set_copy(job, &dst, &src, c->bytes);
	if (ret) {
		ttm_move_job_drop(job);
		return ret;
	}
	fence = ttm_move_job_arm(job);
	ret = mw_wait(fence) ?: fence->error;
	dma_fence_put(fence);
	return ret;
}

static int mw_copy_once(struct mw_copy *c, int (*copy)(struct mw_copy *c))
{
	mw_pages_mix(&c->tt, &c->r->prng);
	mw_copy_model(c);
	return copy(c) ?: mw_copy_check(c);
}

/* Jobs copy from the beginning. */
static void mw_copy_choose(struct mw_copy *c, bool job)
{
	struct rnd_state *prng = &c->r->prng;
	u32 bytes = c->obj->base.size;

	c->offset = job ? 0 : i915_prandom_u32_max_state(bytes, prng);
	c->bytes = 1 + i915_prandom_u32_max_state(bytes - c->offset, prng);
}

/* Both ways, by call and by job, first all of it and then parts. */
static int mw_copy_object(struct mw_region *r, struct drm_i915_gem_object *obj)
{
	struct mw_copy c;
	unsigned int i;
	int ret;

	ret = mw_copy_init(&c, r, obj);
	if (ret)
		return ret;

	c.bytes = obj->base.size;
	for (i = 0; !ret && i < 12; i++) {
		bool job = i & 2;

		c.in = i & 1;
		if (i >= 4)
			mw_copy_choose(&c, job);
		ret = mw_copy_once(&c, job ? mw_copy_by_job : mw_copy_by_call);
	}
	mw_copy_fini(&c);
	return ret;
}

/* Like the BAR, whose reads go through the routines for uncached memory. */
static void mw_region_as_io(struct mw_region *r)
{
	iosys_map_set_vaddr_iomem(&r->aperture.map, (void __force __iomem *)r->mem);
	r->aperture.plain = true;
}

static int mw_copy_sizes(struct mw_region *r, unsigned int flags)
{
	static const u32 pages[] = { 1, 2, 3, 17, 64, 127 };
	struct drm_i915_gem_object *obj;
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < ARRAY_SIZE(pages); i++) {
		obj = mw_region_alloc(r, pages[i] * PAGE_SIZE, flags);
		if (IS_ERR(obj))
			return PTR_ERR(obj);
		ret = mw_copy_object(r, obj);
	}
	/* The last one is the longest. */
	if (!ret && !(flags & I915_BO_ALLOC_CONTIGUOUS) && obj->mm.pages->nents < 8) {
		pr_err("the region is not in pieces\n");
		ret = -EINVAL;
	}
	return ret;
}

/* Objects of one piece, in a region that is empty otherwise. */
static int mw_mock_contiguous(void *arg)
{
	struct mw_region r;
	int ret;

	ret = mw_region_init(&r, arg) ?: mw_copy_sizes(&r, I915_BO_ALLOC_CONTIGUOUS);
	mw_region_as_io(&r);
	ret = ret ?: mw_copy_sizes(&r, I915_BO_ALLOC_CONTIGUOUS);
	mw_region_fini(&r);
	return ret;
}

/* Objects of many pieces, between others that must not be touched. */
static int mw_mock_fragmented(void *arg)
{
	struct mw_region r;
	int ret;

	ret = mw_region_init(&r, arg) ?: mw_region_punch(&r) ?: mw_copy_sizes(&r, 0);
	mw_region_as_io(&r);
	ret = ret ?: mw_copy_sizes(&r, 0);
	mw_region_fini(&r);
	return ret;
}

#include "i915_ttm_move_worker_jobs.c"

static int mw_mock_teardown(int err, void *i915)
{
	return __i915_nop_teardown(mw_uninterrupted(err), i915);
}

int i915_ttm_move_worker_mock_selftests(void)
{
	static const struct i915_subtest tests[] = {
		SUBTEST(mw_mock_contiguous),
		SUBTEST(mw_mock_fragmented),
		SUBTEST(mw_mock_order),
		SUBTEST(mw_mock_guards),
		SUBTEST(mw_mock_hold),
		SUBTEST(mw_mock_forgiven),
		SUBTEST(mw_mock_hold_dropped),
		SUBTEST(mw_mock_lost),
		SUBTEST(mw_mock_whose),
		SUBTEST(mw_mock_whose_arrays),
	};
	struct drm_i915_private *i915 = mock_gem_device();
	int ret;

	if (!i915)
		return -ENOMEM;

	ret = __i915_subtests(__func__, __i915_nop_setup, mw_mock_teardown,
			      tests, ARRAY_SIZE(tests), i915);
	mock_destroy_device(i915);
	return ret;
}
