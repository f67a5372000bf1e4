#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Turns the samples of scripts/bench in a folder into a table, report.json and plots."""

import argparse
import json
import os
import sys
from typing import Dict, List, NamedTuple, Optional

from bench_samples import (Row, SampleError, alone, as_dict, compare, distinct, median,
                           parse_guest, parse_kernel, per_item, select)
from chart import draw

CPUS = (1, 2)
# In TTM's words, what is compared with.
PEERS = {"ttm": "ttm_move_memcpy", "plain": "memcpy"}
TIMES = {"hook_ns": "caller blocked in move()", "call_ns": "caller blocked by TTM's call",
         "all_ns": "CPU time"}


def size(count: int) -> str:
    """Bytes, for people."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:g} {name}"
    return f"{count:g} B"


# User-Mode Linux

def ways(samples: List[dict], member: str, peer: str = "ttm") -> tuple:
    """The same member of the worker's samples and of the peer's."""
    return tuple(per_item(select(samples, way=way), member) for way in ("worker", peer))


def copy_rows(samples: List[dict]) -> List[Row]:
    """The copy loop against TTM's, and against memcpy()."""
    rows = []
    for bytes_ in distinct(select(samples, bench="copy"), "bytes"):
        for direction in ("in", "out"):
            some = select(samples, bench="copy", bytes=bytes_, dir=direction)
            rows += [compare(f"copy {direction} {size(bytes_)} / {name}", "GB/s",
                             *ways(some, "ns", peer), amount=bytes_)
                     for peer, name in PEERS.items()]
    return rows


def move_rows(samples: List[dict]) -> List[Row]:
    """Moves of one object against ttm_bo_move_memcpy()."""
    rows = []
    for bytes_ in distinct(select(samples, bench="move"), "bytes"):
        for direction in ("in", "out"):
            some = select(samples, bench="move", bytes=bytes_, dir=direction)
            what = f"{direction} {size(bytes_)}"
            rows += [compare(f"{name} {what}", "us", *ways(some, member))
                     for member, name in TIMES.items()]
            rows.append(compare(f"throughput {what}", "GB/s", *ways(some, "done_ns"),
                                amount=bytes_))
    return rows


def several_rows(samples: List[dict]) -> List[Row]:
    """The calls for several moves in a row."""
    rows = []
    for bytes_ in distinct(select(samples, bench="several"), "bytes"):
        for direction in ("in", "out"):
            some = select(samples, bench="several", bytes=bytes_, dir=direction)
            rows.append(compare(f"{TIMES['hook_ns']} {direction} {size(bytes_)}, four in a row",
                                "us", *ways(some, "hook_ns")))
    return rows


def rate_rows(samples: List[dict]) -> List[Row]:
    """Small moves in a second."""
    return [compare(f"4 KiB moves, {window} in flight", "1/s",
                    *ways(select(samples, bench="rate", window=window), "ns"), amount=1e9)
            for window in distinct(select(samples, bench="rate"), "window")]


def flight_rows(samples: List[dict]) -> List[Row]:
    """What a job costs, against what it costs with the fewest in flight."""
    rows = []
    for bench, member, what in (("beside", "ns", "whole life of a job beside"),
                                ("burst", "submit_ns", "create and arm, of a burst of"),
                                ("burst", "finish_ns", "copy and retire, of a burst of")):
        first = None
        for count in distinct(select(samples, bench=bench), "in_flight"):
            times = per_item(select(samples, bench=bench, in_flight=count), member)
            first = median(times) if first is None else first
            rows.append(alone(f"{what} {count}", "ns", times, first))
    return rows


# QEMU

