"""Axis limits and tick labels of a chart. Not plotext's, because its ticks are not round numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from mnist_tui.report.plane import Plane
from mnist_tui.report.points import exponent, held, widened
from mnist_tui.report.ticks import linear_ticks, log_ticks, tick_labels, whole_ticks

_FAR: Final = 1e9
"""Largest absolute x limit."""
_ROWS_APART: Final = 2
"""Minimum rows between the labels of the y axis."""
_LEAST_DECADES: Final = 1e-9
"""Minimum length of a log axis; a shorter one (a constant near 1) is padded by `_ROOM_DECADES` on both sides."""
_ROOM_DECADES: Final = 0.01
_LEAST_GAP: Final = 2
"""Minimum gap between two labels of the x axis, in cells."""


def y_limits(
    values: Sequence[float], wanted: tuple[float, float] | None, *, log: bool, percent: bool
) -> tuple[float, float]:
    """Return the limits of the y axis, as exponents of ten on a log axis.

    Args:
        values: The values drawn, as exponents on a log axis.
        wanted: Requested limits; ignored if they cannot be drawn.
        log: The axis is logarithmic.
        percent: Values are fractions: the axis does not extend above 1 or, if linear, below 0.
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
    """Return exponents of ten far enough apart that the numbers themselves differ."""
    low, high = widened(start, end)
    return (low, high) if high - low > _LEAST_DECADES else (low - _ROOM_DECADES, high + _ROOM_DECADES)


def x_limits(limits: tuple[float, float], *, whole: bool) -> tuple[float, float]:
    """Return the limits of the x axis; an axis of whole numbers is at least 1 long."""
    start, end = limits
    if not (math.isfinite(start) and math.isfinite(end)) or start > end:
        return 1.0, 2.0
    start, end = held(start, _FAR), held(end, _FAR)
    if whole:
        return (start, end) if end - start >= 1.0 else (start - 0.5, end + 0.5)
    return widened(start, end)


def y_ticks(low: float, high: float, rows: int, *, log: bool, percent: bool) -> dict[str, float]:
    """Return the position of each label, as an exponent of ten on a log axis."""
    most = max(2, rows // _ROWS_APART)
    # With less space, the rows between labels would be uneven.
    apart = _ROWS_APART * (high - low) / max(1, rows - 1)
    values = log_ticks(low, high, most) if log else linear_ticks(low, high, most, apart)
    labels = tick_labels(values, percent=percent, even=not log)
    return {label: math.log10(v) if log else v for label, v in zip(labels, values, strict=True)}


def x_ticks(plane: Plane, *, whole: bool, log: bool = False, names: Sequence[str] = ()) -> list[tuple[int, int, str]]:
    """Return the tick column, first cell and text of each label; an axis of whole numbers labels its end.

    Args:
        plane: The plot area.
        whole: The axis has whole numbers.
        log: The axis has exponents of ten.
        names: What 0, 1, ... stand for.
    """
    if names:
        labels = [(float(at), name) for at, name in enumerate(names)]
    else:
        labels = _whole(plane) if whole else _powers(plane) if log else _measured(plane)
    placed: list[tuple[int, int, str]] = []
    # Place both ends first; labels that would overlap them are left out.
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


def _powers(plane: Plane) -> list[tuple[float, str]]:
    ticks = log_ticks(plane.left, plane.right, max(3, plane.columns // 11))
    return list(zip(map(math.log10, ticks), tick_labels(ticks, percent=False, even=False), strict=True))


def _measured(plane: Plane) -> list[tuple[float, str]]:
    ticks = linear_ticks(plane.left, plane.right, max(2, plane.columns // 9))
    return list(zip(ticks, tick_labels(ticks, percent=False), strict=True))
