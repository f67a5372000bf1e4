#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Writes the cover letter of a series, with the numbers of the last reports.

usage: cover.py LETTER REPORTS KERNEL

LETTER is what git format-patch wrote, REPORTS the folder that has run/report.json and
bench/report.json, KERNEL what the series is for. The text is in the file "cover" beside
this script. A report that is missing is missing in the letter, which then says so.
"""

import json
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Optional

from series import HERE, without_licence, wrap

FIGURES = ("p50", "p99", "max")
# The command that writes a report.
COMMANDS = {"run": "make run", "bench": "make bench"}


def read(folder: Path, name: str) -> Optional[Dict]:
    """A report; None where there is none."""
    try:
        return json.loads((folder / name / "report.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def run_table(run: Dict) -> Iterator[str]:
    """How long a caller is blocked."""
    yield (f"Blocked time of a move's caller that has to evict, in QEMU ({run['accel']}), "
           f"Linux {run['kernel']},")
    yield (f"{run['buffers']} buffers of {run['buffer_bytes'] >> 20} MiB, "
           f"{run['vram_bytes'] >> 20} MiB of video memory, us:")
    yield ""
    yield f"  {'':14}" + "".join(f"{figure:>12}" for figure in FIGURES)
    for mode, title in (("sync", "synchronous"), ("async", "move worker")):
        times = run[mode]["evicting_blocked_us"]
        yield f"  {title:14}" + "".join(f"{times[figure]:12,.0f}" for figure in FIGURES)
    yield ""
    yield (f"{run['verified_bytes'] >> 20:,} MiB were verified, of which "
           f"{run['mismatched_bytes']} bytes were wrong.")


def number(value: object) -> str:
    """A figure, which a row may lack."""
    if not isinstance(value, (int, float)):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def bench_table(bench: Dict) -> Iterator[str]:
    """What was measured against what the kernel has."""
    yield "Measured against what the kernel does today; ratio above 1 is ours the better:"
    yield ""
    width = max([len(row["name"]) for row in bench["rows"]] + [4])
    yield f"  {'':{width}}  {'unit':>6}{'ours':>12}{'peer':>12}{'ratio':>8}{'spread':>8}"
    for row in bench["rows"]:
        yield (f"  {row['name']:{width}}  {row['unit']:>6}{number(row.get('ours')):>12}"
               f"{number(row.get('peer')):>12}{number(row.get('ratio')):>8}"
               f"{number(row.get('spread')):>8}")


def numbers(reports: Path) -> Iterator[str]:
    """All numbers."""
    for name, table in (("run", run_table), ("bench", bench_table)):
        report = read(reports, name)
        yield ""
        if report:
            yield from table(report)
        else:
            yield (f"There is no report of {COMMANDS[name]} (out/{name}/report.json), so its "
                   "numbers are missing here.")


def missing(reports: Path) -> List[str]:
    """The commands that were not run."""
    return [COMMANDS[name] for name in COMMANDS if not read(reports, name)]


def letter(text: str, cover: str, kernel: str, reports: Path) -> str:
    """The letter with its text in it."""
    subject, _, body = cover.partition("\n\n")
    blurb = "\n".join([wrap(body.strip()), *numbers(reports), "", f"For {kernel}."])
    return (text.replace("*** SUBJECT HERE ***", subject.strip())
            .replace("*** BLURB HERE ***", blurb))


def main(arguments: List[str]) -> int:
    """The command."""
    if len(arguments) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    path, reports, kernel = Path(arguments[0]), Path(arguments[1]), arguments[2]
    cover = without_licence((HERE / "cover").read_text(encoding="utf-8"))
    path.write_text(letter(path.read_text(encoding="utf-8"), cover, kernel, reports),
                    encoding="utf-8")
    for command in missing(reports):
        print(f"==> the cover letter has no numbers of {command}: run it, then start again",
              file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
