// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Iterators of every kind of memory against a reference that knows the pieces, over
 * random lists of them.
 */
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/io-mapping.h>
#include <linux/kthread.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/ttm/ttm_tt.h>

#include "ttm_move_kunit.h"

#define MVT_MAX_PIECES	24
#define MVT_HALF_PAGES	(MVT_VRAM_PAGES / 2)

/* Of the DMA addresses in a scatter-gather table. */
#ifdef CONFIG_ARCH_DMA_ADDR_T_64BIT
#define MVT_DMA_BASE	0x100000000ull
#else
#define MVT_DMA_BASE	0x80000000ull
#endif

/*
 * Some memory, and what the test knows of it: the pieces that an iterator is to
 * map, one run each.
 */
struct mvt_area {
	struct ttm_move_mem mem;
	struct ttm_move_run pieces[MVT_MAX_PIECES * 4];
	unsigned int num;
	u64 bytes;
	struct page *pages[MVT_HALF_PAGES];
	struct ttm_tt tt;
	struct sg_table st;
	struct io_mapping iomap;
	struct list_head blocks;
};

/* Where the area's byte at @offset is, and how much of its piece is left. */
static void *mvt_area_at(struct mvt *fx, struct mvt_area *area, u64 offset,
			 size_t *left)
{
	struct ttm_move_run *run = area->pieces;

	while (offset >= run->bytes)
		offset -= run++->bytes;
	*left = run->bytes - offset;
	return fx->vram.vaddr + run->start + offset;
}

static void mvt_area_add(struct mvt_area *area, struct ttm_move_run run,
			 bool join)
{
	struct ttm_move_run *last = area->pieces + area->num - 1;

	if (join && area->num && last->start + last->bytes == run.start)
		last->bytes += run.bytes;
	else
		area->pieces[area->num++] = run;
	area->bytes += run.bytes;
}

/* The whole of an area, by the reference. */
static void mvt_area_read(struct mvt *fx, struct mvt_area *area, void *buf)
{
	u64 offset;
	size_t n;

	for (offset = 0; offset < area->bytes; offset += n) {
		void *vaddr = mvt_area_at(fx, area, offset, &n);

		memcpy(buf + offset, vaddr, n);
	}
}

static void mvt_area_write(struct mvt *fx, struct mvt_area *area,
			   const void *buf)
{
	u64 offset;
	size_t n;

	for (offset = 0; offset < area->bytes; offset += n) {
		void *vaddr = mvt_area_at(fx, area, offset, &n);

		memcpy(vaddr, buf + offset, n);
	}
}

/* Ways for the CPU to reach video memory */

static void mvt_aperture_vaddr(struct mvt *fx, struct mvt_area *area,
			       struct ttm_move_aperture *aperture)
{
	*aperture = fx->aperture;
}

static void mvt_aperture_iomem(struct mvt *fx, struct mvt_area *area,
			       struct ttm_move_aperture *aperture)
{
	*aperture = fx->aperture;
	iosys_map_set_vaddr_iomem(&aperture->map, fx->vram.iomem);
}

/* As io_mapping_init_wc() would, but of RAM, which must not be mapped so. */
static void mvt_aperture_iomap(struct mvt *fx, struct mvt_area *area,
			       struct ttm_move_aperture *aperture)
{
	area->iomap.base = virt_to_phys(fx->vram.vaddr);
	area->iomap.size = MVT_VRAM_BYTES;
	area->iomap.prot = PAGE_KERNEL;
	area->iomap.iomem = fx->vram.iomem;
	*aperture = fx->aperture;
	iosys_map_clear(&aperture->map);
	aperture->iomap = &area->iomap;
}

/* Kinds of memory; each in its half of video memory */

/* Pieces of at most three pages, in multiples of @unit, in random order. */
static unsigned int mvt_random_runs(struct mvt *fx, unsigned int half,
				    size_t unit, struct ttm_move_run *runs)
{
	u64 start = (u64)half * MVT_HALF_PAGES << PAGE_SHIFT;
	u64 end = start + ((u64)MVT_HALF_PAGES << PAGE_SHIFT);
	unsigned int i, num = 0, order[MVT_MAX_PIECES];
	struct ttm_move_run sorted[MVT_MAX_PIECES];

	for (; num < MVT_MAX_PIECES; num++) {
		u64 bytes = unit * (1 + mvt_below(fx, 3 * PAGE_SIZE / unit));

		if (bytes > end - start)
			break;
		sorted[num] = (struct ttm_move_run){ start, bytes };
		order[num] = num;
		start += bytes;
		/* Half of them touch the next. */
		if (mvt_below(fx, 2) && start + unit <= end)
			start += unit;
	}

	/* In order, one time out of four. */
	if (mvt_below(fx, 4))
		mvt_shuffle(fx, order, num);
	for (i = 0; i < num; i++)
		runs[i] = sorted[order[i]];
	return num;
}

/* The memory may end within its last piece. */
static u64 mvt_random_bytes(struct mvt *fx, struct mvt_area *area)
{
	area->bytes -= mvt_below(fx, area->pieces[area->num - 1].bytes);
	return area->bytes;
}

static bool mvt_pages_are_linear(void)
{
	return !IS_ENABLED(CONFIG_HIGHMEM) &&
	       !IS_ENABLED(CONFIG_DEBUG_KMAP_LOCAL_FORCE_MAP) &&
	       !IS_ENABLED(CONFIG_KASAN_SW_TAGS) &&
	       !IS_ENABLED(CONFIG_KASAN_HW_TAGS);
}

