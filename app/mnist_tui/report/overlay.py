"""The validation curves of several runs in one chart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mnist_tui.core.metric import Split
from mnist_tui.core.points import PointSeries
from mnist_tui.core.state import RunState
from mnist_tui.core.summary import BUILT_IN
from mnist_tui.report.charts import Chart
from mnist_tui.report.chartview import ChartView, Scale, XAxis
from mnist_tui.report.curves import MARK_INKS, STEPS_INK, charted, drawn, of_points, quantity_of
from mnist_tui.report.formatting import printable
from mnist_tui.report.points import Series
from mnist_tui.report.xaxis import EMPTY_EPOCHS, limits, places, unit_for


def overlay_chart(
    runs: Sequence[RunState],
    slots: Mapping[str, int],
    preview: RunState | None = None,
    *,
    look: ChartView,
    name: str = "",
    points: Callable[[RunState, str], PointSeries | None] = lambda _run, _name: None,
) -> Chart:
    """Return a chart of the runs' validation curves, each in the colour and line style of its slot.

    Args:
        runs: The marked runs, with their epochs.
        slots: Slot of each marked run, by id.
        preview: An unmarked run to show as well, drawn on top.
        look: View settings.
        name: The quantity; empty for the most important one of the first run.
        points: Returns what a script's run logged at its steps, by the name of a metric.
    """
    first = preview or next(iter(runs), None)
    unit = unit_for(first, look.x)
    # A run that has only steps shares no axis with one of epochs.
    shown = [run for run in (*runs, *([preview] if preview is not None else [])) if unit_for(run, look.x) is unit]
    whole = (
        min((limits(run, look.x)[0] for run in shown), default=1.0),
        max((limits(run, look.x)[1] for run in shown), default=float(EMPTY_EPOCHS)),
    )
    newest = max((x[-1] for run in shown if (x := places(run, look.x))), default=whole[1])
    view = look.view(whole, newest)
    name = name or next(iter(charted(first)), "")
    quantity = quantity_of(name, BUILT_IN if first is None else first.metrics)
    is_validated = quantity.validated is not None and quantity.validated.split is Split.VALIDATION
    title = quantity.title(look.scale) or "No numbers yet"
    curves: list[Series] = []
    for run in shown:
        slot = slots.get(run.run)
        line = Series(
            name="▸" if slot is None else f"●{slot + 1}",
            x=(),
            y=(),
            ink=STEPS_INK if slot is None else MARK_INKS[slot],
            dashed=slot is not None and slot // 2 % 2 == 1,
            thick=slot is None or slot % 2 == 0,
            note=short_name(run) if look.cursor is None else "",
        )
        theirs = quantity_of(quantity.name, run.metrics)
        one = theirs.validated or next(iter(theirs.metrics), None)
        if one is not None and not run.history and (series := points(run, one.name)) is not None:
            curves += of_points(run, series, line, look, quantity, view) if len(series.steps) else []
        elif one is not None:
            curves += drawn(run, one.name, line, look, quantity, view)
    note = "Press Space to keep this curve" if len(shown) < 2 else ""
    if look.cursor is not None:
        note = f"{look.cursor:,.1f} s" if look.x is XAxis.SECONDS else f"{look.x.value} {look.cursor:,.0f}"
    return Chart(
        title=f"Val {title[0].lower()}{title[1:]}" if is_validated else title,
        series=tuple(curves),
        x_limits=view,
        x_unit=unit.value,
        log_y=look.scale in (Scale.ERROR_LOG, Scale.LOG),
        percent=quantity.is_fraction,
        y_limits=(0.0, 1.0) if look.scale is Scale.FULL and quantity.is_fraction else None,
        note=note,
        cursor=look.cursor,
        dots=look.dots,
    )


def short_name(run: RunState) -> str:
    """Return a run's name, or its abbreviated settings if it has none."""
    return printable(run.labels.name) or _brief(run)


def _brief(run: RunState) -> str:
    if run.network is None:
        return printable(run.spec.brief)
    network = run.network.network if run.network.is_own else f"{run.network.features} f"
    return f"{run.epochs} ep x {network} s{run.network.seed}"
