"""Which curves a run has, and what they say at the cursor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import attrgetter
from typing import Final

from mnist_tui.core.events import EpochDone, EpochsChanged, RunContinued, RunPaused, Status
from mnist_tui.core.metrics import RECENT
from mnist_tui.core.state import RunState
from mnist_tui.report.charts import Chart, Mark
from mnist_tui.report.look import Look, Scale, Smoothing, XAxis, nearest
from mnist_tui.report.points import Series
from mnist_tui.report.words import format_duration, format_loss, format_percent

TRAIN_INK: Final = 0
VALIDATION_INK: Final = 1
STEPS_INK: Final = 7
"""Grey: it is only on its way to the next point."""
MARK_INKS: Final = (2, 3, 4, 5, 6, 8, 9, 0)
"""The ink of each slot of marked runs: others than those of training and validation, as long as there are any."""
MIN_STEPS: Final = 3
NOW_WEIGHT: Final = 0.3
"""Weight of the newest value in the curve inside an epoch."""
EMPTY_EPOCHS: Final = 10
"""What the axis shows before there is a run."""


@dataclass(frozen=True, slots=True)
class _Metric:
    """What a chart is about.

    Attributes:
        name: `accuracy` or `loss`, as in the events.
        text: How a value is written.
        titles: By scale.
        best: Picks the best value.
    """

    name: str
    text: Callable[[float], str]
    titles: Mapping[Scale, str]
    best: Callable[..., EpochDone | None]

    @property
    def percent(self) -> bool:
        return self.name == "accuracy"

    def values(self, history: Sequence[EpochDone], part: str, scale: Scale) -> list[float]:
        """Return the values of a part, `train` or `val`, as the scale shows them."""
        values = list(map(attrgetter(f"{part}_{self.name}"), history))
        return [1.0 - value for value in values] if self.percent and scale is Scale.ERROR_LOG else values


_ACCURACY: Final = _Metric(
    "accuracy",
    format_percent,
    {
        Scale.LINEAR: "Accuracy",
        Scale.ERROR_LOG: "Error (log)",
        Scale.LOG: "Accuracy (log)",
        Scale.FULL: "Accuracy (0 to 100%)",
    },
    max,
)
_LOSS: Final = _Metric(
    "loss",
    format_loss,
    {Scale.LINEAR: "Loss", Scale.ERROR_LOG: "Loss (log)", Scale.LOG: "Loss (log)", Scale.FULL: "Loss (from 0)"},
    min,
)


def accuracy_chart(run: RunState | None, look: Look, beside: Mapping[int, RunState] | None = None) -> Chart:
    """Return training and validation accuracy, or error.

    Args:
        run: The run, with its epochs.
        look: How it is looked at.
        beside: Marked runs whose validation is drawn dashed, by their slot.
    """
    return _chart(run, look, _ACCURACY, beside or {})


def loss_chart(run: RunState | None, look: Look, beside: Mapping[int, RunState] | None = None) -> Chart:
    """Return training and validation loss, and that inside the epoch in progress; arguments as above."""
    return _chart(run, look, _LOSS, beside or {})


def places(run: RunState, x: XAxis) -> list[float]:
    """Return the x of each finished epoch: its number, the seconds or the steps since the beginning."""
    match x:
        case XAxis.EPOCHS:
            return [float(e.epoch) for e in run.history]
        case XAxis.SECONDS:
            return list(accumulate(e.epoch_s for e in run.history))
        case _:
            return [e.epoch * _steps_per_epoch(run) for e in run.history]


def limits(run: RunState | None, x: XAxis) -> tuple[float, float]:
    """Return the whole x axis of a run: from its first point to where its last epoch will end."""
    if run is None:
        return 1.0, float(EMPTY_EPOCHS)
    first, last = 0.0 if has_only_steps(run) else 1.0, float(max(run.epochs, len(run.history)))
    match x:
        case XAxis.EPOCHS:
            return first, last
        case XAxis.STEPS:
            return first * _steps_per_epoch(run), last * _steps_per_epoch(run)
        case _:
            times = places(run, x)
            recent = [e.epoch_s for e in run.history[-RECENT:]]
            to_go = 0.0 if run.status.is_over else last - len(times)
            return 0.0, (times[-1] if times else 0.0) + to_go * (math.fsum(recent) / len(recent) if recent else 1.0)


def _steps_per_epoch(run: RunState) -> float:
    return float(math.ceil(run.dataset.n_train / run.spec.batch_size)) if run.dataset is not None else 1.0


def _chart(run: RunState | None, look: Look, metric: _Metric, beside: Mapping[int, RunState]) -> Chart:
    history = run.history if run is not None else []
    x = places(run, look.x) if run is not None else []
    whole = limits(run, look.x)
    view = look.view(whole, x[-1] if x else whole[1])
    curves: list[Series] = []
    for slot, other in beside.items():
        values = metric.values(other.history, "val", look.scale)
        line = Series(f"●{slot + 1}", tuple(places(other, look.x)), _finite(values), MARK_INKS[slot], dashed=True)
        curves += _smoothed(line, look)[-1:]
    curves += _steps(run, look, metric)
    for part, ink, thick in (("train", TRAIN_INK, False), ("val", VALIDATION_INK, True)):
        values = metric.values(history, part, look.scale)
        curves += _smoothed(Series(part, tuple(x), _finite(values), ink, thick=thick), look)
    best = _best(history, metric)
    note = "" if history or metric is _LOSS else "no epoch yet"
    marks: tuple[Mark, ...] = ()
    if run is not None:
        marks = _marks(run, look, x)
    if best is not None:
        (value,) = metric.values([best], "val", look.scale)
        marks += (Mark(x[best.epoch - 1], "★", value, VALIDATION_INK),)
        note = f"★ {metric.text(value)} @{best.epoch}"
    if look.cursor is not None and run is not None and x:
        note = _at(run, look, x)
    return Chart(
        title=metric.titles[look.scale],
        series=tuple(_noted(curve, look, metric) for curve in _in_view(curves, view)),
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


def _best(history: Sequence[EpochDone], metric: _Metric) -> EpochDone | None:
    value = attrgetter(f"val_{metric.name}")
    finite = [e for e in history if math.isfinite(value(e))]
    return metric.best(finite, key=value, default=None)


def _full(metric: _Metric, history: Sequence[EpochDone]) -> tuple[float, float]:
    if metric.percent:
        return 0.0, 1.0
    values = [value for e in history for value in (e.train_loss, e.val_loss) if math.isfinite(value)]
    return 0.0, max(values, default=1.0) or 1.0


def _marks(run: RunState, look: Look, x: Sequence[float]) -> tuple[Mark, ...]:
    """Return what happened to a run, on the axis."""
    ends = [limits(run, look.x)[0] if look.x is XAxis.EPOCHS else 0.0, *x]

    def inside(epoch: int) -> float:
        """Return the middle of an epoch, or its beginning when it has no end yet."""
        before = ends[min(epoch - 1, len(ends) - 1)]
        return (before + ends[epoch]) / 2 if epoch < len(ends) else before

    marks = []
    for mark in run.marks:
        match mark:
            case RunPaused():
                marks.append(Mark(inside(mark.epoch), "‖"))
            case RunContinued():
                marks.append(Mark(ends[min(mark.epoch, len(ends) - 1)], "↻"))
            case EpochsChanged():
                marks.append(Mark(inside(mark.epoch), "±"))
    marks += [Mark(ends[min(epoch - 1, len(ends) - 1)], "λ") for epoch, _ in run.rates]
    if run.status is Status.DIVERGED:
        marks.append(Mark(ends[-1], "✖"))
    return tuple(marks)


MARK_MEANINGS: Final = {
    "★": "the best epoch",
    "‖": "paused",
    "↻": "went on in another process",
    "±": "other number of epochs",
    "λ": "other learning rate",
    "✖": "diverged",
}
"""What the signs of a chart say, for the help."""


def _at(run: RunState, look: Look, x: Sequence[float]) -> str:
    """Return where the cursor stands, in words."""
    epoch = nearest(x, look.cursor or 0.0) + 1
    more = {
        XAxis.EPOCHS: "",
        XAxis.SECONDS: f", {format_duration(x[epoch - 1])}",
        XAxis.STEPS: f", step {x[epoch - 1]:,.0f}",
    }
    happened = [
        MARK_MEANINGS[mark.sign]
        for mark in _marks(run, look, x)
        if mark.sign != "★" and nearest(x, mark.x) + 1 == epoch
    ]
    return ", ".join([f"epoch {epoch}{more[look.x]}", *dict.fromkeys(happened)])


def _noted(curve: Series, look: Look, metric: _Metric) -> Series:
    """Return a curve whose note is its value at the cursor, else its newest one."""
    if curve.dim or not curve.x:
        return curve
    at = len(curve.x) - 1 if look.cursor is None else nearest(curve.x, look.cursor)
    value = curve.y[at]
    return replace(curve, note=metric.text(math.nan if value is None else value))


def _smoothed(curve: Series, look: Look) -> list[Series]:
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


def _in_view(curves: Sequence[Series], view: tuple[float, float]) -> list[Series]:
    """Cut curves to what is in view, and one point on each side of it."""
    return [_cut(curve, view) for curve in curves]


def _cut(curve: Series, view: tuple[float, float]) -> Series:
    if not curve.x or (view[0] <= curve.x[0] and curve.x[-1] <= view[1]):
        return curve
    low = max(0, nearest(curve.x, view[0]) - 1)
    high = nearest(curve.x, view[1]) + 2
    return replace(curve, x=curve.x[low:high], y=curve.y[low:high])


def _steps(run: RunState | None, look: Look, metric: _Metric) -> list[Series]:
    """Return the smoothed loss inside the epoch in progress; none while that is too short to be seen."""
    if metric is not _LOSS or run is None or len(run.steps) < MIN_STEPS or look.x is XAxis.SECONDS:
        return []
    smooth = run.steps[0][1]
    values = []
    for _, loss in run.steps:
        smooth += NOW_WEIGHT * (loss - smooth)
        values.append(smooth)
    unit = _steps_per_epoch(run) if look.x is XAxis.STEPS else 1.0
    return [Series("now", tuple(x * unit for x, _ in run.steps), _finite(values), STEPS_INK)]


def overlay_chart(
    runs: Sequence[RunState], slots: Mapping[str, int], preview: RunState | None = None, *, look: Look
) -> Chart:
    """Return the validation curve of each run, in the colour and with the line of its slot.

    Args:
        runs: The marked runs, with their epochs.
        slots: The slot of each of them, by id.
        preview: One more that is only looked at; it lies on top.
        look: How they are looked at.
    """
    shown = [*runs, *([preview] if preview is not None else [])]
    curves: list[Series] = []
    for run in shown:
        slot = slots.get(run.run)
        line = Series(
            name="▸" if slot is None else f"●{slot + 1}",
            x=tuple(places(run, look.x)),
            y=_finite(_ACCURACY.values(run.history, "val", look.scale)),
            ink=STEPS_INK if slot is None else MARK_INKS[slot],
            dashed=slot is not None and slot // 2 % 2 == 1,
            thick=slot is None or slot % 2 == 0,
        )
        curves += [replace(one, note=short_name(run)) if not one.dim else one for one in _smoothed(line, look)]
    whole = (
        min((limits(run, look.x)[0] for run in shown), default=1.0),
        max((limits(run, look.x)[1] for run in shown), default=float(EMPTY_EPOCHS)),
    )
    newest = max((curve.x[-1] for curve in curves if curve.x), default=whole[1])
    view = look.view(whole, newest)
    note = "Space marks a run to keep its curve" if len(shown) < 2 else ""
    if look.cursor is not None:
        curves = [_noted(curve, look, _ACCURACY) for curve in curves]
        note = f"{look.x.value} {look.cursor:,.0f}"
    return Chart(
        title=f"Val {_ACCURACY.titles[look.scale][0].lower()}{_ACCURACY.titles[look.scale][1:]}",
        series=tuple(_in_view(curves, view)),
        x_limits=view,
        x_unit=look.x.value,
        log_y=look.scale in (Scale.ERROR_LOG, Scale.LOG),
        percent=True,
        y_limits=(0.0, 1.0) if look.scale is Scale.FULL else None,
        note=note,
        cursor=look.cursor,
        dots=look.dots,
    )


def short_name(run: RunState) -> str:
    """Return a run's settings in a few letters."""
    return f"{run.epochs} ep x {run.spec.features} f s{run.spec.seed}"


def has_only_steps(run: RunState) -> bool:
    """Return whether the first epoch is in progress and long enough to be seen."""
    return not run.history and len(run.steps) >= MIN_STEPS


def _finite(values: Sequence[float]) -> tuple[float | None, ...]:
    """Return gaps for what cannot be drawn; a NaN would also make equal charts differ."""
    if all(map(math.isfinite, values)):
        return tuple(values)
    return tuple(value if math.isfinite(value) else None for value in values)
