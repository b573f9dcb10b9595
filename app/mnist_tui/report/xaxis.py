"""Positions of a run's epochs on the x axis: by number, seconds or steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from mnist_tui.core.columns import ELAPSED
from mnist_tui.core.metrics import RECENT
from mnist_tui.core.state import RunState
from mnist_tui.report.chartview import XAxis

EMPTY_EPOCHS: Final = 10
"""Length of the axis before there is a run."""
MIN_STEPS: Final = 3
"""Minimum number of points needed to draw a curve inside an epoch or to smooth one."""


def places(run: RunState, x: XAxis) -> Sequence[float]:
    """Return the x of each finished epoch: its number, or the seconds or steps since the start."""
    match x:
        case XAxis.EPOCHS:
            return run.columns.values("epoch")
        case XAxis.SECONDS:
            return run.columns.values(ELAPSED)
        case _:
            each = steps_per_epoch(run)
            return [epoch * each for epoch in run.columns.values("epoch")]


def limits(run: RunState | None, x: XAxis) -> tuple[float, float]:
    """Return the full x range of a run: from its first point to the (estimated) end of its last epoch."""
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
    """Return the number of steps per epoch, or 1 while unknown."""
    if run.last is not None and run.last.step:
        return run.last.step / run.last.epoch
    if run.dataset is None or run.network is None:
        return 1.0
    return float(math.ceil(run.dataset.n_train / run.network.batch_size))


def has_only_steps(run: RunState) -> bool:
    """Return whether the first epoch is in progress and has enough steps to draw a curve."""
    return not run.history and len(run.steps) >= MIN_STEPS
