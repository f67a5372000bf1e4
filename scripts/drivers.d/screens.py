#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""Takes the screenshots of a guest, and compares them with what it should have shown.

usage: screens.py serve SOCKET SHARE SHOTS SECONDS
       screens.py judge OUT RUN...

"serve" takes a screenshot through the QMP socket SOCKET for each file that the guest puts
into SHARE/ask, SECONDS later, and puts one of the same name into SHARE/done, until the
guest is gone. "judge" compares the screenshots in OUT/RUN/shots,
whose names end with the number of the picture, pixel by pixel; prints a table, writes
OUT/report.json, and ends with 1 where one is wrong, or a RUN is not what it should be.
"""

import json
import re
import socket
import sys
import time
from pathlib import Path
from typing import Dict, List, NamedTuple

WIDTH, HEIGHT, TILE = 640, 480, 16
WORD = 0xffffffff


def tile_color(picture: int, x: int, y: int) -> int:
    """As tools/testing/screens has it."""
    value = (picture * 0x9e3779b1 + x * 0x85ebca6b + y * 0xc2b2ae35) & WORD
    value ^= value >> 15
    value = value * 0x2c1b3c6d & WORD
    value ^= value >> 13
    return value & 0xfffff0


def expected_row(picture: int, y: int) -> bytes:
    """A row of the picture: three bytes for each pixel."""
    return b"".join((tile_color(picture, x, y // TILE) | y % TILE).to_bytes(3, "big") * TILE
                    for x in range(WIDTH // TILE))


def expected(picture: int) -> bytes:
    """The whole picture."""
    return b"".join(expected_row(picture, y) for y in range(HEIGHT))


def read_ppm(path: Path) -> bytes:
    """The pixels of a screenshot; none where it has another size."""
    data = path.read_bytes()
    header = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    if not header or (int(header[1]), int(header[2])) != (WIDTH, HEIGHT):
        return b""
    return data[header.end():]


def wrong_pixels(path: Path) -> int:
    """How many pixels of a screenshot are not as they should be."""
    seen, wanted = read_ppm(path), expected(int(path.stem.split("-")[-1]))
    if seen == wanted:
        return 0
    if len(seen) != len(wanted):
        return WIDTH * HEIGHT
    return sum(seen[i:i + 3] != wanted[i:i + 3] for i in range(0, len(wanted), 3))


class Monitor:
    """QEMU's monitor."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(600):
            try:
                self.socket.connect(path)
                break
            except OSError:
                time.sleep(0.1)
        self.stream = self.socket.makefile("r")
        self.stream.readline()
        self.call("qmp_capabilities")

    def call(self, command: str, **arguments: str) -> None:
        """Runs a command to its end."""
        self.socket.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        for line in self.stream:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"QEMU: {answer['error']['desc']}")
            if "return" in answer:
                return
        raise EOFError


def serve(path: str, share: Path, shots: Path, delay_s: float) -> int:
    """A screenshot for each that the guest asks for."""
    monitor = Monitor(path)
    done = share / "done"
    while not (share / "status").exists():
        for asked in sorted((share / "ask").glob("*")):
            if (done / asked.name).exists():
                continue
            time.sleep(delay_s)
            try:
                monitor.call("screendump", filename=str(shots / f"{asked.name}.ppm"))
            except (EOFError, OSError):
                return 0
            (done / asked.name).touch()
        time.sleep(0.05)
    return 0


class Run(NamedTuple):
    """A driver on a kernel."""
    name: str
    shots: Dict[str, int]
    result: Dict[str, int]
    totals: Dict[str, int]

    @property
    def errors(self) -> List[str]:
        """All that is wrong with it."""
        errors = [f"{name}: {wrong} pixels wrong" for name, wrong in self.shots.items() if wrong]
        if not self.shots or len(self.shots) != self.result.get("shots"):
            errors.append(f"{len(self.shots)} screenshots of {self.result.get('shots')}")
        if self.result.get("wrong"):
            errors.append(f"{self.result['wrong']} pixels wrong as the CPU reads them")
        converted = self.name.endswith("-converted")
        if converted and not self.totals.get("copied_bytes"):
            errors.append("the worker copied nothing")
        if not converted and self.totals:
            errors.append("the worker is there, and should not be")
        return errors


def read_totals(path: Path) -> Dict[str, int]:
    """The worker's totals."""
    if not path.exists():
        return {}
    pairs = re.findall(r"^(\w+): (\d+)$", path.read_text(encoding="utf-8"), re.M)
    return {name: int(value) for name, value in pairs}


def read_run(out: Path, name: str) -> Run:
    """What a run left."""
    shots = {path.stem: wrong_pixels(path) for path in sorted((out / name / "shots").glob("*"))}
    path = out / name / "share" / "result"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return Run(name, shots, json.loads(text) if text else {},
               read_totals(out / name / "share" / "ttm_move"))


def row(run: Run) -> str:
    """A line of the table."""
    right = sum(not wrong for wrong in run.shots.values())
    jobs = run.totals.get("jobs", 0)
    mib = run.totals.get("copied_bytes", 0) >> 20
    return (f"{run.name:<16} {right:>4} of {len(run.shots):<4} {jobs:>6} {mib:>6} MiB  "
            f"{'; '.join(run.errors) or 'ok'}")


def judge(out: Path, names: List[str]) -> int:
    """The table, the report, and the status."""
    runs = [read_run(out, name) for name in names]
    print(f"{'run':<16} {'right pictures':<12} {'jobs':>4} {'copied':>10}  result")
    for run in runs:
        print(row(run))
    (out / "report.json").write_text(json.dumps(
        {"runs": [dict(run._asdict(), errors=run.errors) for run in runs]}, indent=2) + "\n",
        encoding="utf-8")
    return 1 if any(run.errors for run in runs) else 0


def main(argv: List[str]) -> int:
    """The program."""
    if len(argv) == 6 and argv[1] == "serve":
        return serve(argv[2], Path(argv[3]), Path(argv[4]), float(argv[5]))
    if len(argv) > 3 and argv[1] == "judge":
        return judge(Path(argv[2]), argv[3:])
    print(__doc__.split("\n\n")[1], file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))
