"""Per-epoch values as columns, extended incrementally: only new epochs are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, Self

from mnist_tui.core.events import EpochDone
from mnist_tui.core.thinning import Thinning

ELAPSED: Final = "elapsed_s"
"""Name of the column with the cumulative training time at the end of each epoch."""
_OF_EPOCH: Final = frozenset({"epoch", "step", "train_s", "val_s", "epoch_s"})
"""Names of columns that are attributes of an epoch, and not among its values."""


class Smoother:
    """An exponential moving average that is carried on from piece to piece.

    Args:
        weight: Weight of the past, in [0, 1).
    """

    def __init__(self, weight: float) -> None:
        self._weight, self._mean, self._total = weight, 0.0, 0.0

    def smoothed(self, values: Sequence[float]) -> Iterator[float]:
        """Yield the averages of the next values; non-finite values are passed on and skipped."""
        weight = self._weight
        for value in values:
            if math.isfinite(value):
                self._mean = weight * self._mean + (1 - weight) * value
                self._total = weight * self._total + (1 - weight)
                yield self._mean / self._total
            else:
                yield value


class Columns:
    """Per-epoch columns of one run; `of` binds them to its history."""

    def __init__(self) -> None:
        self._history: Sequence[EpochDone] = ()
        self._forget()

    def _forget(self) -> None:
        self._columns: dict[tuple[str, float], list[float]] = {}
        self._thinnings: dict[tuple[str, float], Thinning] = {}
        self._smoothers: dict[tuple[str, float], Smoother] = {}

    def of(self, history: Sequence[EpochDone]) -> Self:
        """Bring the columns up to date with an append-only history."""
        if history is not self._history:
            self._history = history
            self._forget()
        return self

    def values(self, name: str, smoothing: float = 0.0) -> Sequence[float]:
        """Return one value per epoch; the list grows with the run.

        Args:
            name: The name of a number, `ELAPSED`, or an attribute of `EpochDone` such as `epoch_s`.
            smoothing: Weight of the past in an exponential moving average, in [0, 1); non-finite values are skipped.
        """
        column = self._columns.setdefault((name, smoothing), [])
        new = self._history[len(column) :]
        if not new:
            return column
        if smoothing:
            smoother = self._smoothers.setdefault((name, smoothing), Smoother(smoothing))
            column += smoother.smoothed(self.values(name)[len(column) :])
        elif name == ELAPSED:
            now = column[-1] if column else 0.0
            for epoch in new:
                now += epoch.epoch_s
                column.append(now)
        elif name in _OF_EPOCH:
            column += [float(getattr(epoch, name)) for epoch in new]
        else:
            column += [epoch.value(name) for epoch in new]
        return column

    def kept(self, name: str, low: int, high: int, smoothing: float = 0.0) -> Sequence[int]:
        """Return the indices in [low, high) to draw; see `Thinning.kept`, arguments as for `values`."""
        return self._thinnings.setdefault((name, smoothing), Thinning()).kept(self.values(name, smoothing), low, high)

    def highest(self, name: str) -> Sequence[float]:
        """Return the finite values of a column; a long one is thinned, but keeps its highest values."""
        column = self.values(name)
        return [value for i in self.kept(name, 0, len(column)) if math.isfinite(value := column[i])]
