#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns what must hold in a run's report into rows of a check.

usage: facts.py REPORT ROWS

Every fact becomes a row: it is printed, and appended to the file ROWS. A fact that
cannot be told, because the report lacks what it needs, is a failed row. Exit status 0
where all facts were looked at, whatever the rows say.
"""

import json
import os
import sys
from typing import Callable, Dict, List, NamedTuple

LEVEL = os.environ.get("LEVEL", "stock")


class Fact(NamedTuple):
    """What must hold, and the numbers that say whether it does."""
    name: str
    holds: Callable[[Dict], bool]
    numbers: Callable[[Dict], object]


FACTS = (
    Fact("every byte is as it was written",
         lambda r: r["mismatched_bytes"] == 0,
         lambda r: f"{r['mismatched_bytes']} bytes differ"),
    Fact("three times the video memory is verified",
         lambda r: r["verified_bytes"] >= 3 * r["vram_bytes"] > 0,
         lambda r: f"{r['verified_bytes']} of {r['vram_bytes']} bytes"),
    Fact("the kernel does not complain",
         lambda r: r["kernel_warnings"] == 0,
         lambda r: f"{r['kernel_warnings']} complaints"),
    Fact("the run finds no problem of its own",
         lambda r: r["problems"] == [],
         lambda r: "; ".join(map(str, r["problems"]))),
    Fact("the worker moves buffers",
         lambda r: min(r["async"]["moves"], r["async"]["moved_bytes"]) > 0,
         lambda r: f"{r['async']['moves']} moves"),
    Fact("TTM's own copy moves buffers",
         lambda r: min(r["sync"]["moves"], r["sync"]["moved_bytes"]) > 0,
         lambda r: f"{r['sync']['moves']} moves"),
)


def failure(fact: Fact, report: Dict) -> str:
    """Why the fact does not hold; empty where it does."""
    try:
        return "" if fact.holds(report) else str(fact.numbers(report))
    except (KeyError, TypeError) as error:
        return f"the report cannot tell: {type(error).__name__} {error}"


def read(path: str) -> Dict:
    """The report; empty where there is none, which fails every fact."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        print(f"facts.py: {path}: {error}", file=sys.stderr)
        return {}


def main(arguments: List[str]) -> int:
    if len(arguments) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    report = read(arguments[0])
    with open(arguments[1], "a", encoding="utf-8") as rows:
        for fact in FACTS:
            reason = failure(fact, report)
            result = "fail" if reason else "pass"
            print(f"{result}  {0:7.1f} s  {LEVEL}: {fact.name}" + f" -- {reason}" * bool(reason))
            print(fact.name, LEVEL, result, 0, reason, sep="\t", file=rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
