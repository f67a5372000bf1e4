// SPDX-License-Identifier: MIT
// Applies to: drivers/gpu/drm/i915/gem/i915_gem_ttm_pm.c
// Applies to: drivers/gpu/drm/i915/gem/i915_gem_pm.c
// Applies to: drivers/gpu/drm/i915/i915_gem.c
//
// A backup is one if its copy went well, which the copy says by itself, and local memory
// may lose its power, or its driver, when nobody copies any more.

@@ @@
#include "gem/i915_gem_pm.h"
+#include "gem/i915_gem_ttm_move_worker.h"

@@ @@
i915_ttm_backup(...)
{
	<...
-	ttm_bo_wait_ctx(...);
	...>
}

@@ @@
i915_ttm_restore(...)
{
	<...
-	ttm_bo_wait_ctx(...);
	...>
}

// Twice: a move that takes too long forbids to suspend as long as there is a way back, and
// not behind i915_gem_suspend(), which would wedge the GPU for it; and at the end, since the
// backups are moves.
@@ identifier i915; @@
int i915_gem_backup_suspend(struct drm_i915_private *i915)
{
	... when any
+	ret = i915_ttm_move_worker_idle(i915);
+	if (ret)
+		goto out_recover;
	i915_gem_suspend(i915);
	... when any
	ret = lmem_suspend(i915, I915_TTM_BACKUP_PINNED);
	if (ret) goto out_recover;
+	ret = i915_ttm_move_worker_idle(i915);
+	if (ret)
+		goto out_recover;
	...
	return 0;
	...
}

@@ identifier i915; @@
void i915_gem_driver_remove(struct drm_i915_private *i915)
{
	...
	i915->uabi_engines = RB_ROOT;
+	i915_ttm_move_worker_idle(i915);
	...
}
