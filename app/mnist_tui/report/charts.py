"""Render a chart as cells: curves, grid, cursor, axes and labels, at exactly the requested size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from rich.cells import cell_len, set_cell_size

from mnist_tui.report.axes import x_limits, x_ticks, y_limits, y_ticks
from mnist_tui.report.chartview import Dots
from mnist_tui.report.plane import Plane
from mnist_tui.report.points import Point, Series, few, finite_runs, inside, point_at
from mnist_tui.report.sparkline import sparkline
from mnist_tui.report.strokes import as_text, strokes, thickened

AXIS: Final = -1
"""Ink (colour slot) of the axis lines; the inks of series are 0 and above."""
TEXT: Final = -2
"""Ink of the tick labels."""
GRID: Final = -4
CURSOR: Final = -5
SIGN: Final = -6
"""Ink of the markers on the x axis."""
DIM: Final = 1000
"""Added to the ink of a curve that is drawn dimmed."""

_MIN_CANVAS: Final = (12, 3)
"""Minimum columns and rows to draw curves; below that, numbers are shown instead."""
_ROOMY: Final = 9
"""Minimum rows to give the x axis labels a separate row."""
_COLUMNS_PER_SIGN: Final = 3

Run: TypeAlias = tuple[str, int]
"""A run of text in one ink."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker on the x axis, or on a curve if it has a y.

    Attributes:
        x: x position.
        sign: A single character, one cell wide.
        y: y position, or `None` for the axis.
        ink: Its colour.
    """

    x: float
    sign: str
    y: float | None = None
    ink: int = SIGN


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves over epochs, seconds or steps.

    Attributes:
        title: Name of the metric.
        series: The curves; later ones are drawn on top.
        x_limits: First and last x.
        x_unit: `epoch`, `step`, or `s` for seconds; of other axes the name.
        log_x: x values are exponents of ten, labelled with the powers.
        x_names: What the whole numbers 0, 1, ... on the x axis stand for.
        axes: The title, the lowest and the highest value of each axis of parallel coordinates. They stand at x = 0, 1,
            ..., and y values are shares of their lengths.
        log_y: Logarithmic y axis; values of 0 and below are gaps.
        percent: y values are fractions, labelled as percentages.
        y_limits: Limits of the y axis; derived from the values if `None` or unusable.
        note: Additional text next to the title, if there is room.
        marks: Markers.
        cursor: x of the vertical cursor line.
        dots: Characters that curves are drawn with.
    """

    title: str
    series: tuple[Series, ...]
    x_limits: tuple[float, float]
    x_unit: str = "epoch"
    log_x: bool = False
    x_names: tuple[str, ...] = ()
    axes: tuple[tuple[str, str, str], ...] = ()
    log_y: bool = False
    percent: bool = False
    y_limits: tuple[float, float] | None = None
    note: str = ""
    marks: tuple[Marker, ...] = ()
    cursor: float | None = None
    dots: Dots = Dots.BRAILLE

    @property
    def whole(self) -> bool:
        """True if x values are whole numbers (epochs or steps)."""
        return self.x_unit in ("epoch", "step") and not self.x_names


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart rendered at a given size.

    Attributes:
        rows: Its rows, each exactly as wide as requested.
        plane: The plot area, or `None` if there is no room for one.
        margin: Cells left of the plot area.
    """

    rows: list[list[Run]]
    plane: Plane | None = None
    margin: int = 0


def label_width(chart: Chart, width: int, height: int) -> int:
    """Return the width of the y axis labels, so that stacked charts can be aligned."""
    if chart.axes:
        return 0
    curves = _curves(chart, width)
    return max(map(len, _labels(chart, curves, height)[0]), default=0)


def rasterise(chart: Chart, width: int, height: int, *, labels_width: int = 0) -> Drawing:
    """Render a chart as exactly `height` rows of `width` cells. Accepts any numbers and any size from 1x1.

    Args:
        chart: The chart.
        width: Width in cells.
        height: Height in cells.
        labels_width: Minimum width of the y axis labels.
    """
    if chart.axes:
        return _parallel(chart, width, height)
    curves = _curves(chart, width)
    ticks, (low, high), rows = _labels(chart, curves, height)
    margin = max(labels_width, max(map(len, ticks), default=0)) + 1
    plane = Plane(*x_limits(chart.x_limits, whole=chart.whole), low, high, width - margin, rows)
    if plane.columns < _MIN_CANVAS[0] or rows < _MIN_CANVAS[1]:
        return Drawing(_as_numbers(chart, width, height))
    roomy = height >= _ROOMY
    labels = {plane.cell((0.0, plane.shares((plane.left, y))[1]))[0]: label for label, y in ticks.items()}
    canvas = _background(chart, plane, labels if roomy else ())
    _draw_curves(canvas, chart, curves, plane)
    body = []
    for row, cells in enumerate(canvas):
        label = labels.get(row, "")
        body.append(_merged([(f"{label:>{margin - 1}}", TEXT), ("┤" if label else "│", AXIS), *cells]))
    return Drawing([*body, *_x_axis(chart, plane, margin, own_row=roomy)], plane, margin)


def _curves(chart: Chart, width: int) -> list[list[list[Point]]]:
    return [finite_runs(few(series, 2 * width), log=chart.log_y) for series in chart.series]


def _labels(
    chart: Chart, curves: Sequence[Sequence[Sequence[Point]]], height: int
) -> tuple[dict[str, float], tuple[float, float], int]:
    """Return the y axis labels with their positions, the y limits, and the number of rows."""
    values = [y for runs in curves for run in runs for _, y in run]
    low, high = y_limits(values, chart.y_limits, log=chart.log_y, percent=chart.percent)
    rows = height - (2 if height >= _ROOMY else 1)
    if not (any(curves) or chart.percent):
        return {}, (low, high), rows
    return y_ticks(low, high, rows, log=chart.log_y, percent=chart.percent), (low, high), rows


def _parallel(chart: Chart, width: int, height: int) -> Drawing:
    """Render parallel coordinates: the highest values on top, then the lines, the lowest values, and the titles."""
    last, rows = len(chart.axes) - 1, height - 3
    margin = min(4, width // 8)
    plane = Plane(0.0, max(1.0, last), 0.0, 1.0, width - 2 * margin, rows)
    if plane.columns < _MIN_CANVAS[0] * max(1, last) // 2 or rows < _MIN_CANVAS[1]:
        why: Run = (set_cell_size("Too small: press Tab, z.", width), TEXT)
        return Drawing([[why], *[[(" " * width, TEXT)]] * (height - 1)])
    blank: Run = (" ", AXIS)
    canvas = [[blank] * plane.columns for _ in range(plane.rows)]
    places = [plane.cell((at / max(1.0, last), 0.0))[1] for at in range(len(chart.axes))]
    for cells in canvas:
        for column in places:
            cells[column] = ("│", AXIS)
    _draw_curves(canvas, chart, [finite_runs(series, log=False) for series in chart.series], plane)
    side = (" " * margin, TEXT)
    room = (places[1] - places[0] if last else plane.columns) - 1

    def words(part: int) -> list[Run]:
        line = [" "] * width
        for column, axis in zip(places, chart.axes, strict=True):
            text = axis[part] if cell_len(axis[part]) <= room else set_cell_size(axis[part], room - 1) + "…"
            start = min(max(column + margin - len(text) // 2, 0), width - len(text))
            line[start : start + len(text)] = text
        return [(set_cell_size("".join(line), width), TEXT)]

    body = [_merged([side, *cells, side]) for cells in canvas]
    return Drawing([words(2), *body, words(1), words(0)], plane, margin)


# Cells ------------------------------------------------------------------------------------------------


def _background(chart: Chart, plane: Plane, lined: Iterable[int]) -> list[list[Run]]:
    """Return an empty canvas with grid lines in the given rows and the cursor line."""
    blank: Run = (" ", AXIS)
    canvas = [[blank] * plane.columns for _ in range(plane.rows)]
    for row in lined:
        canvas[row] = [("┈", GRID)] * plane.columns
    if chart.cursor is not None and (column := plane.column(chart.cursor)) is not None:
        for cells in canvas:
            cells[column] = ("│", CURSOR)
    return canvas


def _draw_curves(
    canvas: list[list[Run]], chart: Chart, curves: Sequence[Sequence[Sequence[Point]]], plane: Plane
) -> None:
    """Draw the curves on the canvas; later ones overwrite cells of earlier ones."""
    for series, runs in zip(chart.series, curves, strict=True):
        ink = series.ink + DIM * series.dim
        alone = list(_alone(runs, plane))
        # Isolated points are drawn as symbols below, not as dots: the dots would show around the symbol.
        dots = strokes([run for run in runs if len(run) > 1] if alone else runs, plane)
        for (row, column), mask in (thickened(dots, plane.rows) if series.thick else dots).items():
            if not series.dashed or column % 4 < 2:
                canvas[row][column] = (as_text(mask, chart.dots), ink)
        for row, column in alone:
            canvas[row][column] = ("●" if series.thick else "○", ink)
    for mark in chart.marks:
        point = None if mark.y is None else point_at(mark.x, mark.y, log=chart.log_y)
        if point is not None and inside(shares := plane.shares(point)):
            row, column = plane.cell(shares)
            canvas[row][column] = (mark.sign, mark.ink)


def _alone(runs: Sequence[Sequence[Point]], plane: Plane) -> Iterable[tuple[int, int]]:
    """Yield the cells of isolated points, which form no line; if there are many, they stay dots."""
    if len(runs) <= plane.columns // _COLUMNS_PER_SIGN:
        for run in runs:
            if len(run) == 1 and inside(shares := plane.shares(run[0])):
                yield plane.cell(shares)


def _merged(cells: Iterable[Run]) -> list[Run]:
    """Merge adjacent cells of the same ink; blanks match any ink."""
    runs: list[Run] = []
    for text, ink in cells:
        if runs and (runs[-1][1] == ink or text.isspace() or not text):
            runs[-1] = (runs[-1][0] + text, runs[-1][1])
        else:
            runs.append((text, ink))
    return runs


def _x_axis(chart: Chart, plane: Plane, margin: int, *, own_row: bool) -> list[list[Run]]:
    """Return the x axis with its labels, in a separate row or, on small charts, in the axis line itself."""
    line: list[Run] = [("─", AXIS)] * plane.columns
    labels: list[Run] = [(" ", TEXT)] * plane.columns if own_row else line
    for column, start, text in x_ticks(plane, whole=chart.whole, log=chart.log_x, names=chart.x_names):
        line[column] = ("┬", AXIS)
        labels[start : start + len(text)] = [(sign, TEXT) for sign in text]
    if chart.cursor is not None and (column_of_cursor := plane.column(chart.cursor)) is not None:
        line[column_of_cursor] = ("┴", CURSOR)
    for mark in chart.marks if own_row else ():
        if mark.y is None and (column_of_mark := plane.column(mark.x)) is not None:
            line[column_of_mark] = (mark.sign, mark.ink)
    corner = " " * (margin - 1)
    axis = _merged([(f"{corner}└", AXIS), *line])
    if not own_row:
        return [axis]
    unit = next((name for name in (chart.x_unit, chart.x_unit[:2]) if len(name) < margin), "")
    return [axis, _merged([(f"{unit:>{margin - 1}} ", TEXT), *labels])]


# Fallback for small sizes ------------------------------------------------------------------------------------------


def _as_numbers(chart: Chart, width: int, height: int) -> list[list[Run]]:
    """Return the name, sparkline and newest value of each series, as far as they fit."""
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
    """Return a sparkline of the newest values, or blanks if there is no room or too little data."""
    shown = values[-max(width, 1) :]
    return sparkline(shown).ljust(width) if width >= 2 and len(shown) >= 2 else " " * max(width, 1)
