# SPDX-License-Identifier: MIT
"""Tests of selftests.py, on made-up consoles."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

import selftests

PARAMETERS = """\
force_probe:Force probe options (charp)
igt__21__live_gt: (bool)
igt__18__live_quiet: (bool)
igt__19__mock_vma: (bool)
igt__49__live_perf: (bool)
"""

EXPECTATIONS = """\
# a comment
fail live/gt/clocks the clocks are not exact
deselect live/perf never ends
skip mock/vma/pin it has no pins
skip live/quiet it has nothing to say
seconds mock/vma 7
"""

CONSOLE = """\
[    1.0] job: begin 1 mock/vma
[    1.1] i915: Running vma
[    1.1] i915: Running vma_tests/create
[    1.6] i915: Running vma_tests/pin
[    1.7] device lacks pins, skipping
[    2.0] job: end 1 -25
[    3.0] job: begin 2 live/quiet
[    3.1] i915: Running quiet
[    3.2] job: end 2 1
[    4.0] job: begin 3 live/gt
[    4.1] i915: Running gt
[    4.2] i915: Running gt_tests/others
[    4.3] counted: unknown_registers: 0x10 read 1
[    5.0] job: end 3 1
[    6.0] job: begin 4 live/gt
[    6.1] i915: Running gt
[    6.1] i915: Running gt_tests/clocks
[    6.2] i915/gt_tests: clocks failed with error -22
[    7.0] job: end 4 -22
"""


def expectations():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "expectations"
        path.write_text(EXPECTATIONS, encoding="utf-8")
        return selftests.read_expectations(str(path))


def jobs(repeat=1, patterns=("*",), kinds=("mock", "live"), slowness=1):
    return list(selftests.plan(PARAMETERS.splitlines(), expectations(), list(patterns),
                               list(kinds), repeat, slowness))


class Plan(unittest.TestCase):
    def test_order_and_filters(self):
        self.assertEqual([(job.number, job.name, job.seconds, job.filter) for job in jobs()], [
            (1, "mock/vma", 7, "-"), (2, "live/quiet", selftests.DEADLINE, "-"),
            (3, "live/gt", selftests.DEADLINE, "!clocks"),
            (4, "live/gt", selftests.DEADLINE, "clocks"), (5, "live/perf", 0, "-")])

    def test_selection(self):
        self.assertEqual([job.name for job in jobs(patterns=["live/q*", "mock/*"])],
                         ["mock/vma", "live/quiet"])
        self.assertEqual([job.name for job in jobs(kinds=["mock"], slowness=3)], ["mock/vma"])
        self.assertEqual(jobs(slowness=3)[0].seconds, 21)

    def test_a_test_by_name(self):
        self.assertEqual([(job.name, job.filter) for job in jobs(patterns=["live/gt/others"])],
                         [("live/gt", "others")])
        self.assertEqual([job.filter for job in jobs(patterns=["live/gt*", "live/gt/others"])],
                         ["!clocks", "clocks"])

    def test_patterns_that_match_nothing(self):
        for pattern, names in (("live/gt", []), ("live/gt/others", []), ("live/gu*", ["live/gu*"]),
                               ("*", [])):
            self.assertEqual(selftests.unmatched([pattern], ["mock", "live"],
                                                 jobs(patterns=[pattern])), names)
        self.assertEqual(selftests.unmatched(["mock/none"], ["live"], []), [])

    def test_what_is_flaky_runs_apart(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "expectations"
            path.write_text("flaky live/gt/races it races\n", encoding="utf-8")
            expected = selftests.read_expectations(str(path))
            self.assertEqual(selftests.filters_of("live/gt", expected), ["!races", "races"])
            path.write_text("flaky live/gt it races\n", encoding="utf-8")
            with self.assertRaises(SystemExit):
                selftests.read_expectations(str(path))

    def test_repeats(self):
        self.assertEqual([job.name for job in jobs(repeat=2)].count("live/quiet"), 2)
        self.assertEqual([job.name for job in jobs(repeat=2)].count("live/perf"), 1)

    def test_a_line_that_makes_no_sense(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "expectations"
            path.write_text("works live/gt always\n", encoding="utf-8")
            with self.assertRaises(SystemExit):
                selftests.read_expectations(str(path))


class Report(unittest.TestCase):
    """Reports on folders with the consoles of variants."""

    def report(self, rows=False, remark="", **consoles):
        with tempfile.TemporaryDirectory() as name, \
                contextlib.redirect_stdout(io.StringIO()) as output:
            folder = Path(name)
            for variant, console in consoles.items():
                boot = folder / variant / "1"
                boot.mkdir(parents=True)
                (boot / "console.log").write_text(console, encoding="utf-8")
                (folder / variant / "plan").write_text(
                    "".join(" ".join(map(str, job)) + "\n" for job in jobs()), encoding="utf-8")
            status = selftests.report(expectations(), folder)
            said = json.loads((folder / "report.json").read_text(encoding="utf-8"))
            if rows:
                selftests.rows(folder, str(folder / "rows"), remark)
                said = (folder / "rows").read_text(encoding="utf-8")
        return status, said, output.getvalue()

    def results(self, console):
        _, said, _ = self.report(integrated=console)
        return {name: test["result"] for name, test in
                said["variants"]["integrated"]["tests"].items() if not name.endswith("/log")}

    def bad(self, **consoles):
        _, said, _ = self.report(**consoles)
        return [each["name"] for each in said["verdicts"] if each["bad"]]

    def test_results(self):
        self.assertEqual(self.results(CONSOLE), {
            "mock/vma/create": "pass", "mock/vma/pin": "skip", "mock/vma": "pass",
            "live/quiet": "skip", "live/gt/others": "pass", "live/gt": "pass",
            "live/gt/clocks": "fail", "live/perf": "skip"})

    def test_all_as_expected(self):
        status, said, text = self.report(pristine=CONSOLE, integrated=CONSOLE)
        self.assertEqual(status, 0)
        self.assertEqual(said["variants"]["integrated"]["unknown"],
                         {"unknown_registers": ["0x10 read 1"]})
        self.assertIn("0 not as expected", text)

    def test_a_difference(self):
        broken = CONSOLE.replace("[    1.6] ", "[    1.5] i915/vma_tests: create failed with error -5\n[    1.6] ")
        self.assertEqual(self.bad(pristine=CONSOLE, integrated=broken), ["mock/vma", "mock/vma/create"])
        self.assertEqual(self.bad(pristine=broken, integrated=CONSOLE), [])

    def test_an_unexpected_pass(self):
        text = self.report(integrated=CONSOLE.replace(
            "[    6.2] i915/gt_tests: clocks failed with error -22\n", "").replace("4 -22", "4 1"))[2]
        self.assertIn("UNEXPECTED PASS", text)

    def test_a_guest_that_dies(self):
        dead = CONSOLE[:CONSOLE.index("[    1.7]")] + "[    1.7] Kernel panic - not syncing: dead\n"
        self.assertEqual(self.bad(integrated=dead),
                         ["mock/vma", "mock/vma/log", "mock/vma/pin", "live/gt", "live/quiet"])

    def test_a_complaint_belongs_to_its_group(self):
        warns = CONSOLE.replace("[    3.2]", "[    3.1] WARNING: CPU: 0 PID: 1 at a.c:3\n[    3.2]")
        self.assertEqual(self.bad(pristine=CONSOLE, integrated=warns), ["live/quiet/log"])

    def test_a_device_that_is_led_astray(self):
        astray = CONSOLE.replace("[    3.2]", "[    3.1] counted: faults: 3\n[    3.2]")
        self.assertEqual(self.bad(pristine=CONSOLE, integrated=astray), ["live/quiet/log"])

    def test_a_deadline(self):
        late = CONSOLE.replace("job: end 3 1", "job: end 3 deadline")
        self.assertEqual(self.bad(integrated=late), ["live/gt", "live/gt/others"])

    def test_a_group_that_does_not_begin(self):
        self.assertEqual(self.bad(integrated=CONSOLE.replace("i915: Running quiet", "no device")),
                         ["live/quiet"])

    def test_what_is_not_run_is_missed(self):
        without = CONSOLE.replace("[    4.2] i915: Running gt_tests/others\n", "")
        self.assertEqual(self.bad(pristine=CONSOLE, integrated=without),
                         ["live/gt", "live/gt/others"])

    def test_a_skip_that_nobody_expects(self):
        skips = CONSOLE.replace("[    4.3]", "[    4.3] no others here, skipping\n[    4.3]")
        self.assertEqual(self.bad(integrated=skips), ["live/gt/others"])

    def test_an_expected_failure_that_takes_the_guest_along(self):
        end = CONSOLE.index("[    6.2]")
        self.assertEqual(self.bad(integrated=CONSOLE[:end] + "[    6.2] Kernel panic - dead\n"),
                         ["live/gt/clocks", "live/gt/log"])
        self.assertEqual(self.bad(integrated=CONSOLE[:end] + "[    7.0] job: end 4 deadline\n"),
                         ["live/gt/clocks"])

    def test_an_expected_complaint_is_of_its_kind(self):
        expected = selftests.Expectations({"live/gt/log": ("fail", "too many locks")}, {})
        for said, bad in (("lockdep: MAX_LOCK_DEPTH too low!", False),
                          ("lockdep: MAX_LOCK_DEPTH too low!; kasan: BUG: KASAN: x", True)):
            tally = selftests.Tally()
            tally.add(selftests.Outcome("live/gt/log", "fail", 0, said))
            self.assertEqual(selftests.judge("live/gt/log", {"integrated": tally}, expected,
                                             "integrated").bad, bad)

    def test_leaks(self):
        leak = ("unreferenced object 0xffff8880048784c0 (size {}):\n"
                "  comm \"modprobe\", pid 415, jiffies 4294750286\n  backtrace (crc 3635a2bd):\n"
                "    kmemleak_alloc+0x28/0x30\n    {}+0x35/0x70\n")
        for size, function, bad in ((8, "kstrdup", []), (8, "kmemdup", ["live/quiet/log"]),
                                    (64, "kstrdup", ["live/quiet/log"])):
            leaks = CONSOLE.replace("[    3.2]", leak.format(size, function) + "[    3.2]")
            self.assertEqual(self.bad(pristine=CONSOLE, integrated=leaks), bad)

    def test_lockdep_that_is_off(self):
        off = CONSOLE.replace("[    3.2]", "[    3.2] job: lockdep has found something and is off\n[    3.2]")
        self.assertEqual(self.bad(pristine=CONSOLE, integrated=off), ["live/quiet/log"])

    def test_rows(self):
        rows = {row.split("\t")[0]: row.split("\t")[2]
                for row in self.report(rows=True, integrated=CONSOLE)[1].splitlines()}
        self.assertEqual(rows["live/gt/clocks"], "skip")
        self.assertEqual(rows["mock/vma/create"], "pass")
        self.assertIn("mock/vma/create (small)\t",
                      self.report(rows=True, remark="small", integrated=CONSOLE)[1])


class Rest(unittest.TestCase):
    def test_rest(self):
        with tempfile.TemporaryDirectory() as name, \
                contextlib.redirect_stdout(io.StringIO()) as output:
            folder = Path(name)
            (folder / "plan").write_text(
                "".join(" ".join(map(str, job)) + "\n" for job in jobs()), encoding="utf-8")
            (folder / "log").write_text(CONSOLE[:CONSOLE.index("[    4.0]")], encoding="utf-8")
            selftests.main(["rest", f"{folder}/plan", f"{folder}/log"])
        self.assertEqual([line.split()[0] for line in output.getvalue().splitlines()], ["3", "4"])


if __name__ == "__main__":
    unittest.main()
