# SPDX-License-Identifier: MIT
"""Draws a diagram of lines on two logarithmic axes."""

import math
import xml.etree.ElementTree as ET
from typing import Callable, Dict, List, Tuple

WIDTH, HEIGHT = 900, 480
LEFT, RIGHT, TOP, BOTTOM = 90, 190, 50, 60
INK, GRID = "#222222", "#dddddd"
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b")

Point = Tuple[float, float]
Series = Dict[str, List[Point]]


def powers(low: float, high: float, base: int) -> List[float]:
    """The powers of base from the last one below low to the first one above high."""
    first, last = (math.floor(math.log(low, base) + 1e-9), math.ceil(math.log(high, base) - 1e-9))
    return [float(base) ** exponent for exponent in range(first, max(last, first + 1) + 1)]


class Axis:
    """Where a value is, and where the marks are."""

    def __init__(self, values: List[float], base: int, begin: float, end: float) -> None:
        self.marks = powers(min(values), max(values), base)
        self.begin, self.end = begin, end

    def at(self, value: float) -> float:
        """The coordinate of a value."""
        low, high = math.log(self.marks[0]), math.log(self.marks[-1])
        return self.begin + (math.log(value) - low) / (high - low) * (self.end - self.begin)


class Chart:
    """An SVG picture that grows."""

    def __init__(self) -> None:
        self.root = ET.Element("svg", {
            "xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDTH} {HEIGHT}",
            "width": str(WIDTH), "height": str(HEIGHT),
            "font-family": "sans-serif", "font-size": "12"})
        self.add("rect", x=0, y=0, width=WIDTH, height=HEIGHT, fill="#ffffff")

    def add(self, kind: str, text: str = "", **attributes: object) -> None:
        """One element."""
        ET.SubElement(self.root, kind, {
            name.replace("_", "-"): f"{value:.1f}" if isinstance(value, float) else str(value)
            for name, value in attributes.items()}).text = text or None

    def text(self, x: float, y: float, text: str, **more: object) -> None:
        """Text whose base line is at y."""
        self.add("text", text, x=x, y=y, fill=INK, **more)

    def axes(self, x: Axis, y: Axis, show_x: Callable, show_y: Callable) -> None:
        """A line and a number for each mark."""
        for mark in x.marks:
            self.add("line", x1=x.at(mark), x2=x.at(mark), y1=y.begin, y2=y.end, stroke=GRID)
            self.text(x.at(mark), y.begin + 18, show_x(mark), text_anchor="middle")
        for mark in y.marks:
            self.add("line", x1=x.begin, x2=x.end, y1=y.at(mark), y2=y.at(mark), stroke=GRID)
            self.text(x.begin - 8, y.at(mark) + 4, show_y(mark), text_anchor="end")

    def line(self, x: Axis, y: Axis, points: List[Point], colour: str) -> None:
        """A line with a dot at each point."""
        places = [(x.at(across), y.at(up)) for across, up in points]
        self.add("polyline", points=" ".join(f"{across:.1f},{up:.1f}" for across, up in places),
                 fill="none", stroke=colour, stroke_width=2)
        for across, up in places:
            self.add("circle", cx=across, cy=up, r=3, fill=colour)

    def legend(self, number: int, name: str, colour: str) -> None:
        """What a colour stands for."""
        y = TOP + 10 + 20 * number
        self.add("rect", x=WIDTH - RIGHT + 15, y=y, width=12, height=12, fill=colour)
        self.text(WIDTH - RIGHT + 33, y + 10, name)


def draw(title: str, x_label: str, y_label: str, series: Series, x_base: int = 10,
         show_x: Callable = "{:g}".format, show_y: Callable = "{:g}".format) -> str:
    """The whole picture, as text of an SVG file. No value may be zero."""
    chart = Chart()
    points = [point for line in series.values() for point in line]
    x = Axis([point[0] for point in points], x_base, LEFT, WIDTH - RIGHT)
    y = Axis([point[1] for point in points], 10, HEIGHT - BOTTOM, TOP)
    chart.text(LEFT, 28, title, font_size=15, font_weight="bold")
    chart.axes(x, y, show_x, show_y)
    for number, (name, line) in enumerate(series.items()):
        chart.line(x, y, line, COLOURS[number % len(COLOURS)])
        chart.legend(number, name, COLOURS[number % len(COLOURS)])
    chart.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x_label, text_anchor="middle")
    chart.text(14, TOP - 8, y_label)
    ET.indent(chart.root)
    return ET.tostring(chart.root, encoding="unicode") + "\n"
