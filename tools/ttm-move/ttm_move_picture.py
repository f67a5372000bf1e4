# SPDX-License-Identifier: MIT
"""Pictures of who copied when, on an axis of time."""

import xml.etree.ElementTree as ET
from typing import List, Tuple

from ttm_move_trace import Job

WIDTH, LEFT, RIGHT = 1200, 150, 20
LANE, GAP = 16, 3

BLOCKED, QUEUED, COPYING, SIGNALLED = "#d62728", "#f2c572", "#1f77b4", "#2ca02c"
INK = "#222222"

Span = Tuple[int, int, str, str]


def job_spans(job: Job, what: str) -> List[Span]:
    """Queued and copying, as far as the trace has them."""
    stage = job.stage_ns
    spans = []
    if "copy_begin" in stage:
        spans.append((stage["queued"], stage["copy_begin"], QUEUED, f"{what} queued"))
        if "copy_end" in stage:
            spans.append((stage["copy_begin"], stage["copy_end"], COPYING, f"{what} copying"))
    return spans


class Picture:
    """An SVG whose time axis begins at the start of each mode's first move shown."""

    def __init__(self, span_ns: int) -> None:
        self.root = ET.Element("svg", {
            "xmlns": "http://www.w3.org/2000/svg", "width": str(WIDTH),
            "font-family": "sans-serif", "font-size": "11"})
        ET.SubElement(self.root, "rect", {"width": "100%", "height": "100%",
                                          "fill": "#ffffff"})
        self.scale = (WIDTH - LEFT - RIGHT) / max(span_ns, 1)
        self.zero_ns = 0

    def box(self, x: float, y: float, width: float, height: float, fill: str,
            hint: str = "") -> None:
        """A filled rectangle; hint is shown under the pointer."""
        box = ET.SubElement(self.root, "rect", {
            "x": f"{x:.2f}", "y": f"{y:.2f}", "width": f"{width:.2f}",
            "height": f"{height:.2f}", "fill": fill})
        if hint:
            ET.SubElement(box, "title").text = hint

    def text(self, x: float, y: float, text: str, **more: str) -> None:
        """Text whose base line is at y."""
        ET.SubElement(self.root, "text", {
            "x": f"{x:.2f}", "y": f"{y:.2f}", "fill": INK,
            **{name.replace("_", "-"): value for name, value in more.items()}}).text = text

    def at(self, time_ns: int) -> float:
        """Where a point in time is."""
        return LEFT + (time_ns - self.zero_ns) * self.scale

    def span(self, y: float, height: float, span: Span) -> None:
        """A stretch of time, never too short to be seen."""
        begin_ns, end_ns, fill, what = span
        micros = (end_ns - begin_ns) / 1000
        width = max(self.at(end_ns) - self.at(begin_ns), 1)
        self.box(self.at(begin_ns), y, width, height, fill, f"{what}: {micros:,.0f} µs")

    def finish(self, height: float) -> str:
        """The text of the file, now that its height is known."""
        self.root.set("height", f"{height:.0f}")
        self.root.set("viewBox", f"0 0 {WIDTH} {height:.0f}")
        ET.indent(self.root)
        return ET.tostring(self.root, encoding="unicode") + "\n"

    def lane(self, y: float, name: str) -> None:
        """A lane's ground and its name."""
        self.box(LEFT, y, WIDTH - LEFT - RIGHT, LANE, "#f7f7f7")
        self.text(LEFT - 8, y + LANE - 4, name, text_anchor="end")


def draw_workers(picture: Picture, y: float, jobs: List[Job]) -> float:
    """A lane for each thread that copied; returns where the next lane begins."""
    for worker in sorted({job.worker for job in jobs if job.worker}):
        picture.lane(y, worker)
        for job in jobs:
            if job.worker == worker:
                for span in job_spans(job, job.direction)[1:]:
                    picture.span(y, LANE, span)
        y += LANE + GAP
    return y


def tick_ns(span_ns: int) -> int:
    """The distance of the marks on the axis: 1, 2 or 5 of something, at most ten."""
    step = 1000
    while True:
        for factor in (1, 2, 5):
            if span_ns <= 10 * factor * step:
                return factor * step
        step *= 10


def draw_axis(picture: Picture, top: float, bottom: float, span_ns: int,
              what: str = "calls") -> None:
    """Milliseconds since the first of what is shown, with a faint line for each mark."""
    step = tick_ns(span_ns)
    for mark in range(0, span_ns + 1, step):
        x = LEFT + mark * picture.scale
        picture.box(x, top, 0.5, bottom - top, "#bbbbbb")
        picture.text(x, bottom + 14, f"{mark / 1e6:g}", text_anchor="middle")
    picture.text(LEFT, bottom + 29, f"milliseconds since the first of these {what}")


def last_ns(job: Job) -> int:
    """The end, as far as the trace has it."""
    return max(job.stage_ns.values())


def draw_job(picture: Picture, y: float, job: Job) -> None:
    """A job in a lane of its own."""
    picture.lane(y, f"{job.context}:{job.seqno} {job.direction}")
    spans = job_spans(job, job.direction)
    if not spans:
        spans = [(job.stage_ns["queued"], last_ns(job), QUEUED, "waiting")]
    for span in spans:
        picture.span(y, LANE, span)
    if "retired" in job.stage_ns:
        picture.box(picture.at(job.stage_ns["retired"]) - 1.5, y, 3, LANE, SIGNALLED,
                    f"signalled, {job.bytes:,} bytes, error {job.error}")


def draw_key(picture: Picture, title: str) -> float:
    """The title, and what the colours mean; returns where the lanes begin."""
    picture.text(10, 20, title, font_size="14", font_weight="bold")
    x = 10
    for fill, text in ((QUEUED, "queued"), (COPYING, "copying"),
                       (SIGNALLED, "fence signalled")):
        picture.box(x, 32, 12, 12, fill)
        picture.text(x + 17, 42, text)
        x += 150
    return 56


def draw_jobs(title: str, jobs: List[Job]) -> str:
    """Who copied, and each job, as text of an SVG file."""
    first = min(job.stage_ns["queued"] for job in jobs)
    span_ns = max(last_ns(job) for job in jobs) - first
    picture = Picture(span_ns)
    picture.zero_ns = first
    top = draw_key(picture, title)
    y = draw_workers(picture, top, jobs)
    for job in jobs:
        draw_job(picture, y, job)
        y += LANE + GAP
    draw_axis(picture, top, y, span_ns, "jobs")
    return picture.finish(y + 34)
