"""Series become cells. plotext draws the curves; axes and labels are ours, since its ticks are not round.

plotext 6.1 ends the whole process on a NaN and takes memory without bound for points far outside its limits, so it
is only ever given finite numbers in [0, 1].
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

from rich.cells import cell_len, set_cell_size

from mnist_tui.report.points import (
    Point,
    Series,
    clipped,
    exponent,
    few,
    finite_runs,
    held,
    inside,
    point_at,
    thinned,
    unit,
)
from mnist_tui.report.ticks import linear_ticks, log_ticks, tick_labels, whole_ticks

AXIS: Final = -1
"""Ink of the axes' lines; the inks of series are 0 and above."""
TEXT: Final = -2
"""Ink of the ticks' labels."""

_FAR: Final = 1e9
"""The same for epochs."""
_MIN_CANVAS: Final = (12, 3)
"""Columns and rows below which numbers say more than a curve."""
_ROOMY: Final = 9
"""Rows from which the labels of the x axis have a row of their own."""
_ROWS_PER_LABEL: Final = 3
_COLUMNS_PER_SIGN: Final = 3
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_X_NAME: Final = "epoch"
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")

Run: TypeAlias = tuple[str, int]
"""Some cells of one ink."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over epochs.

    Attributes:
        title: What is drawn.
        series: The curves.
        x_limits: First and last epoch.
        log_y: Logarithmic y axis; values of 0 and below are gaps.
        percent: y values are fractions, labelled as percentages.
        y_limits: The y axis from and to; from the values where it is `None` or cannot be drawn.
        note: More beside the title, where there is room.
    """

    title: str
    series: tuple[Series, ...]
    x_limits: tuple[float, float]
    log_y: bool = False
    percent: bool = False
    y_limits: tuple[float, float] | None = None
    note: str = ""


