# SPDX-License-Identifier: MIT
"""Tests of igt.py: what IGT said, and the results that it becomes."""

import json
import tempfile
import unittest
from pathlib import Path

import igt

PASSED = """status 0, from 10.50 to 12.00
IGT-Version: 1.27.1-NO-GIT (x86_64) (Linux: 6.12.0 x86_64)
Starting subtest: basic
Subtest basic: SUCCESS (1.314s)
"""

SKIPPED = """status 77, from 1.00 to 1.25
IGT-Version: 1.27.1-NO-GIT (x86_64) (Linux: 6.12.0 x86_64)
Starting subtest: walk
Test requirement not met in function walk, file move_walk.c:15:
Test requirement: memory_available() > mib
999 MiB of memory are needed
Last errno: 2, No such file or directory
Subtest walk: SKIP (0.100s)
"""

FAILED = """status 98, from 1.00 to 3.00
IGT-Version: 1.27.1-NO-GIT (x86_64) (Linux: 6.12.0 x86_64)
Starting subtest: chain
(vttm_async_move:538) CRITICAL: Test assertion failure function chain, file move_basic.c:8:
(vttm_async_move:538) CRITICAL: Failed assertion: now >= last
(vttm_async_move:538) CRITICAL: 3 points, and later 2
Subtest chain failed.
**** DEBUG ****
****  END  ****
Subtest chain: FAIL (1.131s)
"""


LATE = """status 98, from 1.00 to 301.00
IGT-Version: 1.27.1-NO-GIT (x86_64) (Linux: 6.12.0 x86_64)
Starting subtest: swap
Subtest swap failed.
**** DEBUG ****
(vttm_async_move:538) igt_core-INFO: Timed out: the end of the subtest
****  END  ****
Timed out: the end of the subtest
Subtest swap: FAIL (300.131s)
"""


class Results(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "results" / "program").mkdir(parents=True)

    def subtest(self, name, text):
        file = self.folder / "results" / "program" / name
        file.write_text(text)
        return igt.subtest_of(file)

    def test_pass(self):
        one = self.subtest("basic", PASSED)
        self.assertEqual((one.result, one.seconds, one.reason), ("pass", 1.5, ""))

    def test_success_of_another_is_no_pass(self):
        self.assertEqual(self.subtest("other", PASSED).result, "fail")

    def test_skip_has_its_reason(self):
        one = self.subtest("walk", SKIPPED)
        self.assertEqual((one.result, one.reason), ("skip", "999 MiB of memory are needed"))

    def test_failure_has_its_reason(self):
        one = self.subtest("chain", FAILED)
        self.assertEqual((one.result, one.reason),
                         ("fail", "Failed assertion: now >= last 3 points, and later 2"))

    def test_a_limit_is_a_reason(self):
        one = self.subtest("swap", LATE)
        self.assertEqual((one.result, one.reason), ("fail", "Timed out: the end of the subtest"))

    def test_what_was_cut_off_is_no_pass(self):
        self.assertEqual(self.subtest("basic", "").result, "incomplete")
        self.assertEqual(self.subtest("basic", PASSED.partition("Subtest")[0]).result, "fail")

    def test_died_is_a_crash(self):
        for status, result in ((139, "crash"), (112, "abort"), (79, "fail")):
            self.assertEqual(self.subtest("basic", f"status {status}, from 1.00 to 2.00\n").result,
                             result)

    def test_killed_is_a_timeout(self):
        self.assertEqual(self.subtest("basic", "status 137, from 1.00 to 181.00\n").result,
                         "timeout")

    def test_files(self):
        for name, text in (("basic", PASSED), ("walk", SKIPPED), ("chain", FAILED)):
            self.subtest(name, text)
        igt.write(igt.subtests_of(self.folder / "results"), self.folder)
        report = json.loads((self.folder / "results.json").read_text())
        self.assertEqual(report["totals"], {"pass": 1, "skip": 1, "fail": 1})
        self.assertEqual(report["tests"]["igt@program@chain"]["result"], "fail")
        self.assertEqual(report["uname"], "6.12.0")
        self.assertEqual(report["tests"]["igt@program@walk"]["info"],
                         ["999 MiB of memory are needed"])
        self.assertNotIn("fuzz", report)
        lines = (self.folder / "program.tap").read_text().splitlines()
        self.assertEqual(lines[-1], "1..3")
        self.assertIn("not ok", "".join(lines))
        self.assertTrue(any("# SKIP 999 MiB" in line for line in lines))

    def test_figures_of_the_fuzzer(self):
        self.subtest("basic", PASSED)
        (self.folder / "fuzz").mkdir()
        (self.folder / "fuzz" / "figures.json").write_text('{"calls": 7}')
        igt.write(igt.subtests_of(self.folder / "results"), self.folder)
        report = json.loads((self.folder / "results.json").read_text())
        self.assertEqual(report["fuzz"], {"calls": 7})


if __name__ == "__main__":
    unittest.main()
