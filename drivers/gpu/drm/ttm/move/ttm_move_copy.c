// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Ways to move bytes, and the choice among them.
 *
 * A table of routines; for each combination of memory at either end the valid one
 * with the highest priority is chosen once, when the module is loaded.
 */
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/minmax.h>
#include <linux/sizes.h>

#ifdef CONFIG_X86
#include <linux/cpufeature.h>

#include <asm/fpu/api.h>
#endif

#include "ttm_move_internal.h"

/* What a routine may be asked for: where the bytes are, at either end. */
enum ttm_move_ends {
	TTM_MOVE_RAM_TO_RAM,
	TTM_MOVE_RAM_TO_IO,
	TTM_MOVE_IO_TO_RAM,
	TTM_MOVE_IO_TO_IO,
	TTM_MOVE_NUM_ENDS,
};

struct ttm_move_routine {
	const char *name;
	unsigned int priority;
	u32 ends;		/* set of enum ttm_move_ends */
	bool (*valid)(bool plain);
	void (*copy)(struct iosys_map *dst, const struct iosys_map *src,
		     size_t bytes);
};

/* Small enough for the stack, large enough to make the calls cheap. */
#define TTM_MOVE_BOUNCE_BYTES	256

static void ttm_move_copy_bounce(void __iomem *dst, const void __iomem *src,
				 size_t bytes)
{
	u8 bounce[TTM_MOVE_BOUNCE_BYTES] __aligned(16);
	size_t n;

	for (; bytes; bytes -= n, dst += n, src += n) {
		n = min(bytes, sizeof(bounce));
		memcpy_fromio(bounce, src, n);
		memcpy_toio(dst, bounce, n);
	}
}

static void ttm_move_copy_plain(struct iosys_map *dst,
				const struct iosys_map *src, size_t bytes)
{
	if (dst->is_iomem && src->is_iomem)
		ttm_move_copy_bounce(dst->vaddr_iomem, src->vaddr_iomem, bytes);
	else if (dst->is_iomem)
		memcpy_toio(dst->vaddr_iomem, src->vaddr, bytes);
	else if (src->is_iomem)
		memcpy_fromio(dst->vaddr, src->vaddr_iomem, bytes);
	else
		memcpy(dst->vaddr, src->vaddr, bytes);
}

static bool ttm_move_plain_valid(bool plain)
{
	return true;
}

#ifdef CONFIG_X86

/*
 * Preemption is off while the FPU is in use. Reading write-combined memory can be
 * as slow as 45 MB/s: 4 KiB keep that below 100 microseconds.
 */
#define TTM_MOVE_FPU_BYTES	SZ_4K

static void ttm_move_load_stream(void *dst, const void *src, size_t bytes)
{
	const void *end = src + bytes;

	for (; src < end; src += 64, dst += 64)
		asm volatile("movntdqa (%[src]), %%xmm0\n\t"
			     "movntdqa 16(%[src]), %%xmm1\n\t"
			     "movntdqa 32(%[src]), %%xmm2\n\t"
			     "movntdqa 48(%[src]), %%xmm3\n\t"
			     "movdqu %%xmm0, (%[dst])\n\t"
			     "movdqu %%xmm1, 16(%[dst])\n\t"
			     "movdqu %%xmm2, 32(%[dst])\n\t"
			     "movdqu %%xmm3, 48(%[dst])"
			     : : [src] "r" (src), [dst] "r" (dst) : "memory");
}

static void ttm_move_copy_sse41(struct iosys_map *dst,
				const struct iosys_map *src, size_t bytes)
{
	const void *from = (const void __force *)src->vaddr_iomem;
	void *to = dst->vaddr;
	size_t n;

	if (!IS_ALIGNED((unsigned long)from | bytes, 64)) {
		ttm_move_copy_plain(dst, src, bytes);
		return;
	}

	for (; bytes; bytes -= n, from += n, to += n) {
		n = min_t(size_t, bytes, TTM_MOVE_FPU_BYTES);
		kernel_fpu_begin();
		/* Streaming loads may pass older accesses to the same bytes. */
		mb();
		ttm_move_load_stream(to, from, n);
		kernel_fpu_end();
	}
}

/*
 * A hypervisor cannot emulate a vector load from an emulated device; from plain
 * memory nothing needs to be emulated.
 */
static bool ttm_move_sse41_valid(bool plain)
{
	return boot_cpu_has(X86_FEATURE_XMM4_1) &&
	       (plain || !boot_cpu_has(X86_FEATURE_HYPERVISOR));
}

#endif /* CONFIG_X86 */

static const struct ttm_move_routine ttm_move_routines[] = {
	{
		.name = "plain",
		.priority = 0,
		.ends = GENMASK(TTM_MOVE_NUM_ENDS - 1, 0),
		.valid = ttm_move_plain_valid,
		.copy = ttm_move_copy_plain,
	},
#ifdef CONFIG_X86
	{
		.name = "sse4.1",
		.priority = 1,
		.ends = BIT(TTM_MOVE_IO_TO_RAM),
		.valid = ttm_move_sse41_valid,
		.copy = ttm_move_copy_sse41,
	},
#endif
};

/* By whether the aperture is plain memory, and by the ends; constant after init. */
static const struct ttm_move_routine *ttm_move_chosen[2][TTM_MOVE_NUM_ENDS]
	__ro_after_init;

static bool ttm_move_routine_beats(const struct ttm_move_routine *routine,
				   const struct ttm_move_routine *best,
				   enum ttm_move_ends ends, bool plain)
{
	return (routine->ends & BIT(ends)) && routine->valid(plain) &&
	       (!best || routine->priority > best->priority);
}

static const struct ttm_move_routine * __init
ttm_move_choose(enum ttm_move_ends ends, bool plain)
{
	const struct ttm_move_routine *best = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ttm_move_routines); i++)
		if (ttm_move_routine_beats(&ttm_move_routines[i], best, ends,
					   plain))
			best = &ttm_move_routines[i];
	return best;
}

void __init ttm_move_copy_init(void)
{
	unsigned int ends;

	for (ends = 0; ends < TTM_MOVE_NUM_ENDS; ends++) {
		ttm_move_chosen[false][ends] = ttm_move_choose(ends, false);
		ttm_move_chosen[true][ends] = ttm_move_choose(ends, true);
	}
}

static enum ttm_move_ends ttm_move_ends(bool dst_io, bool src_io)
{
	if (src_io)
		return dst_io ? TTM_MOVE_IO_TO_IO : TTM_MOVE_IO_TO_RAM;
	return dst_io ? TTM_MOVE_RAM_TO_IO : TTM_MOVE_RAM_TO_RAM;
}

const char *ttm_move_copy_name(bool dst_io, bool src_io, bool plain)
{
	return ttm_move_chosen[plain][ttm_move_ends(dst_io, src_io)]->name;
}

void ttm_move_copy_map(struct iosys_map *dst, const struct iosys_map *src,
		       size_t bytes, bool plain)
{
	enum ttm_move_ends ends = ttm_move_ends(dst->is_iomem, src->is_iomem);

	ttm_move_chosen[plain][ends]->copy(dst, src, bytes);
}

void ttm_move_clear_map(struct iosys_map *dst, size_t bytes)
{
	if (dst->is_iomem)
		memset_io(dst->vaddr_iomem, 0, bytes);
	else
		memset(dst->vaddr, 0, bytes);
}
