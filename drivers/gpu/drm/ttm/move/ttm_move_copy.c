// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Ways to move bytes, and the choice among them.
 *
 * A table of routines; for each direction, and for apertures that are plain memory and
 * for others, the one with the highest priority is chosen among those that the machine
 * can do. That happens once, when the module is loaded, and again only if somebody
 * overrides the choice.
 */
#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/instrumented.h>
#include <linux/io.h>
#include <linux/kconfig.h>
#include <linux/kernel.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <kunit/visibility.h>

#include "ttm_move_copy.h"

#ifdef TTM_MOVE_X86
#include <asm/barrier.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

#define ttm_move_is_guest()	boot_cpu_has(X86_FEATURE_HYPERVISOR)
#else
#define ttm_move_is_guest()	false
/* No routine here uses the FPU. */
#define kernel_fpu_begin()	do { } while (0)
#define kernel_fpu_end()	do { } while (0)
#define irq_fpu_usable()	false
#endif

static const char * const ttm_move_dir_names[] = {
	[TTM_MOVE_RAM_TO_RAM] = "ram_to_ram",
	[TTM_MOVE_RAM_TO_IO] = "ram_to_io",
	[TTM_MOVE_IO_TO_RAM] = "io_to_ram",
	[TTM_MOVE_IO_TO_IO] = "io_to_io",
	[TTM_MOVE_CLEAR_RAM] = "clear_ram",
	[TTM_MOVE_CLEAR_IO] = "clear_io",
};

/*
 * Preemption is off while the FPU is in use, for no more than these bytes, which is to
 * be below 100 microseconds for the slowest of them: write-combined memory that is read
 * at 45 MB/s, a bus that takes 250 MB/s.
 */
static const size_t ttm_move_section_bytes[] = {
	[TTM_MOVE_RAM_TO_RAM] = SZ_64K,
	[TTM_MOVE_RAM_TO_IO] = SZ_16K,
	[TTM_MOVE_IO_TO_RAM] = SZ_4K,
	[TTM_MOVE_IO_TO_IO] = SZ_4K,
	[TTM_MOVE_CLEAR_RAM] = SZ_64K,
	[TTM_MOVE_CLEAR_IO] = SZ_16K,
};

/* The plain routine: what every architecture has. */

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

static void ttm_move_clear_plain(struct iosys_map *dst, size_t bytes)
{
	if (dst->is_iomem)
		memset_io(dst->vaddr_iomem, 0, bytes);
	else
		memset(dst->vaddr, 0, bytes);
}

static bool ttm_move_plain_valid(void)
{
	return true;
}

#define TTM_MOVE_ALL_DIRS	GENMASK(TTM_MOVE_NUM_DIRS - 1, 0)

static const struct ttm_move_routine ttm_move_routines[] = {
	{
		.name = "plain",
		.needs = "nothing",
		.valid = ttm_move_plain_valid,
		.priority = 1,
		.dirs = TTM_MOVE_ALL_DIRS,
		.io = TTM_MOVE_IO_ANY,
		.align = 1,
		.unit = 1,
	},
#ifdef TTM_MOVE_X86
	{
		.name = "rep-movsb",
		.needs = "ERMS",
		.valid = ttm_move_rep_valid,
		.priority = 2,
		.dirs = BIT(TTM_MOVE_RAM_TO_RAM) | BIT(TTM_MOVE_RAM_TO_IO) |
			BIT(TTM_MOVE_CLEAR_RAM) | BIT(TTM_MOVE_CLEAR_IO),
		.io = TTM_MOVE_IO_PLAIN,
		.align = 1,
		.unit = 1,
		.copy = ttm_move_rep_copy,
		.clear = ttm_move_rep_clear,
	},
	{
		.name = "sse4.1",
		.needs = "SSE4.1",
		.valid = ttm_move_sse41_valid,
		.priority = 3,
		.dirs = TTM_MOVE_ALL_DIRS,
		.io = TTM_MOVE_IO_NATIVE,
		.align = 16,
		.unit = 64,
		.fpu = true,
		.streams = true,
		.copy = ttm_move_sse41_copy,
		.clear = ttm_move_sse41_clear,
	},
	{
		.name = "avx2",
		.needs = "AVX2",
		.valid = ttm_move_avx2_valid,
		.priority = 4,
		.dirs = TTM_MOVE_ALL_DIRS,
		.io = TTM_MOVE_IO_NATIVE,
		.align = 32,
		.unit = 128,
		.fpu = true,
		.streams = true,
		.copy = ttm_move_avx2_copy,
		.clear = ttm_move_avx2_clear,
	},
	{
		.name = "avx512",
		.needs = "AVX-512F",
		.valid = ttm_move_avx512_valid,
		.priority = 5,
		.dirs = TTM_MOVE_ALL_DIRS,
		.io = TTM_MOVE_IO_NATIVE,
		.align = 64,
		.unit = 256,
		.fpu = true,
		.streams = true,
		.copy = ttm_move_avx512_copy,
		.clear = ttm_move_avx512_clear,
	},
#endif
};

