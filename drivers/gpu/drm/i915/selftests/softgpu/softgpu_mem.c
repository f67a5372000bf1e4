// SPDX-License-Identifier: MIT
/*
 * The software GPU: local memory, page tables.
 *
 * Local memory and the global page table are RAM that was kept from the kernel with
 * memmap=. System memory is what the kernel has mapped anyway. There is no IOMMU: bus
 * addresses are physical ones.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>

#include "softgpu.h"

#define PTE_PRESENT		BIT_ULL(0)
#define PTE_ADDRESS		GENMASK_ULL(45, 12)
#define PTE_LOCAL		BIT_ULL(11)	/* the page is in local memory */
#define PDE_HUGE		BIT_ULL(7)	/* a page rather than a table */
#define PDE_64K			BIT_ULL(11)	/* every 16th entry is a page */
#define GLOBAL_PTE_LOCAL	BIT_ULL(1)

#define VA_MASK			GENMASK_ULL(47, 0)
#define LEVEL_BITS		9
#define PML4_SHIFT		39

static void *softgpu_mem_local(struct softgpu *gpu, u64 addr)
{
	return addr < gpu->lmem_bytes ? gpu->lmem + addr : NULL;
}

static void *softgpu_mem_system(struct softgpu *gpu, u64 addr)
{
	/* Nobody has a reason to reach the BARs through the bus. */
	if (addr >= gpu->base && addr < gpu->bar0 + SOFTGPU_BAR0_BYTES)
		return NULL;
	return pfn_valid(PHYS_PFN(addr)) ? phys_to_virt(addr) : NULL;
}

static void *softgpu_mem_page(struct softgpu *gpu, u64 addr, bool local)
{
	return local ? softgpu_mem_local(gpu, addr) :
		       softgpu_mem_system(gpu, addr);
}

static void *softgpu_mem_map_global(struct softgpu *gpu, u64 addr)
{
	u64 pte;

	if (addr >> PAGE_SHIFT >= SOFTGPU_GTT_BYTES / sizeof(pte))
		return NULL;
	pte = readq(gpu->gtt + (addr >> PAGE_SHIFT));
	if (!(pte & PTE_PRESENT))
		return NULL;
	return softgpu_mem_page(gpu, (pte & PTE_ADDRESS) + offset_in_page(addr),
				pte & GLOBAL_PTE_LOCAL);
}

/* A page of 1 << shift bytes, whose entry may have flags below its address. */
static void *softgpu_mem_leaf(struct softgpu *gpu, u64 entry, u64 addr,
			      unsigned int shift)
{
	u64 page = entry & PTE_ADDRESS & GENMASK_ULL(63, shift);

	return softgpu_mem_page(gpu, page + (addr & GENMASK_ULL(shift - 1, 0)),
				entry & PTE_LOCAL);
}

/* All tables are in local memory, the lowest level of which may have 64K pages. */
static void *softgpu_mem_map_private(struct softgpu *gpu, u64 root, u64 addr)
{
	u64 index_mask = GENMASK_ULL(LEVEL_BITS - 1, 0), entry = root, *table;
	unsigned int shift, leaf = PAGE_SHIFT;

	for (shift = PML4_SHIFT; shift >= PAGE_SHIFT; shift -= LEVEL_BITS) {
		table = softgpu_mem_local(gpu, entry & PTE_ADDRESS);
		if (!table)
			return NULL;
		if (shift == PAGE_SHIFT && leaf != PAGE_SHIFT)
			index_mask &= ~GENMASK_ULL(leaf - PAGE_SHIFT - 1, 0);
		entry = READ_ONCE(table[addr >> shift & index_mask]);
		if (!(entry & PTE_PRESENT))
			return NULL;
		if (shift > PAGE_SHIFT && shift < PML4_SHIFT &&
		    entry & PDE_HUGE)
			return softgpu_mem_leaf(gpu, entry, addr, shift);
		if (shift == PAGE_SHIFT + LEVEL_BITS && entry & PDE_64K)
			leaf = ilog2(SZ_64K);
	}
	return softgpu_mem_leaf(gpu, entry, addr, leaf);
}

