"""The plot area: converts data coordinates to fractions of the area, and fractions to terminal cells."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_tui.report.points import Point, held


@dataclass(frozen=True, slots=True)
class Plane:
    """The axis limits (exponents of ten on a log axis) and the size of the plot area in cells."""

    left: float
    right: float
    low: float
    high: float
    columns: int
    rows: int

    def shares(self, point: Point) -> Point:
        """Return a point as fractions of the width and height, clamped to plus or minus one million."""
        x, y = (point[0] - self.left) / (self.right - self.left), (point[1] - self.low) / (self.high - self.low)
        return held(x, 1e6), held(y, 1e6)

    def cell(self, shares: Point) -> tuple[int, int]:
        """Return the row and column of a point in [0, 1], rounded as plotext does."""
        return int((1.0 - shares[1]) * (self.rows - 1) + 0.5), int(shares[0] * (self.columns - 1) + 0.5)

    def dot(self, shares: Point) -> tuple[int, int]:
        """Return the row and column of a point in [0, 1] in braille dots; a cell has 4 rows of 2."""
        return int(4 * ((1.0 - shares[1]) * (self.rows - 1) + 0.5)), int(2 * (shares[0] * (self.columns - 1) + 0.5))

    def column(self, x: float) -> int | None:
        """Return the column of an x value, or `None` outside the plot area."""
        share = self.shares((x, self.low))[0]
        return self.cell((share, 0.0))[1] if 0.0 <= share <= 1.0 else None

    def x_of(self, column: int) -> float:
        """Return the x value in the middle of a column."""
        return self.left + column / max(1, self.columns - 1) * (self.right - self.left)
