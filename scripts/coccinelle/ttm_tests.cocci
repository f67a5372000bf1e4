// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: drivers/gpu/drm/ttm/tests/ttm_kunit_helpers.c
// Applies to: drivers/gpu/drm/ttm/tests/ttm_mock_manager.c
// Applies to: drivers/gpu/drm/ttm/tests/ttm_device_test.c
// Applies to: drivers/gpu/drm/ttm/tests/ttm_bo_validate_test.c
//
// The mock driver of TTM's own tests takes up the move worker, as a driver would: a
// worker per device, its calls in the place of the kernel's memcpy, and no manager goes
// while a job is in flight.

@helpers@ @@
#include "ttm_kunit_helpers.h"
+#include "../move/tests/ttm_move_mock.h"

@depends on !helpers@ @@
#include "ttm_mock_manager.h"
+#include "../move/tests/ttm_move_mock.h"

@@ identifier bo, evict; expression ctx, mem; @@
mock_move(struct ttm_buffer_object *bo, bool evict, ...)
{
	<...
-	ttm_bo_move_memcpy(bo, ctx, mem)
+	ttm_move_mock_move(bo, evict, ctx, mem)
	...>
}

@@ expression bdev; expression list es; @@
-ttm_device_init(bdev, es)
+ttm_device_init(bdev, es) ?: ttm_move_mock_init(bdev)

@@ @@
-ttm_device_fini
+ttm_move_mock_device_fini
 (...)

@@ identifier bdev; expression err, man; @@
ttm_mock_manager_fini(struct ttm_device *bdev, ...)
{
	...
+	ttm_move_mock_drain(bdev);
	err = ttm_resource_manager_evict_all(bdev, man);
	...
}
