#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tests of the report on copies, on made-up measurements."""

import contextlib
import io
import json
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

import bench_copy


def line(repetition, way, spent, direction="ram_to_ram", granule=4096, threads=1):
    return "\t".join(map(str, ("time", repetition, "ram", direction, granule, threads, way,
                               1000, spent)))


LINES = ["about\tchosen ram_to_ram\tavx2", "skip\taperture\tthere is no GPU",
         "skip\tavx512\tthe CPU lacks AVX-512F"]
# The machine gets slower and slower: the ratio within a repetition is always 2.
for number, slow in ((1, 1), (2, 2), (3, 4)):
    LINES += [line(number, "memcpy", 200 * slow), line(number, "avx2", 100 * slow)]


class Report(unittest.TestCase):
    def setUp(self):
        self.measured = bench_copy.parse(LINES)

    def test_rows(self):
        rows = bench_copy.rows_of(self.measured)
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0].name, "ram_to_ram, 4 KiB at once, 1 thread: avx2 against memcpy()")
        self.assertEqual((rows[0].ours, rows[0].peer), (5, 2.5))
        self.assertEqual((rows[0].ratio, rows[0].spread), (2, 0))

    def test_spread(self):
        self.assertAlmostEqual(bench_copy.spread_of([1, 2, 3, 4, 5]), 2 / 3)

    def test_size(self):
        self.assertEqual(bench_copy.size(4096), "4 KiB")
        self.assertEqual(bench_copy.size(2 << 20), "2 MiB")
        self.assertEqual(bench_copy.size(100), "100 bytes")

    def test_table(self):
        text = bench_copy.table(self.measured)
        self.assertIn("5.00*", text)
        self.assertIn("skipped: aperture: there is no GPU", text)
        self.assertIn("skipped: avx512: the CPU lacks AVX-512F", text)

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            (out / "measurements.tsv").write_text("\n".join(LINES) + "\n")
            with contextlib.redirect_stdout(io.StringIO()) as said:
                self.assertEqual(bench_copy.report(out), 0)
            self.assertEqual(said.getvalue(), (out / "report.txt").read_text())
            report = json.loads((out / "report.json").read_text())
            self.assertEqual(set(report["rows"][0]),
                             {"name", "unit", "ours", "peer", "ratio", "spread"})
            self.assertEqual(report["skipped"]["aperture"], "there is no GPU")
            bars = ET.parse(out / "bench-copy.svg").iter("{http://www.w3.org/2000/svg}title")
            self.assertEqual([bar.text for bar in bars],
                             ["memcpy: 2.50 GB/s", "avx2: 5.00 GB/s"])

    def test_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "measurements.tsv").write_text(LINES[1] + "\n")
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual(bench_copy.report(Path(folder)), 1)


if __name__ == "__main__":
    unittest.main()
