"""Where the epochs of a run lie on the x axis: by number, by seconds, by steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from mnist_tui.core.columns import ELAPSED
from mnist_tui.core.metrics import RECENT
from mnist_tui.core.state import RunState
from mnist_tui.report.chartview import XAxis

EMPTY_EPOCHS: Final = 10
"""What the axis shows before there is a run."""
MIN_STEPS: Final = 3
"""News from inside an epoch from which on they are a curve."""


def places(run: RunState, x: XAxis) -> Sequence[float]:
    """Return the x of each finished epoch: its number, the seconds or the steps since the beginning."""
    match x:
        case XAxis.EPOCHS:
            return run.columns.values("epoch")
        case XAxis.SECONDS:
            return run.columns.values(ELAPSED)
        case _:
            each = steps_per_epoch(run)
            return [epoch * each for epoch in run.columns.values("epoch")]


def limits(run: RunState | None, x: XAxis) -> tuple[float, float]:
    """Return the whole x axis of a run: from its first point to where its last epoch will end."""
    if run is None:
        return 1.0, float(EMPTY_EPOCHS)
    first, last = 0.0 if has_only_steps(run) else 1.0, float(max(run.epochs, len(run.history)))
    match x:
        case XAxis.EPOCHS:
            return first, last
        case XAxis.STEPS:
            return first * steps_per_epoch(run), last * steps_per_epoch(run)
        case _:
            times = places(run, x)
            recent = [e.epoch_s for e in run.history[-RECENT:]]
            to_go = 0.0 if run.status.is_over else last - len(times)
            return 0.0, (times[-1] if times else 0.0) + to_go * (math.fsum(recent) / len(recent) if recent else 1.0)


def steps_per_epoch(run: RunState) -> float:
    """Return how many steps an epoch has; 1 while that is not known."""
    return float(math.ceil(run.dataset.n_train / run.spec.batch_size)) if run.dataset is not None else 1.0


def has_only_steps(run: RunState) -> bool:
    """Return whether the first epoch is in progress and long enough to be seen."""
    return not run.history and len(run.steps) >= MIN_STEPS
