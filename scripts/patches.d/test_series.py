# SPDX-License-Identifier: MIT
"""Tests of series.py and cover.py."""

import tempfile
import unittest
from pathlib import Path

import cover
import series

PATCH = "# a comment\nSubject: drm: one\nTakes: drivers/one/*\nHooks: *one*\n\nWhy.\n"
COCCI = ("// SPDX-License-Identifier: MIT\n// Applies to: drivers/two/a.c\n"
         "// Applies to: drivers/two/b/c.c\n//\n// two. Said of\n// itself.\n\n@@ @@\n")
MAINTAINERS = ("List\n\n   M: none\n\nALPHA\nM:\tA <a@b>\nS:\tMaintained\nF:\ta/\n\n"
               "OMEGA\nM:\tO <o@b>\nS:\tMaintained\nF:\to/\n")
RUN = {"accel": "tcg", "kernel": "6", "buffers": 2, "buffer_bytes": 1 << 20,
       "vram_bytes": 1 << 20, "verified_bytes": 1 << 20, "mismatched_bytes": 7,
       "sync": {"evicting_blocked_us": {"p50": 4321, "p99": 2, "max": 3}},
       "async": {"evicting_blocked_us": {"p50": 1, "p99": 2, "max": 3}}}


class TestDescriptions(unittest.TestCase):
    """What is in the files NN-NAME."""

    def test_headers_and_text(self):
        patch = series.parse("10-one", PATCH)
        self.assertEqual(patch.subject, "drm: one")
        self.assertEqual(patch.all("Takes"), ["drivers/one/*"])
        self.assertEqual(patch.body, "Why.")

    def test_misspelt_header(self):
        with self.assertRaisesRegex(series.SeriesError, "Take: x"):
            series.parse("10-one", PATCH.replace("Takes: drivers/one/*", "Take: x"))

    def test_no_text(self):
        with self.assertRaisesRegex(series.SeriesError, "needs one"):
            series.parse("10-one", "Subject: drm: one\n\n")

    def test_those_of_this_folder(self):
        for patch in series.read_descriptions(series.HERE):
            self.assertTrue(patch.body)
            self.assertLessEqual(len(patch.subject), 75)

    def test_star_is_one_folder(self):
        self.assertTrue(series.matches("a/*.c", "a/b.c"))
        self.assertFalse(series.matches("a/*.c", "a/b/c.c"))
        self.assertTrue(series.matches("a/**", "a/b/c.c"))


class TestOwners(unittest.TestCase):
    """Who takes what."""

    def setUp(self):
        self.one = series.parse("10-one", PATCH)

    def test_taken(self):
        part = series.Part("Takes", "drivers/one/a.c")
        self.assertEqual(series.owner(part, [self.one], []), "10-one")

    def test_nobody(self):
        part = series.Part("Hooks", "drivers/Kconfig: other")
        with self.assertRaisesRegex(series.SeriesError, "no patch has drivers/Kconfig: other"):
            series.owner(part, [self.one], ["**"])

    def test_two(self):
        part = series.Part("Takes", "drivers/one/a.c")
        two = self.one._replace(name="20-two")
        with self.assertRaisesRegex(series.SeriesError, "10-one and 20-two"):
            series.owner(part, [self.one, two], [])

    def test_left_out(self):
        part = series.Part("Takes", "tools/x/y.c")
        self.assertEqual(series.owner(part, [self.one], ["tools/**"]), "")


class TestTemplate(unittest.TestCase):
    """One patch for each semantic patch."""

    def expand(self, *others):
        template = series.parse("60-adopt", "Each: cocci/adopt_*.cocci\nSubject: drm/{name}: go\n"
                                "Takes: {folder}/*\nHooks: {folder}/*\n\n{comment}\n")
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "cocci").mkdir()
            (Path(folder) / "cocci/adopt_two_x.cocci").write_text(COCCI)
            return series.expand([*others, template], Path(folder),
                                 ["cocci/adopt_two_x.cocci", "cocci/i915_x.cocci"])

    def test_filled(self):
        patch, = self.expand()
        self.assertEqual(patch.subject, "drm/two-x: go")
        self.assertEqual(patch.body, "Said of\nitself.")
        self.assertEqual(patch.all("Takes"),
                         ["drivers/two/*", "drivers/two/b/*", "cocci/adopt_two_x.cocci"])

    def test_gets_what_is_left_over(self):
        one = series.parse("10-one", PATCH.replace("*one*", "drivers/two/Kconfig: one"))
        patches = [one, *self.expand()]
        for hook, name in (("one", "10-one"), ("two", "60-adopt-two-x")):
            part = series.Part("Hooks", f"drivers/two/Kconfig: {hook}")
            self.assertEqual(series.owner(part, patches, []), name)

    def test_not_for_what_another_takes(self):
        one = series.parse("10-one", PATCH.replace("drivers/one/*", "cocci/adopt_*"))
        self.assertEqual(self.expand(one), [one])


