// SPDX-License-Identifier: MIT
// Applies to: drivers/gpu/drm/i915/gt/intel_migrate.c
// Applies to: drivers/gpu/drm/i915/gt/intel_migrate.h
// Applies to: drivers/gpu/drm/i915/gt/selftest_migrate.c
// Applies to: drivers/gpu/drm/i915/gem/selftests/i915_gem_mman.c
// Applies to: drivers/gpu/drm/i915/selftests/intel_memory_region.c
//
// A move is told of every request that does a part of it, not only of the last one.

@@ @@
#include "intel_migrate.h"
+#include "gem/i915_gem_ttm_move_worker.h"

@@ @@
struct i915_request;
+struct i915_ttm_move;

// In the declarations and in the definitions.
@@
parameter list ps;
@@
int intel_context_migrate_copy(ps
+	, struct i915_ttm_move *move
 );

@@
parameter list ps;
@@
int intel_context_migrate_clear(ps
+	, struct i915_ttm_move *move
 );

@@
parameter list ps;
identifier fn = { intel_context_migrate_copy, intel_context_migrate_clear };
expression out, rq;
@@
int fn(ps
+	, struct i915_ttm_move *move
 )
{
	<...
	*out = i915_request_get(rq);
	i915_request_add(rq);
+	i915_ttm_move_worker_submitted(move, *out);
	...>
}

@@
expression list es;
identifier fn = { intel_context_migrate_copy, intel_context_migrate_clear };
@@
fn(es
+	, NULL
 )
