#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Turns what a guest of scripts/run left in a folder into a table, report.json and
timeline.svg, and judges it."""

import argparse
import json
import os
import sys
from typing import Dict, Iterable, List

import kernel_log
from records import MODES, Move, RecordError, Records, parse_records, parse_trace
from timeline import draw

# How many times the VRAM's size must be verified in each mode.
VERIFIED_TIMES = 3


def percentile(ordered: List[int], percent: int) -> int:
    """The smallest value that at least percent of the values do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def spread_us(values_ns: Iterable[int]) -> Dict[str, float]:
    """Median, 99th percentile and maximum, in microseconds."""
    ordered = sorted(values_ns)
    if not ordered:
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    return {"p50": percentile(ordered, 50) / 1e3, "p99": percentile(ordered, 99) / 1e3,
            "max": ordered[-1] / 1e3}


def copy_seconds(moves: List[Move]) -> float:
    """The time in which the moves of a mode happened: for each round from the first
    call to the last signal. Rewriting and verifying between rounds does not count."""
    rounds: Dict[int, List[Move]] = {}
    for move in moves:
        rounds.setdefault(move.round, []).append(move)
    return sum(max(move.end_ns for move in part) - min(move.start_ns for move in part)
               for part in rounds.values()) / 1e9


def measured(moves: List[Move]) -> List[Move]:
    """The moves whose times count: not those of the warm-up, nor those that the tracer
    slowed down, unless there are no others."""
    return [move for move in moves if move.phase == "measured"] or moves


def mode_report(all_moves: List[Move], totals: dict) -> dict:
    """The numbers of one mode."""
    moves = measured(all_moves)
    evicting = [move for move in moves if move.evicted_bytes]
    moved = sum(move.bytes for move in moves)
    evicted = sum(move.evicted_bytes for move in moves)
    seconds = copy_seconds(moves)
    return {
        "moves": len(moves),
        "other_moves": len(all_moves) - len(moves),
        "moved_bytes": moved,
        "evicted_bytes": evicted,
        "verified_bytes": totals.get("verified_bytes", 0),
        "mismatched_bytes": totals.get("mismatched_bytes", 0),
        "copy_seconds": seconds,
        "throughput_gb_s": (moved + evicted) / seconds / 1e9 if seconds else 0.0,
        "blocked_us": spread_us(move.blocked_ns for move in moves),
        "evicting_moves": len(evicting),
        "evicting_blocked_us": spread_us(move.blocked_ns for move in evicting),
        "fence_latency_us": spread_us(move.end_ns - move.start_ns for move in moves),
    }


def ratio(report: dict, member: str, which: str) -> float:
    """How many times longer the synchronous move blocks its caller."""
    worker = report["async"][member][which]
    return report["sync"][member][which] / worker if worker else 0.0


def problems_of(report: dict, records: Records, finished: bool) -> List[str]:
    """Everything that makes the run a failure."""
    problems = []
    if not finished or not records.complete:
        problems.append("the guest did not finish its work")
    if report["mismatched_bytes"]:
        problems.append(f"{report['mismatched_bytes']} bytes are wrong")
    for mode in MODES if records.complete else ():
        verified = report[mode]["verified_bytes"]
        if verified < VERIFIED_TIMES * report["vram_bytes"]:
            problems.append(f"{mode}: only {verified} bytes were verified,"
                            f" less than {VERIFIED_TIMES} times the VRAM")
    if report["kernel_warnings"]:
        problems.append(f"the kernel complained {report['kernel_warnings']} times,"
                        f" first: {report['kernel_messages'][0]}")
    return problems


def build_report(records: Records, findings: List[kernel_log.Finding],
                 facts: dict, finished: bool) -> dict:
    """The whole content of report.json."""
    modes = {mode: mode_report(records.moves[mode], records.totals.get(mode, {}))
             for mode in MODES}
    report = {
        **facts,
        "vram_bytes": 0, "buffer_bytes": 0,
        **records.device,
        "verified_bytes": sum(mode["verified_bytes"] for mode in modes.values()),
        "mismatched_bytes": sum(mode["mismatched_bytes"] for mode in modes.values()),
        "kernel_warnings": len(findings),
        "kernel_messages": [f"line {f.line}: {f.text}" for f in findings],
        **modes,
    }
    report["blocked_ratio"] = {which: ratio(report, "blocked_us", which)
                               for which in ("p50", "p99", "max")}
    report["problems"] = problems_of(report, records, finished)
    return report


def mib(count: int) -> str:
    """Bytes, for people."""
    return f"{count / 2**20:,.0f} MiB"


