"""Columns for a list of runs: settings that differ come first, shared settings are listed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rich.cells import cell_len

from mnist_tui.core.configs import setting_fields
from mnist_tui.core.facets import Facet, facets
from mnist_tui.core.fields import ALL, Field
from mnist_tui.core.metrics import Spread, spread
from mnist_tui.core.script import is_seed
from mnist_tui.core.setting import in_words
from mnist_tui.core.spec import BY_KEY
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.core.table import Column, Value, format_value, sort_rows
from mnist_tui.core.units import Direction, Unit
from mnist_tui.core.view import SEEDS
from mnist_tui.report.formatting import format_moment, short_id, shortened, status_text
from mnist_tui.report.measures import chief, result_of, value_of


@dataclass(frozen=True, slots=True)
class RunColumn:
    """A column of the list.

    Attributes:
        column: Key, title and unit.
        value: Gets the value of a run.
        order: Gets the sort key, if it is not the value.
        is_setting: It shows a setting.
    """

    column: Column
    value: Callable[[RunState], Value]
    order: Callable[[RunState], Value] | None = None
    is_setting: bool = False


def _setting_column(field: Field) -> RunColumn:
    unit = field.column.unit if field.brief is None else Unit.TEXT
    return RunColumn(_heading(field, unit), field.brief or field.get, is_setting=True)


def _column_of(facet: Facet) -> RunColumn:
    return RunColumn(Column(facet.key, facet.word, facet.unit, facet.goal, ""), facet.get, is_setting=facet.is_setting)


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


def _end_of(path: str) -> str:
    return path if cell_len(path) <= MOST_NAME else f"…{path[1 - MOST_NAME :]}"


def _heading(field: Field, unit: Unit) -> Column:
    return Column(field.key, field.short, unit, Direction.NONE, field.column.meaning)


def _status(run: RunState) -> str:
    """Return the status of a run, with its progress unless all epochs are done."""
    if run.epochs_done == run.epochs or not run.epochs:
        return status_text(run.status)
    return f"{status_text(run.status)} {run.epochs_done}/{run.epochs}"


_ID, _NAME, _VAL, _STATUS, _TAGS = map(_column, ("run", "name", "last_val_accuracy", "status", "tags"))
_PATH: Final = replace(_NAME, value=lambda run: _end_of(run.labels.name), order=lambda run: run.labels.name)
"""The name of a run that another tool wrote: a path, which differs from others at its end."""
_RESULT: Final = RunColumn(
    Column(_VAL.column.key, "Result", Unit.TEXT, Direction.NONE, "The newest value of the metric that decides."),
    result_of,
    lambda run: value_of(run, one) if (one := chief(run)) is not None else None,
)
"""The result of runs that do not all have a validation accuracy."""
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


def _is_usual(key: str, runs: Sequence[RunState]) -> bool:
    """Return whether all runs have the default of a setting that few people change."""
    one = BY_KEY.get(key)
    return one is not None and one.is_quiet and all(run.network and one.is_usual(run.network) for run in runs)


def arrange(runs: Sequence[RunState], wanted: Sequence[Facet] = ()) -> tuple[list[RunColumn], str]:
    """Return the columns for these runs, in order, and a text that lists their shared settings.

    Args:
        runs: The runs.
        wanted: What alone to show, besides the id; empty for what is useful.
    """
    if wanted:
        by_key = {one.column.key: one for one in (*_settings(runs), _VAL, _NAME, _STATUS, *_RESULTS, _TAGS)}
        return [_ID, *(by_key.get(one.key) or _column_of(one) for one in wanted)], ""
    differing, common = [], []
    has_scripts = any(run.network is None for run in runs)
    for setting in _settings(runs):
        values = {setting.value(run) for run in runs}
        key = setting.column.key
        if len(values) > 1 or (key in _ALWAYS and values != {None}):
            differing.append(setting)
        elif len(runs) > 1 and (value := values.pop()) not in (None, "off") and not _is_usual(key, runs):
            name = "" if key in ("dataset", "device") else f"{setting.column.title.lower()} "
            common.append(f"{name}{value}")
    names, tags = ([label] if any(label.value(run) for run in runs) else [] for label in (_NAME, _TAGS))
    results = [column for column in _RESULTS if not has_scripts or any(column.value(run) is not None for run in runs)]
    # The symbol in front of each run shows its status; add a status column only if the runs differ.
    status = [_STATUS] if len({_status(run) for run in runs}) > 1 else []
    always = [column for column in differing if column.column.key in _ALWAYS]
    others = [column for column in differing if column.column.key not in _ALWAYS]
    # On other data every result means something else.
    others.sort(key=lambda column: column.column.key != "dataset")
    if all(run.script is not None and run.script.tool for run in runs) and names and runs:
        # Ids of copies say nothing.
        return [_PATH, _RESULT, *always, *others, *status, *results, *tags, _ID], ", ".join(common)
    if has_scripts:
        return [_ID, *names, *always, _RESULT, *others, *status, *results, *tags], ", ".join(common)
    columns = [_ID, *always, _VAL, *names, *others, *status, *results, *tags]
    return columns, ", ".join(common)


def settings_in(columns: Sequence[RunColumn], run: RunState) -> list[tuple[str, str]]:
    """Return the settings among the columns of a list, as titles and values of a run."""
    values = [(column.column.title, column.value(run)) for column in columns if column.is_setting]
    return [(title.lower(), in_words(value)) for title, value in values if not isinstance(value, Spread | None)]


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that belong together.

    Attributes:
        title: What they share, for a row above them; empty if they need none.
        runs: The runs, the newest first.
    """

    title: str
    runs: tuple[RunState, ...]

    def mean(self, column: RunColumn) -> Value:
        """Return the mean of a result over the finished runs, with its deviation; `None` for anything else."""
        if column.is_setting or column.column.unit not in (Unit.FRACTION, Unit.SECONDS, Unit.LOSS):
            return None
        values = [column.value(run) for run in self.runs if run.status is Status.FINISHED]
        return spread([value for value in values if isinstance(value, int | float)])


def grouped(runs: Sequence[RunState], by: str) -> list[RunGroup]:
    """Group runs: by `seeds`, those that differ in nothing else, the newest first; or by a property, in its order."""
    if by == SEEDS:
        return [RunGroup("", tuple(group)) for group in _alike(runs)]
    facet = facets(runs).get(by)
    if facet is None:
        return [RunGroup("", (run,)) for run in runs]
    groups: dict[Value, list[RunState]] = {}
    for run in runs:
        groups.setdefault(facet.get(run), []).append(run)
    is_numeric = facet.is_numeric(runs)
    order = sort_rows(list(groups), lambda value: value if is_numeric or value is None else str(value), reverse=False)
    return [RunGroup(_shared(facet, value), tuple(groups[value])) for value in order]


def _shared(facet: Facet, value: Value) -> str:
    column = Column(facet.key, facet.title, facet.unit, Direction.NONE, "")
    return f"no {facet.word}" if value is None else f"{facet.word} {format_value(column, value)}"


def _alike(runs: Sequence[RunState]) -> Iterable[Sequence[RunState]]:
    fields = [
        field for field in setting_fields(runs) if field.short and field.key != "seed" and not is_seed(field.name)
    ]
    groups: dict[tuple[Value, ...], list[RunState]] = {}
    for run in runs:
        groups.setdefault(tuple((field.brief or field.get)(run) for field in fields), []).append(run)
    return groups.values()


def _settings(runs: Sequence[RunState]) -> list[RunColumn]:
    return [_setting_column(field) for field in setting_fields(runs) if field.short]
