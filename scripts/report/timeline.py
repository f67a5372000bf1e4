# SPDX-License-Identifier: MIT
"""Draws who waited and who copied, with the worker and without, on one time scale."""

from typing import Dict, List

from records import MODES, Job, Move, jobs_of, own_job
from ttm_move_picture import (BLOCKED, COPYING, GAP, LANE, QUEUED, SIGNALLED, Picture, draw_axis,
                              draw_workers, job_spans)

MOVES = 24

TITLE, LEGEND, AXIS = 26, 74, 34

TITLES = {
    "async": "With the move worker: the caller goes on, workers copy",
    "sync": "TTM's synchronous move: the caller copies",
}


def window(moves: List[Move]) -> List[Move]:
    """The first moves that each had to evict another buffer."""
    return [move for move in moves if move.evicted_bytes][:MOVES]


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