def big_rows(samples: List[dict], where: str) -> List[Row]:
    """One big move, against the caller's own, and by more CPUs against one."""
    rows = []
    some = select(samples, bench="big")
    for direction in ("in", "out"):
        both = select(some, dir=direction)
        ttm = select(both, way="ttm")
        one = select(both, way="worker", cpus=1)
        what = f"big move {direction} {size(both[0]['bytes'])}, {where}"
        rows.append(compare(f"caller blocked, {what}", "us", per_item(one, "blocked_ns"),
                            per_item(ttm, "blocked_ns")))
        for cpus in distinct(select(both, way="worker"), "cpus"):
            ours = per_item(select(both, way="worker", cpus=cpus), "done_ns")
            rows.append(compare(f"{what}, by {cpus} / ttm_bo_move_memcpy", "us", ours,
                                per_item(ttm, "done_ns")))
            if cpus > 1:
                rows.append(compare(f"{what}, by {cpus} / by 1", "us", ours,
                                    per_item(one, "done_ns")))
    return rows


def latency_rows(samples: List[dict], where: str) -> List[Row]:
    """A small move beside a big one, against alone: the ratio says what part of its speed
    it keeps."""
    some = select(samples, bench="latency")
    big = max(distinct(some, "beside"))
    name = f"latency of {size(some[0]['bytes'])} beside {size(big)} / alone, {where}"
    return [compare(name, "us", per_item(select(some, beside=big), "done_ns"),
                    per_item(select(some, beside=0), "done_ns"))]


def fill_rows(samples: List[dict], where: str) -> List[Row]:
    """An application that allocates and fills more than fits."""
    some = select(samples, bench="fill")
    return [compare(f"allocate and fill, {ahead} ahead, {where}", "us",
                    *ways(select(some, ahead=ahead), "ns"))
            for ahead in distinct(some, "ahead")]


def guest_rows(samples: List[dict]) -> List[Row]:
    """All of one guest."""
    where = f"{samples[0]['cpus']} vCPU"
    return [*big_rows(samples, where), *latency_rows(samples, where),
            *fill_rows(samples, where)]


# What is asked of the worker

class Target(NamedTuple):
    """A ratio that is asked for: what, how much, and the rows whose worst counts."""
    what: str
    asked: float
    rows: List[Row]
    value: Optional[float] = None

    def reached(self) -> Optional[float]:
        """The worst of the ratios; None where nothing was measured."""
        if self.value is not None:
            return self.value
        return min((row.ratio for row in self.rows), default=None)


def starting(rows: List[Row], *beginnings: str) -> List[Row]:
    """The rows whose names begin so."""
    return [row for row in rows if row.name.startswith(beginnings)]


def flatness(rows: List[Row]) -> Optional[float]:
    """The cheapest job against the dearest."""
    costs = [row.ours for row in starting(rows, "whole life of a job")]
    return min(costs) / max(costs) if costs else None


def large_copies(rows: List[Row], peer: str) -> List[Row]:
    """The copies of 8 MiB and more."""
    return [row for row in starting(rows, "copy ")
            if row.name.endswith(f"/ {peer}") and
            (" GiB" in row.name or (" MiB" in row.name and " 1 MiB" not in row.name))]


def targets(rows: List[Row]) -> List[Target]:
    """All that is asked."""
    blocked = TIMES["hook_ns"]
    return [
        Target("caller blocked, 64 MiB: times shorter", 1000, [
            row for row in starting(rows, blocked) if row.name.endswith(" 64 MiB")]),
        Target("caller blocked, 64 MiB, four in a row", 1000, [
            row for row in starting(rows, blocked)
            if row.name.endswith(" 64 MiB, four in a row")]),
        Target("caller blocked, 4 KiB: at most twice", 0.5, [
            row for row in starting(rows, blocked) if row.name.endswith(" 4 KiB")]),
        Target("copy, 8 MiB and more, of ttm_move_memcpy", 1.0,
               large_copies(rows, PEERS["ttm"])),
        Target("copy, 8 MiB and more, of memcpy", 0.95, large_copies(rows, PEERS["plain"])),
        Target("4 KiB moves, one by one, of synchronous", 0.5,
               starting(rows, "4 KiB moves, 1 in")),
        Target("4 KiB moves, eight in flight, of synchronous", 0.9,
               starting(rows, "4 KiB moves, 8 in")),
        Target("cost per job, flat within 20 %", 1 / 1.2, [], flatness(rows)),
        Target("big move, two CPUs against one", 1.7, [
            row for row in starting(rows, "big move") if row.name.endswith("by 2 / by 1")]),
        Target("allocate and fill, 2 vCPUs, of synchronous", 1.5,
               starting(rows, "allocate and fill, 4 ahead, 2 vCPU")),
        Target("allocate and fill, 1 vCPU, of synchronous", 0.9,
               starting(rows, "allocate and fill, 4 ahead, 1 vCPU")),
    ]


