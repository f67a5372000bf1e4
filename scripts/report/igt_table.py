#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Puts the results of the tests in IGT's form side by side, a column for each kernel.

usage: igt_table.py OUT NAME=RESULTS.json...

RESULTS.json is what igt.py wrote of a run on the kernel that is called NAME. Prints a
table of all subtests with result and seconds, then why some were skipped or failed, what
the subtests that measure have measured, and what the fuzzer did; writes the same to
OUT/report.txt, and all of it to OUT/report.json. Exit status 1 where a subtest neither
passed nor was skipped, or was run on one kernel and not on another.
"""

import json
import sys
from pathlib import Path
from typing import Dict, Iterator, List

FINE = ("pass", "skip")
# Subtests whose own words are figures.
MEASURE = ("blocked-time", "fairness", "memory-pressure", "swapped")


def read(argument: str) -> Dict:
    """A run: its name, and what igt.py wrote."""
    name, _, path = argument.partition("=")
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    return {**report, "name": name}


def names_of(runs: List[Dict]) -> List[str]:
    """All subtests, in the order in which they were run."""
    return list(dict.fromkeys(name for run in runs for name in run["tests"]))


def seconds_of(test: Dict) -> float:
    """How long it took."""
    return test["time"]["end"] - test["time"]["start"]


def cell(run: Dict, name: str) -> str:
    """A subtest on one kernel."""
    test = run["tests"].get(name)
    return f"{test['result']} {seconds_of(test):8.1f} s" if test else "not run"


def short(name: str) -> str:
    """Without IGT's prefix."""
    return name[len("igt@"):] if name.startswith("igt@") else name


def table(runs: List[Dict]) -> Iterator[str]:
    """The lines of the table."""
    names = names_of(runs)
    width = max([len(short(name)) for name in names] + [len("subtest")])
    yield f"{'subtest':{width}}" + "".join(f"  {run['name']:>18}" for run in runs)
    for name in names:
        yield f"{short(name):{width}}" + "".join(f"  {cell(run, name):>18}" for run in runs)
    totals = (f"{sum(map(seconds_of, run['tests'].values())):8.1f} s" for run in runs)
    yield f"{'all':{width}}" + "".join(f"  {total:>18}" for total in totals)


def reasons(run: Dict) -> Iterator[str]:
    """Why subtests did not pass."""
    for name, test in run["tests"].items():
        if test["result"] != "pass":
            yield f"{run['name']}: {test['result']}: {short(name)}: {test['reason']}"


def measures(run: Dict) -> Iterator[str]:
    """What was measured."""
    for name, test in run["tests"].items():
        if test["result"] == "pass" and name.endswith(MEASURE):
            for line in test.get("info", []):
                yield f"{run['name']}: {short(name)}: {line}"


def fuzzed(run: Dict) -> Iterator[str]:
    """What the fuzzer did."""
    fuzz = run.get("fuzz")
    if not fuzz:
        return
    errors = sorted({error for results in fuzz["results"].values() for error in results})
    yield (f"{run['name']}: vttm_fuzz: seed {fuzz['seed']}, {fuzz['calls']:,} calls in "
           f"{fuzz['seconds']} s from {fuzz['threads']} threads, "
           f"{fuzz['calls_per_second']:,} per second; {fuzz['pairs']} pairs of call and "
           f"result, {len(errors)} results: {' '.join(errors)}")


def totals_of(run: Dict) -> str:
    """The last line of a run."""
    totals = ", ".join(f"{count} {result}" for result, count in sorted(run["totals"].items()))
    return f"{run['name']} ({run.get('uname') or 'unknown kernel'}): {totals}"


def text(runs: List[Dict]) -> Iterator[str]:
    """All lines of the report."""
    yield from table(runs)
    for part in (reasons, measures, fuzzed):
        lines = [line for run in runs for line in part(run)]
        yield from [""] * bool(lines) + lines
    yield ""
    yield from map(totals_of, runs)


def as_json(runs: List[Dict]) -> Dict:
    """The same for programs."""
    kernels = [{key: run.get(key) for key in ("name", "uname", "totals", "fuzz")} for run in runs]
    tests = [{"name": name, **{run["name"]: {"result": test["result"],
                                             "seconds": round(seconds_of(test), 3),
                                             "reason": test["reason"],
                                             "info": test.get("info", [])}
                               for run in runs if (test := run["tests"].get(name))}}
             for name in names_of(runs)]
    return {"kernels": kernels, "tests": tests}


def all_fine(runs: List[Dict]) -> bool:
    """Whether every subtest passed, or was skipped, on every kernel."""
    return bool(names_of(runs)) and all(
        name in run["tests"] and run["tests"][name]["result"] in FINE
        for run in runs for name in names_of(runs))


def main(arguments: List[str]) -> int:
    if len(arguments) < 2 or any("=" not in argument for argument in arguments[1:]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    out = Path(arguments[0])
    try:
        runs = [read(argument) for argument in arguments[1:]]
    except OSError as error:
        print(f"igt_table.py: error: {error.filename}: {error.strerror}: look at the run's "
              "own messages", file=sys.stderr)
        return 2
    lines = "\n".join(text(runs)) + "\n"
    print(lines, end="")
    (out / "report.txt").write_text(lines, encoding="utf-8")
    (out / "report.json").write_text(json.dumps(as_json(runs), indent=1) + "\n",
                                     encoding="utf-8")
    return 0 if all_fine(runs) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
