"""The curves of one run: training and validation, smoothed or not, with their values at the cursor."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from mnist_tui.core.events import EpochDone
from mnist_tui.core.metric import Metric, Split, quantities
from mnist_tui.core.points import PointSeries
from mnist_tui.core.state import RunState
from mnist_tui.core.summary import BUILT_IN, VAL_ACCURACY
from mnist_tui.core.units import Direction, Unit
from mnist_tui.report.charts import Chart, Marker
from mnist_tui.report.chartview import ChartView, Scale, Smoothing, XAxis, nearest
from mnist_tui.report.formatting import format_loss, printable
from mnist_tui.report.marks import marks_of, told_at
from mnist_tui.report.measures import format_metric
from mnist_tui.report.points import Series
from mnist_tui.report.xaxis import MIN_STEPS, limits, places, step_places, steps_per_epoch, unit_for

TRAIN_INK: Final = 0
VALIDATION_INK: Final = 1
STEPS_INK: Final = 7
"""Grey, because the value of this epoch is not final."""
MARK_INKS: Final = (2, 3, 4, 5, 6, 8, 9, 0)
"""Colour of each slot of marked runs; the colours of training and validation are avoided until the last slot."""
NOW_WEIGHT: Final = 0.3
"""Weight of the newest value when smoothing the loss within an epoch."""
_ORDER: Final = (Split.TRAIN, Split.NONE, Split.TEST, Split.VALIDATION)
_INKS: Final = {Split.TRAIN: TRAIN_INK, Split.VALIDATION: VALIDATION_INK, Split.TEST: STEPS_INK}
"""Colours of splits; what has none gets a colour of marked runs."""

Points: TypeAlias = Callable[[str], PointSeries | None]
"""Returns what a run logged at its steps, by the name of a metric."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a chart shows: all metrics of one quantity.

    Attributes:
        name: The quantity, such as `loss`.
        metrics: Its metrics, in the order in which they are drawn.
    """

    name: str
    metrics: tuple[Metric, ...]

    @property
    def unit(self) -> Unit:
        """The unit of its values."""
        return self.metrics[0].unit if self.metrics else Unit.LOSS

    @property
    def is_fraction(self) -> bool:
        """True if values are fractions shown as percentages."""
        return self.unit is Unit.FRACTION

    @property
    def has_error(self) -> bool:
        """True if 1 minus a value is an error rate."""
        return self.is_fraction and all(one.goal is Direction.HIGHER for one in self.metrics)

    @property
    def validated(self) -> Metric | None:
        """The metric whose best value is marked: that of validation, or else the only one with a goal."""
        with_goal = [one for one in self.metrics if one.goal is not Direction.NONE and one.split is not Split.TEST]
        return next((one for one in with_goal if one.split is Split.VALIDATION), next(iter(with_goal[-1:]), None))

    def title(self, scale: Scale) -> str:
        """Return the title of its chart."""
        name = printable(self.name[:1].upper() + self.name[1:])
        match scale:
            case Scale.LINEAR:
                return name
            case Scale.ERROR_LOG if self.has_error:
                return "Error (log)" if self.name == "accuracy" else f"1 - {name} (log)"
            case Scale.FULL:
                return f"{name} (0 to 100%)" if self.is_fraction else f"{name} (from 0)"
            case _:
                return f"{name} (log)"

    def shown(self, value: float, scale: Scale) -> float | None:
        """Return a value on this scale, or `None` (a gap) if it is not finite: NaN would make equal charts differ."""
        if not math.isfinite(value):
            return None
        return 1.0 - value if self.has_error and scale is Scale.ERROR_LOG else value

    def told(self, value: float, scale: Scale) -> str:
        """Return the value as text."""
        shown = self.shown(value, scale)
        number = value if shown is None else shown
        return format_metric(self.metrics[0], number) if self.metrics else format_loss(number)


def quantity_of(name: str, metrics: Iterable[Metric]) -> Quantity:
    """Return a quantity with its metrics among these, training first."""
    known = [one for one in metrics if one.quantity == name]
    return Quantity(name, tuple(sorted(known, key=lambda one: _ORDER.index(one.split))))


def charted(run: RunState | None) -> tuple[str, ...]:
    """Return the quantities of a run that have a chart, the most important first."""
    return quantities(BUILT_IN if run is None else run.metrics, VAL_ACCURACY if run is None else run.primary)


def quantity_chart(
    name: str,
    run: RunState | None,
    look: ChartView,
    beside: Mapping[int, RunState] | None = None,
    points: Points | None = None,
) -> Chart:
    """Return the chart of one quantity, with all its splits.

    Args:
        name: The quantity, such as `accuracy` or `loss`.
        run: The run, with its epochs.
        look: View settings.
        beside: Marked runs by slot; their validation curves are drawn dashed.
        points: Returns what the run logged at its steps, by the name of a metric.
    """
    quantity = quantity_of(name, BUILT_IN if run is None else run.metrics)
    x = places(run, look.x) if run is not None else []
    whole = limits(run, look.x)
    view = look.view(whole, x[-1] if x else whole[1])
    curves: list[Series] = []
    for slot, other in (beside or {}).items():
        line = Series(f"●{slot + 1}", (), (), MARK_INKS[slot], dashed=True)
        theirs = quantity_of(name, other.metrics)
        if theirs.validated is not None:
            curves += drawn(other, theirs.validated.name, line, look, quantity, view)[-1:]
    curves += _steps(run, look, quantity, view)
    spare = iter(MARK_INKS)
    for one in quantity.metrics:
        thick = one.split is Split.VALIDATION or len(quantity.metrics) == 1
        ink = _INKS[one.split] if one.split in _INKS else next(spare)
        line = Series(_line_name(one), (), (), ink, thick=thick)
        curves += _curves_of(run, one, line, look, quantity, view, points)
    best = _best(run, quantity)
    has_epochs = run is None or run.network is not None or run.epochs > 0
    note = "no epoch yet" if has_epochs and not x and quantity.has_error else ""
    marks: tuple[Marker, ...] = ()
    if run is not None:
        marks = marks_of(run, look, x)
    if best is not None:
        epoch, one = best
        value = epoch.value(one.name)
        marks += (Marker(x[_at(run, epoch)], "★", quantity.shown(value, look.scale), VALIDATION_INK),)
        note = f"★ {quantity.told(value, look.scale)} @{epoch.epoch}"
    if look.cursor is not None and run is not None and x:
        note = told_at(run, look, x)
    return Chart(
        title=quantity.title(look.scale),
        series=tuple(curves),
        x_limits=view,
        x_unit=unit_for(run, look.x).value,
        log_y=look.scale is Scale.LOG or look.scale is Scale.ERROR_LOG,
        percent=quantity.is_fraction,
        y_limits=_full(quantity, run) if look.scale is Scale.FULL else None,
        note=note,
        marks=marks,
        cursor=look.cursor,
        dots=look.dots,
    )


def _at(run: RunState | None, epoch: EpochDone) -> int:
    """Return the place of an epoch in the history, whose numbers may begin anywhere."""
    return bisect_left(run.columns.values("epoch"), epoch.epoch) if run is not None else 0


def _line_name(one: Metric) -> str:
    return printable(str(one.split) or one.name)


def _best(run: RunState | None, quantity: Quantity) -> tuple[EpochDone, Metric] | None:
    """Return the epoch with the best value of a quantity, and its metric."""
    one = quantity.validated
    if run is None or one is None:
        return None
    is_primary = run.primary is not None and run.primary.name == one.name
    best = run.best if is_primary else run.best_of(one)
    return None if best is None else (best, one)


def _full(quantity: Quantity, run: RunState | None) -> tuple[float, float]:
    if quantity.is_fraction or run is None:
        return 0.0, 1.0
    values = [value for one in quantity.metrics for value in run.columns.highest(one.name)]
    return 0.0, max(values, default=1.0) or 1.0


def _curves_of(
    run: RunState | None,
    one: Metric,
    line: Series,
    look: ChartView,
    quantity: Quantity,
    view: tuple[float, float],
    points: Points | None,
) -> list[Series]:
    """Return the curve of a metric over epochs; of what was logged at steps, these as well, dimmed behind it."""
    if run is None:
        return [line]
    if one.name in run.results and not any(one.name in epoch.values for epoch in run.history[-1:]):
        # Measured once, for the run as a whole.
        return [replace(line, note=quantity.told(run.results[one.name], look.scale))]
    series = points(one.name) if points is not None else None
    if series is None or not len(series.steps):
        return drawn(run, one.name, line, look, quantity, view) if run.history else [line]
    fine = of_points(run, series, line, look, quantity, view)
    if not run.history or all(math.isnan(value) for value in run.columns.values(one.name)[-1:]):
        return fine
    return [replace(fine[0], name="", thick=False, dim=True), *drawn(run, one.name, line, look, quantity, view)[-1:]]


def of_points(
    run: RunState, series: PointSeries, line: Series, look: ChartView, quantity: Quantity, view: tuple[float, float]
) -> list[Series]:
    """Return the curve of what was logged at steps, plus its moving average if smoothed; see `drawn`."""
    place = step_places(run, look.x)
    steps = series.steps
    low, high = max(0, bisect_left(steps, view[0], key=place) - 1), bisect_right(steps, view[1], key=place) + 1
    high = min(high, len(steps))
    at = len(steps) - 1 if look.cursor is None else min(bisect_left(steps, look.cursor, key=place), len(steps) - 1)
    line = replace(line, note=line.note or quantity.told(series.values[at], look.scale))

    def curve(smoothing: float) -> Series:
        values = series.smoothed(smoothing)
        kept = series.kept(low, high, smoothing)
        y = tuple(quantity.shown(values[i], look.scale) for i in kept)
        return replace(line, x=tuple(place(steps[i]) for i in kept), y=y)

    if look.smoothing is Smoothing.NONE or len(steps) < MIN_STEPS:
        return [curve(0.0)]
    return [replace(curve(0.0), name="", thick=False, dim=True), curve(look.smoothing.value)]


def drawn(
    run: RunState, name: str, line: Series, look: ChartView, quantity: Quantity, view: tuple[float, float]
) -> list[Series]:
    """Return a curve of a run, plus its moving average if smoothed, cut to the visible range and thinned.

    Args:
        run: The run, with its epochs.
        name: The metric.
        line: Line style. If it has no note, it gets its value at the cursor, or else its newest value.
        look: View settings.
        quantity: What is drawn.
        view: Visible range of x.
    """
    columns, x = run.columns, places(run, look.x)
    if not x:
        return [line]
    at = len(x) - 1 if look.cursor is None else nearest(x, look.cursor)
    line = replace(line, note=line.note or quantity.told(columns.values(name)[at], look.scale))
    low, high = in_view(x, view)

    def curve(smoothing: float) -> Series:
        values = columns.values(name, smoothing)
        kept = columns.kept(name, low, high, smoothing)
        y = tuple(quantity.shown(values[i], look.scale) for i in kept)
        return replace(line, x=tuple(x[i] for i in kept), y=y)

    if look.smoothing is Smoothing.NONE or len(x) < MIN_STEPS:
        return [curve(0.0)]
    return [replace(curve(0.0), name="", thick=False, dim=True), curve(look.smoothing.value)]


def in_view(x: Sequence[float], view: tuple[float, float]) -> tuple[int, int]:
    """Return the index range (start, stop) of the visible points plus one on each side."""
    if view[0] <= x[0] and x[-1] <= view[1]:
        return 0, len(x)
    return max(0, nearest(x, view[0]) - 1), min(nearest(x, view[1]) + 2, len(x))


def _steps(run: RunState | None, look: ChartView, quantity: Quantity, view: tuple[float, float]) -> list[Series]:
    """Return the smoothed loss within the epoch in progress, or nothing while it has too few points."""
    if quantity.name != "loss" or run is None or run.network is None or look.x is XAxis.SECONDS:
        return []
    if len(run.steps) < MIN_STEPS:
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
    y = tuple(quantity.shown(value, look.scale) for value in values[low:high])
    return [Series("now", tuple(x[low:high]), y, STEPS_INK, note=quantity.told(values[at], look.scale))]
