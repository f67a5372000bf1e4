#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""How long i915's moves block their caller, and what survives a failing blitter.

usage: i915_moves.py FOLDER

Reads FOLDER/VARIANT-CASE/share/{trace.txt,walk.txt}, writes FOLDER/report.txt and
FOLDER/report.json, and prints the former.
"""

import json
import os
import re
import sys
from typing import Dict, Iterable, List, NamedTuple, Optional

VARIANTS = ("pristine", "integrated")
# Cases whose times count, and the one whose contents do.
TIMED = {"dead": "no engine runs", "alive": "the blitter copies"}
FAILING = "failing"
# What of a distribution is shown.
FIGURES = ("mean_us", "p50_us", "p99_us")
# To where: TTM_PL_SYSTEM is 0.
KINDS = ("eviction", "into local memory")
EVENT = re.compile(r"\s*(?P<task>\S+-\d+)\s.*?\s(?P<seconds>\d+\.\d+): "
                   r"(?P<what>\w+?)_(?P<edge>begin|end): (?P<rest>.*)")


class RunError(Exception):
    """A run that cannot be evaluated; the text says what to do."""


class Move(NamedTuple):
    """One call of the driver's move(), in microseconds."""
    kind: str
    us: float
    pages_us: float


def kind_of(arguments: str) -> str:
    """What a move is for. The rest are those of objects without pages, and migrations."""
    if "evict=1" in arguments:
        return KINDS[0]
    return "other" if "to=0" in arguments else KINDS[1]


class Task:
    """What a task is in the middle of."""

    def __init__(self) -> None:
        self.began: Dict[str, float] = {}
        self.kind = ""
        self.pages_us = 0.0

    def begin(self, what: str, now: float, rest: str) -> None:
        """A function is entered."""
        self.began[what] = now
        if what == "move":
            self.kind = kind_of(rest)
            self.pages_us = 0.0

    def end(self, what: str, now: float) -> Optional[Move]:
        """A function is left: the move, if it was one."""
        if what not in self.began:
            return None
        took = now - self.began.pop(what)
        if what == "move":
            return Move(self.kind, took, self.pages_us)
        if "move" in self.began:
            self.pages_us += took
        return None


def parse_trace(lines: Iterable[str]) -> List[Move]:
    """The moves of a trace, in the order in which they returned."""
    tasks: Dict[str, Task] = {}
    moves = []
    for line in lines:
        match = EVENT.match(line)
        if not match:
            continue
        task = tasks.setdefault(match["task"], Task())
        now = float(match["seconds"]) * 1e6
        if match["edge"] == "begin":
            task.begin(match["what"], now, match["rest"])
            continue
        move = task.end(match["what"], now)
        if move:
            moves.append(move)
    return moves


def parse_walk(text: str) -> dict:
    """What lmem-walk reported: its last line."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise RunError("lmem-walk did not finish: see console.log")
    return json.loads(lines[-1])


def quantile(values: List[float], part: float) -> float:
    """The smallest value that so large a part of them does not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * part))]


def summary(values: List[float]) -> Optional[dict]:
    """Of a list of times."""
    if not values:
        return None
    return {"moves": len(values), "mean_us": round(sum(values) / len(values), 1),
            "p50_us": round(quantile(values, 0.5), 1),
            "p99_us": round(quantile(values, 0.99), 1), "max_us": round(max(values), 1)}


def read(folder: str, name: str) -> str:
    """A file that a guest left."""
    path = os.path.join(folder, "share", name)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}): "
                       f"see {folder}/console.log") from error


def evaluate_times(folder: str) -> dict:
    """The times of one guest."""
    moves = parse_trace(read(folder, "trace.txt").splitlines())
    result = {}
    for kind in KINDS:
        some = [move for move in moves if move.kind == kind]
        result[kind] = summary([move.us for move in some])
        result[kind + ", without its pages"] = summary(
            [move.us - move.pages_us for move in some])
    return result


def evaluate(folder: str) -> dict:
    """All of a run."""
    result: dict = {}
    for variant in VARIANTS:
        for case in (*TIMED, FAILING):
            guest = os.path.join(folder, f"{variant}-{case}")
            if not os.path.isdir(guest):
                continue
            entry = {"walk": parse_walk(read(guest, "walk.txt"))}
            if case in TIMED:
                entry["blocked"] = evaluate_times(guest)
            result.setdefault(case, {})[variant] = entry
    return result


def time_row(kind: str, times: Dict[str, Optional[dict]]) -> str:
    """A kind of moves, pristine against integrated."""
    cells = [f"{kind:32}"]
    for variant in VARIANTS:
        one = times.get(variant)
        cells.append(" ".join(f"{one[key]:10,.0f}" for key in FIGURES) if one
                     else f"{'-':>32}")
    both = [times.get(variant) for variant in VARIANTS]
    if all(both):
        cells.append("".join(f"{both[0][key] / both[1][key]:8.1f}x"
                             for key in FIGURES))
    return "  ".join(cells)


def time_table(case: str, entries: dict) -> List[str]:
    """The times of one case."""
    size = next(iter(entries.values()))["walk"]["object_bytes"] // 2**20
    lines = [f"{TIMED[case]}: caller blocked per move of {size} MiB, us",
             f"{'':32}  {'pristine':>32}  {'integrated':>32}  {'times less':>26}",
             f"{'':32}" + f"  {'mean':>10} {'p50':>10} {'p99':>10}" * 2
             + f"  {'mean':>8}{'p50':>9}{'p99':>9}"]
    kinds = next(iter(entries.values()))["blocked"]
    for kind in kinds:
        # Only what goes out of local memory gets pages.
        if kind.startswith("eviction") or "without" not in kind:
            lines.append(time_row(kind, {variant: entry["blocked"][kind]
                                         for variant, entry in entries.items()}))
    return lines


def loss_table(case: str, entries: dict) -> List[str]:
    """What was lost."""
    lines = [f"{case}: bytes verified, and of these lost"]
    for variant, entry in entries.items():
        walk = entry["walk"]
        lines.append(f"{variant:32}  {walk['verified_bytes']:>21,}"
                     f"  {walk['mismatched_bytes']:>21,}")
    return lines


def table(result: dict) -> str:
    """The report for people."""
    lines = []
    for case, entries in result.items():
        if case in TIMED:
            lines += time_table(case, entries) + [""]
    for case, entries in result.items():
        title = TIMED.get(case, "some copies of the blitter fail")
        lines += loss_table(title, entries) + [""]
    return "\n".join(lines)


def lost(result: dict) -> int:
    """Bytes that the integrated driver lost."""
    return sum(entries.get("integrated", {"walk": {"mismatched_bytes": 0}})
               ["walk"]["mismatched_bytes"] for entries in result.values())


def main() -> int:
    """The command."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    folder = sys.argv[1]
    try:
        result = evaluate(folder)
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    text = table(result)
    with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    with open(os.path.join(folder, "report.txt"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text, end="")
    if lost(result):
        print("error: the integrated driver lost bytes", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
