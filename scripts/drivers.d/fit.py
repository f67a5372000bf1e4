#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Tries whether a semantic patch fits the kernel's own files, rule by rule.

usage: fit.py PATCH TREE MACROS CACHE

A patch that changes a file has not thereby done all that it is for: a rule that matches
nothing is silent. Prints what does not fit, a line each; exit status 1 where something
does not. What fitted once is noted in the folder CACHE by checksum.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import List, NamedTuple

SPATCH = ["spatch", "--very-quiet", "--no-includes", "--timeout", "120"]


class Rule(NamedTuple):
    """A rule: the line that it begins on, and its text."""
    line: int
    text: str


def files_of(patch: str) -> List[str]:
    """The files that a patch says it is for."""
    return re.findall(r"^// Applies to: *(\S+)", patch, re.M)


def rules_of(patch: str) -> List[Rule]:
    """The patch's rules, each with the header that declares its variables."""
    rules: List[List[str]] = []
    starts: List[int] = []
    in_header = False
    for number, line in enumerate(patch.splitlines(), 1):
        if line.startswith("@") and not in_header:
            rules.append([])
            starts.append(number)
            in_header = not re.match(r"@.*@@?.*@@\s*$", line)
        elif line.startswith("@"):
            in_header = False
        if rules:
            rules[-1].append(line)
    return [Rule(start, "\n".join(lines) + "\n") for start, lines in zip(starts, rules)]


def name_of(rule: Rule) -> str:
    """What the rule is about, for people: the first line of its code."""
    code = re.sub(r"\A@.*?@@\n", "", rule.text, flags=re.S)
    lines = [line for line in code.splitlines() if line.strip() not in ("", "+")
             and not line.startswith("//")]
    return lines[0].lstrip("+- \t") if lines else "?"


def changes(text: str, files: List[str], macros: str) -> str:
    """The difference that the semantic patch `text` makes; empty where it fits nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".cocci") as rule:
        rule.write(text)
        rule.flush()
        run = subprocess.run(SPATCH + ["--macro-file", macros, "--sp-file", rule.name] + files,
                             capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError((run.stderr or run.stdout).strip().splitlines()[-1])
    return run.stdout


def misfit(rule: Rule, files: List[str], macros: str) -> str:
    """Why the rule does not fit; empty where it does."""
    try:
        if changes(rule.text, files, macros):
            return ""
        reason = "fits none of its files"
    except RuntimeError as error:
        reason = str(error)
    return f"the rule at line {rule.line} ({name_of(rule)}) {reason}"


def fit(path: str, tree: str, macros: str) -> List[str]:
    """All that does not fit."""
    with open(path, encoding="utf-8") as stream:
        patch = stream.read()
    files = [os.path.join(tree, name) for name in files_of(patch)]
    missing = [name for name in files if not os.path.exists(name)]
    if missing:
        return [f"this kernel lacks {os.path.relpath(name, tree)}" for name in missing]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reasons = pool.map(lambda rule: misfit(rule, files, macros), rules_of(patch))
    return [reason for reason in reasons if reason]


def checksum(path: str, tree: str, macros: str) -> str:
    """Of all that the answer depends on."""
    digest = hashlib.sha256(" ".join(SPATCH).encode())
    with open(path, encoding="utf-8") as stream:
        names = [os.path.join(tree, name) for name in files_of(stream.read())]
    for name in [path, macros, __file__] + names:
        if os.path.exists(name):
            with open(name, "rb") as stream:
                digest.update(stream.read())
        digest.update(b"\0")
    return digest.hexdigest()


def main(argv: List[str]) -> int:
    """The program."""
    if len(argv) != 5:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    path, tree, macros, cache = argv[1:]
    note = os.path.join(cache, checksum(path, tree, macros))
    if os.path.exists(note):
        return 0
    reasons = fit(path, tree, macros)
    for reason in reasons:
        print(f"{os.path.basename(path)}: {reason}")
    if not reasons:
        os.makedirs(cache, exist_ok=True)
        with open(note, "w", encoding="utf-8"):
            pass
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