static void mvt_area_add_page(struct mvt *fx, struct mvt_area *area, u64 start)
{
	area->pages[area->tt.num_pages++] = virt_to_page(fx->vram.vaddr + start);
	mvt_area_add(area, (struct ttm_move_run){ start, PAGE_SIZE },
		     mvt_pages_are_linear());
}

static void mvt_area_init_tt(struct mvt *fx, struct mvt_area *area,
			     unsigned int half,
			     const struct ttm_move_aperture *aperture)
{
	struct ttm_move_run runs[MVT_MAX_PIECES];
	unsigned int i, num = mvt_random_runs(fx, half, PAGE_SIZE, runs);
	u64 offset;

	area->tt.caching = ttm_cached;
	area->tt.pages = area->pages;
	for (i = 0; i < num; i++)
		for (offset = 0; offset < runs[i].bytes; offset += PAGE_SIZE)
			mvt_area_add_page(fx, area, runs[i].start + offset);
	ttm_move_mem_init_tt(&area->mem, &area->tt, PAGE_KERNEL);
}

static void mvt_area_init_linear(struct mvt *fx, struct mvt_area *area,
				 unsigned int half,
				 const struct ttm_move_aperture *aperture)
{
	u64 bytes = (u64)(MVT_HALF_PAGES / 2) << PAGE_SHIFT;
	u64 start = (2 * half + mvt_below(fx, 2)) * bytes;

	start += mvt_below(fx, PAGE_SIZE);
	bytes -= PAGE_SIZE + mvt_below(fx, PAGE_SIZE);
	mvt_area_add(area, (struct ttm_move_run){ start, bytes }, false);
	ttm_move_mem_init_linear(&area->mem, aperture, start, bytes);
}

static void mvt_sg_set(struct scatterlist *sg, struct ttm_move_run run)
{
	sg_dma_address(sg) = MVT_DMA_BASE + run.start;
	sg_dma_len(sg) = run.bytes;
}

static void mvt_area_init_runs(struct mvt *fx, struct mvt_area *area,
			       const struct ttm_move_run *runs, unsigned int num)
{
	struct scatterlist *sg;
	unsigned int i;

	KUNIT_ASSERT_EQ(fx->test, sg_alloc_table(&area->st, num, GFP_KERNEL), 0);
	for_each_sgtable_sg(&area->st, sg, i) {
		mvt_sg_set(sg, runs[i]);
		mvt_area_add(area, runs[i], true);
	}
}

static void mvt_area_init_sg(struct mvt *fx, struct mvt_area *area,
			     unsigned int half,
			     const struct ttm_move_aperture *aperture)
{
	struct ttm_move_run runs[MVT_MAX_PIECES];
	unsigned int num = mvt_random_runs(fx, half, 256, runs);

	mvt_area_init_runs(fx, area, runs, num);
	ttm_move_mem_init_sg(&area->mem, aperture, &area->st, MVT_DMA_BASE,
			     mvt_random_bytes(fx, area));
}

static void mvt_buddy_alloc(struct mvt *fx, struct mvt_area *area,
			    unsigned int half)
{
	u64 start = (u64)half * MVT_HALF_PAGES << PAGE_SHIFT;
	u64 end = start + ((u64)MVT_HALF_PAGES << PAGE_SHIFT);
	u64 bytes = (u64)(1 + mvt_below(fx, 3)) << PAGE_SHIFT;
	LIST_HEAD(piece);

	if (!gpu_buddy_alloc_blocks(&fx->vram.mm, start, end, bytes, PAGE_SIZE,
				    &piece, GPU_BUDDY_RANGE_ALLOCATION)) {
		if (mvt_below(fx, 2))
			list_splice(&piece, &area->blocks);
		else
			list_splice_tail(&piece, &area->blocks);
	}
}

static void mvt_area_init_blocks(struct mvt *fx, struct mvt_area *area,
				 unsigned int half)
{
	struct gpu_buddy *mm = &fx->vram.mm;
	struct gpu_buddy_block *block;
	unsigned int i;

	for (i = 0; i < MVT_MAX_PIECES / 2; i++)
		mvt_buddy_alloc(fx, area, half);
	list_for_each_entry(block, &area->blocks, link)
		mvt_area_add(area, (struct ttm_move_run){
					gpu_buddy_block_offset(block),
					gpu_buddy_block_size(mm, block) }, true);
}

static void mvt_area_init_buddy(struct mvt *fx, struct mvt_area *area,
				unsigned int half,
				const struct ttm_move_aperture *aperture)
{
	mvt_area_init_blocks(fx, area, half);
	ttm_move_mem_init_buddy(&area->mem, aperture, &fx->vram.mm,
				&area->blocks, mvt_random_bytes(fx, area));
}

/* A snapshot, whose original is gone */

static void mvt_sg_poison(struct sg_table *st)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(st, sg, i)
		mvt_sg_set(sg, (struct ttm_move_run){ 0, PAGE_SIZE });
	sg_free_table(st);
}

static void mvt_area_init_sg_snapshot(struct mvt *fx, struct mvt_area *area,
				      unsigned int half,
				      const struct ttm_move_aperture *aperture)
{
	struct ttm_move_run runs[MVT_MAX_PIECES];
	unsigned int num = mvt_random_runs(fx, half, 256, runs);

	mvt_area_init_runs(fx, area, runs, num);
	ttm_move_mem_init_sg(&area->mem, aperture, &area->st, MVT_DMA_BASE,
			     mvt_random_bytes(fx, area));
	KUNIT_EXPECT_EQ(fx->test, ttm_move_mem_snapshot(&area->mem), 0);
	mvt_sg_poison(&area->st);
}

