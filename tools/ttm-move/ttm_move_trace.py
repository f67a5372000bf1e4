# SPDX-License-Identifier: MIT
"""The move worker's events in a trace: as the kernel prints it, or `trace-cmd report`."""

import re
import subprocess
from typing import Dict, Iterable, List, NamedTuple, Optional

# The column of flags is missing where trace-cmd leaves it out, and after the event's name it
# has more blanks.
EVENT_LINE = re.compile(
    r"\s*(?P<task>.+-\d+)\s+\[(?P<cpu>\d+)\]\s+(?:[^\s:]+\s+)?"
    r"(?P<seconds>\d+)\.(?P<fraction>\d{6}|\d{9}):\s+ttm_move_(?P<stage>\w+):\s+"
    r"context=(?P<context>\d+) seqno=(?P<seqno>\d+) dir=(?P<direction>\S+)"
    r" bytes=(?P<bytes>\d+) ns=(?P<ns>-?\d+) error=(?P<error>-?\d+)")

# What a file of trace-cmd begins with.
TRACE_CMD_MAGIC = b"\x17\x08\x44tracing"


class TraceError(Exception):
    """A trace that cannot be read; the text says what to do."""


class Event(NamedTuple):
    """One event: ns is what the stage before took, and for "retired" the whole life."""
    task: str
    time_ns: int
    stage: str
    context: int
    seqno: int
    direction: str
    bytes: int
    ns: int
    error: int


class Job(NamedTuple):
    """One job of the worker: when it reached which stage, and who copied."""
    context: int
    seqno: int
    direction: str
    worker: str
    stage_ns: Dict[str, int]
    bytes: int = 0
    error: int = 0


def parse_event(line: str) -> Optional[Event]:
    """The event in a line; None where the line has none of ours."""
    match = EVENT_LINE.match(line)
    if not match:
        return None
    time_ns = int(match["seconds"]) * 10**9 + int(match["fraction"].ljust(9, "0"))
    return Event(match["task"].strip(), time_ns, match["stage"], int(match["context"]),
                 int(match["seqno"]), match["direction"], int(match["bytes"]), int(match["ns"]),
                 int(match["error"]))


def parse_events(lines: Iterable[str]) -> List[Event]:
    """All events of ours, in the order of the trace."""
    return [event for event in map(parse_event, lines) if event]


def jobs_of_events(events: Iterable[Event]) -> List[Job]:
    """The jobs whose beginning the trace has, as queued."""
    jobs: Dict[tuple, Job] = {}
    for event in events:
        key = event.context, event.seqno
        job = jobs.get(key) or Job(*key, event.direction, "", {})
        # A failsafe job knows what it has to do only when it is ready.
        job = job._replace(direction=event.direction, bytes=event.bytes, error=event.error)
        if event.stage == "copy_begin":
            # Where the tasks' names are not recorded: only workers copy.
            job = job._replace(worker=event.task.replace("<...>", "kworker"))
        job.stage_ns[event.stage] = event.time_ns
        jobs[key] = job
    return sorted((job for job in jobs.values() if "queued" in job.stage_ns),
                  key=lambda job: job.stage_ns["queued"])


def parse_trace(lines: Iterable[str]) -> List[Job]:
    """The jobs in a trace."""
    return jobs_of_events(parse_events(lines))


def report_lines(path: str) -> List[str]:
    """What trace-cmd says of a file of its own."""
    try:
        done = subprocess.run(["trace-cmd", "report", "-t", "-i", path], capture_output=True,
                              text=True, errors="replace", check=False)
    except FileNotFoundError as error:
        raise TraceError(f"{path} is of trace-cmd, which is not there: install trace-cmd, or"
                         " give the output of `trace-cmd report`") from error
    if done.returncode:
        raise TraceError(f"trace-cmd report {path}: {done.stderr.strip() or 'failed'}")
    return done.stdout.splitlines()


def read_lines(path: str) -> List[str]:
    """The lines of a trace in a file of either form."""
    try:
        with open(path, "rb") as file:
            if file.read(len(TRACE_CMD_MAGIC)) == TRACE_CMD_MAGIC:
                return report_lines(path)
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readlines()
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror}; name a trace, such as the output of"
                         " `trace-cmd report` or a copy of /sys/kernel/tracing/trace") from error


def read_events(path: str) -> List[Event]:
    """The events in a file, which must have some."""
    events = parse_events(read_lines(path))
    if not events:
        raise TraceError(f"{path} has no events of ttm_move: record some with"
                         " `trace-cmd record -e ttm_move`")
    return events
