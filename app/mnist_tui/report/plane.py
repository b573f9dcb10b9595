"""The area of the curves: from numbers to shares of it, from shares to cells."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_tui.report.points import Point, held


@dataclass(frozen=True, slots=True)
class Plane:
    """Its limits, in exponents of ten on a log axis, and its size in cells."""

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

    def dot(self, shares: Point) -> tuple[int, int]:
        """Return row and column of a point in [0, 1] in dots, of which a cell has four by two."""
        return int(4 * ((1.0 - shares[1]) * (self.rows - 1) + 0.5)), int(2 * (shares[0] * (self.columns - 1) + 0.5))

    def column(self, x: float) -> int | None:
        """Return the column of an x value, `None` outside."""
        share = self.shares((x, self.low))[0]
        return self.cell((share, 0.0))[1] if 0.0 <= share <= 1.0 else None

    def x_of(self, column: int) -> float:
        """Return the x value in the middle of a column."""
        return self.left + column / max(1, self.columns - 1) * (self.right - self.left)
