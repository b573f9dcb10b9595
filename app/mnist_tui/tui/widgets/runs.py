"""The Runs tab: what waits, what ran, how it compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.widgets import DataTable, Static

from mnist_tui.core.events import Status
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.state import RunState, summarise
from mnist_tui.core.table import (
    REPORT_COLUMNS,
    Column,
    ComparisonTable,
    Direction,
    Unit,
    Value,
    build_table,
    format_value,
)
from mnist_tui.report.curves import overlay_chart
from mnist_tui.report.look import Look
from mnist_tui.report.words import format_moment, printable, status_style, status_text
from mnist_tui.tui.widgets.plot import PlotView
from mnist_tui.tui.widgets.tables import MAX_ROWS, SortableTable, TableRow

MAX_MARKED: Final = 8
"""More curves than this cannot be told apart."""
MAX_WAITING_SHOWN: Final = 200
"""A long queue is not drawn anew in full whenever a run leaves it."""

_RUN_COLUMNS: Final = (
    *REPORT_COLUMNS,
    Column("status", "Status", Unit.TEXT, Direction.NONE, "How the run ended."),
    Column("seed", "Seed", Unit.COUNT, Direction.NONE, "Seed of weights and order."),
    Column("best_val_accuracy", "Best Val", Unit.FRACTION, Direction.HIGHER, "Best validation accuracy."),
    Column("dataset", "Dataset", Unit.TEXT, Direction.NONE, "What was learned."),
    Column("device", "Device", Unit.TEXT, Direction.NONE, "Where it was computed."),
    Column("started", "Started", Unit.TEXT, Direction.NONE, "When it began."),
    Column("run", "Id", Unit.TEXT, Direction.NONE, "Name of the run for the command line."),
)


class RunsView(Container):
    """Queue, past runs, comparison table and the curves of marked runs."""

    DEFAULT_CSS = """
    RunsView {
        DataTable, PlotView, #comparison-pane { border: round $panel-lighten-1; border-title-color: $text-muted; }
        DataTable:focus, PlotView:focus { border: round $primary; }
        #queue { height: auto; max-height: 7; display: none; }
        #queue.-waiting { display: block; }
        #runs { height: 1fr; min-height: 5; }
        #lower { height: 1fr; min-height: 5; }
        #comparison { height: 1fr; border: none; }
        #comparison:focus { border: none; }
        #comparison-pane { height: 1fr; }
        #footnotes { height: auto; max-height: 3; color: $text-muted; padding: 0 1; }
        #overlay { height: 1fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="runs-view")
        self.marked: dict[str, int] = {}
        self._pane = 0
        self._rows: dict[str, tuple[object, TableRow]] = {}

    def compose(self) -> ComposeResult:
        """Queue on top, past runs, then comparison and chart."""
        queue: DataTable[Text] = DataTable(id="queue", cursor_type="row", show_header=False, cell_padding=1)
        queue.border_title = "Waiting"
        yield queue
        yield SortableTable(id="runs")
        with Container(id="lower"):
            with Vertical(id="comparison-pane"):
                yield SortableTable(id="comparison")
                yield Static(id="footnotes")
            yield PlotView(id="overlay")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#queue", DataTable).add_columns("Status", "Settings", "Id")
        self.query_one("#runs").border_title = "Runs"
        self.query_one("#comparison-pane").border_title = "Comparison"

    def next_pane(self) -> None:
        """Show the next pane where there is no room for all; see app.tcss for what fits when."""
        panes = 3 if self.screen.has_class("-short") or self.screen.has_class("-flat") else 2
        self._pane = (self._pane + 1) % panes
        for number in (1, 2):
            self.set_class(self._pane == number, f"-pane-{number}")

    @property
    def chosen(self) -> str | None:
        """Id of the run under the cursor of the table of runs."""
        return self.query_one("#runs", SortableTable).current_key

    @property
    def chosen_waiting(self) -> str | None:
        """Id of the waiting run under the cursor, when the queue has the focus."""
        queue = self.query_one("#queue", DataTable)
        if not queue.has_focus or not queue.row_count:
            return None
        return queue.coordinate_to_cell_key(queue.cursor_coordinate).row_key.value

    def toggle_mark(self, run: str) -> bool:
        """Mark or unmark a run; False when too many are marked already. A mark keeps its colour."""
        if run in self.marked:
            del self.marked[run]
            return True
        free = [slot for slot in range(MAX_MARKED) if slot not in self.marked.values()]
        if free:
            self.marked[run] = free[0]
        return bool(free)

    def show_queue(self, waiting: Sequence[QueuedRun]) -> None:
        """Show what waits."""
        queue = self.query_one("#queue", DataTable)
        queue.set_class(bool(waiting), "-waiting")
        shown, more = waiting[:MAX_WAITING_SHOWN], len(waiting) - MAX_WAITING_SHOWN
        queue.border_title = "Waiting" + (f" ({len(waiting):,}, the first {len(shown)} shown)" if more > 0 else "")
        if [queued.run for queued in shown] == [key.value for key in queue.rows]:
            return
        queue.clear()
        for queued in shown:
            queue.add_row(
                Text(status_text(Status.QUEUED)),
                Text(queued.spec.title + ("  (goes on)" if queued.continues else "")),
                Text(printable(queued.run)),
                key=queued.run,
            )

    def comparison(self, runs: Sequence[RunState]) -> ComparisonTable:
        """Return the comparison of the marked runs, or of all."""
        return build_table([run for run in runs if run.run in self.marked] or runs)

    def show(self, runs: Sequence[RunState]) -> None:
        """Show runs (newest first, without their epochs) and their comparison."""
        table = self.query_one("#runs", SortableTable)
        table.set_rows(_RUN_COLUMNS, [self._known_row(run) for run in runs])
        table.border_title = "Runs" if len(runs) <= MAX_ROWS else f"Runs ({MAX_ROWS} of {len(runs):,} shown)"
        self._show_comparison(self.comparison(runs))

    def show_curves(self, curves: Sequence[RunState], preview: RunState | None, look: Look) -> None:
        """Draw the marked runs with their epochs, and one more that is only looked at."""
        colours = {run.run: self.marked[run.run] for run in curves}
        self.query_one("#overlay", PlotView).show(overlay_chart(curves, colours, preview, look=look))

    def _show_comparison(self, table: ComparisonTable) -> None:
        self.query_one("#comparison", SortableTable).set_rows(table.columns, comparison_rows(table))
        self.query_one("#comparison-pane").border_title = (
            f"Comparison of {len(self.marked)} marked run{'s' * (len(self.marked) != 1)}"
            if self.marked
            else "Comparison of all runs"
        )
        self.query_one("#footnotes", Static).update(Text(printable(" ".join(table.footnotes))))

    def _known_row(self, run: RunState) -> TableRow:
        """Return the row of a run; that of a run that is over is made once."""
        if run.result is None:
            return self._run_row(run)
        state = (run.result, self.marked.get(run.run))
        if (known := self._rows.get(run.run)) is None or known[0] != state:
            known = self._rows[run.run] = (state, self._run_row(run))
        return known[1]

    def _run_row(self, run: RunState) -> TableRow:
        result = run.result
        if result is None and run.history:
            # Of a run in progress, what it has so far.
            result = summarise(run.run, run.history, status=run.status, ended_at="")
        values: dict[str, Value] = {
            "epochs": run.epochs,
            "features": run.spec.features,
            "status": f"{status_text(run.status)} {run.epochs_done}/{run.epochs}",
            "seed": run.spec.seed,
            "dataset": run.dataset.label if run.dataset else None,
            "device": run.machine.device if run.machine else None,
            "started": format_moment(run.started_at),
            "run": run.run,
        }
        for column in _RUN_COLUMNS:
            if column.key not in values:
                values[column.key] = getattr(result, column.key) if result is not None else None
        cells = {c.key: _cell(c, values[c.key]) for c in _RUN_COLUMNS}
        cells["status"].stylize(status_style(run.status))
        order: dict[str, float | str | None] = {c.key: _order(values[c.key], None) for c in _RUN_COLUMNS}
        order["started"] = run.started_at
        slot = self.marked.get(run.run)
        sign = status_text(run.status)[0]
        return TableRow(run.run, sign if slot is None else f"{sign} ●{slot + 1}", cells, order)


def comparison_rows(table: ComparisonTable) -> list[TableRow]:
    """Return the rows of a comparison table for a `SortableTable`; a star marks the best of a column."""
    return [
        TableRow(
            key=row.runs[0],
            label="",
            cells={c.key: _cell(c, row.values[c.key], best=(i, c.key) in table.best) for c in table.columns},
            order={c.key: _order(row.values[c.key], row.number(c.key)) for c in table.columns},
        )
        for i, row in enumerate(table.rows)
    ]


def _cell(column: Column, value: Value, *, best: bool = False) -> Text:
    text = printable(format_value(column, value))
    shown = f"★ {text}" if best else text
    return Text(shown, style="bold" if best else "", justify="left" if column.unit is Unit.TEXT else "right")


def _order(value: Value, number: float | None) -> float | str | None:
    return value if value is None or isinstance(value, str | int | float) else number
