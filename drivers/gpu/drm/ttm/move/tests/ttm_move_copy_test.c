// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Which routine is chosen, on machines that there are not, and what those of this machine
 * do to bytes.
 */
#include <drm/ttm/ttm_tt.h>

#include "ttm_move_kunit.h"
#include "../ttm_move_copy.h"

/* The routine that a machine has that there is not: it leaves its mark, and no bytes. */

static bool mvt_was_wide;
static size_t mvt_longest;

static void mvt_wide_copy(void *dst, const void *src, size_t bytes)
{
	mvt_was_wide = true;
	mvt_longest = max(mvt_longest, bytes);
}

static void mvt_wide_clear(void *dst, size_t bytes)
{
	mvt_wide_copy(dst, NULL, bytes);
}

static bool mvt_has(void)
{
	return true;
}

static bool mvt_lacks(void)
{
	return false;
}

#define MVT_ALL_DIRS	GENMASK(TTM_MOVE_NUM_DIRS - 1, 0)
#define MVT_NUM		4

/* For machines that have all of it, or as a test changes it. */
struct mvt_table {
	struct ttm_move_routine plain;
	struct ttm_move_routine wide;
	struct ttm_move_routine fast;
	struct ttm_move_routine none;
};

static const struct mvt_table mvt_table = {
	.plain = {
		.name = "plain", .needs = "nothing", .valid = mvt_has,
		.priority = 1, .dirs = MVT_ALL_DIRS,
		.io = TTM_MOVE_IO_ANY, .align = 1, .unit = 1,
	},
	/* Neither the first nor the last is the best. */
	.wide = {
		.name = "wide", .needs = "width", .valid = mvt_has,
		.priority = 3, .dirs = MVT_ALL_DIRS,
		.io = TTM_MOVE_IO_NATIVE, .align = 64, .unit = 64,
		.streams = true,
		.copy = mvt_wide_copy, .clear = mvt_wide_clear,
	},
	.fast = {
		.name = "fast", .needs = "speed", .valid = mvt_has,
		.priority = 2,
		.dirs = BIT(TTM_MOVE_RAM_TO_RAM) | BIT(TTM_MOVE_RAM_TO_IO) |
			BIT(TTM_MOVE_CLEAR_IO),
		.io = TTM_MOVE_IO_PLAIN, .align = 1, .unit = 1,
	},
	.none = {
		.name = "none", .needs = "a miracle", .valid = mvt_lacks,
		.priority = 4, .dirs = MVT_ALL_DIRS,
		.io = TTM_MOVE_IO_ANY, .align = 1, .unit = 1,
	},
};

/**
 * struct mvt_machine - a machine that there is not
 * @test: the test
 * @table: its routines
 * @machine: what the choice sees
 * @wanted: in the place of the choice, or NULL
 */
struct mvt_machine {
	struct kunit *test;
	struct mvt_table table;
	struct ttm_move_machine machine;
	const struct ttm_move_routine *wanted;
};

static void mvt_machine_init(struct kunit *test, struct mvt_machine *m)
{
	static_assert(sizeof(m->table) == MVT_NUM * sizeof(m->table.plain));

	*m = (struct mvt_machine){ .test = test, .table = mvt_table };
	m->machine.routines = &m->table.plain;
	m->machine.num = MVT_NUM;
}

static void mvt_expect(struct mvt_machine *m, enum ttm_move_dir dir, bool plain,
		       const struct ttm_move_routine *want)
{
	const struct ttm_move_routine *routine =
		ttm_move_routine_choose(&m->machine, dir, plain, true, m->wanted);

	KUNIT_ASSERT_NOT_NULL(m->test, routine);
	KUNIT_EXPECT_STREQ_MSG(m->test, routine->name, want->name,
			       "%s, plain %d", ttm_move_dir_name(dir), plain);
}

/* In all directions. */
static void mvt_expect_all(struct mvt_machine *m, bool plain,
			   const struct ttm_move_routine *want)
{
	enum ttm_move_dir dir;

	for (dir = 0; dir < TTM_MOVE_NUM_DIRS; dir++)
		mvt_expect(m, dir, plain, want);
}

static void ttm_move_choice_is_the_highest_priority(struct kunit *test)
{
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	mvt_expect_all(&m, true, &m.table.wide);
	m.table.fast.priority = 4;
	m.table.fast.dirs = MVT_ALL_DIRS;
	mvt_expect_all(&m, true, &m.table.fast);
	m.table.plain.priority = 5;
	mvt_expect_all(&m, true, &m.table.plain);
}

