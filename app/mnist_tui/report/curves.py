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
"""Grey: it is only on its way to the next point."""
MARK_INKS: Final = (2, 3, 4, 5, 6, 8, 9, 0)
"""The ink of each slot of marked runs: others than those of training and validation, as long as there are any."""
NOW_WEIGHT: Final = 0.3
"""Weight of the newest value in the curve inside an epoch."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What a chart is about.

    Attributes:
        name: `accuracy` or `loss`, as in the events.
        text: How a value is written.
        titles: By scale.
        best: The epoch with the best validation.
    """

    name: str
    text: Callable[[float], str]
    titles: Mapping[Scale, str]
    best: Callable[[RunState], EpochDone | None]

    @property
    def percent(self) -> bool:
        """True where values are fractions, shown in per cent."""
        return self.name == "accuracy"

    def shown(self, value: float, scale: Scale) -> float | None:
        """Return a value as the scale shows it; a gap for what cannot be drawn, as a NaN makes equal charts differ."""
        if not math.isfinite(value):
            return None
        return 1.0 - value if self.percent and scale is Scale.ERROR_LOG else value

    def told(self, value: float, scale: Scale) -> str:
        """Return it in words."""
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
    """Return training and validation accuracy, or error.

    Args:
        run: The run, with its epochs.
        look: How it is looked at.
        beside: Marked runs whose validation is drawn dashed, by their slot.
    """
    return _chart(run, look, ACCURACY, beside or {})


def loss_chart(run: RunState | None, look: ChartView, beside: Mapping[int, RunState] | None = None) -> Chart:
    """Return training and validation loss, and that inside the epoch in progress; arguments as above."""
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
    """Return a curve of a run, or its moving mean in front of it; what is in view and no more points than are seen.

    Args:
        run: The run, with its epochs.
        part: `train` or `val`.
        line: How it is drawn. Without a note it gets one: its value at the cursor, else its newest one.
        look: How it is looked at.
        metric: What is drawn.
        view: From where to where x is in view.
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
    """Return from which to before which index points are in view, and one on each side."""
    if view[0] <= x[0] and x[-1] <= view[1]:
        return 0, len(x)
    return max(0, nearest(x, view[0]) - 1), min(nearest(x, view[1]) + 2, len(x))


def _steps(run: RunState | None, look: ChartView, metric: Metric, view: tuple[float, float]) -> list[Series]:
    """Return the smoothed loss inside the epoch in progress; none while that is too short to be seen."""
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