static void mvt_area_init_buddy_snapshot(struct mvt *fx, struct mvt_area *area,
					 unsigned int half,
					 const struct ttm_move_aperture *aperture)
{
	mvt_area_init_blocks(fx, area, half);
	ttm_move_mem_init_buddy(&area->mem, aperture, &fx->vram.mm,
				&area->blocks, mvt_random_bytes(fx, area));
	KUNIT_EXPECT_EQ(fx->test, ttm_move_mem_snapshot(&area->mem), 0);
	gpu_buddy_free_list(&fx->vram.mm, &area->blocks, 0);
}

struct mvt_kind {
	const char *name;
	void (*init)(struct mvt *fx, struct mvt_area *area, unsigned int half,
		     const struct ttm_move_aperture *aperture);
	void (*init_aperture)(struct mvt *fx, struct mvt_area *area,
			      struct ttm_move_aperture *aperture);
};

#define MVT_KIND(kind, aperture)					\
	{ #kind "_" #aperture, mvt_area_init_##kind, mvt_aperture_##aperture }

static const struct mvt_kind mvt_kinds[] = {
	{ "tt", mvt_area_init_tt, mvt_aperture_vaddr },
	MVT_KIND(linear, vaddr),
	MVT_KIND(linear, iomem),
	MVT_KIND(linear, iomap),
	MVT_KIND(sg, vaddr),
	MVT_KIND(sg, iomem),
	MVT_KIND(sg, iomap),
	MVT_KIND(buddy, vaddr),
	MVT_KIND(buddy, iomem),
	MVT_KIND(buddy, iomap),
	MVT_KIND(sg_snapshot, vaddr),
	MVT_KIND(sg_snapshot, iomem),
	MVT_KIND(sg_snapshot, iomap),
	MVT_KIND(buddy_snapshot, vaddr),
	MVT_KIND(buddy_snapshot, iomem),
	MVT_KIND(buddy_snapshot, iomap),
};

KUNIT_ARRAY_PARAM_DESC(mvt_kind, mvt_kinds, name);

static struct mvt_area *mvt_area_alloc(struct mvt *fx)
{
	struct mvt_area *area = kunit_kzalloc(fx->test, sizeof(*area),
					      GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, area);
	INIT_LIST_HEAD(&area->blocks);
	return area;
}

static struct mvt_area *mvt_area_create(struct mvt *fx,
					const struct mvt_kind *kind,
					unsigned int half)
{
	struct mvt_area *area = mvt_area_alloc(fx);
	struct ttm_move_aperture aperture;

	kind->init_aperture(fx, area, &aperture);
	kind->init(fx, area, half, &aperture);
	return area;
}

static void mvt_area_put(struct mvt *fx, struct mvt_area *area)
{
	ttm_move_mem_fini(&area->mem);
	gpu_buddy_free_list(&fx->vram.mm, &area->blocks, 0);
	sg_free_table(&area->st);
	kunit_kfree(fx->test, area);
}

static void *mvt_buf_alloc(struct mvt *fx)
{
	void *buf = kunit_kmalloc(fx->test, MVT_VRAM_BYTES, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, buf);
	return buf;
}

/* No two places look the same. */
static void mvt_vram_randomise(struct mvt *fx)
{
	prandom_bytes_state(&fx->rnd, fx->vram.vaddr, MVT_VRAM_BYTES);
}

/* Without a dump of what may be a lot of bytes. */
static bool mvt_expect_same(struct mvt *fx, const void *vaddr, const void *want,
			    size_t bytes)
{
	bool same = !memcmp(vaddr, want, bytes);

	KUNIT_EXPECT_TRUE(fx->test, same);
	return same;
}

/* Walks */

/* Where an io_mapping is mapped page by page, a run ends with its page. */
static size_t mvt_map_limit(const struct mvt_area *area, const void *vaddr)
{
	if (IS_ENABLED(CONFIG_HAVE_ATOMIC_IOMAP) && area->mem.aperture.iomap)
		return PAGE_SIZE - offset_in_page(vaddr);
	return SIZE_MAX;
}

/* One run, by the iterator and by the reference; returns its length. */
static size_t mvt_check_run(struct mvt *fx, struct ttm_move_iter *iter,
			    struct mvt_area *area, u64 offset, size_t max,
			    void *buf)
{
	struct iosys_map map;
	size_t left, want;
	void *vaddr = mvt_area_at(fx, area, offset, &left);
	ssize_t n;

	want = min3((u64)left, (u64)max, area->bytes - offset);
	want = min(want, mvt_map_limit(area, vaddr));
	n = ttm_move_iter_map(iter, offset, max, &map);
	KUNIT_EXPECT_EQ(fx->test, n, want);
	if (n != want)
		return 0;

	iosys_map_memcpy_from(buf, &map, 0, n);
	ttm_move_iter_unmap(iter, &map);
	return mvt_expect_same(fx, buf, vaddr, n) ? n : 0;
}

static void mvt_walk_forward(struct mvt *fx, struct mvt_area *area,
			     size_t limit, void *buf)
{
	struct ttm_move_iter iter;
	u64 offset = 0;
	size_t n;

	ttm_move_iter_init(&iter, &area->mem);
	while (offset < area->bytes) {
		n = mvt_check_run(fx, &iter, area, offset,
				  limit ? 1 + mvt_below(fx, limit) : SIZE_MAX,
				  buf);
		if (!n)
			return;
		offset += n;
	}
}

static void mvt_walk_backward(struct mvt *fx, struct mvt_area *area, void *buf)
{
	u64 offset = area->bytes;
	struct ttm_move_iter iter;

	ttm_move_iter_init(&iter, &area->mem);
	while (offset) {
		offset -= min_t(u64, offset, 1 + mvt_below(fx, 2 * PAGE_SIZE));
		mvt_check_run(fx, &iter, area, offset, SIZE_MAX, buf);
	}
}

static void mvt_walk_randomly(struct mvt *fx, struct mvt_area *area, void *buf)
{
	struct ttm_move_iter iter;
	unsigned int i;

	ttm_move_iter_init(&iter, &area->mem);
	for (i = 0; i < 100; i++)
		mvt_check_run(fx, &iter, area, mvt_below(fx, area->bytes),
			      1 + mvt_below(fx, 4 * PAGE_SIZE), buf);
}

static void mvt_walk(struct mvt *fx, struct mvt_area *area)
{
	void *buf = mvt_buf_alloc(fx);

	mvt_walk_forward(fx, area, 0, buf);
	mvt_walk_forward(fx, area, 2 * PAGE_SIZE, buf);
	mvt_walk_backward(fx, area, buf);
	mvt_walk_randomly(fx, area, buf);
	kunit_kfree(fx->test, buf);
}

static void ttm_move_iter_maps_what_the_reference_says(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_area *area;
	unsigned int i;

	mvt_seed(fx);
	mvt_vram_randomise(fx);
	for (i = 0; i < 8; i++) {
		area = mvt_area_create(fx, test->param_value, i % 2);
		mvt_walk(fx, area);
		mvt_area_put(fx, area);
	}
}

static void mvt_expect_unreachable(struct mvt *fx, const struct ttm_move_mem *mem,
				   u64 offset, size_t max)
{
	struct ttm_move_iter iter;
	struct iosys_map map;

	ttm_move_iter_init(&iter, mem);
	KUNIT_EXPECT_EQ(fx->test, ttm_move_iter_map(&iter, offset, max, &map),
			-EFAULT);
}

static void ttm_move_iter_stays_in_its_memory(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_area *area;

	mvt_seed(fx);
	area = mvt_area_create(fx, test->param_value, 0);
	mvt_expect_unreachable(fx, &area->mem, area->bytes, 1);
	mvt_expect_unreachable(fx, &area->mem, U64_MAX, 1);
	mvt_expect_unreachable(fx, &area->mem, 0, 0);
	mvt_area_put(fx, area);
}

static void ttm_move_iter_stays_in_the_aperture(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_mem mem;

	ttm_move_mem_init_linear(&mem, &fx->aperture, MVT_VRAM_BYTES - PAGE_SIZE,
				 2 * PAGE_SIZE);
	mvt_expect_unreachable(fx, &mem, 0, 2 * PAGE_SIZE);
	mvt_expect_unreachable(fx, &mem, PAGE_SIZE, PAGE_SIZE);
	ttm_move_mem_init_linear(&mem, &fx->aperture, U64_MAX - PAGE_SIZE,
				 PAGE_SIZE);
	mvt_expect_unreachable(fx, &mem, 0, PAGE_SIZE);
}

/* Nor does a job take it, for all of its length. */
static void mvt_expect_no_job(struct mvt *fx, struct ttm_move_mem *mem)
{
	struct ttm_move_job *job = mvt_job_create(fx);

	KUNIT_EXPECT_EQ(fx->test, ttm_move_job_set_clear(job, mem, mem->bytes),
			-EINVAL);
	ttm_move_job_drop(job);
}

/* The list of pieces ends before the memory does. */
static void ttm_move_iter_stays_in_its_list(struct kunit *test)
{
	const struct ttm_move_run run = { 0, PAGE_SIZE };
	struct mvt *fx = test->priv;
	struct mvt_area *area = mvt_area_alloc(fx);

	mvt_area_init_runs(fx, area, &run, 1);
	ttm_move_mem_init_sg(&area->mem, &fx->aperture, &area->st, MVT_DMA_BASE,
			     2 * PAGE_SIZE);
	mvt_expect_unreachable(fx, &area->mem, PAGE_SIZE, 1);
	mvt_expect_no_job(fx, &area->mem);
	KUNIT_EXPECT_EQ(test, ttm_move_mem_snapshot(&area->mem), 0);
	mvt_expect_unreachable(fx, &area->mem, PAGE_SIZE, 1);
	mvt_expect_no_job(fx, &area->mem);
	mvt_area_put(fx, area);
}

static void ttm_move_iter_stays_in_its_blocks(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_area *area = mvt_area_alloc(fx);

	mvt_area_init_blocks(fx, area, 0);
	ttm_move_mem_init_buddy(&area->mem, &fx->aperture, &fx->vram.mm,
				&area->blocks, area->bytes + PAGE_SIZE);
	mvt_expect_unreachable(fx, &area->mem, area->bytes, 1);
	mvt_expect_no_job(fx, &area->mem);
	mvt_area_put(fx, area);
}

/* Mapping for DMA has joined entries, and left those behind them without a length. */
static void ttm_move_iter_stays_in_what_is_mapped(struct kunit *test)
{
	const struct ttm_move_run runs[] = {
		{ 0, PAGE_SIZE }, { 2 * PAGE_SIZE, 0 }, { 4 * PAGE_SIZE, PAGE_SIZE },
	};
	struct mvt *fx = test->priv;
	struct mvt_area *area = mvt_area_alloc(fx);

	mvt_area_init_runs(fx, area, runs, ARRAY_SIZE(runs));
	ttm_move_mem_init_sg(&area->mem, &fx->aperture, &area->st, MVT_DMA_BASE,
			     2 * PAGE_SIZE);
	mvt_expect_unreachable(fx, &area->mem, PAGE_SIZE, 1);
	KUNIT_EXPECT_EQ(test, ttm_move_mem_num_runs(&area->mem), 1);
	mvt_area_put(fx, area);
}

static void ttm_move_iter_misses_a_page(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_area *area = mvt_area_alloc(fx);
	struct ttm_move_iter iter;
	struct iosys_map map;
	ssize_t n;

	mvt_area_add_page(fx, area, 0);
	area->tt.caching = ttm_cached;
	area->tt.pages = area->pages;
	area->tt.num_pages = 2;
	ttm_move_mem_init_tt(&area->mem, &area->tt, PAGE_KERNEL);
	mvt_expect_unreachable(fx, &area->mem, PAGE_SIZE, PAGE_SIZE);

	ttm_move_iter_init(&iter, &area->mem);
	n = ttm_move_iter_map(&iter, 0, 2 * PAGE_SIZE, &map);
	KUNIT_EXPECT_EQ(test, n, PAGE_SIZE);
	ttm_move_iter_unmap(&iter, &map);
	mvt_area_put(fx, area);
}

/* How far the pages reach that lie side by side, from page @i on. */
static size_t mvt_tt_reach(const struct ttm_tt *tt, unsigned int i)
{
	size_t bytes = PAGE_SIZE;

	while (mvt_pages_are_linear() && ++i < tt->num_pages &&
	       page_to_pfn(tt->pages[i]) == page_to_pfn(tt->pages[i - 1]) + 1)
		bytes += PAGE_SIZE;
	return bytes;
}

static void mvt_expect_run(struct mvt *fx, const struct ttm_move_mem *mem,
			   u64 offset, size_t bytes)
{
	struct ttm_move_iter iter;
	struct iosys_map map;

	ttm_move_iter_init(&iter, mem);
	KUNIT_EXPECT_EQ(fx->test,
			ttm_move_iter_map(&iter, offset, SIZE_MAX, &map), bytes);
	ttm_move_iter_unmap(&iter, &map);
}

/* TTM's pool hands out several pages at once, and says how many in the first one. */
static void ttm_move_iter_maps_allocations_as_a_whole(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_VRAM_PAGES,
						  TTM_PL_SYSTEM);
	struct ttm_tt *tt = mbo->base.ttm;
	struct ttm_move_mem mem;
	unsigned int i, pages, longest = 1;

	ttm_move_mem_init_tt(&mem, tt, PAGE_KERNEL);
	for (i = 0; i < tt->num_pages; i += pages) {
		pages = 1 << tt->pages[i]->private;
		longest = max(longest, pages);
		KUNIT_EXPECT_GE(test, mvt_tt_reach(tt, i),
				mvt_pages_are_linear() ? pages * PAGE_SIZE : 1);
		mvt_expect_run(fx, &mem, (u64)i << PAGE_SHIFT,
			       mvt_tt_reach(tt, i));
	}
	if (longest == 1)
		kunit_skip(test, "TTM's pool had only single pages");
}