static void ttm_move_choice_is_what_the_cpu_has(struct kunit *test)
{
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	m.table.wide.valid = mvt_lacks;
	mvt_expect(&m, TTM_MOVE_RAM_TO_RAM, true, &m.table.fast);
	m.table.fast.valid = mvt_lacks;
	mvt_expect_all(&m, true, &m.table.plain);
}

static void ttm_move_choice_is_for_the_direction(struct kunit *test)
{
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	m.table.wide.dirs &= ~BIT(TTM_MOVE_RAM_TO_IO);
	mvt_expect(&m, TTM_MOVE_RAM_TO_RAM, true, &m.table.wide);
	mvt_expect(&m, TTM_MOVE_RAM_TO_IO, true, &m.table.fast);
	m.table.wide.dirs &= ~BIT(TTM_MOVE_IO_TO_RAM);
	mvt_expect(&m, TTM_MOVE_IO_TO_RAM, true, &m.table.plain);
}

/* A table that has nothing says so, and does not crash. */
static void ttm_move_choice_may_be_none(struct kunit *test)
{
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	m.machine.routines = &m.table.none;
	m.machine.num = 1;
	KUNIT_EXPECT_NULL(test, ttm_move_routine_choose(&m.machine,
							TTM_MOVE_RAM_TO_RAM,
							true, true, NULL));
}

static bool mvt_dir_has_io(enum ttm_move_dir dir)
{
	return dir != TTM_MOVE_RAM_TO_RAM && dir != TTM_MOVE_CLEAR_RAM;
}

/* The driver vouches for the aperture, or a hypervisor stands in the way. */
static void ttm_move_choice_heeds_the_hypervisor(struct kunit *test)
{
	enum ttm_move_dir dir;
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	mvt_expect_all(&m, false, &m.table.wide);
	m.machine.guest = true;
	mvt_expect_all(&m, true, &m.table.wide);
	for (dir = 0; dir < TTM_MOVE_NUM_DIRS; dir++)
		mvt_expect(&m, dir, false,
			   mvt_dir_has_io(dir) ? &m.table.plain : &m.table.wide);
}

static void ttm_move_choice_heeds_the_aperture(struct kunit *test)
{
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	m.table.wide.valid = mvt_lacks;
	mvt_expect(&m, TTM_MOVE_RAM_TO_IO, true, &m.table.fast);
	mvt_expect(&m, TTM_MOVE_RAM_TO_IO, false, &m.table.plain);
	mvt_expect(&m, TTM_MOVE_RAM_TO_RAM, false, &m.table.fast);
}

/* Where I/O memory has no address, a driver that vouches for it changes nothing. */
static void ttm_move_choice_heeds_io_without_address(struct kunit *test)
{
	enum ttm_move_dir dir;
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	m.machine.indirect = true;
	for (dir = 0; dir < TTM_MOVE_NUM_DIRS; dir++)
		mvt_expect(&m, dir, true,
			   mvt_dir_has_io(dir) ? &m.table.plain : &m.table.wide);
}

/* Nobody's word makes what the caches could keep go past them. */
static void ttm_move_choice_heeds_the_caches(struct kunit *test)
{
	const struct ttm_move_routine *small;
	enum ttm_move_dir dir;
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	m.table.fast.dirs = BIT(TTM_MOVE_RAM_TO_RAM);
	for (dir = 0; dir < TTM_MOVE_NUM_DIRS; dir++) {
		small = ttm_move_routine_choose(&m.machine, dir, true, false,
						&m.table.wide);
		if (dir == TTM_MOVE_RAM_TO_RAM)
			KUNIT_EXPECT_PTR_EQ(test, small, &m.table.fast);
		else if (dir == TTM_MOVE_CLEAR_RAM)
			KUNIT_EXPECT_PTR_EQ(test, small, &m.table.plain);
		else
			KUNIT_EXPECT_PTR_EQ(test, small, &m.table.wide);
	}
}

static void ttm_move_choice_can_be_overridden(struct kunit *test)
{
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	m.wanted = &m.table.plain;
	mvt_expect_all(&m, true, &m.table.plain);
	m.wanted = &m.table.fast;
	mvt_expect(&m, TTM_MOVE_RAM_TO_RAM, true, &m.table.fast);
}

