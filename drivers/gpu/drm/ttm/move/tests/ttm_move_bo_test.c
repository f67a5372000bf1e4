// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects that move through ttm_bo_validate(), on a video memory that does not
 * hold them all. Contents are always compared byte by byte.
 */
#include <linux/highmem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/ttm/ttm_tt.h>

#include "ttm_move_kunit.h"

#define MVT_BO_PAGES	(MVT_VRAM_PAGES / 4)

static const u32 mvt_domains[] = {
	TTM_PL_SYSTEM, TTM_PL_TT, TTM_PL_VRAM,
};

/* How video memory is laid out, and who describes it. */
struct mvt_layout {
	const char *name;
	bool scattered;
	bool by_bus;
	bool iomem;
};

static const struct mvt_layout mvt_layouts[] = {
	{ .name = "contiguous" },
	{ .name = "scattered", .scattered = true },
	{ .name = "scattered_iomem", .scattered = true, .iomem = true },
	{ .name = "without_hook", .by_bus = true },
};

KUNIT_ARRAY_PARAM_DESC(mvt_layout, mvt_layouts, name);

static void mvt_apply_layout(struct mvt *fx)
{
	const struct mvt_layout *layout = fx->test->param_value;

	fx->vram.scattered = layout->scattered;
	if (layout->by_bus)
		fx->ops.init_mem = NULL;
	if (layout->iomem)
		iosys_map_set_vaddr_iomem(&fx->aperture.map, fx->vram.iomem);
}

static void mvt_expect_in(struct mvt *fx, struct mvt_bo *mbo, u32 mem_type)
{
	KUNIT_EXPECT_EQ(fx->test, mbo->base.resource->mem_type, mem_type);
}

static void mvt_expect_move_status(struct mvt *fx, struct mvt_bo *mbo,
				   int status)
{
	struct dma_fence *fence = mvt_bo_move_fence(fx, mbo);

	mvt_wait(fx, fence);
	KUNIT_EXPECT_EQ(fx->test, dma_fence_get_status(fence), status);
	dma_fence_put(fence);
}

static void mvt_expect_held_up(struct mvt *fx, struct mvt_bo *mbo, bool want)
{
	bool held_up;

	ttm_bo_reserve(&mbo->base, false, false, NULL);
	held_up = ttm_move_bo_is_held_up(&mbo->base);
	ttm_bo_unreserve(&mbo->base);
	KUNIT_EXPECT_EQ(fx->test, held_up, want);
}

/* An object as large as video memory: whatever else is there has to go. */
static struct mvt_bo *mvt_evict_all(struct mvt *fx)
{
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_VRAM_PAGES,
						  TTM_PL_SYSTEM);

	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	return mbo;
}

static void ttm_move_bo_every_way(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo;
	unsigned int i, j;

	mvt_apply_layout(fx);
	mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);
	for (i = 0; i < ARRAY_SIZE(mvt_domains); i++) {
		for (j = 0; j < ARRAY_SIZE(mvt_domains); j++) {
			mvt_bo_move(fx, mbo, mvt_domains[i]);
			mvt_bo_verify(fx, mbo);
			mvt_bo_move(fx, mbo, mvt_domains[j]);
			mvt_bo_verify(fx, mbo);
		}
	}
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, 0);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).sync_moves, 0);
}

static void ttm_move_bo_evicts_every_layout(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *old, *new;

	mvt_apply_layout(fx);
	old = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_VRAM);
	new = mvt_evict_all(fx);
	mvt_expect_in(fx, old, TTM_PL_SYSTEM);
	mvt_bo_verify(fx, old);
	mvt_bo_verify(fx, new);
	mvt_expect_move_status(fx, old, 1);
}

static void ttm_move_bo_fresh_vram_reads_zeroes(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_bo_create(fx, MVT_BO_PAGES, ttm_bo_type_device,
					   TTM_PL_VRAM);

	mvt_bo_verify(fx, mbo);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).cleared_bytes, mbo->base.base.size);
}

/* Whoever wants to read it knows that it is not cleared yet. */
static void ttm_move_bo_fresh_vram_is_awaited(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(gate);
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo;

	fx->hooks.begin_gate = &gate;
	mbo = mvt_bo_create(fx, MVT_BO_PAGES, ttm_bo_type_device, TTM_PL_VRAM);
	KUNIT_EXPECT_FALSE(test, mvt_bo_is_idle(mbo));
	complete_all(&gate);
	mvt_bo_verify(fx, mbo);
}

static void ttm_move_bo_untouched_object_reads_zeroes(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_bo_create(fx, MVT_BO_PAGES, ttm_bo_type_device,
					   TTM_PL_SYSTEM);

	KUNIT_EXPECT_FALSE(test, ttm_tt_is_populated(mbo->base.ttm));
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	mvt_bo_verify(fx, mbo);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).cleared_bytes, mbo->base.base.size);
}

/* Its bytes are given up, and must not come back with the next placement. */
static void ttm_move_bo_purged_object_reads_zeroes(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_placement nowhere = {};
	struct ttm_operation_ctx ctx = {};
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_VRAM);

	ttm_bo_reserve(&mbo->base, false, false, NULL);
	KUNIT_EXPECT_EQ(test, ttm_bo_validate(&mbo->base, &nowhere, &ctx), 0);
	ttm_bo_unreserve(&mbo->base);
	mbo->pattern = 0;

	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	mvt_bo_verify(fx, mbo);
}

/* The kernel writes its own objects before it reads them. */
static void ttm_move_bo_kernel_object_is_not_cleared(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_bo_create(fx, MVT_VRAM_PAGES,
					   ttm_bo_type_kernel, TTM_PL_SYSTEM);

	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	mvt_bo_wait(fx, mbo);
	KUNIT_EXPECT_TRUE(test, mvt_is_filled_with(fx->vram.vaddr, MVT_DIRT,
						   MVT_VRAM_BYTES));
}

static void ttm_move_bo_swapped_object_comes_back(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct ttm_operation_ctx ctx = {};
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES,
						  TTM_PL_SYSTEM);

	KUNIT_ASSERT_GT(test, ttm_device_swapout(&fx->bdev, &ctx, GFP_KERNEL), 0);
	KUNIT_ASSERT_TRUE(test, mbo->base.ttm->page_flags & TTM_TT_FLAG_SWAPPED);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	mvt_bo_verify(fx, mbo);
}

/* The same pages before and after, with and without somebody to wait for. */
static void ttm_move_bo_system_to_system_copies_nothing(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES,
						  TTM_PL_SYSTEM);
	struct page *page = mbo->base.ttm->pages[0];
	struct mvt_fence *user = mvt_fence_create(fx);

	mvt_bo_move(fx, mbo, TTM_PL_TT);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).jobs, 0);

	mvt_bo_add_fence(fx, mbo, user);
	mvt_bo_move(fx, mbo, TTM_PL_SYSTEM);
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(test, mvt_bo_is_idle(mbo));
	mvt_fence_signal(user);

	mvt_bo_verify(fx, mbo);
	KUNIT_EXPECT_PTR_EQ(test, mbo->base.ttm->pages[0], page);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).copied_bytes, 0);
}

