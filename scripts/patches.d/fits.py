#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Finds the rules of semantic patches that match nothing, though others of the same do.

usage: fits.py TREE MACROS <PAIRS

PAIRS has a line "FILE PATCH" for each FILE, below TREE, that the semantic patch PATCH
changes, in the order in which they are applied; TREE is changed by that. Prints the place
of each rule that matches in none of its patch's files. Exit status 1 where there is one.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Tuple

HEADER = re.compile(r"@([^@]*)@")
WORDS = ("depends on", "disable", "using", "extends", "expression", "type", "exists", "forall")
MARK = "matches nothing: "


class Rule(NamedTuple):
    """A rule of a semantic patch: where it begins, and its name."""
    line: int
    name: str


def name_of(header: str) -> str:
    """The name that a rule has; empty where it has none."""
    header = header.strip()
    return "" if header.startswith(WORDS) else header.partition(" ")[0]


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
        lines.append(line)
    for rule in rules:
        lines += ["", f"@script:python depends on !{rule.name}@ @@",
                  f'print("{MARK}{rule.name}")']
    return "\n".join(lines) + "\n", rules


def apply(patch: Path, file: Path, macros: str) -> List[str]:
    """Change a file, and return the names of the rules that match nothing."""
    new = file.with_name(f"new-{file.name}")
    done = subprocess.run(["spatch", "--very-quiet", "--no-includes", "--no-show-diff",
                           "--timeout", "120", "--macro-file", macros, "--sp-file", str(patch),
                           str(file), "-o", str(new)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    if new.exists():
        new.replace(file)
    return [line[len(MARK):] for line in done.stdout.splitlines() if line.startswith(MARK)]


def idle(patch: str, files: List[Path], macros: str) -> Iterator[Rule]:
    """The rules of a patch that match in none of its files."""
    text, rules = instrument(Path(patch).read_text(encoding="utf-8"))
    with tempfile.NamedTemporaryFile("w", suffix=".cocci") as copy:
        copy.write(text)
        copy.flush()
        silent = [set(apply(Path(copy.name), file, macros)) for file in files]
    yield from (rule for rule in rules if all(rule.name in names for names in silent))


def main(arguments: List[str]) -> int:
    """The command."""
    if len(arguments) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    tree, macros = Path(arguments[0]), arguments[1]
    files: Dict[str, List[Path]] = {}
    for line in sys.stdin:
        file, patch = line.split()
        files.setdefault(patch, []).append(tree / file)
    found = 0
    for patch, changed in files.items():
        for rule in idle(patch, changed, macros):
            print(f"{patch}:{rule.line}: error: this rule matches nothing in this kernel")
            found = 1
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
