// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: drivers/gpu/drm/xe/xe_device_types.h
// Applies to: drivers/gpu/drm/xe/xe_device.c
// Applies to: drivers/gpu/drm/xe/xe_bo.c
// Applies to: drivers/gpu/drm/xe/xe_bo_evict.c
// Applies to: drivers/gpu/drm/xe/xe_ttm_vram_mgr.c
//
// xe. The CPU moves the kernel's own pinned objects, on suspend and on resume: now all of
// them at once. They are waited for where the last has been queued, and nobody uses one
// before.

@@ @@
#include <drm/ttm/ttm_device.h>
+#include <drm/ttm/ttm_move.h>

@@ @@
struct xe_device {
	...
	struct ttm_device ttm;
+	/** @ttm_move: moves pinned objects of @ttm by CPU */
+	struct ttm_move_device ttm_move;
	...
};

@@ identifier bo, evict, ctx, mem, xe; @@
xe_bo_move(struct ttm_buffer_object *bo, bool evict,
	   struct ttm_operation_ctx *ctx, struct ttm_resource *mem, ...)
{
	struct xe_device *xe = ...;
	<+...
-	ttm_bo_move_memcpy(bo, ctx, mem)
+	ttm_bo_move_memcpy_async(&xe->ttm_move, bo, evict, ctx, mem)
	...+>
}

@@ identifier xe; @@
xe_device_destroy(...)
{
	...
	struct xe_device *xe = ...;
	... when any
+	ttm_move_device_fini(&xe->ttm_move);
	ttm_device_fini(&xe->ttm);
}

@@ identifier err; @@
struct xe_device *xe_device_create(...)
{
	... when any
	err = ttm_device_init(...);
	if (WARN_ON(err)) goto err;
+
+	err = ttm_move_device_init(&xe->ttm_move, &xe->ttm,
+				   dev_name(xe->drm.dev), NULL, NULL);
+	if (err) {
+		ttm_device_fini(&xe->ttm);
+		goto err;
+	}
	... when any
}

// The memory that was left is needed again, at the same place, on resume.
@@ identifier xe; @@
int xe_bo_evict_all(struct xe_device *xe)
{
	... when any
	spin_unlock(&xe->pinned.lock);
+
+	ttm_move_device_flush(&xe->ttm_move);
+	/* TTM's ghosts hold video memory until they are deleted. */
+	flush_workqueue(xe->ttm.wq);

	return 0;
}

@@ identifier xe; @@
int xe_bo_restore_kernel(struct xe_device *xe)
{
	... when any
	spin_unlock(&xe->pinned.lock);
+
+	ttm_move_device_flush(&xe->ttm_move);

	return 0;
}

// Where eviction ended early, with an error.
@@ identifier xe, man; @@
ttm_vram_mgr_fini(...)
{
	...
	struct xe_device *xe = ...;
	...
	ttm_resource_manager_set_used(man, false);
+
+	ttm_move_device_flush(&xe->ttm_move);
+	drain_workqueue(xe->ttm.wq);
	...
}
