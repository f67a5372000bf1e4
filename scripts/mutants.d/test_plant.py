# SPDX-License-Identifier: MIT
"""Tests of plant.py, and of the mutants themselves."""

import unittest

import plant

TEXT = """\
# a comment
file a.c

mutant swapped
breaks order: b comes before a
 first
-a
-b
+b
+a

mutant two-places
breaks hold: neither lock nor unlock
level guest
survives because
-lock
@@
-unlock
"""

SOURCE = "first\na\nb\nlock\nunlock\n"


class Reading(unittest.TestCase):
    def setUp(self):
        self.mutants = list(plant.parse("x.mutants", TEXT))

    def test_fields(self):
        swapped, places = self.mutants
        self.assertEqual((swapped.name, swapped.file, swapped.rule, swapped.breaks, swapped.level),
                         ("swapped", "a.c", "order", "b comes before a", "kunit"))
        self.assertEqual((places.level, places.survives, len(places.edits)), ("guest", "because", 2))

    def test_planted(self):
        swapped, places = self.mutants
        self.assertEqual(plant.planted(swapped, SOURCE), "first\nb\na\nlock\nunlock\n")
        self.assertEqual(plant.planted(places, SOURCE), "first\na\nb\n")

    def test_does_not_apply(self):
        for source in ("first\nb\na\n", SOURCE + SOURCE, " first\na\nb\n", "first\na\nbc\n"):
            with self.assertRaisesRegex(plant.MutantError, "swapped does not apply to a.c"):
                plant.planted(self.mutants[0], source)

    def test_nonsense(self):
        for text in ("mutant homeless\n", "file a.c\nmutant x\nbreaks law: y\n-a\n",
                     "file a.c\nmutant x\nbreaks hold: y\n", "file a.c\nmutant x\nhello\n",
                     "file a.c\nmutant x\nbreaks hold: y\n-a\n+a\n",
                     "file a.c\nmutant x\nlevel up\nbreaks hold: y\n-a\n"):
            with self.assertRaises(plant.MutantError, msg=text):
                list(plant.parse("x.mutants", text))

    def test_selection(self):
        names = [mutant.name for mutant in plant.select(self.mutants, "sw*,*places")]
        self.assertEqual(names, ["swapped", "two-places"])
        self.assertEqual(plant.select(self.mutants, "none"), [])


class Mutants(unittest.TestCase):
    """What would otherwise be found out when somebody tries them."""

    def test_all_apply(self):
        for mutant in plant.read():
            with self.subTest(mutant.name):
                source = (plant.TOP / mutant.file).read_text(encoding="utf-8")
                self.assertNotEqual(plant.planted(mutant, source), source)

    def test_enough(self):
        names = [mutant.name for mutant in plant.read()]
        self.assertGreaterEqual(len(names), 40)

    def test_only_sources(self):
        """A header is taken from the kernel tree, and not from the copy with the mutant."""
        for mutant in plant.read():
            self.assertTrue(mutant.file.endswith(".c"), mutant.file)


if __name__ == "__main__":
    unittest.main()
