"""The numbers that a script logged at its steps, as one growing series per metric."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from mnist_tui.core.columns import Smoother
from mnist_tui.core.thinning import Thinning


@dataclass(slots=True)
class PointSeries:
    """The points of one metric, in order of their steps; of several values of one step, the last.

    Attributes:
        steps, values: Its points.
        is_sorted: They were logged out of order, and sorted afterwards.
    """

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    is_sorted: bool = False
    _smoothed: dict[float, tuple[Smoother, array[float]]] = field(default_factory=dict, repr=False, compare=False)
    _thinnings: dict[float, Thinning] = field(default_factory=dict, repr=False, compare=False)

    def cut(self, length: int) -> None:
        """Keep only the first points."""
        del self.steps[length:], self.values[length:]
        self._smoothed.clear()
        self._thinnings.clear()

    def smoothed(self, smoothing: float) -> Sequence[float]:
        """Return the values, or their exponential moving average; see `Columns.values`."""
        if not smoothing:
            return self.values
        smoother, found = self._smoothed.setdefault(smoothing, (Smoother(smoothing), array("d")))
        found.extend(smoother.smoothed(self.values[len(found) :]))
        return found

    def kept(self, low: int, high: int, smoothing: float = 0.0) -> Sequence[int]:
        """Return the indices in [low, high) to draw; see `Thinning.kept`."""
        return self._thinnings.setdefault(smoothing, Thinning()).kept(self.smoothed(smoothing), low, high)
