#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Reports what came of the mutants.

usage: results.py table OUT
       results.py rows OUT ROWS

table   reads OUT/trials.json of trial.py; writes OUT/report.json and OUT/report.txt, prints
        the second; exit status 1 where a mutant survived without a reason, or is none
rows    appends the results of OUT/report.json to the file ROWS of a check
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List

import plant


def entry(trial: Dict, mutants: Dict[str, plant.Mutant]) -> Dict:
    """What the report says of one mutant."""
    mutant = mutants[trial["name"]]
    reason = mutant.survives if trial["result"] == "survived" else ""
    return {"name": mutant.name, "file": mutant.file, "rule": mutant.rule,
            "breaks": mutant.breaks, **{key: trial[key] for key in ("result", "by", "how")},
            "reason": reason, "seconds": round(trial["seconds"], 1),
            "expected_to_survive": bool(mutant.survives)}


def remark(each: Dict) -> str:
    """What there is to say of a mutant beside its result."""
    if each["result"] == "survived":
        return each["reason"] or "NO TEST NOTICES: " + each["breaks"]
    if each["result"] == "caught" and each["expected_to_survive"]:
        return f"{each['by']}: UNEXPECTED: take its 'survives' out"
    return f"{each['by']}: {each['how']}" if each["by"] else each["how"]


def is_bad(each: Dict) -> bool:
    """Whether something has to be done about it."""
    return each["result"] == "broken" or (each["result"] == "survived" and not each["reason"])


def summary(entries: List[Dict]) -> Dict:
    """The counts; a survivor with a reason is no test's to catch, and is counted by itself."""
    count = Counter("explained" if each["reason"] else each["result"] for each in entries)
    judged = count["caught"] + count["survived"]
    return {"caught": count["caught"], "survived": count["survived"],
            "survived_with_reason": count["explained"], "broken": count["broken"],
            "skipped": count["skipped"],
            "caught_percent": round(100 * count["caught"] / judged, 1) if judged else 0.0}


def lines(entries: List[Dict], total: Dict) -> Iterator[str]:
    """The table and what follows it."""
    width = max(len(each["name"]) for each in entries)
    source = ""
    for each in entries:
        if each["file"] != source:
            source = each["file"]
            yield f"{source}"
        yield f"  {each['name']:<{width}}  {each['result']:<8}  {remark(each)}"[:240].rstrip()
    yield ""
    by = Counter(each["by"].split(".")[0] for each in entries if each["result"] == "caught")
    for name, count in by.most_common():
        yield f"{count:>5} caught by {name}"
    yield ""
    yield (f"{total['caught']} caught, {total['survived']} survived,"
           f" {total['survived_with_reason']} survived with a reason, {total['broken']} broken,"
           f" {total['skipped']} skipped: {total['caught_percent']} % caught")


def table(out: Path) -> int:
    said = json.loads((out / "trials.json").read_text())
    mutants = {mutant.name: mutant for mutant in plant.read()}
    entries = [entry(trial, mutants) for trial in said["trials"]]
    total = summary(entries)
    text = "\n".join(lines(entries, total))
    print(text)
    (out / "report.txt").write_text(text + "\n")
    (out / "report.json").write_text(json.dumps(
        {"seed": said["seed"], **total, "mutants": entries}, indent=1) + "\n")
    return 1 if any(map(is_bad, entries)) or not total["caught"] else 0


def row(each: Dict) -> List[str]:
    """A mutant as a row of a check: what survives with a reason is skipped with it."""
    result = ("fail" if is_bad(each) else "pass" if each["result"] == "caught" else "skip")
    reason = "" if result == "pass" else " ".join(remark(each).split())
    return [each["name"], os.environ.get("LEVEL", "mutants"), result, str(each["seconds"]), reason]


def rows(out: Path, path: Path) -> int:
    entries = json.loads((out / "report.json").read_text())["mutants"]
    with open(path, "a", encoding="utf-8") as file:
        for name, level, result, seconds, reason in map(row, entries):
            print(f"{result}  {float(seconds):7.1f} s  {level}: {name}" + f" -- {reason}" * bool(reason))
            print(name, level, result, seconds, reason, sep="\t", file=file)
    return 0


def main(arguments: List[str]) -> int:
    command, *words = arguments or [""]
    if command == "table" and len(words) == 1:
        return table(Path(words[0]))
    if command == "rows" and len(words) == 2:
        return rows(Path(words[0]), Path(words[1]))
    print((__doc__ or "").strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
