// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Benchmarks: each prints samples, a line each, for scripts/report/bench.py. Those that are
 * compared are taken in turns, so that whatever else the machine does hits all alike.
 */
#define pr_fmt(fmt) "ttm_move_bench: " fmt

#include <linux/dma-fence.h>
#include <linux/moduleparam.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_resource.h>
#include <drm/ttm/ttm_tt.h>

#include "ttm_move_bench.h"

static unsigned int rounds = 15;
module_param(rounds, uint, 0444);
MODULE_PARM_DESC(rounds, "Samples of each kind; a third of it for large objects (default: 15)");

static bool small;
module_param(small, bool, 0444);
MODULE_PARM_DESC(small, "Only see that all works (default: no)");

static const char * const mvb_way_names[] = {
	[MVB_WORKER] = "worker",
	[MVB_TTM] = "ttm",
	[MVB_PLAIN] = "plain",
};

static const u64 mvb_sizes[] = {
	SZ_4K, SZ_16K, SZ_64K, SZ_256K, SZ_1M, SZ_8M, SZ_64M, SZ_256M, SZ_1G,
};

static u32 mvb_mem_type(bool in)
{
	return in ? TTM_PL_VRAM : TTM_PL_SYSTEM;
}

static const char *mvb_direction(bool in)
{
	return in ? "in" : "out";
}

static unsigned int mvb_rounds(u64 bytes)
{
	return bytes < SZ_256M ? rounds : max(rounds / 3, 3u);
}

/* How often the same is done for one sample, so that the clock's own time is lost in it. */
static unsigned int mvb_repeats(u64 bytes)
{
	return max_t(u64, div64_u64(small ? SZ_64K : SZ_4M, bytes), 1);
}

/* Copies: nothing but bytes, in the caller */

/**
 * struct mvb_copy - the same bytes, for each way of copying them
 * @fx: the fixture
 * @tt: object in system pages
 * @vram: object in video memory
 * @pages: description of @tt for the worker
 * @linear: description of @vram for the worker
 * @kmap_tt: description of @tt for TTM
 * @kmap_vram: description of @vram for TTM
 */
struct mvb_copy {
	struct mvb *fx;
	struct ttm_buffer_object *tt;
	struct ttm_buffer_object *vram;
	struct ttm_move_mem pages;
	struct ttm_move_mem linear;
	struct ttm_kmap_iter_tt kmap_tt;
	struct ttm_kmap_iter_linear_io kmap_vram;
};

static void mvb_copy_init(struct mvb_copy *copy, struct mvb *fx, u64 bytes)
{
	memset(copy, 0, sizeof(*copy));
	copy->fx = fx;
	/* One after the other: there are system pages for one. */
	copy->vram = mvb_bo_create(fx, bytes, TTM_PL_SYSTEM);
	mvb_bo_move(fx, copy->vram, TTM_PL_VRAM);
	mvb_bo_wait(fx, copy->vram);
	mvb_settle(fx);
	copy->tt = mvb_bo_create(fx, bytes, TTM_PL_SYSTEM);

	ttm_move_mem_init_tt(&copy->pages, copy->tt->ttm, PAGE_KERNEL);
	ttm_move_mem_init_linear(&copy->linear, &fx->aperture,
				 (u64)copy->vram->resource->start << PAGE_SHIFT,
				 bytes);
	ttm_kmap_iter_tt_init(&copy->kmap_tt, copy->tt->ttm);
	ttm_kmap_iter_linear_io_init(&copy->kmap_vram, &fx->bdev,
				     copy->vram->resource);
}

static void mvb_copy_fini(struct mvb_copy *copy)
{
	ttm_kmap_iter_linear_io_fini(&copy->kmap_vram, &copy->fx->bdev,
				     copy->vram->resource);
	ttm_bo_put(copy->vram);
	ttm_bo_put(copy->tt);
	mvb_settle(copy->fx);
}

/* Pages from @first on that lie side by side. */
static unsigned int mvb_run(struct page **pages, unsigned int first, unsigned int num)
{
	unsigned int n = 1;

	while (n < num && pages[first + n] == pages[first] + n)
		n++;
	return n;
}

