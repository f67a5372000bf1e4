# SPDX-License-Identifier: MIT
"""What a stretch of a trace says of the move worker, and how it is shown."""

from typing import Dict, Iterable, List, Optional, Tuple

from ttm_move_trace import Event

BAR = 40


def bucket_of(us: float) -> int:
    """The power of two, of microseconds, that is next above; below one it is 0."""
    return max(int(us), 0).bit_length()


class Figures:
    """Counts events. What is in flight is kept from one stretch to the next."""

    def __init__(self) -> None:
        self.in_flight: Dict[Tuple[int, int], str] = {}
        self.reset()

    def reset(self) -> None:
        """A new stretch begins."""
        self.retired = 0
        self.errors = 0
        self.saved_ns = 0
        self.bytes: Dict[str, int] = {}
        self.latency: Dict[int, int] = {}
        self.first_ns: Optional[int] = None
        self.last_ns: Optional[int] = None

    def add(self, event: Event) -> None:
        """One event."""
        key = event.context, event.seqno
        if self.first_ns is None:
            self.first_ns = event.time_ns
        self.last_ns = event.time_ns
        if event.stage == "retired":
            self.in_flight.pop(key, None)
            self.add_retired(event)
            return
        self.in_flight[key] = event.stage
        if event.stage == "copy_end":
            # A caller would have made the copy; that it waits for others, too, is not
            # counted: it would not have asked for the next move meanwhile.
            self.saved_ns += event.ns
            self.bytes[event.direction] = self.bytes.get(event.direction, 0) + event.bytes

    def add_retired(self, event: Event) -> None:
        """The end of a job."""
        bucket = bucket_of(event.ns / 1000)
        self.retired += 1
        self.errors += bool(event.error)
        self.latency[bucket] = self.latency.get(bucket, 0) + 1

    def add_all(self, events: Iterable[Event]) -> None:
        """Some events."""
        for event in events:
            self.add(event)

    def span_s(self) -> float:
        """From the first event to the last."""
        return (self.last_ns - self.first_ns) / 1e9 if self.last_ns is not None else 0.0

    def report(self, seconds: float) -> dict:
        """The stretch, which took so long, for programs."""
        seconds = seconds or 1e-9
        return {
            "seconds": round(seconds, 6),
            "in_flight": len(self.in_flight),
            "jobs": self.retired,
            "jobs_per_s": round(self.retired / seconds, 3),
            "errors": self.errors,
            "gb_per_s": {direction: round(count / seconds / 1e9, 6)
                         for direction, count in sorted(self.bytes.items())},
            "bytes": dict(sorted(self.bytes.items())),
            "saved_s": round(self.saved_ns / 1e9, 9),
            "latency_us": [{"below": 1 << bucket, "jobs": count}
                           for bucket, count in sorted(self.latency.items())],
        }


def duration(us: int) -> str:
    """Microseconds, for people."""
    for unit, name in ((10**6, "s"), (10**3, "ms")):
        if us >= unit:
            return f"{us / unit:.3g} {name}"
    return f"{us} us"


def histogram(latency: List[dict]) -> List[str]:
    """A bar for each power of two from the first that occurs to the last."""
    if not latency:
        return ["  no job has ended"]
    counts = {entry["below"]: entry["jobs"] for entry in latency}
    most = max(counts.values())
    lines, below = [], min(counts)
    while below <= max(counts):
        count = counts.get(below, 0)
        bar = "#" * -(-count * BAR // most)
        lines.append(f"  < {duration(below):>8} {count:>8} {bar}")
        below *= 2
    return lines


def show(report: dict, title: str) -> str:
    """The report for people."""
    lines = [title, "",
             f"jobs in flight {report['in_flight']:>10,}",
             f"jobs ended     {report['jobs']:>10,}   {report['jobs_per_s']:,.0f} per second,"
             f" {report['errors']} with an error",
             f"blocked time saved {report['saved_s']:>10.3f} s in {report['seconds']:.1f} s", ""]
    for direction, rate in report["gb_per_s"].items():
        lines.append(f"{direction:<8} {rate:>10.3f} GB/s  {report['bytes'][direction]:,} bytes")
    lines += [""] if report["gb_per_s"] else ["nothing was copied", ""]
    lines += ["from arming to the signal", *histogram(report["latency_us"])]
    if report.get("lost_events"):
        lines += ["", f"{report['lost_events']:,} events were lost: the kernel's buffer was full"]
    for worker in report.get("workers", []):
        lines += ["", worker["device"], "  " + ", ".join(
            f"{name} {value}" for name, value in worker["totals"].items())]
        lines += [f"  {line}" for line in worker["in_flight"][:10]]
    return "\n".join(lines)
