"""The curves of one run: training and validation, smoothed or not, with their values at the cursor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from mnist_tui.core.events import EpochDone
from mnist_tui.core.state import RunState
from mnist_tui.report.charts import Chart, Marker
from mnist_tui.report.chartview import ChartView, Scale, Smoothing, XAxis, nearest
from mnist_tui.report.formatting import format_loss, format_percent
from mnist_tui.report.marks import marks_of, told_at
from mnist_tui.report.points import Series
from mnist_tui.report.xaxis import MIN_STEPS, limits, places, steps_per_epoch

TRAIN_INK: Final = 0
VALIDATION_INK: Final = 1
STEPS_INK: Final = 7
"""Grey, because the value of this epoch is not final."""
MARK_INKS: Final = (2, 3, 4, 5, 6, 8, 9, 0)
"""Colour of each slot of marked runs; the colours of training and validation are avoided until the last slot."""
NOW_WEIGHT: Final = 0.3
"""Weight of the newest value when smoothing the loss within an epoch."""


@dataclass(frozen=True, slots=True)
class Metric:
    """The metric that a chart shows.

    Attributes:
        name: `accuracy` or `loss`, as in the events.
        text: Formats a value.
        titles: Chart title for each scale.
        best: Gets the epoch with the best validation value.
    """

    name: str
    text: Callable[[float], str]
    titles: Mapping[Scale, str]
    best: Callable[[RunState], EpochDone | None]

    @property
    def percent(self) -> bool:
        """True if values are fractions shown as percentages."""
        return self.name == "accuracy"

    def shown(self, value: float, scale: Scale) -> float | None:
        """Return a value on this scale, or `None` (a gap) if it is not finite: NaN would make equal charts differ."""
        if not math.isfinite(value):
            return None
        return 1.0 - value if self.percent and scale is Scale.ERROR_LOG else value

    def told(self, value: float, scale: Scale) -> str:
        """Return the value as text."""
        shown = self.shown(value, scale)
        return self.text(math.nan if shown is None else shown)


ACCURACY: Final = Metric(
    "accuracy",
    format_percent,
    {
        Scale.LINEAR: "Accuracy",
        Scale.ERROR_LOG: "Error (log)",
        Scale.LOG: "Accuracy (log)",
        Scale.FULL: "Accuracy (0 to 100%)",
    },
    attrgetter("best"),
)
_LOSS: Final = Metric(
    "loss",
    format_loss,
    {Scale.LINEAR: "Loss", Scale.ERROR_LOG: "Loss (log)", Scale.LOG: "Loss (log)", Scale.FULL: "Loss (from 0)"},
    attrgetter("lowest_loss"),
)


def accuracy_chart(run: RunState | None, look: ChartView, beside: Mapping[int, RunState] | None = None) -> Chart:
    """Return the chart of training and validation accuracy (or error).

    Args:
        run: The run, with its epochs.
        look: View settings.
        beside: Marked runs by slot; their validation curves are drawn dashed.
    """
    return _chart(run, look, ACCURACY, beside or {})


def loss_chart(run: RunState | None, look: ChartView, beside: Mapping[int, RunState] | None = None) -> Chart:
    """Return the chart of training and validation loss, including the epoch in progress; arguments as above."""
    return _chart(run, look, _LOSS, beside or {})


def _chart(run: RunState | None, look: ChartView, metric: Metric, beside: Mapping[int, RunState]) -> Chart:
    x = places(run, look.x) if run is not None else []
    whole = limits(run, look.x)
    view = look.view(whole, x[-1] if x else whole[1])
    curves: list[Series] = []
    for slot, other in beside.items():
        line = Series(f"●{slot + 1}", (), (), MARK_INKS[slot], dashed=True)
        curves += drawn(other, "val", line, look, metric, view)[-1:]
    curves += _steps(run, look, metric, view)
    for part, ink, thick in (("train", TRAIN_INK, False), ("val", VALIDATION_INK, True)):
        line = Series(part, (), (), ink, thick=thick)
        curves += drawn(run, part, line, look, metric, view) if run is not None else [line]
    best = metric.best(run) if run is not None else None
    note = "" if x or metric is _LOSS else "no epoch yet"
    marks: tuple[Marker, ...] = ()
    if run is not None:
        marks = marks_of(run, look, x)
    if best is not None:
        value: float = getattr(best, f"val_{metric.name}")
        marks += (Marker(x[best.epoch - 1], "★", metric.shown(value, look.scale), VALIDATION_INK),)
        note = f"★ {metric.told(value, look.scale)} @{best.epoch}"
    if look.cursor is not None and run is not None and x:
        note = told_at(run, look, x)
    return Chart(
        title=metric.titles[look.scale],
        series=tuple(curves),
        x_limits=view,
        x_unit=look.x.value,
        log_y=look.scale in (Scale.ERROR_LOG, Scale.LOG),
        percent=metric.percent,
        y_limits=_full(metric, run) if look.scale is Scale.FULL else None,
        note=note,
        marks=marks,
        cursor=look.cursor,
        dots=look.dots,
    )


def _full(metric: Metric, run: RunState | None) -> tuple[float, float]:
    if metric.percent or run is None:
        return 0.0, 1.0
    values = [value for part in ("train", "val") for value in run.columns.highest(f"{part}_{metric.name}")]
    return 0.0, max(values, default=1.0) or 1.0


def drawn(
    run: RunState, part: str, line: Series, look: ChartView, metric: Metric, view: tuple[float, float]
) -> list[Series]:
    """Return a curve of a run, plus its moving average if smoothed, cut to the visible range and thinned.

    Args:
        run: The run, with its epochs.
        part: `train` or `val`.
        line: Line style. If it has no note, it gets its value at the cursor, or else its newest value.
        look: View settings.
        metric: What is drawn.
        view: Visible range of x.
    """
    columns, name, x = run.columns, f"{part}_{metric.name}", places(run, look.x)
    if not x:
        return [line]
    at = len(x) - 1 if look.cursor is None else nearest(x, look.cursor)
    line = replace(line, note=line.note or metric.told(columns.values(name)[at], look.scale))
    low, high = in_view(x, view)

    def curve(smoothing: float) -> Series:
        values = columns.values(name, smoothing)
        kept = columns.kept(name, low, high, smoothing)
        y = tuple(metric.shown(values[i], look.scale) for i in kept)
        return replace(line, x=tuple(x[i] for i in kept), y=y)

    if look.smoothing is Smoothing.NONE or len(x) < MIN_STEPS:
        return [curve(0.0)]
    return [replace(curve(0.0), name="", thick=False, dim=True), curve(look.smoothing.value)]


def in_view(x: Sequence[float], view: tuple[float, float]) -> tuple[int, int]:
    """Return the index range (start, stop) of the visible points plus one on each side."""
    if view[0] <= x[0] and x[-1] <= view[1]:
        return 0, len(x)
    return max(0, nearest(x, view[0]) - 1), min(nearest(x, view[1]) + 2, len(x))


def _steps(run: RunState | None, look: ChartView, metric: Metric, view: tuple[float, float]) -> list[Series]:
    """Return the smoothed loss within the epoch in progress, or nothing while it has too few points."""
    if metric is not _LOSS or run is None or len(run.steps) < MIN_STEPS or look.x is XAxis.SECONDS:
        return []
    smooth = run.steps[0][1]
    values = []
    for _, loss in run.steps:
        smooth += NOW_WEIGHT * (loss - smooth)
        values.append(smooth)
    unit = steps_per_epoch(run) if look.x is XAxis.STEPS else 1.0
    x = [place * unit for place, _ in run.steps]
    at = len(x) - 1 if look.cursor is None else nearest(x, look.cursor)
    low, high = in_view(x, view)
    y = tuple(metric.shown(value, look.scale) for value in values[low:high])
    return [Series("now", tuple(x[low:high]), y, STEPS_INK, note=metric.told(values[at], look.scale))]
