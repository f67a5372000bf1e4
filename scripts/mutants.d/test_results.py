# SPDX-License-Identifier: MIT
"""Tests of the mutants' results.py."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import plant
import results


def mutant(name, survives=""):
    return plant.Mutant(name, "a.c", "hold", "a leak", "kunit", survives, ())


def trial(name, result, by="", how=""):
    return {"name": name, "result": result, "by": by, "how": how, "seconds": 1.25}


MUTANTS = [mutant("good"), mutant("bad"), mutant("ugly", "nobody can tell"), mutant("lucky", "so")]


class Reports(unittest.TestCase):
    def report(self, *trials):
        with tempfile.TemporaryDirectory() as name, \
                mock.patch.object(plant, "read", return_value=MUTANTS), \
                mock.patch.dict("os.environ", {"LEVEL": "mutants"}), \
                contextlib.redirect_stdout(io.StringIO()) as said:
            out = Path(name)
            (out / "trials.json").write_text(json.dumps({"seed": 1, "trials": trials}))
            status = results.table(out)
            results.rows(out, out / "rows.tsv")
            rows = [line.split("\t") for line in (out / "rows.tsv").read_text().splitlines()]
            return status, json.loads((out / "report.json").read_text()), rows, said.getvalue()

    def test_all_caught(self):
        status, said, rows, text = self.report(trial("good", "caught", "jobs.copies", "it failed"))
        self.assertEqual((status, said["caught"], said["caught_percent"]), (0, 1, 100.0))
        self.assertEqual(said["mutants"][0]["by"], "jobs.copies")
        self.assertEqual(rows[0][:4], ["good", "mutants", "pass", "1.2"])
        self.assertIn("1 caught by jobs", text)

    def test_survivor(self):
        status, said, rows, text = self.report(trial("good", "caught", "x.y"), trial("bad", "survived"))
        self.assertEqual((status, said["survived"], said["caught_percent"]), (1, 1, 50.0))
        self.assertEqual(rows[1][2], "fail")
        self.assertIn("NO TEST NOTICES: a leak", text)

    def test_survivor_with_reason(self):
        status, said, rows, _ = self.report(trial("good", "caught", "x.y"), trial("ugly", "survived"))
        self.assertEqual((status, said["survived_with_reason"], said["caught_percent"]), (0, 1, 100.0))
        self.assertEqual(said["mutants"][1]["reason"], "nobody can tell")
        self.assertEqual(rows[1][2:], ["skip", "1.2", "nobody can tell"])

    def test_caught_against_expectation(self):
        status, _, rows, text = self.report(trial("lucky", "caught", "x.y"))
        self.assertEqual((status, rows[0][2]), (0, "pass"))
        self.assertIn("UNEXPECTED", text)

    def test_broken_or_nothing(self):
        self.assertEqual(self.report(trial("good", "caught", "x.y"), trial("bad", "broken"))[0], 1)
        self.assertEqual(self.report(trial("good", "skipped", "", "later"))[0], 1)


if __name__ == "__main__":
    unittest.main()
