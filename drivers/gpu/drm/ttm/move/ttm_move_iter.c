// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The memory of a resource, and iterators that map it run by run.
 *
 * The iterators neither allocate nor sleep: they run inside the fence signalling section.
 * What does, when a memory is described or given back, is not called from there.
 */
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/io-mapping.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/ttm/ttm_tt.h>

#include "ttm_move_internal.h"

/*
 * Neighbouring pages are neighbours in kernel memory only where kmap_local hands
 * out the linear map, undoing it needs no work for each page, and the address of one
 * page, which may be tagged, is good for the next.
 */
#if defined(CONFIG_HIGHMEM) || defined(CONFIG_DEBUG_KMAP_LOCAL_FORCE_MAP) ||	\
	defined(ARCH_HAS_FLUSH_ON_KUNMAP) || defined(CONFIG_KASAN_SW_TAGS) ||	\
	defined(CONFIG_KASAN_HW_TAGS)
#define TTM_MOVE_PAGES_ARE_LINEAR	false
#else
#define TTM_MOVE_PAGES_ARE_LINEAR	true
#endif

/* iterators: page vector */

static size_t ttm_move_pages_run(struct page **pages, u64 offset, size_t max)
{
	unsigned long i = offset >> PAGE_SHIFT;
	size_t bytes = PAGE_SIZE - offset_in_page(offset);

	if (!TTM_MOVE_PAGES_ARE_LINEAR)
		return min(bytes, max);

	while (bytes < max && pages[i + 1] &&
	       page_to_pfn(pages[i + 1]) == page_to_pfn(pages[i]) + 1) {
		bytes += PAGE_SIZE;
		i++;
	}
	return min(bytes, max);
}

static ssize_t ttm_move_tt_map(struct ttm_move_iter *iter, u64 offset,
			       size_t max, struct iosys_map *map)
{
	const struct ttm_move_mem *mem = iter->mem;
	struct page *page = mem->pages[offset >> PAGE_SHIFT];

	if (!page)
		return -EFAULT;

	iosys_map_set_vaddr(map, kmap_local_page_prot(page, mem->prot) +
			    offset_in_page(offset));
	return ttm_move_pages_run(mem->pages, offset, max);
}

static void ttm_move_tt_unmap(struct ttm_move_iter *iter, struct iosys_map *map)
{
	kunmap_local(map->vaddr);
}

static const struct ttm_move_mem_ops ttm_move_tt_ops = {
	.maps_tt = true,
	.map = ttm_move_tt_map,
	.unmap = ttm_move_tt_unmap,
};

/**
 * ttm_move_mem_init_tt() - describe the pages of a ttm_tt
 * @mem: description to fill
 * @tt: populated, with a page vector; borrowed: its pages must stay until the
 *	copy has signalled, which TTM guarantees for a fence in the object's
 *	reservation
 * @prot: page protection, from ttm_io_prot()
 *
 * Context: Any context.
 */
void ttm_move_mem_init_tt(struct ttm_move_mem *mem, struct ttm_tt *tt,
			  pgprot_t prot)
{
	ttm_move_mem_init_none(mem);
	mem->ops = &ttm_move_tt_ops;
	mem->bytes = (u64)tt->num_pages << PAGE_SHIFT;
	mem->pages = tt->pages;
	mem->prot = prot;
	mem->uncached = TTM_MOVE_HEEDS_CACHING && tt->caching != ttm_cached;
}
EXPORT_SYMBOL_GPL(ttm_move_mem_init_tt);

/* iterators: pieces of an aperture */

/*
 * Find the piece that holds @offset. Walking forward costs one step per piece;
 * a step back starts over.
 */
static int ttm_move_iter_seek(struct ttm_move_iter *iter, u64 offset,
			      struct ttm_move_run *run)
{
	const struct ttm_move_mem *mem = iter->mem;

