#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns the console of a KUnit kernel into rows of a check.

usage: ktap.py ROWS <CONSOLE

Reads the console while the kernel runs. Every test case becomes a row: it is printed,
and appended to the file ROWS. What a case says of itself in lines "summary: TEXT" is the
remark of its row where it passes. A case that was announced and never ended, a suite that
failed outside its cases and a kernel that ran none become failed rows. Exit status 0
where the console was read to its end, whatever the rows say.
"""

import os
import re
import sys
from typing import Iterable, Iterator, List, NamedTuple, Optional

STAMP = re.compile(r"^\[ *(\d+\.\d+)\] ?(.*)$")
SUBTEST = re.compile(r"^    # Subtest: (\S+)$")
PLAN = re.compile(r"^(    )?1\.\.(\d+)$")
RESULT = re.compile(r"^(    )?(not )?ok (\d+) (?:- )?(\S+)(?: # SKIP ?(.*))?$")
PART_SKIPPED = re.compile(r"^ {8}ok \d+ .* # SKIP (.+)$")
SUMMARY = re.compile(r"^ *# \S+: summary: (.*)$")
FAILED_AT = re.compile(r"(EXPECTATION|ASSERTION) FAILED|BUG: |WARNING: "
                       r"|try (faulted|timed out)|Kernel panic|timed out after")
REASON_LENGTH = 300
LEVEL = os.environ.get("LEVEL", "kunit")


class Row(NamedTuple):
    """One test, as scripts/lib/rows.sh writes it."""
    name: str
    result: str
    seconds: float
    reason: str = ""


class Reader:
    """Follows the console; feed() yields the rows that a line completes."""

    def __init__(self) -> None:
        self.now = self.since = 0.0
        self.suite = ""
        self.suites_planned: Optional[int] = None
        self.suites_ended = 0
        self.cases_planned = self.cases_ended = self.cases_failed = 0
        self.said: List[str] = []

    def feed(self, line: str) -> Iterator[Row]:
        text = self.without_stamp(line.rstrip("\r\n"))
        if match := SUBTEST.match(text):
            self.begin_suite(match[1])
        elif match := PLAN.match(text):
            self.plan(bool(match[1]), int(match[2]))
        elif match := RESULT.match(text):
            yield from self.end_case(match) if match[1] else self.end_suite(match)
            self.said.clear()
        elif text.strip():
            self.said.append(text)

    def without_stamp(self, line: str) -> str:
        match = STAMP.match(line)
        if not match:
            return line
        self.now = float(match[1])
        return match[2]

    def begin_suite(self, name: str) -> None:
        self.suite = name
        self.since = self.now
        self.cases_planned = self.cases_ended = self.cases_failed = 0
        self.said.clear()

    def plan(self, of_cases: bool, count: int) -> None:
        if of_cases:
            self.cases_planned = count
        elif self.suites_planned is None:
            self.suites_planned = count

    def end_case(self, match: "re.Match[str]") -> Iterator[Row]:
        self.cases_ended += 1
        self.cases_failed += bool(match[2])
        yield self.row(f"{self.suite}.{match[4]}", match)

    def end_suite(self, match: "re.Match[str]") -> Iterator[Row]:
        """A suite is a row of its own only where its cases do not tell all."""
        yield from self.lost_cases()
        if match[5] is not None and not self.cases_ended:
            yield self.row(match[4], match)
        elif match[2] and not self.cases_failed:
            yield self.row(match[4], match)
        self.suites_ended += 1
        self.suite = ""

    def row(self, name: str, match: "re.Match[str]") -> Row:
        seconds, self.since = self.now - self.since, self.now
        if match[2]:
            return Row(name, "fail", seconds, self.complaint())
        if match[5] is not None:
            return Row(name, "skip", seconds, match[5] or self.why_skipped())
        return Row(name, "pass", seconds, self.summary())

    def complaint(self) -> str:
        """What was said from the first complaint on, on one line; without one, the
        last things said."""
        first = next((i for i, text in enumerate(self.said) if FAILED_AT.search(text)), -3)
        return " ".join(" ".join(self.said[first:][:5]).split())[:REASON_LENGTH]

    def why_skipped(self) -> str:
        """What the parts of a case have said that were skipped, all of them."""
        reasons = {match[1]: None for match in map(PART_SKIPPED.match, self.said) if match}
        return "; ".join(reasons) or "no reason given"

    def summary(self) -> str:
        """What the case has said of itself, on one line."""
        return "; ".join(match[1] for match in map(SUMMARY.match, self.said) if match)

    def lost_cases(self) -> Iterator[Row]:
        """The cases that were announced and did not end: the first one is to blame."""
        for number in range(self.cases_ended + 1, self.cases_planned + 1):
            blamed = f": {self.complaint()}" if number == self.cases_ended + 1 else ""
            yield Row(f"{self.suite}: case {number}", "fail", 0.0, "did not end" + blamed)

    def end(self) -> Iterator[Row]:
        """What is missing when the kernel has ended."""
        if self.suite:
            yield from self.lost_cases()
        if not self.suites_planned:
            yield Row("Tests run", "fail", self.now, f"there were none: {self.complaint()}")
        elif self.suites_ended < self.suites_planned:
            yield Row("All suites end", "fail", self.now,
                      f"{self.suites_ended} of {self.suites_planned} did: {self.complaint()}")


def all_rows(lines: Iterable[str]) -> Iterator[Row]:
    reader = Reader()
    for line in lines:
        yield from reader.feed(line)
    yield from reader.end()


def main(arguments: List[str]) -> int:
    if len(arguments) != 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    sys.stdin.reconfigure(errors="replace")
    with open(arguments[0], "a", encoding="utf-8") as rows:
        for row in all_rows(sys.stdin):
            why = f" -- {row.reason}" if row.reason else ""
            print(f"{row.result}  {row.seconds:7.1f} s  {LEVEL}: {row.name}{why}", flush=True)
            print(row.name, LEVEL, row.result, f"{row.seconds:.3f}",
                  row.reason.replace("\t", " "), sep="\t", file=rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
