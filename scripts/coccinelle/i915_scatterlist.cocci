// SPDX-License-Identifier: MIT
// Applies to: drivers/gpu/drm/i915/i915_scatterlist.c
//
// A move lists the blocks of its destination in the caller. A block needs one entry, and
// one more wherever a segment is full; an entry for each page costs more than all the
// rest of the call.

@@
identifier st, blocks, mm, max_segment;
expression gfp, bytes;
@@
i915_rsgt_from_buddy_resource(...)
{
	...
	const u32 max_segment = ...;
	...
	struct gpu_buddy *mm = ...;
	...
	struct list_head *blocks = ...;
+	const unsigned int nents = list_count_nodes(blocks) +
+				   div_u64(mm->size, max_segment);
	<...
	sg_alloc_table(st,
-		PFN_UP(bytes),
+		nents,
		gfp)
	...>
}
