"""Sparklines: a row of block characters where there is no room for a chart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from mnist_tui.report.points import held, unit, widened

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_HANGING: Final = "▔▀█"


def changes(values: Sequence[float]) -> list[tuple[str, bool]]:
    """Return a block per change and whether it is negative: losses hang from the top, gains rise from the bottom."""
    most = max((abs(held(value)) for value in values if math.isfinite(value)), default=0.0)

    def block(value: float) -> str:
        if not math.isfinite(value):
            return " "
        share = abs(held(value)) / most if most else 0.0
        return _HANGING[round(2 * share)] if value < 0 else _BLOCKS[round(7 * share)]

    return [(block(value), value < 0) for value in values]


def sparkline(values: Sequence[float], *, low: float | None = None, high: float | None = None) -> str:
    """Return one block per value, and a blank for each non-finite value.

    Args:
        values: Any numbers.
        low: Value of the lowest block; if `None`, the minimum.
        high: Value of the highest block; if `None`, the maximum.
    """
    finite = [held(y) for y in values if math.isfinite(y)]
    if not finite:
        return " " * len(values)
    start = min(finite) if low is None else low
    most = max(finite) if high is None else high
    start, end = (start, start + max(abs(start), 1.0)) if most <= start else widened(start, most)

    def block(value: float) -> str:
        return _BLOCKS[round(7 * unit((held(value) - start) / (end - start)))]

    return "".join(block(y) if math.isfinite(y) else " " for y in values)