/* Pipelining */

/*
 * The eviction returns although somebody still uses the object; its memory has a
 * new owner at once, whose bytes wait until the old ones are safe.
 */
static void ttm_move_bo_eviction_is_pipelined(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *old, *new;

	mvt_apply_layout(fx);
	old = mvt_bo_create_filled(fx, MVT_VRAM_PAGES, TTM_PL_VRAM);
	mvt_bo_add_fence(fx, old, user);

	new = mvt_evict_all(fx);
	mvt_expect_in(fx, old, TTM_PL_SYSTEM);
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(test, mvt_bo_is_idle(old));
	KUNIT_EXPECT_FALSE(test, mvt_bo_is_idle(new));

	mvt_fence_signal(user);
	mvt_bo_verify(fx, old);
	mvt_bo_verify(fx, new);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).sync_moves, 0);
}

/* Nobody waits for the memory's last owner to be idle: neither does a clear. */
static void ttm_move_bo_clear_waits_for_eviction(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *old, *new;

	old = mvt_bo_create_filled(fx, MVT_VRAM_PAGES, TTM_PL_VRAM);
	mvt_bo_add_fence(fx, old, user);
	new = mvt_bo_create(fx, MVT_VRAM_PAGES, ttm_bo_type_device, TTM_PL_VRAM);
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(test, mvt_bo_is_idle(new));

	mvt_fence_signal(user);
	mvt_bo_verify(fx, old);
	mvt_bo_verify(fx, new);
}

/*
 * Two evictions, one of which is held up: whoever gets the memory of either waits
 * for both, since the manager remembers only one.
 */
static void mvt_expect_wait_for_both(struct mvt *fx, unsigned int held_up)
{
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *old[2], *new;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(old); i++)
		old[i] = mvt_bo_create_filled(fx, MVT_VRAM_PAGES / 2,
					      TTM_PL_VRAM);
	mvt_bo_add_fence(fx, old[held_up], user);
	/* The one used last is evicted last. */
	for (i = 0; i < ARRAY_SIZE(old); i++)
		mvt_bo_move(fx, old[i], TTM_PL_VRAM);

	new = mvt_evict_all(fx);
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(fx->test, mvt_bo_is_idle(new));

	mvt_fence_signal(user);
	for (i = 0; i < ARRAY_SIZE(old); i++)
		mvt_bo_verify(fx, old[i]);
	mvt_bo_verify(fx, new);
}

static void ttm_move_bo_new_owner_waits_for_older_eviction(struct kunit *test)
{
	mvt_expect_wait_for_both(test->priv, 0);
}

static void ttm_move_bo_new_owner_waits_for_newer_eviction(struct kunit *test)
{
	mvt_expect_wait_for_both(test->priv, 1);
}

static void mvt_expect_eviction_beside_move(struct mvt *fx, u32 from, u32 to)
{
	struct mvt_fence *late = mvt_fence_create(fx);
	struct mvt_bo *moving, *old, *new;

	moving = mvt_bo_create_filled(fx, MVT_VRAM_PAGES / 2, from);
	old = mvt_bo_create_filled(fx, MVT_VRAM_PAGES / 2, TTM_PL_VRAM);
	new = mvt_bo_create_filled(fx, MVT_VRAM_PAGES / 2, TTM_PL_SYSTEM);
	mvt_bo_add_fence(fx, moving, late);
	mvt_bo_move(fx, moving, to);
	mvt_bo_move(fx, new, TTM_PL_VRAM);
	mvt_expect_in(fx, old, TTM_PL_SYSTEM);

	mvt_bo_verify(fx, old);
	mvt_bo_verify(fx, new);
	KUNIT_EXPECT_FALSE(fx->test, mvt_bo_is_idle(moving));

	mvt_fence_signal(late);
	mvt_bo_verify(fx, moving);
}

/* Ordinary moves have timelines of their own: a late one holds nobody else up. */
static void ttm_move_bo_evictions_do_not_wait_for_moves(struct kunit *test)
{
	mvt_expect_eviction_beside_move(test->priv, TTM_PL_SYSTEM, TTM_PL_VRAM);
}

/* The same of a move out of video memory, which evicts nothing either. */
static void ttm_move_bo_evictions_do_not_wait_for_moves_out(struct kunit *test)
{
	mvt_expect_eviction_beside_move(test->priv, TTM_PL_VRAM, TTM_PL_SYSTEM);
}

/* The last eviction is of the eviction timeline whatever happens in between. */
static void ttm_move_bo_evictions_share_one_context(struct kunit *test)
{
	struct mvt *fx = test->priv;
	u64 context = fx->mdev.evictions[TTM_PL_VRAM]->context;
	struct dma_fence *evicted, *moved;
	struct mvt_bo *old, *new;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		old = mvt_bo_create_filled(fx, MVT_VRAM_PAGES, TTM_PL_VRAM);
		new = mvt_evict_all(fx);
		evicted = mvt_bo_move_fence(fx, old);
		moved = mvt_bo_move_fence(fx, new);
		KUNIT_EXPECT_EQ(test, evicted->context, context);
		KUNIT_EXPECT_NE(test, moved->context, context);
		KUNIT_EXPECT_PTR_EQ(test, fx->vram.man.move, evicted);
		mvt_bo_move(fx, new, TTM_PL_SYSTEM);
		mvt_bo_wait(fx, new);
		/* While somebody deletes its ghost, TTM would find no room. */
		flush_workqueue(fx->bdev.wq);
		dma_fence_put(evicted);
		dma_fence_put(moved);
		mvt_bo_put(old);
		mvt_bo_put(new);
	}
}

/* The driver's own timeline is used for what is no eviction. */
static void ttm_move_bo_moves_use_the_drivers_timeline(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *old, *new;
	struct dma_fence *fence;

	fx->timeline = ttm_move_timeline_create("driver");
	KUNIT_ASSERT_NOT_NULL(test, fx->timeline);
	old = mvt_bo_create_filled(fx, MVT_VRAM_PAGES, TTM_PL_VRAM);
	new = mvt_evict_all(fx);

	fence = mvt_bo_move_fence(fx, new);
	KUNIT_EXPECT_EQ(test, fence->context, fx->timeline->context);
	dma_fence_put(fence);
	fence = mvt_bo_move_fence(fx, old);
	KUNIT_EXPECT_NE(test, fence->context, fx->timeline->context);
	dma_fence_put(fence);
}

/* The resource that a waiting job writes to is freed before the job runs. */
static void ttm_move_bo_evicted_while_moving_in(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo, *new;

	mvt_apply_layout(fx);
	mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);
	mvt_bo_add_fence(fx, mbo, user);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	new = mvt_evict_all(fx);
	mvt_expect_in(fx, mbo, TTM_PL_SYSTEM);
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(test, mvt_bo_is_idle(mbo));

	mvt_fence_signal(user);
	mvt_bo_verify(fx, mbo);
	mvt_bo_verify(fx, new);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, 0);
}

