# SPDX-License-Identifier: MIT
"""Tests of lockdep.py: consoles, and what they say of a rule."""

import contextlib
import io
import json
import re
import tempfile
import unittest
from pathlib import Path

import lockdep

TOP = Path(__file__).resolve().parents[2]
SUITE = TOP / "drivers/gpu/drm/ttm/move/tests/ttm_move_breaks_test.c"
PAGE = TOP / "Documentation/gpu/ttm-move-contract.rst"

RULE = next(rule for rule in lockdep.RULES if rule.name == "gfp_kernel")

QUIET = """[    0.100000] KTAP version 1
[    0.100000]     # Subtest: ttm_move_breaks
[    0.110000]     ok 1 ttm_move_breaks_gfp_kernel
[    0.110000] ok 1 ttm_move_breaks
"""

REPORT = """[    0.200000]
[    0.200000] ======================================================
[    0.200000] WARNING: possible circular locking dependency detected
[    0.200000] ------------------------------------------------------
[    0.200000] kworker/u4:1/12 is trying to acquire lock:
[    0.200000] 0000000060a8a8a0 (fs_reclaim){+.+.}-{0:0}, at: __kmalloc_cache_noprof+0x1
[    0.200000] but task is already holding lock:
[    0.200000] 0000000060b0b0b0 (dma_fence_map){++++}-{0:0}, at: ttm_move_work+0x1
[    0.200000] Call Trace:
[    0.200000]  [<60000000>] ? mvb_gfp_kernel+0x33/0x44
"""

NOTICED = QUIET.replace("[    0.110000]     ok 1", REPORT +
                        "[    0.210000]     # x: EXPECTATION FAILED at a.c:1\n"
                        "[    0.210000]     not ok 1")

ALLOCATES = """------------[ cut here ]------------
ttm_move: allocates (GFP_NOIO) inside a signalling section
WARNING: CPU: 0 PID: 12 at drivers/gpu/drm/ttm/move/ttm_move_section.c:46 x+0x1/0x2
---[ end trace 0000000000000000 ]---
"""


def boot(text, status=0):
    lines = [lockdep.kernel_log.message(line) for line in text.splitlines()]
    return lockdep.Boot(lines, 0.5, status)


def reason(broken, kept=QUIET, rule=RULE):
    return lockdep.judge(rule, boot(kept), boot(broken)).reason


class Verdicts(unittest.TestCase):
    def test_noticed(self):
        verdict = lockdep.judge(RULE, boot(QUIET), boot(NOTICED))
        self.assertEqual((verdict.reason, verdict.drawn), ("", "circular locking"))
        self.assertEqual(verdict.named, list(RULE.names))
        self.assertEqual(verdict.seconds, 1.0)

    def test_a_harmless_break(self):
        self.assertEqual(reason(QUIET), "passes unnoticed")

    def test_another_kind(self):
        self.assertIn("instead of 'circular locking'",
                      reason(NOTICED.replace("circular", "recursive")))
        self.assertIn("instead of 'circular locking'",
                      reason(QUIET.replace("[    0.110000]     ok", ALLOCATES + "    ok")))

    def test_another_function(self):
        self.assertEqual(reason(NOTICED.replace("mvb_gfp_kernel", "mvb_gfp_kernel_else")),
                         "the report does not name mvb_gfp_kernel")

    def test_what_the_test_says_names_nobody(self):
        elsewhere = NOTICED.replace("mvb_gfp_kernel+", "else+").replace(
            "EXPECTATION FAILED", "EXPECTATION FAILED: mvb_gfp_kernel")
        self.assertEqual(reason(elsewhere), "the report does not name mvb_gfp_kernel")

    def test_a_second_report(self):
        self.assertIn("also draws", reason(NOTICED + "WARNING: inconsistent lock state\n"))

    def test_a_complaint_where_the_rule_is_kept(self):
        self.assertIn("where the rule is kept", reason(NOTICED, kept=NOTICED))

    def test_a_rule_that_is_kept_by_no_test(self):
        for kept in ("", QUIET.replace("     ok 1", "     not ok 1"),
                     QUIET.replace("gfp_kernel\n", "gfp_kernel # SKIP no lockdep\n")):
            self.assertIn("where the rule is kept", reason(NOTICED, kept=kept))

    def test_a_kernel_that_hangs(self):
        self.assertEqual(lockdep.judge(RULE, boot(QUIET), boot(NOTICED, 124)).reason,
                         "the kernel did not end in 0 s")
        self.assertIn("where the rule is kept, the kernel did not end",
                      lockdep.judge(RULE, boot(QUIET, 124), boot(NOTICED)).reason)

    def test_a_kernel_that_dies(self):
        dead = NOTICED.replace("     not ok 1", "     ...")
        self.assertEqual(lockdep.judge(RULE, boot(QUIET), boot(dead, 134)).reason,
                         "the test did not end (status 134)")

    def test_a_message_above_the_warning(self):
        verdict = lockdep.judge(RULE, boot(QUIET), boot(ALLOCATES))
        self.assertEqual(verdict.drawn, "allocation")


class Reports(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name)

    def report(self, broken):
        (self.out / "boots.tsv").write_text("gfp_kernel\tkept\t0.5\t0\n"
                                            "gfp_kernel\tbroken\t0.6\t0\n")
        (self.out / "gfp_kernel.kept.log").write_text(QUIET)
        (self.out / "gfp_kernel.broken.log").write_text(broken)
        with contextlib.redirect_stdout(io.StringIO()):
            status = lockdep.report(self.out)
            lockdep.rows(self.out, str(self.out / "rows"))
        rows = (self.out / "rows").read_text().split("\t")
        return status, json.loads((self.out / "report.json").read_text()), rows

    def test_noticed(self):
        status, report, rows = self.report(NOTICED)
        self.assertEqual((status, report["noticed"], report["failed"]), (0, 1, 0))
        self.assertEqual(rows[2], "pass")
        self.assertIn("drew 'circular locking', naming mvb_gfp_kernel", rows[4])

    def test_unnoticed(self):
        status, report, rows = self.report(QUIET)
        self.assertEqual((status, report["noticed"], report["failed"]), (1, 0, 1))
        self.assertEqual((rows[2], rows[4].strip()), ("fail", "passes unnoticed"))

    def test_nothing(self):
        (self.out / "boots.tsv").write_text("")
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(lockdep.report(self.out), 1)


class Rules(unittest.TestCase):
    def test_each_test_has_its_rule(self):
        cases = re.findall(r"KUNIT_CASE\(ttm_move_breaks_(\w+)\)", SUITE.read_text())
        self.assertEqual(sorted(cases), sorted(rule.name for rule in lockdep.RULES))

    def test_each_rule_is_explained(self):
        page = PAGE.read_text()
        for rule in lockdep.RULES:
            self.assertIn(f"``{rule.name}``", page)

    def test_each_kind_is_known(self):
        for rule in lockdep.RULES:
            self.assertIn(rule.kind, lockdep.KINDS)


if __name__ == "__main__":
    unittest.main()
