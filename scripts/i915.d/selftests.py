#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Plans runs of i915's selftests and reports what came of them.

usage: selftests.py plan EXPECTATIONS FILTER LIST REPEAT SLOWNESS VARIANT <PARAMETERS >PLAN
       selftests.py rest PLAN CONSOLE...
       selftests.py report EXPECTATIONS FOLDER
       selftests.py rows FOLDER ROWS [REMARK]

plan    PARAMETERS is what `modinfo -p i915.ko` says; FILTER has patterns for
        KIND/GROUP, or names KIND/GROUP/TEST, with commas between; LIST is mock, live or
        both; deadlines are multiplied by SLOWNESS; what FILTER names must be there, but
        for groups that the VARIANT pristine has not
rest    prints the lines of PLAN that no CONSOLE begins
report  FOLDER has a folder for each variant, with its plan and NUMBER/console.log for
        each boot; writes FOLDER/report.txt and FOLDER/report.json, prints the first;
        exit status 1 where a test of the last variant fails that should not
rows    appends the results of FOLDER/report.json to the file ROWS of a check, with
        REMARK behind their names
"""

import fnmatch
import json
import os
import re
import sys
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "report"))
import kernel_log  # noqa: E402

PARAMETER = re.compile(r"^(igt__(\d+)__(mock|live)_(\w+)):")
DEADLINE = 300
# Complaints that failing tests and tests of failures make on purpose; and mock devices,
# which are all called the same.
EXPECTED_KINDS = {"graphics error", "memory", "taint", "module", "debugfs"}
# What may be said of a test that is expected to make the kernel complain.
TOLERATED_KINDS = ("lockdep: ", "lock debugging: ")
VARIANTS = ("pristine", "integrated")
RESULTS = ("pass", "fail", "skip")
# What a line of the expectations may begin with.
WORDS = ("fail", "flaky", "skip", "deselect", "whole", "seconds")

STAMP = re.compile(r"^\[ *(\d+\.\d+)\](?:\[ *[CT]\d+\])? ?(.*)$")
BEGIN = re.compile(r"^job: begin (\d+) ")
END = re.compile(r"^job: end (\d+) (\S+)$")
ABRUPT = re.compile(r"^job: ends here: (.*)$")
RUNNING = re.compile(r"^i915: Running (\w+)(?:/(\w+))?$")
FAILED = re.compile(r"^i915/(\w+): (\w+) failed with error (-?\d+)")
SETUP = re.compile(r"^i915/(\w+): setup failed for (\w+)")
SKIPPED = re.compile(r"\bskipping\.?$", re.IGNORECASE)
FAULTS = re.compile(r"^counted: faults: (\d+)$")
LEAK = re.compile(r"^unreferenced object 0x")
# The kernel's mock device does not give back the strings among its parameters.
KNOWN_LEAK = re.compile(r"\(size 8\).*\bkstrdup\+", re.DOTALL)
COUNTED_LEAKS = re.compile(r"^kmemleak: \d+ new suspected")
UNKNOWN = re.compile(r"^counted: (unknown_\w+): (.*)$")
DIED = re.compile(r"Kernel panic|Oops|BUG: |blocked for more than|general protection")


class Expectations(NamedTuple):
    """What the file of expectations says, by the name of group or test."""
    results: Dict[str, Tuple[str, str]]
    seconds: Dict[str, int]

    def of(self, name: str) -> Tuple[str, str]:
        """Result and reason for a test: its own, or its group's; "pass" otherwise."""
        group = "/".join(name.split("/")[:2])
        return self.results.get(name) or self.results.get(group) or ("pass", "")


def read_expectations(path: str) -> Expectations:
    """The file's lines; ends the program where one makes no sense."""
    results: Dict[str, Tuple[str, str]] = {}
    seconds: Dict[str, int] = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        words = line.split(None, 2)
        if not words or line.startswith("#"):
            continue
        if len(words) != 3 or words[0] not in WORDS:
            sys.exit(f"{path}:{number}: a line is RESULT KIND/GROUP[/SUBTEST] REASON, not {line!r}")
        if words[0] == "flaky" and words[1].count("/") != 2:
            sys.exit(f"{path}:{number}: no test of {words[1]} could fail: name those that are flaky")
        if words[0] == "seconds":
            seconds[words[1]] = int(words[2])
        else:
            results[words[1]] = (words[0], words[2])
    return Expectations(results, seconds)