	if (!iter->piece || offset < iter->piece_start) {
		iter->piece = mem->ops->next(mem, NULL);
		iter->piece_start = 0;
	}
	while (iter->piece) {
		*run = mem->ops->run(mem, iter->piece);
		if (offset - iter->piece_start < run->bytes)
			return 0;
		iter->piece_start += run->bytes;
		iter->piece = mem->ops->next(mem, iter->piece);
	}
	return -EFAULT;
}

static bool ttm_move_run_fits(const struct ttm_move_aperture *aperture,
			      struct ttm_move_run run)
{
	return run.start < aperture->bytes &&
	       run.bytes <= aperture->bytes - run.start;
}

/* From the beginning of @run, which is of the iterator's piece, through those that touch. */
static u64 ttm_move_iter_reach(const struct ttm_move_iter *iter,
			       struct ttm_move_run run, u64 max)
{
	const struct ttm_move_mem *mem = iter->mem;
	const void *piece = iter->piece;
	struct ttm_move_run next;

	while (run.bytes < max && (piece = mem->ops->next(mem, piece))) {
		next = mem->ops->run(mem, piece);
		if (next.start != run.start + run.bytes)
			break;
		run.bytes += next.bytes;
	}
	return min(run.bytes, max);
}

/* Where the aperture is mapped page by page, a run ends with its page. */
static size_t ttm_move_aperture_limit(const struct ttm_move_aperture *aperture,
				      u64 start)
{
	if (aperture->iomap && IS_ENABLED(CONFIG_HAVE_ATOMIC_IOMAP))
		return PAGE_SIZE - offset_in_page(start);
	return SIZE_MAX;
}

static void ttm_move_aperture_map(const struct ttm_move_aperture *aperture,
				  u64 start, struct iosys_map *map)
{
	unsigned long page = (unsigned long)start & PAGE_MASK;
	void __iomem *vaddr;

	if (aperture->iomap) {
		vaddr = io_mapping_map_local_wc(aperture->iomap, page);
		iosys_map_set_vaddr_iomem(map, vaddr + offset_in_page(start));
	} else {
		*map = aperture->map;
		iosys_map_incr(map, start);
	}
}

static ssize_t ttm_move_io_map(struct ttm_move_iter *iter, u64 offset,
			       size_t max, struct iosys_map *map)
{
	const struct ttm_move_aperture *aperture = &iter->mem->aperture;
	struct ttm_move_run run;
	u64 into;
	int ret;

	ret = ttm_move_iter_seek(iter, offset, &run);
	if (ret)
		return ret;

	into = offset - iter->piece_start;
	run.start += into;
	run.bytes = min_t(u64, run.bytes - into, max);
	if (!ttm_move_run_fits(aperture, run))
		return -EFAULT;

	run.bytes = min3(ttm_move_iter_reach(iter, run, max),
			 aperture->bytes - run.start,
			 (u64)ttm_move_aperture_limit(aperture, run.start));
	ttm_move_aperture_map(aperture, run.start, map);
	return run.bytes;
}

static void ttm_move_io_unmap(struct ttm_move_iter *iter, struct iosys_map *map)
{
	if (iter->mem->aperture.iomap)
		io_mapping_unmap_local(map->vaddr_iomem);
}

static void ttm_move_mem_init_io(struct ttm_move_mem *mem,
				 const struct ttm_move_mem_ops *ops,
				 const struct ttm_move_aperture *aperture,
				 u64 bytes)
{
	ttm_move_mem_init_none(mem);
	mem->ops = ops;
	mem->aperture = *aperture;
	/* What lies beyond has no address that a mapping could be asked for with. */
	mem->aperture.bytes = min_t(u64, aperture->bytes, ULONG_MAX);
	mem->bytes = bytes;
}

/* A run list; a linear resource is a list of one. */
static const void *ttm_move_runs_next(const struct ttm_move_mem *mem,
				      const void *piece)
{
	const struct ttm_move_run *runs = mem->runs ?: mem->inline_runs;
	const struct ttm_move_run *run = piece ? piece + sizeof(*run) : runs;

	return run < runs + mem->num_runs ? run : NULL;
}

