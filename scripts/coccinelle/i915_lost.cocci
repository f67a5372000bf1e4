// SPDX-License-Identifier: MIT
// Applies to: drivers/gpu/drm/i915/gem/i915_gem_object.c
// Applies to: drivers/gpu/drm/i915/gem/i915_gem_ttm.c
//
// Who is told that an object is lost finds the device wedged: no fence waits for that.

@@ @@
#include "i915_gem_ttm.h"
+#include "i915_gem_ttm_move_worker.h"

@@ @@
#include "gem/i915_gem_ttm_move.h"
+#include "gem/i915_gem_ttm_move_worker.h"

@@ identifier fn = { i915_gem_object_wait_moving_fence, i915_ttm_io_mem_reserve }; @@
fn(...)
{
	<...
-	i915_gem_object_has_unknown_state
+	i915_ttm_move_worker_is_lost
	 (...)
	...>
}