def rasterise(chart: Chart, width: int, height: int) -> list[list[Run]]:
    """Return exactly `height` rows whose cells add up to `width`. Any numbers and any size from 1x1 on will do.

    Args:
        chart: What to draw.
        width: Size in cells.
        height: Size in cells.
    """
    curves = [finite_runs(few(series, width), log=chart.log_y) for series in chart.series]
    low, high = _y_limits([y for runs in curves for run in runs for _, y in run], chart)
    rows = height - (2 if height >= _ROOMY else 1)
    ticks = _y_ticks(chart, low, high, max(2, rows // _ROWS_PER_LABEL)) if any(curves) or chart.percent else {}
    margin = max(map(len, ticks), default=0) + 1
    plane = _Plane(*_x_limits(chart.x_limits), low, high, width - margin, rows)
    if plane.columns < _MIN_CANVAS[0] or rows < _MIN_CANVAS[1]:
        return _as_numbers(chart, width, height)
    labels = {plane.cell((0.0, plane.shares((plane.left, y))[1]))[0]: label for label, y in ticks.items()}
    body = []
    for row, cells in enumerate(_layers(chart.series, curves, plane, log=chart.log_y)):
        label = labels.get(row, "")
        body.append(_merged([(f"{label:>{margin - 1}}", TEXT), ("┤" if label else "│", AXIS), *cells]))
    return [*body, *_x_axis(plane, margin, own_row=height >= _ROOMY)]


@dataclass(frozen=True, slots=True)
class _Plane:
    """The area of the curves: its limits, in exponents of ten on a log axis, and its size in cells."""

    left: float
    right: float
    low: float
    high: float
    columns: int
    rows: int

    def shares(self, point: Point) -> Point:
        """Return a point as shares of the width and height; far outside they are held at a million."""
        x, y = (point[0] - self.left) / (self.right - self.left), (point[1] - self.low) / (self.high - self.low)
        return held(x, 1e6), held(y, 1e6)

    def cell(self, shares: Point) -> tuple[int, int]:
        """Return row and column of a point in [0, 1], rounding as plotext does."""
        return int((1.0 - shares[1]) * (self.rows - 1) + 0.5), int(shares[0] * (self.columns - 1) + 0.5)


# Numbers ----------------------------------------------------------------------------------------------


def _y_limits(values: Sequence[float], chart: Chart) -> tuple[float, float]:
    """Return the y axis from and to, as exponents of ten on a log axis."""
    if chart.y_limits is not None:
        start, end = chart.y_limits
        if math.isfinite(start) and math.isfinite(end) and start < end and (start > 0 or not chart.log_y):
            return _widened(exponent(start), exponent(end)) if chart.log_y else _widened(start, end)
    if not values:
        return (-2.0, 0.0) if chart.log_y else (0.0, 1.0)
    start, end = min(values), max(values)
    floor, ceiling = -math.inf, math.inf
    if chart.percent and end <= (0.0 if chart.log_y else 1.0):
        ceiling = 0.0 if chart.log_y else 1.0
        floor = 0.0 if start >= 0 and not chart.log_y else floor
    low, high = _widened(start, end)
    room = 0.04 * (high - low) if (low, high) == (start, end) else 0.0
    return max(low - room, floor), min(high + room, ceiling)


def _x_limits(limits: tuple[float, float]) -> tuple[float, float]:
    start, end = limits
    if not (math.isfinite(start) and math.isfinite(end)) or start > end:
        return 1.0, 2.0
    start, end = held(start, _FAR), held(end, _FAR)
    return (start, end) if end - start >= 1.0 else (start - 0.5, end + 0.5)


def _widened(low: float, high: float) -> tuple[float, float]:
    """Return limits that are far enough apart to be told apart: a constant gets room on both sides."""
    low, high = held(low), held(high)
    largest = max(abs(low), abs(high))
    if high - low > max(1e-9 * largest, 1e-250):
        return low, high
    room = 0.05 * largest if largest > 1e-200 else 0.5
    return low - room, high + room


def _y_ticks(chart: Chart, low: float, high: float, most: int) -> dict[str, float]:
    """Return the place of each label."""
    values = log_ticks(low, high, most) if chart.log_y else linear_ticks(low, high, most)
    labels = tick_labels(values, percent=chart.percent, even=not chart.log_y)
    return {label: math.log10(v) if chart.log_y else v for label, v in zip(labels, values, strict=True)}


# Cells ------------------------------------------------------------------------------------------------


def _layers(
    series: Sequence[Series], curves: Sequence[list[list[Point]]], plane: _Plane, *, log: bool
) -> list[list[Run]]:
    """Return one (character, ink) per cell. Where curves share a cell they take turns by column, like dashes."""
    strokes: dict[tuple[int, int], list[Run]] = {}
    signs: dict[tuple[int, int], list[Run]] = {}
    for one, runs in zip(series, curves, strict=True):
        for (row, column), character in _strokes(runs, plane):
            if not one.dashed or column % 3:
                strokes.setdefault((row, column), []).append((character, one.ink))
        for cell in dict.fromkeys(_signed(one, runs, plane, log=log)):
            signs.setdefault(cell, []).append(("○" if one.points else "●", one.ink))
    canvas = [[(" ", AXIS)] * plane.columns for _ in range(plane.rows)]
    for (row, column), claims in (strokes | signs).items():
        canvas[row][column] = claims[column % len(claims)]
    return canvas


def _signed(series: Series, runs: Sequence[Sequence[Point]], plane: _Plane, *, log: bool) -> Iterator[tuple[int, int]]:
    """Return the cells that get a sign: points without neighbours, and a ring's points."""
    alone = len(runs) <= plane.columns // _COLUMNS_PER_SIGN
    points = [run[0] for run in runs if len(run) == 1] if alone else []
    if series.points and runs:
        points += [*_on_round_numbers(series, plane, log=log), runs[-1][-1]]
    for point in points:
        if inside(shares := plane.shares(point)):
            yield plane.cell(shares)


def _on_round_numbers(series: Series, plane: _Plane, *, log: bool) -> Iterator[Point]:
    step = _sign_step(plane)
    for x in range(math.ceil(plane.left / step) * step, math.floor(plane.right) + 1, step):
        i = bisect_left(series.x, x)
        if i < min(len(series.x), len(series.y)) and series.x[i] == x:
            point = point_at(series.x[i], series.y[i], log=log)
            if point is not None:
                yield point


def _sign_step(plane: _Plane) -> int:
    """Return the round number of epochs that leaves enough columns between two signs."""
    wanted = _COLUMNS_PER_SIGN * (plane.right - plane.left) / plane.columns
    scale: int = 10 ** max(0, math.ceil(math.log10(wanted)) - 1)
    return next((step for step in (scale, 2 * scale, 5 * scale) if step >= wanted), 10 * scale)


def _strokes(runs: Sequence[Sequence[Point]], plane: _Plane) -> Iterator[tuple[tuple[int, int], str]]:
    """Let plotext draw a curve in braille; return its cells that are not blank."""
    parts = [part for run in runs for part in clipped([plane.shares(point) for point in run])]
    if not parts:
        return
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
    for row, line in enumerate(lines[: plane.rows]):
        for column, character in enumerate(line[: plane.columns]):
            if character not in " \u2800":
                yield (row, column), character


@cache
def drawing() -> Any:
    """Return plotext, loaded when it is first needed: that takes as long as half of the app's first frame."""
    import plotext

    plotext.terminal.limit(False, False)
    return plotext


def _merged(cells: Iterable[Run]) -> list[Run]:
    """Join neighbours of one ink; blanks take any."""
    runs: list[Run] = []
    for text, ink in cells:
        if runs and (runs[-1][1] == ink or text.isspace() or not text):
            runs[-1] = (runs[-1][0] + text, runs[-1][1])
        else:
            runs.append((text, ink))
    return runs


def _x_axis(plane: _Plane, margin: int, *, own_row: bool) -> list[list[Run]]:
    """Return the axis with its labels: in a row of their own, or in the line itself where rows are few."""
    columns = plane.columns
    first, last = math.ceil(plane.left), math.floor(plane.right)
    line, labels = ["─"] * columns, [" " if own_row else "─"] * columns
    free = gap = 0
    for tick in whole_ticks(first, last, max(2, columns // (len(str(last)) + 5))):
        _, column = plane.cell((plane.shares((tick, 0.0))[0], 0.0))
        text = str(tick)
        start = min(max(column - len(text) // 2, 0), columns - len(text))
        if start >= free:
            line[column] = "┬"
            labels[start : start + len(text)] = text
            gap, free = start - free, start + len(text) + 1
    if free + len(_X_NAME) < columns:
        labels[columns - len(_X_NAME) :] = _X_NAME
    elif gap > len(_X_NAME) + 2:
        start = free - 1 - len(str(last)) - len(_X_NAME) - 1
        labels[start : start + len(_X_NAME) + 1] = f"{_X_NAME} "
    corner = " " * (margin - 1)
    if own_row:
        return [[(f"{corner}└{''.join(line)}", AXIS)], [(f"{corner} {''.join(labels)}", TEXT)]]
    return [_merged([(f"{corner}└", AXIS), *((sign, AXIS if sign == "─" else TEXT) for sign in labels)])]


def _as_numbers(chart: Chart, width: int, height: int) -> list[list[Run]]:
    """Where there is no room for a curve: name, shape and newest value of each series, as far as they fit."""
    rows: list[list[Run]] = []
    longest = max((cell_len(series.name) for series in chart.series), default=0)
    for series in chart.series[:height]:
        values = [y for y in series.y if y is not None and math.isfinite(y)]
        exact, short = "–", "–"
        if values:
            exact, short = (
                f"{100 * values[-1]:.{d}f}%" if chart.percent else f"{values[-1]:.{2 * d}g}" for d in (2, 0)
            )
        choices = (
            f"{set_cell_size(series.name, longest)} {_blocks(values, width - longest - len(exact) - 2)} {exact}",
            f"{series.name} {exact}",
            exact,
            short,
        )
        text = next((choice for choice in choices if cell_len(choice) <= width), "…")
        rows.append([(set_cell_size(text, width), series.ink)])
    return rows + [[(" " * width, TEXT)]] * (height - len(rows))


def _blocks(values: Sequence[float], width: int) -> str:
    """Return the newest values as blocks; wider than any room where there is none."""
    shown = values[-max(width, 1) :]
    return sparkline(shown).ljust(width) if width >= 2 and len(shown) >= 2 else " " * max(width, 1)


def sparkline(values: Sequence[float], *, low: float | None = None) -> str:
    """Return one block per value, blanks for those that are not finite.

    Args:
        values: Any numbers.
        low: What the lowest block stands for; the lowest value where it is `None`.
    """
    finite = [held(y) for y in values if math.isfinite(y)]
    if not finite:
        return " " * len(values)
    start = min(finite) if low is None else low
    start, end = (start, start + max(abs(start), 1.0)) if max(finite) <= start else _widened(start, max(finite))

    def block(value: float) -> str:
        return _BLOCKS[round(7 * unit((held(value) - start) / (end - start)))]

    return "".join(block(y) if math.isfinite(y) else " " for y in values)
