"""Runs side by side: the settings that differ, what came of them, and how sure the differences are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mnist_tui.core.metrics import newcombe_interval
from mnist_tui.core.state import RunState

SETTINGS: Final[tuple[tuple[str, Callable[[RunState], str]], ...]] = (
    ("Epochs", lambda run: str(run.epochs)),
    ("Features", lambda run: str(run.spec.features)),
    ("Seed", lambda run: str(run.spec.seed)),
    ("Learning rate", lambda run: f"{run.spec.learning_rate:g}"),
    ("Rate changes", lambda run: run.rate_changes or "none"),
    ("Patience", lambda run: str(run.spec.patience or "off")),
    ("Batch size", lambda run: str(run.spec.batch_size)),
    ("Dataset", lambda run: run.dataset.label if run.dataset else run.spec.dataset),
    ("Device", lambda run: run.machine.device if run.machine else run.spec.device),
    ("Backend", lambda run: run.machine.backend if run.machine else run.spec.backend),
    ("Threads", lambda run: str(run.machine.threads) if run.machine else ""),
    ("Parameters", lambda run: f"{run.parameters:,}" if run.parameters is not None else ""),
)
"""Settings by title, as text."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An accuracy against that of the baseline.

    Attributes:
        points: In percentage points.
        low, high: Its 95 % interval from the number of images alone, in points; other seeds differ by more.
    """

    points: float
    low: float
    high: float


def differing_settings(runs: Sequence[RunState]) -> list[tuple[str, list[str]]]:
    """Return title and value per run of each setting in which the runs differ."""
    rows = [(title, [text(run) for run in runs]) for title, text in SETTINGS]
    return [(title, values) for title, values in rows if len(set(values)) > 1]


def difference(accuracy: float | None, baseline: float | None, images: int) -> Difference | None:
    """Return how an accuracy differs from another one measured on as many images; `None` where one is missing.

    Source: `newcombe_interval`.
    """
    if accuracy is None or baseline is None or not (math.isfinite(accuracy) and math.isfinite(baseline)):
        return None
    low, high = newcombe_interval(accuracy, baseline, images)
    return Difference(100 * (accuracy - baseline), 100 * low, 100 * high)


def reached(run: RunState, val_accuracy: float) -> tuple[int, float] | None:
    """Return the first epoch with this validation accuracy, and the seconds until its end; `None` if never."""
    seconds = 0.0
    for epoch in run.history:
        seconds += epoch.epoch_s
        if epoch.val_accuracy >= val_accuracy:
            return epoch.epoch, seconds
    return None


def common_target(runs: Sequence[RunState]) -> float:
    """Return the highest validation accuracy that all runs reached, in whole per cent; 0 without epochs."""
    best = [run.best.val_accuracy if run.best is not None else 0.0 for run in runs]
    # 100 * 0.29 is a little less than 29.
    return math.floor(100 * min(best, default=0.0) + 1e-9) / 100
