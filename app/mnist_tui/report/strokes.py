"""Curves as braille cells. plotext draws them, each by itself; what lies on what, and how thick, is decided here.

plotext 6.1 ends the whole process on a NaN and takes memory without bound for points far outside its limits, so it
is only ever given finite numbers in [0, 1].
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias

from mnist_tui.report.look import Dots
from mnist_tui.report.plane import Plane
from mnist_tui.report.points import Point, clipped, thinned

Cells: TypeAlias = dict[tuple[int, int], int]
"""The dots of each cell that has some, by row and column, as the last eight bits of its braille character."""

BLANK: Final = 0x2800
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")
_UPPER: Final = 0b00011011
_LOWER: Final = 0b11100100
"""The dots of the upper and of the lower half of a cell."""
_ONE_DOWN: Final = ((0, 1), (1, 2), (2, 6), (3, 4), (4, 5), (5, 7))
"""Bits of dots, and of those just below them in the same cell."""
_INTO_NEXT: Final = ((6, 0), (7, 3))
"""The same for the lowest dots and the highest of the cell below."""


def strokes(runs: Sequence[Sequence[Point]], plane: Plane) -> Cells:
    """Let plotext draw a curve, given as its parts without gaps."""
    parts = [part for run in runs for part in clipped([plane.shares(point) for point in run])]
    if not parts:
        return {}
    plotext = drawing()
    figure = type(plotext.figure)(plotext.terminal)
    figure.plot_size(plane.columns, plane.rows)
    figure.axes(False)
    for ruler in (figure.ruler("x"), figure.ruler("y", "left")):
        ruler.lim(0, 1)
        ruler.ticks([])
    points: list[Point] = []
    starts: list[int] = []
    for part in parts:
        starts.append(len(points))
        points += thinned(part, plane.columns)
    marker = plotext.marker("braille", pixel=16)
    signal = figure.signal([x for x, _ in points], [y for _, y in points], marker=marker, yside="left").lines(True)
    for start in starts:
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
    """Return the dots, each with the one below it."""
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
    """Return plotext, loaded when it is first needed: that takes as long as half of the app's first frame."""
    import plotext

    plotext.terminal.limit(False, False)
    return plotext
