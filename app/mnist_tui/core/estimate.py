"""How long runs will take: a rough formula, scaled by what this machine needed before."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Final

from mnist_tui.core.spec import RunSpec, SweepSpec
from mnist_tui.core.state import RunState

DAY_S: Final = 86_400.0
_IMAGES: Final = {"digits": 1_197}
_IMAGES_OF_MNIST: Final = 50_000
_EPOCH_S: Final = (0.16, 0.045, 0.0068)
"""Seconds of an epoch on MNIST, more per feature, and more per pair of features: the compiled step with one thread of
a 2-core AMD EPYC, batch 64, from 2 to 256 features within a tenth."""
_LAST: Final = 20
"""Past runs that are looked at."""


def machine_factor(runs: Iterable[RunState]) -> float:
    """Return by how much this machine was slower than the formula in its newest runs; 1 without any.

    Args:
        runs: Past runs, the newest first.
    """
    factors = []
    for run in runs:
        result, dataset = run.result, run.dataset
        if result is None or dataset is None or not result.epochs_done or result.total_training_time_s <= 0:
            continue
        usual_s = _epoch_s(run.spec.features, dataset.n_train)
        factors.append(result.total_training_time_s / result.epochs_done / usual_s)
        if len(factors) == _LAST:
            break
    return median(factors) if factors else 1.0


def sweep_s(sweep: SweepSpec, factor: float) -> float:
    """Return about how many seconds the training of a grid takes, without listing its runs."""
    images = _IMAGES.get(sweep.base.dataset, _IMAGES_OF_MNIST)
    epochs, seeds = sum(dict.fromkeys(sweep.epochs)), len(dict.fromkeys(sweep.seeds))
    return factor * seeds * epochs * sum(_epoch_s(features, images) for features in dict.fromkeys(sweep.features))


def run_s(spec: RunSpec, factor: float) -> float:
    """Return about how many seconds the training of one run takes."""
    return sweep_s(SweepSpec((spec.epochs,), (spec.features,), (spec.seed,), spec), factor)


def _epoch_s(features: int, images: int) -> float:
    base, each, pair = _EPOCH_S
    return (base + each * features + pair * features**2) * images / _IMAGES_OF_MNIST
