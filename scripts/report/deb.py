#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""What came of the Debian package.

usage: deb.py OUT DEB

Reads OUT/lintian.log and, where the package was installed, OUT/chroot/kernels.tsv and the
like; prints a table, and leaves it in OUT/report.txt and OUT/report.json. Exit status 1
where lintian finds an error or gives a warning, where no kernel got the modules, one got
them wrong or was refused without a reason, or where the package left something behind.
"""

import json
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Optional

FIELDS = ("kernel", "result", "reason")
TESTED = "a fresh system"


def complaints(log: str) -> List[str]:
    """What lintian calls an error or a warning."""
    return [line for line in log.splitlines() if line.startswith(("E:", "W:"))]


def read(path: Path) -> str:
    """A file; nothing where there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def kernels(text: str) -> List[Dict]:
    """What became of the modules, for each kernel."""
    return [dict(zip(FIELDS, line.split("\t"))) for line in text.splitlines()]


def evaluate(out: Path, deb: Path) -> Dict:
    """All that was found."""
    chroot = out / "chroot"
    report = {"package": deb.name, "bytes": deb.stat().st_size,
              "lintian": complaints(read(out / "lintian.log")), "installed": None}
    if chroot.exists():
        report["installed"] = {
            "kernels": kernels(read(chroot / "kernels.tsv")),
            "removed": read(chroot / "removed").strip() == "removed"}
    return report


def problems(report: Dict) -> Iterator[str]:
    """What is not right."""
    if report["lintian"]:
        yield f"lintian complains: {report['lintian'][0]}"
    installed: Optional[Dict] = report["installed"]
    if not installed:
        return
    results = {row["result"] for row in installed["kernels"]}
    if "built" not in results:
        yield "no kernel got the modules"
    for row in installed["kernels"]:
        if row["result"] == "refused" and not row["reason"]:
            yield f"{row['kernel']} was refused without a reason"
        if row["result"] == "wrong":
            yield f"{row['kernel']}: {row['reason']}"
    if not installed["removed"]:
        yield "the package left something behind when it was removed"


def table(report: Dict) -> Iterator[str]:
    """The lines for people."""
    yield f"{report['package']}: {report['bytes']:,} bytes"
    yield f"lintian: {len(report['lintian'])} errors and warnings"
    installed = report["installed"]
    if not installed:
        yield f"not installed in {TESTED}: TEST=1 does"
        return
    for row in installed["kernels"]:
        yield f"{row['kernel']:28} {row['result']:8} {row['reason']}".rstrip()
    yield f"removed without a trace: {'yes' if installed['removed'] else 'no'}"


def main(arguments: List[str]) -> int:
    """The command."""
    if len(arguments) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    out, deb = map(Path, arguments)
    report = evaluate(out, deb)
    lines = "\n".join(table(report)) + "\n"
    print(lines, end="")
    (out / "report.txt").write_text(lines, encoding="utf-8")
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    wrong = list(problems(report))
    for problem in wrong:
        print(f"error: {problem}: see the logs in {out}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
