# SPDX-License-Identifier: MIT
"""The move worker on this machine: its events, in a trace of their own, and debugfs."""

import glob
import os
import re
import select
import time
from typing import List

from ttm_move_trace import Event, TraceError, parse_event

TRACEFS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
DEBUGFS = "/sys/kernel/debug/dri/*/ttm_move"
INSTANCE = "ttm-move-top"
LOST = re.compile(rb"LOST (\d+) EVENTS")


def write(path: str, text: str) -> None:
    """To a file of the kernel's."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def find_tracefs() -> str:
    """Where the tracer is, if we may use it and it knows our events."""
    root = next((path for path in TRACEFS if os.path.isdir(os.path.join(path, "instances"))), None)
    if os.geteuid() and (not root or not os.access(os.path.join(root, "instances"), os.W_OK)):
        raise TraceError("only root may trace the kernel: run it with sudo, or read a saved trace"
                         " with --file")
    if not root:
        raise TraceError(f"{TRACEFS[0]} is not there: mount it with `mount -t tracefs nodev"
                         f" {TRACEFS[0]}`, on a kernel that has tracing")
    if not os.path.isdir(os.path.join(root, "events", "ttm_move")):
        raise TraceError("the kernel has no events of ttm_move: load a driver that uses it, or"
                         " `modprobe ttm_move`")
    return root


class LiveTrace:
    """A trace of our own, so that nobody else's is disturbed; gone when it is closed."""

    def __init__(self) -> None:
        self.folder = os.path.join(find_tracefs(), "instances", f"{INSTANCE}-{os.getpid()}")
        self.rest = b""
        self.lost = 0
        try:
            os.mkdir(self.folder)
            write(os.path.join(self.folder, "trace_clock"), "mono")
            write(os.path.join(self.folder, "events/ttm_move/enable"), "1")
            self.pipe = os.open(os.path.join(self.folder, "trace_pipe"),
                                os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise TraceError(f"{self.folder}: {error.strerror}; is tracing locked down, or is"
                             " memory short?") from error

    def close(self) -> None:
        """Remove the trace."""
        os.close(self.pipe)
        write(os.path.join(self.folder, "events/ttm_move/enable"), "0")
        os.rmdir(self.folder)

    def __enter__(self) -> "LiveTrace":
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def take(self) -> List[Event]:
        """What has come since the last call."""
        data = self.rest
        while True:
            try:
                piece = os.read(self.pipe, 1 << 16)
            except BlockingIOError:
                break
            if not piece:
                break
            data += piece
        lines = data.split(b"\n")
        self.rest = lines.pop()
        self.lost += sum(int(count) for count in LOST.findall(data[:len(data) - len(self.rest)]))
        return [event for event in (parse_event(line.decode(errors="replace"))
                                    for line in lines) if event]

    def events_for(self, seconds: float) -> List[Event]:
        """All events of so long, taken before the kernel's buffer is full."""
        end = time.monotonic() + seconds
        events: List[Event] = []
        while (left := end - time.monotonic()) > 0:
            select.select([], [], [], min(left, 0.1))
            events += self.take()
        return events


def parse_debugfs(text: str) -> dict:
    """A device's totals, and the lines of the jobs in flight, their heading first."""
    head, _, tail = text.partition("in_flight:\n")
    totals = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
    return {"totals": totals, "in_flight": tail.splitlines()}


def jobs_in_flight(found: List[dict]) -> int:
    """What debugfs says: each list has a heading."""
    return sum(max(len(worker["in_flight"]) - 1, 0) for worker in found)


def workers() -> List[dict]:
    """What each device's worker says of itself. A device has several names there."""
    found, seen = [], set()
    for path in sorted(glob.glob(DEBUGFS)):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        device = os.path.basename(os.path.realpath(os.path.dirname(path)))
        if text and device not in seen:
            seen.add(device)
            found.append({"device": device, **parse_debugfs(text)})
    return found
