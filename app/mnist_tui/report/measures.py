"""Shows the numbers of a run by what they mean: the same for the built-in network and for scripts."""

from __future__ import annotations

import math
from typing import Final

from mnist_tui.core.metric import Metric, Split, quantities
from mnist_tui.core.numerals import MINUS, count
from mnist_tui.core.state import RunState
from mnist_tui.core.units import Direction, Unit
from mnist_tui.report.formatting import (
    NOTHING,
    format_loss,
    format_percent,
    format_points,
    format_rate,
    format_seconds,
    printable,
)


def format_metric(one: Metric, value: float | None) -> str:
    """Return a value in the unit of its metric: `47.94%`, `1.3312`, `24.44 s`."""
    match one.unit:
        case Unit.FRACTION:
            return format_percent(value)
        case Unit.PERCENT:
            return format_percent(None if value is None else value / 100)
        case Unit.SECONDS:
            return format_seconds(value)
        case _:
            return format_number(value)


def format_number(value: float | None) -> str:
    """Return a number of any size with four decimals, or four significant digits: `1.3312`, `0.0003`, `3.2e-05`."""
    if value is None or not math.isfinite(value) or value == 0 or 0.001 <= abs(value) < 10_000:
        return format_loss(value)
    return f"{value:.4g}".replace("-", MINUS) if value < 0 else f"{value:.4g}"


def format_change(one: Metric, before: float | None, now: float | None) -> str:
    """Return a change with its sign, accuracies in percentage points; empty if there is none to show."""
    if before is None or now is None or not (math.isfinite(before) and math.isfinite(now)):
        return ""
    if one.unit in (Unit.FRACTION, Unit.PERCENT):
        return format_points((now - before) * (100 if one.unit is Unit.FRACTION else 1))
    text = format_number(abs(now - before))
    return text if now == before else f"{'+' if now > before else MINUS}{text}"


def is_improvement(one: Metric, before: float, now: float) -> bool | None:
    """Return whether a change is one for the better; `None` if it is neither."""
    if before == now or one.goal is Direction.NONE or not (math.isfinite(before) and math.isfinite(now)):
        return None
    return (now > before) == (one.goal is Direction.HIGHER)


def label_of(one: Metric) -> str:
    """Return the name of a metric for display: `val accuracy`, or as it was logged."""
    return printable(f"{one.split} {one.quantity}" if one.split is not Split.NONE else one.quantity)


_FIRST: Final = (Split.VALIDATION, Split.TRAIN, Split.NONE, Split.TEST)


def ranked(run: RunState) -> list[Metric]:
    """Return the metrics of a run, the most important first, those of one quantity together."""
    order = {name: at for at, name in enumerate(quantities(run.metrics, run.primary))}
    return sorted(run.metrics, key=lambda one: (order[one.quantity], _FIRST.index(one.split)))


def chief(run: RunState) -> Metric | None:
    """Return the metric that stands for a run: the primary one, or else the most important; `None` without numbers."""
    return run.primary or next(iter(ranked(run)), None)


def value_of(run: RunState, one: Metric) -> float | None:
    """Return the newest value of a metric: of the run as a whole, of its last epoch, or of its last step."""
    if one.name in run.results:
        return run.results[one.name]
    if run.last is not None and one.name in run.last.values:
        return run.last.value(one.name)
    if one.name in run.newest:
        return run.newest[one.name]
    return run.result.last.get(one.name) if run.result is not None else None


def best_of(run: RunState, one: Metric) -> float | None:
    """Return the best value of a metric over all epochs; `None` if it has no goal."""
    if (epoch := run.best_of(one)) is not None:
        return epoch.value(one.name)
    return run.result.best.get(one.name) if run.result is not None else None


def progress_of(run: RunState) -> str:
    """Return how far a run is: `3 of 10`, a script's run with its unit: `3 of 10 epochs`, `1,234 steps`."""
    if run.network is not None:
        return f"{run.epochs_done} of {run.epochs}"
    if run.epochs:
        return f"{run.epochs_done} of {count(run.epochs, 'epoch')}"
    return count(run.epochs_done, "epoch") if run.history else count(run.step, "step")


def speed_of(run: RunState) -> str:
    """Return how fast a run is now: images, or for a script steps per second; empty if unknown."""
    if run.network is not None:
        return format_rate(run.images_per_s) if run.images_per_s else ""
    now = run.progress
    if now is None or now.epoch_elapsed_s <= 0 or not now.batch:
        return ""
    speed = now.batch / now.epoch_elapsed_s
    return f"{speed:,.0f} steps/s" if speed >= 10 else f"{speed:.2g} steps/s"


def result_of(run: RunState) -> str:
    """Return the newest value of the metric that stands for a run, with its name unless that is clear."""
    if run.network is not None:
        return format_percent(run.so_far.last_val_accuracy if run.so_far is not None else None)
    one = chief(run)
    value = value_of(run, one) if one is not None else None
    return NOTHING if one is None or value is None else f"{format_metric(one, value)} {label_of(one)}"
