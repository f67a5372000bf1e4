/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The fixture that all suites of the move worker share: a TTM device with a small
 * video memory in RAM, fences that a test signals by hand, objects whose every
 * byte is known, and hooks that a test steers.
 */
#ifndef _TTM_MOVE_KUNIT_H_
#define _TTM_MOVE_KUNIT_H_

#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/timer.h>

#include <drm/drm_device.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_move.h>
#include <drm/ttm/ttm_placement.h>

#include <kunit/test.h>

#include "../ttm_move_internal.h"

#define MVT_VRAM_PAGES	64
#define MVT_VRAM_BYTES	((size_t)MVT_VRAM_PAGES << PAGE_SHIFT)

/* Where it is as I/O memory, if the architecture emulates that: nobody's address. */
#if BITS_PER_LONG == 64
#define MVT_IOMEM_BASE	BIT_ULL(40)
#else
#define MVT_IOMEM_BASE	(3ULL << 30)
#endif

/* What memory is full of that nobody has written yet. */
#define MVT_DIRT	0xd1

/**
 * struct mvt_vram - manager of the fixture's video memory
 * @man: TTM's part
 * @mm: the allocator
 * @lock: guards @mm and @graves
 * @graves: freed resources. They stay readable, but have no blocks: whoever still
 *	looks at one fails instead of finding by luck what used to be there.
 * @scattered: cut resources into single pages from both ends of the memory
 * @vaddr: the memory
 * @iomem: the same as I/O memory
 */
struct mvt_vram {
	struct ttm_resource_manager man;
	struct gpu_buddy mm;
	struct mutex lock; /* mm, graves */
	struct list_head graves;
	bool scattered;
	void *vaddr;
	void __iomem *iomem;
};

/**
 * struct mvt_hooks - what the driver's hooks answer, and what they have seen
 * @prepare_error: of the prepare hook
 * @begin_error: of the begin hook, for jobs of @begin_bo
 * @begin_bo: object, or NULL for all
 * @begin_gate: the begin hook waits until it is completed, unless it is NULL
 * @retired_gate: the same for the retired hook
 * @slow_retired: let the retired hook sleep before it is counted
 * @prepared: calls of the prepare hook that accepted the job
 * @began: calls of the begin hook
 * @retired: calls of the retired hook that have returned
 * @early: calls of the retired hook before the signal, or in the wrong context
 * @unseen: calls of the begin hook outside the signalling section, and of the retired
 *	hook inside of it, by what lockdep knows
 */
struct mvt_hooks {
	int prepare_error;
	int begin_error;
	struct ttm_buffer_object *begin_bo;
	struct completion *begin_gate;
	struct completion *retired_gate;
	bool slow_retired;
	atomic_t prepared;
	atomic_t began;
	atomic_t retired;
	atomic_t early;
	atomic_t unseen;
};

/**
 * struct mvt_allocs - what ttm_move_zalloc() does
 * @count: calls since mvt_allocs_reset()
 * @fail: number of the call that fails, counted from 1; 0 for none
 * @fail_all: every call fails
 * @vmalloc: the memory is of vmalloc()
 * @num_caches: number of @caches
 * @caches: where the memory comes from, by its size in @sizes
 * @sizes: in bytes
 */
struct mvt_allocs {
	unsigned int count;
	unsigned int fail;
	bool fail_all;
	bool vmalloc;
	unsigned int num_caches;
	struct kmem_cache *caches[8];
	size_t sizes[8];
};

/**
 * struct mvt_counts - what there is now, and must not be in the end
 * @bos: objects
 * @tts: of objects
 * @pages: system pages of @tts
 */
struct mvt_counts {
	atomic_t bos;
	atomic_t tts;
	atomic_t pages;
};

/* What the caller of a move is in the middle of. */
enum mvt_context {
	MVT_PLAIN,
	MVT_NOIO,
	MVT_RECLAIM,
	MVT_NUM_CONTEXTS,
};

