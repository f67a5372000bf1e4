// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: drivers/gpu/drm/ttm/ttm_bo_util.c
// Applies to: drivers/gpu/drm/ttm/ttm_bo_vm.c
//
// What TTM itself has to do for drivers whose moves are not done when they return: a
// debugger's access waits for them, and a manager whose evictions go over from an engine
// to the worker, or back, forgets none.

@@ @@
#include <drm/ttm/ttm_tt.h>
+#include <drm/ttm/ttm_move_order.h>

@@ identifier fence, from; @@
ttm_bo_move_pipeline_evict(..., struct dma_fence *fence)
{
	...
	spin_lock(&from->move_lock);
+	ttm_move_manager_switch(from, fence);
	...
}

@@ identifier bo; @@
ttm_bo_vm_access(...)
{
	...
+	ret = ttm_move_bo_wait_moves(bo, true);
+	if (ret)
+		goto unlock;
	switch (bo->resource->mem_type) { case TTM_PL_SYSTEM: fallthrough; ... }
	...
}