static void ttm_move_bo_moves_back_while_moving(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo;
	unsigned int i;

	mvt_apply_layout(fx);
	mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);
	mvt_bo_add_fence(fx, mbo, user);
	for (i = 0; i < 2; i++) {
		mvt_bo_move(fx, mbo, TTM_PL_VRAM);
		mvt_bo_move(fx, mbo, TTM_PL_TT);
	}
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(test, mvt_bo_is_idle(mbo));

	mvt_fence_signal(user);
	mvt_bo_verify(fx, mbo);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, 0);
}

/*
 * What suspend and teardown do, with moves in flight that wait for somebody: in, out,
 * and by eviction. Video memory is empty when it returns, and nobody reads it any more.
 */
static void ttm_move_bo_evict_all_drains(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *in, *out, *idle;

	mvt_apply_layout(fx);
	in = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);
	out = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_VRAM);
	mvt_bo_add_fence(fx, in, user);
	mvt_bo_add_fence(fx, out, user);
	mvt_bo_move(fx, in, TTM_PL_VRAM);
	mvt_bo_move(fx, out, TTM_PL_SYSTEM);
	/* Used last, and so evicted last: it has to wait for the others all the same. */
	idle = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_VRAM);
	mvt_fence_signal_later(user, 100);
	KUNIT_EXPECT_EQ(test,
			ttm_resource_manager_evict_all(&fx->bdev, &fx->vram.man), 0);
	KUNIT_EXPECT_TRUE(test, mvt_bo_is_idle(in));
	KUNIT_EXPECT_TRUE(test, mvt_bo_is_idle(idle));
	KUNIT_EXPECT_EQ(test, ttm_resource_manager_usage(&fx->vram.man), 0);
	mvt_vram_dirty(fx);
	/* Where TTM has begun to delete a ghost it may not have ended yet. */
	flush_workqueue(fx->bdev.wq);
	KUNIT_EXPECT_EQ(test, fx->vram.mm.avail, fx->vram.mm.size);

	mvt_expect_in(fx, in, TTM_PL_SYSTEM);
	mvt_expect_in(fx, idle, TTM_PL_SYSTEM);
	mvt_bo_verify(fx, in);
	mvt_bo_verify(fx, out);
	mvt_bo_verify(fx, idle);
}

/* All of its memory comes back; the fixture's exit looks. */
static void ttm_move_bo_destroyed_while_moving(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES,
						  TTM_PL_SYSTEM);

	mvt_bo_add_fence(fx, mbo, user);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	mvt_bo_put(mbo);
	mvt_settle(fx);
	KUNIT_EXPECT_EQ(test, fx->vram.mm.avail,
			fx->vram.mm.size - (MVT_BO_PAGES << PAGE_SHIFT));

	mvt_fence_signal(user);
	ttm_move_device_flush(&fx->mdev);
	flush_workqueue(fx->bdev.wq);
	KUNIT_EXPECT_EQ(test, fx->vram.mm.avail, fx->vram.mm.size);
}

/* The pages that a move leaves */

/*
 * Until @user signals, @mbo is on its way into video memory, with so many holders: one is
 * the test, a ghost of TTM's is another.
 */
static void mvt_expect_moving_in(struct mvt *fx, struct mvt_bo *mbo,
				 struct mvt_fence *user, unsigned int holders)
{
	mvt_bo_add_fence(fx, mbo, user);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	mvt_settle(fx);
	KUNIT_EXPECT_EQ(fx->test, kref_read(&mbo->base.kref), holders);
}

/* They go with the job, which cannot fail for want of memory for a ghost then. */
static void ttm_move_bo_moves_in_without_a_ghost(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);

	mvt_expect_moving_in(fx, mbo, user, 1);
	KUNIT_EXPECT_NULL(test, mbo->base.ttm);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->counts.pages), MVT_BO_PAGES);

	mvt_fence_signal(user);
	ttm_move_device_flush(&fx->mdev);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->counts.pages), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->counts.tts), 0);
	mvt_bo_verify(fx, mbo);
}

/* A place that is more than a name stays taken until nobody reads there any more. */
static void ttm_move_bo_keeps_its_place_with_a_ghost(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_TT);

	mvt_expect_moving_in(fx, mbo, user, 2);

	mvt_fence_signal(user);
	mvt_bo_verify(fx, mbo);
}

/* Pages that are somebody else's are there as long as the object is. */
static void ttm_move_bo_of_importer_lives_until_moved(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);
	struct ttm_tt *tt = mbo->base.ttm;

	tt->page_flags |= TTM_TT_FLAG_EXTERNAL;
	mvt_expect_moving_in(fx, mbo, user, 2);

	/* TTM has counted the pages. */
	tt->page_flags &= ~TTM_TT_FLAG_EXTERNAL;
	mvt_fence_signal(user);
	mvt_bo_verify(fx, mbo);
}

/* Objects that die while their moves wait */

/* An object in video memory, with a user that its eviction will wait for. */
static struct mvt_bo *mvt_bo_create_used(struct mvt *fx, unsigned int pages,
					 struct mvt_fence *user)
{
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, pages, TTM_PL_VRAM);

	mvt_bo_add_fence(fx, mbo, user);
	return mbo;
}

/* Evicts whatever is in video memory, which is cleared then. */
static void mvt_take_vram(struct mvt *fx)
{
	mvt_bo_create(fx, MVT_VRAM_PAGES, ttm_bo_type_device, TTM_PL_VRAM);
}

/* Its fence signals, without an error, and all of its memory comes back. */
static void ttm_move_bo_dead_is_not_copied(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_used(fx, MVT_VRAM_PAGES, user);
	struct ttm_move_stats before = mvt_stats(fx);
	struct dma_fence *fence;

	mvt_take_vram(fx);
	fence = mvt_bo_move_fence(fx, mbo);
	mvt_bo_put(mbo);
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));

	mvt_fence_signal(user);
	mvt_expect_done(fx, fence, 1);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).copied_bytes, before.copied_bytes);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).skipped, before.skipped + 1);
	flush_workqueue(fx->bdev.wq);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->counts.pages), 0);
}

/* Nor on its way into video memory, where no ghost holds it. */
static void ttm_move_bo_dead_is_not_moved_in(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);

	mvt_expect_moving_in(fx, mbo, user, 1);
	mvt_bo_put(mbo);
	mvt_fence_signal(user);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).skipped, 1);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).copied_bytes, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->counts.pages), 0);
}

/* An object whose memory is to be cleared when @user has signalled. */
static struct mvt_bo *mvt_bo_create_unclear(struct mvt *fx,
					    struct mvt_fence *user)
{
	struct mvt_bo *mbo;