/* As few calls of memcpy() as possible. */
static void mvb_copy_plain(struct mvb_copy *copy, bool in)
{
	struct ttm_tt *tt = copy->tt->ttm;
	void *vram = copy->fx->aperture.map.vaddr +
		     ((u64)copy->vram->resource->start << PAGE_SHIFT);
	unsigned int i, n;

	for (i = 0; i < tt->num_pages; i += n) {
		void *page = page_address(tt->pages[i]);

		n = mvb_run(tt->pages, i, tt->num_pages - i);
		if (in)
			memcpy(vram, page, (size_t)n << PAGE_SHIFT);
		else
			memcpy(page, vram, (size_t)n << PAGE_SHIFT);
		vram += (size_t)n << PAGE_SHIFT;
	}
}

static void mvb_copy_once(struct mvb_copy *copy, enum mvb_way way, bool in)
{
	switch (way) {
	case MVB_WORKER:
		ttm_move_copy(in ? &copy->linear : &copy->pages,
			      in ? &copy->pages : &copy->linear, 0,
			      copy->tt->base.size);
		break;
	case MVB_TTM:
		ttm_move_memcpy(false, copy->tt->ttm->num_pages,
				in ? &copy->kmap_vram.base : &copy->kmap_tt.base,
				in ? &copy->kmap_tt.base : &copy->kmap_vram.base);
		break;
	default:
		mvb_copy_plain(copy, in);
	}
}

static void mvb_copy_sample(struct mvb_copy *copy, enum mvb_way way, bool in)
{
	unsigned int i, repeats = mvb_repeats(copy->tt->base.size);
	struct mvb_clock clock;

	mvb_copy_once(copy, way, in);
	mvb_clock_start(&clock, MVB_LARGE);
	for (i = 0; i < repeats; i++)
		mvb_copy_once(copy, way, in);
	pr_info("bench=copy dir=%s bytes=%zu way=%s n=%u ns=%llu\n",
		mvb_direction(in), copy->tt->base.size, mvb_way_names[way], repeats,
		mvb_clock_ns(&clock));
}

static void mvb_copy_size(struct mvb *fx, u64 bytes)
{
	struct mvb_copy *copy = kunit_kzalloc(fx->test, sizeof(*copy), GFP_KERNEL);
	unsigned int round, kind;

	KUNIT_ASSERT_NOT_NULL(fx->test, copy);
	mvb_copy_init(copy, fx, bytes);
	for (round = 0; round < mvb_rounds(bytes); round++)
		for (kind = 0; kind < 2 * MVB_NUM_WAYS; kind++)
			mvb_copy_sample(copy, kind / 2, kind % 2);
	mvb_copy_fini(copy);
	kunit_kfree(fx->test, copy);
}

static void mvb_each_size(struct kunit *test, void (*measure)(struct mvb *, u64))
{
	struct mvb *fx = test->priv;
	unsigned int i;

	pr_info("max_bytes=%llu\n", fx->bytes);
	for (i = 0; i < ARRAY_SIZE(mvb_sizes); i++)
		if (mvb_sizes[i] <= fx->bytes)
			measure(fx, mvb_sizes[i]);
}

static void ttm_move_bench_copy(struct kunit *test)
{
	mvb_each_size(test, mvb_copy_size);
}

/* Moves of one object */

/**
 * struct mvb_times - of one move or of several, in nanoseconds
 * @hook: in the driver's move()
 * @call: in TTM's call, which calls that
 * @done: until the object's bytes may be used
 * @all: until nothing is left to be done; there is one CPU, and it is never idle
 */
struct mvb_times {
	u64 hook;
	u64 call;
	u64 done;
	u64 all;
};

static void mvb_move_call(struct mvb *fx, struct ttm_buffer_object *bo, bool in,
			  struct mvb_clock *clock, struct mvb_times *times)
{
	mvb_clock_start(clock, bo->base.size);
	fx->hook_ns = 0;
	mvb_bo_move(fx, bo, mvb_mem_type(in));
	times->call += mvb_clock_ns(clock);
	times->hook += fx->hook_ns;
}

