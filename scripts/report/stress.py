#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Turns what a guest of scripts/stress left in a folder into a table, report.json and
stress.tap, and judges it."""

import argparse
import json
import sys
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple

import kernel_log

# How many times the video memory's size must be verified.
VERIFIED_TIMES = 10

# Of what each run must have done some.
KINDS = ("created", "moves", "evictions", "held", "polled", "given", "taken", "lent", "killed")

WAITERS = ("direct", "kswapd", "dropper")


class Fact(NamedTuple):
    """What must hold, the numbers that say whether it does, and why it may not be asked."""
    name: str
    holds: Callable[[Dict], bool]
    numbers: Callable[[Dict], str]
    skip: Callable[[Dict], str] = lambda report: ""


def reclaim_waits(report: Dict) -> int:
    """How often whoever wanted memory waited for one of the worker's fences."""
    return sum(report[f"reclaim_waits_{waiter}"] for waiter in WAITERS)


def longest_reclaim_wait_ns(report: Dict) -> int:
    """The longest of these waits."""
    return max(report[f"longest_reclaim_wait_{waiter}_ns"] for waiter in WAITERS)


def without_swap(report: Dict) -> str:
    """Why memory was not short."""
    return "" if report["swap"] else "this kernel has no swap space"


FACTS = (
    Fact("the-program-ends-well",
         lambda r: r["finished"] and not r["problem"],
         lambda r: r["problem"] or "the guest did not finish its work"),
    Fact("every-byte-is-verified",
         lambda r: r["verified_bytes"] >= VERIFIED_TIMES * r["vram_bytes"] > 0,
         lambda r: f"{r['verified_bytes']} of {VERIFIED_TIMES} times {r['vram_bytes']} bytes"),
    Fact("everything-is-done",
         lambda r: all(r[kind] for kind in KINDS),
         lambda r: ", ".join(f"{r[kind]} {kind}" for kind in KINDS)),
    Fact("copies-fail",
         lambda r: r["failed_copies"] > 0 and r["lost"] <= r["failed_copies"],
         lambda r: f"{r['failed_copies']} copies failed, {r['lost']} objects were lost"),
    Fact("moves-find-no-job",
         lambda r: r["moves_without_job"] > 0,
         lambda r: "none did"),
    Fact("reclaim-waits-for-fences",
         lambda r: reclaim_waits(r) > 0,
         lambda r: "it never did"),
    Fact("memory-is-short",
         lambda r: min(r["allocstalls"], r["swapped_out_pages"], r["reclaim_waits_direct"]
                       + r["reclaim_waits_kswapd"]) > 0,
         lambda r: f"{r['allocstalls']} stalls, {r['swapped_out_pages']} pages swapped out,"
                   f" {r['reclaim_waits_direct']} and {r['reclaim_waits_kswapd']} waits",
         without_swap),
    Fact("ttm-swaps-objects-out",
         lambda r: r["ttm_swapped_most_kib"] > 0,
         lambda r: "it never did"),
    Fact("the-kernel-does-not-complain",
         lambda r: r["kernel_warnings"] == 0,
         lambda r: f"{r['kernel_warnings']} complaints, first: {r['kernel_messages'][0]}"),
)


class Verdict(NamedTuple):
    """A fact that was looked at."""
    name: str
    result: str
    reason: str


def verdict(fact: Fact, report: Dict) -> Verdict:
    """Whether the fact holds; what cannot be told does not."""
    try:
        why_not = fact.skip(report)
        if why_not:
            return Verdict(fact.name, "skip", why_not)
        if fact.holds(report):
            return Verdict(fact.name, "pass", "")
        return Verdict(fact.name, "fail", str(fact.numbers(report)))
    except (KeyError, TypeError) as error:
        return Verdict(fact.name, "fail", f"the run does not tell {error}")


def as_tap(verdicts: List[Verdict]) -> str:
    """The verdicts as vttm-test prints its results."""
    lines = []
    for number, v in enumerate(verdicts, 1):
        if v.result == "fail":
            lines.append(f"# {v.reason}")
        skip = f" # SKIP {v.reason}" if v.result == "skip" else ""
        lines.append(f"{'not ok' if v.result == 'fail' else 'ok'} {number} - {v.name}{skip}")
    return "\n".join(lines + [f"1..{len(verdicts)}", ""])


def mib(count: int) -> str:
    """Bytes, for people."""
    return f"{count / 2**20:,.0f} MiB"