/* An override does not make a machine do what it cannot, nor what would end it. */
static void ttm_move_override_knows_its_limits(struct kunit *test)
{
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	m.wanted = &m.table.none;
	mvt_expect_all(&m, true, &m.table.wide);
	m.wanted = &m.table.fast;
	mvt_expect(&m, TTM_MOVE_IO_TO_RAM, true, &m.table.wide);
	mvt_expect(&m, TTM_MOVE_RAM_TO_IO, false, &m.table.wide);
	m.wanted = &m.table.wide;
	m.machine.guest = true;
	mvt_expect(&m, TTM_MOVE_IO_TO_RAM, false, &m.table.plain);
}

/* The table of this machine */

static void ttm_move_table_is_sound(struct kunit *test)
{
	const struct ttm_move_machine *machine = &ttm_move_this_machine;
	const struct ttm_move_routine *routine = machine->routines;

	KUNIT_EXPECT_STREQ(test, routine->name, "plain");
	KUNIT_EXPECT_EQ(test, routine->dirs, MVT_ALL_DIRS);
	KUNIT_EXPECT_TRUE(test, routine->valid());
	KUNIT_EXPECT_FALSE(test, routine->streams);
	for (; routine < machine->routines + machine->num; routine++) {
		KUNIT_EXPECT_TRUE(test, is_power_of_2(routine->align));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(PAGE_SIZE, routine->unit));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED(routine->unit, routine->align));
		if (!routine->fpu)
			continue;
		/* FPU registers in I/O memory: never without the driver's word. */
		KUNIT_EXPECT_NE(test, routine->io, TTM_MOVE_IO_ANY);
		/* Their loads pass older stores. */
		KUNIT_EXPECT_TRUE(test, routine->streams);
	}
}

/* Nothing that could be had in this direction is better. */
static void mvt_expect_best(struct kunit *test, enum ttm_move_dir dir, bool plain)
{
	const struct ttm_move_routine *chosen = ttm_move_routine_of(dir, plain, true);
	const struct ttm_move_machine *machine = &ttm_move_this_machine;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, chosen);
	KUNIT_EXPECT_TRUE(test,
			  ttm_move_routine_fits(machine, chosen, dir, plain));
	for (i = 0; i < machine->num; i++)
		if (ttm_move_routine_fits(machine, &machine->routines[i], dir,
					  plain))
			KUNIT_EXPECT_LE(test, machine->routines[i].priority,
					chosen->priority);
	kunit_info(test, "%s, plain %d: %s", ttm_move_dir_name(dir), plain,
		   chosen->name);
}

static void mvt_expect_all_best(struct kunit *test)
{
	enum ttm_move_dir dir;

	for (dir = 0; dir < TTM_MOVE_NUM_DIRS; dir++) {
		mvt_expect_best(test, dir, true);
		mvt_expect_best(test, dir, false);
		if (!mvt_dir_has_io(dir))
			KUNIT_EXPECT_FALSE(test, ttm_move_routine_of(dir, true,
								     false)->streams);
	}
}

/* What the parameter was is set again when the test ends, whatever becomes of it. */
static void mvt_override_restore(void *name)
{
	ttm_move_copy_override(name);
}

static void mvt_override_save(struct kunit *test)
{
	void *name = (void *)ttm_move_copy_overridden();

	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   mvt_override_restore,
							   name));
}

static void ttm_move_table_is_chosen_from(struct kunit *test)
{
	mvt_override_save(test);
	KUNIT_EXPECT_EQ(test, ttm_move_copy_override("auto\n"), 0);
	mvt_expect_all_best(test);
}

static void ttm_move_override_refuses_what_there_is_not(struct kunit *test)
{
	mvt_override_save(test);
	KUNIT_ASSERT_EQ(test, ttm_move_copy_override("plain"), 0);
	KUNIT_EXPECT_EQ(test, ttm_move_copy_override("swift"), -EINVAL);
	KUNIT_EXPECT_EQ(test, ttm_move_copy_override(""), -EINVAL);
	KUNIT_EXPECT_STREQ(test, ttm_move_copy_overridden(), "plain");
	KUNIT_EXPECT_STREQ(test,
			   ttm_move_routine_of(TTM_MOVE_RAM_TO_RAM, true, true)->name,
			   "plain");
}

