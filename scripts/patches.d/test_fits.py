# SPDX-License-Identifier: MIT
"""Tests of fits.py, but for spatch itself."""

import unittest

import fits

PATCH = """// A comment.
@named@ @@
-a();

@@ expression e; @@
-b(e);

@depends on !named@
expression e;
@@
-c(e);
"""


class TestInstrument(unittest.TestCase):
    """Names for all rules."""

    def setUp(self):
        self.text, self.rules = fits.instrument(PATCH)

    def test_rules(self):
        self.assertEqual(self.rules, [fits.Rule(2, "named"), fits.Rule(5, "rule_in_line_5"),
                                      fits.Rule(8, "rule_in_line_8")])

    def test_what_a_rule_says_stays(self):
        self.assertIn("@named@ @@\n-a();\n", self.text)
        self.assertIn("@rule_in_line_5 @ expression e; @@\n-b(e);\n", self.text)
        self.assertIn("@rule_in_line_8 depends on !named@\nexpression e;\n@@\n-c(e);\n", self.text)

    def test_each_tells(self):
        for rule in self.rules:
            self.assertIn(f'@script:python depends on !{rule.name}@ @@\n'
                          f'print("matches nothing: {rule.name}")', self.text)


if __name__ == "__main__":
    unittest.main()
