# SPDX-License-Identifier: MIT
"""Tests of stress.py: what a run left behind, and what becomes of it."""

import contextlib
import copy
import io
import json
import tempfile
import unittest
from pathlib import Path

import stress

FIGURES = {
    "seed": 1, "seconds": 30, "workers": 8, "vram_bytes": 1 << 25, "created": 9, "moves": 90,
    "refused": 1, "failed_fences": 2, "lost": 3, "verified_bytes": 1 << 30, "held": 1,
    "polled": 1, "given": 1, "taken": 1, "lent": 1, "killed": 4,
    "longest_step_ns": {"move": 5, "verify": 7000000}, "failed_copies_asked": 3,
    "refused_jobs_asked": 5, "failed_copies": 3, "moves_without_job": 4, "jobs": 80,
    "copied_bytes": 1 << 20, "cleared_bytes": 0, "traced_jobs": 80, "lost_events": 0,
    "evictions": 30, "longest_fence_ns": 9000000, "swap": 1,
    "reclaim_waits_direct": 2, "longest_reclaim_wait_direct_ns": 3000000,
    "reclaim_waits_kswapd": 0, "longest_reclaim_wait_kswapd_ns": 0,
    "reclaim_waits_dropper": 0, "longest_reclaim_wait_dropper_ns": 0,
    "allocstalls": 7, "reclaimed_direct_pages": 8, "reclaimed_kswapd_pages": 9,
    "swapped_out_pages": 10, "swapped_in_pages": 11, "ttm_swapped_most_kib": 12,
    "available_least_kib": 13, "rounds": [{"available_kib": 1, "slab_kib": 2048}],
    "problem": "",
}

# What spoils the run, and which fact notices.
SPOILERS = (
    ({"problem": "worker 3 found something wrong"}, "the-program-ends-well"),
    ({"verified_bytes": 1 << 25}, "every-byte-is-verified"),
    ({"given": 0}, "everything-is-done"),
    ({"evictions": 0}, "everything-is-done"),
    ({"killed": 0}, "everything-is-done"),
    ({"failed_copies": 0, "lost": 0}, "copies-fail"),
    ({"lost": 4}, "copies-fail"),
    ({"moves_without_job": 0}, "moves-find-no-job"),
    ({"allocstalls": 0}, "memory-is-short"),
    ({"swapped_out_pages": 0}, "memory-is-short"),
    ({"reclaim_waits_direct": 0, "reclaim_waits_dropper": 1}, "memory-is-short"),
    ({"ttm_swapped_most_kib": 0}, "ttm-swaps-objects-out"),
)


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "share").mkdir()
        self.leave(FIGURES)

    def leave(self, figures, status="0\n", log=""):
        (self.folder / "share" / "stress.json").write_text(json.dumps(figures))
        (self.folder / "share" / "status").write_text(status)
        (self.folder / "console.log").write_text(log)

    def failed(self):
        report = stress.make_report(self.folder, "tcg")
        return [v["name"] for v in report["verdicts"] if v["result"] == "fail"]

    def test_good_run(self):
        self.assertEqual(self.failed(), [])

    def test_each_spoiler_is_noticed(self):
        for change, fact in SPOILERS:
            with self.subTest(fact=fact, change=change):
                self.leave({**FIGURES, **change})
                self.assertEqual(self.failed(), [fact])

    def test_nobody_waited(self):
        self.leave({**FIGURES, "reclaim_waits_direct": 0})
        self.assertEqual(self.failed(), ["reclaim-waits-for-fences", "memory-is-short"])

    def test_without_swap_space(self):
        self.leave({**FIGURES, "swap": 0, "swapped_out_pages": 0, "allocstalls": 0})
        report = stress.make_report(self.folder, "tcg")
        skipped = [v for v in report["verdicts"] if v["result"] == "skip"]
        self.assertEqual(self.failed(), [])
        self.assertEqual([v["name"] for v in skipped], ["memory-is-short"])
        self.assertTrue(skipped[0]["reason"])

    def test_guest_that_failed(self):
        self.leave(FIGURES, status="1\n")
        self.assertEqual(self.failed(), ["the-program-ends-well"])

    def test_kernel_that_complains(self):
        self.leave(FIGURES, log="[    1.0] BUG: KASAN: use-after-free in foo\n")
        self.assertEqual(self.failed(), ["the-kernel-does-not-complain"])

    def test_what_is_missing_has_failed(self):
        for key in FIGURES:
            if key in ("problem", "verified_bytes", "killed", "swap"):
                figures = copy.deepcopy(FIGURES)
                del figures[key]
                self.leave(figures)
                self.assertTrue(self.failed(), key)

    def test_no_figures_at_all(self):
        (self.folder / "share" / "stress.json").unlink()
        self.assertIn("the-program-ends-well", self.failed())
        self.assertIn("every-byte-is-verified", self.failed())

    def test_tap(self):
        verdicts = [stress.Verdict("one", "pass", ""), stress.Verdict("two", "fail", "bad"),
                    stress.Verdict("three", "skip", "why")]
        self.assertEqual(stress.as_tap(verdicts).splitlines(),
                         ["ok 1 - one", "# bad", "not ok 2 - two",
                          "ok 3 - three # SKIP why", "1..3"])

    def test_table(self):
        text = stress.table(stress.make_report(self.folder, "tcg"))
        self.assertIn("9.0 ms", text)
        self.assertIn("7.0 ms (verify)", text)

    def test_silent_where_all_is_well(self):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            stress.sys.argv = ["stress.py", str(self.folder)]
            self.assertEqual(stress.main(), 0)
        self.assertNotIn("fail:", said.getvalue())
        self.assertTrue((self.folder / "report.json").exists())


if __name__ == "__main__":
    unittest.main()
