#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tests of what turns consoles and reports into rows, on made-up ones."""

import contextlib
import copy
import io
import json
import tempfile
import unittest
from pathlib import Path

import facts
import ktap
import summary
import upstream

SUITE = """[    0.1] KTAP version 1
[    0.1] 1..1
[    0.1]     KTAP version 1
[    0.1]     # Subtest: moves
[    0.1]     # module: ttm_move_kunit
[    0.1]     1..3
[    0.2]     # in_order: seed 7
[    0.2]     ok 1 in_order
[    0.3]         KTAP version 1
[    0.3]         # Subtest: sizes
[    0.3]         ok 1 one page
[    0.3]     # sizes: EXPECTATION FAILED at a.c:5
[    0.3]     Expected 1 == 2, but
[    0.3]         not ok 2 two pages
[    0.4]     not ok 2 sizes
[    0.4]     ok 3 on_smp # SKIP one CPU
[    0.4] # moves: pass:1 fail:1 skip:1 total:3
[    0.4] not ok 1 moves
"""

REPORT = {
    "mismatched_bytes": 0, "verified_bytes": 300, "vram_bytes": 100, "kernel_warnings": 0,
    "problems": [],
    "async": {"moves": 5, "moved_bytes": 50},
    "sync": {"moves": 5, "moved_bytes": 50},
}


def rows_of(console):
    return list(ktap.all_rows(console.splitlines(keepends=True)))


def results_of(console):
    return [(row.name, row.result) for row in rows_of(console)]


class Ktap(unittest.TestCase):
    def test_cases(self):
        self.assertEqual(results_of(SUITE), [
            ("moves.in_order", "pass"), ("moves.sizes", "fail"), ("moves.on_smp", "skip")])

    def test_reasons_and_times(self):
        in_order, sizes, on_smp = rows_of(SUITE)
        self.assertAlmostEqual(in_order.seconds, 0.1)
        self.assertAlmostEqual(sizes.seconds, 0.2)
        self.assertIn("a.c:5 Expected 1 == 2", sizes.reason)
        self.assertEqual(on_smp.reason, "one CPU")

    def test_a_case_that_tells_of_itself(self):
        console = SUITE.replace("seed 7", "summary: one 1\n[    0.2]     # in_order: summary: two 2")
        self.assertEqual(rows_of(console)[0].reason, "one 1; two 2")
        self.assertEqual(rows_of(SUITE)[0].reason, "")

    def test_a_kernel_that_dies(self):
        dead = SUITE[:SUITE.index("[    0.3]         KTAP")]
        dead += "[    0.3] Kernel panic - not syncing: dead\n"
        rows = rows_of(dead)
        self.assertEqual([row.name for row in rows if row.result == "fail"],
                         ["moves: case 2", "moves: case 3", "All suites end"])
        self.assertIn("Kernel panic", rows[1].reason)

    def test_a_suite_that_loses_a_case(self):
        self.assertIn(("moves: case 3", "fail"),
                      results_of(SUITE.replace("[    0.4]     ok 3 on_smp # SKIP one CPU\n", "")))

    def test_a_suite_that_fails_by_itself(self):
        console = "KTAP version 1\n1..1\n# x: failed to initialize (-5)\nnot ok 1 moves\n"
        self.assertEqual(results_of(console), [("moves", "fail")])

    def test_a_skipped_suite(self):
        self.assertEqual(results_of("1..1\nok 1 moves # SKIP no device\n"), [("moves", "skip")])

    def test_a_case_whose_parts_are_skipped(self):
        parts = "".join(f"        ok {part} page {part} # SKIP one CPU\n" for part in (1, 2))
        case = f"    # Subtest: moves\n    1..1\n{parts}    ok 1 sizes # SKIP \n"
        row, = rows_of(f"1..1\n{case}ok 1 moves # SKIP \n")
        self.assertEqual((row.name, row.result, row.reason), ("moves.sizes", "skip", "one CPU"))

    def test_no_tests(self):
        for console in ("", "Kernel panic\n", "KTAP version 1\n1..0\n"):
            self.assertEqual(results_of(console), [("Tests run", "fail")])