static void mvb_move_once(struct mvb *fx, struct ttm_buffer_object *bo, bool in,
			  struct mvb_times *times)
{
	struct mvb_clock clock;

	mvb_move_call(fx, bo, in, &clock, times);
	mvb_bo_wait(fx, bo);
	times->done += mvb_clock_ns(&clock);
	mvb_settle(fx);
	times->all += mvb_clock_ns(&clock);
}

static void mvb_move_print(u64 bytes, enum mvb_way way, bool in, unsigned int n,
			   const struct mvb_times *times)
{
	pr_info("bench=move dir=%s bytes=%llu way=%s n=%u hook_ns=%llu call_ns=%llu done_ns=%llu all_ns=%llu\n",
		mvb_direction(in), bytes, mvb_way_names[way], n, times->hook,
		times->call, times->done, times->all);
}

static void mvb_move_sample(struct mvb *fx, struct ttm_buffer_object *bo,
			    enum mvb_way way)
{
	unsigned int i, repeats = min(mvb_repeats(bo->base.size), 64u);
	struct mvb_times times[2] = {};
	unsigned int in;

	fx->way = way;
	for (i = 0; i < repeats; i++) {
		mvb_move_once(fx, bo, true, &times[true]);
		mvb_move_once(fx, bo, false, &times[false]);
	}
	for (in = 0; in < 2; in++)
		mvb_move_print(bo->base.size, way, in, repeats, &times[in]);
}

static void mvb_move_size(struct mvb *fx, u64 bytes)
{
	struct ttm_buffer_object *bo = mvb_bo_create(fx, bytes, TTM_PL_SYSTEM);
	unsigned int round;

	for (round = 0; round < mvb_rounds(bytes); round++) {
		mvb_move_sample(fx, bo, MVB_WORKER);
		mvb_move_sample(fx, bo, MVB_TTM);
	}
	ttm_bo_put(bo);
	mvb_settle(fx);
}

static void ttm_move_bench_move(struct kunit *test)
{
	mvb_each_size(test, mvb_move_size);
}

/* Moves of several objects, none of which is awaited before the next is asked for */

#define MVB_SEVERAL	4

static void mvb_several_once(struct mvb *fx, struct ttm_buffer_object **bos, bool in,
			     struct mvb_times *times)
{
	struct mvb_clock clock;
	unsigned int i;

	for (i = 0; i < MVB_SEVERAL; i++)
		mvb_move_call(fx, bos[i], in, &clock, times);
	for (i = 0; i < MVB_SEVERAL; i++)
		mvb_bo_wait(fx, bos[i]);
	mvb_settle(fx);
}

static void mvb_several_sample(struct mvb *fx, struct ttm_buffer_object **bos,
			       enum mvb_way way)
{
	struct mvb_times times[2] = {};
	unsigned int in;

	fx->way = way;
	for (in = 2; in--;) {
		mvb_several_once(fx, bos, in, &times[in]);
		pr_info("bench=several dir=%s bytes=%zu way=%s n=%u hook_ns=%llu call_ns=%llu\n",
			mvb_direction(in), bos[0]->base.size, mvb_way_names[way],
			MVB_SEVERAL, times[in].hook, times[in].call);
	}
}

static void mvb_several_size(struct mvb *fx, u64 bytes)
{
	struct ttm_buffer_object *bos[MVB_SEVERAL];
	unsigned int i;

	if (bytes > fx->bytes / MVB_SEVERAL)
		return;
	for (i = 0; i < MVB_SEVERAL; i++)
		bos[i] = mvb_bo_create(fx, bytes, TTM_PL_SYSTEM);
	for (i = 0; i < mvb_rounds(bytes); i++) {
		mvb_several_sample(fx, bos, MVB_WORKER);
		mvb_several_sample(fx, bos, MVB_TTM);
	}
	for (i = 0; i < MVB_SEVERAL; i++)
		ttm_bo_put(bos[i]);
	mvb_settle(fx);
}

static void ttm_move_bench_several(struct kunit *test)
{
	mvb_each_size(test, mvb_several_size);
}

