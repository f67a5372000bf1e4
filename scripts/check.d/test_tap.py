# SPDX-License-Identifier: MIT
"""Tests of tap.py."""

import tempfile
import unittest
from pathlib import Path

import tap

WHOLE = """\
# /sys/devices/platform/vttm, seed 1
# 0.250 s
ok 1 - moves
# 1.500 s
# test_fence.c:7: the fence signals too early
not ok 2 - in-binary
# 0.001 s
ok 3 - held-sync # SKIP vgem is not loaded
1..3
"""


def rows(text):
    return list(tap.rows_of("bar", text.splitlines()))


class Results(unittest.TestCase):
    def test_whole(self):
        self.assertEqual(rows(WHOLE), [
            tap.Row("bar: moves", "pass", 0.25),
            tap.Row("bar: in-binary", "fail", 1.5,
                    "test_fence.c:7: the fence signals too early"),
            tap.Row("bar: held-sync", "skip", 0.001, "vgem is not loaded"),
        ])

    def test_without_plan(self):
        last = rows(WHOLE.replace("1..3\n", "vttm-test: error: gone\n"))[-1]
        self.assertEqual((last.name, last.result), ("bar: all tests end", "fail"))
        self.assertIn("3 did, and then: vttm-test: error: gone", last.reason)

    def test_fewer_than_planned(self):
        self.assertEqual(rows(WHOLE.replace("1..3", "1..4"))[-1].result, "fail")

    def test_nothing(self):
        self.assertEqual([row.result for row in rows("")], ["fail"])
        self.assertEqual([row.result for row in rows("1..0\n")], ["fail"])

    def test_folder(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.assertEqual([row.result for row in tap.all_rows(folder)], ["fail"])
            (folder / "ram.tap").write_text("ok 1 - a\n1..1\n")
            (folder / "bar.tap").write_text("ok 1 - b\n1..1\n")
            self.assertEqual([row.name for row in tap.all_rows(folder)],
                             ["bar: b", "ram: a"])
            self.assertEqual([row.name for row in tap.all_rows(folder, "ours: ")],
                             ["ours: bar: b", "ours: ram: a"])


if __name__ == "__main__":
    unittest.main()