/**
 * softgpu_mem_map - look an address up
 * @engine: the engine that needs it
 * @space: an address space
 * @addr: an address there
 *
 * Returns: where the CPU finds it, up to the end of the page of 4 KiB, or NULL where
 * nothing is mapped, which is noted.
 */
void *softgpu_mem_map(struct softgpu_engine *engine, struct softgpu_space space,
		      u64 addr)
{
	struct softgpu *gpu = engine->gpu;
	void *ptr;

	addr &= VA_MASK;
	ptr = space.root ? softgpu_mem_map_private(gpu, space.root, addr) :
			   softgpu_mem_map_global(gpu, addr);
	if (!ptr) {
		engine->stats.faults++;
		dev_warn_ratelimited(&gpu->pdev->dev,
				     "%s: nothing at %#llx in %s address space, command %08x\n",
				     engine->info->name, addr,
				     space.root ? "its" : "the global",
				     engine->dword0);
	}
	return ptr;
}

u32 softgpu_mem_read(struct softgpu_engine *engine, struct softgpu_space space,
		     u64 addr)
{
	u32 *ptr = softgpu_mem_map(engine, space, addr & ~3ull);

	return ptr ? READ_ONCE(*ptr) : 0;
}

void softgpu_mem_write(struct softgpu_engine *engine,
		       struct softgpu_space space, u64 addr, u32 value)
{
	u32 *ptr = softgpu_mem_map(engine, space, addr & ~3ull);

	if (ptr)
		WRITE_ONCE(*ptr, value);
}

static bool softgpu_mem_remembers(u32 *ptr)
{
	u32 old = READ_ONCE(*ptr), new = ~old;

	WRITE_ONCE(*ptr, new);
	/* Past the CPU's cache: where there is no memory, only the bus knows. */
	mb();
	if (READ_ONCE(*ptr) != new)
		return false;
	WRITE_ONCE(*ptr, old);
	return true;
}

/* Is there RAM, and is it ours? */
static int softgpu_mem_check(struct softgpu *gpu)
{
	u32 *last = gpu->lmem + gpu->lmem_bytes - sizeof(*last);
	u32 *gtt = (__force void *)gpu->gtt;

	if (softgpu_mem_remembers(gpu->lmem) && softgpu_mem_remembers(last) &&
	    softgpu_mem_remembers(gtt))
		return 0;
	pr_err("no memory from %#llx to %#llx: does the machine have so much?\n",
	       gpu->base, gpu->bar0 + SOFTGPU_BAR0_BYTES);
	return -ENODEV;
}

int softgpu_mem_init(struct softgpu *gpu)
{
	u64 bytes = gpu->bar0 + SOFTGPU_BAR0_BYTES - gpu->base;
	int ret;

	if (region_intersects(gpu->base, bytes, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		pr_err("memory at %#llx is not reserved: boot with memmap=%lluM$%#llx\n",
		       gpu->base, bytes / SZ_1M, gpu->base);
		return -EBUSY;
	}
	/* Of the same types as the driver's mappings. */
	gpu->lmem = memremap(gpu->base, gpu->lmem_bytes, MEMREMAP_WC);
	if (!gpu->lmem)
		return -ENOMEM;
	gpu->gtt = ioremap(gpu->bar0 + SOFTGPU_GTT_OFFSET, SOFTGPU_GTT_BYTES);
	if (!gpu->gtt) {
		memunmap(gpu->lmem);
		return -ENOMEM;
	}

	ret = softgpu_mem_check(gpu);
	if (ret)
		softgpu_mem_fini(gpu);
	else
		memset_io(gpu->gtt, 0, SOFTGPU_GTT_BYTES);
	return ret;
}

void softgpu_mem_fini(struct softgpu *gpu)
{
	iounmap(gpu->gtt);
	memunmap(gpu->lmem);
}
