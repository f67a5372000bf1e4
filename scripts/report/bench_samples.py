# SPDX-License-Identifier: MIT
"""The samples of `make bench`, and what two series of them say together.

A sample is a dictionary. Samples that are alike but for the way in which the thing was
done are taken in turns, so that the first of one way belongs to the first of another."""

import json
import re
from typing import Dict, Iterable, List, NamedTuple, Optional

KERNEL_LINE = re.compile(r"ttm_move_bench: (bench=.*)")


class SampleError(Exception):
    """Samples that cannot be used; the text says what to do."""


class Row(NamedTuple):
    """One line of the report. A ratio says how many times better ours is than peer; its
    spread is the distance of its quartiles, as a part of it."""
    name: str
    unit: str
    ours: float
    peer: Optional[float]
    ratio: Optional[float]
    spread: float


def value_of(text: str) -> object:
    """A word of the kernel's: a number where it is one."""
    return int(text) if text.isdigit() else text


def parse_kernel(lines: Iterable[str]) -> List[dict]:
    """The samples in a console's log."""
    found = (KERNEL_LINE.search(line) for line in lines)
    return [{name: value_of(value) for name, value in
             (word.split("=", 1) for word in match[1].split())} for match in found if match]


def parse_guest(lines: Iterable[str]) -> List[dict]:
    """The samples of vttm-bench, which ends with one that says so."""
    samples = [json.loads(line) for line in lines]
    if not samples or samples[-1].get("bench") != "end":
        raise SampleError("vttm-bench did not finish")
    return samples[:-1]


def select(samples: Iterable[dict], **wanted: object) -> List[dict]:
    """The samples that have all of these values."""
    return [sample for sample in samples
            if all(sample.get(name) == value for name, value in wanted.items())]


def distinct(samples: Iterable[dict], name: str) -> List:
    """The values of one member, in order."""
    return sorted({sample[name] for sample in samples if name in sample})


def per_item(samples: Iterable[dict], member: str) -> List[float]:
    """A time, in nanoseconds, for each of the n things that a sample is about."""
    return [sample[member] / sample.get("n", 1) for sample in samples]


def quantile(values: List[float], part: float) -> float:
    """Between the two values that are nearest, in proportion."""
    ordered = sorted(values)
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: List[float]) -> float:
    """The value in the middle."""
    return quantile(values, 0.5)


def spread(values: List[float]) -> float:
    """The distance of the quartiles, as a part of the median."""
    middle = median(values)
    return (quantile(values, 0.75) - quantile(values, 0.25)) / middle if middle else 0.0


def compare(name: str, unit: str, ours_ns: List[float], peer_ns: List[float],
            amount: float = 0.0) -> Row:
    """Times in turns. With an amount the row is about so much in a nanosecond, otherwise
    about microseconds. The ratio is the median of those of the pairs."""
    if not ours_ns or len(ours_ns) != len(peer_ns):
        raise SampleError(f"{name}: {len(ours_ns)} samples of ours, {len(peer_ns)} of the peer")
    # Below the clock's resolution, a time is read as zero.
    ratios = [peer / max(ours, 1) for ours, peer in zip(ours_ns, peer_ns)]
    show = (lambda ns: amount / max(ns, 1)) if amount else (lambda ns: ns / 1e3)
    return Row(name, unit, show(median(ours_ns)), show(median(peer_ns)), median(ratios),
               spread(ratios))


def alone(name: str, unit: str, ours: List[float], reference: Optional[float] = None) -> Row:
    """Values without a peer; or whose peer is another of ours."""
    ratio = reference / median(ours) if reference is not None else None
    return Row(name, unit, median(ours), reference, ratio, spread(ours))


def as_dict(rows: Iterable[Row]) -> List[Dict]:
    """For the report, with as many digits as mean something."""
    return [{name: float(f"{value:.4g}") if isinstance(value, float) else value
             for name, value in row._asdict().items()} for row in rows]
