// SPDX-License-Identifier: MIT
// Applies to: drivers/gpu/drm/i915/gem/i915_gem_wait.c
// Applies to: drivers/gpu/drm/i915/gem/i915_gem_ttm.c
// Applies to: drivers/gpu/drm/i915/gem/i915_gem_object.c
// Applies to: drivers/gpu/drm/i915/i915_vma.c
//
// Who is told that an object is lost finds the device wedged, where he may wait: no
// fence does. Nor does a request wait for that: it learns it from the object's binding, if
// that is still under way, or else from the object, and is skipped.

@@ @@
#include "i915_gem_object.h"
+#include "i915_gem_ttm_move_worker.h"

@@ @@
#include "gem/i915_gem_ttm_move.h"
+#include "gem/i915_gem_ttm_move_worker.h"

@@ @@
#include "gem/i915_gem_tiling.h"
+#include "gem/i915_gem_ttm_move_worker.h"

@@ expression list es; identifier obj; @@
int i915_gem_object_wait_migration(struct drm_i915_gem_object *obj, ...)
{
+	int ret;
+
	...
-	return i915_gem_object_wait_moving_fence(es);
+	ret = i915_gem_object_wait_moving_fence(es);
+	if (ret == -EIO)
+		i915_ttm_move_worker_is_lost(obj);
+	return ret;
}

@@ @@
i915_ttm_io_mem_reserve(...)
{
	<...
-	i915_gem_object_has_unknown_state
+	i915_ttm_move_worker_is_lost
	 (...)
	...>
}

// A debugger does not come by there.
@@ identifier bo, object; expression len; @@
i915_ttm_access_memory(struct ttm_buffer_object *bo, ...)
{
	struct drm_i915_gem_object *object = i915_ttm_to_gem(bo);
	... when any
	unsigned long bytes_left = len;
+
+	if (i915_ttm_move_worker_is_lost(object))
+		return -EIO;
	...
}

@@ identifier vw, work; @@
__vma_bind(struct dma_fence_work *work)
{
	...
	if (i915_gem_object_has_unknown_state(vw->obj))
+	{
+		dma_fence_set_error(&work->dma, -EIO);
		return;
+	}
	...
}

@@ expression err, vma, rq; @@
 err =
-	__i915_vma_move_to_active(vma, rq)
+	__i915_vma_move_to_active(vma, rq) ?: i915_ttm_move_worker_may_use(vma->obj)
 ;

// The worker has it, beside what it pairs with.
@@ typedef bool; @@
-bool i915_gem_object_has_unknown_state(...) { ... }
