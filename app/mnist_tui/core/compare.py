"""Compares runs side by side: the settings that differ, and differences in accuracy with their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.core.configs import setting_fields
from mnist_tui.core.fields import Field
from mnist_tui.core.metrics import newcombe_interval
from mnist_tui.core.state import RunState
from mnist_tui.core.units import Direction, Unit


@dataclass(frozen=True, slots=True)
class Difference:
    """An accuracy relative to the baseline's.

    Attributes:
        points: Difference in percentage points.
        low, high: Its 95 % interval in points, from the number of images alone; seeds vary by more.
    """

    points: float
    low: float
    high: float


def differing_settings(runs: Sequence[RunState]) -> list[tuple[str, list[str]]]:
    """Return the title and each run's value of every setting in which the runs differ."""
    rows = [(field.name, [_in_words(field, run) for run in runs]) for field in setting_fields(runs)]
    return [(title, values) for title, values in rows if len(set(values)) > 1]


def _in_words(field: Field, run: RunState) -> str:
    return f"{run.parameters:,}" if field.key == "parameters" and run.parameters else field.in_words(run)


def difference(accuracy: float | None, baseline: float | None, images: int) -> Difference | None:
    """Return the difference of two accuracies measured on equally many images; `None` if one is missing.

    Source: `newcombe_interval`.
    """
    if accuracy is None or baseline is None or not (math.isfinite(accuracy) and math.isfinite(baseline)):
        return None
    low, high = newcombe_interval(accuracy, baseline, images)
    return Difference(100 * (accuracy - baseline), 100 * low, 100 * high)


def reached(run: RunState, target: float) -> tuple[int, float] | None:
    """Return the first epoch whose primary metric, a fraction, reached this, and the seconds to its end, or `None`."""
    seconds = 0.0
    for epoch in run.history if has_target(run) else ():
        seconds += epoch.epoch_s
        if run.primary is not None and epoch.value(run.primary.name) >= target:
            return epoch.epoch, seconds
    return None


def has_target(run: RunState) -> bool:
    """Return whether a run has epochs with a fraction as primary metric, where higher is better: an accuracy."""
    one = run.primary
    return bool(run.history) and one is not None and one.unit is Unit.FRACTION and one.goal is Direction.HIGHER


def _best(run: RunState) -> float:
    one, best = run.primary, run.best
    return best.value(one.name) if one is not None and best is not None and has_target(run) else 0.0


def common_target(runs: Sequence[RunState]) -> float:
    """Return the highest value of their primary metrics that all runs reached, in whole per cent; 0 without epochs."""
    best = [_best(run) for run in runs]
    # 100 * 0.29 is a little less than 29.
    return math.floor(100 * min(best, default=0.0) + 1e-9) / 100
