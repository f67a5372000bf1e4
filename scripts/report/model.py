#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""What spin's verifier said of the model, against what it should have said.

usage: model.py report OUT BUGS NAME...
       model.py rows OUT ROWS

report reads BUGS, the list of bugs that can be planted and who has to find each of them,
and OUT/NAME/pan.log and OUT/NAME/times for each NAME: a bug, or a search of a model as
it is, the first of which counts the states. Prints a table and writes OUT/report.json.
Exit status 1 where anything is not as expected.

rows turns OUT/report.json into rows of a check: each search is printed, and appended to
the file ROWS. Exit status 0 where there was a report, whatever the rows say.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

DEADLOCK, LIVELOCK = "deadlock", "livelock"

# Searches of the models as they are, and what they look for.
UNBROKEN = {"unbroken": "every property", "unbroken-loops": "every execution ends",
            "share": "every property", "share-loops": "every execution ends"}

VIOLATED = re.compile(r"^pan:\d+: assertion violated (\w+) ", re.M)
END_STATE = re.compile(r"^pan:\d+: invalid end state ", re.M)
LOOP = re.compile(r"^pan:\d+: non-progress cycle ", re.M)
# What ends or thins out a search, or says that part of it was not as asked for.
INCOMPLETE = re.compile(r"^(.*(?:max search depth too small|reached -DMEMLIM|out of memory"
                        r"|Search not completed|Bit statespace|hash-?compact).*)$", re.M | re.I)
NUMBERS = {
    "errors": re.compile(r"errors: (\d+)$", re.M),
    "states": re.compile(r"^ *(\d+) states, stored", re.M),
    "transitions": re.compile(r"^ *(\d+) transitions ", re.M),
    "depth": re.compile(r"depth reached (\d+),", re.M),
}
MEMORY = re.compile(r"^ *([\d.]+)\ttotal actual memory usage$", re.M)
UNREACHED = re.compile(r"^unreached in (.*)$((?:\n\t.*)*?)\n\t\((\d+) of (\d+) states\)$", re.M)


class Search(NamedTuple):
    """One search: what it looked at, and what came out."""
    name: str
    expected: str
    found: str
    states: int
    transitions: int
    depth: int
    memory_mib: float
    seconds: float
    problem: str

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.problem


def finder_of(said: str) -> str:
    """Which property does not hold; nothing where all do."""
    if match := VIOLATED.search(said):
        return match[1]
    if LOOP.search(said):
        return LIVELOCK
    return DEADLOCK if END_STATE.search(said) else ""


def number(said: str, name: str) -> int:
    """A number of the verifier's summary; -1 where it has none."""
    match = NUMBERS[name].search(said)
    return int(match[1]) if match else -1


def unreached(said: str) -> str:
    """The first line of the model that no interleaving comes to, or that nothing is known."""
    parts = UNREACHED.findall(said)
    if not parts:
        return "the verifier does not say what it has reached"
    for where, lines, count, _ in parts:
        if int(count):
            return f"not reached in {where}:" + lines.split("\n")[1].strip()
    return ""


def problem_of_unbroken(said: str) -> str:
    """What forbids to say that the model holds; nothing where it does."""
    if found := finder_of(said):
        return f"there is a {found}" if found in (DEADLOCK, LIVELOCK) else f"{found} does not hold"
    if match := INCOMPLETE.search(said):
        return match[1].strip()
    if number(said, "errors") or number(said, "states") < 1:
        return "the verifier did not come to its end"
    return unreached(said)


def problem_of_bug(said: str, expected: str) -> str:
    """Why the bug does not count as found; nothing where it does."""
    found = finder_of(said)
    if found == expected:
        return ""
    if found:
        return f"found by {found}"
    return "not found" if not number(said, "errors") else "the verifier did not come to its end"


def search_of(out: Path, name: str, expected: Optional[str]) -> Search:
    """The search of that name; one without an expected finder is of a model as it is."""
    said = (out / name / "pan.log").read_text(errors="replace")
    start, end = map(float, (out / name / "times").read_text().split())
    memory = MEMORY.search(said)
    problem = problem_of_bug(said, expected) if expected else problem_of_unbroken(said)
    return Search(name, expected or UNBROKEN[name], finder_of(said), number(said, "states"),
                  number(said, "transitions"), number(said, "depth"),
                  float(memory[1]) if memory else 0.0, round(end - start, 3), problem)


def read_bugs(path: Path) -> Dict[str, str]:
    """Bugs and their finders."""
    bugs = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            name, finder, _ = line.split(maxsplit=2)
            bugs[name] = finder
    return bugs


def table(searches: List[Search]) -> str:
    """The report for people."""
    lines = [f"{'variant':22} {'property':30} {'result':9} {'states':>10} {'seconds':>8}"]
    for s in searches:
        good = "holds" if s.name in UNBROKEN else "found"
        lines.append(f"{s.name:22} {s.expected:30} {good if s.passed else 'FAILED':9} "
                     f"{s.states:>10,} {s.seconds:>8.1f}")
        if s.problem:
            lines.append(f"{'':22} {s.problem}")
    return "\n".join(lines + [""])


def report(out: Path, bugs: Dict[str, str], names: List[str]) -> int:
    """The command."""
    searches = [search_of(out, name, bugs.get(name)) for name in names]
    failed = sum(not s.passed for s in searches)
    result = {"passed": len(searches) - failed, "failed": failed,
              "states": searches[0].states,
              "seconds": round(sum(s.seconds for s in searches), 3),
              "searches": [dict(s._asdict(), passed=s.passed) for s in searches]}
    (out / "report.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(searches), end="")
    print(f"{result['passed']} as expected, {failed} not, {result['seconds']:.1f} s")
    return 1 if failed else 0


def rows(out: Path, path: str) -> int:
    """The other command."""
    level = os.environ.get("LEVEL", "model")
    with open(path, "a", encoding="utf-8") as file:
        for s in json.loads((out / "report.json").read_text())["searches"]:
            name = f"{s['name']}: {s['expected']}"
            result = "pass" if s["passed"] else "fail"
            print(f"{result}  {s['seconds']:7.1f} s  {level}: {name}"
                  + f" -- {s['problem']}" * bool(s["problem"]))
            print(name, level, result, s["seconds"], s["problem"], sep="\t", file=file)
    return 0


def main(arguments: List[str]) -> int:
    if len(arguments) >= 4 and arguments[0] == "report":
        return report(Path(arguments[1]), read_bugs(Path(arguments[2])), arguments[3:])
    if len(arguments) == 3 and arguments[0] == "rows":
        return rows(Path(arguments[1]), arguments[2])
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
