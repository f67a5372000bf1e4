# SPDX-License-Identifier: MIT
"""Tests of deb.py."""

import tempfile
import unittest
from pathlib import Path

import deb

BUILT = "6.12.1-amd64\tbuilt\t\n"
REFUSED = "6.1.0-cloud\trefused\tthis kernel has no TTM\n"


class TestReport(unittest.TestCase):
    """What is said of the package."""

    def evaluate(self, kernels=None, lintian="", removed="removed\n"):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder)
            (out / "x.deb").write_bytes(b"12345")
            (out / "lintian.log").write_text(lintian)
            if kernels is not None:
                (out / "chroot").mkdir()
                (out / "chroot/kernels.tsv").write_text(kernels)
                (out / "chroot/removed").write_text(removed)
            return deb.evaluate(out, out / "x.deb")

    def test_built_and_refused(self):
        report = self.evaluate(BUILT + REFUSED)
        self.assertEqual(list(deb.problems(report)), [])
        text = "\n".join(deb.table(report))
        self.assertRegex(text, "6.12.1-amd64 +built")
        self.assertRegex(text, "6.1.0-cloud +refused +this kernel has no TTM")

    def test_not_installed_is_said(self):
        report = self.evaluate()
        self.assertEqual(list(deb.problems(report)), [])
        self.assertIn("not installed", "\n".join(deb.table(report)))

    def test_lintian(self):
        report = self.evaluate(lintian="N: nothing\nW: ttm-move-dkms: bad\n")
        self.assertEqual(list(deb.problems(report)), ["lintian complains: W: ttm-move-dkms: bad"])

    def test_wrong_module(self):
        report = self.evaluate(BUILT + "6.1.0-amd64\twrong\tone is missing\n")
        self.assertEqual(list(deb.problems(report)), ["6.1.0-amd64: one is missing"])

    def test_no_kernel(self):
        self.assertEqual(list(deb.problems(self.evaluate(REFUSED))), ["no kernel got the modules"])

    def test_refused_without_a_reason(self):
        report = self.evaluate(BUILT + REFUSED.replace("this kernel has no TTM", ""))
        self.assertEqual(list(deb.problems(report)), ["6.1.0-cloud was refused without a reason"])

    def test_left_behind(self):
        self.assertEqual(list(deb.problems(self.evaluate(BUILT, removed=""))),
                         ["the package left something behind when it was removed"])


if __name__ == "__main__":
    unittest.main()