def rows(report: dict) -> List[List[str]]:
    """The table: what, with the worker, synchronous, ratio."""
    def row(name: str, show, ratio_text: str = "") -> List[str]:
        return [name, *(show(report[mode]) for mode in MODES), ratio_text]

    def spread(name: str, member: str, ratios: bool) -> List[List[str]]:
        return [row(f"{name} {which}", lambda mode, which=which: f"{mode[member][which]:,.1f} µs",
                    f"{ratio(report, member, which):,.1f}" if ratios else "")
                for which in ("p50", "p99", "max")]

    return [
        ["", "worker", "synchronous", "sync/worker"],
        row("moves measured", lambda mode: f"{mode['moves']:,}"),
        row("  that evicted another", lambda mode: f"{mode['evicting_moves']:,}"),
        row("bytes moved as asked", lambda mode: mib(mode["moved_bytes"])),
        row("bytes evicted for them", lambda mode: mib(mode["evicted_bytes"])),
        row("bytes verified", lambda mode: mib(mode["verified_bytes"])),
        row("bytes wrong", lambda mode: f"{mode['mismatched_bytes']:,}"),
        *spread("caller blocked", "blocked_us", True),
        *spread("  where it evicted", "evicting_blocked_us", True),
        *spread("call to signal", "fence_latency_us", False),
        row("copy throughput", lambda mode: f"{mode['throughput_gb_s']:.3f} GB/s"),
    ]


def table(report: dict) -> str:
    """The report for people."""
    cells = rows(report)
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    head = (f"{report['kernel']} ({report['accel']}), VRAM {mib(report['vram_bytes'])} in"
            f" {report.get('vram', '?')}, {report.get('manager', '?')} manager, buffers of"
            f" {mib(report['buffer_bytes'])}, seed {report.get('seed', '?')}")
    lines = [head, ""]
    for line in cells:
        lines.append("  ".join([line[0].ljust(widths[0])] + [
            cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]).rstrip())
    lines += ["", f"{report['job_bytes']} bytes allocated per move by the worker;"
              f" {report['kernel_warnings']} kernel warnings.",
              "Throughput: bytes moved and evicted, over the time from the first call to the",
              "last signal of each round. The first round warms up and the last is traced, for",
              "the picture; neither is measured."]
    return "\n".join(lines)


def read_lines(path: str) -> List[str]:
    """The lines of a file of the guest; none where it did not come to writing it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.readlines()
    except FileNotFoundError:
        return []


def first_line(path: str) -> str:
    """What a file of one line says."""
    return "".join(read_lines(path)[:1]).strip()


def job_bytes(lines: List[str]) -> int:
    """What the worker's file in debugfs says of a job's size; 0 where it does not."""
    sizes = [int(line.split()[1]) for line in lines if line.startswith("job_bytes: ")]
    return sizes[0] if sizes else 0


def write(path: str, text: str) -> None:
    """A whole file."""
    with open(path, "w", encoding="utf-8") as target:
        target.write(text)


def make_report(folder: str, accel: str) -> dict:
    """Read what the guest left in folder, and write report.json and timeline.svg."""
    share = os.path.join(folder, "share")
    records = parse_records(read_lines(os.path.join(share, "walk.jsonl")))
    findings = kernel_log.scan_file(os.path.join(folder, "console.log"))
    facts = {"kernel": first_line(os.path.join(share, "kernel")) or "unknown kernel",
             "job_bytes": job_bytes(read_lines(os.path.join(share, "ttm_move.txt"))),
             "accel": accel, "cmdline": first_line(os.path.join(share, "cmdline"))}
    finished = first_line(os.path.join(share, "status")) == "0"
    report = build_report(records, findings, facts, finished)
    write(os.path.join(folder, "report.json"), json.dumps(report, indent=2) + "\n")
    jobs = parse_trace(read_lines(os.path.join(share, "trace.txt")))
    title = f"Moving {mib(report['buffer_bytes'])} buffers through {mib(report['vram_bytes'])}"
    traced = {mode: [move for move in moves if move.phase == "traced"] or moves
              for mode, moves in records.moves.items()}
    write(os.path.join(folder, "timeline.svg"), draw(f"{title} of VRAM", traced, jobs))
    return report


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accel", default="unknown", help="what ran the guest: kvm or tcg")
    parser.add_argument("folder", help="the folder with console.log and share/")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    try:
        report = make_report(arguments.folder, arguments.accel)
    except (OSError, RecordError) as error:
        print(f"report.py: error: {error}; run scripts/run first, or again", file=sys.stderr)
        return 1
    if report["vram_bytes"]:
        print(table(report))
    for problem in report["problems"]:
        print(f"report.py: FAILED: {problem}; see {arguments.folder}/console.log",
              file=sys.stderr)
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
