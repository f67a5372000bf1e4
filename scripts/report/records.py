# SPDX-License-Identifier: MIT
"""What a run left behind: the records of vttm-walk and the kernel's trace."""

import json
import os
import sys
from typing import Dict, Iterable, List, NamedTuple, Optional

# The tools for users read the same trace; they have to do without this folder.
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools",
                             "ttm-move"))

from ttm_move_trace import Job, parse_trace  # noqa: E402 (the path is set just above)

__all__ = ["Job", "MODES", "Move", "RecordError", "Records", "jobs_of", "own_job",
           "parse_records", "parse_trace"]

MODES = ("async", "sync")


class RecordError(Exception):
    """A file of the run that cannot be used; the text says what to do."""


class Move(NamedTuple):
    """One move as its caller saw it."""
    mode: str
    to: str
    round: int
    buffer: int
    bytes: int
    evicted_bytes: int
    start_ns: int
    blocked_ns: int
    signalled_ns: int
    phase: str

    @property
    def returned_ns(self) -> int:
        """When the caller had the processor back."""
        return self.start_ns + self.blocked_ns

    @property
    def end_ns(self) -> int:
        """When both the caller and the fence were done."""
        return max(self.returned_ns, self.signalled_ns)


class Records(NamedTuple):
    """All records of vttm-walk; moves in the order in which they were asked for."""
    device: dict
    totals: Dict[str, dict]
    moves: Dict[str, List[Move]]
    complete: bool


def parse_line(line: str, number: int) -> dict:
    """One record."""
    try:
        record = json.loads(line)
    except ValueError as error:
        raise RecordError(f"line {number} of the records is broken: {error}") from error
    if not isinstance(record, dict) or "type" not in record:
        raise RecordError(f"line {number} of the records has no type")
    return record


def parse_records(lines: Iterable[str]) -> Records:
    """The records in a file of JSON lines. One that was cut off is not complete."""
    device: dict = {}
    totals: Dict[str, dict] = {}
    moves: Dict[str, List[Move]] = {mode: [] for mode in MODES}
    complete = False
    for number, line in enumerate(lines, 1):
        if not line.endswith("\n"):
            break
        record = parse_line(line, number)
        kind = record.pop("type")
        if kind == "device":
            device = record
        elif kind == "move" and record["bytes"]:
            moves[record["mode"]].append(Move(**record))
        elif kind == "mode":
            totals[record["mode"]] = record
        elif kind == "end":
            complete = True
    for mode in MODES:
        moves[mode].sort(key=lambda move: move.start_ns)
    return Records(device, totals, moves, complete)


# The trace has microseconds, cut off.
TRACE_STEP_NS = 1000


def jobs_of(move: Move, jobs: List[Job]) -> List[Job]:
    """The jobs that were queued in the call that asked for move."""
    return [job for job in jobs
            if move.start_ns - TRACE_STEP_NS <= job.stage_ns["queued"] <= move.returned_ns]


def own_job(move: Move, jobs: List[Job]) -> Optional[Job]:
    """Of the jobs of one call the one that moves the buffer itself: its fence is the
    one whose signal vttm-walk recorded."""
    retired = [job for job in jobs if "retired" in job.stage_ns]
    return min(retired, default=None,
               key=lambda job: abs(job.stage_ns["retired"] - move.signalled_ns))
