#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Compares what became of TTM's own tests by the kernel's moves and by the worker's.

usage: upstream.py REPORT MODE=CONSOLE...

Reads the consoles of kernels that have run the tests. Prints a table, a column for each
MODE, and the tests that failed or did not end as in the first one; writes REPORT. Each
set of parameters of a test counts. What TTM complains about has to be the same as well:
its tests do not look whether what they made can be torn down. Exit status 0 where all
ended in the same way, and none failed.
"""

import json
import re
import sys
from collections import Counter
from typing import Dict, Iterable, List

import ktap

PARAMETER = re.compile(r"^        (not )?ok \d+ (?:- )?(.*?)( # SKIP.*)?$")
COMPLAINT = re.compile(r"(\[TTM\] .*)")
ADDRESS = re.compile(r"\b0x[0-9a-f]+")
RESULTS = ("pass", "fail", "skip")
# The suite that looks whether the others have moved by the worker: not one of TTM's own.
WATCHER = "ttm_upstream."
MISSING = "none"


def result(failed: object, skipped: object) -> str:
    """What became of a test."""
    return "fail" if failed else "skip" if skipped is not None else "pass"


def read(lines: Iterable[str]) -> Dict[str, str]:
    """The result of each test, and of each of its sets of parameters."""
    results: Dict[str, str] = {}
    suite = ""
    parameters: Dict[str, str] = {}
    for line in lines:
        stamped = ktap.STAMP.match(line.rstrip("\r\n"))
        text = stamped[2] if stamped else line.rstrip("\r\n")
        if match := ktap.SUBTEST.match(text):
            suite, parameters = match[1], {}
        elif match := PARAMETER.match(text):
            parameters[match[2]] = result(match[1], match[3])
        elif (match := ktap.RESULT.match(text)) and match[1]:
            name = f"{suite}.{match[4]}"
            results.update({f"{name}: {key}": value for key, value in parameters.items()}
                           or {name: result(match[2], match[5])})
            parameters = {}
    return results


def read_file(path: str) -> Dict[str, str]:
    """The results in the console at path."""
    with open(path, encoding="utf-8", errors="replace") as console:
        return read(console)


def complaints(path: str) -> Dict[str, int]:
    """How often TTM complains of what in the console at path."""
    with open(path, encoding="utf-8", errors="replace") as console:
        found = (COMPLAINT.search(line.rstrip("\r\n")) for line in console)
        return Counter(ADDRESS.sub("...", match[1]) for match in found if match)


def watched(path: str) -> str:
    """What the watching suite says of the moves in the console at path."""
    with open(path, encoding="utf-8", errors="replace") as console:
        rows = [row for row in ktap.all_rows(console) if row.name.startswith(WATCHER)]
    return next((row.reason for row in rows if row.reason), "nothing is known of the moves")


def table(columns: Dict[str, Dict[str, str]]) -> List[str]:
    """How many tests of each suite passed, and how many in all ended how."""
    own = {mode: {name: value for name, value in column.items() if not name.startswith(WATCHER)}
           for mode, column in columns.items()}
    first = next(iter(own.values()))
    lines = ["{:28}".format("moves") + "".join(f"{mode:>8}" for mode in own)]
    for suite in dict.fromkeys(name.split(".")[0] for name in first):
        counts = [sum(value == "pass" for name, value in column.items()
                      if name.startswith(suite + ".")) for column in own.values()]
        lines.append(f"{suite:28}" + "".join(f"{count:8}" for count in counts))
    for kind in RESULTS:
        counts = [Counter(column.values())[kind] for column in own.values()]
        lines.append(f"{'all: ' + kind:28}" + "".join(f"{count:8}" for count in counts))
    return lines


def differences(columns: Dict[str, Dict[str, str]]) -> List[str]:
    """The tests that failed, or did not end in the same way, with what became of them."""
    names = dict.fromkeys(name for column in columns.values() for name in column)
    found = []
    for name in names:
        ends = {mode: column.get(name, MISSING) for mode, column in columns.items()}
        same = name.startswith(WATCHER) or len(set(ends.values())) == 1
        if not same or "fail" in ends.values():
            found.append(f"{name}: " + ", ".join(f"{mode} {end}" for mode, end in ends.items()))
    return found


def other_complaints(said: Dict[str, Dict[str, int]]) -> List[str]:
    """What TTM complains of not equally often, and how often."""
    return [f"{text}: " + ", ".join(f"{mode} {counts[text]}" for mode, counts in said.items())
            for text in sorted(set().union(*said.values()))
            if len({counts[text] for counts in said.values()}) > 1]


def main(arguments: List[str]) -> int:
    if len(arguments) < 3 or not all("=" in argument for argument in arguments[1:]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    paths = dict(argument.split("=", 1) for argument in arguments[1:])
    columns = {mode: read_file(path) for mode, path in paths.items()}
    moves = {mode: watched(path) for mode, path in paths.items()}
    found = differences(columns)
    found += other_complaints({mode: complaints(path) for mode, path in paths.items()})
    with open(arguments[0], "w", encoding="utf-8") as report:
        json.dump({"tests": columns, "moves": moves, "differences": found}, report, indent=1)
    print("\n".join(table(columns)))
    for mode, said in moves.items():
        print(f"{mode}: {said}")
    for line in found:
        print(f"error: {line}")
    if not all(columns.values()):
        print("error: there were no tests")
    return 1 if found or not all(columns.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