class Upstream(unittest.TestCase):
    def compare(self, *consoles):
        """Status, output, and report."""
        with tempfile.TemporaryDirectory() as folder, \
                contextlib.redirect_stdout(io.StringIO()) as output:
            arguments = [f"{folder}/report"]
            for number, console in enumerate(consoles):
                (Path(folder) / str(number)).write_text(console, encoding="utf-8")
                arguments.append(f"mode{number}={folder}/{number}")
            status = upstream.main(arguments)
            report = json.loads((Path(folder) / "report").read_text(encoding="utf-8"))
        return status, output.getvalue(), report

    def test_parameters_count(self):
        tests = upstream.read(SUITE.splitlines())
        self.assertEqual(tests, {"moves.in_order": "pass", "moves.sizes: one page": "pass",
                                 "moves.sizes: two pages": "fail", "moves.on_smp": "skip"})

    def test_the_same(self):
        good = SUITE.replace("not ok", "ok")
        status, output, report = self.compare(good, good)
        self.assertEqual((status, report["differences"]), (0, []))
        self.assertIn("all: pass                          3       3", output)

    def test_each_difference_is_found(self):
        good = SUITE.replace("not ok", "ok")
        for bad in (SUITE, good.replace("    ok 1 in_order\n", ""),
                    good.replace("ok 1 one page", "ok 1 one page # SKIP no")):
            status, output, report = self.compare(good, bad)
            self.assertEqual((status, len(report["differences"])), (1, 1), output)

    def test_complaints_are_compared(self):
        good = SUITE.replace("not ok", "ok") + "[    0.5] [TTM] No room for 0x0012\n"
        self.assertEqual(self.compare(good, good.replace("0012", "0345"))[0], 0)
        status, _, report = self.compare(good, good + "[    0.5] [TTM] No room for 0x0012\n")
        self.assertEqual((status, report["differences"]),
                         (1, ["[TTM] No room for ...: mode0 1, mode1 2"]))

    def test_failures_that_agree_are_failures(self):
        self.assertEqual(self.compare(SUITE, SUITE)[0], 1)

    def test_no_tests(self):
        self.assertEqual(self.compare("", "")[0], 1)


class Facts(unittest.TestCase):
    def failed(self, **changes):
        report = copy.deepcopy(REPORT)
        report.update(changes)
        return [fact.name for fact in facts.FACTS if facts.failure(fact, report)]

    def test_all_hold(self):
        self.assertEqual(self.failed(), [])

    def test_each_is_found(self):
        for change in ({"mismatched_bytes": 1}, {"verified_bytes": 299}, {"kernel_warnings": 2},
                       {"problems": ["a lost buffer"]},
                       {"sync": {**REPORT["sync"], "moves": 0}}):
            self.assertEqual(len(self.failed(**change)), 1, change)

    def test_no_report(self):
        self.assertTrue(all(facts.failure(fact, {}) for fact in facts.FACTS))


class Summary(unittest.TestCase):
    def summarize(self, rows):
        """Status, last line of output, and report."""
        with tempfile.TemporaryDirectory() as folder, \
                contextlib.redirect_stdout(io.StringIO()) as output:
            (Path(folder) / "rows").write_text(rows, encoding="utf-8")
            status = summary.main([f"{folder}/rows", f"{folder}/report"])
            report = json.loads((Path(folder) / "report").read_text(encoding="utf-8"))
        return status, output.getvalue().splitlines()[-1], report

    def test_counts(self):
        status, line, report = self.summarize(
            "a\tstatic\tpass\t1.5\t\nb\tkunit\tfail\t0\twhy\nc\tkunit\tskip\t0\tno device\n")
        self.assertEqual((status, line), (1, "1 passed, 1 failed, 1 skipped"))
        self.assertEqual(report["tests"][1], {"name": "b", "level": "kunit", "result": "fail",
                                              "seconds": 0.0, "reason": "why"})

    def test_success(self):
        self.assertEqual(self.summarize("a\tstatic\tpass\t1\t\n")[:2],
                         (0, "1 passed, 0 failed, 0 skipped"))

    def test_nothing_passed(self):
        self.assertEqual(self.summarize("")[0], 1)
        self.assertEqual(self.summarize("a\tkunit\tskip\t0\tno device\n")[0], 1)

    def test_an_unknown_result_fails(self):
        self.assertEqual(self.summarize("a\tkunit\tok\t0\t\n")[1], "0 passed, 1 failed, 0 skipped")


if __name__ == "__main__":
    unittest.main()