	mvt_vram_dirty(fx);
	fx->dependency = &user->base;
	mbo = mvt_bo_create(fx, MVT_VRAM_PAGES, ttm_bo_type_device, TTM_PL_VRAM);
	fx->dependency = NULL;
	return mbo;
}

/* Nor is it cleared. */
static void ttm_move_bo_dead_is_not_cleared(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);

	mvt_bo_put(mvt_bo_create_unclear(fx, user));
	mvt_fence_signal(user);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).skipped, 1);
	KUNIT_EXPECT_TRUE(test, mvt_is_filled_with(fx->vram.vaddr, MVT_DIRT,
						   MVT_VRAM_BYTES));
}

/* That its moves wait for each other does not keep it. */
static void ttm_move_bo_dead_is_not_moved_on(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_unclear(fx, user);

	mvt_take_vram(fx);
	mvt_bo_put(mbo);
	mvt_fence_signal(user);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).skipped, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.began), 1);
}

static void mvt_expect_page(struct mvt *fx, struct page *page, u32 pattern,
			    size_t offset)
{
	void *vaddr = kmap_local_page(page);

	KUNIT_EXPECT_TRUE(fx->test, mvt_pattern_matches(vaddr, pattern, offset,
							PAGE_SIZE));
	kunmap_local(vaddr);
}

/* Work was submitted that reads its bytes where they are to be then. */
static void ttm_move_bo_dead_is_copied_for_its_users(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_fence *reader = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_used(fx, MVT_VRAM_PAGES, user);
	u32 i, pattern = mbo->pattern;
	struct page **pages;

	mvt_take_vram(fx);
	pages = mbo->base.ttm->pages;
	mvt_bo_add_fence(fx, mbo, reader);
	mvt_bo_put(mbo);
	mvt_fence_signal(user);
	mvt_settle(fx);
	for (i = 0; i < MVT_VRAM_PAGES; i++)
		mvt_expect_page(fx, pages[i], pattern, (size_t)i << PAGE_SHIFT);
	mvt_fence_signal(reader);
}

/* A reservation that it shares does not tell whose fences those are. */
static void ttm_move_bo_dead_is_copied_where_users_cannot_be_told(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *other = mvt_bo_create(fx, 1, ttm_bo_type_device,
					     TTM_PL_SYSTEM);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_VRAM_PAGES,
						  TTM_PL_VRAM);
	u64 before = mvt_stats(fx).copied_bytes;

	/* As an importer's, which TTM leaves where they are. */
	mbo->base.type = ttm_bo_type_sg;
	mbo->base.base.resv = other->base.base.resv;
	mvt_bo_add_fence(fx, mbo, user);
	mvt_take_vram(fx);
	mvt_bo_put(mbo);
	mvt_fence_signal(user);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).copied_bytes - before,
			MVT_VRAM_BYTES);
	/* TTM deletes it before the one whose reservation it has. */
	flush_workqueue(fx->bdev.wq);
}

/* It has nothing to do, but its turn has not come. */
static void ttm_move_bo_dead_keeps_the_order(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *older_user = mvt_fence_create(fx);
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *older, *mbo;
	struct dma_fence *fence;

	older = mvt_bo_create_used(fx, MVT_VRAM_PAGES / 2, older_user);
	mbo = mvt_bo_create_used(fx, MVT_VRAM_PAGES / 2, user);
	mvt_take_vram(fx);
	fence = mvt_bo_move_fence(fx, mbo);
	KUNIT_EXPECT_EQ(test, fence->seqno, 2);
	mvt_bo_put(mbo);
	mvt_fence_signal(user);
	mvt_settle(fx);
	KUNIT_EXPECT_FALSE(test, dma_fence_is_signaled(fence));

	mvt_fence_signal(older_user);
	mvt_expect_done(fx, fence, 1);
	mvt_bo_verify(fx, older);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).copied_bytes, MVT_VRAM_BYTES / 2);
}

/* Whoever gets its memory next, at either end, sees nothing of what was left there. */
static void ttm_move_bo_dead_leaves_nothing_to_see(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_VRAM_PAGES,
						  TTM_PL_VRAM);
	struct ttm_operation_ctx ctx = {};
	struct mvt_bo *next;

	mvt_bo_add_fence(fx, mbo, user);
	/* Evicts it: the memory is handed on before it has died. */
	next = mvt_bo_create(fx, MVT_VRAM_PAGES, ttm_bo_type_device, TTM_PL_VRAM);
	mvt_bo_put(mbo);
	mvt_fence_signal(user);
	mvt_bo_verify(fx, next);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).skipped, 1);
	mvt_bo_put(next);

	flush_workqueue(fx->bdev.wq);
	next = mvt_bo_create(fx, MVT_VRAM_PAGES, ttm_bo_type_device,
			     TTM_PL_SYSTEM);
	KUNIT_EXPECT_EQ(test, 0, ttm_tt_populate(&fx->bdev, next->base.ttm, &ctx));
	mvt_bo_verify(fx, next);
}

/* What the driver adds to the fences in the reservation. */
static void ttm_move_bo_waits_for_the_drivers_dependency(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES,
						  TTM_PL_SYSTEM);
	unsigned int i;

	fx->dependency = &dep->base;
	for (i = 0; i < ARRAY_SIZE(mvt_domains); i++) {
		mvt_bo_move(fx, mbo, mvt_domains[i]);
		mvt_settle(fx);
		KUNIT_EXPECT_EQ(test, mvt_bo_is_idle(mbo), !i);
	}
	mvt_fence_signal(dep);
	mvt_bo_verify(fx, mbo);
}

/* An object is held up by who uses it, and by moves that wait for somebody. */
static void ttm_move_bo_is_held_up_by_others(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES,
						  TTM_PL_SYSTEM);

	mvt_expect_held_up(fx, mbo, false);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	mvt_expect_held_up(fx, mbo, false);
	mvt_bo_add_fence(fx, mbo, user);
	mvt_expect_held_up(fx, mbo, true);
	mvt_bo_move(fx, mbo, TTM_PL_SYSTEM);
	mvt_expect_held_up(fx, mbo, true);

	mvt_fence_signal(user);
	mvt_bo_verify(fx, mbo);
	mvt_expect_held_up(fx, mbo, false);
}

/* Not by the fence of whoever had the memory before, but by what that waits for. */
static void ttm_move_bo_is_held_up_by_last_owner(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *old, *new;

	old = mvt_bo_create_filled(fx, MVT_VRAM_PAGES, TTM_PL_VRAM);
	mvt_bo_add_fence(fx, old, user);
	new = mvt_evict_all(fx);
	mvt_expect_held_up(fx, new, true);

	mvt_fence_signal(user);
	mvt_bo_verify(fx, new);
	mvt_expect_held_up(fx, new, false);
}

/* Randomness */

#define MVT_WALK_BOS	12
#define MVT_WALK_STEPS	400