/* Snapshots */

#define MVT_SCATTERED_RUNS	(TTM_MOVE_INLINE_RUNS + 1)

/* @num single pages that are @stride pages apart. */
static void mvt_area_init_strided(struct mvt *fx, struct mvt_area *area,
				  unsigned int num, unsigned int stride)
{
	struct ttm_move_run runs[MVT_SCATTERED_RUNS];
	unsigned int i;

	for (i = 0; i < num; i++) {
		runs[i].start = (u64)i * stride << PAGE_SHIFT;
		runs[i].bytes = PAGE_SIZE;
	}
	mvt_area_init_runs(fx, area, runs, num);
	ttm_move_mem_init_sg(&area->mem, &fx->aperture, &area->st, MVT_DMA_BASE,
			     area->bytes);
}

static void mvt_check_snapshot(struct mvt *fx, unsigned int num,
			       unsigned int stride, unsigned int runs,
			       unsigned int allocs)
{
	struct mvt_area *area = mvt_area_alloc(fx);

	mvt_area_init_strided(fx, area, num, stride);
	mvt_allocs_reset(fx);
	KUNIT_EXPECT_EQ(fx->test, ttm_move_mem_num_runs(&area->mem), runs);
	KUNIT_EXPECT_EQ(fx->test, ttm_move_mem_snapshot(&area->mem), 0);
	KUNIT_EXPECT_EQ(fx->test, ttm_move_mem_num_runs(&area->mem), runs);
	KUNIT_EXPECT_EQ(fx->test, fx->allocs.count, allocs);
	mvt_area_put(fx, area);
}

