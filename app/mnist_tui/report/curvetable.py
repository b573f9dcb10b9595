"""Every epoch and every step of several runs in one table, for other programs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from mnist_tui.core.columns import ELAPSED
from mnist_tui.core.curves import Curves
from mnist_tui.core.state import RunState

PLACE: Final = ("run", "name", "row", "epoch", "step", "seconds")
"""The columns before those of the metrics."""


def curve_rows(runs: Sequence[Curves]) -> Iterator[list[object]]:
    """Yield the heading and the rows: of each run its steps, then its epochs.

    A row says what it is: the numbers of a step, or those of an epoch as a whole, with the training time until then in
    seconds. Numbers of the run as a whole, such as those of a test, are in a last row.
    """
    metrics = list(dict.fromkeys(name for one in runs for name in (*_of_epochs(one.run), *one.names, *one.whole)))
    yield [*PLACE, *metrics]
    for one in runs:
        run = one.run
        who: list[object] = [run.run, run.labels.name]
        for step, values in _steps(one):
            yield [*who, "step", _epoch_at(run, step), step, None, *(values.get(name) for name in metrics)]
        elapsed = run.columns.values(ELAPSED)
        for epoch, seconds in zip(run.history, elapsed, strict=True):
            shown = (epoch.values.get(name) for name in metrics)
            yield [*who, "epoch", epoch.epoch, epoch.step or None, seconds, *shown]
        if whole := one.whole:
            yield [*who, "run", run.epochs_done or None, run.step or None, run.elapsed_s, *map(whole.get, metrics)]


def _of_epochs(run: RunState) -> Iterator[str]:
    return (name for epoch in run.history for name in epoch.values)


def _steps(one: Curves) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield the numbers of each step, in order."""
    series = {name: one.points(name) for name in one.names}
    places = dict.fromkeys(series, 0)
    for step in sorted({step for each in series.values() for step in each.steps}):
        values = {}
        for name, each in series.items():
            if (at := places[name]) < len(each.steps) and each.steps[at] == step:
                values[name] = each.values[at]
                places[name] = at + 1
        yield step, values


def _epoch_at(run: RunState, step: int) -> int | None:
    """Return the epoch that a step belongs to; `None` if the run has none."""
    if not run.history:
        return None
    at = bisect_left(run.history, step, key=lambda epoch: epoch.step)
    return run.history[at].epoch if at < len(run.history) else run.epochs_done + 1
