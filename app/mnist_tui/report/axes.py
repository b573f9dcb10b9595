"""The axes of a chart: where they begin and end, and their labels. Ours, since plotext's ticks are not round."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from mnist_tui.report.plane import Plane
from mnist_tui.report.points import exponent, held, widened
from mnist_tui.report.ticks import linear_ticks, log_ticks, tick_labels, whole_ticks

_FAR: Final = 1e9
"""Further than this no x axis reaches."""
_ROWS_APART: Final = 2
"""Rows from one label of the y axis to the next one."""
_LEAST_DECADES: Final = 1e-9
"""Length of a log axis; a constant near 1, whose exponent is near 0, gets the room below on both sides."""
_ROOM_DECADES: Final = 0.01
_LEAST_GAP: Final = 2
"""Cells between two labels of the x axis."""


def y_limits(
    values: Sequence[float], wanted: tuple[float, float] | None, *, log: bool, percent: bool
) -> tuple[float, float]:
    """Return the y axis from and to, as exponents of ten on a log axis.

    Args:
        values: What is drawn, as exponents on a log axis.
        wanted: The axis asked for; it is left where it cannot be drawn.
        log: The axis is logarithmic.
        percent: Values are fractions: the axis ends at 1 and, on a linear one, at 0.
    """
    if wanted is not None:
        start, end = wanted
        if math.isfinite(start) and math.isfinite(end) and start < end and (start > 0 or not log):
            return _log_widened(exponent(start), exponent(end)) if log else widened(start, end)
    if not values:
        return (-2.0, 0.0) if log else (0.0, 1.0)
    start, end = min(values), max(values)
    floor, ceiling = -math.inf, math.inf
    if percent and end <= (0.0 if log else 1.0):
        ceiling = 0.0 if log else 1.0
        floor = 0.0 if start >= 0 and not log else floor
    low, high = _log_widened(start, end) if log else widened(start, end)
    room = 0.04 * (high - low) if (low, high) == (start, end) else 0.0
    return max(low - room, floor), min(high + room, ceiling)


def _log_widened(start: float, end: float) -> tuple[float, float]:
    """Return exponents of ten that lie far enough apart for the numbers themselves to differ."""
    low, high = widened(start, end)
    return (low, high) if high - low > _LEAST_DECADES else (low - _ROOM_DECADES, high + _ROOM_DECADES)


def x_limits(limits: tuple[float, float], *, whole: bool) -> tuple[float, float]:
    """Return the x axis from and to; one that counts is at least 1 long."""
    start, end = limits
    if not (math.isfinite(start) and math.isfinite(end)) or start > end:
        return 1.0, 2.0
    start, end = held(start, _FAR), held(end, _FAR)
    if whole:
        return (start, end) if end - start >= 1.0 else (start - 0.5, end + 0.5)
    return widened(start, end)


def y_ticks(low: float, high: float, rows: int, *, log: bool, percent: bool) -> dict[str, float]:
    """Return the place of each label, as exponents of ten on a log axis."""
    most = max(2, rows // _ROWS_APART)
    # Closer than that, some would have a row between them and others none.
    apart = _ROWS_APART * (high - low) / max(1, rows - 1)
    values = log_ticks(low, high, most) if log else linear_ticks(low, high, most, apart)
    labels = tick_labels(values, percent=percent, even=not log)
    return {label: math.log10(v) if log else v for label, v in zip(labels, values, strict=True)}


def x_ticks(plane: Plane, *, whole: bool) -> list[tuple[int, int, str]]:
    """Return column, first cell and text of each label; the last one names the end of an axis that counts."""
    labels = _whole(plane) if whole else _measured(plane)
    placed: list[tuple[int, int, str]] = []
    # The ends first: what is in their way is left out.
    order = labels[:1] + labels[:0:-1][:1] + labels[1:-1] if len(labels) > 1 else labels
    taken = [False] * plane.columns
    for x, text in order:
        column = plane.column(x)
        if column is None or len(text) > plane.columns:
            continue
        start = min(max(column - len(text) // 2, 0), plane.columns - len(text))
        around = taken[max(0, start - _LEAST_GAP) : start + len(text) + _LEAST_GAP]
        if not any(around):
            taken[start : start + len(text)] = [True] * len(text)
            placed.append((column, start, text))
    return sorted(placed)


def _whole(plane: Plane) -> list[tuple[float, str]]:
    first, last = math.ceil(plane.left), math.floor(plane.right)
    ticks = whole_ticks(first, last, max(2, plane.columns // (len(str(last)) + 5)))
    ends = [last] if ticks[-1] != last and last > first else []
    return [(float(tick), f"{tick}") for tick in [*ticks, *ends]]


def _measured(plane: Plane) -> list[tuple[float, str]]:
    ticks = linear_ticks(plane.left, plane.right, max(2, plane.columns // 9))
    return list(zip(ticks, tick_labels(ticks, percent=False), strict=True))
