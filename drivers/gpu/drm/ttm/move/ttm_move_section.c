// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What lockdep does not see of a fence signalling section.
 *
 * It has no objection to a task that waits for a fence inside of one. It objects to an
 * allocation that may enter the file system, but where the kernel has no MMU notifiers
 * not to any other, although all that may reclaim may also wait for one of our fences.
 * Tracepoints of the kernel see both.
 *
 * Only with PROVE_LOCKING: a task that is in a section is told by the locks it holds.
 */
#include <linux/gfp.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>

#include <kunit/visibility.h>

#include <trace/events/dma_fence.h>
#include <trace/events/kmem.h>

#include "ttm_move_section.h"

struct lockdep_map ttm_move_section_map =
	STATIC_LOCKDEP_MAP_INIT("ttm_move_section", &ttm_move_section_map);
EXPORT_SYMBOL_IF_KUNIT(ttm_move_section_map);

/* Not true of an interrupt on top of a section, which owes nobody a signal. */
static bool ttm_move_in_section(void)
{
	return in_task() &&
	       lock_is_held(&ttm_move_section_map) == LOCK_STATE_HELD;
}

static void ttm_move_check_wait(void *data, struct dma_fence *fence)
{
	WARN_ONCE(ttm_move_in_section(),
		  "ttm_move: waits for a fence inside a signalling section\n");
}

static void ttm_move_check_alloc(gfp_t gfp)
{
	WARN_ONCE(gfpflags_allow_blocking(gfp) && ttm_move_in_section(),
		  "ttm_move: allocates (%pGg) inside a signalling section\n",
		  &gfp);
}

/*
 * An allocation that does not wait cannot deadlock, but fails when memory is short,
 * which is when memory is evicted: the copy does without. Interrupts are off where
 * others run inside the section, such as callbacks of the fences: what those do is
 * theirs. What the kernel's own debugging allocates comes from other caches.
 */
static void ttm_move_check_kmalloc(void *data, unsigned long call_site,
				   const void *ptr, size_t bytes_req,
				   size_t bytes_alloc, gfp_t gfp, int node)
{
	ttm_move_check_alloc(gfp);
	WARN_ONCE(!gfpflags_allow_blocking(gfp) && !irqs_disabled() &&
		  ttm_move_in_section(),
		  "ttm_move: tries to allocate (%pGg) inside a signalling section\n",
		  &gfp);
}

static void ttm_move_check_cache(void *data, unsigned long call_site,
				 const void *ptr, struct kmem_cache *cache,
				 gfp_t gfp, int node)
{
	ttm_move_check_alloc(gfp);
}

static void ttm_move_check_page(void *data, struct page *page,
				unsigned int order, gfp_t gfp, int migratetype)
{
	ttm_move_check_alloc(gfp);
}

static struct ttm_move_check {
	const char *name;
	void *probe;
	struct tracepoint *tp;
} ttm_move_checks[] = {
	{ .name = "dma_fence_wait_start", .probe = ttm_move_check_wait },
	{ .name = "kmalloc", .probe = ttm_move_check_kmalloc },
	{ .name = "kmem_cache_alloc", .probe = ttm_move_check_cache },
	{ .name = "mm_page_alloc", .probe = ttm_move_check_page },
};

/* The compiler compares the probes with the tracepoints, whose names are but text. */
static void __maybe_unused ttm_move_check_types(void)
{
	check_trace_callback_type_dma_fence_wait_start(ttm_move_check_wait);
	check_trace_callback_type_kmalloc(ttm_move_check_kmalloc);
	check_trace_callback_type_kmem_cache_alloc(ttm_move_check_cache);
	check_trace_callback_type_mm_page_alloc(ttm_move_check_page);
}

static void ttm_move_check_find(struct tracepoint *tp, void *priv)
{
	struct ttm_move_check *check = priv;

	if (!strcmp(tp->name, check->name))
		check->tp = tp;
}

static bool ttm_move_check_register(struct ttm_move_check *check)
{
	/* By name: not all of them are exported, but all are built in. */
	for_each_kernel_tracepoint(ttm_move_check_find, check);
	if (check->tp && tracepoint_probe_register(check->tp, check->probe, NULL))
		check->tp = NULL;
	return check->tp;
}

/**
 * ttm_move_section_init() - begin to watch the signalling sections
 *
 * Context: Process context. May sleep.
 */
void ttm_move_section_init(void)
{
	struct ttm_move_check *check = ttm_move_checks;

	for (; check < ttm_move_checks + ARRAY_SIZE(ttm_move_checks); check++)
		if (!ttm_move_check_register(check))
			pr_warn("ttm_move: there is no tracepoint %s: its rule goes unchecked\n",
				check->name);
}

/**
 * ttm_move_section_fini() - stop watching
 *
 * Context: Process context. May sleep.
 */
void ttm_move_section_fini(void)
{
	struct ttm_move_check *check = ttm_move_checks;

	for (; check < ttm_move_checks + ARRAY_SIZE(ttm_move_checks); check++)
		if (check->tp)
			tracepoint_probe_unregister(check->tp, check->probe,
						    NULL);
	tracepoint_synchronize_unregister();
}
