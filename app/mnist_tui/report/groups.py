"""The curves of groups of runs: of runs that differ in their seeds alone, the mean and the sample deviation."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from mnist_tui.core.configs import setting_fields
from mnist_tui.core.numerals import count
from mnist_tui.core.points import PointSeries
from mnist_tui.core.scripttable import build_tables
from mnist_tui.core.state import RunState
from mnist_tui.report.chartpicture import Band, Panel
from mnist_tui.report.chartview import ChartView
from mnist_tui.report.curves import MARK_INKS, Quantity, charted, quantity_of
from mnist_tui.report.formatting import printable, short_id
from mnist_tui.report.overlay import overlay_chart, short_name
from mnist_tui.report.points import Series
from mnist_tui.report.xaxis import places, step_places, unit_for

MOST: Final = len(MARK_INKS)
"""Most groups in one chart: each has a colour."""
_WHERE: Final = ("device", "backend", "threads")
"""Settings that say where a run was trained."""
_PLACES: Final = 2000
"""Most places of a mean between points that the runs do not share."""
Points = Callable[[RunState, str], PointSeries | None]


def groups_of(runs: Sequence[RunState]) -> list[list[RunState]]:
    """Return the runs in groups: those that the comparison averages are together."""
    known = {run.run: run for run in runs}
    rows = [
        [known.pop(name) for name in row.runs if name in known] for table in build_tables(runs) for row in table.rows
    ]
    return [*filter(None, rows), *([run] for run in known.values())]


def comparable(runs: Sequence[RunState], look: ChartView, name: str) -> tuple[str, list[RunState]]:
    """Return a quantity, and those of some runs that can share its chart.

    Args:
        runs: The runs, with their epochs.
        look: View settings.
        name: The quantity; empty for the most important one of the first run that has any.
    """
    name = name or next((charted(run)[0] for run in runs if charted(run)), "")
    with_it = [run for run in runs if quantity_of(name, run.metrics).metrics]
    return name, [run for run in with_it if unit_for(run, look.x) is unit_for(with_it[0], look.x)]


def groups_panel(groups: Sequence[Sequence[RunState]], look: ChartView, name: str, points: Points) -> Panel:
    """Return a chart of groups of runs.

    Args:
        groups: At most `MOST`, of runs that are `comparable`, with their epochs.
        look: View settings.
        name: The quantity.
        points: Returns what a run logged at its steps, by the name of a metric.
    """
    curves: list[Series] = []
    bands: list[Band] = []
    charts = []
    for slot, (group, label) in enumerate(zip(groups, _labels(groups), strict=True)):
        slots = dict.fromkeys((run.run for run in group), slot)
        chart = overlay_chart(group, slots, look=look, name=name, points=points)
        charts.append(chart)
        shown = [replace(series, thick=not series.dim, name="", note="") for series in chart.series if series.x]
        if len(group) > 1 and shown:
            mean, band = _mean([_values(run, quantity_of(name, run.metrics), look, points) for run in group], shown[0])
            shown = [mean]
            bands.append(band)
        curves += shown[:-1]
        curves += [replace(series, name=label) for series in shown[-1:]]
    limits = min(chart.x_limits[0] for chart in charts), max(chart.x_limits[1] for chart in charts)
    note = "mean ± sample deviation" if bands else ""
    return Panel(replace(charts[0], series=tuple(curves), x_limits=limits, note=note), bands)


def _labels(groups: Sequence[Sequence[RunState]]) -> list[str]:
    """Return what each group is called: the name of a single run, else the settings that differ."""
    firsts = [group[0] for group in groups]
    fields = [field for field in setting_fields(firsts) if field.same is not None and field.key not in _WHERE]
    differing = [field for field in fields if len({field.in_words(run) for run in firsts}) > 1]
    labels = []
    for group in groups:
        first = group[0]
        told = (f"{field.short or field.name} {words}" for field in differing if (words := field.in_words(first)))
        name = first.labels.name if len(group) == 1 else ""
        label = printable(name or ", ".join(told) or short_name(first))
        labels.append(f"{label} ({count(len(group), 'seed')})" if len(group) > 1 else label)
    repeated = {label for label, times in Counter(labels).items() if times > 1}
    return [
        f"{label}, {_seed(group[0])}" if label in repeated else label
        for label, group in zip(labels, groups, strict=True)
    ]


def _seed(run: RunState) -> str:
    """Return what tells a run from others with the same settings."""
    return f"seed {run.spec.seed}" if run.spec.seed is not None else short_id(run.run)


def _values(
    run: RunState, quantity: Quantity, look: ChartView, points: Points
) -> tuple[Sequence[float], Sequence[float | None]]:
    """Return the places and values of a run's curve as the overlay draws it, all of them."""
    one = quantity.validated or quantity.metrics[0]
    smoothing = look.smoothing.value
    if not run.history and (series := points(run, one.name)) is not None:
        place, values = step_places(run, look.x), series.smoothed(smoothing)
        return [place(step) for step in series.steps], [quantity.shown(value, look.scale) for value in values]
    known = run.columns.values(one.name, smoothing)
    return places(run, look.x), [quantity.shown(value, look.scale) for value in known]


def _mean(curves: Sequence[tuple[Sequence[float], Sequence[float | None]]], style: Series) -> tuple[Series, Band]:
    """Return the mean of curves where all of them have a value, and a sample deviation around it."""
    shared = sorted(set(curves[0][0]).intersection(*(x for x, _ in curves[1:])))
    if len(shared) < min(len(x) for x, _ in curves):
        # On an axis of seconds, the runs are compared between their points.
        first, last = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
        between = sorted({place for x, _ in curves for place in x if first <= place <= last})
        shared = shared if len(shared) > len(between) // 2 else between[:: max(1, len(between) // _PLACES)]
    means: list[float | None] = []
    lows: list[float | None] = []
    highs: list[float | None] = []
    for place in shared:
        values = [value for x, y in curves if (value := _value_at(x, y, place)) is not None]
        if len(values) < len(curves):
            means.append(None)
            lows.append(None)
            highs.append(None)
            continue
        mean, deviation = statistics.fmean(values), statistics.stdev(values)
        means.append(mean)
        lows.append(mean - deviation)
        highs.append(mean + deviation)
    return replace(style, x=tuple(shared), y=tuple(means)), Band(shared, lows, highs, style.ink)


def _value_at(x: Sequence[float], y: Sequence[float | None], place: float) -> float | None:
    """Return the value of a curve at a place, on the straight line between its points; `None` in a gap."""
    after = bisect_right(x, place)
    if not after:
        return None
    before = after - 1
    low = y[before]
    if low is None or x[before] == place or after == len(x):
        return low
    high = y[after]
    if high is None:
        return None
    value = low + (place - x[before]) / (x[after] - x[before]) * (high - low)
    return value if math.isfinite(value) else None