static void mvt_check_override(struct kunit *test,
			       const struct ttm_move_routine *routine)
{
	const struct ttm_move_machine *machine = &ttm_move_this_machine;
	enum ttm_move_dir dir;

	if (!routine->valid()) {
		KUNIT_EXPECT_EQ(test, ttm_move_copy_override(routine->name),
				-EINVAL);
		return;
	}
	KUNIT_EXPECT_EQ(test, ttm_move_copy_override(routine->name), 0);
	KUNIT_EXPECT_STREQ(test, ttm_move_copy_overridden(), routine->name);
	for (dir = 0; dir < TTM_MOVE_NUM_DIRS; dir++)
		if (ttm_move_routine_fits(machine, routine, dir, true))
			KUNIT_EXPECT_PTR_EQ(test, routine,
					    ttm_move_routine_of(dir, true, true));
}

static void ttm_move_override_takes_every_routine(struct kunit *test)
{
	const struct ttm_move_machine *machine = &ttm_move_this_machine;
	unsigned int i;

	mvt_override_save(test);
	for (i = 0; i < machine->num; i++)
		mvt_check_override(test, &machine->routines[i]);
	KUNIT_EXPECT_EQ(test, ttm_move_copy_override("auto"), 0);
	KUNIT_EXPECT_STREQ(test, ttm_move_copy_overridden(), "auto");
	mvt_expect_all_best(test);
}

/* From an aperture to the routine */

static void mvt_machine_restore(void *machine)
{
	ttm_move_this_machine = *(struct ttm_move_machine *)machine;
	ttm_move_copy_override("auto");
}

/* This machine is a guest for the rest of the test, with the routines of @m. */
static void mvt_become_guest(struct kunit *test, struct mvt_machine *m)
{
	struct ttm_move_machine *was = kunit_kzalloc(test, sizeof(*was),
						     GFP_KERNEL);
	struct mvt_table *table;

	KUNIT_ASSERT_NOT_NULL(test, was);
	mvt_override_save(test);
	*was = ttm_move_this_machine;
	/* Until the test's end is later than until the function's. */
	table = kunit_kzalloc(test, sizeof(*table), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, table);
	*table = m->table;
	m->machine.routines = &table->plain;
	m->machine.guest = true;
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   mvt_machine_restore,
							   was));
	ttm_move_this_machine = m->machine;
	KUNIT_ASSERT_EQ(test, ttm_move_copy_override("auto"), 0);
}

static void ttm_move_override_refuses_what_the_cpu_lacks(struct kunit *test)
{
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	mvt_become_guest(test, &m);
	KUNIT_EXPECT_EQ(test, ttm_move_copy_override("none"), -EINVAL);
	KUNIT_EXPECT_STREQ(test, ttm_move_copy_overridden(), "auto");
	KUNIT_EXPECT_EQ(test, ttm_move_copy_override("fast"), 0);
	KUNIT_EXPECT_STREQ(test, ttm_move_copy_overridden(), "fast");
}

