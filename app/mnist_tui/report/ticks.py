"""Round numbers for axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


def linear_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round values in [low, high], at least one where there is room for it."""
    if not high > low or most < 1:
        return [low]
    magnitude = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (factor * scale for scale in (magnitude, 10 * magnitude) for factor in _STEPS):
        first = math.ceil(low / step - 1e-9)
        last = math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [n * step for n in range(first, last + 1)] or [low]
    return [low]


def whole_ticks(low: int, high: int, most: int) -> list[int]:
    """Return round whole numbers in [low, high], the first number among them; for epochs."""
    if high <= low or most < 2:
        return [low]
    magnitude = 1
    while True:
        for step in (magnitude, 2 * magnitude, 5 * magnitude):
            ticks = [n for n in range(step * (low // step), high + 1, step) if n >= low]
            if low not in ticks:
                # A label of the first epoch and one right beside it would run together.
                ticks = [low, *(n for n in ticks if n - low >= step / 2)]
            if len(ticks) <= most:
                return ticks
        magnitude *= 10


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` values 1, 2, 5 of each decade in [low, high], which are above 0."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [f * 10.0**d for d in decades for f in factors if low * (1 - 1e-9) <= f * 10.0**d <= high * (1 + 1e-9)]
        if 2 <= len(ticks) <= most:
            return ticks
    if len(ticks) > most:
        return ticks[:: math.ceil(len(ticks) / most)]
    return linear_ticks(low, high, most)


def tick_labels(values: Sequence[float], *, percent: bool) -> list[str]:
    """Return the values as text, with as many decimals as tell them apart."""
    shown = [100 * v for v in values] if percent else list(values)
    sign = "%" if percent else ""
    if any(abs(v) >= 1e5 or 0 < abs(v) < 1e-4 for v in shown):
        return [f"{v:.2g}{sign}" for v in shown]
    for digits in range(5):
        if all(abs(v - round(v, digits)) <= 1e-6 * max(1.0, abs(v)) for v in shown):
            break
    return [f"{round(v, digits) + 0.0:.{digits}f}{sign}" for v in shown]
