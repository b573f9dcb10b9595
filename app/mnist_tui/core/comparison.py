"""Builds the comparison table: groups seeds into rows, marks winners, and says what a reader must know to trust it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, Final

from mnist_tui.core.events import Status
from mnist_tui.core.fields import ALL, COLUMNS, TABLE_FIELDS
from mnist_tui.core.metrics import Spread, low_outlier, newcombe_interval, student_t_95, wilson_interval
from mnist_tui.core.numerals import count, percent
from mnist_tui.core.state import RunState
from mnist_tui.core.table import (
    Column,
    ComparisonTable,
    Direction,
    Row,
    Unit,
    format_value,
    is_finished,
)

TIME_NOISE: Final = 0.05
"""Share by which times differ on a quiet machine; a smaller lead marks no winner."""
_TEST_ACCURACY: Final = ALL["test_accuracy"].column
_SAME_DATA: Final = ("data_digest", "split_seed")
_SAME_MACHINE: Final = (*_SAME_DATA, "device", "device_name", "backend", "threads")


def build_table(runs: Iterable[RunState]) -> ComparisonTable:
    """Group runs that differ only in their seed; runs that did not finish stand alone and enter no mean.

    A seed that was run again counts once, with its newest run: repeating a run adds no evidence.
    """
    groups: dict[tuple[object, ...], list[RunState]] = {}
    for run in runs:
        if run.result is not None:
            groups.setdefault(_group_key(run), []).append(run)
    counted = [_newest_per_seed(group) for group in groups.values()]
    repeated = sum(map(len, groups.values())) - sum(map(len, counted))
    rows = sorted(map(_make_row, counted), key=_row_order)
    columns = tuple(c for c in COLUMNS if _is_shown(c, rows))
    best = frozenset((i, c.key) for c in columns if (i := _winner(rows, c)) is not None)
    notes = (*_about_data(rows, counted), *_footnotes(rows, best, repeated), *_odd_seeds(rows, counted))
    return ComparisonTable(columns, tuple(rows), best, notes)


def _is_shown(column: Column, rows: Sequence[Row]) -> bool:
    values = {row.values[column.key] for row in rows}
    return column.always or len(values) > 1 or (column.if_any and values != {None})


def _group_key(run: RunState) -> tuple[object, ...]:
    key = tuple(field.same(run) for field in TABLE_FIELDS if field.same is not None)
    return key if run.status is Status.FINISHED else (*key, run.run)


def _newest_per_seed(group: Sequence[RunState]) -> list[RunState]:
    return list({run.spec.seed: run for run in sorted(group, key=lambda run: run.run)}.values())


def _make_row(group: Sequence[RunState]) -> Row:
    data = group[0].dataset
    images = {"n_train": data.n_train, "n_validation": data.n_validation, "n_test": data.n_test} if data else {}
    return Row(tuple(run.run for run in group), {field.key: field.of(group) for field in TABLE_FIELDS}, images)


def _row_order(row: Row) -> tuple[Any, ...]:
    return (not is_finished(row), str(row.values["dataset"]), row.number("features"), row.number("epochs"), row.runs)


def _winner(rows: Sequence[Row], column: Column) -> int | None:
    """Return the row that leads this column by more than the noise.

    Results on other data compete in nothing, and times from another machine tell nothing about a setting.
    """
    if column.direction is Direction.NONE:
        return None
    running = [
        (i, value)
        for i, row in enumerate(rows)
        if is_finished(row) and isinstance(value := row.values[column.key], Spread) and math.isfinite(value.mean)
    ]
    alike = _SAME_MACHINE if column.unit is Unit.SECONDS else _SAME_DATA
    if len(running) < 2 or len({tuple(rows[i].values[key] for key in alike) for i, _ in running}) > 1:
        return None
    sign = 1 if column.direction is Direction.HIGHER else -1
    running.sort(key=lambda item: sign * item[1].mean, reverse=True)
    first, lead = running[0]
    ours = _half_width(rows[first], column, lead, -sign)
    # A single seed is neither marked nor beaten: it stands outside, unless it leads.
    rivals = [(rows[i], value) for i, value in running[1:] if value.std is not None]
    leads = [
        abs(lead.mean - value.mean) > math.hypot(ours, _half_width(row, column, value, sign)) for row, value in rivals
    ]
    return first if leads and all(leads) else None


def _half_width(row: Row, column: Column, value: Spread, side: int) -> float:
    """Return how far the 95 % interval of a mean reaches below (side -1) or above it (1); infinite for one seed.

    One seed does not tell how much seeds differ, and they differ by more than the number of images explains.
    """
    if value.std is None:
        return math.inf
    from_seeds = student_t_95(value.n - 1) * value.std / math.sqrt(value.n)
    if column.unit is Unit.FRACTION:
        # All seeds share the images, so more seeds do not make this part smaller.
        interval = wilson_interval(value.mean, row.images.get(column.images, 0))
        return max(from_seeds, abs(interval[side > 0] - value.mean))
    return max(from_seeds, TIME_NOISE * abs(value.mean))


def _setting(row: Row) -> str:
    """Return the setting of a row in words: `20 epochs x 2 features`."""
    epochs, features = row.number("epochs") or 0, row.number("features") or 0
    return f"{count(int(epochs), 'epoch')} x {count(int(features), 'feature')}"


def _better_but_unfinished(rows: Sequence[Row], best: frozenset[tuple[int, str]]) -> list[str]:
    """Name the rows that are clearly better than a marked value, and are not marked since they did not finish."""
    notes = []
    for row in rows:
        titles = [
            column.title
            for column in COLUMNS
            for marked, key in best
            if key == column.key and not is_finished(row) and _is_clearly_better(row, rows[marked], column)
        ]
        if titles:
            titled = " and ".join(titles)
            notes.append(f"{_setting(row)}, {row.values['status']}: ahead of the marked {titled}, but not finished.")
    return notes


def _is_clearly_better(row: Row, marked: Row, column: Column) -> bool:
    value, lead = row.values[column.key], marked.values[column.key]
    # An unfinished run is quick because it is unfinished.
    if column.unit is Unit.SECONDS or not (isinstance(value, Spread) and isinstance(lead, Spread)):
        return False
    sign = 1 if column.direction is Direction.HIGHER else -1
    is_same_data = all(row.values[key] == marked.values[key] for key in _SAME_DATA)
    return is_same_data and sign * (value.mean - lead.mean) > _half_width(marked, column, lead, sign)


def _odd_seeds(rows: Sequence[Row], groups: Iterable[Sequence[RunState]]) -> list[str]:
    """Name the seeds whose test accuracy lies far below the others of their row, by more than the noise of images."""
    notes = []
    by_runs = {row.runs: row for row in rows}
    for group in groups:
        row = by_runs[tuple(run.run for run in group)]
        tested = [(run, run.result.test_accuracy) for run in group if run.result is not None]
        known = [(run, accuracy) for run, accuracy in tested if accuracy is not None]
        values = [accuracy for _, accuracy in known]
        at = low_outlier(values)
        if at is None:
            continue
        middle, lowest, n_images = median(values), values[at], row.images.get(_TEST_ACCURACY.images, 0)
        if newcombe_interval(middle, lowest, n_images)[0] > 0:
            notes.append(
                f"{_setting(row)}: seed {known[at][0].spec.seed} lies far below the others, with a test accuracy of "
                f"{percent(lowest, 2)}%; the median of {len(values)} seeds is {percent(middle, 2)}%."
            )
    return notes


def _about_data(rows: Sequence[Row], groups: Iterable[Sequence[RunState]]) -> list[str]:
    """Name the data, and say why it is not what was wanted and how to get that."""
    labels = dict.fromkeys(str(row.values["dataset"]) for row in rows if row.values["dataset"])
    notes = ["Dataset: " + ", ".join(labels) + "."] if labels else []
    data = (run.dataset for group in groups for run in group)
    notes += dict.fromkeys(f"{found.label}: {found.note}." for found in data if found is not None and found.note)
    if _is_mixed(rows):
        notes.append("Rows of different datasets cannot be compared.")
    return notes


def _is_mixed(rows: Sequence[Row]) -> bool:
    return len({row.values["data_digest"] for row in rows}) > 1


def _footnotes(rows: Sequence[Row], best: frozenset[tuple[int, str]], repeated: int) -> tuple[str, ...]:
    notes: list[str] = []
    if any(isinstance(row.values["n_seeds"], int) and row.values["n_seeds"] > 1 for row in rows):
        notes.append("Several seeds of one setting: mean ± sample deviation (n - 1), n in the column Seeds.")
    if repeated:
        notes.append(f"Of runs with the same settings and seed the newest counts; {repeated} older left out.")
    for row in rows:
        done, tested = row.values["epochs_done"], row.values["test_accuracy"]
        if isinstance(done, Spread):
            notes.append(f"{_setting(row)}: ended after {done.mean:g} by a patience of {row.values['patience']}.")
        if isinstance(tested, Spread) and tested.median is not None:
            middle, low, high = (format_value(_TEST_ACCURACY, one) for one in (tested.median, tested.low, tested.high))
            notes.append(f"{_setting(row)}: test accuracy of {tested.n} seeds, median {middle}, from {low} to {high}.")
    finished = [row for row in rows if is_finished(row)]
    if best:
        notes.append("Best value of a column marked where its lead is larger than the noise (95 %).")
    if len(finished) > 1 and not _is_mixed(rows) and any(row.values["n_seeds"] == 1 for row in finished):
        notes.append("A single seed does not show the noise, so its row is neither marked nor beaten; try --seeds 0-4.")
    notes += _better_but_unfinished(rows, best)
    if len(finished) < len(rows):
        notes.append("Runs that did not finish stand alone and enter no mean.")
    return tuple(notes)
