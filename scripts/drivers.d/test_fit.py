# SPDX-License-Identifier: MIT
"""Tests of fit.py: what does not fit is named, by rule."""

import tempfile
import unittest
from pathlib import Path

import fit

PATCH = """// Applies to: driver.c
// Applies to: other.c

@@ @@
struct foo {
	int a;
+	int b;
};

// A comment belongs to the rule before.
@@
identifier x;
@@
void init(int x)
{
	...
-	copy(x);
+	copy_async(x);
}
"""

DRIVER = """struct foo {
	int a;
};

void init(int y)
{
	y++;
	copy(y);
}
"""


class FitTest(unittest.TestCase):
    """A small patch on a small tree."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.tree = Path(self.folder.name)
        self.patch = self.tree / "adopt_test.cocci"
        self.patch.write_text(PATCH, encoding="utf-8")
        self.macros = self.tree / "macros.h"
        self.macros.write_text("", encoding="utf-8")
        (self.tree / "other.c").write_text("int other;\n", encoding="utf-8")

    def misfits(self, driver: str) -> list:
        """What is said of a driver."""
        (self.tree / "driver.c").write_text(driver, encoding="utf-8")
        return fit.fit(str(self.patch), str(self.tree), str(self.macros))

    def test_rules(self) -> None:
        """Each rule is told from the others, with its header."""
        rules = fit.rules_of(PATCH)
        self.assertEqual([rule.line for rule in rules], [4, 11])
        self.assertEqual([fit.name_of(rule) for rule in rules],
                         ["struct foo {", "void init(int x)"])

    def test_fits(self) -> None:
        """Nothing is said of what fits."""
        self.assertEqual(self.misfits(DRIVER), [])

    def test_function_renamed(self) -> None:
        """A function that has another name is found to be missing."""
        misfits = self.misfits(DRIVER.replace("init", "start"))
        self.assertEqual(len(misfits), 1)
        self.assertIn("line 11 (void init(int x)) fits none", misfits[0])

    def test_call_changed(self) -> None:
        """So is a call that takes something else."""
        self.assertEqual(len(self.misfits(DRIVER.replace("copy(y)", "copy(y, 1)"))), 1)

    def test_member_gone(self) -> None:
        """The other rule is found as well."""
        misfits = self.misfits(DRIVER.replace("int a", "long c"))
        self.assertIn("line 4 (struct foo {) fits none", misfits[0])

    def test_file_missing(self) -> None:
        """A file that the kernel lacks is named."""
        (self.tree / "other.c").unlink()
        self.assertEqual(self.misfits(DRIVER), ["this kernel lacks other.c"])


if __name__ == "__main__":
    unittest.main()
