#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Looks whether the documentation's lists of what the kernel code offers are complete.

usage: lists.py

Compares the first column of a table in a page of Documentation/gpu, such as that of a
module's parameters, with the names in the sources. Prints what only one of them has. Exit
status 1 where there is anything.
"""

import re
import sys
from pathlib import Path
from typing import Iterator, List, NamedTuple, Set

from commands import MODULES, PARAMETER, TOP

BORDER = re.compile(r"=+(?: +=+)+")
FIRST = re.compile(r"(?:``)?([\w.-]+)")


class Table(NamedTuple):
    """What is listed where: the pattern of a name in the folder's sources, and the section of
    the page that has the table."""
    what: str
    name: "re.Pattern[str]"
    folder: str
    page: str
    section: str


WORKER, VTTM, SOFTGPU = MODULES["ttm_move"], MODULES["vttm"], MODULES["i915_softgpu"]
TABLES = (
    Table("limit", re.compile(r"module_param_named\((\w+), ttm_move_limits"), WORKER,
          "ttm-move-parallel.rst", "Limits"),
    Table("copy routine", re.compile(r'\.name = "([\w.-]+)",\s+\.needs'), WORKER,
          "ttm-move-copy.rst", "The table"),
    Table("parameter", PARAMETER, VTTM, "vttm.rst", "Parameters"),
    Table("debugfs file", re.compile(r'vttm_fault_create\(root, "(\w+)"'), VTTM,
          "vttm.rst", "Faults on purpose"),
    Table("parameter", PARAMETER, SOFTGPU, "i915-softgpu.rst", "Parameters"),
    Table("debugfs file", re.compile(r'\{ "(\w+)", &softgpu_\w+_fops'), SOFTGPU,
          "i915-softgpu.rst", "What it does not know"),
)


def section(text: str, title: str) -> str:
    """A page's section of this title, up to the next one."""
    _, _, rest = text.partition(f"\n{title}\n{'=' * len(title)}\n")
    return re.split(r"\n\S.*\n=+\n\n", rest)[0]


def first_column(text: str) -> Set[str]:
    """The names in the first column of the only table in a text, but for its head."""
    lines = text.splitlines()
    borders = [number for number, line in enumerate(lines) if BORDER.fullmatch(line)]
    rows = lines[borders[-2]:borders[-1]] if borders else []
    return {match[1] for match in map(FIRST.match, rows) if match}


def in_sources(table: Table) -> Set[str]:
    """The names in the sources."""
    return {name for source in sorted((TOP / table.folder).glob("*.c"))
            for name in table.name.findall(source.read_text(encoding="utf-8"))}


def differences(table: Table, page: str, sources: Set[str]) -> Iterator[str]:
    """What a page does not have, and what it should not have."""
    listed = first_column(section(page, table.section))
    where = f"{table.page}, '{table.section}'"
    if not sources:
        yield f"{table.folder} has no {table.what} at all: mend the pattern in lists.py"
    yield from (f"{where} lacks the {table.what} {name}" for name in sorted(sources - listed))
    yield from (f"{where} has {name}, which is no {table.what} of {table.folder}"
                for name in sorted(listed - sources))


def main(argv: List[str]) -> int:
    if len(argv) > 1:
        print(__doc__.strip(), file=sys.stderr)
        return 0 if argv[1:] in (["-h"], ["--help"]) else 2
    found = [said for table in TABLES for said in differences(
        table, Path(TOP, "Documentation", "gpu", table.page).read_text(encoding="utf-8"),
        in_sources(table))]
    for said in found:
        print(f"lists.py: error: {said}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
