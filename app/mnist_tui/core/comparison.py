"""Builds the comparison table: groups seeds into rows, marks winners, and adds the footnotes needed to interpret it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, Final

from mnist_tui.core.fields import ALL, COLUMNS, TABLE_FIELDS
from mnist_tui.core.metrics import Spread, low_outlier, newcombe_interval, student_t_95, wilson_interval
from mnist_tui.core.numerals import count, percent
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.core.table import Column, ComparisonTable, Row, format_value, is_finished
from mnist_tui.core.units import Direction, Unit

TIME_NOISE: Final = 0.05
"""Relative variation of times on an idle machine; a smaller lead does not make a winner."""
_TEST_ACCURACY: Final = ALL["test_accuracy"].column
_SAME_DATA: Final = ("data_digest", "split_seed")
_SAME_MACHINE: Final = (*_SAME_DATA, "device", "device_name", "backend", "threads")


def build_table(runs: Iterable[RunState]) -> ComparisonTable:
    """Group runs that differ only in their seed; unfinished runs get separate rows and are excluded from means.

    If a seed was run more than once, only its newest run counts, as repeating a run adds no evidence.
    """
    groups: dict[tuple[object, ...], list[RunState]] = {}
    for run in runs:
        if run.result is not None:
            groups.setdefault(_group_key(run), []).append(run)
    counted = [newest_per_seed(group) for group in groups.values()]
    repeated = sum(map(len, groups.values())) - sum(map(len, counted))
    rows = sorted(map(_make_row, counted), key=_row_order)
    columns = tuple(c for c in COLUMNS if _is_shown(c, rows))
    best = frozenset((i, c.key) for c in columns if (i := winner(rows, c, _SAME_DATA, _SAME_MACHINE)) is not None)
    notes = (*_about_data(rows, counted), *_footnotes(rows, best, repeated), *_odd_seeds(rows, counted))
    return ComparisonTable(columns, tuple(rows), best, notes, COLUMNS)


def _is_shown(column: Column, rows: Sequence[Row]) -> bool:
    values = {row.values[column.key] for row in rows}
    return column.always or len(values) > 1 or (column.if_any and values != {None})


def _group_key(run: RunState) -> tuple[object, ...]:
    key = tuple(field.same(run) for field in TABLE_FIELDS if field.same is not None)
    return key if run.status is Status.FINISHED else (*key, run.run)


def newest_per_seed(group: Sequence[RunState]) -> list[RunState]:
    """Return the newest run of each seed."""
    ordered = sorted(group, key=lambda run: (run.started_at, run.run))
    # Without a known seed, each run is a repetition of its own.
    return list({run.run if run.spec.seed is None else run.spec.seed: run for run in ordered}.values())


def _make_row(group: Sequence[RunState]) -> Row:
    data = group[0].dataset
    images = {"n_train": data.n_train, "n_validation": data.n_validation, "n_test": data.n_test} if data else {}
    return Row(tuple(run.run for run in group), {field.key: field.of(group) for field in TABLE_FIELDS}, images)


def _row_order(row: Row) -> tuple[Any, ...]:
    # A network of the user's own has no features: it comes first, by its name and settings.
    network = row.number("features") or 0, str(row.values.get("model")), str(row.values.get("options"))
    return not is_finished(row), str(row.values["dataset"]), *network, row.number("epochs") or 0, row.runs


def winner(rows: Sequence[Row], column: Column, same_data: Sequence[str], same_machine: Sequence[str]) -> int | None:
    """Return the row that leads this column by more than the noise.

    Args:
        rows: The rows.
        column: The column.
        same_data: Keys in which rows must be equal for their results to be compared.
        same_machine: Keys in which rows must be equal for their times to be compared.
    """
    if column.direction is Direction.NONE:
        return None
    running = [
        (i, value)
        for i, row in enumerate(rows)
        if is_finished(row) and isinstance(value := row.values[column.key], Spread) and math.isfinite(value.mean)
    ]
    alike = same_machine if column.unit is Unit.SECONDS else same_data
    if len(running) < 2 or len({tuple(rows[i].values[key] for key in alike) for i, _ in running}) > 1:
        return None
    sign = 1 if column.direction is Direction.HIGHER else -1
    running.sort(key=lambda item: sign * item[1].mean, reverse=True)
    first, lead = running[0]
    ours = _half_width(rows[first], column, lead, -sign)
    # Single-seed rows are not ranked, as their noise is unknown; but if one leads, nothing is marked.
    rivals = [(rows[i], value) for i, value in running[1:] if value.std is not None]
    leads = [
        abs(lead.mean - value.mean) > math.hypot(ours, _half_width(row, column, value, sign)) for row, value in rivals
    ]
    return first if leads and all(leads) else None


def _half_width(row: Row, column: Column, value: Spread, side: int) -> float:
    """Return the width of a mean's 95 % interval below (side -1) or above it (side 1); infinite for one seed.

    One seed says nothing about the variation between seeds, which exceeds the sampling error of the test images.
    """
    if value.std is None:
        return math.inf
    from_seeds = student_t_95(value.n - 1) * value.std / math.sqrt(value.n)
    if column.unit is Unit.FRACTION and column.images:
        # All seeds are scored on the same images, so more seeds do not reduce this part.
        interval = wilson_interval(value.mean, row.images.get(column.images, 0))
        return max(from_seeds, abs(interval[side > 0] - value.mean))
    return max(from_seeds, TIME_NOISE * abs(value.mean)) if column.unit is Unit.SECONDS else from_seeds


def _setting(row: Row) -> str:
    """Return the setting of a row in words: `20 epochs x 2 features`."""
    epochs, features = row.number("epochs") or 0, row.number("features") or 0
    return f"{count(int(epochs), 'epoch')} x {count(int(features), 'feature')}"


def _better_but_unfinished(rows: Sequence[Row], best: frozenset[tuple[int, str]]) -> list[str]:
    """Return a note for each unfinished row that is clearly better than a marked value."""
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
            notes.append(f"{_setting(row)}, {row.values['status']}: better than the marked {titled}, but not finished.")
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
    """Return a note for each seed whose test accuracy is an outlier, far below the other seeds of its row."""
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
                f"{_setting(row)}: seed {known[at][0].spec.seed} is far below the others, with a test accuracy of "
                f"{percent(lowest, 2)}%; the median of {len(values)} seeds is {percent(middle, 2)}%."
            )
    return notes


def _about_data(rows: Sequence[Row], groups: Iterable[Sequence[RunState]]) -> list[str]:
    """Return notes on the datasets, including why a fallback was used and how to get the requested one."""
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
        notes.append("Rows with several seeds show mean ± sample standard deviation (n - 1); n is in the Seeds column.")
    if repeated:
        notes.append(f"Only the newest run of each setting and seed counts; older runs left out: {repeated}.")
    for row in rows:
        done, tested = row.values["epochs_done"], row.values["test_accuracy"]
        if isinstance(done, Spread):
            notes.append(f"{_setting(row)}: stopped early after {done.mean:g} (patience {row.values['patience']}).")
        if isinstance(tested, Spread) and tested.median is not None:
            middle, low, high = (format_value(_TEST_ACCURACY, one) for one in (tested.median, tested.low, tested.high))
            notes.append(f"{_setting(row)}: test accuracy of {tested.n} seeds: median {middle}, range {low} to {high}.")
    finished = [row for row in rows if is_finished(row)]
    if best:
        notes.append("The best value of a column is marked if its lead exceeds the noise (95 %).")
    if len(finished) > 1 and not _is_mixed(rows) and any(row.values["n_seeds"] == 1 for row in finished):
        notes.append("Rows with a single seed are not ranked, because their noise is unknown; train several seeds.")
    notes += _better_but_unfinished(rows, best)
    if len(finished) < len(rows):
        notes.append("Unfinished runs have separate rows and are excluded from means.")
    return tuple(notes)