/* Moves per second */

#define MVB_WINDOW	8

static void mvb_rate_all(struct mvb *fx, struct ttm_buffer_object **bos,
			 unsigned int num, bool in)
{
	unsigned int i;

	for (i = 0; i < num; i++)
		mvb_bo_move(fx, bos[i], mvb_mem_type(in));
	for (i = 0; i < num; i++)
		mvb_bo_wait(fx, bos[i]);
}

static void mvb_rate_sample(struct mvb *fx, struct ttm_buffer_object **bos,
			    unsigned int window, enum mvb_way way)
{
	unsigned int i, moves = small ? 4 * MVB_WINDOW : 128 * MVB_WINDOW;
	struct mvb_clock clock;

	fx->way = way;
	mvb_clock_start(&clock, MVB_LARGE);
	for (i = 0; i < moves; i += 2 * window) {
		mvb_rate_all(fx, bos, window, true);
		mvb_rate_all(fx, bos, window, false);
	}
	mvb_settle(fx);
	pr_info("bench=rate window=%u bytes=%zu way=%s n=%u ns=%llu\n", window,
		bos[0]->base.size, mvb_way_names[way], moves, mvb_clock_ns(&clock));
}

static void mvb_rate_round(struct mvb *fx, struct ttm_buffer_object **bos,
			   unsigned int window)
{
	mvb_rate_sample(fx, bos, window, MVB_WORKER);
	mvb_rate_sample(fx, bos, window, MVB_TTM);
}

static void ttm_move_bench_rate(struct kunit *test)
{
	struct ttm_buffer_object *bos[MVB_WINDOW];
	struct mvb *fx = test->priv;
	unsigned int i;

	for (i = 0; i < MVB_WINDOW; i++)
		bos[i] = mvb_bo_create(fx, SZ_4K, TTM_PL_SYSTEM);
	for (i = 0; i < rounds; i++) {
		mvb_rate_round(fx, bos, 1);
		mvb_rate_round(fx, bos, MVB_WINDOW);
	}
	for (i = 0; i < MVB_WINDOW; i++)
		ttm_bo_put(bos[i]);
}

/* Jobs in flight */

static const char *mvb_fence_name(struct dma_fence *fence)
{
	return "bench";
}

static const struct dma_fence_ops mvb_fence_ops = {
	.get_driver_name = mvb_fence_name,
	.get_timeline_name = mvb_fence_name,
};

/* Holds jobs up until it is signalled. */
static struct dma_fence *mvb_gate_create(struct mvb *fx)
{
	static DEFINE_SPINLOCK(lock); /* of all gates */
	struct dma_fence *gate = kzalloc(sizeof(*gate), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(fx->test, gate);
	dma_fence_init(gate, &mvb_fence_ops, &lock, dma_fence_context_alloc(1), 1);
	return gate;
}

/* A page from one place in video memory to another; the caller has the fence. */
static struct dma_fence *mvb_job(struct mvb *fx, struct ttm_move_timeline *timeline,
				 struct dma_fence *gate)
{
	struct ttm_move_job *job = ttm_move_job_create(&fx->mdev, timeline);
	struct ttm_move_mem dst, src;

	KUNIT_ASSERT_NOT_NULL(fx->test, job);
	ttm_move_mem_init_linear(&dst, &fx->aperture, 0, SZ_4K);
	ttm_move_mem_init_linear(&src, &fx->aperture, SZ_4K, SZ_4K);
	if (ttm_move_job_add_dependency(job, gate) ||
	    ttm_move_job_set_copy(job, &dst, &src, SZ_4K))
		KUNIT_FAIL(fx->test, "no job");
	return ttm_move_job_arm(job);
}

/* Arms @num jobs of a timeline; the last one's fence, with a reference. */
static struct dma_fence *mvb_jobs(struct mvb *fx, struct ttm_move_timeline *timeline,
				  struct dma_fence *gate, unsigned int num)
{
	struct dma_fence *last = NULL;