static struct ttm_move_run ttm_move_runs_run(const struct ttm_move_mem *mem,
					     const void *piece)
{
	return *(const struct ttm_move_run *)piece;
}

static const struct ttm_move_mem_ops ttm_move_runs_ops = {
	.map = ttm_move_io_map,
	.unmap = ttm_move_io_unmap,
	.next = ttm_move_runs_next,
	.run = ttm_move_runs_run,
};

/**
 * ttm_move_mem_init_linear() - describe one contiguous piece of an aperture
 * @mem: description to fill
 * @aperture: copied
 * @start: offset in the aperture, in bytes
 * @bytes: length
 *
 * Context: Any context.
 */
void ttm_move_mem_init_linear(struct ttm_move_mem *mem,
			      const struct ttm_move_aperture *aperture,
			      u64 start, u64 bytes)
{
	ttm_move_mem_init_io(mem, &ttm_move_runs_ops, aperture, bytes);
	mem->runs = NULL;
	mem->inline_runs[0] = (struct ttm_move_run){ start, bytes };
	mem->num_runs = 1;
}
EXPORT_SYMBOL_GPL(ttm_move_mem_init_linear);

static const void *ttm_move_sg_next(const struct ttm_move_mem *mem,
				    const void *piece)
{
	struct scatterlist *sg = (struct scatterlist *)piece;

	sg = sg ? sg_next(sg) : mem->st->sgl;
	return sg && sg_dma_len(sg) ? sg : NULL;
}

static struct ttm_move_run ttm_move_sg_run(const struct ttm_move_mem *mem,
					   const void *piece)
{
	struct scatterlist *sg = (struct scatterlist *)piece;

	return (struct ttm_move_run){ sg_dma_address(sg) - mem->base,
				      sg_dma_len(sg) };
}

static const struct ttm_move_mem_ops ttm_move_sg_ops = {
	.transient = true,
	.map = ttm_move_io_map,
	.unmap = ttm_move_io_unmap,
	.next = ttm_move_sg_next,
	.run = ttm_move_sg_run,
};

/**
 * ttm_move_mem_init_sg() - describe the pieces of an aperture that a table lists
 * @mem: description to fill
 * @aperture: copied
 * @st: the pieces, by DMA address and length; borrowed: must stay until the copy
 *	has signalled, or until ttm_move_mem_snapshot()
 * @base: DMA address of the aperture's first byte
 * @bytes: length
 *
 * Context: Any context.
 */
void ttm_move_mem_init_sg(struct ttm_move_mem *mem,
			  const struct ttm_move_aperture *aperture,
			  struct sg_table *st, u64 base, u64 bytes)
{
	ttm_move_mem_init_io(mem, &ttm_move_sg_ops, aperture, bytes);
	mem->st = st;
	mem->base = base;
}
EXPORT_SYMBOL_GPL(ttm_move_mem_init_sg);

#if IS_ENABLED(CONFIG_DRM_BUDDY) || IS_ENABLED(CONFIG_GPU_BUDDY)

static const void *ttm_move_buddy_next(const struct ttm_move_mem *mem,
				       const void *piece)
{
	const struct gpu_buddy_block *block = piece;
	struct list_head *next = block ? block->link.next : mem->blocks->next;

	return next == mem->blocks ?
	       NULL : list_entry(next, struct gpu_buddy_block, link);
}

static struct ttm_move_run ttm_move_buddy_run(const struct ttm_move_mem *mem,
					      const void *piece)
{
	struct gpu_buddy_block *block = (struct gpu_buddy_block *)piece;

	return (struct ttm_move_run){ gpu_buddy_block_offset(block),
				      gpu_buddy_block_size(mem->mm, block) };
}

static const struct ttm_move_mem_ops ttm_move_buddy_ops = {
	.transient = true,
	.map = ttm_move_io_map,
	.unmap = ttm_move_io_unmap,
	.next = ttm_move_buddy_next,
	.run = ttm_move_buddy_run,
};

