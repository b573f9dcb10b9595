"""The curves of one run: training and validation, smoothed or not, with their values at the cursor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from mnist_tui.core.events import EpochDone
from mnist_tui.core.state import RunState
from mnist_tui.report.charts import Chart, Mark
from mnist_tui.report.look import Look, Scale, Smoothing, XAxis, nearest
from mnist_tui.report.marks import marks_of, told_at
from mnist_tui.report.points import Series
from mnist_tui.report.words import format_loss, format_percent
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

    def values(self, history: Sequence[EpochDone], part: str, scale: Scale) -> list[float]:
        """Return the values of a part, `train` or `val`, as the scale shows them."""
        values = list(map(attrgetter(f"{part}_{self.name}"), history))
        return [1.0 - value for value in values] if self.percent and scale is Scale.ERROR_LOG else values


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
    lambda run: _lowest_loss(run),
)


def accuracy_chart(run: RunState | None, look: Look, beside: Mapping[int, RunState] | None = None) -> Chart:
    """Return training and validation accuracy, or error.

    Args:
        run: The run, with its epochs.
        look: How it is looked at.
        beside: Marked runs whose validation is drawn dashed, by their slot.
    """
    return _chart(run, look, ACCURACY, beside or {})


def loss_chart(run: RunState | None, look: Look, beside: Mapping[int, RunState] | None = None) -> Chart:
    """Return training and validation loss, and that inside the epoch in progress; arguments as above."""
    return _chart(run, look, _LOSS, beside or {})


def _chart(run: RunState | None, look: Look, metric: Metric, beside: Mapping[int, RunState]) -> Chart:
    history = run.history if run is not None else []
    x = places(run, look.x) if run is not None else []
    whole = limits(run, look.x)
    view = look.view(whole, x[-1] if x else whole[1])
    curves: list[Series] = []
    for slot, other in beside.items():
        values = metric.values(other.history, "val", look.scale)
        line = Series(f"●{slot + 1}", tuple(places(other, look.x)), finite(values), MARK_INKS[slot], dashed=True)
        curves += smoothed(noted(line, look, metric), look)[-1:]
    curves += [noted(curve, look, metric) for curve in _steps(run, look, metric)]
    for part, ink, thick in (("train", TRAIN_INK, False), ("val", VALIDATION_INK, True)):
        values = metric.values(history, part, look.scale)
        curve = Series(part, tuple(x), finite(values), ink, thick=thick)
        curves += smoothed(noted(curve, look, metric), look)
    best = metric.best(run) if run is not None else None
    note = "" if history or metric is _LOSS else "no epoch yet"
    marks: tuple[Mark, ...] = ()
    if run is not None:
        marks = marks_of(run, look, x)
    if best is not None:
        (value,) = metric.values([best], "val", look.scale)
        marks += (Mark(x[best.epoch - 1], "★", value, VALIDATION_INK),)
        note = f"★ {metric.text(value)} @{best.epoch}"
    if look.cursor is not None and run is not None and x:
        note = told_at(run, look, x)
    return Chart(
        title=metric.titles[look.scale],
        series=tuple(in_view(curves, view)),
        x_limits=view,
        x_unit=look.x.value,
        log_y=look.scale in (Scale.ERROR_LOG, Scale.LOG),
        percent=metric.percent,
        y_limits=_full(metric, history) if look.scale is Scale.FULL else None,
        note=note,
        marks=marks,
        cursor=look.cursor,
        dots=look.dots,
    )


def _lowest_loss(run: RunState) -> EpochDone | None:
    finite = [e for e in run.history if math.isfinite(e.val_loss)]
    return min(finite, key=attrgetter("val_loss"), default=None)


def _full(metric: Metric, history: Sequence[EpochDone]) -> tuple[float, float]:
    if metric.percent:
        return 0.0, 1.0
    values = [value for e in history for value in (e.train_loss, e.val_loss) if math.isfinite(value)]
    return 0.0, max(values, default=1.0) or 1.0


def noted(curve: Series, look: Look, metric: Metric) -> Series:
    """Return a curve whose note is its value at the cursor, else its newest one; called before it is smoothed."""
    if not curve.x:
        return curve
    at = len(curve.x) - 1 if look.cursor is None else nearest(curve.x, look.cursor)
    value = curve.y[at]
    return replace(curve, note=metric.text(math.nan if value is None else value))


def smoothed(curve: Series, look: Look) -> list[Series]:
    """Return a curve, or its moving mean in front of it: the older a value, the less it weighs."""
    if look.smoothing is Smoothing.NONE or len(curve.x) < MIN_STEPS:
        return [curve]
    weight, mean, total = look.smoothing.value, 0.0, 0.0
    values: list[float | None] = []
    for value in curve.y:
        if value is None:
            values.append(None)
            continue
        mean, total = weight * mean + (1 - weight) * value, weight * total + (1 - weight)
        values.append(mean / total)
    return [replace(curve, name="", thick=False, dim=True), replace(curve, y=tuple(values))]


def in_view(curves: Sequence[Series], view: tuple[float, float]) -> list[Series]:
    """Cut curves to what is in view, and one point on each side of it."""
    return [_cut(curve, view) for curve in curves]


def _cut(curve: Series, view: tuple[float, float]) -> Series:
    if not curve.x or (view[0] <= curve.x[0] and curve.x[-1] <= view[1]):
        return curve
    low = max(0, nearest(curve.x, view[0]) - 1)
    high = nearest(curve.x, view[1]) + 2
    return replace(curve, x=curve.x[low:high], y=curve.y[low:high])


def _steps(run: RunState | None, look: Look, metric: Metric) -> list[Series]:
    """Return the smoothed loss inside the epoch in progress; none while that is too short to be seen."""
    if metric is not _LOSS or run is None or len(run.steps) < MIN_STEPS or look.x is XAxis.SECONDS:
        return []
    smooth = run.steps[0][1]
    values = []
    for _, loss in run.steps:
        smooth += NOW_WEIGHT * (loss - smooth)
        values.append(smooth)
    unit = steps_per_epoch(run) if look.x is XAxis.STEPS else 1.0
    return [Series("now", tuple(x * unit for x, _ in run.steps), finite(values), STEPS_INK)]


def finite(values: Sequence[float]) -> tuple[float | None, ...]:
    """Return gaps for what cannot be drawn; a NaN would also make equal charts differ."""
    if all(map(math.isfinite, values)):
        return tuple(values)
    return tuple(value if math.isfinite(value) else None for value in values)
