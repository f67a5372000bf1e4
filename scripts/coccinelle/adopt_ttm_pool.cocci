// SPDX-License-Identifier: GPL-2.0 OR MIT
// Applies to: drivers/gpu/drm/ttm/ttm_pool.c
//
// Whoever moves an object out of video memory waits for its system pages. Of a large object
// the list of them takes much of that, 16384 entries for 64 MiB: write four in a turn.
#spatch --smpl-spacing

@@ identifier i, order, p, pages; @@
+/* Lists a run of pages; returns where the list ends. */
+static struct page **ttm_pool_list_run(struct page **pages, struct page *p, unsigned int num)
+{
+	for (; num >= 4; num -= 4, pages += 4, p += 4) {
+		pages[0] = p;
+		pages[1] = p + 1;
+		pages[2] = p + 2;
+		pages[3] = p + 3;
+	}
+	while (num--)
+		*pages++ = p++;
+	return pages;
+}
+
static int ttm_pool_page_allocated(..., struct page ***pages)
{
-	unsigned int i;
	...
-	for (i = 1 << order; i; --i, ++(*pages), ++p)
-		**pages = p;
+	*pages = ttm_pool_list_run(*pages, p, 1 << order);
	...
}
