"""Per-epoch values as columns, extended incrementally: only new epochs are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, Self

from mnist_tui.core.events import EpochDone

STRETCHES: Final = 512
"""Minimum number of buckets a long curve is thinned to; more than a chart has columns."""
_SHORT: Final = 4
"""Bucket size below which thinning would drop almost nothing."""
ELAPSED: Final = "elapsed_s"
"""Name of the column with the cumulative training time at the end of each epoch."""


class Columns:
    """Per-epoch columns of one run; `of` binds them to its history."""

    def __init__(self) -> None:
        self._history: Sequence[EpochDone] = ()
        self._columns: dict[tuple[str, float], list[float]] = {}
        self._extremes: dict[tuple[str, float, int], list[set[int]]] = {}
        self._means: dict[tuple[str, float], tuple[float, float]] = {}

    def of(self, history: Sequence[EpochDone]) -> Self:
        """Bring the columns up to date with an append-only history."""
        if history is not self._history:
            self._history = history
            self._columns, self._extremes, self._means = {}, {}, {}
        return self

    def values(self, name: str, smoothing: float = 0.0) -> Sequence[float]:
        """Return one value per epoch; the list grows with the run.

        Args:
            name: An attribute of `EpochDone`, or `ELAPSED`.
            smoothing: Weight of the past in an exponential moving average, in [0, 1); non-finite values are skipped.
        """
        column = self._columns.setdefault((name, smoothing), [])
        new = self._history[len(column) :]
        if not new:
            return column
        if smoothing:
            column += self._smoothed(name, smoothing, self.values(name)[len(column) :])
        elif name == ELAPSED:
            now = column[-1] if column else 0.0
            for epoch in new:
                now += epoch.epoch_s
                column.append(now)
        else:
            column += [float(getattr(epoch, name)) for epoch in new]
        return column

    def _smoothed(self, name: str, weight: float, values: Sequence[float]) -> Iterator[float]:
        mean, total = self._means.get((name, weight), (0.0, 0.0))
        for value in values:
            if math.isfinite(value):
                mean, total = weight * mean + (1 - weight) * value, weight * total + (1 - weight)
                yield mean / total
            else:
                yield value
        self._means[name, weight] = mean, total

    def kept(self, name: str, low: int, high: int, smoothing: float = 0.0) -> Sequence[int]:
        """Return the indices in [low, high) to draw, so that the curve looks the same as with all of them.

        A long range is thinned to its ends, each bucket's minimum and maximum, and gaps; arguments as for `values`.
        """
        length = 1 << max((high - low) // STRETCHES, 1).bit_length() - 1
        if length < _SHORT:
            return range(low, high)
        column = self.values(name, smoothing)
        known = self._extremes.setdefault((name, smoothing, length), [])
        while (start := len(known) * length) + length <= len(column):
            known.append(extremes(column, start, start + length))
        first, last = -(-low // length), high // length
        inside = set[int]().union(*known[first:last])
        return sorted(inside.union((low, high - 1), range(low, first * length), range(last * length, high)))

    def highest(self, name: str) -> Sequence[float]:
        """Return the finite values of a column; a long one is thinned, but keeps its highest values."""
        column = self.values(name)
        return [value for i in self.kept(name, 0, len(column)) if math.isfinite(value := column[i])]


def extremes(values: Sequence[float | None], start: int, stop: int) -> set[int]:
    """Return the indices of the minimum and maximum of `values[start:stop]`, and of its first gap if it has one."""
    stretch = values[start:stop]
    finite = [value for value in stretch if value is not None and math.isfinite(value)]
    found = {start + stretch.index(value) for value in (min(finite), max(finite))} if finite else set()
    if len(finite) < len(stretch):
        found.add(start + next(i for i, value in enumerate(stretch) if value is None or not math.isfinite(value)))
    return found
