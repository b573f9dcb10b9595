"""Positions of a run's epochs on the x axis: by number, seconds or steps."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Final

from mnist_tui.core.columns import ELAPSED
from mnist_tui.core.metrics import RECENT
from mnist_tui.core.state import RunState
from mnist_tui.report.chartview import XAxis

EMPTY_EPOCHS: Final = 10
"""Length of the axis before there is a run."""
MIN_STEPS: Final = 3
"""Minimum number of points needed to draw a curve inside an epoch or to smooth one."""


def unit_for(run: RunState | None, x: XAxis) -> XAxis:
    """Return the unit that a run has: one without epochs has only steps."""
    has_epochs = run is None or run.network is not None or bool(run.epochs or run.history)
    return x if has_epochs else XAxis.STEPS


def places(run: RunState, x: XAxis) -> Sequence[float]:
    """Return the x of each finished epoch: its number, or the seconds or steps since the start."""
    match x:
        case XAxis.EPOCHS:
            return run.columns.values("epoch")
        case XAxis.SECONDS:
            return run.columns.values(ELAPSED)
        case _ if run.last is not None and run.last.step:
            return run.columns.values("step")
        case _:
            each = steps_per_epoch(run)
            return [epoch * each for epoch in run.columns.values("epoch")]


def limits(run: RunState | None, x: XAxis) -> tuple[float, float]:
    """Return the full x range of a run: from its first point to the (estimated) end of its last epoch."""
    if run is None:
        return 1.0, float(EMPTY_EPOCHS)
    begins_at_0 = has_only_steps(run) or (run.network is None and run.step > 0)
    first, last = 0.0 if begins_at_0 else 1.0, float(max(run.epochs, len(run.history)))
    if unit_for(run, x) is XAxis.STEPS and run.network is None:
        ahead = (last - run.epochs_done) * steps_per_epoch(run) if not run.status.is_over else 0.0
        reached = run.last.step if run.last is not None else 0
        return 0.0, max(float(run.step), reached + ahead, 1.0)
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
    if run.network is None and run.progress is not None and run.progress.batches:
        return float(run.progress.batches)
    if run.dataset is None or run.network is None:
        return 1.0
    return float(math.ceil(run.dataset.n_train / run.network.batch_size))


def has_only_steps(run: RunState) -> bool:
    """Return whether the first epoch is in progress and has enough steps to draw a curve."""
    return not run.history and (len(run.steps) >= MIN_STEPS or run.step > 0)


def step_places(run: RunState, x: XAxis) -> Callable[[int], float]:
    """Return a function from a step of a script's run to its x, between the ends of epochs evenly."""
    if unit_for(run, x) is XAxis.STEPS:
        return float
    ends, steps = [0.0, *places(run, x)], [0.0, *run.columns.values("step")]
    each = steps_per_epoch(run)
    now = run.progress
    if x is XAxis.EPOCHS:
        beyond = 1.0 / each
    else:
        since = run.step - steps[-1]
        beyond = now.epoch_elapsed_s / since if now is not None and since > 0 else 0.0

    def place(step: int) -> float:
        at = bisect_left(steps, step)
        if at >= len(steps):
            return ends[-1] + (step - steps[-1]) * beyond
        if at == 0 or steps[at] == steps[at - 1]:
            return ends[at]
        share = (step - steps[at - 1]) / (steps[at] - steps[at - 1])
        return ends[at - 1] + share * (ends[at] - ends[at - 1])

    return place
