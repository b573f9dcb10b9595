"""Runs side by side as rows of text, the same in the app and on the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.core.compare import difference, differing_settings, has_target, reached
from mnist_tui.core.metric import is_dull
from mnist_tui.core.state import RunState
from mnist_tui.report.formatting import (
    NOTHING,
    format_duration,
    format_percent,
    format_points,
    format_seconds,
    printable,
    status_text,
)
from mnist_tui.report.measures import best_of, format_change, format_metric, label_of, ranked, value_of


@dataclass(frozen=True, slots=True)
class SideRow:
    """One row: a title and a text per run.

    Attributes:
        title: Name of the setting or result.
        cells: One per run, the baseline first.
        is_setting: True for a setting, False for a result.
    """

    title: str
    cells: tuple[str, ...]
    is_setting: bool = False


def side_by_side(runs: Sequence[RunState], target: float) -> list[SideRow]:
    """Return the rows that compare runs; the first run is the baseline.

    Args:
        runs: At least one run, with its epochs loaded.
        target: Validation accuracy for the row with the time to reach it.
    """
    settings = [SideRow(title, tuple(map(printable, texts)), True) for title, texts in differing_settings(runs)]
    results = [run.result for run in runs]
    if any(run.network is None for run in runs):
        return [
            *settings,
            SideRow("Status", tuple(status_text(run.status) for run in runs)),
            *_metric_rows(runs),
            SideRow("Total Training Time", tuple(format_duration(run.elapsed_s) for run in runs)),
            *(_until_row(target, runs) if any(map(has_target, runs)) else ()),
        ]
    return [
        *settings,
        SideRow("Status", tuple(status_text(run.status) for run in runs)),
        _accuracy_row("Last Val Accuracy", runs, [r.last_val_accuracy if r else None for r in results], "n_validation"),
        _accuracy_row("Best Val Accuracy", runs, [r.best_val_accuracy if r else None for r in results], "n_validation"),
        _accuracy_row("Test Accuracy", runs, [r.test_accuracy if r else None for r in results], "n_test"),
        SideRow("Total Training Time", tuple(format_duration(run.elapsed_s) for run in runs)),
        SideRow("Last Epoch Time", tuple(format_seconds(run.last.epoch_s if run.last else None) for run in runs)),
        *_until_row(target, runs),
    ]


def _until_row(target: float, runs: Sequence[RunState]) -> list[SideRow]:
    cells = []
    for run in runs:
        at = reached(run, target)
        never = "never" if has_target(run) else NOTHING
        cells.append(f"epoch {at[0]}, {format_duration(at[1])}" if at else never)
    return [SideRow(f"Until {format_percent(target, 0)} val", tuple(cells))]


def _metric_rows(runs: Sequence[RunState]) -> list[SideRow]:
    """Return the last and best value of each metric, with the difference from the baseline."""
    known = {(one.quantity, one.split): one for run in runs for one in ranked(run) if not is_dull(one.quantity)}
    rows = []
    for role, shown in known.items():
        alike = [next((one for one in run.metrics if (one.quantity, one.split) == role), None) for run in runs]
        for word, get in (("Last", value_of), ("Best", best_of)):
            values = [get(run, one) if one is not None else None for run, one in zip(runs, alike, strict=True)]
            if all(value is None for value in values):
                continue
            changes = ["", *(format_change(shown, values[0], value) for value in values[1:])]
            cells = (f"{format_metric(shown, v)} {c}".strip() for v, c in zip(values, changes, strict=True))
            rows.append(SideRow(f"{word} {label_of(shown)}", tuple(cells)))
    return rows


def _accuracy_row(title: str, runs: Sequence[RunState], values: Sequence[float | None], images: str) -> SideRow:
    cells = []
    for run, value in zip(runs, values, strict=True):
        text = format_percent(value)
        counted = getattr(run.dataset, images) if run.dataset is not None else 0
        against = difference(value, values[0], counted) if run is not runs[0] and counted else None
        if against is not None:
            text += f" {format_points(against.points)} ({format_points(against.low)}…{format_points(against.high)})"
        cells.append(text if value is not None else NOTHING)
    return SideRow(title, tuple(cells))
