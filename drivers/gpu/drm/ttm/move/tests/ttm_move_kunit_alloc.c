// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The worker's allocations: counted, refused, and given back in the end.
 */
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sprintf.h>
#include <linux/vmalloc.h>

#include <kunit/static_stub.h>
#include <kunit/test-bug.h>

#include "../ttm_move_internal.h"
#include "ttm_move_kunit.h"

/*
 * Objects of each size have a cache of their own: to destroy one that is not empty is an
 * error, so that nothing leaks unnoticed. Making it must not fail in the place of the
 * allocation that it is for, and cannot be done in reclaim.
 */
static struct kmem_cache *mvt_cache(struct mvt_allocs *allocs, size_t bytes)
{
	unsigned int i, left = mvt_fail_left();
	char name[16];

	for (i = 0; i < allocs->num_caches; i++)
		if (allocs->sizes[i] == bytes)
			return allocs->caches[i];
	if (i == ARRAY_SIZE(allocs->caches) || (current->flags & PF_MEMALLOC))
		return NULL;

	mvt_fail_nth(0);
	snprintf(name, sizeof(name), "mvt-%zu", bytes);
	allocs->sizes[i] = bytes;
	allocs->caches[i] = kmem_cache_create(name, bytes, 0, SLAB_NO_MERGE, NULL);
	allocs->num_caches += !!allocs->caches[i];
	mvt_fail_nth(left);
	return allocs->caches[i];
}

static void *mvt_zalloc(size_t bytes)
{
	struct mvt *fx = kunit_get_current_test()->priv;
	struct mvt_allocs *allocs = &fx->allocs;
	struct kmem_cache *cache;

	if (++allocs->count == allocs->fail || allocs->fail_all)
		return NULL;
	if (allocs->vmalloc)
		return vzalloc(bytes);

	cache = mvt_cache(allocs, bytes);
	return cache ? kmem_cache_zalloc(cache, GFP_KERNEL) :
	       kvzalloc(bytes, GFP_KERNEL);
}

void mvt_allocs_init(struct mvt *fx)
{
	kunit_activate_static_stub(fx->test, ttm_move_zalloc, mvt_zalloc);
}

void mvt_allocs_reset(struct mvt *fx)
{
	fx->allocs.count = 0;
	fx->allocs.fail = 0;
	fx->allocs.fail_all = false;
	fx->allocs.vmalloc = false;
}

/* With everything given back, or it complains. */
void mvt_allocs_fini(struct mvt *fx)
{
	struct mvt_allocs *allocs = &fx->allocs;

	rcu_barrier();
	while (allocs->num_caches)
		kmem_cache_destroy(allocs->caches[--allocs->num_caches]);
}
