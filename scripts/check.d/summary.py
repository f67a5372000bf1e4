#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns the rows of a check into its report.

usage: summary.py ROWS REPORT

Writes REPORT, repeats the failures and skips, and prints the counts as the last
line. Exit status 1 where a test failed or none passed.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Dict, List

FIELDS = ("name", "level", "result", "seconds", "reason")
RESULTS = ("pass", "fail", "skip")


def parse(line: str) -> Dict:
    """One row; a result that is none of ours is taken as a failure."""
    row: Dict = dict(zip(FIELDS, line.split("\t")))
    row["seconds"] = float(row["seconds"])
    if row["result"] not in RESULTS:
        row.update(result="fail", reason=f"unknown result {row['result']!r}")
    return row


def read(path: Path) -> List[Dict]:
    """All rows; none where not even one test got as far as that."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    return [parse(line) for line in text.split("\n") if line]


def show(rows: List[Dict], result: str) -> None:
    """The rows of one result, so that nobody has to scroll for them."""
    for row in rows:
        if row["result"] == result:
            print(f"{result}: {row['level']}: {row['name']}: {row['reason']}")


def main(arguments: List[str]) -> int:
    if len(arguments) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    rows = read(Path(arguments[0]))
    count = Counter(row["result"] for row in rows)
    report = {
        "passed": count["pass"],
        "failed": count["fail"],
        "skipped": count["skip"],
        "seconds": round(sum(row["seconds"] for row in rows), 3),
        "tests": rows,
    }
    Path(arguments[1]).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    show(rows, "skip")
    show(rows, "fail")
    print(f"{count['pass']} passed, {count['fail']} failed, {count['skip']} skipped")
    return 0 if count["pass"] and not count["fail"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
