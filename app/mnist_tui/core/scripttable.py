"""The comparison table of scripts' runs: the settings that differ, and the last and best value of each metric."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from mnist_tui.core.comparison import build_table, newest_per_seed, winner
from mnist_tui.core.configs import config_fields
from mnist_tui.core.fields import ALL, Field
from mnist_tui.core.metric import Metric, Split, is_dull, primary_of, quantities
from mnist_tui.core.metrics import Spread, spread
from mnist_tui.core.numerals import count
from mnist_tui.core.script import is_seed
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.core.table import Column, ComparisonTable, Row, Value, is_finished
from mnist_tui.core.units import Direction

MAX_METRICS: Final = 12
"""Maximum number of quantities with columns of their own."""
_NOT_IN_KEYS: Final = re.compile(r"\W+")
_PROJECT: Final = "project"
_BEHIND: Final = tuple(
    ALL[key] for key in ("epochs_done", "total_training_time_s", "n_seeds", "status", "tags", "note")
)


def build_tables(runs: Iterable[RunState]) -> list[ComparisonTable]:
    """Return a table of the built-in network's runs, and one for the scripts of each project; none without rows."""
    known = list(runs)
    built_in = build_table(run for run in known if run.network is not None)
    projects = dict.fromkeys(run.script.project for run in known if run.script is not None)
    scripts = [
        build_script_table([run for run in known if run.script is not None and run.script.project == project], project)
        for project in projects
    ]
    return [table for table in (built_in, *scripts) if table.rows]


def build_script_table(runs: Sequence[RunState], project: str = "") -> ComparisonTable:
    """Return the table of the runs of one project; runs that differ only in their seed are averaged."""
    ended = [run for run in runs if run.so_far is not None]
    settings = [ALL["epochs"], *config_fields(ended), ALL["rate_changes"]]
    groups: dict[tuple[object, ...], list[RunState]] = {}
    for run in ended:
        # Runs with different names or metrics do not repeat each other.
        measured = frozenset((one.quantity, one.split) for one in run.metrics)
        key = (run.spec.brief, measured, *(field.same(run) for field in settings if field.same is not None))
        finished = run.status is Status.FINISHED
        groups.setdefault(key if finished else (*key, run.run), []).append(run)
    counted = [newest_per_seed(group) for group in groups.values()]
    names = _named(ended)
    results = _unique(_result(kind, one) for one in _shown(ended) for kind in _kinds(one))
    shown = [field for field in settings if not is_seed(field.name)]
    fields = [names, *shown, *results, *_BEHIND]
    rows = [_row(group, fields) for group in counted]
    first = next((field.column for field in results if field.column.direction is not Direction.NONE), None)
    rows.sort(key=lambda row: (not is_finished(row), *_order(row, first), row.runs))
    columns = tuple(field.column for field in fields if _is_shown(field.column, rows))
    marked = [(winner(rows, column, (_PROJECT,), (_PROJECT,)), column.key) for column in columns]
    best = frozenset((at, key) for at, key in marked if at is not None)
    repeated = sum(map(len, groups.values())) - sum(map(len, counted))
    return ComparisonTable(columns, tuple(rows), best, _notes(rows, best, project, repeated), columns)


def _order(row: Row, column: Column | None) -> tuple[bool, float]:
    """Return what sorts rows by their first result, the best first."""
    number = row.number(column.key) if column is not None else None
    if number is None or column is None:
        return True, 0.0
    return False, -number if column.direction is Direction.HIGHER else number


def _named(runs: Sequence[RunState]) -> Field:
    """Return the field of the names of runs; without a label, a run has its script's name."""
    name = ALL["name"]
    brief = len({run.spec.brief for run in runs}) > 1

    def get(run: RunState) -> str | None:
        return run.labels.name or (run.spec.brief if brief else None)

    return Field(
        column=name.column,
        get=get,
        of_group=lambda group: ", ".join(dict.fromkeys(filter(None, map(get, group)))) or None,
    )


