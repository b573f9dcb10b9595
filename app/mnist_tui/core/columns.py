"""The numbers of all epochs, a list for each: only epochs that came since the last look are read."""

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
"""The training time until the end of each epoch, as the name of a column."""


class Columns:
    """Numbers of the epochs of one run; `of` tells it which."""

    def __init__(self) -> None:
        self._history: Sequence[EpochDone] = ()
        self._columns: dict[tuple[str, float], list[float]] = {}
        self._extremes: dict[tuple[str, float, int], list[set[int]]] = {}
        self._means: dict[tuple[str, float], tuple[float, float]] = {}

    def of(self, history: Sequence[EpochDone]) -> Self:
        """Bring it up to date with a history, which only ever grows."""
        if history is not self._history:
            self._history = history
            self._columns, self._extremes, self._means = {}, {}, {}
        return self

    def values(self, name: str, smoothing: float = 0.0) -> Sequence[float]:
        """Return a number of every epoch; the list grows with the run.

        Args:
            name: An attribute of `EpochDone`, or `ELAPSED`.
            smoothing: Weight of the past in a moving mean, in [0, 1); what is not finite stays out of it.
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
        """Return which of the epochs from index `low` to before `high` make a curve that looks as all of them do.

        Of many, both ends, the lowest and the highest of every stretch, and gaps; arguments as for `values`.
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
        """Return finite values of a column: all, or of many at least the highest."""
        column = self.values(name)
        return [value for i in self.kept(name, 0, len(column)) if math.isfinite(value := column[i])]


def extremes(values: Sequence[float | None], start: int, stop: int) -> set[int]:
    """Return where the lowest and the highest of some values are, and the first gap if there is one."""
    stretch = values[start:stop]
    finite = [value for value in stretch if value is not None and math.isfinite(value)]
    found = {start + stretch.index(value) for value in (min(finite), max(finite))} if finite else set()
    if len(finite) < len(stretch):
        found.add(start + next(i for i, value in enumerate(stretch) if value is None or not math.isfinite(value)))
    return found