/* The choice */

struct ttm_move_machine ttm_move_this_machine = {
	.routines = ttm_move_routines,
	.num = ARRAY_SIZE(ttm_move_routines),
	.indirect = IS_ENABLED(CONFIG_INDIRECT_IOMEM),
};
EXPORT_SYMBOL_IF_KUNIT(ttm_move_this_machine);

/*
 * By whether the move is to stream, and the aperture plain memory, and by the direction. A
 * copy looks at it once, with READ_ONCE(), so that an override may come at any time.
 */
static const struct ttm_move_routine *ttm_move_chosen[2][2][TTM_MOVE_NUM_DIRS];

/* Which one is wanted in the place of the chosen ones, or NULL. */
static const struct ttm_move_routine *ttm_move_wanted;

static bool ttm_move_dir_has_io(enum ttm_move_dir dir)
{
	return dir != TTM_MOVE_RAM_TO_RAM && dir != TTM_MOVE_CLEAR_RAM;
}

static bool ttm_move_io_fits(const struct ttm_move_machine *machine,
			     const struct ttm_move_routine *routine, bool plain)
{
	switch (routine->io) {
	case TTM_MOVE_IO_PLAIN:
		return plain && !machine->indirect;
	case TTM_MOVE_IO_NATIVE:
		return (plain || !machine->guest) && !machine->indirect;
	default:
		return true;
	}
}

/*
 * Whether @routine can be had on @machine in the direction @dir. KMSAN follows bytes
 * through the kernel's own functions alone.
 */
bool ttm_move_routine_fits(const struct ttm_move_machine *machine,
			   const struct ttm_move_routine *routine,
			   enum ttm_move_dir dir, bool plain)
{
	if (IS_ENABLED(CONFIG_KMSAN) && routine->copy)
		return false;
	return (routine->dirs & BIT(dir)) && routine->valid() &&
	       (!ttm_move_dir_has_io(dir) ||
		ttm_move_io_fits(machine, routine, plain));
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_routine_fits);

/* What the caches could keep is slower by far to write past them. */
static bool ttm_move_size_fits(const struct ttm_move_routine *routine,
			       enum ttm_move_dir dir, bool stream)
{
	return stream || !routine->streams || ttm_move_dir_has_io(dir);
}

/*
 * @wanted where it can be had, and otherwise the best that can; NULL where the table
 * has nothing for the direction.
 */
const struct ttm_move_routine *
ttm_move_routine_choose(const struct ttm_move_machine *machine,
			enum ttm_move_dir dir, bool plain, bool stream,
			const struct ttm_move_routine *wanted)
{
	const struct ttm_move_routine *best = NULL, *routine;

	if (wanted && ttm_move_size_fits(wanted, dir, stream) &&
	    ttm_move_routine_fits(machine, wanted, dir, plain))
		return wanted;

	for (routine = machine->routines;
	     routine < machine->routines + machine->num; routine++)
		if (ttm_move_size_fits(routine, dir, stream) &&
		    ttm_move_routine_fits(machine, routine, dir, plain) &&
		    (!best || routine->priority > best->priority))
			best = routine;
	return best;
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_routine_choose);

static void ttm_move_copy_choose_for(bool plain, bool stream)
{
	enum ttm_move_dir dir;

	for (dir = 0; dir < TTM_MOVE_NUM_DIRS; dir++)
		WRITE_ONCE(ttm_move_chosen[stream][plain][dir],
			   ttm_move_routine_choose(&ttm_move_this_machine, dir,
						   plain, stream,
						   ttm_move_wanted));
}

static void ttm_move_copy_choose(void)
{
	ttm_move_copy_choose_for(false, false);
	ttm_move_copy_choose_for(false, true);
	ttm_move_copy_choose_for(true, false);
	ttm_move_copy_choose_for(true, true);
}

const struct ttm_move_routine *ttm_move_routine_of(enum ttm_move_dir dir,
						   bool plain, bool stream)
{
	return READ_ONCE(ttm_move_chosen[stream][plain][dir]);
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_routine_of);

