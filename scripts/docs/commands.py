#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Looks whether what the documentation tells people to type can be typed.

usage: commands.py KERNEL ROWS

Reads README.md, scripts/README.md and the pages in Documentation/gpu. Each becomes a row, which is printed
and appended to the file ROWS. A page passes where

* each `make TARGET NAME=VALUE` and each `scripts/NAME ARGUMENT` is understood: the script
  is run with COMMAND_LINE_ONLY, so that it checks its command line and ends;
* each `modprobe MODULE NAME=VALUE` of a module of ours has parameters that it knows;
* each file that it names is there, in this repository or in the kernel tree KERNEL.

What a command then does is tested by the level of the check that it belongs to. Exit
status 0 where all pages were read, whatever the rows say.
"""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator, List

TOP = Path(__file__).resolve().parent.parent.parent
LEVEL = os.environ.get("LEVEL", "docs")

# A line of a block, or of a text between backquotes.
BLOCK = re.compile(r"^(?:\t| {4,})(?:echo .* \| )?((?:make|scripts/|modprobe) ?.*)$")
INLINE = re.compile(r"``?((?:make|modprobe) [^`]+|scripts/[^`\s*]+ [^`]+)``?")
PATH = re.compile(r"``?((?:drivers|include|scripts|tools|Documentation)/[\w./-]*\w/?)``?")

# What a page writes in the place of a folder or a file of the reader's.
PLACEHOLDER = re.compile(r"=(FOLDER|FILE|PATH)\b")

# Modules whose parameters are in this repository, and where.
MODULES = {"vttm": "drivers/gpu/drm/vttm", "ttm_move": "drivers/gpu/drm/ttm/move",
           "i915_softgpu": "drivers/gpu/drm/i915/selftests/softgpu"}
PARAMETER = re.compile(r"module_param(?:_named|_cb|_string|_array)?\(\s*(\w+)")


def commands(text: str) -> Iterator[str]:
    """The commands of a page, each on one line."""
    for line in text.replace("\\\n", " ").splitlines():
        if match := BLOCK.match(line):
            yield match[1]
        else:
            yield from INLINE.findall(line)


def paths(text: str) -> Iterator[str]:
    """The files and folders of the tree that a page names."""
    yield from PATH.findall(text)


def parameters(folder: str) -> List[str]:
    """The parameters of the module whose sources are in folder."""
    return [name for source in (TOP / folder).glob("*.c")
            for name in PARAMETER.findall(source.read_text(encoding="utf-8"))]


def modprobe_problem(words: List[str]) -> str:
    """What is wrong with the arguments of modprobe; empty where nothing is."""
    module, *arguments = [word for word in words if not word.startswith("-")]
    if module not in MODULES:
        return ""
    unknown = [word for word in arguments
               if word.split("=")[0] not in parameters(MODULES[module])]
    return f"{module} has no parameter {unknown[0]}" if unknown else ""


def run_problem(words: List[str]) -> str:
    """What a script says of its command line; empty where that is good."""
    done = subprocess.run(words, cwd=TOP, env={**os.environ, "COMMAND_LINE_ONLY": "1"},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode == 0:
        return ""
    return ((done.stderr or done.stdout).strip().splitlines() or ["no reason given"])[0]


def problem(command: str) -> str:
    """What is wrong with a command of a page; empty where nothing is."""
    words = shlex.split(PLACEHOLDER.sub(f"={TOP}/scripts", command), comments=True)
    if words[0] == "modprobe":
        return modprobe_problem(words[1:])
    if words[0] == "make" and words[1:2] == ["clean"]:
        return ""
    if words[0] == "make":
        words[1:1] = ["--no-print-directory"]
    return run_problem(words)


def problems(page: Path, kernel: Path) -> Iterator[str]:
    """All that is wrong with a page."""
    text = page.read_text(encoding="utf-8")
    for command in dict.fromkeys(commands(text)):
        if said := problem(command):
            yield f"'{command}': {said}"
    for path in dict.fromkeys(paths(text)):
        if not (TOP / path).exists() and not (kernel / path).exists():
            yield f"there is no {path}"


def pages() -> List[Path]:
    """What people read."""
    return [TOP / "README.md", TOP / "scripts" / "README.md",
            *sorted((TOP / "Documentation" / "gpu").glob("*.rst"))]


def write_row(name: str, reason: str, seconds: float, rows: str) -> None:
    """As scripts/lib/rows.sh does."""
    result = "fail" if reason else "pass"
    print(f"{result}  {seconds:7.1f} s  {LEVEL}: {name}{' -- ' if reason else ''}{reason}",
          flush=True)
    with open(rows, "a", encoding="utf-8") as target:
        target.write(f"{name}\t{LEVEL}\t{result}\t{seconds:.3f}\t{reason}\n")


def main(argv: List[str]) -> int:
    if len(argv) != 3 or argv[1] in ("-h", "--help"):
        print(__doc__.strip(), file=sys.stderr)
        return 0 if argv[1:] in (["-h"], ["--help"]) else 2
    for page in pages():
        start = time.monotonic()
        reason = "; ".join(problems(page, Path(argv[1]))).replace("\t", " ")
        name = str(page.relative_to(TOP)).replace("Documentation/gpu/", "")
        write_row(f"what {name} tells people to type", reason,
                  time.monotonic() - start, argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