/* Who signals a fence, and from where. */
enum mvt_source {
	MVT_BY_WORK,
	MVT_BY_OTHER_CPU,
	MVT_BY_TIMER,
	MVT_BY_HRTIMER,
	MVT_BY_IRQ_WORK,
	MVT_BY_NEIGHBOUR,
	MVT_AT_ONCE,
	MVT_NUM_SOURCES,
};

/**
 * struct mvt - the fixture
 * @test: the test
 * @drm: a device
 * @bdev: of @drm
 * @funcs: of @bdev; a test may replace some before the first object
 * @mdev: the worker
 * @ops: of @mdev; a test may replace some
 * @aperture: of the video memory
 * @timeline: what the hook of this name answers; dropped in the end
 * @dependency: what the hook of this name answers; borrowed
 * @vram: video memory
 * @hooks: what the other hooks answer and have seen
 * @allocs: what becomes of the worker's allocations
 * @limits: of the worker, from before the test
 * @counts: objects and pages
 * @free_gate: who frees pages waits for it, or NULL
 * @context: of those who move objects and create them
 * @source: of the signals of mvt_bo_add_users()
 * @caching: of system pages
 * @user_error: that those users end with, and others if the test says so
 * @signals: sent by each source
 * @fences: all &struct mvt_fence
 * @bos: all &struct mvt_bo
 * @rnd: source of all randomness, the same in each run until mvt_seed()
 * @seed: of @rnd
 * @last_pattern: makes every object's contents different
 * @was_tainted: whether something had gone wrong before the test
 * @debug_locks: whether lockdep was alive before the test
 */
struct mvt {
	struct kunit *test;
	struct drm_device *drm;
	struct ttm_device bdev;
	struct ttm_device_funcs funcs;
	struct ttm_move_device mdev;
	struct ttm_move_ops ops;
	struct ttm_move_aperture aperture;
	struct ttm_move_timeline *timeline;
	struct dma_fence *dependency;
	struct mvt_vram vram;
	struct mvt_hooks hooks;
	struct mvt_allocs allocs;
	struct ttm_move_limits limits;
	struct mvt_counts counts;
	struct completion *free_gate;
	enum mvt_context context;
	enum mvt_source source;
	enum ttm_caching caching;
	int user_error;
	atomic_t signals[MVT_NUM_SOURCES];
	struct list_head fences;
	struct list_head bos;
	struct rnd_state rnd;
	unsigned long seed;
	u32 last_pattern;
	bool was_tainted;
	int debug_locks;
};

static inline struct mvt *mvt_from_bdev(struct ttm_device *bdev)
{
	return container_of(bdev, struct mvt, bdev);
}

/* ttm_move_kunit_device.c */
int mvt_io_mem_reserve(struct ttm_device *bdev, struct ttm_resource *res);
int mvt_init(struct kunit *test);
void mvt_exit(struct kunit *test);
void mvt_seed(struct mvt *fx);
void mvt_reseed(struct mvt *fx);
u32 mvt_below(struct mvt *fx, u32 limit);
void mvt_shuffle(struct mvt *fx, unsigned int *order, unsigned int num);
bool mvt_next_permutation(unsigned int *order, unsigned int num);
void mvt_check_counts(struct mvt *fx);
bool mvt_is_signalling(void);
void mvt_give_way(void);
void mvt_settle(struct mvt *fx);
void mvt_wait(struct mvt *fx, struct dma_fence *fence);
struct ttm_move_stats mvt_stats(struct mvt *fx);

/* ttm_move_kunit_alloc.c */
void mvt_allocs_init(struct mvt *fx);
void mvt_allocs_reset(struct mvt *fx);
void mvt_allocs_fini(struct mvt *fx);

/* Which allocations are made to fail, of those that may sleep. */
enum mvt_faults {
	MVT_FAULTS_NONE,
	MVT_FAULTS_OF_SLABS,
	MVT_FAULTS_OF_PAGES,
	MVT_NUM_FAULTS,
};

