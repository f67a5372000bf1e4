/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What ttm_move_copy.c and ttm_move_copy_x86.c use of the kernel, in user space. Each
 * kernel header that they include is this one; the Makefile sees to that.
 */
#ifndef TTM_MOVE_COPY_KERNEL_H
#define TTM_MOVE_COPY_KERNEL_H

#include <cpuid.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

#define __iomem
#define __force
#define __aligned(n)		__attribute__((aligned(n)))

#define BIT(n)			(1ul << (n))
#define GENMASK(high, low)	((BIT(high) << 1) - BIT(low))

#define SZ_4K			0x1000ul
#define SZ_16K			0x4000ul
#define SZ_64K			0x10000ul
#define SZ_16M			0x1000000ul

#define CONFIG_INDIRECT_IOMEM	0
#define CONFIG_KMSAN			0
#define IS_ENABLED(CONFIG_option)	(CONFIG_option)
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define IS_ALIGNED(x, a)	(((x) & ((a) - 1)) == 0)
#define round_down(x, unit)	((x) & ~((typeof(x))(unit) - 1))
#define min(x, y)		kernel_min(x, y)
#define min_t(type, x, y)	((type)kernel_min((type)(x), (type)(y)))
#define READ_ONCE(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile typeof(x) *)&(x) = (value))

#define pr_err(...)		fprintf(stderr, __VA_ARGS__)
#define sysfs_streq(a, b)	(!strcmp(a, b))

static inline size_t kernel_min(size_t x, size_t y)
{
	return x < y ? x : y;
}

static inline int scnprintf(char *buffer, size_t bytes, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(buffer, bytes, format, arguments);
	va_end(arguments);
	return min(n, bytes - 1);
}

/* I/O memory is memory. */
struct iosys_map {
	union {
		void *vaddr_iomem;
		void *vaddr;
	};
	bool is_iomem;
};

#define memcpy_fromio(dst, src, bytes)	memcpy(dst, src, bytes)
#define memcpy_toio(dst, src, bytes)	memcpy(dst, src, bytes)
#define memset_io(dst, value, bytes)	memset(dst, value, bytes)

static inline void iosys_map_incr(struct iosys_map *map, size_t bytes)
{
	map->vaddr += bytes;
}

/* The sanitizers */

#ifdef __SANITIZE_ADDRESS__
void __asan_loadN(void *vaddr, long bytes);
void __asan_storeN(void *vaddr, long bytes);
#endif

static inline void instrument_read(const void *vaddr, size_t bytes)
{
#ifdef __SANITIZE_ADDRESS__
	__asan_loadN((void *)vaddr, bytes);
#endif
}

static inline void instrument_write(void *vaddr, size_t bytes)
{
#ifdef __SANITIZE_ADDRESS__
	__asan_storeN(vaddr, bytes);
#endif
}

/* The CPU */

/* Full memory barrier. */
static inline void mb(void)
{
	asm volatile("mfence" : : : "memory");
}

/* Write memory barrier, which orders streaming stores as well. */
static inline void wmb(void)
{
	asm volatile("sfence" : : : "memory");
}

#define boot_cpu_has(feature)	feature
#define X86_FEATURE_XMM4_1	__builtin_cpu_supports("sse4.1")
#define X86_FEATURE_AVX2	__builtin_cpu_supports("avx2")
#define X86_FEATURE_AVX512F	__builtin_cpu_supports("avx512f")
#define X86_FEATURE_ERMS	kernel_cpuid_erms()
#define X86_FEATURE_HYPERVISOR	kernel_cpuid_hypervisor()

#define XFEATURE_MASK_SSE	0
#define XFEATURE_MASK_YMM	0
#define XFEATURE_MASK_AVX512	0

/* The compiler's own tests have looked at what the system saves. */
static inline bool cpu_has_xfeatures(u64 xfeatures, const char **name)
{
	return true;
}

static inline bool kernel_cpuid_erms(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 9));
}

static inline bool kernel_cpuid_hypervisor(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 31));
}

/*
 * A kernel thread has no registers to save: what is left of the kernel's functions is
 * that preemption is turned off, which costs an addition to a variable of the CPU's, and
 * that the control register gets its default.
 */
extern __thread unsigned int kernel_fpu_depth, kernel_fpu_sections;

#define irq_fpu_usable()	true

static inline void kernel_fpu_begin(void)
{
	static const unsigned int mxcsr = 0x1f80;

	kernel_fpu_depth++;
	kernel_fpu_sections++;
	asm volatile("ldmxcsr %0" : : "m" (mxcsr));
}

static inline void kernel_fpu_end(void)
{
	asm volatile("" : : : "memory");
	kernel_fpu_depth--;
}

#endif