static void ttm_move_snapshot_allocates_for_long_lists_only(struct kunit *test)
{
	struct mvt *fx = test->priv;

	mvt_check_snapshot(fx, 1, 2, 1, 0);
	mvt_check_snapshot(fx, TTM_MOVE_INLINE_RUNS, 2, TTM_MOVE_INLINE_RUNS, 0);
	mvt_check_snapshot(fx, MVT_SCATTERED_RUNS, 2, MVT_SCATTERED_RUNS, 1);
}

static void ttm_move_snapshot_joins_neighbours(struct kunit *test)
{
	mvt_check_snapshot(test->priv, MVT_SCATTERED_RUNS, 1, 1, 0);
}

/* The memory ends before the list of its pieces does. */
static void ttm_move_snapshot_leaves_out_what_is_behind(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_area *area = mvt_area_alloc(fx);

	mvt_area_init_strided(fx, area, MVT_SCATTERED_RUNS, 2);
	area->mem.bytes = PAGE_SIZE + 1;
	KUNIT_EXPECT_EQ(test, ttm_move_mem_num_runs(&area->mem), 2);
	KUNIT_EXPECT_EQ(test, ttm_move_mem_snapshot(&area->mem), 0);
	KUNIT_EXPECT_EQ(test, ttm_move_mem_num_runs(&area->mem), 2);
	KUNIT_EXPECT_EQ(test, area->mem.inline_runs[1].bytes, 1);
	mvt_area_put(fx, area);
}