def ms(nanoseconds: int) -> str:
    """A time, for people."""
    return f"{nanoseconds / 1e6:,.1f} ms"


def rows(r: Dict) -> List[List[str]]:
    """The table: what, and how much."""
    step, took = max(r["longest_step_ns"].items(), key=lambda item: item[1])
    lost = f" (of them {r['lost_events']:,} not traced)" if r["lost_events"] else ""
    return [
        ["moves asked for", f"{r['moves']:,}"],
        ["  refused, for want of room", f"{r['refused']:,}"],
        ["  behind somebody else's fence", f"{r['held']:,}"],
        ["jobs of the worker", f"{r['jobs']:,}{lost}"],
        ["  evictions", f"{r['evictions']:,}"],
        ["bytes copied", mib(r["copied_bytes"])],
        ["bytes verified", mib(r["verified_bytes"])],
        ["objects created", f"{r['created']:,}"],
        ["  given to another process", f"{r['given']:,}"],
        ["  lent to another device", f"{r['lent']:,}"],
        ["fences polled", f"{r['polled']:,}"],
        ["processes killed", f"{r['killed']:,}"],
        ["faults injected", f"{r['failed_copies'] + r['refused_jobs_asked']:,}"],
        ["  copies that failed", f"{r['failed_copies']:,}"],
        ["  objects found lost by them", f"{r['lost']:,}"],
        ["  jobs refused", f"{r['refused_jobs_asked']:,}"],
        ["longest fence latency", ms(r["longest_fence_ns"])],
        ["longest step of a process", f"{ms(took)} ({step})"],
        ["reclaim waited for a fence", f"{reclaim_waits(r):,}"],
        ["  a task that wanted memory", f"{r['reclaim_waits_direct']:,}"],
        ["  kswapd", f"{r['reclaim_waits_kswapd']:,}"],
        ["  shrinkers called by hand", f"{r['reclaim_waits_dropper']:,}"],
        ["  longest", ms(longest_reclaim_wait_ns(r))],
        ["tasks stalled for memory", f"{r['allocstalls']:,}"],
        ["pages reclaimed by them", f"{r['reclaimed_direct_pages']:,}"],
        ["pages swapped out, in",
         f"{r['swapped_out_pages']:,}, {r['swapped_in_pages']:,}"],
        ["TTM swapped out at most", mib(r["ttm_swapped_most_kib"] * 1024)],
        ["least memory available", mib(r["available_least_kib"] * 1024)],
        ["slabs after each round, MiB",
         " ".join(f"{one['slab_kib'] / 1024:.1f}" for one in r["rounds"])],
    ]


def table(r: Dict) -> str:
    """The report for people."""
    head = (f"{r['kernel']} ({r['accel']}), VRAM {mib(r['vram_bytes'])}, {r['workers']} processes,"
            f" {r['seconds']} s, seed {r['seed']}")
    width = max(len(name) for name, _ in rows(r))
    return "\n".join([head, ""] + [f"{name.ljust(width)}  {value}" for name, value in rows(r)])


def first_line(path: Path) -> str:
    """What a file of one line says."""
    return path.read_text().strip() if path.exists() else ""


def read_figures(path: Path) -> Dict:
    """What the program reported; nothing where it did not come to that."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {"problem": f"there is no {path.name}: the program did not come to its end"}


def make_report(folder: Path, accel: str) -> Dict:
    """Read what the guest left in folder."""
    share = folder / "share"
    findings = kernel_log.scan_file(str(folder / "console.log"))
    report = {
        "kernel": first_line(share / "kernel") or "unknown kernel", "accel": accel,
        **read_figures(share / "stress.json"),
        "finished": first_line(share / "status") == "0",
        "kernel_warnings": len(findings),
        "kernel_messages": [f"line {f.line}: {f.text}" for f in findings],
    }
    report["verdicts"] = [v._asdict() for v in (verdict(fact, report) for fact in FACTS)]
    return report


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accel", default="unknown", help="what ran the guest: kvm or tcg")
    parser.add_argument("folder", type=Path, help="the folder with console.log and share/")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    report = make_report(arguments.folder, arguments.accel)
    verdicts = [Verdict(**v) for v in report["verdicts"]]
    (arguments.folder / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.folder / "stress.tap").write_text(as_tap(verdicts))
    if "moves" in report:
        print(table(report))
    for v in verdicts:
        if v.result != "pass":
            print(f"{v.result}: {v.name}: {v.reason}", file=sys.stderr)
    return 1 if any(v.result == "fail" for v in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
