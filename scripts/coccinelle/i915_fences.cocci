// SPDX-License-Identifier: MIT
// Applies to: drivers/gpu/drm/i915/i915_deps.c
// Applies to: drivers/gpu/drm/i915/i915_request.c
// Applies to: drivers/gpu/drm/i915/i915_sw_fence.c
//
// A move's fence is no foreign fence, which i915 would overtake after a while; and what
// became of its object is none of the business of those who get the memory next.

@@ @@
#include "i915_deps.h"
+#include "gem/i915_gem_ttm_move_worker.h"

@@ @@
#include "i915_sw_fence.h"
+#include "gem/i915_gem_ttm_move_worker.h"

@@ expression rq, fence; @@
-i915_fence_context_timeout(rq->i915, fence->context)
+i915_ttm_move_worker_fence_timeout(rq->i915, fence)

@@ expression sw; struct dma_fence *fence; @@
i915_sw_fence_set_error_once(sw,
-	fence->error
+	i915_ttm_move_worker_fence_error(fence)
 )

// The blitter copies all the same where a user of the bytes has failed.
@@ identifier sw, rq; @@
submit_notify(struct i915_sw_fence *sw, ...)
{
	struct i915_request *rq = ...;
	<...
	if (
-	    unlikely(sw->error)
+	    unlikely(i915_ttm_move_worker_inherits(rq, sw->error))
	   )
		i915_request_set_error_once(...);
	else
		__rq_arm_watchdog(...);
	...>
}

@@ expression ret; struct dma_fence *fence; @@
 ret =
-	fence->error
+	i915_ttm_move_worker_fence_error(fence)
 ;
