# SPDX-License-Identifier: MIT
"""Tests of judge.py, on made-up consoles."""

import unittest

from judge import PATIENCE, Judge, Verdict

BOOT = """\
[    0.000000] Linux version 6.12
[    0.000000] 1..0
[    0.000000] WARNING: before the job, somebody else's
[    0.000000] job: begin
"""
HEAD = """\
[    0.000000] KTAP version 1
[    0.000000] 1..1
[    0.000000]     KTAP version 1
[    0.000000]     # Subtest: jobs
[    0.000000]     1..2
"""
GOOD = "[    0.000000]     ok 1 copies\n"
REST = """\
[    0.000000]     ok 2 clears
[    0.000000] ok 1 jobs
"""
END = "[    0.000000] job: end\n"
CASES = {"jobs": ["copies", "clears"]}


def verdict_of(text, deadline=False, cases=None):
    judge = Judge(CASES if cases is None else cases)
    for line in text.splitlines(True):
        judge.feed(line)
    return judge.end_of_console(deadline)


class Verdicts(unittest.TestCase):
    def test_passes(self):
        judge = Judge()
        for line in (BOOT + HEAD + GOOD + REST + END).splitlines(True):
            judge.feed(line)
        self.assertEqual(judge.decided, Verdict("", ""))
        self.assertEqual(judge.ran, CASES)
        self.assertTrue(verdict_of(BOOT + HEAD + GOOD + REST + END).passed)

    def test_fails(self):
        bad = "    # copies: EXPECTATION FAILED at a.c:7\n    not ok 1 copies\n"
        self.assertEqual(verdict_of(BOOT + HEAD + bad),
                         Verdict("jobs.copies", "# copies: EXPECTATION FAILED at a.c:7"))

    def test_complaint_is_of_the_test_that_runs(self):
        bad = "BUG: KASAN: slab-use-after-free in f\n    ok 1 copies\n"
        self.assertEqual(verdict_of(BOOT + HEAD + bad),
                         Verdict("jobs.copies", "kasan: BUG: KASAN: slab-use-after-free in f"))

    def test_complaint_without_end_of_test(self):
        bad = "BUG: KASAN: wild-memory-access\n" + "x\n" * PATIENCE
        judge = Judge(CASES)
        for line in (BOOT + HEAD + GOOD + bad).splitlines(True):
            judge.feed(line)
        self.assertEqual(judge.decided.by, "jobs.clears")

    def test_hang(self):
        bad = "INFO: task kunit:12 blocked for more than 122 seconds.\n"
        self.assertEqual(verdict_of(BOOT + HEAD + GOOD + bad).by, "jobs.clears")
        self.assertEqual(verdict_of(BOOT + HEAD + GOOD, deadline=True).how.split(":")[0], "hang")

    def test_death(self):
        said = verdict_of(BOOT + HEAD + "Segmentation fault\n")
        self.assertEqual(said, Verdict("jobs.copies", "the kernel ended: Segmentation fault"))
        self.assertFalse(verdict_of(BOOT).passed)
        self.assertFalse(verdict_of("").passed)

    def test_leak_after_the_tests(self):
        leak = "kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n"
        self.assertEqual(verdict_of(BOOT + HEAD + GOOD + REST + leak + END).by, "the kernel's log")

    def test_error_of_the_job(self):
        error = "job: error: ttm_move could not be unloaded\n"
        self.assertEqual(verdict_of(BOOT + HEAD + GOOD + REST + error),
                         Verdict("the job", "ttm_move could not be unloaded"))

    def test_less_than_before(self):
        self.assertEqual(verdict_of(BOOT + HEAD + GOOD + "ok 1 jobs\n" + END).passed, False)
        more = {"jobs": ["copies", "clears"], "lines": ["one"]}
        self.assertEqual(verdict_of(BOOT + HEAD + GOOD + REST + END, cases=more).by, "lines.one")

    def test_nothing_was_run(self):
        self.assertEqual(verdict_of(BOOT + END, cases={}).how, "no test was run")


if __name__ == "__main__":
    unittest.main()
