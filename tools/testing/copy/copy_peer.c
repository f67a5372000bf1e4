// SPDX-License-Identifier: MIT
/*
 * What the worker's routines are compared with: the C library, and a loop of the shape
 * that the kernel has today.
 */
#include "kernel.h"
#include "copy_bench.h"

static bool is_clear(enum ttm_move_dir dir)
{
	return dir == TTM_MOVE_CLEAR_RAM || dir == TTM_MOVE_CLEAR_IO;
}

void peer_memcpy(enum ttm_move_dir dir, void *dst, const void *src, size_t bytes)
{
	if (is_clear(dir))
		memset(dst, 0, bytes);
	else
		memcpy(dst, src, bytes);
}

/* 16 bytes at a time by streaming loads, and by stores that go through the cache. */
static void load_16(void *dst, const void *src, size_t bytes)
{
	for (; bytes; bytes -= 64, src += 64, dst += 64)
		asm volatile("movntdqa (%[src]), %%xmm0\n\t"
			     "movntdqa 16(%[src]), %%xmm1\n\t"
			     "movntdqa 32(%[src]), %%xmm2\n\t"
			     "movntdqa 48(%[src]), %%xmm3\n\t"
			     "movaps %%xmm0, (%[dst])\n\t"
			     "movaps %%xmm1, 16(%[dst])\n\t"
			     "movaps %%xmm2, 32(%[dst])\n\t"
			     "movaps %%xmm3, 48(%[dst])"
			     : : [src] "r" (src), [dst] "r" (dst) : "memory");
}

static void present_page(enum ttm_move_dir dir, void *dst, const void *src)
{
	if (is_clear(dir)) {
		memset(dst, 0, SZ_4K);
		return;
	}
	kernel_fpu_begin();
	load_16(dst, src, SZ_4K);
	kernel_fpu_end();
}

/*
 * One page at a time, each with a section of the FPU to itself, whatever the size of the
 * move. @bytes is a multiple of a page.
 */
void peer_present(enum ttm_move_dir dir, void *dst, const void *src, size_t bytes)
{
	for (; bytes; bytes -= SZ_4K, src += SZ_4K, dst += SZ_4K)
		present_page(dir, dst, src);
}
