#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""How fast bytes move, from what copy-bench measured.

usage: bench_copy.py OUT

Reads OUT/measurements.tsv. Prints a table; writes it to OUT/report.txt, OUT/report.json
for programs, and OUT/bench-copy.svg, a picture. Exit status 0 where there was anything to
report.
"""

import json
import sys
from pathlib import Path
from statistics import median, quantiles
from typing import Dict, Iterable, List, NamedTuple, Tuple

from timeline import Picture

PEERS = {"memcpy": "memcpy()", "present": "the kernel's present loop"}

COLOURS = ("#9e9e9e", "#4d4d4d", "#c5b0d5", "#f2c572", "#9ecae1", "#4292c6", "#08519c")
BAR, GROUP_GAP, PANEL, LEFT, TOP = 14, 18, 150, 60, 70


class Case(NamedTuple):
    """What is moved, and how."""
    memory: str
    direction: str
    granule: int
    threads: int

    @property
    def name(self) -> str:
        """For people."""
        where = self.direction if self.memory == "ram" else f"{self.direction} ({self.memory})"
        plural = "" if self.threads == 1 else "s"
        return f"{where}, {size(self.granule)} at once, {self.threads} thread{plural}"


# GB/s of each repetition, by the way that the bytes took.
Speeds = Dict[str, Dict[int, float]]


class Measured(NamedTuple):
    """All of it."""
    about: Dict[str, str]
    skipped: Dict[str, str]
    cases: Dict[Case, Speeds]


class Row(NamedTuple):
    """What the worker would choose against something else."""
    name: str
    unit: str
    ours: float
    peer: float
    ratio: float
    spread: float


def size(number: int) -> str:
    """Bytes, with the largest unit that divides them."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if number % unit == 0:
            return f"{number // unit} {name}"
    return f"{number} bytes"


def parse(lines: Iterable[str]) -> Measured:
    """What copy-bench printed."""
    measured = Measured({}, {}, {})
    for line in lines:
        kind, *fields = line.rstrip("\n").split("\t")
        if kind == "time":
            repetition, memory, direction, granule, threads, way, moved, spent = fields
            case = Case(memory, direction, int(granule), int(threads))
            speeds = measured.cases.setdefault(case, {}).setdefault(way, {})
            speeds[int(repetition)] = int(moved) / int(spent)
        elif kind in ("about", "skip"):
            (measured.about if kind == "about" else measured.skipped)[fields[0]] = fields[1]
    return measured


def spread_of(values: List[float]) -> float:
    """The middle half of the values, as a part of their median."""
    low, _, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / median(values)


def row(case: Case, speeds: Speeds, ours: str, peer: str) -> Row:
    """The ratio is taken within each repetition, in which both had the same neighbours."""
    ratios = [speeds[ours][repetition] / value
              for repetition, value in speeds[peer].items()]
    return Row(f"{case.name}: {ours} against {PEERS[peer]}", "GB/s",
               round(median(speeds[ours].values()), 3), round(median(speeds[peer].values()), 3),
               round(median(ratios), 3), round(spread_of(ratios), 3))


def rows_of(measured: Measured) -> List[Row]:
    """What the worker would choose here, against each of the others."""
    return [row(case, speeds, chosen(measured, case), peer)
            for case, speeds in measured.cases.items()
            for peer in PEERS if peer in speeds]


def chosen(measured: Measured, case: Case) -> str:
    """The routine that the worker would take."""
    return measured.about[f"chosen {case.direction}"]


def ways_of(measured: Measured) -> List[str]:
    """All ways, in the order in which they were measured."""
    ways: Dict[str, None] = {}
    for speeds in measured.cases.values():
        ways.update(dict.fromkeys(speeds))
    return list(ways)


