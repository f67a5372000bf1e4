#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tests of the report on i915's moves, on a made-up trace."""

import contextlib
import io
import json
import os
import tempfile
import unittest
from unittest import mock

import i915_moves

TRACE = """# tracer: nop
   lmem-walk-70      [001] ..... 10.000100: move_begin: (i915_ttm_move+0x0/0x7) evict=1 to=0
   lmem-walk-70      [001] ..... 10.000200: pages_begin: (ttm_tt_populate+0x0/0x7)
      kworker-9      [000] ..... 10.000250: move_begin: (i915_ttm_move+0x0/0x7) evict=0 to=3
   lmem-walk-70      [001] ..... 10.000500: pages_end: (i915_ttm_move+0x70/0x90 <- ttm_tt_populate)
   lmem-walk-70      [001] ..... 10.000600: move_end: (ttm_bo_evict+0x70/0x90 <- i915_ttm_move)
      kworker-9      [000] ..... 10.000650: move_end: (ttm_bo_validate+0x1/0x9 <- i915_ttm_move)
   lmem-walk-70      [001] ..... 10.000700: pages_begin: (ttm_tt_populate+0x0/0x7)
   lmem-walk-70      [001] ..... 10.000800: pages_end: (somebody <- ttm_tt_populate)
   lmem-walk-70      [001] ..... 10.000900: move_end: (a lost begin <- i915_ttm_move)
"""


def walk(mismatched):
    return "round 1 of 1\n" + json.dumps(
        {"object_bytes": 8 << 20, "verified_bytes": 100, "mismatched_bytes": mismatched}) + "\n"


class Trace(unittest.TestCase):
    def test_pairs_by_task(self):
        moves = i915_moves.parse_trace(TRACE.splitlines())
        self.assertEqual([move.kind for move in moves], list(i915_moves.KINDS))
        self.assertAlmostEqual(moves[0].us, 500, places=2)
        self.assertAlmostEqual(moves[0].pages_us, 300, places=2)
        self.assertAlmostEqual(moves[1].us, 400, places=2)
        self.assertEqual(moves[1].pages_us, 0)

    def test_objects_without_pages(self):
        self.assertEqual(i915_moves.kind_of("(i915_ttm_move) evict=0 to=0"), "other")


class Run(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def guest(self, name, mismatched):
        share = os.path.join(self.folder, name, "share")
        os.makedirs(share)
        with open(os.path.join(share, "walk.txt"), "w", encoding="utf-8") as file:
            file.write(walk(mismatched))
        with open(os.path.join(share, "trace.txt"), "w", encoding="utf-8") as file:
            file.write(TRACE)

    def command(self):
        out, err = io.StringIO(), io.StringIO()
        with mock.patch("sys.argv", ["i915_moves.py", self.folder]), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            return i915_moves.main(), out.getvalue(), err.getvalue()

    def test_pristine_may_lose(self):
        self.guest("pristine-failing", 7)
        self.guest("integrated-failing", 0)
        status, out, _ = self.command()
        self.assertEqual(status, 0)
        self.assertRegex(out, r"pristine +100 +7")

    def test_integrated_may_not(self):
        self.guest("integrated-failing", 1)
        status, _, err = self.command()
        self.assertEqual(status, 1)
        self.assertIn("lost bytes", err)

    def test_ratio(self):
        self.guest("pristine-dead", 0)
        self.guest("integrated-dead", 0)
        status, out, _ = self.command()
        self.assertEqual(status, 0)
        self.assertIn("1.0x", out)
        # The trace has one move of each kind.
        self.assertRegex(out, r"eviction +500 +500 +500 ")
        self.assertRegex(out, r"into local memory +400 +400 +400 ")

    def test_unfinished(self):
        self.guest("integrated-dead", 0)
        os.remove(os.path.join(self.folder, "integrated-dead", "share", "trace.txt"))
        status, _, err = self.command()
        self.assertEqual(status, 1)
        self.assertIn("console.log", err)


if __name__ == "__main__":
    unittest.main()