# Planning


class Job(NamedTuple):
    """One line of a plan: a group, or what a filter leaves of it."""
    number: int
    kind: str
    group: str
    parameter: str
    seconds: int
    filter: str

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.group}"


def groups_of(parameters: Iterable[str]) -> List[Tuple[str, str, str]]:
    """Kind, group and parameter of each group, in the driver's order."""
    found = []
    for line in parameters:
        if match := PARAMETER.match(line.strip()):
            found.append((match[3] != "mock", int(match[2]), match[3], match[4], match[1]))
    return [(kind, group, parameter) for _, _, kind, group, parameter in sorted(found)]


def filters_of(name: str, expected: Expectations) -> List[str]:
    """The filters with which a group is run: without the tests that fail or may, and each
    of those alone. A dash is no filter at all."""
    apart = [test.split("/")[2] for test, (result, _) in expected.results.items()
             if result in ("fail", "flaky", "deselect") and test.startswith(name + "/")
             and not test.endswith("/log")]
    alone = [test for test in apart if expected.results[f"{name}/{test}"][0] != "deselect"]
    return [",".join("!" + test for test in apart) or "-"] + alone


def filters_for(name: str, expected: Expectations, patterns: List[str]) -> List[str]:
    """The same for a group of which patterns may name single tests; none if no pattern
    matches."""
    if any(fnmatch.fnmatch(name, each) for each in patterns):
        return filters_of(name, expected)
    return [each.split("/")[2] for each in patterns
            if each.count("/") == 2 and each.startswith(name + "/")]


def plan(parameters: Iterable[str], expected: Expectations, patterns: List[str],
         kinds: List[str], repeat: int, slowness: int) -> Iterator[Job]:
    """The jobs of a run."""
    once = []
    # What makes the kernel complain comes last: it may switch off what finds mistakes.
    groups = sorted(groups_of(parameters),
                    key=lambda each: f"{each[0]}/{each[1]}/log" in expected.results)
    for kind, group, parameter in groups:
        name = f"{kind}/{group}"
        filters = filters_for(name, expected, patterns)
        if kind not in kinds or not filters:
            continue
        if expected.results.get(name, ("",))[0] == "deselect":
            once.append((kind, group, parameter, 0, "-"))
            continue
        seconds = expected.seconds.get(name, DEADLINE) * slowness
        once += [(kind, group, parameter, seconds, each) for each in filters]
    # What is not run at all is said once.
    jobs = once + [job for job in once if job[3]] * (repeat - 1)
    for number, job in enumerate(jobs, 1):
        yield Job(number, *job)


def unmatched(patterns: List[str], kinds: List[str], jobs: List[Job]) -> List[str]:
    """Those of the patterns, for these kinds, that match no job."""
    return [each for each in patterns
            if each.split("/")[0] in kinds and not any(
                fnmatch.fnmatch(job.name, "/".join(each.split("/")[:2])) for job in jobs)]


def read_plan(path: Path) -> List[Job]:
    jobs = []
    for line in path.read_text(encoding="utf-8").splitlines():
        number, kind, group, parameter, seconds, filters = line.split(" ")
        jobs.append(Job(int(number), kind, group, parameter, int(seconds), filters))
    return jobs


def write_plan(jobs: Iterable[Job]) -> None:
    for job in jobs:
        print(*job)


# Reading consoles


class Run:
    """What a console says of one job."""

    def __init__(self, number: int, since: float) -> None:
        self.number = number
        self.since = self.until = since
        self.result: Optional[str] = None
        self.lines: List[Tuple[float, str]] = []
        self.abrupt = ""


class Outcome(NamedTuple):
    """One test of one run; lost where it did not come to an end."""
    name: str
    result: str
    seconds: float
    reason: str
    lost: bool = False