/**
 * ttm_move_mem_init_buddy() - describe a list of buddy blocks
 * @mem: description to fill
 * @aperture: copied; block offsets count from its first byte
 * @mm: the allocator
 * @blocks: list of &struct gpu_buddy_block.link; borrowed: must stay until the
 *	copy has signalled, or until ttm_move_mem_snapshot()
 * @bytes: length; the blocks may be longer
 *
 * Context: Any context.
 */
void ttm_move_mem_init_buddy(struct ttm_move_mem *mem,
			     const struct ttm_move_aperture *aperture,
			     struct gpu_buddy *mm, struct list_head *blocks,
			     u64 bytes)
{
	ttm_move_mem_init_io(mem, &ttm_move_buddy_ops, aperture, bytes);
	mem->mm = mm;
	mem->blocks = blocks;
}
EXPORT_SYMBOL_GPL(ttm_move_mem_init_buddy);

#endif

/*
 * Counts the runs of @mem, pieces that touch joined, and keeps the first @max of
 * them in @runs.
 */
static u32 ttm_move_mem_collect(const struct ttm_move_mem *mem,
				struct ttm_move_run *runs, u32 max)
{
	struct ttm_move_run run, last = {};
	const void *piece = NULL;
	u64 left = mem->bytes;
	u32 num = 0;

	while (left && (piece = mem->ops->next(mem, piece))) {
		run = mem->ops->run(mem, piece);
		run.bytes = min(run.bytes, left);
		left -= run.bytes;
		if (num && last.start + last.bytes == run.start) {
			last.bytes += run.bytes;
		} else {
			last = run;
			num++;
		}
		if (num <= max)
			runs[num - 1] = last;
	}
	return num;
}

/**
 * ttm_move_mem_num_runs() - count the contiguous runs of memory in an aperture
 * @mem: the memory
 *
 * Context: Any context; what @mem borrows must be stable.
 * Return: number of runs, neighbouring pieces joined; 0 for system pages.
 */
unsigned int ttm_move_mem_num_runs(const struct ttm_move_mem *mem)
{
	return mem->ops->next ? ttm_move_mem_collect(mem, NULL, 0) : 0;
}
EXPORT_SYMBOL_GPL(ttm_move_mem_num_runs);

/* Whether each access goes all the way, to a device and back or past the caches. */
bool ttm_move_mem_is_far(const struct ttm_move_mem *mem)
{
	if (mem->ops->maps_tt)
		return mem->uncached;
	return mem->aperture.iomap || mem->aperture.map.is_iomem;
}

/*
 * Whether @bytes from the beginning can be reached: found out before a job is
 * armed, so that it cannot fail half-way. System pages are there: TTM populates
 * all or none. Nothing can of a description that nobody has filled.
 */
bool ttm_move_mem_holds(const struct ttm_move_mem *mem, u64 bytes)
{
	const void *piece = NULL;
	struct ttm_move_run run;

	if (!mem->ops || bytes > mem->bytes)
		return false;
	if (!mem->ops->next)
		return true;

	while (bytes && (piece = mem->ops->next(mem, piece))) {
		run = mem->ops->run(mem, piece);
		run.bytes = min(run.bytes, bytes);
		if (!ttm_move_run_fits(&mem->aperture, run))
			return false;
		bytes -= run.bytes;
	}
	return !bytes;
}

/* The runs of a description in the place of what it looks them up in. */
static int ttm_move_mem_take_runs(struct ttm_move_mem *mem)
{
	struct ttm_move_mem copy;

	ttm_move_mem_init_io(&copy, &ttm_move_runs_ops, &mem->aperture,
			     mem->bytes);
	copy.runs = NULL;
	copy.num_runs = ttm_move_mem_collect(mem, copy.inline_runs,
					     TTM_MOVE_INLINE_RUNS);
	if (copy.num_runs > TTM_MOVE_INLINE_RUNS) {
		copy.runs = ttm_move_zalloc(array_size(copy.num_runs,
						       sizeof(*copy.runs)));
		if (!copy.runs)
			return -ENOMEM;
		ttm_move_mem_collect(mem, copy.runs, copy.num_runs);
	}
	copy.owned_map = mem->owned_map;
	*mem = copy;
	return 0;
}

