"""Columns for a list of runs: settings that differ come first, shared settings are listed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from mnist_tui.core.fields import ALL, SETTING_FIELDS, Field
from mnist_tui.core.state import RunState
from mnist_tui.core.table import Column, Value
from mnist_tui.core.units import Direction, Unit
from mnist_tui.report.formatting import format_moment, short_id, shortened, status_text


@dataclass(frozen=True, slots=True)
class RunColumn:
    """A column of the list.

    Attributes:
        column: Key, title and unit.
        value: Gets the value of a run.
        order: Gets the sort key, if it is not the value.
    """

    column: Column
    value: Callable[[RunState], Value]
    order: Callable[[RunState], Value] | None = None


def _column(key: str) -> RunColumn:
    field = ALL[key]
    value = field.brief or field.get
    unit = field.column.unit if field.brief is None else Unit.TEXT
    if key == "status":
        return RunColumn(_heading(field, unit), _status)
    if key == "run":
        return RunColumn(_heading(field, unit), lambda run: short_id(run.run), field.get)
    if key == "name":
        return RunColumn(_heading(field, unit), lambda run: shortened(run.labels.name, MOST_NAME))
    if key == "started":
        return RunColumn(_heading(field, unit), lambda run: format_moment(run.started_at), field.get)
    return RunColumn(_heading(field, unit), value)


def _heading(field: Field, unit: Unit) -> Column:
    return Column(field.key, field.short, unit, Direction.NONE, field.column.meaning)


def _status(run: RunState) -> str:
    """Return the status of a run, with its progress unless all epochs are done."""
    return status_text(run.status) + ("" if run.epochs_done == run.epochs else f" {run.epochs_done}/{run.epochs}")


_ID, _NAME, _VAL, _STATUS, _TAGS = map(_column, ("run", "name", "last_val_accuracy", "status", "tags"))
_SETTINGS: Final = tuple(_column(field.key) for field in SETTING_FIELDS if field.short)
MOST_NAME: Final = 16
"""Maximum width of a name in cells; the preview shows it in full."""
_ALWAYS: Final = frozenset({"epochs", "features"})
"""Settings that always have a column, even if all runs share them."""
_RESULTS: Final = tuple(
    map(
        _column,
        (
            "test_accuracy",
            "best_val_accuracy",
            "total_training_time_s",
            "started",
            "last_epoch_accuracy",
            "last_epoch_time_s",
        ),
    )
)
REQUIRED: Final = frozenset({_ID.column.key, _VAL.column.key})
"""Keys of the columns that are always shown, however narrow the list."""


def arrange(runs: Sequence[RunState]) -> tuple[list[RunColumn], str]:
    """Return the columns for these runs, in order, and a text that lists their shared settings."""
    differing, common = [], []
    for setting in _SETTINGS:
        values = {setting.value(run) for run in runs}
        key = setting.column.key
        if len(values) > 1 or key in _ALWAYS:
            differing.append(setting)
        elif len(runs) > 1 and (value := values.pop()) not in (None, "off"):
            name = "" if key in ("dataset", "device") else f"{setting.column.title.lower()} "
            common.append(f"{name}{value}")
    names, tags = ([label] if any(label.value(run) for run in runs) else [] for label in (_NAME, _TAGS))
    # The symbol in front of each run shows its status; add a status column only if the runs differ.
    status = [_STATUS] if len({_status(run) for run in runs}) > 1 else []
    first = len(_ALWAYS)
    columns = [_ID, *differing[:first], _VAL, *names, *differing[first:], *status, *_RESULTS, *tags]
    return columns, ", ".join(common)


def settings_in(columns: Sequence[RunColumn], run: RunState) -> list[tuple[str, str]]:
    """Return the settings among the columns of a list, as titles and values of a run."""
    values = [(column.column.title.lower(), column.value(run)) for column in columns if column in _SETTINGS]
    return [(title, "" if value is None else str(value)) for title, value in values]


def grouped(runs: Sequence[RunState]) -> list[tuple[RunState, str]]:
    """Group runs that differ only in their seed, newest group first; each run comes with its bracket character."""
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
