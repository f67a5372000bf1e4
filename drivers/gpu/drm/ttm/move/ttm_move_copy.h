/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Ways to move bytes. Also for user space, where tools/testing/copy tests and measures
 * them: what is included here is there as well.
 */
#ifndef _TTM_MOVE_COPY_H_
#define _TTM_MOVE_COPY_H_

#include <linux/iosys-map.h>
#include <linux/types.h>

/* User Mode Linux has the registers of the CPU that it runs on, too. */
#if defined(CONFIG_X86) || defined(CONFIG_UML_X86)
#define TTM_MOVE_X86
#endif

/**
 * enum ttm_move_dir - what is to be done with bytes, and where they are
 * @TTM_MOVE_RAM_TO_RAM: copy within system memory
 * @TTM_MOVE_RAM_TO_IO: copy into an aperture
 * @TTM_MOVE_IO_TO_RAM: copy out of an aperture
 * @TTM_MOVE_IO_TO_IO: copy from one place in an aperture to another
 * @TTM_MOVE_CLEAR_RAM: fill system memory with zeroes
 * @TTM_MOVE_CLEAR_IO: fill a part of an aperture with zeroes
 * @TTM_MOVE_NUM_DIRS: number of directions
 */
enum ttm_move_dir {
	TTM_MOVE_RAM_TO_RAM,
	TTM_MOVE_RAM_TO_IO,
	TTM_MOVE_IO_TO_RAM,
	TTM_MOVE_IO_TO_IO,
	TTM_MOVE_CLEAR_RAM,
	TTM_MOVE_CLEAR_IO,
	TTM_MOVE_NUM_DIRS,
};

/**
 * enum ttm_move_io - which apertures a routine is fit for
 * @TTM_MOVE_IO_ANY: all: its accesses can be emulated
 * @TTM_MOVE_IO_NATIVE: where there is a hypervisor, which would have to emulate the
 *	accesses to an emulated device and cannot, only those that are plain memory
 * @TTM_MOVE_IO_PLAIN: only those that are plain memory
 */
enum ttm_move_io {
	TTM_MOVE_IO_ANY,
	TTM_MOVE_IO_NATIVE,
	TTM_MOVE_IO_PLAIN,
};

/**
 * struct ttm_move_routine - one way to move bytes
 * @name: for people
 * @needs: what the CPU must have, for people
 * @valid: whether the CPU has it
 * @priority: the highest is taken
 * @dirs: set of the directions that it can do
 * @io: which apertures it is fit for
 * @align: alignment of what is read, or cleared, in bytes; a power of two
 * @unit: moves multiples of this, in bytes; a power of two
 * @fpu: uses registers of the FPU
 * @streams: what it writes goes past the caches
 * @copy: move @unit bytes, any number of times. NULL for the plain routine, which
 *	takes the kernel's functions for either kind of memory.
 * @clear: the same with zeroes
 */
struct ttm_move_routine {
	const char *name;
	const char *needs;
	bool (*valid)(void);
	unsigned int priority;
	u32 dirs; /* BIT() of enum ttm_move_dir */
	enum ttm_move_io io;
	unsigned int align;
	unsigned int unit;
	bool fpu;
	bool streams;
	void (*copy)(void *dst, const void *src, size_t bytes);
	void (*clear)(void *dst, size_t bytes);
};

/**
 * struct ttm_move_machine - what the choice of a routine depends on
 * @routines: the table
 * @num: its length
 * @guest: there is a hypervisor
 * @indirect: I/O memory has no address that a routine could use
 */
struct ttm_move_machine {
	const struct ttm_move_routine *routines;
	unsigned int num;
	bool guest;
	bool indirect;
};

void ttm_move_copy_init(void);
void ttm_move_copy_map(struct iosys_map *dst, const struct iosys_map *src,
		       size_t bytes, bool plain, bool stream);
void ttm_move_clear_map(struct iosys_map *dst, size_t bytes, bool plain,
			bool stream);

/* From here on a move is large: more than the caches could keep. */
#define TTM_MOVE_LARGE_BYTES	SZ_16M

/* The choice, and what it was. */
const struct ttm_move_routine *
ttm_move_routine_choose(const struct ttm_move_machine *machine,
			enum ttm_move_dir dir, bool plain, bool stream,
			const struct ttm_move_routine *wanted);
const struct ttm_move_routine *ttm_move_routine_of(enum ttm_move_dir dir,
						   bool plain, bool stream);
const char *ttm_move_dir_name(enum ttm_move_dir dir);
int ttm_move_copy_override(const char *name);
const char *ttm_move_copy_overridden(void);

/* For tests: one routine, whatever was chosen. */
extern struct ttm_move_machine ttm_move_this_machine;
bool ttm_move_routine_fits(const struct ttm_move_machine *machine,
			   const struct ttm_move_routine *routine,
			   enum ttm_move_dir dir, bool plain);
void ttm_move_copy_by(const struct ttm_move_routine *routine,
		      enum ttm_move_dir dir, struct iosys_map *dst,
		      const struct iosys_map *src, size_t bytes);
void ttm_move_clear_by(const struct ttm_move_routine *routine,
		       enum ttm_move_dir dir, struct iosys_map *dst,
		       size_t bytes);

/* ttm_move_copy_x86.c */
bool ttm_move_rep_valid(void);
bool ttm_move_sse41_valid(void);
bool ttm_move_avx2_valid(void);
bool ttm_move_avx512_valid(void);
void ttm_move_rep_copy(void *dst, const void *src, size_t bytes);
void ttm_move_rep_clear(void *dst, size_t bytes);
void ttm_move_sse41_copy(void *dst, const void *src, size_t bytes);
void ttm_move_sse41_clear(void *dst, size_t bytes);
void ttm_move_avx2_copy(void *dst, const void *src, size_t bytes);
void ttm_move_avx2_clear(void *dst, size_t bytes);
void ttm_move_avx512_copy(void *dst, const void *src, size_t bytes);
void ttm_move_avx512_clear(void *dst, size_t bytes);

#endif