def _shown(runs: Sequence[RunState]) -> list[Metric]:
    """Return the metrics with columns: of each quantity the validation, else what there is, and the test."""
    known = {one.name: one for run in runs for one in run.metrics}
    declared = [said.name for run in runs for said in run.declared.values() if said.is_primary]
    metrics = tuple(known.values())
    order = [name for name in quantities(metrics, primary_of(metrics, declared)) if not is_dull(name)][:MAX_METRICS]
    shown = []
    for quantity in order:
        of_quantity = [one for one in metrics if one.quantity == quantity]
        validated = [one for one in of_quantity if one.split is Split.VALIDATION]
        trained = [one for one in of_quantity if one.split in (Split.TRAIN, Split.NONE)]
        shown += (validated or trained)[:1] + [one for one in of_quantity if one.split is Split.TEST][:1]
    return shown


def _kinds(one: Metric) -> tuple[str, ...]:
    has_best = one.goal is not Direction.NONE and one.split is not Split.TEST
    return ("last", "best") if has_best else ("last",)


def _result(kind: str, one: Metric) -> Field:
    def get(run: RunState) -> float | None:
        # Scripts may spell it differently: `val/accuracy` and `val_accuracy` are the same.
        alike = [known for known in run.metrics if (known.quantity, known.split) == (one.quantity, one.split)]
        found = run.so_far
        if found is None or not alike:
            return None
        return (found.best if kind == "best" else found.last).get(alike[0].name)

    is_test = one.split is Split.TEST
    words = "" if is_test else "Last value of " if kind == "last" else "Best value of "
    title = one.name if is_test else f"{kind} {one.name}"
    column = Column(
        f"{kind}_{_NOT_IN_KEYS.sub('_', one.name).strip('_')}",
        title[:1].upper() + title[1:],
        one.unit,
        one.goal,
        f"{words}{one.name}.",
        if_any=True,
        always=False,
    )
    return Field(column=column, get=get, of_group=lambda group: _spread(get(run) for run in group))


def _unique(fields: Iterable[Field]) -> list[Field]:
    """Return the fields with different keys: names may differ in nothing but signs."""
    known: dict[str, Field] = {}
    for field in fields:
        key, number = field.key, 1
        while key in known:
            number += 1
            key = f"{field.key}_{number}"
        known[key] = replace(field, column=replace(field.column, key=key))
    return list(known.values())


def _spread(values: Iterable[float | None]) -> Spread | None:
    return spread([value for value in values if value is not None])


def _row(group: Sequence[RunState], fields: Sequence[Field]) -> Row:
    values: dict[str, Value] = {field.key: field.of(group) for field in fields}
    return Row(tuple(run.run for run in group), values, {})


def _is_shown(column: Column, rows: Sequence[Row]) -> bool:
    values = {row.values[column.key] for row in rows}
    if column.key in ("status", "total_training_time_s"):
        return True
    if column.key == "n_seeds":
        return values != {1}
    return values != {None} if column.if_any else len(values) > 1


def _notes(rows: Sequence[Row], best: frozenset[tuple[int, str]], project: str, repeated: int) -> tuple[str, ...]:
    notes = [f"Project: {project}."] if project else []
    if any(isinstance(row.values["n_seeds"], int) and row.values["n_seeds"] > 1 for row in rows):
        notes.append("Rows with several seeds show mean ± sample standard deviation (n - 1); n is in the Seeds column.")
    if repeated:
        notes.append(f"Only the newest run of each setting and seed counts; older runs left out: {repeated}.")
    if best:
        notes.append("The best value of a column is marked if its lead exceeds the noise between seeds (95 %).")
    finished = [row for row in rows if is_finished(row)]
    if len(finished) > 1 and any(row.values["n_seeds"] == 1 for row in finished):
        notes.append("Rows with a single seed are not ranked, because their noise is unknown; train several seeds.")
    if len(finished) < len(rows):
        notes.append(f"Unfinished runs have separate rows ({count(len(rows) - len(finished), 'row')}).")
    return tuple(notes)
