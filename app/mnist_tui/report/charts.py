"""Series become cells. plotext draws the curves; axes and labels are ours, since its ticks are not round.

plotext 6.1 ends the whole process on a NaN and takes memory without bound for points far outside its limits, so it
is only ever given finite numbers scaled to [0, 1].
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import plotext

from mnist_tui.report.ticks import linear_ticks, log_ticks, tick_labels, whole_ticks

AXIS: Final = -1
"""Ink of axes and labels; the inks of series are 0 and above."""
HUGE: Final = 1e150
"""Larger numbers are drawn as this: their differences would overflow."""
MIN_CANVAS: Final = (12, 3)
"""Columns and rows below which numbers say more than a curve."""
LABEL_ROWS: Final = 3
"""Rows between two labels of the y axis."""

Run: TypeAlias = tuple[str, int]
"""Some cells of one ink."""
Point: TypeAlias = tuple[float, float]

plotext.terminal.limit(False, False)


@dataclass(frozen=True, slots=True)
class Series:
    """One curve.

    Attributes:
        name: For the legend.
        x, y: Its points; `None`, NaN and infinities are gaps.
        ink: Slot of its colour, 0 or above.
        dashed: Draw it with gaps and a sign at each point where there is room, so that colour is not the only sign.
        note: Numbers beside the name.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    ink: int
    dashed: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over epochs.

    Attributes:
        title: What is drawn.
        series: The curves; later ones lie on top.
        epochs: The x axis goes from 1 to this.
        log_y: Logarithmic y axis; values of 0 and below are gaps.
        percent: y values are fractions, labelled as percentages.
        note: More beside the title, where there is room.
    """

    title: str
    series: tuple[Series, ...]
    epochs: int
    note: str = ""
    log_y: bool = False
    percent: bool = False


def rasterise(chart: Chart, width: int, height: int) -> list[list[Run]]:
    """Return exactly `height` rows whose cells add up to `width`. Any numbers and any size from 1x1 on will do."""
    curves = [_finite_runs(series, log=chart.log_y) for series in chart.series]
    low, high = _limits([y for runs in curves for run in runs for _, y in run], chart)
    values = _y_ticks(chart, low, high, max(2, (height - 2) // LABEL_ROWS))
    labels = tick_labels([10**v if chart.log_y else v for v in values], percent=chart.percent)
    margin = max(map(len, labels)) + 1
    columns, rows = width - margin, height - 2
    if columns < MIN_CANVAS[0] or rows < MIN_CANVAS[1]:
        return _as_numbers(chart, width, height)
    right = max(2.0, float(chart.epochs), *(x for runs in curves for run in runs for x, _ in run))
    scaled = [
        [[((x - 1.0) / (right - 1.0), (y - low) / (high - low)) for x, y in run] for run in runs] for runs in curves
    ]
    canvas = _layers(chart.series, scaled, columns, rows)
    ticks = {_row((v - low) / (high - low), rows): label for v, label in zip(values, labels, strict=True)}
    body = []
    for row in range(rows):
        label = ticks.get(row, "")
        axis = f"{label:>{margin - 1}}{'┤' if label else '│'}"
        body.append([(axis, AXIS), *_merged(canvas[row])])
    return [*body, *_x_axis(right, margin, columns)]


# Numbers ----------------------------------------------------------------------------------------------


def _finite_runs(series: Series, *, log: bool) -> list[list[Point]]:
    """Split a curve at its gaps; on a log axis take the logarithm here, so that everything after is linear."""
    runs: list[list[Point]] = [[]]
    for x, y in zip(series.x, series.y, strict=True):
        if y is None or not math.isfinite(y) or not math.isfinite(x) or (log and y <= 0):
            runs.append([])
        else:
            runs[-1].append((x, math.log10(y) if log else min(max(y, -HUGE), HUGE)))
    return [run for run in runs if run]


def _limits(values: Sequence[float], chart: Chart) -> tuple[float, float]:
    if not values:
        return (-2.0, 0.0) if chart.log_y else (0.0, 1.0)
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or (0.15 if chart.log_y else abs(high) * 0.05 or 0.5)
    low, high = low - room, high + room
    if chart.percent and not chart.log_y:
        low, high = max(low, 0.0), min(high, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _y_ticks(chart: Chart, low: float, high: float, most: int) -> list[float]:
    if chart.log_y:
        return [math.log10(v) for v in log_ticks(10**low, 10**high, most) if v > 0]
    return linear_ticks(low, high, most)


def _thinned(run: Sequence[Point], columns: int) -> Iterator[Point]:
    """Keep the first, lowest, highest and last point of each column: extremes survive, cost stays bounded."""
    if len(run) <= 2 * columns:
        yield from run
        return
    buckets: dict[int, list[Point]] = {}
    for point in run:
        buckets.setdefault(int(point[0] * columns), []).append(point)
    for bucket in buckets.values():
        kept = {bucket[0], min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1]), bucket[-1]}
        yield from sorted(kept)


# Cells ------------------------------------------------------------------------------------------------


def _row(share: float, rows: int) -> int:
    return min(rows - 1, max(0, (4 * rows - 1 - round(share * (4 * rows - 1))) // 4))


def _column(share: float, columns: int) -> int:
    return min(columns - 1, max(0, round(share * (2 * columns - 1)) // 2))


def _layers(series: Sequence[Series], curves: Sequence[list[list[Point]]], columns: int, rows: int) -> list[list[Run]]:
    """Return one (character, ink) per cell. Where curves share a cell they take turns by column, like dashes."""
    claims: dict[tuple[int, int], list[Run]] = {}
    signs: dict[tuple[int, int], Run] = {}
    for one, runs in zip(series, curves, strict=True):
        points = sum(map(len, runs))
        spaced = points <= columns // 4
        for (row, column), character in _drawn(runs, columns, rows):
            if not one.dashed or spaced or column % 3:
                claims.setdefault((row, column), []).append((character, one.ink))
        if points == 1 or (one.dashed and spaced):
            sign = "○" if one.dashed else "●"
            for x, y in (point for run in runs for point in run):
                signs[_row(y, rows), _column(x, columns)] = (sign, one.ink)
    canvas = [[(" ", AXIS)] * columns for _ in range(rows)]
    for (row, column), claim in claims.items():
        canvas[row][column] = claim[column % len(claim)]
    for (row, column), cell in signs.items():
        canvas[row][column] = cell
    return canvas


_ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")


def _drawn(runs: Iterable[Sequence[Point]], columns: int, rows: int) -> Iterator[tuple[tuple[int, int], str]]:
    """Let plotext draw the curve in braille; return its cells that are not blank."""
    figure = type(plotext.figure)(plotext.terminal)
    figure.plot_size(columns, rows)
    figure.axes(False)
    for ruler in (figure.ruler("x"), figure.ruler("y", "left")):
        ruler.lim(0, 1)
        ruler.ticks([])
    marker = plotext.marker("braille", pixel=16)
    for run in runs:
        points = list(_thinned(run, columns))
        x, y = [p[0] for p in points], [p[1] for p in points]
        figure.draw(figure.signal(x, y, marker=marker, yside="left").lines(len(points) > 1))
    lines = _ESCAPE.sub("", figure.build().string()).split("\n")
    for row, line in enumerate(lines[:rows]):
        for column, character in enumerate(line[:columns]):
            if character not in " \u2800":
                yield (row, column), character


def _merged(cells: Iterable[Run]) -> list[Run]:
    """Join neighbours of one ink; blanks take any."""
    runs: list[Run] = []
    for character, ink in cells:
        if runs and (runs[-1][1] == ink or character == " "):
            runs[-1] = (runs[-1][0] + character, runs[-1][1])
        else:
            runs.append((character, ink))
    return runs


def _x_axis(right: float, margin: int, columns: int) -> list[list[Run]]:
    """Return the axis with its ticks, and the row of labels below it, which ends with the axis's name."""
    last = math.floor(right)
    name = " epoch"
    line, labels = ["─"] * columns, [" "] * columns
    most = max(2, columns // (len(str(last)) + 5))
    free = 0
    for tick in whole_ticks(1, last, most):
        column = _column((tick - 1.0) / (right - 1.0), columns)
        text = str(tick)
        start = min(max(column - len(text) // 2, 0), columns - len(text))
        if start < free:
            continue
        line[column] = "┬"
        labels[start : start + len(text)] = text
        free = start + len(text) + 1
    if free + len(name) <= columns:
        labels[columns - len(name) :] = name
    corner = " " * (margin - 1)
    return [[(corner + "└" + "".join(line), AXIS)], [(corner + " " + "".join(labels), AXIS)]]


def _as_numbers(chart: Chart, width: int, height: int) -> list[list[Run]]:
    """Where there is no room for a curve: the newest value of each series."""
    rows: list[list[Run]] = []
    for series in chart.series[:height]:
        last = next((y for y in reversed(series.y) if y is not None and math.isfinite(y)), None)
        value = "–" if last is None else f"{100 * last:.2f}%" if chart.percent else f"{last:.4g}"
        rows.append([(f"{series.name} {value}"[:width].ljust(width), series.ink)])
    return rows + [[(" " * width, AXIS)]] * (height - len(rows))