/* A new user, who leaves soon: TTM may have to wait for it before it goes on. */
static void mvt_walk_use(struct mvt *fx, struct mvt_bo *mbo)
{
	struct mvt_fence *user = mvt_fence_create(fx);

	mvt_bo_add_fence(fx, mbo, user);
	mvt_fence_signal_later(user, mvt_below(fx, 16));
}

/* Mostly into video memory, so that others have to leave it. */
static u32 mvt_walk_domain(struct mvt *fx)
{
	if (mvt_below(fx, 4))
		return TTM_PL_VRAM;
	return mvt_domains[mvt_below(fx, ARRAY_SIZE(mvt_domains))];
}

static void mvt_walk_step(struct mvt *fx, struct mvt_bo *mbo)
{
	switch (mvt_below(fx, 16)) {
	case 0:
		mvt_bo_verify(fx, mbo);
		break;
	case 1:
		mvt_bo_fill(fx, mbo, mvt_pattern_new(fx));
		break;
	case 2:
	case 3:
	case 4:
		mvt_walk_use(fx, mbo);
		break;
	default:
		mvt_bo_move(fx, mbo, mvt_walk_domain(fx));
	}
}

static void ttm_move_bo_random_walk(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbos[MVT_WALK_BOS];
	unsigned int i;

	mvt_seed(fx);
	mvt_apply_layout(fx);
	for (i = 0; i < MVT_WALK_BOS; i++)
		mbos[i] = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);
	for (i = 0; i < MVT_WALK_STEPS; i++)
		mvt_walk_step(fx, mbos[mvt_below(fx, MVT_WALK_BOS)]);
	for (i = 0; i < MVT_WALK_BOS; i++)
		mvt_bo_verify(fx, mbos[i]);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, 0);
}

/* Without memory for a job */

/* Returns whether there was such an allocation. */
static bool mvt_move_failing(struct mvt *fx, struct mvt_bo *mbo, u32 mem_type,
			     unsigned int fail)
{
	u64 sync_moves = mvt_stats(fx).sync_moves;
	bool failed;

	mvt_bo_add_users(fx, mbo);
	fx->allocs.count = 0;
	fx->allocs.fail = fail;
	mvt_bo_move(fx, mbo, mem_type);
	failed = fx->allocs.count >= fail;
	mvt_allocs_reset(fx);

	KUNIT_EXPECT_EQ(fx->test, mvt_stats(fx).sync_moves,
			sync_moves + failed);
	mvt_bo_verify(fx, mbo);
	return failed;
}

/* Job, dependencies, run list: each of them may be refused. */
static void ttm_move_bo_survives_each_failed_allocation(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo;
	unsigned int fail = 1;

	fx->vram.scattered = true;
	mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);
	while (mvt_move_failing(fx, mbo, TTM_PL_VRAM, fail) |
	       mvt_move_failing(fx, mbo, TTM_PL_SYSTEM, fail))
		fail++;
	KUNIT_EXPECT_EQ(test, fail, 4);
}

static void ttm_move_bo_survives_without_any_memory(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *old, *new, *fresh;

	fx->allocs.fail_all = true;
	old = mvt_bo_create_filled(fx, MVT_VRAM_PAGES, TTM_PL_VRAM);
	new = mvt_evict_all(fx);
	fresh = mvt_bo_create(fx, MVT_VRAM_PAGES, ttm_bo_type_device,
			      TTM_PL_VRAM);
	mvt_bo_verify(fx, old);
	mvt_bo_verify(fx, new);
	mvt_bo_verify(fx, fresh);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).jobs, 0);
}

static void ttm_move_bo_allocates_once_per_move(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES,
						  TTM_PL_SYSTEM);

	mvt_allocs_reset(fx);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	KUNIT_EXPECT_EQ(test, fx->allocs.count, 1);
	mvt_bo_move(fx, mbo, TTM_PL_SYSTEM);
	KUNIT_EXPECT_EQ(test, fx->allocs.count, 2);
}

/* But not what has to wait, nor what is slow to read. */
static void ttm_move_bo_few_bytes_are_moved_at_once(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES,
						  TTM_PL_SYSTEM);
	u64 jobs;

	mvt_apply_layout(fx);
	ttm_move_limits.caller_bytes = MVT_BO_PAGES << PAGE_SHIFT;
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	KUNIT_EXPECT_TRUE(test, mvt_bo_is_idle(mbo));
	mvt_bo_verify(fx, mbo);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).jobs, 0);

	mvt_bo_move(fx, mbo, TTM_PL_SYSTEM);
	mvt_bo_verify(fx, mbo);
	jobs = fx->aperture.map.is_iomem ? 1 : 0;
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).jobs, jobs);

	mvt_bo_add_fence(fx, mbo, user);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	KUNIT_EXPECT_FALSE(test, mvt_bo_is_idle(mbo));
	mvt_fence_signal(user);
	mvt_bo_verify(fx, mbo);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).jobs, jobs + 1);

	ttm_move_limits.caller_bytes--;
	mvt_bo_move(fx, mbo, TTM_PL_SYSTEM);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).jobs, jobs + 2);
	mvt_bo_verify(fx, mbo);
}

/* Few bytes, but it takes its time to read them: only the way back is made at once. */
static void mvt_expect_read_by_job(struct mvt *fx, u32 from, u32 to)
{
	struct mvt_bo *mbo;

	ttm_move_limits.caller_bytes = MVT_BO_PAGES << PAGE_SHIFT;
	mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, from);
	mvt_bo_move(fx, mbo, to);
	KUNIT_EXPECT_EQ(fx->test, mvt_stats(fx).jobs, 1);
	mvt_bo_verify(fx, mbo);
	mvt_bo_move(fx, mbo, from);
	KUNIT_EXPECT_EQ(fx->test, mvt_stats(fx).jobs, 1);
	mvt_bo_verify(fx, mbo);
}

static void ttm_move_bo_uncached_pages_are_not_read_at_once(struct kunit *test)
{
	struct mvt *fx = test->priv;

	if (!TTM_MOVE_HEEDS_CACHING)
		kunit_skip(test, "the kernel maps all pages as cached");

	fx->caching = ttm_write_combined;
	mvt_expect_read_by_job(fx, TTM_PL_SYSTEM, TTM_PL_VRAM);
}

static void ttm_move_bo_refused_by_prepare_moves_at_once(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo;

	fx->hooks.prepare_error = -ENODEV;
	mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);
	mvt_bo_move(fx, mbo, TTM_PL_VRAM);
	KUNIT_EXPECT_TRUE(test, mvt_bo_is_idle(mbo));
	mvt_bo_verify(fx, mbo);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).sync_moves, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&fx->hooks.retired), 0);
}

