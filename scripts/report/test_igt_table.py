# SPDX-License-Identifier: MIT
"""Tests of igt_table.py, on made-up results."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

import igt_table

FUZZ = {"seed": 3, "seconds": 2, "threads": 4, "calls": 5000, "calls_per_second": 2500,
        "pairs": 3, "results": {"move": {"success": 9, "EINVAL": 1}, "wait": {"ETIME": 2}}}


def test(result, seconds, reason="", info=()):
    return {"result": result, "time": {"start": 0.0, "end": seconds}, "reason": reason,
            "info": list(info)}


STOCK = {"name": "vttm", "uname": "6.12.1", "totals": {"pass": 1, "skip": 1}, "fuzz": FUZZ, "tests": {
    "igt@move@basic": test("pass", 1.5),
    "igt@i915@swap": test("skip", 0.1, "no local memory"),
}}
OURS = {"name": "vttm", "uname": "6.12.2", "totals": {"pass": 2}, "tests": {
    "igt@move@basic": test("pass", 3.0),
    "igt@i915@swap": test("pass", 9.0),
}}


class Table(unittest.TestCase):
    def run_on(self, **runs):
        """Status, what was printed, and the report."""
        with tempfile.TemporaryDirectory() as folder, \
                contextlib.redirect_stdout(io.StringIO()) as output:
            arguments = [folder]
            for name, run in runs.items():
                path = Path(folder) / name
                path.write_text(json.dumps(run))
                arguments.append(f"{name}={path}")
            status = igt_table.main(arguments)
            report = json.loads((Path(folder) / "report.json").read_text())
            self.assertEqual((Path(folder) / "report.txt").read_text(), output.getvalue())
        return status, output.getvalue(), report

    def test_both(self):
        status, text, report = self.run_on(stock=STOCK, ours=OURS)
        self.assertEqual(status, 0)
        row = next(line for line in text.splitlines() if line.startswith("i915@swap"))
        self.assertRegex(row, r"skip +0\.1 s +pass +9\.0 s$")
        self.assertIn("stock: skip: i915@swap: no local memory", text)
        self.assertIn("2,500 per second; 3 pairs of call and result, 3 results: EINVAL ETIME "
                      "success", text)
        self.assertIn("ours (6.12.2): 2 pass", text)
        self.assertEqual(report["tests"][1]["ours"]["seconds"], 9.0)
        self.assertEqual(report["kernels"][0]["fuzz"]["calls"], 5000)

    def test_a_failure_is_not_fine(self):
        bad = {**OURS, "tests": {**OURS["tests"], "igt@move@basic": test("fail", 1.0, "why")}}
        status, text, _ = self.run_on(stock=STOCK, ours=bad)
        self.assertEqual(status, 1)
        self.assertIn("ours: fail: move@basic: why", text)

    def test_what_was_run_once_only_is_not_fine(self):
        less = {**OURS, "tests": {"igt@move@basic": test("pass", 1.0)}}
        status, text, _ = self.run_on(stock=STOCK, ours=less)
        self.assertEqual(status, 1)
        self.assertIn("not run", text)

    def test_nothing_is_not_fine(self):
        self.assertEqual(self.run_on(stock={"tests": {}, "totals": {}})[0], 1)

    def test_measures(self):
        run = {**OURS, "tests": {"igt@evict@blocked-time": test("pass", 1.0, info=["7 us"])}}
        self.assertIn("ours: evict@blocked-time: 7 us", self.run_on(ours=run)[1])

    def test_a_lost_file(self):
        with contextlib.redirect_stderr(io.StringIO()) as output:
            self.assertEqual(igt_table.main(["/tmp", "stock=/nonexistent/results.json"]), 2)
        self.assertIn("No such file", output.getvalue())


if __name__ == "__main__":
    unittest.main()