def runs_of(console: Iterable[str]) -> Iterator[Run]:
    """The runs on a console; one that the guest did not survive has no result."""
    run: Optional[Run] = None
    now = 0.0
    for line in console:
        text = line.rstrip("\r\n")
        if match := STAMP.match(text):
            now, text = float(match[1]), match[2]
        if match := BEGIN.match(text):
            if run:
                yield run
            run = Run(int(match[1]), now)
        elif run and (match := END.match(text)):
            run.result, run.until = match[2], now
            yield run
            run = None
        elif run:
            run.until = now
            run.lines.append((now, text))
            if match := ABRUPT.match(text):
                run.abrupt = match[1]
    if run:
        yield run


def without_known_leaks(texts: Iterable[str]) -> Iterator[str]:
    """All lines, but for leaks that are the kernel's own."""
    leak: List[str] = []
    for text in [*texts, ""]:
        if leak and text.startswith("  "):
            leak.append(text)
            continue
        if leak and not KNOWN_LEAK.search("\n".join(leak)):
            yield from leak
        leak = [text] if LEAK.match(text) else []
        if not leak and not COUNTED_LEAKS.match(text):
            yield text


def complaints(run: Run) -> List[str]:
    """What the kernel complained about, but for what tests do on purpose, and whether the
    device was led astray: it goes on as if nothing had happened."""
    found = kernel_log.scan(without_known_leaks(text for _, text in run.lines))
    said = [f"{each.kind}: {each.text}" for each in found if each.kind not in EXPECTED_KINDS]
    faults = sum(int(match[1]) for _, text in run.lines if (match := FAULTS.match(text)))
    return said + [f"the device looked {faults} times where nothing is mapped"] * bool(faults)


def why_lost(run: Run) -> str:
    """Why a run has no end."""
    last = next((text for _, text in run.lines if DIED.search(text)), "")
    return last or run.abrupt or "the guest ended: " + (run.lines[-1][1] if run.lines else "")


class Reader:
    """Follows the tests of a run."""

    def __init__(self, job: Job, run: Run) -> None:
        self.job, self.run = job, run
        self.tests: Dict[str, Outcome] = {}
        self.begun = self.ran = self.lost = False
        self.group_skips = ""
        self.test, self.since, self.skips, self.error = "", run.since, "", ""

    def end_test(self, now: float) -> None:
        if not self.test:
            return
        name = f"{self.job.name}/{self.test}"
        result = "fail" if self.error else "skip" if self.skips else "pass"
        outcome = Outcome(name, result, now - self.since, self.error or self.skips, self.lost)
        before = self.tests.get(name)
        # One name in several lists of a group: the worst counts.
        if not before or before.result != "fail":
            self.tests[name] = outcome
        self.test = self.skips = self.error = ""

    def read(self) -> None:
        for now, text in self.run.lines:
            if match := RUNNING.match(text):
                self.end_test(now)
                self.begun = True
                if match[2]:
                    self.ran = True
                    self.test, self.since = match[2], now
            elif match := FAILED.match(text) or SETUP.match(text):
                self.test = match[2]
                self.error = text.split(": ", 1)[1]
            elif text.endswith("_sanitycheck() - ok!"):
                self.ran = True
            elif SKIPPED.search(text):
                if self.test:
                    self.skips = text
                else:
                    self.group_skips = text
        self.lost = self.run.result in (None, "deadline")
        if self.run.result is None and self.test:
            self.error = why_lost(self.run)
        elif self.run.result == "deadline" and self.test:
            self.error = f"not done after {self.job.seconds} s"
        self.end_test(self.run.until)

    def group(self) -> Tuple[str, str]:
        """Result and reason of the group as a whole."""
        failed = [test for test in self.tests.values() if test.result == "fail"]
        good = "1" if self.job.kind == "live" else "-25"
        if self.run.result is None:
            return "fail", why_lost(self.run)
        if failed:
            return "fail", f"{failed[0].name.split('/')[2]}: {failed[0].reason}"
        if self.run.result == "deadline":
            return "fail", f"not done after {self.job.seconds} s"
        if not self.begun:
            return "fail", "i915 did not begin with it: see the log"
        if self.run.result != good:
            return "fail", f"it ends with {self.run.result}"
        if not self.ran:
            return "skip", self.group_skips or "it runs nothing on this device"
        return "pass", ""


