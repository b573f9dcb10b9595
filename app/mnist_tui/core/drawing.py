"""A drawing made of strokes, and its raster image: as drawn on the pad, or centred like MNIST's digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

PEN: Final = 1.3 / 28
"""Pen radius as a fraction of the image width; gives lines of MNIST's typical thickness."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How the images of a dataset were framed.

    Attributes:
        box: What the ink was scaled to fit, as a fraction of the image's width.
        by_mass: Its centre of mass is in the middle, else the middle of the ink is.
    """

    box: float
    by_mass: bool = False


FRAMINGS: Final = {
    "mass": Framing(20 / 28, by_mass=True),
    "box": Framing(24 / 28),
    "full": Framing(1.0),
}
"""MNIST's framing, EMNIST's with a border of two pixels, and that of sets whose characters fill the image.

Source: the description of MNIST; Cohen et al., EMNIST: an extension of MNIST to handwritten letters, 2017.
"""
_SHORTEST: Final = 0.8 / 28
"""Pen movements shorter than this, below one pixel, are ignored."""

Point: TypeAlias = tuple[float, float]
"""x to the right and y downwards, in [0, 1]."""


@dataclass(slots=True)
class Drawing:
    """Strokes on a square pad.

    Attributes:
        strokes: The points of each stroke; a stroke with a single point is a dot.
    """

    strokes: list[list[Point]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """True before the first stroke."""
        return not self.strokes

    def begin(self, point: Point) -> None:
        """Put the pen down."""
        self.strokes.append([point])

    def go_on(self, point: Point) -> None:
        """Draw a line to a point."""
        if not self.strokes:
            self.begin(point)
        elif math.dist(self.strokes[-1][-1], point) >= _SHORTEST:
            self.strokes[-1].append(point)

    def undo(self) -> None:
        """Remove the last stroke."""
        del self.strokes[-1:]

    def clear(self) -> None:
        """Remove all strokes."""
        self.strokes.clear()

    def copy(self) -> Drawing:
        """Return an independent copy."""
        return Drawing([list(stroke) for stroke in self.strokes])

    def framed(self, side: int, framing: str = "mass") -> bytes:
        """Return the drawing as side x side grey values, 255 for ink, framed as a dataset's images: see `FRAMINGS`."""
        points = [point for stroke in self.strokes for point in stroke]
        if not points:
            return bytes(side * side)
        left, top = min(x for x, _ in points), min(y for _, y in points)
        extent = max(max(x for x, _ in points) - left, max(y for _, y in points) - top)
        frame = FRAMINGS[framing]
        scale = (frame.box - 2 * PEN) / extent if extent > 0 else 1.0

        def drawn(dx: float, dy: float) -> list[list[float]]:
            canvas = Canvas(side)
            for stroke in self.strokes:
                canvas.draw([((x - left) * scale + dx, (y - top) * scale + dy) for x, y in stroke])
            return canvas.rows

        if frame.by_mass:
            # Drawn once to find the centre of mass, then again with it in the middle.
            x, y = _centre_of_mass(drawn(PEN, PEN))
        else:
            x, y = (
                PEN + scale * (max(coordinates) - min(coordinates)) / 2 for coordinates in zip(*points, strict=True)
            )
        rows = drawn(PEN + 0.5 - x, PEN + 0.5 - y)
        return bytes(round(255 * ink) for row in rows for ink in row)


class Canvas:
    """A square raster that strokes are drawn on.

    Attributes:
        rows: Ink in [0, 1], (side, side).
    """

    def __init__(self, side: int) -> None:
        self.rows = [[0.0] * side for _ in range(side)]

    def draw(self, stroke: Sequence[Point]) -> None:
        """Draw a line through some points, or a dot: 1 under the pen, with smooth edges one pixel wide."""
        for begin, end in zip(stroke, stroke[1:] or stroke, strict=False):
            self._line(begin, end)

    def _line(self, begin: Point, end: Point) -> None:
        side = len(self.rows)
        # Keep the line visible on small rasters.
        pen = max(PEN, 0.75 / side)
        reach = pen + 1 / side
        for j in _pixels(min(begin[1], end[1]) - reach, max(begin[1], end[1]) + reach, side):
            row, y = self.rows[j], (j + 0.5) / side
            for i in _pixels(min(begin[0], end[0]) - reach, max(begin[0], end[0]) + reach, side):
                ink = (pen - _distance((i + 0.5) / side, y, begin, end)) * side + 0.5
                if ink > row[i]:
                    row[i] = min(ink, 1.0)


def _pixels(low: float, high: float, count: int) -> range:
    return range(max(0, math.floor(low * count)), min(count, math.ceil(high * count)))


def _distance(x: float, y: float, begin: Point, end: Point) -> float:
    """Return the distance of a point from a line segment."""
    dx, dy = end[0] - begin[0], end[1] - begin[1]
    length = dx * dx + dy * dy
    share = min(max(((x - begin[0]) * dx + (y - begin[1]) * dy) / length, 0.0), 1.0) if length else 0.0
    return math.hypot(x - begin[0] - share * dx, y - begin[1] - share * dy)


def _centre_of_mass(rows: Sequence[Sequence[float]]) -> Point:
    side = len(rows)
    total = math.fsum(ink for row in rows for ink in row) or 1.0
    x = math.fsum(ink * (i + 0.5) for row in rows for i, ink in enumerate(row)) / total
    y = math.fsum(ink * (j + 0.5) for j, row in enumerate(rows) for ink in row) / total
    return x / side, y / side
