#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns the results of vttm-test into rows of a check.

usage: tap.py FOLDER ROWS [WHERE]

Reads every NAME.tap in FOLDER. Each test becomes a row: it is printed, and appended to
the file ROWS, with WHERE in front of its name if that is given. A folder without results, and results without the plan that ends them,
become failed rows. Exit status 0 where all results were read, whatever the rows say.
"""

import os
import re
import sys
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple

SECONDS = re.compile(r"^# (\d+\.\d+) s$")
RESULT = re.compile(r"^(not )?ok \d+ - (\S+)(?: # SKIP ?(.*))?$")
PLAN = re.compile(r"^1\.\.(\d+)$")
LEVEL = os.environ.get("LEVEL", "stock")


class Row(NamedTuple):
    """One test, as scripts/lib/rows.sh writes it."""
    name: str
    result: str
    seconds: float
    reason: str = ""


def row(match: "re.Match[str]", prefix: str, seconds: float, said: str) -> Row:
    """The row of a result; said is the last comment before it."""
    name = f"{prefix}: {match[2]}"
    if match[1]:
        return Row(name, "fail", seconds, said)
    if match[3] is not None:
        return Row(name, "skip", seconds, match[3] or "no reason given")
    return Row(name, "pass", seconds)


def rows_of(prefix: str, lines: Iterable[str]) -> Iterator[Row]:
    """The rows of one file of results."""
    seconds, said, results, planned = 0.0, "", 0, -1
    for line in map(str.rstrip, lines):
        if match := SECONDS.match(line):
            seconds = float(match[1])
        elif match := RESULT.match(line):
            results += 1
            yield row(match, prefix, seconds, said)
            seconds, said = 0.0, ""
        elif match := PLAN.match(line):
            planned = int(match[1])
        elif line:
            said = line.lstrip("# ")
    if planned != results or not results:
        yield Row(f"{prefix}: all tests end", "fail", 0.0,
                  f"{results} did, and then: {said or 'nothing'}")


def all_rows(folder: Path, where: str = "") -> Iterator[Row]:
    """The rows of all files of results in the folder."""
    files = sorted(folder.glob("*.tap"))
    for file in files:
        yield from rows_of(where + file.stem, file.read_text(errors="replace").splitlines())
    if not files:
        yield Row(f"{where}tests run", "fail", 0.0, f"there are no results in {folder}")


def main(arguments: List[str]) -> int:
    if len(arguments) not in (2, 3):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    with open(arguments[1], "a", encoding="utf-8") as rows:
        for each in all_rows(Path(arguments[0]), "".join(f"{w}: " for w in arguments[2:])):
            why = f" -- {each.reason}" if each.reason else ""
            print(f"{each.result}  {each.seconds:7.1f} s  {LEVEL}: {each.name}{why}", flush=True)
            print(each.name, LEVEL, each.result, f"{each.seconds:.3f}",
                  each.reason.replace("\t", " "), sep="\t", file=rows)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