def table_line(measured: Measured, case: Case, ways: List[str]) -> str:
    """The speeds of one case, and how the choice compares."""
    speeds, best = measured.cases[case], chosen(measured, case)
    cells = [f"{case.name:42}"]
    for way in ways:
        mark = "*" if way == best else " "
        cells.append(f"{median(speeds[way].values()):9.2f}{mark}" if way in speeds
                     else f"{'-':>9} ")
    for peer in PEERS:
        one = row(case, speeds, best, peer) if peer in speeds else None
        cells.append(f"{one.ratio:6.2f} ±{50 * one.spread:3.0f} %" if one else f"{'-':>13}")
    return " ".join(cells)


def table(measured: Measured) -> str:
    """The report for people."""
    ways = ways_of(measured)
    lines = [f"GB/s (10^9 bytes per second), medians; * is what the worker chooses; the last "
             f"columns are its ratio to {' and '.join(PEERS.values())}", ""]
    lines.append(" ".join([f"{'':42}"] + [f"{way:>9} " for way in ways]
                          + [f"{'/ ' + peer:>13}" for peer in PEERS]))
    lines += [table_line(measured, case, ways) for case in measured.cases]
    lines.append("")
    lines += [f"{name}: {value}" for name, value in measured.about.items()
              if not name.startswith("chosen ")]
    lines += [f"skipped: {name}: {reason}" for name, reason in measured.skipped.items()]
    return "\n".join(lines) + "\n"


def panels_of(measured: Measured) -> Dict[Tuple[str, str, int], List[Case]]:
    """A panel of the picture for each memory, direction and number of threads."""
    panels: Dict[Tuple[str, str, int], List[Case]] = {}
    for case in measured.cases:
        panels.setdefault((case.memory, case.direction, case.threads), []).append(case)
    return panels


def draw_panel(picture: Picture, y: float, cases: List[Case], measured: Measured) -> None:
    """A group of bars for each granule, all to the same scale."""
    ways = ways_of(measured)
    top = max(median(speeds.values()) for case in cases
              for speeds in measured.cases[case].values())
    first = cases[0]
    picture.text(LEFT, y - 6, first.name.replace(f", {size(first.granule)} at once", ""),
                 font_weight="bold")
    picture.text(LEFT - 6, y + 10, f"{top:.1f}", text_anchor="end")
    picture.text(LEFT - 6, y + PANEL, "0 GB/s", text_anchor="end")
    x = float(LEFT)
    for case in cases:
        picture.text(x, y + PANEL + 14, size(case.granule))
        for way, colour in zip(ways, COLOURS):
            if way in measured.cases[case]:
                speed = median(measured.cases[case][way].values())
                height = PANEL * speed / top
                picture.box(x, y + PANEL - height, BAR, height, colour,
                            f"{way}: {speed:.2f} GB/s")
            x += BAR
        x += GROUP_GAP


def draw(measured: Measured) -> str:
    """The picture."""
    picture = Picture(1)
    picture.text(LEFT, 24, "Moving bytes: GB/s by the bytes moved at once", font_size="16")
    for number, (way, colour) in enumerate(zip(ways_of(measured), COLOURS)):
        picture.box(LEFT + 110 * number, 36, 10, 10, colour)
        picture.text(LEFT + 110 * number + 14, 45, way)
    y = float(TOP + 10)
    for cases in panels_of(measured).values():
        draw_panel(picture, y, cases, measured)
        y += PANEL + 46
    return picture.finish(y)


def report(out: Path) -> int:
    """The command."""
    measured = parse((out / "measurements.tsv").read_text().splitlines())
    if not measured.cases:
        print("bench_copy.py: error: nothing was measured", file=sys.stderr)
        return 1
    speeds = [dict(case._asdict(), routine=way, gb_per_s=round(median(values.values()), 3),
                   spread=round(spread_of(list(values.values())), 3))
              for case, ways in measured.cases.items() for way, values in ways.items()]
    result = {"about": measured.about, "skipped": measured.skipped,
              "rows": [one._asdict() for one in rows_of(measured)], "speeds": speeds}
    (out / "report.json").write_text(json.dumps(result, indent=1) + "\n")
    (out / "bench-copy.svg").write_text(draw(measured))
    text = table(measured)
    (out / "report.txt").write_text(text)
    print(text, end="")
    return 0


def main() -> int:
    """The command line."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    return report(Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