	while (num--) {
		dma_fence_put(last);
		last = mvb_job(fx, timeline, gate);
	}
	return last;
}

static void mvb_flight_wait(struct mvb *fx, struct dma_fence *fence)
{
	if (dma_fence_wait_timeout(fence, false, 60 * HZ) <= 0)
		KUNIT_FAIL(fx->test, "a job does not end");
	dma_fence_put(fence);
}

/* @num jobs are held up, and then all let go at once. */
static void mvb_burst(struct mvb *fx, struct ttm_move_timeline *timeline,
		      unsigned int num, u64 *submit_ns, u64 *finish_ns)
{
	struct dma_fence *gate = mvb_gate_create(fx), *last;
	struct mvb_clock clock;
	u64 armed_ns;

	mvb_clock_start(&clock, (u64)num * SZ_4K);
	last = mvb_jobs(fx, timeline, gate, num);
	armed_ns = mvb_clock_ns(&clock);
	dma_fence_signal(gate);
	mvb_flight_wait(fx, last);
	ttm_move_device_flush(&fx->mdev);
	*finish_ns += mvb_clock_ns(&clock) - armed_ns;
	*submit_ns += armed_ns;
	dma_fence_put(gate);
}

static void mvb_burst_sample(struct mvb *fx, struct ttm_move_timeline *timeline,
			     unsigned int num)
{
	unsigned int i, repeats = max((small ? 10 : 1000) / num, 1u);
	u64 submit_ns = 0, finish_ns = 0;

	for (i = 0; i < repeats; i++)
		mvb_burst(fx, timeline, num, &submit_ns, &finish_ns);
	rcu_barrier();
	pr_info("bench=burst in_flight=%u n=%u submit_ns=%llu finish_ns=%llu\n", num,
		repeats * num, submit_ns, finish_ns);
}

/* The whole life of jobs, one after the other, beside @num that are held up. */
static void mvb_beside_sample(struct mvb *fx, struct ttm_move_timeline *timeline,
			      unsigned int num)
{
	struct ttm_move_timeline *parked = ttm_move_timeline_create("parked");
	struct dma_fence *gate = mvb_gate_create(fx), *last;
	unsigned int i, jobs = small ? 10 : 1000;
	struct mvb_clock clock;

	KUNIT_ASSERT_NOT_NULL(fx->test, parked);
	last = mvb_jobs(fx, parked, gate, num - 1);
	mvb_clock_start(&clock, MVB_LARGE);
	for (i = 0; i < jobs; i++)
		mvb_flight_wait(fx, mvb_job(fx, timeline, NULL));
	pr_info("bench=beside in_flight=%u n=%u ns=%llu\n", num, jobs,
		mvb_clock_ns(&clock));

	dma_fence_signal(gate);
	if (last)
		mvb_flight_wait(fx, last);
	dma_fence_put(gate);
	ttm_move_timeline_put(parked);
	mvb_settle(fx);
	rcu_barrier();
}

static void ttm_move_bench_flight(struct kunit *test)
{
	struct mvb *fx = test->priv;
	struct ttm_move_timeline *timeline = ttm_move_timeline_create("bench");
	unsigned int round, num, max = small ? 100 : 10000;

	KUNIT_ASSERT_NOT_NULL(test, timeline);
	for (round = 0; round < rounds; round++)
		for (num = 1; num <= max; num *= 10) {
			mvb_burst_sample(fx, timeline, num);
			mvb_beside_sample(fx, timeline, num);
		}
	ttm_move_timeline_put(timeline);
}

static struct kunit_case ttm_move_bench_cases[] = {
	KUNIT_CASE_SLOW(ttm_move_bench_copy),
	KUNIT_CASE_SLOW(ttm_move_bench_move),
	KUNIT_CASE_SLOW(ttm_move_bench_several),
	KUNIT_CASE_SLOW(ttm_move_bench_rate),
	KUNIT_CASE_SLOW(ttm_move_bench_flight),
	{}
};

static struct kunit_suite ttm_move_bench_suite = {
	.name = "ttm_move_bench",
	.init = mvb_init,
	.exit = mvb_exit,
	.test_cases = ttm_move_bench_cases,
};

kunit_test_suite(ttm_move_bench_suite);
