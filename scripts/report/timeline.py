# SPDX-License-Identifier: MIT
"""Draws who waited and who copied, with the worker and without, on one time scale."""

import xml.etree.ElementTree as ET
from typing import Dict, List, Tuple

from records import MODES, Job, Move, jobs_of, own_job

MOVES = 24

WIDTH, LEFT, RIGHT = 1200, 150, 20
LANE, GAP = 16, 3
TITLE, LEGEND, AXIS = 26, 74, 34

BLOCKED, QUEUED, COPYING, SIGNALLED = "#d62728", "#f2c572", "#1f77b4", "#2ca02c"
INK = "#222222"

TITLES = {
    "async": "With the move worker: the caller goes on, workers copy",
    "sync": "TTM's synchronous move: the caller copies",
}

Span = Tuple[int, int, str, str]


def window(moves: List[Move]) -> List[Move]:
    """The first moves that each had to evict another buffer."""
    return [move for move in moves if move.evicted_bytes][:MOVES]


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


def draw_move(picture: Picture, y: float, move: Move, jobs: List[Job]) -> None:
    """The eviction that a move caused in the lane's upper part, the move below it."""
    picture.lane(y, f"buffer {move.buffer}")
    own = own_job(move, jobs)
    for job in jobs:
        if job is not own:
            for span in job_spans(job, "eviction"):
                picture.span(y, LANE * 0.35, span)
    low, height = y + LANE * 0.4, LANE * 0.6
    spans = job_spans(own, "move") if own else []
    if not spans and move.signalled_ns > move.returned_ns:
        spans = [(move.returned_ns, move.signalled_ns, QUEUED, "in flight")]
    for span in [*spans, (move.start_ns, move.returned_ns, BLOCKED, "caller blocked")]:
        picture.span(low, height, span)
    picture.box(picture.at(move.end_ns) - 1.5, y, 3, LANE, SIGNALLED,
                f"signalled {(move.end_ns - move.start_ns) / 1000:,.0f} µs after the call")


def draw_caller(picture: Picture, y: float, moves: List[Move]) -> None:
    """All that the caller waited for, in one lane."""
    picture.lane(y, "caller")
    for move in moves:
        picture.span(y, LANE, (move.start_ns, move.returned_ns, BLOCKED, "caller blocked"))


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


def draw_mode(picture: Picture, y: float, mode: str, moves: List[Move],
              jobs: Dict[Move, List[Job]]) -> float:
    """All lanes of a mode; returns where they end."""
    picture.text(10, y + 16, TITLES[mode], font_size="13", font_weight="bold")
    y += TITLE
    picture.zero_ns = moves[0].start_ns if moves else 0
    draw_caller(picture, y, moves)
    y = draw_workers(picture, y + LANE + GAP, [job for move in moves for job in jobs[move]])
    for move in moves:
        draw_move(picture, y, move, jobs[move])
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


def draw_axis(picture: Picture, top: float, bottom: float, span_ns: int) -> None:
    """Milliseconds since the first move shown, with a faint line for each mark."""
    step = tick_ns(span_ns)
    for mark in range(0, span_ns + 1, step):
        x = LEFT + mark * picture.scale
        picture.box(x, top, 0.5, bottom - top, "#bbbbbb")
        picture.text(x, bottom + 14, f"{mark / 1e6:g}", text_anchor="middle")
    picture.text(LEFT, bottom + 29, "milliseconds since the first of these calls")


def draw_legend(picture: Picture, title: str) -> None:
    """What the colours mean, and which part of the run this is."""
    picture.text(10, 20, title, font_size="14", font_weight="bold")
    picture.text(10, 38, f"Only the first {MOVES} moves of each way that had to evict another "
                 "buffer. Upper part of a lane: the eviction; lower part: the move itself.")
    x = 10
    for fill, text in ((BLOCKED, "caller blocked"), (QUEUED, "queued"),
                       (COPYING, "worker copying"), (SIGNALLED, "fence signalled")):
        picture.box(x, 48, 12, 12, fill)
        picture.text(x + 17, 58, text)
        x += 150


def draw(title: str, moves: Dict[str, List[Move]], jobs: List[Job]) -> str:
    """The whole picture, as text of an SVG file."""
    shown = {mode: window(moves[mode]) for mode in MODES}
    jobs_by_move = {move: jobs_of(move, jobs) for mode in MODES for move in shown[mode]}
    span_ns = max((max(move.end_ns for move in part) - part[0].start_ns
                   for part in shown.values() if part), default=1)
    picture = Picture(span_ns)
    draw_legend(picture, title)
    bottom: float = LEGEND
    for mode in MODES:
        bottom = draw_mode(picture, bottom + GAP, mode, shown[mode], jobs_by_move)
    draw_axis(picture, LEGEND + TITLE, bottom, span_ns)
    return picture.finish(bottom + AXIS)
