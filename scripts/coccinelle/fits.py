#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Finds the rules of semantic patches that match nothing, though others of the same do.

usage: fits.py TREE MACROS <PAIRS

A patch that changes a file has not thereby done all that it is for: a rule that matches
nothing is silent. PAIRS has a line "FILE PATCH" for each FILE, below TREE, that the semantic
patch PATCH is for, in the order in which they are applied; TREE stays as it is. Prints what
does not fit, a line each: a rule that matches in none of its patch's files, or a file that is
not there. Exit status 1 where there is anything.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Tuple

HEADER = re.compile(r"@([^@]*)@")
WORDS = ("depends on", "disable", "using", "extends", "expression", "type", "exists", "forall")
MARK = "matches nothing: "


class Rule(NamedTuple):
    """A rule of a semantic patch: where it begins, its name, and its first line of code."""
    line: int
    name: str
    code: str = ""


def name_of(header: str) -> str:
    """The name that a rule has; empty where it has none."""
    header = header.strip()
    return "" if header.startswith(WORDS) else header.partition(" ")[0]


def code_of(line: str) -> str:
    """What a line of a rule tells people of it; empty where that is nothing."""
    return "" if line.startswith("//") else line.lstrip("+- \t")


def instrument(text: str) -> Tuple[str, List[Rule]]:
    """A semantic patch whose rules all have names, and tell when they match nothing."""
    lines, rules, in_variables = [], [], False
    for number, line in enumerate(text.splitlines(), 1):
        match = HEADER.match(line)
        if in_variables:
            in_variables = "@@" not in line
        elif match and not match[1].startswith(("script", "initialize", "finalize")):
            name = name_of(match[1])
            rules.append(Rule(number, name or f"rule_in_line_{number}"))
            if not name:
                line = f"@{rules[-1].name} {match[1].strip()}@{line[match.end():]}"
            in_variables = "@@" not in line[line.index("@", 1) + 1:]
        elif rules and not rules[-1].code:
            rules[-1] = rules[-1]._replace(code=code_of(line))
        lines.append(line)
    for rule in rules:
        lines += ["", f"@script:python depends on !{rule.name}@ @@",
                  f'print("{MARK}{rule.name}")']
    return "\n".join(lines) + "\n", rules


def apply(patch: str, file: Path, macros: str) -> List[str]:
    """Change a file, and return the names of the rules that match nothing."""
    new = file.with_name(f"new-{file.name}")
    done = subprocess.run(["spatch", "--very-quiet", "--no-includes", "--no-show-diff",
                           "--timeout", "120", "--macro-file", macros, "--sp-file", patch,
                           str(file), "-o", str(new)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    if new.exists():
        new.replace(file)
    return [line[len(MARK):] for line in done.stdout.splitlines() if line.startswith(MARK)]


def idle(patch: Path, files: List[Path], macros: str) -> List[Rule]:
    """The rules of a patch that match in none of its files, which it changes."""
    text, rules = instrument(patch.read_text(encoding="utf-8"))
    with tempfile.NamedTemporaryFile("w", suffix=".cocci") as copy, ThreadPoolExecutor() as pool:
        copy.write(text)
        copy.flush()
        silent = list(pool.map(lambda file: apply(copy.name, file, macros), files))
    return [rule for rule in rules if all(rule.name in names for names in silent)]


def copies(files: List[str], tree: Path, work: Path) -> List[Path]:
    """The files of the tree in the folder `work`, as earlier patches have left them."""
    for file in files:
        if not (work / file).exists():
            (work / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree / file, work / file)
    return [work / file for file in files]


def misfits(patch: Path, files: List[str], tree: Path, work: Path, macros: str) -> Iterator[str]:
    """What does not fit of a patch."""
    missing = [file for file in files if not (tree / file).exists()]
    yield from (f"{patch.name}: this kernel lacks {file}" for file in missing)
    if missing:
        return
    try:
        for rule in idle(patch, copies(files, tree, work), macros):
            yield f"{patch.name}:{rule.line}: '{rule.code}' matches nothing in this kernel"
    except subprocess.CalledProcessError as error:
        yield f"{patch.name}: {(error.stdout.strip().splitlines() or ['spatch failed'])[-1]}"


def all_misfits(pairs: List[str], tree: Path, macros: str) -> Iterator[str]:
    """What does not fit of all patches."""
    files: Dict[str, List[str]] = {}
    for pair in pairs:
        file, patch = pair.split()
        files.setdefault(patch, []).append(file)
    with tempfile.TemporaryDirectory() as work:
        for patch, changed in files.items():
            yield from misfits(Path(patch), changed, tree, Path(work), macros)


def main(arguments: List[str]) -> int:
    """The command."""
    if len(arguments) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    found = 0
    for misfit in all_misfits(sys.stdin.readlines(), Path(arguments[0]), arguments[1]):
        print(misfit)
        found = 1
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
