"""Summarises the epochs of a run incrementally: only new ones are looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Self

from mnist_tui.core.events import EpochDone, MetricDeclared
from mnist_tui.core.metric import Metric, metric, size_of, with_twins
from mnist_tui.core.units import Direction

BUILT_IN: Final = tuple(map(metric, ("train_accuracy", "val_accuracy", "train_loss", "val_loss")))
"""The metrics of the built-in network."""
VAL_ACCURACY: Final = BUILT_IN[1]


def best_epoch(history: Sequence[EpochDone]) -> EpochDone | None:
    """Return the first epoch with the highest validation accuracy; epochs with non-finite numbers do not count."""
    finite = [e for e in history if all(map(math.isfinite, (e.val_accuracy, e.val_loss, e.train_loss)))]
    return max(finite, key=lambda e: (e.val_accuracy, -e.epoch), default=None)


class Summary:
    """The best epochs of a run, and what its numbers mean."""

    def __init__(self) -> None:
        self._seen: Sequence[EpochDone] = ()
        self._best: dict[tuple[str, Direction], tuple[int, EpochDone | None]] = {}
        self._by_accuracy: tuple[int, EpochDone | None] = (0, None)
        self._largest: dict[str, float] = {}
        self._looked_at = 0
        self._metrics: tuple[object, tuple[Metric, ...]] = (None, ())

    def of(self, history: Sequence[EpochDone]) -> Self:
        """Bind it to an append-only history."""
        if history is not self._seen:
            self._seen, self._best, self._largest, self._looked_at = history, {}, {}, 0
            self._by_accuracy = (0, None)
        return self

    @property
    def by_accuracy(self) -> EpochDone | None:
        """See `best_epoch`."""
        count, best = self._by_accuracy
        for epoch in self._seen[count:]:
            best = best_epoch([epoch] if best is None else [best, epoch])
        self._by_accuracy = len(self._seen), best
        return best

    def best(self, name: str, goal: Direction) -> EpochDone | None:
        """Return the first epoch with the best finite value of a number; `None` without a goal or a value."""
        if goal is Direction.NONE:
            return None
        count, best = self._best.get((name, goal), (0, None))
        sign = 1 if goal is Direction.HIGHER else -1
        for epoch in self._seen[count:]:
            value = sign * epoch.value(name)
            if math.isfinite(value) and (best is None or value > sign * best.value(name)):
                best = epoch
        self._best[name, goal] = len(self._seen), best
        return best

    def metrics(self, more: Mapping[str, float], declared: Mapping[str, MetricDeclared]) -> tuple[Metric, ...]:
        """Return what the numbers of the epochs mean, in the order in which they appeared.

        Args:
            more: Further numbers.
            declared: What the script has said about them, by name.
        """
        for epoch in self._seen[self._looked_at :]:
            _widen(self._largest, epoch.values)
        self._looked_at = len(self._seen)
        largest = dict(self._largest)
        _widen(largest, more)
        key = tuple(largest), tuple(map(size_of, largest.values())), tuple(declared.values())
        if key != self._metrics[0]:
            known = (metric(name, largest=value) for name, value in largest.items())
            self._metrics = key, with_twins(_declared(one, declared.get(one.name)) for one in known)
        return self._metrics[1]


def _widen(largest: dict[str, float], values: Mapping[str, float]) -> None:
    for name, value in values.items():
        known = largest.setdefault(name, 0.0)
        if abs(value) > known and math.isfinite(value):
            largest[name] = abs(value)


def _declared(one: Metric, said: MetricDeclared | None) -> Metric:
    if said is None:
        return one
    return replace(
        one,
        goal=one.goal if said.goal is None else said.goal,
        unit=one.unit if said.unit is None else said.unit,
    )