static void ttm_move_snapshot_failure_changes_nothing(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_area *area = mvt_area_alloc(fx);
	struct ttm_move_mem before;

	mvt_seed(fx);
	mvt_vram_randomise(fx);
	mvt_area_init_strided(fx, area, MVT_SCATTERED_RUNS, 2);
	before = area->mem;
	fx->allocs.fail_all = true;
	KUNIT_EXPECT_EQ(test, ttm_move_mem_snapshot(&area->mem), -ENOMEM);
	KUNIT_EXPECT_MEMEQ(test, &area->mem, &before, sizeof(before));
	mvt_walk(fx, area);
	mvt_area_put(fx, area);
}

/* These borrow nothing that TTM frees at once. */
static void ttm_move_snapshot_leaves_others_alone(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_area *area = mvt_area_alloc(fx);
	struct ttm_move_mem before;

	fx->allocs.fail_all = true;
	mvt_area_init_linear(fx, area, 0, &fx->aperture);
	before = area->mem;
	KUNIT_EXPECT_EQ(test, ttm_move_mem_num_runs(&area->mem), 1);
	KUNIT_EXPECT_EQ(test, ttm_move_mem_snapshot(&area->mem), 0);
	KUNIT_EXPECT_MEMEQ(test, &area->mem, &before, sizeof(before));

	mvt_area_init_tt(fx, area, 0, &fx->aperture);
	before = area->mem;
	KUNIT_EXPECT_EQ(test, ttm_move_mem_num_runs(&area->mem), 0);
	KUNIT_EXPECT_EQ(test, ttm_move_mem_snapshot(&area->mem), 0);
	KUNIT_EXPECT_MEMEQ(test, &area->mem, &before, sizeof(before));
	mvt_area_put(fx, area);
}

/* Copies */

/* What a copy is checked with: everything as it was before. */
struct mvt_image {
	void *vram;
	void *dst;
	void *src;
	void *now;
};

static void mvt_image_init(struct mvt *fx, struct mvt_image *image)
{
	image->vram = mvt_buf_alloc(fx);
	image->dst = mvt_buf_alloc(fx);
	image->src = mvt_buf_alloc(fx);
	image->now = mvt_buf_alloc(fx);
}

static void mvt_image_take(struct mvt *fx, struct mvt_image *image,
			   struct mvt_area *dst, struct mvt_area *src)
{
	memcpy(image->vram, fx->vram.vaddr, MVT_VRAM_BYTES);
	mvt_area_read(fx, dst, image->dst);
	mvt_area_read(fx, src, image->src);
}

/* Exactly @bytes at @offset of @dst are @want now, and nothing else changed. */
static void mvt_image_check(struct mvt *fx, struct mvt_image *image,
			    struct mvt_area *dst, const void *want, u64 offset,
			    u64 bytes)
{
	u64 end = offset + bytes;

	mvt_area_read(fx, dst, image->now);
	mvt_expect_same(fx, image->now, image->dst, offset);
	mvt_expect_same(fx, image->now + offset, want, bytes);
	mvt_expect_same(fx, image->now + end, image->dst + end,
			dst->bytes - end);

	mvt_area_write(fx, dst, image->dst);
	mvt_expect_same(fx, fx->vram.vaddr, image->vram, MVT_VRAM_BYTES);
}

static void mvt_check_copy(struct mvt *fx, struct mvt_image *image,
			   struct mvt_area *dst, struct mvt_area *src)
{
	u64 limit = min(dst->bytes, src->bytes);
	u64 offset = mvt_below(fx, limit);
	u64 bytes = 1 + mvt_below(fx, limit - offset);

	mvt_image_take(fx, image, dst, src);
	KUNIT_EXPECT_EQ(fx->test,
			ttm_move_copy(&dst->mem, &src->mem, offset, bytes), 0);
	mvt_image_check(fx, image, dst, image->src + offset, offset, bytes);
}

