#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Turns what IGT's subtests said into results.

usage: igt.py RESULTS OUT

RESULTS has a folder for each program, with a file for each subtest: a line "status N,
from SECONDS to SECONDS", and then what the subtest said. Writes OUT/results.json, laid
out like that of IGT's own runner, and for each program OUT/PROGRAM.txt, what its subtests
said, and OUT/PROGRAM.tap, their results. Where vttm_fuzz left its figures in
OUT/fuzz/figures.json, they are part of the former. Prints the totals. Exit status 0 where
there was a subtest, whatever its result.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple

HEAD = re.compile(r"status (\d+), from ([\d.]+) to ([\d.]+)$")
VERDICT = re.compile(r"Subtest \S+: [A-Z]+ \(")
# What IGT says of a limit, after all else.
LIMIT = re.compile(r"^Timed out: .*", re.MULTILINE)
# An assertion that says all in its message.
CHECK = "Failed assertion: condition "

# What a program of IGT ends with; beyond 128 it is the signal that it died of, and 137 is
# how the guest ends one that takes too long.
RESULTS = {0: "pass", 77: "skip", 112: "abort", 137: "timeout"}
UNAME = re.compile(r"IGT-Version: .*\(Linux: (\S+)")

# What comes before a message, and what IGT prints beside the reason.
STAMP = re.compile(r"^\(\S+:\d+\) (\S+-)?(CRITICAL|WARNING|INFO|DEBUG): ")
NOISE = re.compile(r"IGT-Version|Starting |Subtest |Stack trace|#\d+ |Last errno|Test "
                   r"(requirement|assertion)|\*\*\*\*|Using IGT_SRANDOM")


class Subtest(NamedTuple):
    """One subtest as it was run."""
    program: str
    name: str
    result: str
    seconds: float
    reason: str
    said: str
    info: List[str] = []


def result_of(status: int) -> str:
    """IGT's word for what a program ended with."""
    return RESULTS.get(status, "crash" if status > 128 else "fail")


def own_words(lines: List[str]) -> List[str]:
    """What a subtest itself said, before IGT repeats it all."""
    said = []
    for line in lines:
        if VERDICT.match(line) or line.startswith("****"):
            break
        text = STAMP.sub("", line).strip()
        if text and not NOISE.match(text):
            said.append(text)
    return said


def reason_of(result: str, said: List[str], output: str) -> str:
    """Why a subtest did not pass: the assertion and what follows it, or the limit that it
    met, or the last that was said."""
    for number, text in enumerate(said):
        if text.startswith("Failed assertion: "):
            return " ".join(said[number:number + 2]).replace(CHECK, "")
    limit = LIMIT.search(output)
    if limit:
        return limit[0]
    return said[-1] if said else f"{result}, without a word"


def subtest_of(file: Path) -> Subtest:
    """The subtest that the file is of."""
    text = file.read_text(errors="replace")
    head, _, said = text.partition("\n")
    match = HEAD.match(head)
    if not match:
        return Subtest(file.parent.name, file.name, "incomplete", 0.0, "did not end", text)
    result = result_of(int(match[1]))
    if result == "pass" and f"Subtest {file.name}: SUCCESS" not in said:
        result = "fail"
    words = own_words(said.splitlines())
    why = "" if result == "pass" else reason_of(result, words, said)
    return Subtest(file.parent.name, file.name, result, float(match[3]) - float(match[2]),
                   why, said, words)


def subtests_of(folder: Path) -> List[Subtest]:
    """All subtests, in the order in which they were run."""
    files = sorted((file for file in folder.glob("*/*") if file.is_file()),
                   key=lambda file: (file.parent.name, file.stat().st_mtime))
    return [subtest_of(file) for file in files]


def kernel_of(subtests: Iterable[Subtest]) -> str:
    """The release of the kernel that they were run on."""
    return next((match[1] for s in subtests if (match := UNAME.search(s.said))), "")


def as_json(subtests: List[Subtest]) -> Dict:
    """What IGT's runner would write, as far as it is known here."""
    tests = {f"igt@{s.program}@{s.name}":
             {"result": s.result, "time": {"start": 0.0, "end": round(s.seconds, 3)},
              "reason": s.reason, "info": s.info, "out": s.said} for s in subtests}
    totals = Counter(test["result"] for test in tests.values())
    return {"results_version": 10, "name": "vttm", "uname": kernel_of(subtests),
            "tests": tests, "totals": dict(totals)}


def as_tap(subtests: List[Subtest]) -> str:
    """The results as vttm-test prints its own."""
    lines = []
    for number, s in enumerate(subtests, 1):
        lines.append(f"# {s.seconds:.3f} s")
        if s.result not in ("pass", "skip"):
            lines.append(f"# {s.reason}")
        verdict = "ok" if s.result in ("pass", "skip") else "not ok"
        skip = f" # SKIP {s.reason}" if s.result == "skip" else ""
        lines.append(f"{verdict} {number} - {s.name}{skip}")
    return "\n".join(lines + [f"1..{len(subtests)}", ""])


def write(subtests: List[Subtest], out: Path) -> None:
    """All files of results."""
    report, figures = as_json(subtests), out / "fuzz" / "figures.json"
    if figures.exists():
        report["fuzz"] = json.loads(figures.read_text())
    (out / "results.json").write_text(json.dumps(report, indent=1) + "\n")
    for program in sorted({s.program for s in subtests}):
        own = [s for s in subtests if s.program == program]
        (out / f"{program}.tap").write_text(as_tap(own))
        (out / f"{program}.txt").write_text("".join(s.said for s in own))


def main(arguments: List[str]) -> int:
    if len(arguments) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    subtests = subtests_of(Path(arguments[0]))
    write(subtests, Path(arguments[1]))
    for s in subtests:
        if s.result != "pass":
            print(f"{s.result}  {s.program}@{s.name} -- {s.reason}")
    totals = Counter(s.result for s in subtests)
    print(", ".join(f"{count} {result}" for result, count in sorted(totals.items())))
    return 0 if subtests else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