def outcomes(job: Job, run: Run, whole: bool) -> Iterator[Outcome]:
    """All results of a run: of its tests, of the group, of the log. A group that is one
    test as a whole runs none by name."""
    reader = Reader(job, run)
    reader.ran = whole
    reader.read()
    yield from reader.tests.values()
    seconds = run.until - run.since
    result, reason = reader.group()
    # A test that is run alone says nothing about its group.
    if job.filter == "-" or job.filter.startswith("!"):
        yield Outcome(job.name, result, seconds, reason)
    elif f"{job.name}/{job.filter}" not in reader.tests:
        yield Outcome(f"{job.name}/{job.filter}", "fail", seconds,
                      reason or "there is no such test any more")
    said = complaints(run)
    yield Outcome(f"{job.name}/log", "fail" if said else "pass", 0.0, "; ".join(said)[:300])


# Reporting


class Tally:
    """The results of one test of one variant, over all repeats."""

    def __init__(self) -> None:
        self.count = dict.fromkeys(RESULTS, 0)
        self.seconds = 0.0
        self.reason = ""
        self.lost = False

    def add(self, outcome: Outcome) -> None:
        if outcome.reason and (not self.reason or outcome.result == "fail"):
            self.reason = outcome.reason
        self.count[outcome.result] += 1
        self.lost |= outcome.lost
        self.seconds += outcome.seconds

    @property
    def runs(self) -> int:
        return sum(self.count.values())

    @property
    def result(self) -> str:
        if self.count["fail"]:
            return "fail"
        return "pass" if self.count["pass"] else "skip"

    def text(self) -> str:
        if self.runs > 1:
            return " ".join(f"{n}/{self.runs} {word}" for word, n in self.count.items() if n)
        return self.result

    def mean(self) -> float:
        return self.seconds / max(self.runs, 1)


class Variant(NamedTuple):
    """The results of a variant, and what its device was asked and does not know."""
    tests: Dict[str, Tally]
    unknown: Dict[str, List[str]]


def read_variant(folder: Path, expected: Expectations) -> Variant:
    jobs = {job.number: job for job in read_plan(folder / "plan")}
    variant = Variant({}, {})
    begun = set()
    for console in sorted(folder.glob("*/console.log"), key=lambda path: int(path.parent.name)):
        text = console.read_text(encoding="utf-8", errors="replace")
        counters: Dict[str, List[str]] = {}
        for run in runs_of(text.splitlines()):
            begun.add(run.number)
            job = jobs[run.number]
            for outcome in outcomes(job, run, expected.of(job.name)[0] == "whole"):
                variant.tests.setdefault(outcome.name, Tally()).add(outcome)
            read_counters(run, counters)
        for name, lines in counters.items():
            known = variant.unknown.setdefault(name, [])
            # What it is comes first; how often is counted anew on each boot.
            known += [line for line in lines if line != "others: 0"
                      and line.split()[0] not in [each.split()[0] for each in known]]
    for job in jobs.values():
        if not job.seconds:
            reason = "not run: " + expected.of(job.name)[1]
            variant.tests.setdefault(job.name, Tally()).add(Outcome(job.name, "skip", 0, reason))
        elif job.number not in begun:
            name = job.name if job.filter.startswith(("-", "!")) else f"{job.name}/{job.filter}"
            variant.tests.setdefault(name, Tally()).add(
                Outcome(name, "fail", 0, "never begun: no guest got that far"))
    for name, (result, reason) in expected.results.items():
        if result == "deselect" and name.count("/") == 2 and name.rsplit("/", 1)[0] in variant.tests:
            variant.tests.setdefault(name, Tally()).add(
                Outcome(name, "skip", 0, "not run: " + reason))
    return variant