/**
 * ttm_move_mem_snapshot() - make a description independent of its resource
 * @mem: description; on success it owns what it needs, to be given back by
 *	ttm_move_mem_fini()
 *
 * TTM frees the resource of a pipelined eviction at once, and so does the next
 * eviction with the destination of a move still in flight. Neither may be looked
 * at from a worker.
 *
 * Context: Process context. May sleep. The resource's reservation is held.
 * Return: 0, or -ENOMEM; then @mem is as before.
 */
int ttm_move_mem_snapshot(struct ttm_move_mem *mem)
{
	return mem->ops->transient ? ttm_move_mem_take_runs(mem) : 0;
}
EXPORT_SYMBOL_GPL(ttm_move_mem_snapshot);

static void ttm_move_aperture_unmap(const struct ttm_move_aperture *aperture)
{
	if (aperture->map.is_iomem)
		iounmap(aperture->map.vaddr_iomem);
	else
		memunmap(aperture->map.vaddr);
}

/**
 * ttm_move_mem_fini() - give back what a description owns
 * @mem: description; may be all zeroes; describes nothing afterwards
 *
 * Context: Process context. May sleep.
 */
void ttm_move_mem_fini(struct ttm_move_mem *mem)
{
	if (mem->ops == &ttm_move_runs_ops)
		kvfree(mem->runs);
	if (mem->owned_map)
		ttm_move_aperture_unmap(&mem->aperture);
	ttm_move_mem_init_none(mem);
}
EXPORT_SYMBOL_GPL(ttm_move_mem_fini);

/* Whether ttm_move_mem_fini() may do more than free a small piece of memory. */
bool ttm_move_mem_fini_may_sleep(const struct ttm_move_mem *mem)
{
	return mem->owned_map || (mem->ops == &ttm_move_runs_ops &&
				  is_vmalloc_addr(mem->runs));
}

/**
 * ttm_move_iter_init() - start to walk a memory
 * @iter: the iterator
 * @mem: the memory; must stay as it is while @iter is used
 *
 * Context: Any context.
 */
void ttm_move_iter_init(struct ttm_move_iter *iter,
			const struct ttm_move_mem *mem)
{
	*iter = (struct ttm_move_iter){ .mem = mem };
}
EXPORT_SYMBOL_GPL(ttm_move_iter_init);

/**
 * ttm_move_iter_map() - map the longest run at an offset
 * @iter: the iterator
 * @offset: where in the memory, in bytes
 * @max: map no more than this, in bytes
 * @map: receives the mapping
 *
 * Mappings obey the rules of kmap_local: they belong to the task, and are undone
 * in the reverse order.
 *
 * Context: Any context that kmap_local allows. Neither allocates nor sleeps.
 * Return: bytes mapped, at least 1 and at most @max; -EFAULT for an @offset, or a
 * run, that lies outside of the memory or of its aperture.
 */
ssize_t ttm_move_iter_map(struct ttm_move_iter *iter, u64 offset, size_t max,
			  struct iosys_map *map)
{
	if (offset >= iter->mem->bytes || !max)
		return -EFAULT;

	max = min_t(u64, max, iter->mem->bytes - offset);
	return iter->mem->ops->map(iter, offset, max, map);
}
EXPORT_SYMBOL_GPL(ttm_move_iter_map);

/**
 * ttm_move_iter_unmap() - undo the last ttm_move_iter_map()
 * @iter: the iterator
 * @map: the mapping as it was returned
 *
 * Context: As for ttm_move_iter_map().
 */
void ttm_move_iter_unmap(struct ttm_move_iter *iter, struct iosys_map *map)
{
	if (iter->mem->ops->unmap)
		iter->mem->ops->unmap(iter, map);
}
EXPORT_SYMBOL_GPL(ttm_move_iter_unmap);
