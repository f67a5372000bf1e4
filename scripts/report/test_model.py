#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tests of model.py on made-up words of a verifier, and of the list of bugs."""

import contextlib
import io
import json
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import model

TOP = Path(__file__).resolve().parents[2]
WORKER = "drivers/gpu/drm/ttm/move"

HEAD = """
(Spin Version 6.5.2 -- 6 December 2019)
	+ Partial Order Reduction
	+ Compression

Full statespace search for:
	invalid end states	+

"""

HOLDS = HEAD + """State-vector 200 byte, depth reached 400, errors: 0
  1895418 states, stored
  3600000 states, matched
  5495418 transitions (= stored+matched)

  550.123	total actual memory usage

unreached in proctype caller
	(0 of 149 states)
unreached in init
	(0 of 19 states)

pan: elapsed time 8 seconds
"""

VIOLATED = """pan:1: assertion violated fence_is_held (at depth 355)
pan: wrote ttm_move.pml.trail
""" + HEAD.replace("Partial Order", "Partial Order").replace(
    "2019)", "2019)\nWarning: Search not completed") + """
State-vector 200 byte, depth reached 400, errors: 1
       68 states, stored
       70 transitions (= stored+matched)
"""

ENDLESS = VIOLATED.replace("assertion violated fence_is_held", "non-progress cycle")
STUCK = VIOLATED.replace("assertion violated fence_is_held", "invalid end state")


class Verdicts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name)

    def search(self, said, expected=None, name="unbroken"):
        (self.out / name).mkdir()
        (self.out / name / "pan.log").write_text(said)
        (self.out / name / "times").write_text("10.25 12.50\n")
        return model.search_of(self.out, name, expected)

    def test_holds(self):
        one = self.search(HOLDS)
        self.assertEqual((one.problem, one.states, one.transitions, one.depth, one.seconds),
                         ("", 1895418, 5495418, 400, 2.25))
        self.assertAlmostEqual(one.memory_mib, 550.123)

    def test_does_not_hold(self):
        self.assertIn("fence_is_held does not hold", self.search(VIOLATED).problem)

    def test_stuck(self):
        self.assertIn("there is a deadlock", self.search(STUCK).problem)

    def test_endless(self):
        self.assertIn("there is a livelock", self.search(ENDLESS).problem)
        self.assertTrue(self.search(ENDLESS, "livelock", "POLL").passed)

    def test_too_deep(self):
        said = "error: max search depth too small\n" + HOLDS
        self.assertIn("max search depth", self.search(said).problem)

    def test_too_large(self):
        said = HOLDS.replace("\n(Spin", "\npan: reached -DMEMLIM bound\n(Spin")
        self.assertIn("MEMLIM", self.search(said).problem)

    def test_thinned_out(self):
        said = HOLDS.replace("Full statespace", "Bit statespace")
        self.assertIn("Bit statespace", self.search(said).problem)

    def test_cut_off(self):
        self.assertTrue(self.search(HOLDS[:HOLDS.index("State-vector")]).problem)

    def test_unreached(self):
        said = HOLDS.replace("\t(0 of 149 states)",
                             '\tttm_move.pml:155, state 191, "users = 1"\n\t(1 of 149 states)')
        self.assertIn("ttm_move.pml:155", self.search(said).problem)

    def test_nothing_is_known_of_reached_lines(self):
        self.assertTrue(self.search(HOLDS[:HOLDS.index("unreached")]).problem)

    def test_found(self):
        self.assertTrue(self.search(VIOLATED, "fence_is_held").passed)

    def test_found_a_deadlock(self):
        self.assertTrue(self.search(STUCK, "deadlock").passed)

    def test_found_by_another(self):
        self.assertEqual(self.search(VIOLATED, "job_is_held").problem, "found by fence_is_held")

    def test_not_found(self):
        self.assertEqual(self.search(HOLDS, "job_is_held").problem, "not found")

    def test_a_search_that_crashes_found_nothing(self):
        self.assertIn("end", self.search("Segmentation fault\n", "job_is_held").problem)


class Report(unittest.TestCase):
    def run_with(self, said):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            for name, text in {"unbroken": HOLDS, "PUT_TWICE": said}.items():
                (out / name).mkdir()
                (out / name / "pan.log").write_text(text)
                (out / name / "times").write_text("1.0 2.0\n")
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), \
                    mock.patch.dict("os.environ", {"LEVEL": "model"}):
                rc = model.report(out, {"PUT_TWICE": "fence_is_held"}, ["unbroken", "PUT_TWICE"])
                model.rows(out, str(out / "rows"))
            return (rc, printed.getvalue(), json.loads((out / "report.json").read_text()),
                    (out / "rows").read_text())

    def test_as_expected(self):
        rc, printed, report, rows = self.run_with(VIOLATED)
        self.assertEqual((rc, report["passed"], report["failed"]), (0, 2, 0))
        self.assertEqual(report["states"], 1895418)
        self.assertIn("1,895,418", printed)
        self.assertIn("PUT_TWICE: fence_is_held\tmodel\tpass\t1.0\t", rows)

    def test_a_bug_that_is_not_found(self):
        rc, printed, report, rows = self.run_with(HOLDS)
        self.assertEqual((rc, report["failed"]), (1, 1))
        self.assertIn("FAILED", printed)
        self.assertIn("PUT_TWICE: fence_is_held\tmodel\tfail\t1.0\tnot found", rows)


class ListOfBugs(unittest.TestCase):
    def setUp(self):
        self.bugs = model.read_bugs(TOP / "tools/testing/model/bugs")
        self.source = "".join(file.read_text()
                              for file in (TOP / "tools/testing/model").glob("*.pml"))

    def test_every_bug_of_the_model_and_no_other(self):
        planted = set(re.findall(r"\bBUG_([A-Z_]+)\b", self.source)) - {"NAME"}
        self.assertEqual(planted, set(self.bugs))

    def test_every_property_has_a_bug(self):
        properties = set(re.findall(r"^bool (\w+) = true;", self.source, re.M))
        checked = set(re.findall(r"CHECK\((\w+),", self.source)) - {"property"}
        self.assertEqual(properties & checked,
                         set(self.bugs.values()) - {model.DEADLOCK, model.LIVELOCK})

    def test_names_of_the_model_in_the_code(self):
        steps = set(re.findall(r"^(?:inline|proctype) (\w+)\(", self.source, re.M))
        named = set()
        for file in (TOP / WORKER).glob("*.c"):
            for names in re.findall(r"Model: ([a-z_ ]+)\.", file.read_text()):
                named.update(names.split(" and "))
        self.assertEqual(named - steps, set())
        self.assertGreater(len(named), 10)

    def test_names_of_the_code_in_the_model(self):
        code = "".join(file.read_text() for file in (TOP / WORKER).glob("*.c"))
        for name in set(re.findall(r"\b(ttm_move_\w+)\(\)", self.source)):
            self.assertRegex(code, rf"\b{name}\(")

    def test_the_page_has_the_same(self):
        page = (TOP / "Documentation/gpu/ttm-move-model.rst").read_text()
        listed = dict(re.findall(r"^([A-Z_]{4,}) +([a-z_]+) ", page, re.M))
        self.assertEqual(listed, self.bugs)


if __name__ == "__main__":
    unittest.main()
