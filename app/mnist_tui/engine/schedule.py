"""How the learning rate changes during a run: a factor for each batch, from nothing but its place in the run.

Because it depends on the place alone, a run can be resumed anywhere, and its epochs can be changed on the way.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from mnist_tui.core.spec import RunSpec

STEP_FACTOR: Final = 0.1
STEP_PARTS: Final = 3
"""`step` multiplies the rate by `STEP_FACTOR` after each of this many parts of the run, except the last."""
RISE: Final = 0.3
"""Share of the run in which `onecycle` rises."""
FIRST_FACTOR: Final = 1 / 25
LAST_FACTOR: Final = 1 / 25e4
"""Where `onecycle` begins and ends: PyTorch's defaults."""


def rates(spec: RunSpec, rate: float, epoch: int, epochs: int, batches: int) -> Any:
    """Return the learning rate of each batch of an epoch, float64 (batches,).

    Args:
        spec: The settings of the run.
        rate: The rate that the schedule scales.
        epoch: The epoch, from 1.
        epochs: Epochs of the run; later ones than that keep its last rate.
        batches: Batches of an epoch.

    Source: PyTorch's LinearLR, CosineAnnealingLR, StepLR and OneCycleLR, stepped after every batch.
    """
    if spec.has_constant_rate:
        return np.full(batches, rate, np.float64)
    at = (epoch - 1) * batches + np.arange(batches, dtype=np.float64)
    warm, total = spec.warmup * batches, max(epochs, 1) * batches
    factor = np.array([_factor(spec.schedule, step, warm, total) for step in at.tolist()])
    if warm:
        factor *= np.minimum(1.0, (at + 1) / warm)
    return rate * factor


def _factor(schedule: str, step: float, warm: int, total: int) -> float:
    # The rest of the run, after the warm-up: a share from 0 to 1.
    done = min(max(0.0, step - warm) / max(1, total - warm), 1.0)
    match schedule:
        case "cosine":
            return (1 + math.cos(math.pi * done)) / 2
        case "step":
            return float(STEP_FACTOR ** min(int(done * STEP_PARTS), STEP_PARTS - 1))
        case "onecycle":
            top, last = RISE * total - 1, total - 1
            if step <= top:
                return _between(FIRST_FACTOR, 1.0, step / max(top, 1e-9))
            return _between(1.0, LAST_FACTOR, min((step - top) / max(last - top, 1e-9), 1.0))
        case _:
            return 1.0


def _between(first: float, last: float, share: float) -> float:
    """Return a value on half a wave of the cosine."""
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2
