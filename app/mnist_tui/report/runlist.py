"""A list of runs whose columns choose themselves: what differs comes first, what is equal is said once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from mnist_tui.core.state import RunState
from mnist_tui.core.table import Column, Direction, Unit, Value
from mnist_tui.report.words import format_moment, status_text


@dataclass(frozen=True, slots=True)
class RunColumn:
    """A column of the list.

    Attributes:
        column: What it shows.
        value: The value of a run.
        order: What it is sorted by, where that is another value.
    """

    column: Column
    value: Callable[[RunState], Value]
    order: Callable[[RunState], Value] | None = None


def _column(key: str, title: str, unit: Unit, meaning: str) -> Column:
    return Column(key, title, unit, Direction.NONE, meaning)


_NAME: Final = RunColumn(_column("name", "Name", Unit.TEXT, "What you call it."), lambda run: run.labels.name or None)
_TAGS: Final = RunColumn(
    _column("tags", "Tags", Unit.TEXT, "Your tags."), lambda run: " ".join(run.labels.tags) or None
)
_SETTINGS: Final = (
    RunColumn(_column("epochs", "Epochs", Unit.COUNT, "Passes over the training images."), lambda run: run.epochs),
    RunColumn(_column("features", "Features", Unit.COUNT, "Width of the bottleneck."), lambda run: run.spec.features),
    RunColumn(_column("seed", "Seed", Unit.COUNT, "Seed of weights and order."), lambda run: run.spec.seed),
    RunColumn(
        _column("lr", "lr", Unit.TEXT, "Learning rate."),
        lambda run: "→".join(f"{rate:g}" for rate in (run.spec.learning_rate, *(new for _, new in run.rates))),
    ),
    RunColumn(
        _column("patience", "Patience", Unit.TEXT, "Epochs without a better one allowed."),
        lambda run: str(run.spec.patience or "off"),
    ),
    RunColumn(_column("batch", "Batch", Unit.COUNT, "Images per step."), lambda run: run.spec.batch_size),
    RunColumn(
        _column("dataset", "Dataset", Unit.TEXT, "What was learned."),
        lambda run: run.dataset.label if run.dataset else None,
    ),
    RunColumn(
        _column("device", "Device", Unit.TEXT, "Where it was computed."),
        lambda run: run.machine.device if run.machine else None,
    ),
)
_ALWAYS: Final = frozenset({"epochs", "features"})
"""Settings that are a column also where all runs share them."""
_RESULTS: Final = (
    RunColumn(
        _column("last_val_accuracy", "Val", Unit.FRACTION, "Validation accuracy after the last epoch."),
        lambda run: _result(run, "last_val_accuracy"),
    ),
    RunColumn(
        _column("status", "Status", Unit.TEXT, "How the run ended."),
        lambda run: (
            status_text(run.status) + ("" if run.epochs_done == run.epochs else f" {run.epochs_done}/{run.epochs}")
        ),
    ),
    RunColumn(
        _column("best_val_accuracy", "Best", Unit.FRACTION, "Best validation accuracy of any epoch."),
        lambda run: _result(run, "best_val_accuracy"),
    ),
    RunColumn(
        _column("test_accuracy", "Test", Unit.FRACTION, "Test accuracy after the last epoch."),
        lambda run: _result(run, "test_accuracy"),
    ),
    RunColumn(
        _column("total_training_time_s", "Time", Unit.SECONDS, "Sum of all epoch times."),
        lambda run: _result(run, "total_training_time_s"),
    ),
    RunColumn(
        _column("started", "Started", Unit.TEXT, "When it began."),
        lambda run: format_moment(run.started_at),
        lambda run: run.started_at,
    ),
    RunColumn(_column("run", "Id", Unit.TEXT, "Its name for the command line."), lambda run: run.run),
    RunColumn(
        _column("last_epoch_accuracy", "Train", Unit.FRACTION, "Training accuracy of the last epoch."),
        lambda run: _result(run, "last_epoch_accuracy"),
    ),
    RunColumn(
        _column("last_epoch_time_s", "Epoch", Unit.SECONDS, "Training plus validation time of the last epoch."),
        lambda run: _result(run, "last_epoch_time_s"),
    ),
)


def _result(run: RunState, key: str) -> float | None:
    result = run.so_far
    value: float | None = getattr(result, key) if result is not None else None
    return value


def arrange(runs: Sequence[RunState]) -> tuple[list[RunColumn], str]:
    """Return the columns for these runs, the most telling first, and in words what they have in common."""
    differing, common = [], []
    for setting in _SETTINGS:
        values = {setting.value(run) for run in runs}
        key = setting.column.key
        if len(values) > 1 or key in _ALWAYS:
            differing.append(setting)
        elif len(runs) > 1 and (value := values.pop()) not in (None, "off"):
            name = "" if key in ("dataset", "device") else f"{setting.column.title.lower()} "
            common.append(f"{name}{value}")
    labels = [label for label in (_NAME, _TAGS) if any(label.value(run) for run in runs)]
    val, *results = _RESULTS
    named, tagged = labels[:1], labels[1:]
    # What is always a column, then the result that matters most, then what else differs.
    first = len(_ALWAYS)
    columns = [*named, *differing[:first], val, *differing[first:], *results[:4], *tagged, *results[4:]]
    return columns, ", ".join(common)


def grouped(runs: Sequence[RunState]) -> list[tuple[RunState, str]]:
    """Return runs with equal settings beside each other, the newest group first, and a sign that joins each group."""
    groups: dict[tuple[Value, ...], list[RunState]] = {}
    for run in runs:
        groups.setdefault(_setting(run), []).append(run)
    joined = []
    for _, members in groupby((run for group in groups.values() for run in group), key=_setting):
        group = list(members)
        signs = [""] if len(group) == 1 else ["┌", *"│" * (len(group) - 2), "└"]
        joined += list(zip(group, signs, strict=True))
    return joined


def _setting(run: RunState) -> tuple[Value, ...]:
    return tuple(setting.value(run) for setting in _SETTINGS if setting.column.key != "seed")