class TestInsertions(unittest.TestCase):
    """What goes into the middle of the kernel's texts."""

    def test_line(self):
        self.assertEqual(series.insert_line("a\n   b\n   d\n", "c", "b", "x"),
                         "a\n   b\n   c\n   d\n")

    def test_line_without_anchor(self):
        with self.assertRaisesRegex(series.SeriesError, "x has 0 lines 'e'"):
            series.insert_line("a\n", "c", "e", "x")

    def test_entry_in_its_place(self):
        text = series.insert_entries(MAINTAINERS, "BETA\nM:\tB <b@b>\nS:\tMaintained\nF:\tb/")
        self.assertLess(text.index("ALPHA"), text.index("BETA"))
        self.assertLess(text.index("BETA"), text.index("OMEGA"))
        self.assertTrue(text.startswith("List\n"))

    def test_place_in_a_list_with_a_stray(self):
        self.assertEqual(series.place("C", ["A", "Z", "B", "BB", "D"]), 4)
        self.assertEqual(series.place("C", ["A", "B", "D", "A"]), 2)
        self.assertEqual(series.place("A", ["B"]), 0)
        self.assertEqual(series.place("C", ["B"]), 1)

    def test_file_without_maintainer(self):
        patch = series.parse("80-m", "Subject: M: x\nEntries: maintainers\n\nWhy.\n")
        series.check_maintained([patch], ["drivers/gpu/drm/vttm/x.c"], "A <a@b>")
        with self.assertRaisesRegex(series.SeriesError, "drivers/x.c has no maintainer"):
            series.check_maintained([patch], ["drivers/x.c"], "A <a@b>")


class TestPages(unittest.TestCase):
    """The documentation refers to nothing that a kernel with the series does not have."""

    FILE = "Documentation/gpu/one.rst"
    BEGIN, END = f"{series.MARK} begin\n\n", f"{series.MARK} end\n\n"

    def refused(self, text, words, listed="one"):
        patch = series.parse("70-d", "Subject: d: x\n"
                             f"Insert: Documentation/gpu/index.rst: {listed} after b\n\nWhy.\n")
        with self.assertRaisesRegex(series.SeriesError, words):
            series.check_pages({self.FILE: text}, [patch])

    def test_left_out(self):
        text = f"A.\n\n{self.BEGIN}B.\n\n{self.END}C.\n\n{self.BEGIN}D.\n\n{self.END}"
        self.assertEqual(series.page("one", text), "A.\n\nC.\n")

    def test_mark_without_another(self):
        for text in (self.BEGIN, self.END, self.END + self.BEGIN):
            with self.assertRaisesRegex(series.SeriesError, "belong together"):
                series.page("one", "A.\n\n" + text)

    def test_refers_to_a_page_that_is_left_out(self):
        self.refused("See :doc:`two`.\n", "one.rst refers to two,")
        self.refused("See :doc:`the other <two>`.\n", "refers to two,")
        self.refused("See Documentation/gpu/two.rst.\n", "refers to two,")

    def test_speaks_of_what_is_here(self):
        for words in ("make run", "scripts/run", "tools/testing/copy", "out/run"):
            self.refused(f"Use ``{words}``.\n", f"refers to {words},")
        self.refused("Use::\n\n\tmake run\n", "refers to make run,")

    def test_in_no_list(self):
        self.refused("A.\n", "one.rst is in no list", listed="two")

    def test_those_of_this_repository(self):
        patches, top = series.read_descriptions(series.HERE), series.HERE.parents[1]
        files = [f"Documentation/gpu/{path.name}" for path in top.glob("Documentation/gpu/*.rst")]
        pages = series.read_pages(top, [file for file in files if any(
            series.takes(patch, series.Part("Takes", file)) for patch in patches)])
        self.assertIn("Documentation/gpu/ttm-move.rst", pages)
        series.check_pages(pages, patches)


class TestCover(unittest.TestCase):
    """The numbers of the cover letter."""

    def test_run(self):
        text = "\n".join(cover.run_table(RUN))
        self.assertIn("4,321", text)
        self.assertIn("7 bytes were wrong", text)

    def test_bench(self):
        text = "\n".join(cover.bench_table({"rows": [
            {"name": "read", "unit": "GB/s", "ours": 1.5, "peer": 4567.8, "ratio": 3.0}]}))
        self.assertRegex(text, r"read +GB/s +1\.5 +4,568 +3 +-")

    def test_missing_reports_are_named(self):
        with tempfile.TemporaryDirectory() as folder:
            text = "\n".join(cover.numbers(Path(folder)))
            self.assertIn("no report of make run", text)
            self.assertIn("no report of make bench", text)
            self.assertEqual(cover.missing(Path(folder)), ["make run", "make bench"])


if __name__ == "__main__":
    unittest.main()
