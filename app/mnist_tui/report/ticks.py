"""Round tick values for axes, and their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_STEPS: Final = (1.0, 2.0, 2.5, 5.0)
_SLACK: Final = 1e-9
"""Tolerance as a fraction of a step: values such as 0.1 have no exact binary form."""


def linear_ticks(low: float, high: float, most: int, apart: float = 0.0) -> list[float]:
    """Return 2 to `most` values in [low, high] that are multiples of 1, 2, 2.5 or 5 times a power of ten.

    Args:
        low: Lower end of the axis.
        high: Upper end of the axis.
        most: Maximum number of ticks.
        apart: Minimum distance between ticks, if possible.
    """
    magnitude = 10.0 ** (math.floor(math.log10(high - low)) - 2)
    finer = [low, high]
    while True:
        for factor in _STEPS:
            step = factor * magnitude
            first, last = math.ceil(low / step - _SLACK), math.floor(high / step + _SLACK)
            count = last - first + 1
            if count < 2:
                return finer
            if count <= most and step >= apart * (1 - _SLACK):
                return [n * step for n in range(first, last + 1)]
            finer = [first * step, last * step]
        magnitude *= 10


def whole_ticks(low: int, high: int, most: int) -> list[int]:
    """Return at most `most` whole numbers in [low, high], `low` and multiples of 1, 2 or 5 times a power of ten."""
    most, magnitude, finer = max(1, most), 1, range(0)
    while True:
        for step in (magnitude, 2 * magnitude, 5 * magnitude):
            # A label right next to the first one would overlap it.
            first = step * math.ceil((low + max(1, step // 2)) / step)
            rest = range(first, high + 1, step)
            if len(rest) < most:
                return [low, *(rest or finer[-1:])][:most]
            finer = rest
        magnitude *= 10


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return 2 to `most` values between 10**`low` and 10**`high`: 1, 2 and 5 in each decade.

    Falls back to whole decades if that is too many, and to evenly spaced values if it is too few.
    """
    decades = range(math.ceil(low - _SLACK), math.floor(high + _SLACK) + 1)
    if len(decades) > most:
        return [10.0**decade for decade in decades[:: math.ceil((len(decades) - 1) / (most - 1))]]
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [factor * 10.0**decade for decade in (decades.start - 1, *decades) for factor in factors]
        ticks = [value for value in values if low - _SLACK <= math.log10(value) <= high + _SLACK]
        if 2 <= len(ticks) <= most:
            return ticks
    return linear_ticks(10.0**low, 10.0**high, most)


def tick_labels(values: Sequence[float], *, percent: bool, even: bool = True) -> list[str]:
    """Return the values as text, with enough decimals to distinguish them.

    Args:
        values: In ascending order.
        percent: Show fractions as percentages.
        even: Give all labels the same number of decimals; otherwise each gets only what it needs.
    """
    shown = [100 * value for value in values] if percent else list(values)
    sign = "%" if percent else ""
    step = min((b - a for a, b in pairwise(shown)), default=1.0)
    largest = max(map(abs, shown), default=0.0)
    if largest >= 1e5 or 0 < largest < 1e-3 or (not even and min(map(abs, shown), default=1.0) < 1e-6):
        return [f"{text}{sign}" for text in _scientific(shown, step)]

    def decimals(value: float) -> int:
        return next((d for d in range(12) if abs(value - round(value, d)) <= 1e-3 * step), 12)

    digits = [decimals(value) for value in shown]
    if even:
        digits = [max(digits, default=0)] * len(digits)
    # Add zero to turn -0.0 into 0.0.
    return [f"{round(value, d) + 0.0:.{d}f}{sign}" for value, d in zip(shown, digits, strict=True)]


def _scientific(values: Sequence[float], step: float) -> list[str]:
    labels: list[str] = []
    for digits in range(1, 16):
        labels = [f"{value:.{digits}g}".replace("e+", "e").replace("e0", "e").replace("e-0", "e-") for value in values]
        if len(set(labels)) == len(values) and all(
            math.isclose(float(text), value, rel_tol=1e-12, abs_tol=1e-3 * step)
            for text, value in zip(labels, values, strict=True)
        ):
            break
    return labels
