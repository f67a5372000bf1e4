// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Moving bytes with the instructions of x86.
 *
 * Nothing is said of the vector registers that are overwritten: who compiles this file
 * keeps the compiler from using them, as the kernel does, and who calls it for a
 * routine that has &ttm_move_routine.fpu is between kernel_fpu_begin() and
 * kernel_fpu_end().
 */
#include <linux/align.h>

#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

#include "ttm_move_copy.h"

/* Whether the kernel saves the registers; UML's host does what its CPU flags say. */
#ifdef CONFIG_UML
static bool ttm_move_saves_ymm(void)
{
	return true;
}

static bool ttm_move_saves_zmm(void)
{
	return true;
}
#else
static bool ttm_move_saves_ymm(void)
{
	return cpu_has_xfeatures(XFEATURE_MASK_SSE | XFEATURE_MASK_YMM, NULL);
}

static bool ttm_move_saves_zmm(void)
{
	return ttm_move_saves_ymm() &&
	       cpu_has_xfeatures(XFEATURE_MASK_AVX512, NULL);
}
#endif

bool ttm_move_rep_valid(void)
{
	return boot_cpu_has(X86_FEATURE_ERMS);
}

bool ttm_move_sse41_valid(void)
{
	return boot_cpu_has(X86_FEATURE_XMM4_1);
}

bool ttm_move_avx2_valid(void)
{
	return boot_cpu_has(X86_FEATURE_AVX2) && ttm_move_saves_ymm();
}

bool ttm_move_avx512_valid(void)
{
	return boot_cpu_has(X86_FEATURE_AVX512F) && ttm_move_saves_zmm();
}

void ttm_move_rep_copy(void *dst, const void *src, size_t bytes)
{
	asm volatile("rep movsb"
		     : "+D" (dst), "+S" (src), "+c" (bytes) : : "memory");
}

void ttm_move_rep_clear(void *dst, size_t bytes)
{
	asm volatile("rep stosb"
		     : "+D" (dst), "+c" (bytes) : "a" (0) : "memory");
}

/* With four registers @r of @w bytes each: so many loads are on their way at once. */
#define TTM_MOVE_4(insn)	".irp i, 0, 1, 2, 3\n\t" insn "\n\t.endr\n\t"

#define TTM_MOVE_LOAD4(insn, r, w)	\
	TTM_MOVE_4(insn " \\i*" w "(%[src]), %%" r "\\i")
#define TTM_MOVE_STORE4(insn, r, w)	\
	TTM_MOVE_4(insn " %%" r "\\i, \\i*" w "(%[dst])")
#define TTM_MOVE_ZERO4(insn, r, w)	\
	TTM_MOVE_4(insn " %%" r "0, \\i*" w "(%[dst])")

static void ttm_move_sse41_stream(void *dst, const void *src, size_t bytes)
{
	for (; bytes; bytes -= 64, src += 64, dst += 64)
		asm volatile(TTM_MOVE_LOAD4("movntdqa", "xmm", "16")
			     TTM_MOVE_STORE4("movntdq", "xmm", "16")
			     : : [src] "r" (src), [dst] "r" (dst) : "memory");
}

static void ttm_move_sse41_unaligned(void *dst, const void *src, size_t bytes)
{
	for (; bytes; bytes -= 64, src += 64, dst += 64)
		asm volatile(TTM_MOVE_LOAD4("movntdqa", "xmm", "16")
			     TTM_MOVE_STORE4("movdqu", "xmm", "16")
			     : : [src] "r" (src), [dst] "r" (dst) : "memory");
}

/*
 * Streaming loads and stores, as those of all vector routines: the only loads that
 * read more than a few bytes of write-combined memory at a time, and stores that do
 * not throw out of the cache what is of more use than the copy.
 */
void ttm_move_sse41_copy(void *dst, const void *src, size_t bytes)
{
	if (IS_ALIGNED((unsigned long)dst, 16))
		ttm_move_sse41_stream(dst, src, bytes);
	else
		ttm_move_sse41_unaligned(dst, src, bytes);
}

void ttm_move_sse41_clear(void *dst, size_t bytes)
{
	for (; bytes; bytes -= 64, dst += 64)
		asm volatile("pxor %%xmm0, %%xmm0\n\t"
			     TTM_MOVE_ZERO4("movntdq", "xmm", "16")
			     : : [dst] "r" (dst) : "memory");
}

/* What is left in the upper halves would slow down SSE instructions. */
static void ttm_move_avx_end(void)
{
	asm volatile("vzeroupper");
}

static void ttm_move_avx2_stream(void *dst, const void *src, size_t bytes)
{
	for (; bytes; bytes -= 128, src += 128, dst += 128)
		asm volatile(TTM_MOVE_LOAD4("vmovntdqa", "ymm", "32")
			     TTM_MOVE_STORE4("vmovntdq", "ymm", "32")
			     : : [src] "r" (src), [dst] "r" (dst) : "memory");
}

static void ttm_move_avx2_unaligned(void *dst, const void *src, size_t bytes)
{
	for (; bytes; bytes -= 128, src += 128, dst += 128)
		asm volatile(TTM_MOVE_LOAD4("vmovntdqa", "ymm", "32")
			     TTM_MOVE_STORE4("vmovdqu", "ymm", "32")
			     : : [src] "r" (src), [dst] "r" (dst) : "memory");
}

void ttm_move_avx2_copy(void *dst, const void *src, size_t bytes)
{
	if (IS_ALIGNED((unsigned long)dst, 32))
		ttm_move_avx2_stream(dst, src, bytes);
	else
		ttm_move_avx2_unaligned(dst, src, bytes);
	ttm_move_avx_end();
}

void ttm_move_avx2_clear(void *dst, size_t bytes)
{
	for (; bytes; bytes -= 128, dst += 128)
		asm volatile("vpxor %%ymm0, %%ymm0, %%ymm0\n\t"
			     TTM_MOVE_ZERO4("vmovntdq", "ymm", "32")
			     : : [dst] "r" (dst) : "memory");
	ttm_move_avx_end();
}

static void ttm_move_avx512_stream(void *dst, const void *src, size_t bytes)
{
	for (; bytes; bytes -= 256, src += 256, dst += 256)
		asm volatile(TTM_MOVE_LOAD4("vmovntdqa", "zmm", "64")
			     TTM_MOVE_STORE4("vmovntdq", "zmm", "64")
			     : : [src] "r" (src), [dst] "r" (dst) : "memory");
}

static void ttm_move_avx512_unaligned(void *dst, const void *src, size_t bytes)
{
	for (; bytes; bytes -= 256, src += 256, dst += 256)
		asm volatile(TTM_MOVE_LOAD4("vmovntdqa", "zmm", "64")
			     TTM_MOVE_STORE4("vmovdqu64", "zmm", "64")
			     : : [src] "r" (src), [dst] "r" (dst) : "memory");
}

void ttm_move_avx512_copy(void *dst, const void *src, size_t bytes)
{
	if (IS_ALIGNED((unsigned long)dst, 64))
		ttm_move_avx512_stream(dst, src, bytes);
	else
		ttm_move_avx512_unaligned(dst, src, bytes);
	ttm_move_avx_end();
}

void ttm_move_avx512_clear(void *dst, size_t bytes)
{
	for (; bytes; bytes -= 256, dst += 256)
		asm volatile("vpxorq %%zmm0, %%zmm0, %%zmm0\n\t"
			     TTM_MOVE_ZERO4("vmovntdq", "zmm", "64")
			     : : [dst] "r" (dst) : "memory");
	ttm_move_avx_end();
}