/* Somebody uses an object whose job cannot be had: the caller has to wait. */
static void mvt_expect_unmoved(struct mvt *fx, struct ttm_operation_ctx *ctx,
			       int error)
{
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_VRAM);
	struct ttm_resource *res = mbo->base.resource;

	mvt_bo_add_fence(fx, mbo, user);
	fx->allocs.fail_all = true;
	KUNIT_EXPECT_EQ(fx->test,
			mvt_bo_try_move(fx, mbo, TTM_PL_SYSTEM, ctx), error);
	KUNIT_EXPECT_PTR_EQ(fx->test, mbo->base.resource, res);
	KUNIT_EXPECT_TRUE(fx->test, mvt_bo_is_idle(mbo));
	KUNIT_EXPECT_EQ(fx->test, mvt_stats(fx).sync_moves, 0);

	mvt_allocs_reset(fx);
	mvt_fence_signal(user);
	mvt_bo_verify(fx, mbo);
	mvt_bo_move(fx, mbo, TTM_PL_SYSTEM);
	mvt_bo_verify(fx, mbo);
}

static void ttm_move_bo_may_not_wait(struct kunit *test)
{
	struct ttm_operation_ctx ctx = { .no_wait_gpu = true };

	mvt_expect_unmoved(test->priv, &ctx, -EBUSY);
}

static void mvt_pend_signal(void)
{
	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 0);
}

static void mvt_forget_signal(void)
{
	flush_signals(current);
	disallow_signal(SIGUSR1);
}

static void ttm_move_bo_interrupted_by_signal(struct kunit *test)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_VRAM);
	struct ttm_resource *res = mbo->base.resource;
	int ret;

	mvt_bo_add_fence(fx, mbo, user);
	fx->allocs.fail_all = true;
	/* Much later: only whoever sleeps in spite of the signal gets that far. */
	mvt_fence_signal_later(user, 10000);
	mvt_pend_signal();
	ret = mvt_bo_try_move(fx, mbo, TTM_PL_SYSTEM, &ctx);
	mvt_forget_signal();
	KUNIT_EXPECT_EQ(test, ret, -ERESTARTSYS);
	KUNIT_EXPECT_PTR_EQ(test, mbo->base.resource, res);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).sync_moves, 0);

	mvt_bo_verify(fx, mbo);
}

/* With a job there is nothing to wait for, so nothing to interrupt or forbid. */
static void ttm_move_bo_job_needs_no_wait(struct kunit *test)
{
	struct ttm_operation_ctx ctx = {
		.interruptible = true,
		.no_wait_gpu = true,
	};
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_VRAM);

	mvt_bo_add_fence(fx, mbo, user);
	mvt_pend_signal();
	KUNIT_EXPECT_EQ(test, mvt_bo_try_move(fx, mbo, TTM_PL_SYSTEM, &ctx), 0);
	mvt_forget_signal();
	KUNIT_EXPECT_FALSE(test, mvt_bo_is_idle(mbo));

	mvt_fence_signal(user);
	mvt_bo_verify(fx, mbo);
}

/* The wait of a synchronous move, when there is nothing in the reservation. */
static void ttm_move_bo_may_not_wait_for_dependency(struct kunit *test)
{
	struct ttm_operation_ctx ctx = { .no_wait_gpu = true };
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_VRAM);

	fx->dependency = &dep->base;
	fx->allocs.fail_all = true;
	KUNIT_EXPECT_EQ(test, mvt_bo_try_move(fx, mbo, TTM_PL_SYSTEM, &ctx),
			-EBUSY);
	mvt_expect_in(fx, mbo, TTM_PL_VRAM);

	mvt_fence_signal(dep);
	KUNIT_EXPECT_EQ(test, mvt_bo_try_move(fx, mbo, TTM_PL_SYSTEM, &ctx), 0);
	mvt_bo_verify(fx, mbo);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).sync_moves, 1);
}

static void ttm_move_bo_sync_move_waits_for_dependency(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_fence *dep = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_VRAM);

	fx->dependency = &dep->base;
	fx->allocs.fail_all = true;
	mvt_fence_signal_when_awaited(dep, MVT_BY_WORK, NULL);
	mvt_bo_move(fx, mbo, TTM_PL_SYSTEM);
	KUNIT_EXPECT_TRUE(test, dma_fence_is_signaled(&dep->base));
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).sync_moves, 1);
	mvt_bo_verify(fx, mbo);
}

/*
 * What TTM would do around a driver's move(), to a place of the test's choice; the
 * object is reserved. The place is given back where the move fails.
 */
static int mvt_move_by_hand(struct mvt *fx, struct mvt_bo *mbo, bool evict,
			    const struct ttm_place *place)
{
	struct ttm_placement placement = { 1, place };
	struct ttm_operation_ctx ctx = {};
	struct ttm_resource *res;
	int ret;

	ret = ttm_bo_mem_space(&mbo->base, &placement, &res, &ctx) ?:
	      dma_resv_reserve_fences(mbo->base.base.resv, 1);
	KUNIT_ASSERT_EQ(fx->test, ret, 0);
	ret = ttm_bo_move_memcpy_async(&fx->mdev, &mbo->base, evict, &ctx, res);
	if (ret)
		ttm_resource_free(&mbo->base, &res);
	return ret;
}

/* From pages to pages TTM does not pipeline: it would wait for the fence. */
static void ttm_move_bo_eviction_of_pages_does_not_wait(struct kunit *test)
{
	const struct ttm_place system = { .mem_type = TTM_PL_SYSTEM };
	struct mvt *fx = test->priv;
	struct mvt_fence *user = mvt_fence_create(fx);
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_TT);

	mvt_bo_add_fence(fx, mbo, user);
	ttm_bo_reserve(&mbo->base, false, false, NULL);
	KUNIT_EXPECT_EQ(test, mvt_move_by_hand(fx, mbo, true, &system), 0);
	ttm_bo_unreserve(&mbo->base);
	mvt_expect_in(fx, mbo, TTM_PL_SYSTEM);
	KUNIT_EXPECT_FALSE(test, mvt_bo_is_idle(mbo));

	mvt_fence_signal(user);
	mvt_bo_verify(fx, mbo);
}

/* Failure */

/* Memory that nobody describes, and that cannot be reached by itself. */
static void mvt_expect_unreachable(struct mvt *fx)
{
	struct ttm_operation_ctx ctx = {};
	struct mvt_bo *mbo;

	fx->ops.init_mem = NULL;
	mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);
	KUNIT_EXPECT_EQ(fx->test, mvt_bo_try_move(fx, mbo, TTM_PL_VRAM, &ctx),
			-EINVAL);
	mvt_expect_in(fx, mbo, TTM_PL_SYSTEM);
	mvt_bo_verify(fx, mbo);
}

static void ttm_move_bo_rejects_memory_without_mapping(struct kunit *test)
{
	struct mvt *fx = test->priv;

	fx->funcs.io_mem_reserve = NULL;
	mvt_expect_unreachable(fx);
}

static void mvt_io_mem_free(struct ttm_device *bdev, struct ttm_resource *res)
{
}