def read_counters(run: Run, counters: Dict[str, List[str]]) -> None:
    """The last words of the device's counters on a boot; they are told as a whole."""
    fresh: Dict[str, List[str]] = {}
    for _, text in run.lines:
        if match := UNKNOWN.match(text):
            fresh.setdefault(match[1], []).append(match[2])
    counters.update(fresh)


class Verdict(NamedTuple):
    """What is to be said of one test, over all variants."""
    name: str
    bad: bool
    remark: str


def is_tolerable(name: str, tally: Tally) -> bool:
    """Whether a failure may be what is expected: not one that took the guest along, nor a
    complaint of another kind."""
    if name.endswith("/log"):
        return all(each.startswith(TOLERATED_KINDS) for each in tally.reason.split("; "))
    return not tally.lost


def judge(name: str, tallies: Dict[str, Optional[Tally]], expected: Expectations,
          judged: str) -> Verdict:
    """The verdict on one test; `judged` is the variant that it is about."""
    hope, why = expected.of(name)
    own = tallies[judged]
    other = tallies.get("pristine") if judged != "pristine" else None
    if own is None:
        if other is not None and other.result == "pass":
            return Verdict(name, hope != "flaky", f"passes on pristine and is not run on {judged}")
        return Verdict(name, False, f"not run on {judged}")
    if own.result == "fail":
        if hope in ("fail", "flaky") and is_tolerable(name, own):
            return Verdict(name, False, f"expected: {why}")
        if other is not None and other.result == "fail":
            return Verdict(name, True, "unexpected, on pristine as well: " + own.reason)
        where = {"pass": "passes on pristine: ", "skip": "skips on pristine: "}
        return Verdict(name, True, where.get(other.result if other else "", "unexpected: ")
                       + own.reason)
    if own.result == "skip":
        if other is not None and other.result == "pass":
            return Verdict(name, hope != "flaky", "passes on pristine: " + own.reason)
        if hope in ("skip", "deselect"):
            return Verdict(name, False, own.reason)
        return Verdict(name, True, "a skip that nobody expects: " + own.reason)
    if hope in ("fail", "skip") and name in expected.results:
        return Verdict(name, False, "UNEXPECTED PASS: take it out of the expectations")
    if other is None and judged != "pristine" and "pristine" in tallies:
        return Verdict(name, False, "only here")
    if other is not None and other.result == "fail":
        return Verdict(name, False, "fails on pristine: " + other.reason)
    return Verdict(name, False, "")


def order(name: str) -> Tuple[bool, str]:
    return not name.startswith("mock/"), name


def table(names: List[str], variants: Dict[str, Variant], verdicts: Dict[str, Verdict]
          ) -> Iterator[str]:
    width = max(map(len, names), default=4)
    head = "".join(f"  {variant:>14} {'s':>7}" for variant in variants)
    yield f"{'test':<{width}}{head}"
    for name in names:
        line = f"{name:<{width}}"
        for variant in variants.values():
            tally = variant.tests.get(name)
            line += f"  {tally.text():>14} {tally.mean():>7.1f}" if tally else f"  {'-':>14} {'':>7}"
        remark = verdicts[name].remark
        yield (line + ("  " + ("! " if verdicts[name].bad else "") + remark if remark else "")).rstrip()


def shown(name: str, variants: Dict[str, Variant]) -> bool:
    """A clean log needs no line of its own."""
    return not name.endswith("/log") or any(
        name in each.tests and each.tests[name].result != "pass" for each in variants.values())


def ending(variants: Dict[str, Variant], verdicts: Dict[str, Verdict], judged: str) -> Iterator[str]:
    for name, variant in variants.items():
        for counter, lines in sorted(variant.unknown.items()):
            if lines:
                yield f"{name}: {counter}: {' '.join(line.split()[0] for line in lines)}"
    for verdict in verdicts.values():
        if verdict.bad:
            yield f"fail: {verdict.name}: {verdict.remark}"
    counts = dict.fromkeys(RESULTS, 0)
    for tally in variants[judged].tests.values():
        counts[tally.result] += 1
    bad = sum(verdict.bad for verdict in verdicts.values())
    yield (f"{judged}: {counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped;"
           f" {bad} not as expected")


