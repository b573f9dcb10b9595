"""Derived numbers and their uncertainty, each defined once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

NORMAL_95: Final = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""

RECENT: Final = 5
"""Number of recent epochs that the remaining time is estimated from."""

MIN_FOR_MEDIAN: Final = 8
"""From this many values on, median and range are reported too: a single outlier shifts mean and deviation."""

MIN_FOR_OUTLIERS: Final = 5
_GRUBBS_95: Final = (
    1.672, 1.822, 1.938, 2.032, 2.110, 2.176, 2.234, 2.285, 2.331, 2.371, 2.409, 2.443, 2.475, 2.504, 2.532, 2.557,
)  # fmt: skip
"""One-sided 95 % quantiles of Grubbs' test, for 5 to 20 values."""
_STUDENT_95: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def student_t_95(degrees: int) -> float:
    """Return the two-sided 95 % quantile of Student's t; above 10 degrees of freedom that of 10, which is larger."""
    return _STUDENT_95[min(max(degrees, 1), len(_STUDENT_95)) - 1]


def improvement_points(previous: float | None, current: float | None) -> float | None:
    """Return the change of an accuracy in percentage points; `None` for the first epoch or a non-finite value.

    Args:
        previous: Accuracy of the previous epoch, as a fraction in [0, 1].
        current: Accuracy of this epoch, likewise.
    """
    if previous is None or current is None or not (math.isfinite(previous) and math.isfinite(current)):
        return None
    return 100.0 * (current - previous)


def error_reduction(previous: float | None, current: float | None) -> float | None:
    """Return the share of the remaining errors that this epoch removed: (e0 - e1) / e0 with e = 1 - accuracy.

    `None` where it is undefined: the first epoch, a non-finite value, or no errors left to remove.
    """
    if previous is None or current is None or not (math.isfinite(previous) and math.isfinite(current)):
        return None
    before, now = 1.0 - previous, 1.0 - current
    return (before - now) / before if before > 0 else None


def wilson_interval(accuracy: float, n_images: int) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy measured on `n_images` images, as fractions; [0, 1] without images.

    Unlike the normal approximation, it does not shrink to nothing at 0 and 1.
    Source: Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if n_images <= 0:
        return 0.0, 1.0
    p = min(max(accuracy, 0.0), 1.0)
    share = NORMAL_95**2 / n_images
    middle = (p + share / 2) / (1 + share)
    half = NORMAL_95 * math.sqrt(p * (1 - p) / n_images + share / (4 * n_images)) / (1 + share)
    return middle - half, middle + half


def newcombe_interval(first: float, second: float, n_images: int) -> tuple[float, float]:
    """Return the 95 % interval of `first - second`, two accuracies measured on `n_images` images each.

    Source: Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10.
    """
    (low1, high1), (low2, high2) = wilson_interval(first, n_images), wilson_interval(second, n_images)
    gap = first - second
    return gap - math.hypot(first - low1, high2 - second), gap + math.hypot(high1 - first, second - low2)


def low_outlier(values: Sequence[float]) -> int | None:
    """Return the index of the lowest value if it is an outlier at the 5 % level, else `None`.

    `None` for fewer than five values. Above 20 values the quantile is approximated (within 0.1 up to 100).

    Source: Grubbs, Technometrics 11 (1969), 1-21: (mean - lowest) / sample deviation against its 95 % quantile.
    """
    n, found = len(values), spread(values)
    if n < MIN_FOR_OUTLIERS or found is None or not found.std or not math.isfinite(found.std):
        return None
    bound = _GRUBBS_95[min(n - MIN_FOR_OUTLIERS, len(_GRUBBS_95) - 1)] + 0.45 * math.log(max(1.0, n / 20))
    lowest = min(values)
    return values.index(lowest) if found.mean - lowest > bound * found.std else None


@dataclass(frozen=True, slots=True)
class Spread:
    """A mean over repetitions with its sample standard deviation.

    Attributes:
        mean: The mean of the values.
        std: Sample standard deviation (n - 1 in the denominator); `None` for a single value.
        n: Number of values.
        median, low, high: Median, lowest and highest value; `None` below `MIN_FOR_MEDIAN` values.
    """

    mean: float
    std: float | None
    n: int
    median: float | None = None
    low: float | None = None
    high: float | None = None


def spread(values: Sequence[float]) -> Spread | None:
    """Return mean and sample standard deviation, NaN if they overflow; `None` without values."""
    n = len(values)
    if n == 0:
        return None
    if n == 1:
        return Spread(values[0], None, 1)
    try:
        mean = math.fsum(values) / n
        std = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    except (ValueError, OverflowError):
        return Spread(math.nan, math.nan, n)
    if n < MIN_FOR_MEDIAN:
        return Spread(mean, std, n)
    return Spread(mean, std, n, median(values), min(values), max(values))


def time_to_go_s(epoch_times_s: Sequence[float], epochs_left: int, elapsed_in_epoch_s: float) -> float | None:
    """Return the seconds until the last epoch ends, from the mean of the most recent epochs.

    Args:
        epoch_times_s: Training plus validation time of each finished epoch, excluding pauses.
        epochs_left: Unfinished epochs, including the one in progress.
        elapsed_in_epoch_s: Time already spent in the epoch in progress.
    """
    recent = epoch_times_s[-RECENT:]
    if not recent:
        return None
    return max(0.0, epochs_left * sum(recent) / len(recent) - elapsed_in_epoch_s)
