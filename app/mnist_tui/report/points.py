"""Curves as points: split at gaps, thinned to the chart's resolution, clipped at its edges."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, TypeAlias

from mnist_tui.core.thinning import extremes

Point: TypeAlias = tuple[float, float]

HUGE: Final = 1e300
"""Values are clamped to this, because differences of larger ones would overflow."""
DECADES: Final = 280.0
"""Limit for exponents of ten. It leaves room for the 4% axis padding and for percentages (two decades)."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve.

    Attributes:
        name: Name in the legend.
        x, y: Its points in order of x; `None`, NaN and infinities are gaps.
        ink: Colour slot, 0 or above.
        dashed: Draw it dashed, so that colour is not the only cue.
        thick: Draw it two dots thick, for the most important curve.
        dim: Draw it dimmed, behind its moving average.
        note: Text after the name, usually a value.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    ink: int
    dashed: bool = False
    thick: bool = False
    dim: bool = False
    note: str = ""


def finite_runs(series: Series, *, log: bool) -> list[list[Point]]:
    """Split a curve at its gaps; on a log axis, take logarithms here so that all later steps are linear."""
    runs: list[list[Point]] = [[]]
    for x, y in zip(series.x, series.y, strict=False):
        if (point := point_at(x, y, log=log)) is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def point_at(x: float, y: float | None, *, log: bool) -> Point | None:
    """Return a point in linear coordinates, or `None` for a gap."""
    if y is None or not math.isfinite(y) or not math.isfinite(x) or (log and y <= 0):
        return None
    return held(x), exponent(y) if log else held(y)


def few(series: Series, columns: int) -> Series:
    """Thin a curve to a few points per dot column, so that drawing cost is bounded.

    Keeps the lowest and highest point of every bucket, one gap if it has any, and both ends of the curve.
    """
    x, y = series.x, series.y
    if len(x) <= 4 * columns or len(x) != len(y):
        return series
    length = -(-len(x) // columns)
    kept = {0, len(x) - 1}.union(*(extremes(y, start, start + length) for start in range(0, len(x), length)))
    order = sorted(kept)
    return replace(series, x=tuple(x[i] for i in order), y=tuple(y[i] for i in order))


def held(value: float, most: float = HUGE) -> float:
    """Clamp a value to [-`most`, `most`]."""
    return min(max(value, -most), most)


def widened(low: float, high: float) -> tuple[float, float]:
    """Return limits that are far enough apart to be distinct: a constant gets padding on both sides."""
    low, high = held(low), held(high)
    largest = max(abs(low), abs(high))
    if high - low > max(1e-9 * largest, 1e-250):
        return low, high
    room = 0.05 * largest if largest > 1e-200 else 0.5
    return low - room, high + room


def exponent(y: float) -> float:
    """Return the clamped base-10 logarithm of a positive number."""
    return held(math.log10(y), DECADES)


def clipped(run: Sequence[Point]) -> Iterator[list[Point]]:
    """Yield the parts of a curve inside the unit square (Liang–Barsky clipping)."""
    if all(map(inside, run)):
        yield list(run)
        return
    part: list[Point] = []
    for (x, y), (next_x, next_y) in pairwise(run):
        dx, dy = next_x - x, next_y - y
        enter, leave = 0.0, 1.0
        for delta, room in ((-dx, x), (dx, 1.0 - x), (-dy, y), (dy, 1.0 - y)):
            if delta < 0:
                enter = max(enter, room / delta)
            elif delta > 0:
                leave = min(leave, room / delta)
            elif room < 0:
                leave = -1.0
        if enter <= leave:
            begin, end = ((unit(x + t * dx), unit(y + t * dy)) for t in (enter, leave))
            part = part or [begin]
            part.append(end)
        if part and leave < 1.0:
            yield part
            part = []
    if part:
        yield part


def unit(share: float) -> float:
    """Clamp a value to [0, 1]."""
    return min(max(share, 0.0), 1.0)


def inside(shares: Point) -> bool:
    """Return whether a point lies in the unit square."""
    return 0.0 <= shares[0] <= 1.0 and 0.0 <= shares[1] <= 1.0
