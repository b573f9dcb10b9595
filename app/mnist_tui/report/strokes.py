"""Curves as braille cells. plotext draws the lines; this module draws dense curves and sets the line thickness.

A curve with more points than dot columns looks like a solid band. The band is drawn here, because plotext would take
three times as long to produce the same dots.

plotext 6.1 aborts the process on a NaN and allocates unbounded memory for points far outside its limits, so it only
ever gets finite numbers in [0, 1].
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, Final, TypeAlias

from mnist_tui.report.chartview import Dots
from mnist_tui.report.plane import Plane
from mnist_tui.report.points import Point, clipped

Cells: TypeAlias = dict[tuple[int, int], int]
"""The dots of each non-empty cell, by row and column, as the low eight bits of its braille character."""

BLANK: Final = 0x2800
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")
_DOTS: Final = ((0, 3), (1, 4), (2, 5), (6, 7))
"""Bit number of each dot, by row and column."""
_UPPER: Final = 0b00011011
_LOWER: Final = 0b11100100
"""The dots of the upper and of the lower half of a cell."""
_ONE_DOWN: Final = ((0, 1), (1, 2), (2, 6), (3, 4), (4, 5), (5, 7))
"""Pairs of bits: a dot and the dot below it in the same cell."""
_INTO_NEXT: Final = ((6, 0), (7, 3))
"""Pairs of bits: a dot in the lowest row and the dot below it in the next cell."""


def strokes(runs: Sequence[Sequence[Point]], plane: Plane) -> Cells:
    """Draw a curve, given as its gap-free segments."""
    cells: Cells = {}
    lines: list[Sequence[Point]] = []
    for part in (part for run in runs for part in clipped([plane.shares(point) for point in run])):
        if len(part) > 2 * plane.columns:
            _add_band(cells, part, plane)
        else:
            lines.append(part)
    if lines:
        for place, mask in _lines(lines, plane).items():
            cells[place] = cells.get(place, 0) | mask
    return cells


def _add_band(cells: Cells, part: Sequence[Point], plane: Plane) -> None:
    """Fill each dot column from its lowest to its highest point, connected to the column before."""
    spans: dict[int, tuple[int, int]] = {}
    last_row, last_column = plane.dot(part[0])
    for point in part:
        row, column = plane.dot(point)
        steps = max(column - last_column, 1)
        before = last_row
        for step in range(1, steps + 1):
            at = last_row + (row - last_row) * step // steps
            reach = before + (at > before) - (at < before)
            low, high = spans.get(column - steps + step, (at, at))
            spans[column - steps + step] = min(low, at, reach), max(high, at, reach)
            before = at
        last_row, last_column = row, column
    for column, (low, high) in spans.items():
        for row in range(low, high + 1):
            place = row // 4, column // 2
            cells[place] = cells.get(place, 0) | 1 << _DOTS[row % 4][column % 2]


def _lines(parts: Sequence[Sequence[Point]], plane: Plane) -> Cells:
    """Let plotext draw lines from point to point."""
    plotext = drawing()
    figure = type(plotext.figure)(plotext.terminal)
    figure.plot_size(plane.columns, plane.rows)
    figure.axes(False)
    for ruler in (figure.ruler("x"), figure.ruler("y", "left")):
        ruler.lim(0, 1)
        ruler.ticks([])
    points = [point for part in parts for point in part]
    marker = plotext.marker("braille", pixel=16)
    signal = figure.signal([x for x, _ in points], [y for _, y in points], marker=marker, yside="left").lines(True)
    for start in accumulate((len(part) for part in parts[:-1]), initial=0):
        signal.line(start, False)
    figure.draw(signal)
    lines = _ESCAPE.sub("", figure.build().string()).split("\n")
    return {
        (row, column): ord(character) - BLANK
        for row, line in enumerate(lines[: plane.rows])
        for column, character in enumerate(line[: plane.columns])
        if character not in " \u2800"
    }


def thickened(dots: Mapping[tuple[int, int], int], rows: int) -> Cells:
    """Return the dots, each joined by the dot below it."""
    thick = dict(dots)
    for (row, column), mask in dots.items():
        thick[row, column] |= _moved(mask, _ONE_DOWN)
        if row + 1 < rows and (below := _moved(mask, _INTO_NEXT)):
            thick[row + 1, column] = thick.get((row + 1, column), 0) | below
    return thick


@cache
def as_text(mask: int, dots: Dots) -> str:
    """Return the character for the dots of a cell."""
    if dots is Dots.BRAILLE:
        return chr(BLANK + mask)
    upper, lower = mask & _UPPER, mask & _LOWER
    if dots is Dots.BLOCKS:
        return "█" if upper and lower else "▀" if upper else "▄"
    return ":" if upper and lower else "'" if upper else "."


@cache
def _moved(mask: int, moves: tuple[tuple[int, int], ...]) -> int:
    return sum(1 << to for bit, to in moves if mask >> bit & 1)


@cache
def drawing() -> Any:
    """Return plotext, imported on first use: importing it takes half as long as the app's first frame."""
    import plotext

    plotext.terminal.limit(False, False)
    return plotext
