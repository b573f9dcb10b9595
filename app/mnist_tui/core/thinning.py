"""Thins a long curve so that it looks the same: its ends, the extremes of each stretch, and its gaps are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

STRETCHES: Final = 512
"""Minimum number of buckets a long curve is thinned to; more than a chart has columns."""
_SHORT: Final = 4
"""Bucket size below which thinning would drop almost nothing."""


class Thinning:
    """The extremes of one growing sequence of values, found once for each bucket."""

    def __init__(self) -> None:
        self._known: dict[int, list[set[int]]] = {}

    def kept(self, values: Sequence[float], low: int, high: int) -> Sequence[int]:
        """Return the indices in [low, high) to draw, so that the curve looks the same as with all of them.

        Args:
            values: The sequence; earlier values never change.
            low: First index of the range.
            high: End of the range.
        """
        length = 1 << max((high - low) // STRETCHES, 1).bit_length() - 1
        if length < _SHORT:
            return range(low, high)
        known = self._known.setdefault(length, [])
        while (start := len(known) * length) + length <= len(values):
            known.append(extremes(values, start, start + length))
        first, last = -(-low // length), high // length
        inside = set[int]().union(*known[first:last])
        return sorted(inside.union((low, high - 1), range(low, first * length), range(last * length, high)))


def extremes(values: Sequence[float | None], start: int, stop: int) -> set[int]:
    """Return the indices of the minimum and maximum of `values[start:stop]`, and of its first gap if it has one."""
    stretch = values[start:stop]
    finite = [value for value in stretch if value is not None and math.isfinite(value)]
    found = {start + stretch.index(value) for value in (min(finite), max(finite))} if finite else set()
    if len(finite) < len(stretch):
        found.add(start + next(i for i, value in enumerate(stretch) if value is None or not math.isfinite(value)))
    return found
