// SPDX-License-Identifier: MIT
// Applies to: drivers/gpu/drm/i915/i915_drv.h
// Applies to: drivers/gpu/drm/i915/intel_region_ttm.c
// Applies to: drivers/gpu/drm/i915/i915_debugfs.c
//
// The worker comes and goes with the TTM device, and lets go of all objects before a
// region goes.

@@ @@
struct drm_i915_private {
	...
	struct ttm_device bdev;
+	/* Moves the objects of @bdev. */
+	struct i915_ttm_move_worker *ttm_move_worker;
	...
};

@@ @@
#include "gem/i915_gem_region.h"
+#include "gem/i915_gem_ttm_move_worker.h"

@@ identifier i915, drm; expression list es; @@
int intel_region_ttm_device_init(struct drm_i915_private *i915)
{
	struct drm_device *drm = ...;
+	int ret;

-	return ttm_device_init(es);
+	ret = ttm_device_init(es);
+	if (ret)
+		return ret;
+	ret = i915_ttm_move_worker_init(i915);
+	if (ret)
+		ttm_device_fini(&i915->bdev);
+	return ret;
}

@@ identifier i915; @@
void intel_region_ttm_device_fini(struct drm_i915_private *i915)
{
+	i915_ttm_move_worker_fini(i915);
	ttm_device_fini(...);
}

@@ identifier mem; @@
int intel_region_ttm_fini(struct intel_memory_region *mem)
{
	... when any
	int count;
+
+	i915_ttm_move_worker_flush(mem->i915);
	...
}

@@ @@
#include "gem/i915_gem_context.h"
+#include "gem/i915_gem_ttm_move_worker.h"

@@ identifier i915, minor; @@
void i915_debugfs_register(struct drm_i915_private *i915)
{
	...
	struct drm_minor *minor = ...;
	...
	i915_gpu_error_debugfs_register(...);
+	i915_ttm_move_worker_debugfs(i915, minor->debugfs_root);
}
