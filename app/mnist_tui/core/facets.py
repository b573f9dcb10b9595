"""What runs can be grouped, sorted and plotted by: their settings, their results, what they are called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mnist_tui.core.configs import setting_fields
from mnist_tui.core.fields import ALL, LABEL_FIELDS, RESULT_FIELDS, Field, Getter
from mnist_tui.core.filtering import asked
from mnist_tui.core.metrics import student_t_95
from mnist_tui.core.script import is_seed
from mnist_tui.core.state import RunState
from mnist_tui.core.table import Value
from mnist_tui.core.units import Direction, Unit

MIN_FOR_RANKS: Final = 5
"""Runs from which on a rank correlation says anything."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One property of runs.

    Attributes:
        word: Its name for people to type, as in filters.
        key: The key of its column.
        title: Its name on an axis.
        unit: The unit of its numbers.
        get: Returns a run's value; `None` if it has none.
        goal: Which direction is better.
        is_setting: It was chosen before training.
    """

    word: str
    key: str
    title: str
    unit: Unit
    get: Getter
    goal: Direction = Direction.NONE
    is_setting: bool = False

    def number(self, run: RunState) -> float | None:
        """Return a run's value if it is a finite number."""
        value = self.get(run)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if is_number else None  # type: ignore[arg-type]

    def is_numeric(self, runs: Sequence[RunState]) -> bool:
        """Return whether no run has a text here."""
        return not any(isinstance(self.get(run), str) for run in runs)


def facets(runs: Sequence[RunState]) -> dict[str, Facet]:
    """Return what these runs have, by the words to type; settings first, then results, then labels."""
    found = [_of_field(field, is_setting=True) for field in setting_fields(runs) if field.short and field.key != "run"]
    found += [_of_field(field) for field in RESULT_FIELDS if field.word]
    metrics = dict.fromkeys(one for run in runs if run.network is None for one in run.metrics)
    found += [Facet(one.name, one.name, one.name, one.unit, _last(one.name), one.goal) for one in metrics]
    found += [_of_field(field) for field in (ALL["status"], *LABEL_FIELDS) if field.word not in ("id", "note")]
    return {one.word: one for one in found if any(one.get(run) is not None for run in runs)}


def _of_field(field: Field, *, is_setting: bool = False) -> Facet:
    word = field.word or field.name
    return Facet(
        word,
        field.key,
        field.name or field.column.title,
        field.column.unit,
        lambda run: asked(field, run),
        field.column.direction,
        is_setting=is_setting,
    )


def _last(name: str) -> Getter:
    def get(run: RunState) -> Value:
        return run.so_far.last.get(name) if run.so_far is not None else None

    return get


def differing(known: dict[str, Facet], runs: Sequence[RunState]) -> list[Facet]:
    """Return the settings in which runs differ, seeds last."""
    found = [one for one in known.values() if one.is_setting and len({one.get(run) for run in runs} - {None}) > 1]
    return sorted(found, key=lambda one: is_seed(one.word))


def result(known: dict[str, Facet]) -> Facet | None:
    """Return the most important result: the validation accuracy, or whatever else there is."""
    results = [one for one in known.values() if not one.is_setting and one.goal is not Direction.NONE]
    return known.get("val") or next(iter(results), None)


def rank_correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return Spearman's rank correlation, in [-1, 1]; `None` where it cannot be told from 0 at the 5 % level.

    Source: Spearman, The American Journal of Psychology 15 (1904), 72-101; tested as Student's t.
    """
    n = len(pairs)
    if n < MIN_FOR_RANKS:
        return None
    x, y = (_ranks([pair[axis] for pair in pairs]) for axis in (0, 1))
    middle = (n - 1) / 2
    across = math.fsum((a - middle) * (b - middle) for a, b in zip(x, y, strict=True))
    spread = math.sqrt(math.fsum((a - middle) ** 2 for a in x) * math.fsum((b - middle) ** 2 for b in y))
    if not spread:
        return None
    found = max(-1.0, min(1.0, across / spread))
    if abs(found) == 1.0:
        return found
    return found if abs(found) * math.sqrt((n - 2) / (1 - found**2)) > student_t_95(n - 2) else None


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the ranks, from 0; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for at in order[start : end + 1]:
            ranks[at] = (start + end) / 2
        start = end + 1
    return ranks