/* ttm_move_kunit_fault.c */
bool mvt_faults_enable(enum mvt_faults faults);
void mvt_fail_nth(unsigned int nth);
unsigned int mvt_fail_left(void);
unsigned int mvt_context_enter(enum mvt_context context);
void mvt_context_leave(enum mvt_context context, unsigned int flags);

/* ttm_move_kunit_iomem.c */
int mvt_iomem_init(struct mvt *fx);
void mvt_iomem_fini(struct mvt *fx);

/* ttm_move_kunit_vram.c */
struct mvt_res {
	struct ttm_resource base;
	struct list_head blocks;
	struct list_head grave;
};

int mvt_vram_init(struct mvt *fx);
void mvt_vram_fini(struct mvt *fx);
void *mvt_vram_addr(struct mvt *fx, struct ttm_resource *res, size_t offset);
void mvt_vram_dirty(struct mvt *fx);

/**
 * struct mvt_fence - a fence that a test signals by hand
 * @base: the fence
 * @lock: lock of @base
 * @fx: whose
 * @link: in &struct mvt.fences
 * @later: signals @base from a workqueue
 * @rounds: how often @later lets others go first
 * @when_awaited: let @source signal when somebody is interested
 * @source: who signals
 * @neighbour: fence that is signalled when somebody is interested in this one
 * @awaited: somebody is interested
 * @signalling: who said so was on the way to a signal, by what lockdep knows
 * @irq: signals @base from an interrupt
 * @timer: signals @base from a timer
 * @hrtimer: signals @base from the interrupt of a timer
 * @in_irq: @base was signalled in an interrupt
 * @deadline: that somebody has set, or 0
 * @deadlines: how often somebody has set one
 */
struct mvt_fence {
	struct dma_fence base;
	spinlock_t lock; /* base */
	struct mvt *fx;
	struct list_head link;
	struct work_struct later;
	unsigned int rounds;
	bool when_awaited;
	enum mvt_source source;
	struct mvt_fence *neighbour;
	bool awaited;
	bool signalling;
	struct irq_work irq;
	struct timer_list timer;
	struct hrtimer hrtimer;
	bool in_irq;
	ktime_t deadline;
	unsigned int deadlines;
};

/* ttm_move_kunit_fence.c */
int mvt_other_cpu(void);
struct mvt_fence *mvt_fence_create(struct mvt *fx);
struct mvt_fence *mvt_fence_create_at(struct mvt *fx, u64 context, u64 seqno);
struct dma_fence *mvt_array_create(struct mvt *fx, struct dma_fence **fences,
				   unsigned int num);
void mvt_fence_signal(struct mvt_fence *fence);
void mvt_fence_signal_error(struct mvt_fence *fence, int error);
void mvt_fence_signal_later(struct mvt_fence *fence, unsigned int rounds);
void mvt_fence_signal_when_awaited(struct mvt_fence *fence,
				   enum mvt_source source,
				   struct mvt_fence *neighbour);
void mvt_fence_signal_irq(struct mvt_fence *fence);
void mvt_fences_sync(struct mvt *fx);
void mvt_fences_signal(struct mvt *fx);
void mvt_fences_fini(struct mvt *fx);

/**
 * struct mvt_bo - an object whose every byte is known
 * @base: TTM's part
 * @link: in &struct mvt.bos
 * @pattern: what it is full of; 0 for zeroes
 */
struct mvt_bo {
	struct ttm_buffer_object base;
	struct list_head link;
	u32 pattern;
};

/* ttm_move_kunit_object.c */
u32 mvt_pattern_new(struct mvt *fx);
void mvt_pattern_fill(void *vaddr, u32 pattern, size_t offset, size_t bytes);
bool mvt_pattern_matches(const void *vaddr, u32 pattern, size_t offset,
			 size_t bytes);
bool mvt_is_filled_with(const void *vaddr, u8 byte, size_t bytes);

struct mvt_bo *mvt_bo_try_create(struct mvt *fx, unsigned int pages,
				 enum ttm_bo_type type, u32 mem_type, int *err);
struct mvt_bo *mvt_bo_create(struct mvt *fx, unsigned int pages,
			     enum ttm_bo_type type, u32 mem_type);
