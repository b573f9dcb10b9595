"""The comparison table: its columns and rows, and how its values are formatted. `core.comparison` builds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from mnist_tui.core.events import SCHEMA
from mnist_tui.core.metrics import Spread
from mnist_tui.core.numerals import fixed, percent, time_digits
from mnist_tui.core.status import Status
from mnist_tui.core.units import Direction, Unit

T = TypeVar("T")
FORMATS: Final = ("md", "csv", "json", "tex", "html")
"""Export formats of the table, by file extension."""
STATISTICS: Final = ("std", "median", "min", "max")
"""Statistics exported next to a mean, as in `<key>_std`, if there are enough values."""

Value: TypeAlias = Spread | float | str | None
"""What a cell holds: a mean with its spread, a setting, a word, or nothing."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        key: Key in exports, ending in the unit if it has one.
        title: Display name.
        unit: Accuracies are fractions; times are seconds.
        direction: Whether higher or lower values are better.
        meaning: One sentence for help and exports.
        images: Part of the data that an accuracy was measured on, for its confidence interval.
        always: False for columns shown only if rows differ in them.
        if_any: True for columns shown if any row has a value.
    """

    key: str
    title: str
    unit: Unit
    direction: Direction
    meaning: str
    images: str = ""
    always: bool = True
    if_any: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: a mean over its finished runs, or one run that did not finish.

    Attributes:
        runs: Ids of the runs behind it.
        values: By column key, in the order of the columns: a `Spread` for measured columns, a plain value for
            settings, `None` where unknown.
        images: Number of images per part, for confidence intervals of accuracies.
    """

    runs: tuple[str, ...]
    values: dict[str, Value]
    images: dict[str, int]

    def number(self, key: str) -> float | None:
        """Return the value to sort by: the mean, or the setting itself."""
        value = self.values.get(key)
        if isinstance(value, Spread):
            return value.mean
        return None if isinstance(value, str) or value is None else float(value)


@dataclass(frozen=True, slots=True)
class ComparisonTable:
    """Rows and the columns worth showing.

    Attributes:
        columns: The report's columns first, then the others; settings only where rows differ in them.
        rows: In the order of epochs and features.
        best: The keys (row index, column key) of values that lead by more than the noise.
        footnotes: Notes needed to interpret the table.
        every: All columns, for machines.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    best: frozenset[tuple[int, str]]
    footnotes: tuple[str, ...]
    every: tuple[Column, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the `comparison` record: means, with the available ones of `STATISTICS`."""
        return {"type": "comparison", "schema": SCHEMA, "rows": [_row_to_json(row) for row in self.rows]}


def is_finished(row: Row) -> bool:
    """Return True for a mean over finished runs, False for a run that ended otherwise."""
    return row.values["status"] == str(Status.FINISHED)


def format_value(column: Column, value: Value) -> str:
    """Return a value as display text: `47.94%`, `48.78 ± 2.01%`, `24.44 s`, `–` for none."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    mean, std = (value.mean, value.std) if isinstance(value, Spread) else (value, None)
    if not math.isfinite(mean):
        return fixed(mean, 0)
    match column.unit:
        case Unit.FRACTION:
            return f"{percent(mean, 2)}{_plus_minus(std, 100, 2)}%"
        case Unit.PERCENT:
            return f"{percent(mean / 100, 2)}{_plus_minus(std, 1, 2)}%"
        case Unit.SECONDS:
            digits = 0 if column.key == "total_training_time_s" and mean >= 100 else time_digits(mean)
            return f"{fixed(mean, digits)}{_plus_minus(std, 1, digits)} s"
        case Unit.LOSS:
            if not isinstance(value, Spread):
                return f"{mean:g}"
            return f"{fixed(mean, 4)}{_plus_minus(std, 1, 4)}"
        case _:
            return f"{mean:,.0f}"


def _plus_minus(std: float | None, scale: float, digits: int) -> str:
    return "" if std is None else f" ± {fixed(scale * std, digits)}"


def _row_to_json(row: Row) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for key, value in row.values.items():
        if isinstance(value, Spread):
            record[key] = value.mean
            for statistic, number in zip(STATISTICS, (value.std, value.median, value.low, value.high), strict=True):
                if number is not None:
                    record[f"{key}_{statistic}"] = number
        else:
            record[key] = value
    record["runs"] = list(row.runs)
    return record


def sort_rows(rows: Sequence[T], key: Callable[[T], Any], *, reverse: bool) -> list[T]:
    """Return rows sorted by `key`, those without a value last in either direction."""
    known = [row for row in rows if key(row) is not None]
    unknown = [row for row in rows if key(row) is None]
    return sorted(known, key=key, reverse=reverse) + unknown
