// SPDX-License-Identifier: MIT
// Applies to: drivers/gpu/drm/i915/gem/i915_gem_ttm_move.c
//
// i915's moves go through the move worker: its own asynchronous memcpy goes, with
// what it copied and cleaned up in the caller.

@@ @@
#include "gem/i915_gem_ttm_move.h"
+#include "gem/i915_gem_ttm_move_worker.h"

// The worker's selftests pretend the same failures as the driver's.
@@ identifier on; typedef bool; @@
void i915_ttm_migrate_set_ban_memcpy(bool on) { ... }
+bool i915_ttm_migrate_fails_gpu(void) { return fail_gpu_migration; }

@@ @@
bool i915_ttm_migrate_fails_gpu(void) { ... }
+bool i915_ttm_migrate_fails_alloc(void) { return fail_work_allocation; }

@@ @@
-static struct intel_memory_region *i915_ttm_region(...) { ... }

@@ @@
-struct i915_ttm_memcpy_arg { ... };

@@ @@
-struct i915_ttm_memcpy_work { ... };

@@
identifier gone = {
	i915_ttm_move_memcpy, i915_ttm_memcpy_init, i915_ttm_memcpy_release,
	__memcpy_work, __memcpy_irq_work, __memcpy_cb, get_driver_name,
	get_timeline_name, i915_ttm_memcpy_work_arm, __i915_ttm_move,
	i915_gem_obj_copy_ttm
};
type T;
@@
-T gone(...) { ... }

@@ @@
-static const struct dma_fence_ops dma_fence_memcpy_ops = { ... };

// What the worker needs of this file.
@@ parameter list ps; @@
-static bool i915_ttm_memcpy_allowed(ps)
+bool i915_ttm_memcpy_allowed(ps)
 { ... }

@@ parameter list ps; @@
-static struct dma_fence *i915_ttm_accel_move(ps)
+struct dma_fence *i915_ttm_accel_move(ps, struct i915_ttm_move *move)
 { ... }

@@
expression list[n] es;
identifier fn = { intel_context_migrate_copy, intel_context_migrate_clear };
@@
i915_ttm_accel_move(...)
{
	<...
	fn(es
+	, move
	)
	...>
}

@@
expression fence, dst;
identifier deps;
@@
i915_ttm_move(struct ttm_buffer_object *bo, bool evict, struct ttm_operation_ctx *ctx, ...)
{
	<...
-	struct i915_deps deps;
-	i915_deps_init(&deps, ...);
-	ret = i915_deps_add_resv(&deps, ...);
-	if (ret) { ... return ret; }
-	fence = __i915_ttm_move(bo, ctx, clear, dst_mem, ttm, dst, true, &deps);
-	i915_deps_fini(&deps);
+	fence = i915_ttm_move_worker_move(bo, evict, ctx, clear, dst_mem, dst);
	...>
}

// The CPU needs no table of system pages.
@@ expression rsgt, obj, mem; @@
i915_ttm_move(...)
{
	<...
-	rsgt = i915_ttm_resource_get_st(obj, mem);
+	rsgt = i915_ttm_move_worker_rsgt(obj, mem);
	...>
}

// An object without bytes to move waits all the same, and as long as it takes.
@@ expression fence; @@
i915_ttm_move(struct ttm_buffer_object *bo, bool evict, struct ttm_operation_ctx *ctx, ...)
{
	<...
+	if (!fence)
+		fence = ERR_PTR(i915_ttm_move_worker_wait(bo, ctx));
	if (IS_ERR(fence)) { i915_refct_sgt_put(...); return PTR_ERR(fence); }
	...>
}

// All fences that reach TTM are of the region's timeline.
@@ @@
i915_ttm_move(...)
{
	<...
-	if (I915_SELFTEST_ONLY(...)) ret = -EIO;
-	else
	ret = ttm_bo_move_accel_cleanup(...);
	...>
}

// Nor may TTM give up where it has no memory to do without the wait: nobody would know, and
// the object would be where it was, with the new memory lost.
@@ expression fence, bo, mem; identifier ret, ctx, rsgt; @@
i915_ttm_move(..., struct ttm_operation_ctx *ctx, ...)
{
	... when any
	struct i915_refct_sgt *rsgt;
	<...
	if (ret) {
		dma_fence_wait(fence, false);
+		ret = i915_ttm_move_worker_wait(bo, ctx);
+		if (ret) {
+			dma_fence_put(fence);
+			i915_refct_sgt_put(rsgt);
+			return ret;
+		}
		ttm_bo_move_sync_cleanup(bo, mem);
	}
	...>
}
