#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""The table of a series of patches.

usage: report.py WORK OUT KERNEL

Reads WORK/rows.tsv, a patch on each line, and WORK/verdicts.tsv, what was found of the
whole series; prints the table, and leaves it in OUT/report.txt and OUT/report.json. Exit
status 1 where something is not right.
"""

import json
import sys
from pathlib import Path
from typing import Dict, Iterator, List

FIELDS = ("file", "subject", "files", "added", "removed", "complaints", "build", "kunit")
NUMBERS = ("files", "added", "removed", "complaints")
# What is found of a series, and how it is said.
VERDICTS = {"fits": "every rule of the semantic patches changes something",
            "apply": "git am, on the kernel as it comes",
            "compare": "the same files as the overlay makes"}


def read_rows(text: str) -> List[Dict]:
    """The patches."""
    rows = [dict(zip(FIELDS, line.split("\t"))) for line in text.splitlines()]
    return [{**row, **{key: int(row[key]) for key in NUMBERS}} for row in rows]


def read_verdicts(text: str) -> Dict[str, str]:
    """What was found of the series; what nobody came to did not pass."""
    found = dict(line.split("\t") for line in text.splitlines())
    return {name: found.get(name, "not run") for name in VERDICTS}


def table(report: Dict) -> Iterator[str]:
    """The lines for people."""
    rows = report["patches"]
    width = max(len(row["subject"]) for row in rows)
    yield (f"{'patch':{width}}  {'files':>5} {'added':>6} {'removed':>7} {'checkpatch':>10} "
           f"{'build':>6} {'kunit':>14}")
    for row in rows:
        yield (f"{row['subject']:{width}}  {row['files']:5} {row['added']:6} "
               f"{row['removed']:7} {row['complaints'] or 'clean':>10} {row['build']:>6} "
               f"{row['kunit']:>14}")
    yield ""
    yield f"{len(rows)} patches for {report['kernel']}"
    for name, result in report["verdicts"].items():
        yield f"{VERDICTS[name]}: {result}"


def is_fine(report: Dict) -> bool:
    """Whether the series can be sent."""
    return (bool(report["patches"]) and set(report["verdicts"].values()) == {"pass"}
            and not any(row["complaints"] or row["build"] == "fail"
                        or row["kunit"].startswith("fail") for row in report["patches"]))


def main(arguments: List[str]) -> int:
    """The command."""
    if len(arguments) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    work, out = map(Path, arguments[:2])
    report = {"kernel": arguments[2],
              "patches": read_rows((work / "rows.tsv").read_text(encoding="utf-8")),
              "verdicts": read_verdicts((work / "verdicts.tsv").read_text(encoding="utf-8"))}
    lines = "\n".join(table(report)) + "\n"
    print(lines, end="")
    (out / "report.txt").write_text(lines, encoding="utf-8")
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if not is_fine(report):
        print(f"error: this series is not fit to be sent: see above, and the logs in {out}",
              file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