/* To one kind of memory from each. */
static void ttm_move_copy_between_all_memories(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_area *dst, *src;
	struct mvt_image image;
	unsigned int i;

	mvt_seed(fx);
	mvt_vram_randomise(fx);
	mvt_image_init(fx, &image);
	for (i = 0; i < ARRAY_SIZE(mvt_kinds); i++) {
		dst = mvt_area_create(fx, test->param_value, i % 2);
		src = mvt_area_create(fx, &mvt_kinds[i], !(i % 2));
		mvt_check_copy(fx, &image, dst, src);
		mvt_area_put(fx, src);
		mvt_area_put(fx, dst);
	}
}

static void mvt_check_clear(struct mvt *fx, struct mvt_image *image,
			    struct mvt_area *dst, const void *zeroes)
{
	u64 offset = mvt_below(fx, dst->bytes);
	u64 bytes = 1 + mvt_below(fx, dst->bytes - offset);

	mvt_image_take(fx, image, dst, dst);
	KUNIT_EXPECT_EQ(fx->test, ttm_move_clear(&dst->mem, offset, bytes), 0);
	mvt_image_check(fx, image, dst, zeroes, offset, bytes);
}

static void ttm_move_clear_all_memories(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_image image;
	struct mvt_area *dst;
	unsigned int i;
	void *zeroes;

	mvt_seed(fx);
	mvt_vram_randomise(fx);
	mvt_image_init(fx, &image);
	zeroes = mvt_buf_alloc(fx);
	memset(zeroes, 0, MVT_VRAM_BYTES);
	for (i = 0; i < 8; i++) {
		dst = mvt_area_create(fx, test->param_value, i % 2);
		mvt_check_clear(fx, &image, dst, zeroes);
		mvt_area_put(fx, dst);
	}
}

/* Memory that watches how it is mapped */

/**
 * struct mvt_watch - what is mapped, and how well the copy behaves
 * @maps: mappings that have not been undone, in the order in which they were made
 * @num: length of @maps
 * @swapped: mappings that were undone out of order
 * @longest: longest piece that was asked for
 * @paged: memory of which each page is mapped on its own, or NULL
 * @pages: how often @paged was mapped
 * @wholes: how often other memory was
 * @rival: a task that wants the CPU from when a piece is mapped, or NULL
 * @offers: how often it was woken
 * @turns: how often it got the CPU
 * @ignored: pieces that were mapped before it got the CPU
 */
struct mvt_watch {
	const struct ttm_move_iter *maps[4];
	unsigned int num;
	unsigned int swapped;
	size_t longest;
	const struct ttm_move_mem *paged;
	unsigned int pages;
	unsigned int wholes;
	struct task_struct *rival;
	unsigned int offers;
	unsigned int turns;
	unsigned int ignored;
};

/* One test at a time. */
static struct mvt_watch mvt_watch;

static void mvt_watch_offer(struct mvt_watch *watch)
{
	watch->ignored += watch->turns != watch->offers;
	watch->offers++;
	wake_up_process(watch->rival);
}

static size_t mvt_watch_limit(struct mvt_watch *watch,
			      const struct ttm_move_mem *mem, u64 offset)
{
	if (mem == watch->paged) {
		watch->pages++;
		return PAGE_SIZE - offset_in_page(offset);
	}
	watch->wholes++;
	return SIZE_MAX;
}

static ssize_t mvt_watch_map(struct ttm_move_iter *iter, u64 offset, size_t max,
			     struct iosys_map *map)
{
	struct mvt_watch *watch = &mvt_watch;

	if (watch->num == ARRAY_SIZE(watch->maps))
		return -ENOSPC;
	watch->maps[watch->num++] = iter;
	watch->longest = max(watch->longest, max);
	*map = iter->mem->aperture.map;
	iosys_map_incr(map, offset);
	if (watch->rival && watch->num == 1)
		mvt_watch_offer(watch);
	return min(max, mvt_watch_limit(watch, iter->mem, offset));
}

static void mvt_watch_unmap(struct ttm_move_iter *iter, struct iosys_map *map)
{
	struct mvt_watch *watch = &mvt_watch;

	if (watch->num)
		watch->swapped += watch->maps[--watch->num] != iter;
}

static const struct ttm_move_mem_ops mvt_watch_ops = {
	.map = mvt_watch_map,
	.unmap = mvt_watch_unmap,
};

#define MVT_WATCH_BYTES	(MVT_VRAM_BYTES / 2)

static void mvt_watch_init(struct mvt *fx, struct ttm_move_mem *mem,
			   unsigned int half, u64 bytes)
{
	memset(mem, 0, sizeof(*mem));
	mem->ops = &mvt_watch_ops;
	mem->bytes = bytes;
	iosys_map_set_vaddr(&mem->aperture.map,
			    fx->vram.vaddr + half * MVT_WATCH_BYTES);
}

/* Local mappings are undone in the reverse order, and none is left. */
static void ttm_move_copy_unmaps_in_reverse_order(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_mem dst, src;

	mvt_watch = (struct mvt_watch){};
	mvt_watch_init(fx, &dst, 0, MVT_WATCH_BYTES);
	mvt_watch_init(fx, &src, 1, MVT_WATCH_BYTES);
	KUNIT_EXPECT_EQ(test, ttm_move_copy(&dst, &src, 0, MVT_WATCH_BYTES), 0);
	KUNIT_EXPECT_EQ(test, ttm_move_clear(&dst, 0, MVT_WATCH_BYTES), 0);
	KUNIT_EXPECT_EQ(test, mvt_watch.num, 0);
	KUNIT_EXPECT_EQ(test, mvt_watch.swapped, 0);
}

