# SPDX-License-Identifier: MIT
"""Follows the console of a kernel with the tests, and says what came of a mutant."""

import re
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "check.d"), str(HERE.parent / "report")]
import kernel_log  # noqa: E402
import ktap  # noqa: E402

STAMP = re.compile(r"^\[ *\d+\.\d+\] ?")
# What the guest's first process says.
JOB = re.compile(r"^job: (begin|end|error: (.*))$")

# After these nothing good comes any more.
FATAL = {"hang", "panic", "fault"}
# How long a test that has drawn a complaint may take to end by itself, in lines.
PATIENCE = 400

# What a kernel ran: the names of the cases in the order of their suites.
Cases = Dict[str, List[str]]


class Verdict(NamedTuple):
    """What noticed that something is wrong, and how; without a name all is well."""
    by: str
    how: str

    @property
    def passed(self) -> bool:
        return not self.by


class Judge:
    """Feed it the console's lines until it has decided.

    planned: what the unmodified sources ran, or None for those themselves. All of it
    must be run again, and the test that did not end is known by name.
    """

    def __init__(self, planned: Optional[Cases] = None) -> None:
        self.planned = planned
        self.ran: Cases = {}
        self.reader = ktap.Reader()
        self.began = False
        self.decided: Optional[Verdict] = None
        self.complaint = ""
        self.patience = PATIENCE
        self.last = ""

    def current(self) -> str:
        """The case that runs now, as far as that is known."""
        suite = self.reader.suite
        if not suite:
            return "outside the tests"
        done = len(self.ran.get(suite, []))
        names = (self.planned or {}).get(suite, [])
        return f"{suite}.{names[done]}" if done < len(names) else suite

    def decide(self, by: str, how: str) -> None:
        if self.decided is None:
            self.decided = Verdict(by, " ".join(how.split())[:300])

    def feed(self, line: str) -> None:
        text = STAMP.sub("", line.rstrip("\r\n"))
        match = JOB.match(text)
        if match and match[1] == "begin":
            self.began = True
        elif self.began and not self.decided:
            self.last = text.strip() or self.last
            self.look_for_complaint(text)
            self.look_for_results(line)
            if match and match[2]:
                self.decide("the job", match[2])
            elif match:
                self.end_of_job()

    def look_for_complaint(self, text: str) -> None:
        kind = kernel_log.classify(text)
        if kind and not self.complaint:
            self.complaint = f"{kind}: {text.strip()}"
        if kind in FATAL:
            self.decide(self.current(), f"{kind}: {text.strip()}")
        if self.complaint:
            self.patience -= 1
            if not self.patience:
                self.decide(self.current(), self.complaint)

    def look_for_results(self, line: str) -> None:
        for row in self.reader.feed(line):
            suite, _, case = row.name.partition(".")
            self.ran.setdefault(suite, []).append(case)
            if row.result == "fail":
                self.decide(row.name, self.complaint or row.reason)
            elif self.complaint:
                self.decide(row.name, self.complaint)

    def missing(self) -> List[str]:
        """The cases that were run on the unmodified sources, and not here."""
        return [f"{suite}.{case}" for suite, cases in (self.planned or {}).items()
                for case in cases if case not in self.ran.get(suite, [])]

    def end_of_job(self) -> None:
        if self.complaint:
            self.decide("the kernel's log", self.complaint)
        elif not self.ran:
            self.decide("the job", "no test was run")
        elif self.missing():
            self.decide(self.missing()[0], "was not run")
        else:
            self.decide("", "")

    def end_of_console(self, deadline: bool) -> Verdict:
        """The verdict once the kernel is gone."""
        if self.decided is None and deadline:
            self.decide(self.current(), self.complaint or f"hang: not done in time: {self.last}")
        elif self.decided is None:
            self.decide(self.current(), self.complaint or f"the kernel ended: {self.last}")
        assert self.decided is not None
        return self.decided
