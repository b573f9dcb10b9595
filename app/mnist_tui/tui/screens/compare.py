"""Marked runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Static

from mnist_tui.core.compare import common_target
from mnist_tui.core.points import PointSeries
from mnist_tui.core.state import RunState
from mnist_tui.report.chartview import ChartView
from mnist_tui.report.comparing import side_by_side
from mnist_tui.report.overlay import overlay_chart, short_name
from mnist_tui.tui.screens.dialog import Dialog
from mnist_tui.tui.widgets.plot import PlotView

STEP: Final = 0.01
"""A percentage point."""
_INTERVALS: Final = (
    "In brackets: the 95 % interval, from the number of images alone. Where it includes 0, the difference may be "
    "noise. Other seeds may differ by more."
)


class CompareScreen(Dialog[None]):
    """The settings that differ, the results against the first marked run, the curves, the time to an accuracy.

    Args:
        runs: The marked runs by slot, with their epochs; the first is the baseline.
        look: How their curves are looked at.
        points: Returns what a script's run logged at its steps, by the name of a metric.
    """

    KEYS = (("+ -", "Target accuracy"), ("← →", "Scroll"), ("Esc", "Back"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus", "target(1)", "More"),
        Binding("minus", "target(-1)", "Less"),
        Binding("q", "leave", "Back"),
    ]
    DEFAULT_CSS = """
    CompareScreen > .dialog { width: 96%; height: 94%; }
    CompareScreen DataTable { height: auto; max-height: 60%; scrollbar-size: 0 0; }
    CompareScreen.-short .hint, CompareScreen.-flat .hint { display: none; }
    CompareScreen PlotView { height: 1fr; min-height: 4; }
    """

    def __init__(
        self,
        runs: dict[int, RunState],
        look: ChartView,
        points: Callable[[RunState, str], PointSeries | None] = lambda _run, _name: None,
    ) -> None:
        super().__init__()
        self._points = points
        self._runs, self._look = runs, look.whole()
        self._target = common_target(list(runs.values()))

    def box(self) -> ComposeResult:
        """Table, curves, what the noise is."""
        with Vertical(classes="dialog") as box:
            box.border_title = f"{len(self._runs)} runs, the first is the baseline"
            table: DataTable[Text] = DataTable(cursor_type="row", zebra_stripes=True, fixed_columns=1)
            yield table
            yield PlotView()
            has_intervals = all(run.network is not None for run in self._runs.values())
            yield Static(
                _INTERVALS if has_intervals else "Behind a value: its difference. Other seeds may differ by more.",
                classes="hint",
            )

    def fill(self) -> None:
        """Fill the table and draw the curves."""
        runs = list(self._runs.values())
        self._fill_table(runs)
        slots = {run.run: slot for slot, run in self._runs.items()}
        self.query_one(PlotView).show(overlay_chart(runs, slots, look=self._look, points=self._points))

    def action_target(self, steps: int) -> None:
        """Ask for another accuracy."""
        self._target = min(max(round(self._target + STEP * steps, 2), 0.0), 1.0)
        self._fill_table(list(self._runs.values()))

    def _fill_table(self, runs: Sequence[RunState]) -> None:
        table = self.query_one(DataTable)
        row = table.cursor_row
        table.clear(columns=True)
        table.add_column("")
        for slot, run in self._runs.items():
            table.add_column(f"●{slot + 1} {short_name(run)}")
        for side in side_by_side(runs, self._target):
            style = "" if side.is_setting else "bold"
            table.add_row(Text(side.title, style=style), *(Text(cell) for cell in side.cells))
        table.move_cursor(row=row, animate=False)