def report(expected: Expectations, folder: Path) -> int:
    variants = {name: read_variant(folder / name, expected)
                for name in VARIANTS if (folder / name / "plan").exists()}
    if not variants:
        sys.exit(f"selftests.py: {folder} has no results: run scripts/i915-selftests")
    judged = list(variants)[-1]
    names = sorted({name for each in variants.values() for name in each.tests}, key=order)
    names = [name for name in names if shown(name, variants)]
    verdicts = {name: judge(name, {each: variants[each].tests.get(name) for each in variants},
                            expected, judged) for name in names}
    text = "\n".join([*table(names, variants, verdicts), "", *ending(variants, verdicts, judged)])
    print(text)
    (folder / "report.txt").write_text(text + "\n", encoding="utf-8")
    (folder / "report.json").write_text(json.dumps({
        "judged": judged,
        "variants": {name: {
            "unknown": variant.unknown,
            "tests": {test: {"result": tally.result, "counts": tally.count,
                             "seconds": round(tally.mean(), 3), "reason": tally.reason}
                      for test, tally in variant.tests.items()}}
            for name, variant in variants.items()},
        "verdicts": [verdict._asdict() for verdict in verdicts.values()],
    }, indent=1) + "\n", encoding="utf-8")
    ran = any(tally.result == "pass" for name, tally in variants[judged].tests.items()
              if not name.endswith("/log"))
    return 1 if not ran or any(verdict.bad for verdict in verdicts.values()) else 0


def row_of(name: str, test: Dict, verdict: Optional[Dict]) -> Tuple[str, str, str]:
    """Result and reason of a test for a check: what is expected is no failure, and
    what failed as expected has not passed."""
    if verdict and verdict["bad"]:
        return name, "fail", verdict["remark"]
    if test["result"] == "fail":
        return name, "skip", f"fails as {verdict['remark'] if verdict else 'expected'}"
    return name, test["result"], test["reason"] if test["result"] == "skip" else ""


def rows(folder: Path, path: str, remark: str = "") -> int:
    """The results of the judged variant as rows of a check; a failure of one that is
    missing there too."""
    level = os.environ.get("LEVEL", "i915")
    try:
        said = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"selftests.py: {folder}/report.json: {error}", file=sys.stderr)
        return 1
    verdicts = {each["name"]: each for each in said["verdicts"]}
    tests = said["variants"][said["judged"]]["tests"]
    missing = {name: {"result": "fail", "seconds": 0.0, "reason": ""}
               for name, verdict in verdicts.items() if verdict["bad"] and name not in tests}
    with open(path, "a", encoding="utf-8") as file:
        for name, test in {**tests, **missing}.items():
            name, result, reason = row_of(name, test, verdicts.get(name))
            name += f" ({remark})" * bool(remark)
            reason = " ".join(reason.split())
            print(f"{result}  {test['seconds']:7.1f} s  {level}: {name}" + f" -- {reason}" * bool(reason))
            print(name, level, result, test["seconds"], reason, sep="\t", file=file)
    return 0


def main(arguments: List[str]) -> int:
    command, *words = arguments or [""]
    if command == "plan" and len(words) == 6:
        expected, filters, kinds, repeat, slowness, variant = words
        kinds = ["mock", "live"] if kinds == "both" else [kinds]
        patterns = filters.split(",")
        jobs = list(plan(sys.stdin, read_expectations(expected), patterns, kinds, int(repeat),
                         int(slowness)))
        for pattern in unmatched(patterns, kinds, jobs) if variant != "pristine" else []:
            sys.exit(f"selftests.py: {pattern} of FILTER matches no group of the driver's")
        write_plan(jobs)
        return 0
    if command == "rest" and words:
        begun = {run.number for path in words[1:]
                 for run in runs_of(Path(path).read_text(errors="replace").splitlines())}
        write_plan(job for job in read_plan(Path(words[0]))
                   if job.number not in begun and job.seconds)
        return 0
    if command == "report" and len(words) == 2:
        return report(read_expectations(words[0]), Path(words[1]))
    if command == "rows" and len(words) in (2, 3):
        return rows(Path(words[0]), *words[1:])
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