const char *ttm_move_dir_name(enum ttm_move_dir dir)
{
	return ttm_move_dir_names[dir];
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_dir_name);

/* The override */

#define TTM_MOVE_AUTO	"auto"

static const struct ttm_move_routine *ttm_move_routine_find(const char *name)
{
	const struct ttm_move_machine *machine = &ttm_move_this_machine;
	unsigned int i;

	for (i = 0; i < machine->num; i++)
		if (sysfs_streq(name, machine->routines[i].name))
			return &machine->routines[i];
	return NULL;
}

/* The names that may be given here, separated by commas. */
static const char *ttm_move_routine_list(char *list, size_t bytes)
{
	const struct ttm_move_machine *machine = &ttm_move_this_machine;
	size_t used = scnprintf(list, bytes, TTM_MOVE_AUTO);
	unsigned int i;

	for (i = 0; i < machine->num; i++)
		if (machine->routines[i].valid())
			used += scnprintf(list + used, bytes - used, ", %s",
					  machine->routines[i].name);
	return list;
}

static bool ttm_move_routine_check(const struct ttm_move_routine *routine)
{
	char list[64];

	if (routine->valid())
		return true;
	pr_err("ttm_move: copy=%s needs %s, which this CPU lacks; there are: %s\n",
	       routine->name, routine->needs,
	       ttm_move_routine_list(list, sizeof(list)));
	return false;
}

/*
 * Take the routine of this name, wherever it can be had, or "auto". Where the worker is
 * built in, the parameter is there before the kernel knows its CPU: until the first
 * choice, any name in the table will do. Callers are serialised.
 */
int ttm_move_copy_override(const char *name)
{
	bool early = !ttm_move_chosen[0][0][0];
	const struct ttm_move_routine *routine = ttm_move_routine_find(name);
	char list[64];

	if (!routine && !sysfs_streq(name, TTM_MOVE_AUTO)) {
		pr_err("ttm_move: copy: there is no such routine, only: %s\n",
		       ttm_move_routine_list(list, sizeof(list)));
		return -EINVAL;
	}
	if (routine && !early && !ttm_move_routine_check(routine))
		return -EINVAL;

	ttm_move_wanted = routine;
	if (!early)
		ttm_move_copy_choose();
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_copy_override);

const char *ttm_move_copy_overridden(void)
{
	return ttm_move_wanted ? ttm_move_wanted->name : TTM_MOVE_AUTO;
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_copy_overridden);

void ttm_move_copy_init(void)
{
	ttm_move_this_machine.guest = ttm_move_is_guest();
	if (ttm_move_wanted && !ttm_move_routine_check(ttm_move_wanted))
		ttm_move_wanted = NULL;
	ttm_move_copy_choose();
}

/* Moving bytes */

static void *ttm_move_vaddr(const struct iosys_map *map)
{
	return map->is_iomem ? (void __force *)map->vaddr_iomem : map->vaddr;
}

/* Sanitizers do not see what assembly does. */
static void ttm_move_see_write(const struct iosys_map *dst, size_t bytes)
{
	if (!dst->is_iomem)
		instrument_write(dst->vaddr, bytes);
}

static void ttm_move_see_read(const struct iosys_map *src, size_t bytes)
{
	if (!src->is_iomem)
		instrument_read(src->vaddr, bytes);
}

/*
 * Around all sections of a copy, and not each: whoever is preempted between two of them
 * passes full barriers in the scheduler.
 */
static void ttm_move_stream_begin(const struct ttm_move_routine *routine)
{
	if (!routine->streams)
		return;
	/* Streaming loads may pass older accesses to the same bytes. */
	mb();
}

static void ttm_move_stream_end(const struct ttm_move_routine *routine)
{
	if (!routine->streams)
		return;
	/* Younger stores may pass streaming ones: the signal's must not. */
	wmb();
}

static void ttm_move_copy_section(const struct ttm_move_routine *routine,
				  void *dst, const void *src, size_t bytes)
{
	if (routine->fpu)
		kernel_fpu_begin();
	routine->copy(dst, src, bytes);
	if (routine->fpu)
		kernel_fpu_end();
}

static void ttm_move_clear_section(const struct ttm_move_routine *routine,
				   void *dst, size_t bytes)
{
	if (routine->fpu)
		kernel_fpu_begin();
	routine->clear(dst, bytes);
	if (routine->fpu)
		kernel_fpu_end();
}

