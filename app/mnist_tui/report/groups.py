"""The curves of groups of runs: of runs that differ in their seeds alone, the mean and the sample deviation."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
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
from mnist_tui.report.curves import MARK_INKS
from mnist_tui.report.formatting import printable
from mnist_tui.report.overlay import overlay_chart, short_name
from mnist_tui.report.points import Series

MOST: Final = len(MARK_INKS)
"""Most groups in one chart: each has a colour."""
_WHERE: Final = ("device", "backend", "threads")
"""Settings that say where a run was trained."""
_PLACES: Final = 1000
"""Most places of a mean."""


def groups_of(runs: Sequence[RunState]) -> list[list[RunState]]:
    """Return the runs in groups: those that the comparison averages are together."""
    known = {run.run: run for run in runs}
    rows = [
        [known.pop(name) for name in row.runs if name in known] for table in build_tables(runs) for row in table.rows
    ]
    return [*filter(None, rows), *([run] for run in known.values())]


def groups_panel(
    groups: Sequence[Sequence[RunState]],
    look: ChartView,
    name: str,
    points: Callable[[RunState, str], PointSeries | None],
) -> Panel:
    """Return a chart of groups of runs.

    Args:
        groups: At most `MOST`, each with its runs and their epochs.
        look: View settings.
        name: The quantity; empty for the most important one of the first run.
        points: Returns what a run logged at its steps, by the name of a metric.
    """
    curves: list[Series] = []
    bands: list[Band] = []
    charts = []
    labels = _labels(groups)
    for slot, (group, label) in enumerate(zip(groups, labels, strict=True)):
        chart = overlay_chart(
            group, dict.fromkeys((run.run for run in group), slot), look=look, name=name, points=points
        )
        charts.append(chart)
        shown = [replace(series, thick=True, name="", note="") for series in chart.series if series.x]
        if len(group) > 1 and (mean := _mean([series for series in shown if not series.dim], log=chart.log_y)):
            shown = [mean[0]]
            bands.append(mean[1])
        curves += [replace(series, thick=not series.dim) for series in shown[:-1]]
        curves += [replace(series, note=label) for series in shown[-1:]]
    with_curves = [chart for chart in charts if any(series.x for series in chart.series)] or charts
    limits = min(c.x_limits[0] for c in with_curves), max(c.x_limits[1] for c in with_curves)
    note = "mean ± sample deviation" if bands else ""
    return Panel(replace(with_curves[0], series=tuple(curves), x_limits=limits, note=note), bands)


def _labels(groups: Sequence[Sequence[RunState]]) -> list[str]:
    """Return what each group is called: the name of a single run, else the settings that differ."""
    firsts = [group[0] for group in groups]
    fields = [field for field in setting_fields(firsts) if field.same is not None and field.key not in _WHERE]
    differing = [field for field in fields if len({field.in_words(run) for run in firsts}) > 1]
    labels = []
    for group in groups:
        settings = ", ".join(f"{field.short or field.name} {field.in_words(group[0])}" for field in differing)
        name = printable(group[0].labels.name) if len(group) == 1 else ""
        label = name or settings or short_name(group[0])
        labels.append(f"{printable(label)} ({count(len(group), 'seed')})" if len(group) > 1 else printable(label))
    return labels


def _mean(curves: Sequence[Series], *, log: bool) -> tuple[Series, Band] | None:
    """Return the mean of curves where all of them have a value, and a sample deviation around it."""
    first, last = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    places = sorted({x for curve in curves for x in curve.x if first <= x <= last})
    places = places[:: max(1, len(places) // _PLACES)]
    means: list[float | None] = []
    lows: list[float | None] = []
    highs: list[float | None] = []
    for x in places:
        values = [value for curve in curves if (value := _value_at(curve, x)) is not None]
        if len(values) < len(curves):
            means.append(None)
            lows.append(None)
            highs.append(None)
            continue
        mean, deviation = statistics.fmean(values), statistics.stdev(values)
        means.append(mean)
        # On a log axis nothing is below 0.
        lows.append(max(mean - deviation, min(values)) if log else mean - deviation)
        highs.append(mean + deviation)
    if not places:
        return None
    ink = curves[0].ink
    return replace(curves[0], x=tuple(places), y=tuple(means)), Band(places, lows, highs, ink)


def _value_at(curve: Series, x: float) -> float | None:
    """Return the value of a curve at a place, on the straight line between its points; `None` in a gap."""
    after = bisect_right(curve.x, x)
    before = after - 1
    low = curve.y[before]
    if low is None or curve.x[before] == x:
        return low
    high = curve.y[after]
    if high is None:
        return None
    share = (x - curve.x[before]) / (curve.x[after] - curve.x[before])
    value = low + share * (high - low)
    return value if math.isfinite(value) else None