/* Of the end that is contiguous no more pieces are made than there have to be. */
static void ttm_move_copy_maps_runs_once(struct kunit *test)
{
	const unsigned int pages = MVT_WATCH_BYTES / PAGE_SIZE;
	struct mvt *fx = test->priv;
	struct ttm_move_mem dst, src;

	mvt_watch = (struct mvt_watch){ .paged = &src };
	mvt_watch_init(fx, &dst, 0, MVT_WATCH_BYTES);
	mvt_watch_init(fx, &src, 1, MVT_WATCH_BYTES);
	KUNIT_EXPECT_EQ(test, ttm_move_copy(&dst, &src, 0, MVT_WATCH_BYTES), 0);
	KUNIT_EXPECT_EQ(test, mvt_watch.pages, pages);
	KUNIT_EXPECT_EQ(test, mvt_watch.wholes, MVT_WATCH_BYTES / SZ_64K);

	/* Of two ends that are, both. */
	mvt_watch = (struct mvt_watch){};
	KUNIT_EXPECT_EQ(test, ttm_move_copy(&dst, &src, 0, MVT_WATCH_BYTES), 0);
	KUNIT_EXPECT_EQ(test, mvt_watch.wholes, 2 * MVT_WATCH_BYTES / SZ_64K);
}

/* Nor is one left where the source ends early. */
static void ttm_move_copy_unmaps_after_failure(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_mem dst, src;

	mvt_watch = (struct mvt_watch){};
	mvt_watch_init(fx, &dst, 0, MVT_WATCH_BYTES);
	mvt_watch_init(fx, &src, 1, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ttm_move_copy(&dst, &src, 0, MVT_WATCH_BYTES),
			-EFAULT);
	KUNIT_EXPECT_EQ(test, mvt_watch.num, 0);
	KUNIT_EXPECT_EQ(test, mvt_watch.swapped, 0);
}

static int mvt_rival_thread(void *data)
{
	struct mvt_watch *watch = data;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
		watch->turns++;
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* Somebody more important, on this CPU, who sleeps when this returns. */
static struct task_struct *mvt_rival_create(struct mvt *fx)
{
	struct task_struct *task = kthread_create(mvt_rival_thread, &mvt_watch,
						  "ttm_move_rival");

	KUNIT_ASSERT_FALSE(fx->test, IS_ERR(task));
	kthread_bind(task, raw_smp_processor_id());
	sched_set_fifo(task);
	wake_up_process(task);
	cond_resched();
	return task;
}

/* After each piece of a long copy others get the CPU who want it. */
static void ttm_move_copy_gives_way(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_move_mem dst, src;

	mvt_watch = (struct mvt_watch){};
	mvt_watch_init(fx, &dst, 0, MVT_WATCH_BYTES);
	mvt_watch_init(fx, &src, 1, MVT_WATCH_BYTES);
	migrate_disable();
	mvt_watch.rival = mvt_rival_create(fx);
	KUNIT_EXPECT_EQ(test, ttm_move_copy(&dst, &src, 0, MVT_WATCH_BYTES), 0);
	KUNIT_EXPECT_GE(test, mvt_watch.offers, 2);
	KUNIT_EXPECT_EQ(test, mvt_watch.turns, mvt_watch.offers);
	KUNIT_EXPECT_EQ(test, mvt_watch.ignored, 0);
	KUNIT_EXPECT_LE(test, mvt_watch.longest, SZ_64K);
	migrate_enable();
	kthread_stop(mvt_watch.rival);
}

static struct kunit_case ttm_move_iter_cases[] = {
	KUNIT_CASE_PARAM(ttm_move_iter_maps_what_the_reference_says,
			 mvt_kind_gen_params),
	KUNIT_CASE_PARAM(ttm_move_iter_stays_in_its_memory,
			 mvt_kind_gen_params),
	KUNIT_CASE(ttm_move_iter_stays_in_the_aperture),
	KUNIT_CASE(ttm_move_iter_stays_in_its_list),
	KUNIT_CASE(ttm_move_iter_stays_in_its_blocks),
	KUNIT_CASE(ttm_move_iter_stays_in_what_is_mapped),
	KUNIT_CASE(ttm_move_iter_misses_a_page),
	KUNIT_CASE(ttm_move_iter_maps_allocations_as_a_whole),
	KUNIT_CASE(ttm_move_snapshot_allocates_for_long_lists_only),
	KUNIT_CASE(ttm_move_snapshot_joins_neighbours),
	KUNIT_CASE(ttm_move_snapshot_leaves_out_what_is_behind),
	KUNIT_CASE(ttm_move_snapshot_failure_changes_nothing),
	KUNIT_CASE(ttm_move_snapshot_leaves_others_alone),
	KUNIT_CASE_PARAM(ttm_move_copy_between_all_memories,
			 mvt_kind_gen_params),
	KUNIT_CASE_PARAM(ttm_move_clear_all_memories, mvt_kind_gen_params),
	KUNIT_CASE(ttm_move_copy_unmaps_in_reverse_order),
	KUNIT_CASE(ttm_move_copy_unmaps_after_failure),
	KUNIT_CASE(ttm_move_copy_maps_runs_once),
	KUNIT_CASE(ttm_move_copy_gives_way),
	{ }
};

static struct kunit_suite ttm_move_iter_suite = {
	.name = "ttm_move_iter",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_iter_cases,
};

kunit_test_suite(ttm_move_iter_suite);
