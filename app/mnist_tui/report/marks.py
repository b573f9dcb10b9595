"""Markers on the x axis for what happened to a run: pauses, resumes, changed settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mnist_tui.core.events import EpochsChanged, RunContinued, RunPaused
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.report.charts import Marker
from mnist_tui.report.chartview import ChartView, XAxis, nearest
from mnist_tui.report.formatting import format_duration
from mnist_tui.report.xaxis import limits


def marks_of(run: RunState, look: ChartView, x: Sequence[float]) -> tuple[Marker, ...]:
    """Return a marker for each event in the history of a run."""
    ends = [limits(run, look.x)[0] if look.x is XAxis.EPOCHS else 0.0, *x]

    def inside(epoch: int) -> float:
        """Return the middle of an epoch, or its start if it has not ended."""
        before = ends[min(epoch - 1, len(ends) - 1)]
        return (before + ends[epoch]) / 2 if epoch < len(ends) else before

    marks = []
    for mark in run.marks:
        match mark:
            case RunPaused():
                marks.append(Marker(inside(mark.epoch), "‖"))
            case RunContinued():
                marks.append(Marker(ends[min(mark.epoch, len(ends) - 1)], "↻"))
            case EpochsChanged():
                marks.append(Marker(inside(mark.epoch), "±"))
    # Where an epoch that has not begun yet will begin is unknown.
    used = [epoch for epoch, _ in run.rates if run.network is None or epoch <= len(ends)]
    marks += [Marker(ends[min(epoch - 1, len(ends) - 1)], "λ") for epoch in used]
    if run.status is Status.DIVERGED:
        marks.append(Marker(ends[-1], "✖"))
    return tuple(marks)


MARK_MEANINGS: Final = {
    "★": "best epoch",
    "‖": "paused",
    "↻": "resumed in another process",
    "±": "number of epochs changed",
    "λ": "learning rate changed",
    "✖": "diverged",
}
"""Meaning of each chart marker, for the help."""


def told_at(run: RunState, look: ChartView, x: Sequence[float]) -> str:
    """Describe the position of the cursor."""
    epoch = nearest(x, look.cursor or 0.0) + 1
    more = {
        XAxis.EPOCHS: "",
        XAxis.SECONDS: f", {format_duration(x[epoch - 1])}",
        XAxis.STEPS: f", step {x[epoch - 1]:,.0f}",
    }
    happened = [
        MARK_MEANINGS[mark.sign]
        for mark in marks_of(run, look, x)
        if mark.sign != "★" and nearest(x, mark.x) + 1 == epoch
    ]
    return ", ".join([f"epoch {epoch}{more[look.x]}", *dict.fromkeys(happened)])
