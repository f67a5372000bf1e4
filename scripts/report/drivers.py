#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Says which drivers were converted to the move worker, and whether they compile.

usage: drivers.py OUT KERNEL [CONVERTED]
       drivers.py rows OUT ROWS

Reads what scripts/drivers left in OUT, the kernel's own files below KERNEL, and the
converted tree CONVERTED, where there is one. Prints a table and writes OUT/report.json;
exit status 1 where a driver is not as it should be. "rows" turns that report into rows
of a check, appended to the file ROWS.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

LEVEL = os.environ.get("LEVEL", "drivers")

CALL = re.compile(r"^[ \t][^*/\n]*\bttm_bo_move_memcpy\(", re.M)
ASYNC = re.compile(r"\bttm_bo_move_memcpy_async\(")

# Who else may call it: TTM itself, and the virtual device, which compares the two.
NO_DRIVERS = ("ttm/", "vttm/")


class Driver(NamedTuple):
    """A driver: its calls before and after, its objects, and what went wrong."""
    name: str
    callers: int
    converted: int
    objects: List[str]
    compiled: List[str]
    errors: List[str]

    @property
    def result(self) -> str:
        """For the table."""
        return self.errors[0] if self.errors else "ok"


def text(path: Path) -> str:
    """A file of the kernel; nothing where it is missing."""
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def lines(path: Path) -> List[str]:
    """The lines of a file that need not be there."""
    return text(path).splitlines()


def count(pattern: "re.Pattern[str]", tree: Path, objects: List[str]) -> int:
    """How often the objects' files match."""
    return sum(len(pattern.findall(text(tree / re.sub(r"o$", "c", name)))) for name in objects)


def errors_of(out: Path, name: str, callers: int, converted: Optional[int],
              missing: List[str]) -> List[str]:
    """All that is wrong with a driver."""
    errors = lines(out / "fit" / name)
    if converted is not None and not errors:
        if converted != callers:
            errors.append(f"{converted} of {callers} callers converted")
        errors += [f"{name} does not compile: see {out}/compile.log" for name in missing]
    return errors


def read_driver(out: Path, name: str, kernel: Path, converted: Optional[Path],
                objects: List[str]) -> Driver:
    """A driver as scripts/drivers found it."""
    compiled = [name for name in objects if name in lines(out / "compiled")]
    callers = count(CALL, kernel, objects)
    after = None if converted is None else count(ASYNC, converted, objects)
    missing = [name for name in objects if name not in compiled]
    return Driver(name, callers, after or 0, objects, compiled,
                  errors_of(out, name, callers, after, missing))


def read_drivers(out: Path, kernel: Path, converted: Optional[Path]) -> List[Driver]:
    """All drivers that were asked for."""
    objects: Dict[str, List[str]] = {}
    for line in lines(out / "objects"):
        driver, name = line.split()
        objects.setdefault(driver, []).append(name)
    return [read_driver(out, name, kernel, converted, theirs)
            for name, theirs in objects.items()]


def strangers(converted: Path) -> List[str]:
    """Callers in the tree that nobody converts."""
    found = []
    folder = converted / "drivers/gpu/drm"
    for path in sorted(folder.rglob("*.c")):
        name = str(path.relative_to(folder))
        code = text(path)
        if not name.startswith(NO_DRIVERS) and CALL.search(code) and not ASYNC.search(code):
            found.append(name)
    return found


def row(driver: Driver, compiles: bool) -> str:
    """A line of the table."""
    objects = f"{len(driver.compiled)} of {len(driver.objects)}" if compiles else "-"
    callers = f"{driver.converted} of {driver.callers}" if compiles else f"{driver.callers}"
    return f"{driver.name:<12} {callers:>8} {objects:>9}  {driver.result}"


def table(drivers: List[Driver], left: List[str], compiles: bool) -> str:
    """For people."""
    rows = [f"{'driver':<12} {'callers':>8} {'compiled':>9}  result"]
    rows += [row(driver, compiles) for driver in drivers]
    rows += [f"{error}" for driver in drivers for error in driver.errors[1:]]
    rows += [f"{name} calls ttm_bo_move_memcpy() and is not converted: "
             f"write a patch scripts/coccinelle/adopt_*.cocci for it" for name in left]
    return "\n".join(rows) + "\n"


def report(out: Path, kernel: Path, converted: Optional[Path]) -> int:
    """The table, the report, and the status."""
    drivers = read_drivers(out, kernel, converted)
    misfits = any(driver.errors for driver in drivers)
    left = strangers(converted) if converted and not misfits else []
    shown = table(drivers, left, converted is not None)
    print(shown, end="")
    (out / "table.txt").write_text(shown, encoding="utf-8")
    (out / "report.json").write_text(json.dumps(
        {"drivers": [dict(driver._asdict(), result=driver.result) for driver in drivers],
         "not_converted": left}, indent=2) + "\n", encoding="utf-8")
    return 1 if misfits or left else 0


def write_rows(out: Path, rows: Path) -> int:
    """Rows of a check, one for each driver."""
    with open(out / "report.json", encoding="utf-8") as stream:
        drivers = json.load(stream)["drivers"]
    with open(rows, "a", encoding="utf-8") as stream:
        for driver in drivers:
            result = "fail" if driver["errors"] else "pass"
            reason = "; ".join(driver["errors"])
            print(f"{result}  {LEVEL}: {driver['name']}{' -- ' + reason if reason else ''}")
            stream.write(f"{driver['name']}\t{LEVEL}\t{result}\t0.0\t{reason}\n")
    return 0


def main(argv: List[str]) -> int:
    """The program."""
    if len(argv) == 4 and argv[1] == "rows":
        return write_rows(Path(argv[2]), Path(argv[3]))
    if len(argv) not in (3, 4):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    converted = Path(argv[3]) if len(argv) == 4 and argv[3] else None
    return report(Path(argv[1]), Path(argv[2]), converted)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