struct mvt_bo *mvt_bo_create_filled(struct mvt *fx, unsigned int pages,
				    u32 mem_type);
void mvt_bo_put(struct mvt_bo *mbo);
void mvt_bos_put(struct mvt *fx);
void mvt_bo_reserve(struct mvt *fx, struct mvt_bo *mbo);
void mvt_bo_wait(struct mvt *fx, struct mvt_bo *mbo);
void mvt_bo_fill(struct mvt *fx, struct mvt_bo *mbo, u32 pattern);
void mvt_bo_verify(struct mvt *fx, struct mvt_bo *mbo);
int mvt_bo_try_move(struct mvt *fx, struct mvt_bo *mbo, u32 mem_type,
		    struct ttm_operation_ctx *ctx);
void mvt_bo_move(struct mvt *fx, struct mvt_bo *mbo, u32 mem_type);
void mvt_bo_add_fence(struct mvt *fx, struct mvt_bo *mbo,
		      struct mvt_fence *fence);
void mvt_bo_add_users(struct mvt *fx, struct mvt_bo *mbo);
bool mvt_bo_is_idle(struct mvt_bo *mbo);
struct dma_fence *mvt_bo_move_fence(struct mvt *fx, struct mvt_bo *mbo);

/**
 * struct mvt_stage - what a scene is about
 * @mbo: object that moves, or is made; may be NULL
 * @old: object that is in its way, or that is copied from; may be NULL
 * @blit: somebody else's copy, that the worker guards
 */
struct mvt_stage {
	struct mvt_bo *mbo;
	struct mvt_bo *old;
	struct mvt_fence *blit;
};

enum mvt_scene_kind {
	MVT_EVICTION,
	MVT_ORDINARY,
	MVT_CLEAR,
	MVT_FAILSAFE,
};

/**
 * struct mvt_scene - a kind of move
 * @name: for people
 * @kind: of the jobs
 * @setup: what there is before; nothing fails
 * @act: what happens, in &struct mvt.context; may fail, with nothing changed
 */
struct mvt_scene {
	const char *name;
	enum mvt_scene_kind kind;
	void (*setup)(struct mvt *fx, struct mvt_stage *stage);
	int (*act)(struct mvt *fx, struct mvt_stage *stage);
};

/* ttm_move_kunit_scene.c */
const struct mvt_scene *mvt_scene_next(const struct mvt_scene *scene);
void mvt_stage_clear(struct mvt *fx, struct mvt_stage *stage);

/* Where the jobs copy from and to, in pages of the video memory. */
#define MVT_SRC		8
#define MVT_DST		32
#define MVT_PAGES	4
#define MVT_BYTES	((size_t)MVT_PAGES << PAGE_SHIFT)

#define MVT_PATTERN	0x5a000000

/* ttm_move_kunit_job.c */
void *mvt_page(struct mvt *fx, unsigned int page);
void mvt_linear(struct mvt *fx, struct ttm_move_mem *mem, unsigned int page);
struct ttm_move_job *mvt_job_create(struct mvt *fx);
void mvt_job_set_clear(struct mvt *fx, struct ttm_move_job *job);
void mvt_job_set_copy(struct mvt *fx, struct ttm_move_job *job);
struct ttm_move_job *mvt_copy_create(struct mvt *fx);
struct dma_fence *mvt_arm_after(struct mvt *fx, struct dma_fence *dep);
void mvt_expect_copied(struct mvt *fx);
void mvt_expect_untouched(struct mvt *fx);
void mvt_expect_zeroes(struct mvt *fx);
void mvt_wait_until_begun(struct mvt *fx, unsigned int num);
void mvt_expect_waiting(struct mvt *fx, struct dma_fence *fence);
void mvt_expect_done(struct mvt *fx, struct dma_fence *fence, int status);

/* When a dependency signals. */
enum mvt_phase {
	MVT_BEFORE_ADD,
	MVT_BEFORE_ARM,
	MVT_AFTER_ARM,
	MVT_NUM_PHASES,
};

#endif
