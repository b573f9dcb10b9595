"""Estimates how long runs take: a rough formula, scaled by this machine's past runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median
from typing import Final

from mnist_tui.core.datasets import PUBLISHED
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.core.sweep import SweepSpec

DAY_S: Final = 86_400.0
_IMAGES: Final = {"digits": 1_197} | {name: one.n_train - one.n_validation for name, one in PUBLISHED.items()}
_IMAGES_OF_MNIST: Final = 50_000
_EPOCH_S: Final = (0.16, 0.045, 0.0068)
"""Seconds per epoch on MNIST: constant, per feature, and per feature squared. Measured with the compiled step on one
thread of a 2-core AMD EPYC at batch size 64; within 10 % from 2 to 256 features."""
_LAST: Final = 20
"""Number of past runs considered."""


def machine_factor(runs: Iterable[RunState]) -> float:
    """Return how many times slower than the formula this machine was in its newest runs; 1 without any.

    Args:
        runs: Past runs, the newest first.
    """
    factors = []
    for run in runs:
        result, dataset, network = run.result, run.dataset, run.network
        if (
            result is None
            or dataset is None
            or network is None
            or network.is_own
            or not result.epochs_done
            or result.total_training_time_s <= 0
        ):
            continue
        usual_s = _epoch_s(network.features, dataset.n_train)
        factors.append(result.total_training_time_s / result.epochs_done / usual_s)
        if len(factors) == _LAST:
            break
    return median(factors) if factors else 1.0


def sweep_s(sweep: SweepSpec, factor: float) -> float:
    """Return the estimated training time of a grid in seconds, without listing its runs."""
    others = [key for key in sweep.values if key not in ("epochs", "features", "dataset")]
    images = sum(_IMAGES.get(dataset, _IMAGES_OF_MNIST) for dataset in sweep.of("dataset"))
    each_s = sum(_epoch_s(features, images) for features in sweep.of("features"))
    repeats: int = sum(sweep.of("epochs")) * math.prod(len(sweep.of(key)) for key in others)
    return factor * repeats * each_s


def run_s(spec: RunSpec, factor: float) -> float:
    """Return the estimated training time of one run in seconds."""
    return sweep_s(SweepSpec(spec), factor)


def _epoch_s(features: int, images: int) -> float:
    base, each, pair = _EPOCH_S
    return (base + each * features + pair * features**2) * images / _IMAGES_OF_MNIST
