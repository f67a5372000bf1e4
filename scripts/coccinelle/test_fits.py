# SPDX-License-Identifier: MIT
"""Tests of fits.py: what does not fit is named, by rule."""

import tempfile
import unittest
from pathlib import Path

import fits

RULES = """// a comment
@named@ @@
-a();

@@ expression e; @@
-b(e);

@depends on !named@
expression e;
@@
+
// another
-c(e);
"""

PATCH = """@@ @@
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


class TestInstrument(unittest.TestCase):
    """Names for all rules."""

    def setUp(self) -> None:
        self.text, self.rules = fits.instrument(RULES)

    def test_rules(self) -> None:
        self.assertEqual(self.rules, [fits.Rule(2, "named", "a();"),
                                      fits.Rule(5, "rule_in_line_5", "b(e);"),
                                      fits.Rule(8, "rule_in_line_8", "c(e);")])

    def test_what_a_rule_says_stays(self) -> None:
        self.assertIn("@named@ @@\n-a();\n", self.text)
        self.assertIn("@rule_in_line_5 @ expression e; @@\n-b(e);\n", self.text)
        self.assertIn("@rule_in_line_8 depends on !named@\nexpression e;\n@@\n", self.text)

    def test_each_tells(self) -> None:
        for rule in self.rules:
            self.assertIn(f'@script:python depends on !{rule.name}@ @@\n'
                          f'print("matches nothing: {rule.name}")', self.text)


class TestMisfits(unittest.TestCase):
    """A small patch on a small tree."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)
        self.write("macros.h", "")
        self.write("other.c", "int other;\n")
        self.write("test.cocci", PATCH)

    def write(self, name: str, text: str) -> None:
        (self.tree / name).write_text(text, encoding="utf-8")

    def misfits(self, driver: str) -> list:
        """What is said of a driver, which stays as it is."""
        self.write("driver.c", driver)
        pairs = [f"{name} {self.tree}/test.cocci\n" for name in ("driver.c", "other.c")]
        found = list(fits.all_misfits(pairs, self.tree, str(self.tree / "macros.h")))
        self.assertEqual((self.tree / "driver.c").read_text(encoding="utf-8"), driver)
        return found

    def test_fits(self) -> None:
        self.assertEqual(self.misfits(DRIVER), [])

    def test_function_renamed(self) -> None:
        self.assertEqual(self.misfits(DRIVER.replace("init", "start")),
                         ["test.cocci:8: 'void init(int x)' matches nothing in this kernel"])

    def test_call_changed(self) -> None:
        self.assertEqual(len(self.misfits(DRIVER.replace("copy(y)", "copy(y, 1)"))), 1)

    def test_member_gone(self) -> None:
        self.assertEqual(self.misfits(DRIVER.replace("int a", "long c")),
                         ["test.cocci:1: 'struct foo {' matches nothing in this kernel"])

    def test_file_missing(self) -> None:
        (self.tree / "other.c").unlink()
        self.assertEqual(self.misfits(DRIVER), ["test.cocci: this kernel lacks other.c"])

    def test_patch_that_is_none(self) -> None:
        self.write("test.cocci", PATCH + "@@ nonsense\n")
        self.assertEqual(len(self.misfits(DRIVER)), 1)

    def test_after_another_patch(self) -> None:
        self.write("driver.c", DRIVER)
        self.write("next.cocci", "@@ @@\n-copy_async(y);\n")
        pairs = [f"driver.c {self.tree}/{name}.cocci\n" for name in ("test", "next")]
        macros = str(self.tree / "macros.h")
        self.assertEqual(list(fits.all_misfits(pairs, self.tree, macros)), [])
        self.assertEqual(len(list(fits.all_misfits(pairs[1:], self.tree, macros))), 1)


if __name__ == "__main__":
    unittest.main()
