// SPDX-License-Identifier: MIT
// Applies to: drivers/gpu/drm/i915/gem/i915_gem_wait.c
// Applies to: drivers/gpu/drm/i915/gem/i915_gem_ttm.c
//
// Who is told that an object is lost finds the device wedged, where he may wait: no
// fence does.

@@ @@
#include "i915_gem_object.h"
+#include "i915_gem_ttm_move_worker.h"

@@ @@
#include "gem/i915_gem_ttm_move.h"
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