/* TTM may free the mapping while the copy is in flight. */
static void ttm_move_bo_rejects_memory_with_borrowed_mapping(struct kunit *test)
{
	struct mvt *fx = test->priv;

	fx->funcs.io_mem_free = mvt_io_mem_free;
	mvt_expect_unreachable(fx);
}

/* What the driver's hook says cannot be: found out before anything is written. */
static void ttm_move_bo_rejects_memory_outside_aperture(struct kunit *test)
{
	struct ttm_operation_ctx ctx = {};
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo = mvt_bo_create_filled(fx, MVT_VRAM_PAGES,
						  TTM_PL_SYSTEM);

	fx->aperture.bytes = MVT_VRAM_BYTES - PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, mvt_bo_try_move(fx, mbo, TTM_PL_VRAM, &ctx),
			-EINVAL);
	mvt_expect_in(fx, mbo, TTM_PL_SYSTEM);
	mvt_bo_verify(fx, mbo);
	KUNIT_EXPECT_TRUE(test, mvt_is_filled_with(fx->vram.vaddr, MVT_DIRT,
						   MVT_VRAM_BYTES));
}

/* Only by its address on the bus: every job makes a mapping of its own. */
static int mvt_io_mem_reserve_bus(struct ttm_device *bdev,
				  struct ttm_resource *res)
{
	struct mvt *fx = mvt_from_bdev(bdev);

	res->bus.offset = MVT_IOMEM_BASE + (mvt_vram_addr(fx, res, 0) -
					    fx->vram.vaddr);
	res->bus.is_iomem = true;
	res->bus.caching = ttm_write_combined;
	return 0;
}

static const struct mvt_memory {
	const char *name;
	bool none;
} mvt_memories[] = {
	{ "for jobs" },
	{ "for no job", true },
};

KUNIT_ARRAY_PARAM_DESC(mvt_memory, mvt_memories, name);

/* More often than there is room for mappings: each has to be given back. */
static void ttm_move_bo_maps_for_the_job_alone(struct kunit *test)
{
	const struct mvt_memory *param = test->param_value;
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo;
	unsigned int i;

	if (!IS_ENABLED(CONFIG_INDIRECT_IOMEM))
		kunit_skip(test, "needs emulated I/O memory");

	fx->ops.init_mem = NULL;
	fx->funcs.io_mem_reserve = mvt_io_mem_reserve_bus;
	fx->allocs.fail_all = param->none;
	mbo = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_SYSTEM);
	for (i = 0; i < 100; i++) {
		mvt_bo_move(fx, mbo, TTM_PL_VRAM);
		mvt_bo_verify(fx, mbo);
		mvt_bo_move(fx, mbo, TTM_PL_SYSTEM);
		mvt_bo_verify(fx, mbo);
	}
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).sync_moves, param->none ? 200 : 0);
}

/* Mapped by the driver, who says that no cache keeps it. */
static int mvt_io_mem_reserve_wc(struct ttm_device *bdev, struct ttm_resource *res)
{
	int ret = mvt_io_mem_reserve(bdev, res);

	res->bus.caching = ttm_write_combined;
	return ret;
}

/* It is a device's: a caller does not read it. */
static void ttm_move_bo_mapped_device_memory_is_no_memory(struct kunit *test)
{
	struct mvt *fx = test->priv;

	if (IS_ENABLED(CONFIG_INDIRECT_IOMEM))
		kunit_skip(test, "I/O memory is emulated, and has no address");

	fx->ops.init_mem = NULL;
	fx->funcs.io_mem_reserve = mvt_io_mem_reserve_wc;
	mvt_expect_read_by_job(fx, TTM_PL_VRAM, TTM_PL_SYSTEM);
}

/* Only the bus address of what is in the lower half can be had. */
static int mvt_io_mem_reserve_half(struct ttm_device *bdev,
				   struct ttm_resource *res)
{
	struct mvt *fx = mvt_from_bdev(bdev);

	if (mvt_vram_addr(fx, res, 0) - fx->vram.vaddr >= MVT_VRAM_BYTES / 2)
		return -EIO;
	return mvt_io_mem_reserve_bus(bdev, res);
}

/* More often than there is room for mappings: that of the destination goes as well. */
static void ttm_move_bo_unreachable_source_maps_nothing(struct kunit *test)
{
	const struct ttm_place anywhere = { .mem_type = TTM_PL_VRAM };
	struct mvt *fx = test->priv;
	struct mvt_bo *low, *high;
	unsigned int i;

	if (!IS_ENABLED(CONFIG_INDIRECT_IOMEM))
		kunit_skip(test, "needs emulated I/O memory");

	low = mvt_bo_create_filled(fx, MVT_VRAM_PAGES / 2, TTM_PL_VRAM);
	high = mvt_bo_create_filled(fx, MVT_VRAM_PAGES / 2, TTM_PL_VRAM);
	if (mvt_vram_addr(fx, low->base.resource, 0) != fx->vram.vaddr)
		swap(low, high);
	mvt_bo_put(low);
	flush_workqueue(fx->bdev.wq);
	fx->ops.init_mem = NULL;
	fx->funcs.io_mem_reserve = mvt_io_mem_reserve_half;
	ttm_bo_reserve(&high->base, false, false, NULL);
	for (i = 0; i < 200; i++)
		KUNIT_EXPECT_EQ(test, -EIO,
				mvt_move_by_hand(fx, high, false, &anywhere));
	ttm_bo_unreserve(&high->base);
	mvt_bo_verify(fx, high);
}

/* An importer's: the pages are known to nobody but the device. */
static struct ttm_tt *mvt_tt_create_imported(struct ttm_buffer_object *bo,
					     u32 page_flags)
{
	struct ttm_tt *tt = kzalloc(sizeof(*tt), GFP_KERNEL);

	page_flags |= TTM_TT_FLAG_EXTERNAL;
	if (tt && ttm_sg_tt_init(tt, bo, page_flags, ttm_cached)) {
		kfree(tt);
		return NULL;
	}
	atomic_add(!!tt, &mvt_from_bdev(bo->bdev)->counts.tts);
	return tt;
}

static int mvt_tt_populate_nothing(struct ttm_device *bdev, struct ttm_tt *tt,
				   struct ttm_operation_ctx *ctx)
{
	return 0;
}

static void mvt_tt_unpopulate_nothing(struct ttm_device *bdev, struct ttm_tt *tt)
{
}

static void ttm_move_bo_rejects_pages_of_importers(struct kunit *test)
{
	struct ttm_operation_ctx ctx = {};
	struct mvt *fx = test->priv;
	struct mvt_bo *mbo;

	fx->funcs.ttm_tt_create = mvt_tt_create_imported;
	fx->funcs.ttm_tt_populate = mvt_tt_populate_nothing;
	fx->funcs.ttm_tt_unpopulate = mvt_tt_unpopulate_nothing;
	mbo = mvt_bo_create(fx, MVT_BO_PAGES, ttm_bo_type_device, TTM_PL_SYSTEM);
	KUNIT_ASSERT_EQ(test, 0,
			ttm_tt_populate(&fx->bdev, mbo->base.ttm, &ctx));
	KUNIT_EXPECT_EQ(test, mvt_bo_try_move(fx, mbo, TTM_PL_VRAM, &ctx),
			-EINVAL);
	mvt_expect_in(fx, mbo, TTM_PL_SYSTEM);
	KUNIT_EXPECT_TRUE(test, mvt_is_filled_with(fx->vram.vaddr, MVT_DIRT,
						   MVT_VRAM_BYTES));
}