def verdict(target: Target) -> str:
    """Whether it is reached."""
    value = target.reached()
    if value is None:
        return "not measured"
    return "yes" if value >= target.asked else "no"


# Output

def columns(lines: List[List[str]]) -> List[str]:
    """The first column to the left, all others to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join([line[0].ljust(widths[0])] + [
        cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]).rstrip()
        for line in lines]


def number(value: Optional[float]) -> str:
    """Four digits, for people."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def row_table(rows: List[Row]) -> List[str]:
    """All rows."""
    return columns([["", "unit", "ours", "peer", "ratio", "spread"]] + [
        [row.name, row.unit, number(row.ours), number(row.peer), number(row.ratio),
         f"{100 * row.spread:.0f} %"] for row in rows])


def target_table(rows: List[Row]) -> List[str]:
    """What is asked, and what was reached."""
    return columns([["", "asked", "measured", "reached"]] + [
        [target.what, f">= {target.asked:.3g}", number(target.reached()), verdict(target)]
        for target in targets(rows)])


def table(report: dict) -> str:
    """The report for people."""
    rows = [Row(**row) for row in report["rows"]]
    lines = [report["about"], ""] + row_table(rows)
    for part, reason in report["skipped"].items():
        lines.append(f"{part}: skipped: {reason}")
    lines += ["", "Medians of samples that were taken in turns. A ratio says how many times"
              " better ours is;", "it is the median of the pairs' ratios, and spread the"
              " distance of their quartiles."]
    if report["small"]:
        return "\n".join([*lines, "", "A quick run, only to see that all works: compare nothing."])
    return "\n".join([*lines, "", *target_table(rows)])


def plot(folder: str, name: str, *arguments: object, **more: object) -> None:
    """One picture."""
    with open(os.path.join(folder, name), "w", encoding="utf-8") as target:
        target.write(draw(*arguments, **more))


def lines_by_size(samples: List[dict], bench: str, direction: str, member: str, show) -> Dict:
    """For each way, what show makes of the median at each size."""
    series: Dict = {}
    some = select(samples, bench=bench, dir=direction)
    for way in distinct(some, "way"):
        series[f"{way}, {direction}"] = [
            (bytes_, show(bytes_, max(median(per_item(select(some, way=way, bytes=bytes_),
                                                      member)), 1)))
            for bytes_ in distinct(some, "bytes")]
    return series


def uml_plots(folder: str, samples: List[dict]) -> None:
    """Copies, blocked time, and cost per job."""
    def both(bench: str, member: str, show) -> Dict:
        return {**lines_by_size(samples, bench, "in", member, show),
                **lines_by_size(samples, bench, "out", member, show)}

    plot(folder, "copy.svg", "The copy loop", "size", "GB/s",
         both("copy", "ns", lambda bytes_, ns: bytes_ / ns), x_base=4, show_x=size)
    plot(folder, "blocked.svg", "How long a move blocks its caller", "size", "µs",
         both("move", "hook_ns", lambda bytes_, ns: ns / 1e3), x_base=4, show_x=size)
    series = {row: [(count, median(per_item(select(samples, bench=bench, in_flight=count),
                                            member)))
                    for count in distinct(select(samples, bench=bench), "in_flight")]
              for bench, member, row in (("beside", "ns", "whole life, beside"),
                                         ("burst", "submit_ns", "create and arm"),
                                         ("burst", "finish_ns", "copy and retire"))}
    plot(folder, "flight.svg", "What a job costs", "jobs in flight", "ns", series)


