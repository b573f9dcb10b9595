"""The bottleneck map as cells: the class of each point, the decision regions, and alignment between epochs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from mnist_tui.core.insight import Insight

MARGIN: Final = 0.05
"""Margin around the points, as a fraction of their range."""
_ZOOM: Final = 1.5
"""How much larger than needed the old limits may be before they are dropped. The grid of an insight's regions
extends that far (`engine.insight.GRID_MARGIN`)."""

Point: TypeAlias = Sequence[float]


class Limits(NamedTuple):
    """The visible part of the map."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A rotation of the map, after a reflection where `flip` is -1."""

    cos: float = 1.0
    sin: float = 0.0
    flip: float = 1.0

    def apply(self, point: Point) -> tuple[float, float]:
        """Return the transformed point."""
        x, y = point[0], self.flip * point[1]
        return self.cos * x - self.sin * y, self.sin * x + self.cos * y


def aligned(points: Sequence[Point], before: Sequence[Point]) -> Turn:
    """Return the rotation that best aligns points with their previous positions; identity if the counts differ.

    This solves the orthogonal Procrustes problem in two dimensions. The orientation of the axes is arbitrary, so
    without this the map would jump from epoch to epoch.
    """
    if len(points) != len(before):
        return Turn()
    best = Turn()
    longest = -1.0
    for flip in (1.0, -1.0):
        along = math.fsum(p[0] * q[0] + flip * p[1] * q[1] for p, q in zip(points, before, strict=True))
        across = math.fsum(p[0] * q[1] - flip * p[1] * q[0] for p, q in zip(points, before, strict=True))
        length = math.hypot(along, across)
        if length > max(longest, 0.0):
            longest, best = length, Turn(along / length, across / length, flip)
    return best


def limits_of(points: Sequence[Point], before: Limits | None) -> Limits:
    """Return limits that contain all points; extend the old limits unless they are much too large."""
    (left, right), (bottom, top) = (_spread([point[axis] for point in points]) for axis in (0, 1))
    found = Limits(left, right, bottom, top)
    if before is None:
        return found
    both = Limits(min(left, before.left), max(right, before.right), min(bottom, before.bottom), max(top, before.top))
    fits = both.right - both.left <= _ZOOM * (right - left) and both.top - both.bottom <= _ZOOM * (top - bottom)
    return both if fits else found


def _spread(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = max(MARGIN * (high - low), 1e-3)
    return low - room, high + room


@dataclass(frozen=True, slots=True)
class Dot:
    """A cell of the map.

    Attributes:
        label: Most frequent class of the images in it; `None` if it has no images.
        wrong: True if most images of that class are misclassified.
        region: Class that the network predicts there; `None` if unknown.
    """

    label: int | None = None
    wrong: bool = False
    region: int | None = None


class Plane:
    """The map at a given size.

    Args:
        insight: The insight to show.
        points: Positions of its images, after rotation.
        limits: The visible part of the map.
        width: Number of columns.
        height: Number of rows.
    """

    def __init__(self, insight: Insight, points: Sequence[Point], limits: Limits, width: int, height: int) -> None:
        self._insight, self._limits = insight, limits
        self._width, self._height = max(1, width), max(1, height)
        self.cells = [self.cell(point) for point in points]

    def cell(self, point: Point) -> tuple[int, int]:
        """Return the row and column of a point, clamped to the edges."""
        left, right, bottom, top = self._limits
        x, y = (point[0] - left) / (right - left), (top - point[1]) / (top - bottom)
        return _held(y * self._height, self._height), _held(x * self._width, self._width)

    def dots(self) -> list[list[Dot]]:
        """Return all cells, row by row from the top."""
        insight = self._insight
        found: dict[tuple[int, int], list[int]] = {}
        for at, cell in enumerate(self.cells):
            found.setdefault(cell, []).append(at)
        return (
            [
                [self._dot(found.get((row, column), ()), row, column) for column in range(self._width)]
                for row in range(self._height)
            ]
            if insight.points
            else []
        )

    def _dot(self, images: Sequence[int], row: int, column: int) -> Dot:
        region = self._region(row, column)
        if not images:
            return Dot(region=region)
        insight = self._insight
        label, count = Counter(insight.labels[at] for at in images).most_common(1)[0]
        wrong = sum(insight.predictions[at * insight.stride] != label for at in images if insight.labels[at] == label)
        return Dot(label, 2 * wrong > count, region)

    def _region(self, row: int, column: int) -> int | None:
        """Return the class predicted at the centre of a cell."""
        insight, (left, right, bottom, top) = self._insight, self._limits
        if not insight.regions:
            return None
        side = math.isqrt(len(insight.regions))
        x = left + (column + 0.5) / self._width * (right - left)
        y = top - (row + 0.5) / self._height * (top - bottom)
        first, last, low, high = insight.limits
        across, down = (x - first) / (last - first), (high - y) / (high - low)
        if not (0 <= across <= 1 and 0 <= down <= 1):
            return None
        return insight.regions[round(down * (side - 1)) * side + round(across * (side - 1))]

    def next_image(self, at: int, rows: int, columns: int) -> int:
        """Return the nearest image in a direction, or `at` if there is none.

        Args:
            at: Index of the current image on the map.
            rows: -1 for up, 1 for down.
            columns: -1 for left, 1 for right.
        """
        row, column = self.cells[at]

        def away(other: tuple[int, int]) -> float:
            # A cell is twice as high as it is wide.
            down, right = 2 * (other[0] - row), other[1] - column
            ahead = rows * down + columns * right
            aside = abs(columns * down) + abs(rows * right)
            return ahead + 2 * aside if ahead > 0 and aside <= 2 * ahead else math.inf

        best = min(range(len(self.cells)), key=lambda other: away(self.cells[other]))
        return best if away(self.cells[best]) < math.inf else at

    def nearest_image(self, row: int, column: int) -> int:
        """Return the image closest to a cell."""
        return min(
            range(len(self.cells)),
            key=lambda at: (2 * (self.cells[at][0] - row)) ** 2 + (self.cells[at][1] - column) ** 2,
        )


def _held(place: float, size: int) -> int:
    return min(max(int(place), 0), size - 1) if math.isfinite(place) else 0