static void ttm_move_bo_forbidden_eviction_leaves_zeroes(struct kunit *test)
{
	struct mvt *fx = test->priv;
	struct mvt_bo *old, *new;

	mvt_apply_layout(fx);
	old = mvt_bo_create_filled(fx, MVT_BO_PAGES, TTM_PL_VRAM);
	fx->hooks.begin_bo = &old->base;
	/* Of the memory that is to be written, none is the device's. */
	fx->hooks.begin_error = -ENODEV;
	new = mvt_evict_all(fx);
	old->pattern = 0;

	mvt_bo_verify(fx, old);
	mvt_bo_verify(fx, new);
	mvt_expect_move_status(fx, old, -ENODEV);
	mvt_expect_move_status(fx, new, 1);
	KUNIT_EXPECT_EQ(test, mvt_stats(fx).errors, 1);
}

static struct kunit_case ttm_move_bo_cases[] = {
	KUNIT_CASE_PARAM(ttm_move_bo_every_way, mvt_layout_gen_params),
	KUNIT_CASE_PARAM(ttm_move_bo_evicts_every_layout, mvt_layout_gen_params),
	KUNIT_CASE(ttm_move_bo_fresh_vram_reads_zeroes),
	KUNIT_CASE(ttm_move_bo_fresh_vram_is_awaited),
	KUNIT_CASE(ttm_move_bo_untouched_object_reads_zeroes),
	KUNIT_CASE(ttm_move_bo_purged_object_reads_zeroes),
	KUNIT_CASE(ttm_move_bo_kernel_object_is_not_cleared),
	KUNIT_CASE(ttm_move_bo_swapped_object_comes_back),
	KUNIT_CASE(ttm_move_bo_system_to_system_copies_nothing),
	KUNIT_CASE_PARAM(ttm_move_bo_eviction_is_pipelined,
			 mvt_layout_gen_params),
	KUNIT_CASE(ttm_move_bo_clear_waits_for_eviction),
	KUNIT_CASE(ttm_move_bo_new_owner_waits_for_older_eviction),
	KUNIT_CASE(ttm_move_bo_new_owner_waits_for_newer_eviction),
	KUNIT_CASE(ttm_move_bo_evictions_do_not_wait_for_moves),
	KUNIT_CASE(ttm_move_bo_evictions_do_not_wait_for_moves_out),
	KUNIT_CASE(ttm_move_bo_evictions_share_one_context),
	KUNIT_CASE(ttm_move_bo_moves_use_the_drivers_timeline),
	KUNIT_CASE_PARAM(ttm_move_bo_evicted_while_moving_in,
			 mvt_layout_gen_params),
	KUNIT_CASE_PARAM(ttm_move_bo_moves_back_while_moving,
			 mvt_layout_gen_params),
	KUNIT_CASE_PARAM(ttm_move_bo_evict_all_drains, mvt_layout_gen_params),
	KUNIT_CASE(ttm_move_bo_destroyed_while_moving),
	KUNIT_CASE(ttm_move_bo_moves_in_without_a_ghost),
	KUNIT_CASE(ttm_move_bo_keeps_its_place_with_a_ghost),
	KUNIT_CASE(ttm_move_bo_of_importer_lives_until_moved),
	KUNIT_CASE(ttm_move_bo_dead_is_not_copied),
	KUNIT_CASE(ttm_move_bo_dead_is_not_moved_in),
	KUNIT_CASE(ttm_move_bo_dead_is_not_cleared),
	KUNIT_CASE(ttm_move_bo_dead_is_not_moved_on),
	KUNIT_CASE(ttm_move_bo_dead_is_copied_for_its_users),
	KUNIT_CASE(ttm_move_bo_dead_is_copied_where_users_cannot_be_told),
	KUNIT_CASE(ttm_move_bo_dead_keeps_the_order),
	KUNIT_CASE(ttm_move_bo_dead_leaves_nothing_to_see),
	KUNIT_CASE(ttm_move_bo_waits_for_the_drivers_dependency),
	KUNIT_CASE(ttm_move_bo_is_held_up_by_others),
	KUNIT_CASE(ttm_move_bo_is_held_up_by_last_owner),
	KUNIT_CASE_PARAM(ttm_move_bo_random_walk, mvt_layout_gen_params),
	KUNIT_CASE(ttm_move_bo_survives_each_failed_allocation),
	KUNIT_CASE(ttm_move_bo_survives_without_any_memory),
	KUNIT_CASE(ttm_move_bo_allocates_once_per_move),
	KUNIT_CASE_PARAM(ttm_move_bo_few_bytes_are_moved_at_once,
			 mvt_layout_gen_params),
	KUNIT_CASE(ttm_move_bo_uncached_pages_are_not_read_at_once),
	KUNIT_CASE(ttm_move_bo_refused_by_prepare_moves_at_once),
	KUNIT_CASE(ttm_move_bo_may_not_wait),
	KUNIT_CASE(ttm_move_bo_may_not_wait_for_dependency),
	KUNIT_CASE(ttm_move_bo_sync_move_waits_for_dependency),
	KUNIT_CASE(ttm_move_bo_eviction_of_pages_does_not_wait),
	KUNIT_CASE(ttm_move_bo_interrupted_by_signal),
	KUNIT_CASE(ttm_move_bo_job_needs_no_wait),
	KUNIT_CASE(ttm_move_bo_rejects_memory_without_mapping),
	KUNIT_CASE(ttm_move_bo_rejects_memory_with_borrowed_mapping),
	KUNIT_CASE(ttm_move_bo_rejects_memory_outside_aperture),
	KUNIT_CASE(ttm_move_bo_mapped_device_memory_is_no_memory),
	KUNIT_CASE_PARAM(ttm_move_bo_maps_for_the_job_alone,
			 mvt_memory_gen_params),
	KUNIT_CASE(ttm_move_bo_unreachable_source_maps_nothing),
	KUNIT_CASE(ttm_move_bo_rejects_pages_of_importers),
	KUNIT_CASE_PARAM(ttm_move_bo_forbidden_eviction_leaves_zeroes,
			 mvt_layout_gen_params),
	{ }
};

static struct kunit_suite ttm_move_bo_suite = {
	.name = "ttm_move_bo",
	.init = mvt_init,
	.exit = mvt_exit,
	.test_cases = ttm_move_bo_cases,
};

kunit_test_suite(ttm_move_bo_suite);