# Input

def read_lines(path: str) -> List[str]:
    """The lines of a file; none where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.readlines()
    except FileNotFoundError:
        return []


def demand(samples: List[dict], where: str, *kinds: str) -> List[dict]:
    """The samples, if there are some of each kind: what is missing is no result."""
    for kind in kinds:
        if not select(samples, bench=kind):
            raise SampleError(f"{where} has no samples of '{kind}'")
    return samples


def kernel_samples(folder: str) -> List[dict]:
    """Those of User-Mode Linux; none where it was left out."""
    path = os.path.join(folder, "uml", "console.log")
    if not os.path.isdir(os.path.dirname(path)):
        return []
    return demand(parse_kernel(read_lines(path)), path, "copy", "move", "several", "rate",
                  "beside", "burst")


def guest_samples(folder: str, cpus: int) -> List[dict]:
    """Those of a guest; none where it was left out."""
    path = os.path.join(folder, f"qemu-{cpus}", "share", "bench.jsonl")
    if not os.path.isdir(os.path.join(folder, f"qemu-{cpus}")):
        return []
    return demand(parse_guest(read_lines(path)), path, "device", "big", "latency", "fill")


def copy_report(folder: str) -> dict:
    """What scripts/bench-copy says, where it was run."""
    text = "".join(read_lines(os.path.join(folder, "copy", "report.json")))
    return json.loads(text) if text else {"rows": []}


def copy_table(folder: str) -> List[Row]:
    """Its rows."""
    rows = copy_report(folder)["rows"]
    return [Row("user space: " + row["name"], row["unit"], row["ours"], row.get("peer"),
                row.get("ratio"), row.get("spread") or 0.0) for row in rows]


def skipped(folder: str) -> Dict[str, str]:
    """What was not measured, and why."""
    reason = "".join(read_lines(os.path.join(folder, "copy.skipped"))).strip()
    found = {"copy": reason} if reason else {}
    for part, path in (("uml", "uml"), ("qemu", "qemu-1"), ("copy", "copy")):
        if part not in found and not os.path.isdir(os.path.join(folder, path)):
            found[part] = "PARTS leaves it out"
    for what, why in copy_report(folder).get("skipped", {}).items():
        found[f"copy, {what}"] = why
    return found


def evaluate(folder: str, accel: str, small: bool) -> dict:
    """Everything: the content of report.json. Draws the plots."""
    kernel = kernel_samples(folder)
    rows: List[Row] = []
    if kernel:
        rows += (copy_rows(kernel) + move_rows(kernel) + several_rows(kernel)
                 + rate_rows(kernel) + flight_rows(kernel))
        uml_plots(folder, kernel)
    for cpus in CPUS:
        guest = guest_samples(folder, cpus)
        rows += guest_rows(guest) if guest else []
    rows += copy_table(folder)
    return {"about": f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the end; QEMU by"
                     f" {accel}", "small": small, "rows": as_dict(rows),
            "targets": [] if small else [
                {"what": target.what, "asked": target.asked, "measured": target.reached(),
                 "reached": verdict(target)} for target in targets(rows)],
            "skipped": skipped(folder)}


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accel", default="unknown", help="what ran the guests: kvm or tcg")
    parser.add_argument("--small", type=int, default=0, help="1: a quick run, judge nothing")
    parser.add_argument("folder", help="the folder of scripts/bench")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    try:
        report = evaluate(arguments.folder, arguments.accel, bool(arguments.small))
    except (OSError, ValueError, KeyError, SampleError) as error:
        print(f"bench.py: error: {error}; run scripts/bench again", file=sys.stderr)
        return 1
    if not report["rows"]:
        print(f"bench.py: error: {arguments.folder} has no samples; run scripts/bench first",
              file=sys.stderr)
        return 1
    text = table(report)
    for name, content in (("report.json", json.dumps(report, indent=1)), ("report.txt", text)):
        with open(os.path.join(arguments.folder, name), "w", encoding="utf-8") as target:
            target.write(content + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