/* Copies and clears in what is I/O memory at the ends that say so. */
static void mvt_expect_wide(struct mvt *fx, bool dst_io, bool src_io,
			    bool vouched, u64 bytes, bool want)
{
	struct ttm_move_aperture io = fx->aperture, ram = fx->aperture;
	struct ttm_move_mem dst, src;

	iosys_map_set_vaddr_iomem(&io.map, fx->vram.iomem);
	io.plain = vouched;
	ttm_move_mem_init_linear(&dst, dst_io ? &io : &ram, 0, bytes);
	ttm_move_mem_init_linear(&src, src_io ? &io : &ram, PAGE_SIZE, bytes);

	mvt_was_wide = false;
	KUNIT_EXPECT_EQ(fx->test, ttm_move_copy(&dst, &src, 0, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(fx->test, mvt_was_wide, want);
	if (src_io)
		return;
	mvt_was_wide = false;
	KUNIT_EXPECT_EQ(fx->test, ttm_move_clear(&dst, 0, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(fx->test, mvt_was_wide, want);
}

static void ttm_move_routine_depends_on_the_drivers_word(struct kunit *test)
{
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	mvt_become_guest(test, &m);
	mvt_expect_wide(test->priv, true, false, true, PAGE_SIZE, true);
	mvt_expect_wide(test->priv, false, true, true, PAGE_SIZE, true);
	mvt_expect_wide(test->priv, true, true, true, PAGE_SIZE, true);
	mvt_expect_wide(test->priv, true, false, false, PAGE_SIZE, false);
	mvt_expect_wide(test->priv, false, true, false, PAGE_SIZE, false);
	mvt_expect_wide(test->priv, true, true, false, PAGE_SIZE, false);
}

/* What the caches may keep is not sent past them; what is large, a page at a time, is. */
static void ttm_move_routine_depends_on_the_size(struct kunit *test)
{
	struct mvt_machine m;

	mvt_machine_init(test, &m);
	mvt_become_guest(test, &m);
	mvt_expect_wide(test->priv, false, false, false,
			TTM_MOVE_LARGE_BYTES - PAGE_SIZE, false);
	mvt_expect_wide(test->priv, false, false, false,
			TTM_MOVE_LARGE_BYTES, true);
}

#define MVT_FEW		2

static bool mvt_copies_wide(struct kunit *test, const struct ttm_move_mem *dst,
			    const struct ttm_move_mem *src)
{
	mvt_was_wide = false;
	KUNIT_EXPECT_EQ(test, ttm_move_copy(dst, src, 0, MVT_FEW * PAGE_SIZE), 0);
	return mvt_was_wide;
}

static bool mvt_clears_wide(struct kunit *test, const struct ttm_move_mem *dst)
{
	mvt_was_wide = false;
	KUNIT_EXPECT_EQ(test, ttm_move_clear(dst, 0, MVT_FEW * PAGE_SIZE), 0);
	return mvt_was_wide;
}

/* What no cache keeps is read by streaming loads, however little it is, bit by bit. */
static void ttm_move_routine_depends_on_the_caching(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct page *few[MVT_FEW + 1] = { virt_to_page(mvt_page(fx, MVT_FEW)),
					  virt_to_page(mvt_page(fx, MVT_FEW + 1)) };
	struct ttm_tt tt = { .pages = few, .num_pages = MVT_FEW, .caching = ttm_cached };
	struct ttm_move_mem vram, pages;
	struct mvt_machine m;

	if (!TTM_MOVE_HEEDS_CACHING)
		kunit_skip(test, "the kernel maps all pages as cached");

	mvt_machine_init(test, &m);
	mvt_become_guest(test, &m);
	mvt_longest = 0;
	ttm_move_mem_init_linear(&vram, &fx->aperture, 0, MVT_FEW * PAGE_SIZE);
	ttm_move_mem_init_tt(&pages, &tt, PAGE_KERNEL);
	KUNIT_EXPECT_FALSE(test, mvt_copies_wide(test, &vram, &pages));
	KUNIT_EXPECT_FALSE(test, mvt_clears_wide(test, &pages));

	tt.caching = ttm_write_combined;
	ttm_move_mem_init_tt(&pages, &tt, PAGE_KERNEL);
	KUNIT_EXPECT_TRUE(test, mvt_copies_wide(test, &vram, &pages));
	KUNIT_EXPECT_TRUE(test, mvt_copies_wide(test, &pages, &vram));
	KUNIT_EXPECT_TRUE(test, mvt_clears_wide(test, &pages));
	KUNIT_EXPECT_LE(test, mvt_longest, SZ_4K);
}

/* Bytes */

#define MVT_TRIALS	64
#define MVT_HALF	(MVT_VRAM_BYTES / 2)

/* A routine of this machine in one of its directions, and where it works. */
struct mvt_way {
	struct mvt *fx;
	const struct ttm_move_routine *routine;
	enum ttm_move_dir dir;
	u8 *want;
};

static void mvt_way_map(struct mvt_way *way, struct iosys_map *map, bool is_io,
			size_t offset)
{
	if (is_io)
		iosys_map_set_vaddr_iomem(map, way->fx->vram.iomem + offset);
	else
		iosys_map_set_vaddr(map, way->fx->vram.vaddr + offset);
}

static void mvt_way_copy(struct mvt_way *way, size_t to, size_t from, size_t bytes)
{
	bool dst_io = way->dir == TTM_MOVE_RAM_TO_IO ||
		      way->dir == TTM_MOVE_IO_TO_IO;
	bool src_io = way->dir == TTM_MOVE_IO_TO_RAM ||
		      way->dir == TTM_MOVE_IO_TO_IO;
	struct iosys_map dst, src;

	mvt_way_map(way, &dst, dst_io, to);
	mvt_way_map(way, &src, src_io, from);
	memcpy(way->want + to, way->want + from, bytes);
	ttm_move_copy_by(way->routine, way->dir, &dst, &src, bytes);
}

/* What earlier clears have left: nobody would miss a byte there. */
static void mvt_way_dirty(struct mvt_way *way, size_t to, size_t bytes)
{
	size_t end = min_t(size_t, to + bytes + SZ_256, MVT_HALF);

	to = to > SZ_256 ? to - SZ_256 : 0;
	memset(way->want + to, MVT_DIRT, end - to);
	memset(way->fx->vram.vaddr + to, MVT_DIRT, end - to);
}

static void mvt_way_clear(struct mvt_way *way, size_t to, size_t bytes)
{
	struct iosys_map dst;

	mvt_way_dirty(way, to, bytes);
	mvt_way_map(way, &dst, way->dir == TTM_MOVE_CLEAR_IO, to);
	memset(way->want + to, 0, bytes);
	ttm_move_clear_by(way->routine, way->dir, &dst, bytes);
}

/* From one half to the other, seldom aligned. */
static void mvt_way_try(struct mvt_way *way, size_t bytes)
{
	size_t to = mvt_below(way->fx, MVT_HALF - bytes + 1);
	size_t from = MVT_HALF + mvt_below(way->fx, MVT_HALF - bytes + 1);

	if (way->dir == TTM_MOVE_CLEAR_RAM || way->dir == TTM_MOVE_CLEAR_IO)
		mvt_way_clear(way, to, bytes);
	else
		mvt_way_copy(way, to, from, bytes);
}

static void mvt_way_check(struct mvt_way *way)
{
	struct mvt *fx = way->fx;
	unsigned int i;

	prandom_bytes_state(&fx->rnd, fx->vram.vaddr, MVT_VRAM_BYTES);
	memcpy(way->want, fx->vram.vaddr, MVT_VRAM_BYTES);
	/* More than is done with preemption off, and then mostly less. */
	mvt_way_try(way, MVT_HALF);
	for (i = 0; i < MVT_TRIALS; i++)
		mvt_way_try(way,
			    mvt_below(fx, 1 << mvt_below(fx, 17)));
	KUNIT_EXPECT_EQ_MSG(fx->test, 0,
			    memcmp(way->want, fx->vram.vaddr, MVT_VRAM_BYTES),
			    "%s, %s", way->routine->name,
			    ttm_move_dir_name(way->dir));
}

static void ttm_move_routines_move_the_right_bytes(struct kunit *test)
{
	const struct ttm_move_machine *machine = &ttm_move_this_machine;
	struct mvt_way way = { .fx = test->priv };
	const struct ttm_move_routine *routine;

	mvt_seed(way.fx);
	way.want = kunit_kmalloc(test, MVT_VRAM_BYTES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, way.want);
	for (routine = machine->routines;
	     routine < machine->routines + machine->num; routine++) {
		way.routine = routine;
		for (way.dir = 0; way.dir < TTM_MOVE_NUM_DIRS; way.dir++)
			if (ttm_move_routine_fits(machine, routine, way.dir, true))
				mvt_way_check(&way);
	}
}

static struct kunit_case ttm_move_copy_cases[] = {
	KUNIT_CASE(ttm_move_choice_is_the_highest_priority),
	KUNIT_CASE(ttm_move_choice_is_what_the_cpu_has),
	KUNIT_CASE(ttm_move_choice_is_for_the_direction),
	KUNIT_CASE(ttm_move_choice_may_be_none),
	KUNIT_CASE(ttm_move_choice_heeds_the_hypervisor),
	KUNIT_CASE(ttm_move_choice_heeds_the_aperture),
	KUNIT_CASE(ttm_move_choice_heeds_io_without_address),
	KUNIT_CASE(ttm_move_choice_heeds_the_caches),
	KUNIT_CASE(ttm_move_choice_can_be_overridden),
	KUNIT_CASE(ttm_move_override_knows_its_limits),
	KUNIT_CASE(ttm_move_table_is_sound),
	KUNIT_CASE(ttm_move_table_is_chosen_from),
	KUNIT_CASE(ttm_move_override_refuses_what_there_is_not),
	KUNIT_CASE(ttm_move_override_takes_every_routine),
	KUNIT_CASE(ttm_move_override_refuses_what_the_cpu_lacks),
	KUNIT_CASE(ttm_move_routine_depends_on_the_drivers_word),
	KUNIT_CASE(ttm_move_routine_depends_on_the_size),
	KUNIT_CASE(ttm_move_routine_depends_on_the_caching),
	KUNIT_CASE(ttm_move_routines_move_the_right_bytes),
	{}
};

static struct kunit_suite ttm_move_copy_suite = {
	.name = "ttm_move_copy",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_copy_cases,
};

kunit_test_suite(ttm_move_copy_suite);