/* Whole units, from an aligned address. */
static void ttm_move_copy_sections(const struct ttm_move_routine *routine,
				   enum ttm_move_dir dir,
				   const struct iosys_map *dst,
				   const struct iosys_map *src, size_t bytes)
{
	const void *from = ttm_move_vaddr(src);
	void *to = ttm_move_vaddr(dst);
	size_t n;

	ttm_move_see_read(src, bytes);
	ttm_move_see_write(dst, bytes);
	ttm_move_stream_begin(routine);
	for (; bytes; bytes -= n, from += n, to += n) {
		n = min(bytes, ttm_move_section_bytes[dir]);
		ttm_move_copy_section(routine, to, from, n);
	}
	ttm_move_stream_end(routine);
}

static void ttm_move_clear_sections(const struct ttm_move_routine *routine,
				    enum ttm_move_dir dir,
				    const struct iosys_map *dst, size_t bytes)
{
	void *to = ttm_move_vaddr(dst);
	size_t n;

	ttm_move_see_write(dst, bytes);
	for (; bytes; bytes -= n, to += n) {
		n = min(bytes, ttm_move_section_bytes[dir]);
		ttm_move_clear_section(routine, to, n);
	}
	ttm_move_stream_end(routine);
}

/* How many bytes lie before the first that is aligned for the routine. */
static size_t ttm_move_head(const struct ttm_move_routine *routine,
			    const struct iosys_map *map, size_t bytes)
{
	unsigned long vaddr = (unsigned long)ttm_move_vaddr(map);

	return min_t(size_t, bytes, -vaddr & (routine->align - 1));
}

static bool ttm_move_routine_usable(const struct ttm_move_routine *routine)
{
	return routine->copy && (!routine->fpu || irq_fpu_usable());
}

/* Copy by @routine, and what is before and behind its units by the plain one. */
void ttm_move_copy_by(const struct ttm_move_routine *routine,
		      enum ttm_move_dir dir, struct iosys_map *dst,
		      const struct iosys_map *src, size_t bytes)
{
	struct iosys_map to = *dst, from = *src;
	size_t head, body;

	if (!ttm_move_routine_usable(routine)) {
		ttm_move_copy_plain(dst, src, bytes);
		return;
	}

	head = ttm_move_head(routine, src, bytes);
	body = round_down(bytes - head, routine->unit);
	ttm_move_copy_plain(&to, &from, head);
	iosys_map_incr(&to, head);
	iosys_map_incr(&from, head);
	ttm_move_copy_sections(routine, dir, &to, &from, body);
	iosys_map_incr(&to, body);
	iosys_map_incr(&from, body);
	ttm_move_copy_plain(&to, &from, bytes - head - body);
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_copy_by);

void ttm_move_clear_by(const struct ttm_move_routine *routine,
		       enum ttm_move_dir dir, struct iosys_map *dst,
		       size_t bytes)
{
	struct iosys_map to = *dst;
	size_t head, body;

	if (!ttm_move_routine_usable(routine)) {
		ttm_move_clear_plain(dst, bytes);
		return;
	}

	head = ttm_move_head(routine, dst, bytes);
	body = round_down(bytes - head, routine->unit);
	ttm_move_clear_plain(&to, head);
	iosys_map_incr(&to, head);
	ttm_move_clear_sections(routine, dir, &to, body);
	iosys_map_incr(&to, body);
	ttm_move_clear_plain(&to, bytes - head - body);
}
EXPORT_SYMBOL_IF_KUNIT(ttm_move_clear_by);

static enum ttm_move_dir ttm_move_copy_dir(bool dst_io, bool src_io)
{
	if (src_io)
		return dst_io ? TTM_MOVE_IO_TO_IO : TTM_MOVE_IO_TO_RAM;
	return dst_io ? TTM_MOVE_RAM_TO_IO : TTM_MOVE_RAM_TO_RAM;
}

/*
 * Copy by the routine that was chosen. @plain: what is I/O memory of either end is plain
 * memory. @stream: the caches could not keep all of the move, or may not.
 */
void ttm_move_copy_map(struct iosys_map *dst, const struct iosys_map *src,
		       size_t bytes, bool plain, bool stream)
{
	enum ttm_move_dir dir = ttm_move_copy_dir(dst->is_iomem, src->is_iomem);

	ttm_move_copy_by(ttm_move_routine_of(dir, plain, stream), dir, dst, src,
			 bytes);
}

void ttm_move_clear_map(struct iosys_map *dst, size_t bytes, bool plain,
			bool stream)
{
	enum ttm_move_dir dir = dst->is_iomem ? TTM_MOVE_CLEAR_IO :
						TTM_MOVE_CLEAR_RAM;

	ttm_move_clear_by(ttm_move_routine_of(dir, plain, stream), dir, dst, bytes);
}
