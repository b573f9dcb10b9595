"""The Runs tab: the queue and past runs on the left, a preview of one run or a comparison on the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from mnist_tui.core.comparison import build_table
from mnist_tui.core.facets import facets
from mnist_tui.core.filtering import Test, parse_filter
from mnist_tui.core.insight import Insight
from mnist_tui.core.numerals import count
from mnist_tui.core.points import PointSeries
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.scripttable import build_tables
from mnist_tui.core.state import RunState
from mnist_tui.core.table import ComparisonTable
from mnist_tui.core.view import PLOTS, View
from mnist_tui.errors import UsageError
from mnist_tui.report.chartview import ChartView
from mnist_tui.report.formatting import printable, short_id, shortened
from mnist_tui.report.overlay import overlay_chart
from mnist_tui.report.runlist import REQUIRED, RunColumn, arrange, grouped
from mnist_tui.report.runplot import parallel_chart, scatter_chart
from mnist_tui.tui.widgets.plot import PlotView
from mnist_tui.tui.widgets.preview import PreviewCard
from mnist_tui.tui.widgets.runcells import (
    MAX_MARKED,
    MAX_WAITING_SHOWN,
    ComparisonPane,
    comparison_rows,
    head_row,
    run_row,
)
from mnist_tui.tui.widgets.tables import MAX_ROWS, REPORT_KEYS, SortableTable, TableRow


class RunsView(Horizontal):
    """The list of runs, with a preview beside it: curves, the run under the cursor, and a comparison of marked runs.

    Which panes are visible depends on the screen size, the selected pane and the marked runs; see app.tcss.
    """

    DEFAULT_CSS = """
    RunsView {
        DataTable, PlotView, PreviewCard, #comparison-pane {
            border: round $frame; border-title-color: $text-muted; border-subtitle-color: $text-muted;
        }
        DataTable:focus, PlotView:focus { border: round $primary; }
        #past { width: 100%; height: 100%; }
        #queue { height: auto; max-height: 7; display: none; scrollbar-size: 0 1; }
        #queue.-waiting { display: block; }
        #runs { height: 1fr; scrollbar-size-vertical: 1; }
        #preview { width: 1fr; height: 100%; }
        PreviewCard { max-height: 60%; padding: 0 1; }
        #comparison { height: auto; max-height: 100%; border: none; scrollbar-size-vertical: 1; }
        #comparison:focus { border: none; }
        #comparison-pane { height: auto; max-height: 60%; display: none; }
        #footnotes { dock: bottom; height: auto; max-height: 3; color: $text-muted; padding: 0 1; }
        #overlay { height: 1fr; }
        #filter { display: none; background: $panel; }
        #filter.-open { display: block; }
    }
    """

    class Filtered(Message):
        """The filter changed."""

    def __init__(self) -> None:
        super().__init__(id="runs-view")
        self.marked: dict[str, int] = {}
        self.view = View()
        self._folded: set[str] = set()
        self._heads: dict[str, str] = {}
        self._pane = 0
        self._rows: dict[str, tuple[object, TableRow]] = {}
        self._seen: Sequence[RunState] = ()
        self._shown: Sequence[RunState] = ()
        self._columns: Sequence[RunColumn] = ()
        self._theme = ""
        self._fits: Test = parse_filter("")
        self._common = self._unclear = ""
        self._counts = (0, 0)

    def compose(self) -> ComposeResult:
        """Create the list with the queue on top, and the preview: curves, run card, comparison."""
        queue: DataTable[Text] = DataTable(id="queue", cursor_type="row", show_header=False, cell_padding=1)
        queue.border_title = "Waiting"
        queue.add_columns("Id", "Settings")
        with Vertical(id="past"):
            yield queue
            yield Input(id="filter", placeholder="e.g. features=8 val>90 not failed", compact=True)
            yield SortableTable(id="runs", required=REQUIRED)
        with Vertical(id="preview"):
            yield PlotView(id="overlay")
            yield PreviewCard()
            with ComparisonPane(id="comparison-pane") as pane:
                pane.border_title = "Comparison"
                yield SortableTable(id="comparison", required=REPORT_KEYS)
                yield Static(id="footnotes")

    def next_pane(self) -> None:
        """Toggle between the list and the full-width comparison; on narrow screens, the preview comes in between."""
        self._show_pane((self._pane + (1 if self._has_one_pane or self._pane else 2)) % 3)

    def _show_pane(self, pane: int) -> None:
        self._pane = pane
        self.set_class(self._pane == 1, "-preview")
        self.set_class(self._pane == 2, "-comparison")
        self.show(self._seen)
        # Not focus(): it takes effect later, possibly after the next key press.
        self.screen.set_focus(self.query_one("#comparison" if self._pane == 2 else "#runs"))

    @property
    def _has_one_pane(self) -> bool:
        """True if the list and the preview do not fit side by side."""
        return any(map(self.screen.has_class, ("-tiny", "-narrow", "-flat")))

    @property
    def hides_plot(self) -> bool:
        """True if the list has the whole tab."""
        return self._has_one_pane and not self._pane

    @property
    def chosen(self) -> str | None:
        """Id of the run under the cursor in the list of runs; `None` above a group."""
        key = self.query_one("#comparison" if self._pane == 2 else "#runs", SortableTable).current_key
        return None if key in self._heads else key

    def fold(self, key: str) -> bool:
        """Hide or show the runs of a group, by the key of the row above it; return False if it is none."""
        if key not in self._heads:
            return False
        self._folded ^= {self._heads[key]}
        self.show(self._seen)
        return True

    def take(self, view: View) -> None:
        """Show the runs in another way."""
        self.view = view
        self._folded.clear()
        known = facets(self._seen)
        sort = known.get(view.sort.removeprefix("-"))
        is_reverse = sort is not None and view.sort.startswith("-")
        self.query_one("#runs", SortableTable).sort_by("" if sort is None else sort.key, reverse=is_reverse)
        field = self.query_one("#filter", Input)
        field.value = view.filter
        field.set_class(bool(view.filter), "-open")
        self.show(self._seen)

    @property
    def now(self) -> View:
        """The view as it is, with the filter and the sorting that were chosen by key or mouse."""
        key, reverse = self.query_one("#runs", SortableTable).sorting
        word = next((one.word for one in facets(self._seen).values() if one.key == key), "")
        return replace(self.view, filter=self.filter, sort=f"{'-' * reverse}{word}" if word else "")

    @property
    def chosen_waiting(self) -> str | None:
        """Id of the waiting run under the cursor, when the queue has the focus."""
        queue = self.query_one("#queue", DataTable)
        if not queue.has_focus or not queue.row_count:
            return None
        return queue.coordinate_to_cell_key(queue.cursor_coordinate).row_key.value

    def toggle_mark(self, run: str) -> bool:
        """Mark or unmark a run; return False if too many are marked. A marked run keeps its colour."""
        if run in self.marked:
            del self.marked[run]
            return True
        free = [slot for slot in range(MAX_MARKED) if slot not in self.marked.values()]
        if free:
            self.marked[run] = free[0]
        return bool(free)

    def show_queue(self, waiting: Sequence[QueuedRun]) -> None:
        """Show the queue."""
        queue = self.query_one("#queue", DataTable)
        queue.set_class(bool(waiting), "-waiting")
        shown, more = waiting[:MAX_WAITING_SHOWN], len(waiting) - MAX_WAITING_SHOWN
        queue.border_title = "Waiting" + (f" ({len(waiting):,}, the first {len(shown)} shown)" if more > 0 else "")
        if [queued.run for queued in shown] == [key.value for key in queue.rows]:
            return
        current = self.chosen_waiting
        queue.clear()
        for queued in shown:
            queue.add_row(
                Text(short_id(queued.run)),
                Text(queued.spec.title + ("  (resumed)" if queued.continues else "")),
                key=queued.run,
            )
        if current is not None and current in queue.rows:
            queue.move_cursor(row=queue.get_row_index(current), animate=False)

    # Which runs ---------------------------------------------------------------------------------

    @property
    def filter(self) -> str:
        """Text of the filter."""
        return self.query_one("#filter", Input).value.strip()

    def open_filter(self) -> None:
        """Open the filter for typing, above the list."""
        if self._pane:
            self._show_pane(0)
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        self.screen.set_focus(field)

    def close_filter(self) -> bool:
        """Close the filter and show all runs; return False if it was closed."""
        field = self.query_one("#filter", Input)
        was_open = field.has_class("-open")
        field.remove_class("-open")
        field.value = ""
        if was_open:
            self.screen.set_focus(self.query_one("#runs"))
        return was_open

    @on(Input.Changed, "#filter")
    def _take_filter(self, event: Input.Changed) -> None:
        self._unclear = ""
        try:
            self._fits = parse_filter(event.value)
        except UsageError as error:
            # The last term is incomplete; apply the terms before it.
            self._unclear = str(error)
            with suppress(UsageError):
                self._fits = parse_filter(" ".join(event.value.split()[:-1]))
        self.post_message(self.Filtered())

    @on(Input.Submitted, "#filter")
    def _keep_filter(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self.close_filter()
        self.screen.set_focus(self.query_one("#runs"))

    @on(SortableTable.Refilled, "#runs")
    def _tell_what_is_shown(self) -> None:
        """Show in the border how many runs there are, and which columns are hidden."""
        pane = self.query_one("#runs", SortableTable)
        shown, known = self._counts
        numbers = f"{shown:,} of {known:,}" if shown < known else f"{known:,}"
        limit = f"the first {MAX_ROWS} of {shown:,} shown" if shown > MAX_ROWS else ""
        pane.border_title = f"Runs · {limit or numbers}" if known else "Runs"
        # Not as text: a filter may contain what Textual takes for markup.
        pane.border_subtitle = Content(
            shortened(printable(self._unclear), max(8, pane.size.width - 4)) or self._hidden(pane, "c: preview") or " "
        )

    @on(SortableTable.Refilled, "#comparison")
    def _tell_hidden_columns(self) -> None:
        table = self.query_one("#comparison", SortableTable)
        more = "← → more" if table.max_scroll_x > 0 else ""
        self.query_one("#comparison-pane").border_subtitle = more or self._hidden(table)

    def _hidden(self, table: SortableTable, elsewhere: str = "") -> str:
        """Show in the border how many columns are hidden, and how to see them."""
        if not table.hidden:
            return ""
        hidden = f"{count(len(table.hidden), 'column')} hidden"
        where = elsewhere if self._has_one_pane else "z: zoom" if self._pane != 2 else ""
        return ", ".join(filter(None, (hidden, where)))

    def comparison(self, runs: Sequence[RunState]) -> ComparisonTable:
        """Return the comparison of the marked runs, or of all runs that match the filter."""
        marked = [run for run in runs if run.run in self.marked]
        tables = build_tables(marked or [run for run in runs if self._fits(run)])
        if len(tables) < 2:
            return tables[0] if tables else build_table([])
        # Runs of different kinds and projects do not compete: the table is that of the run under the cursor.
        chosen = self.query_one("#runs", SortableTable).current_key
        table = next((one for one in tables if any(chosen in row.runs for row in one.rows)), tables[0])
        others = sum(len(row.runs) for one in tables if one is not table for row in one.rows)
        note = f"{count(others, 'run')} of other kinds or projects: choose one of them to see their table."
        return replace(table, footnotes=(*table.footnotes, note))

    def show(self, runs: Sequence[RunState]) -> None:
        """Show the runs (newest first, without epochs) that match the filter, and their comparison."""
        self._seen = runs
        table = self.query_one("#runs", SortableTable)
        shown = [run for run in runs if self._fits(run)]
        self._shown = shown
        known = facets(shown) if self.view.columns else {}
        # What they are sorted by must be a column.
        wanted = dict.fromkeys((*self.view.columns, self.view.sort.removeprefix("-"))) if self.view.columns else {}
        self._columns, self._common = arrange(shown, [known[word] for word in wanted if word in known])
        columns = self._columns
        self._counts = len(shown), len(runs)
        table.required = {columns[0].column.key, *REQUIRED} - ({"run"} if columns[0].column.key != "run" else set())
        table.set_rows([column.column for column in columns], self._all_rows(shown, columns))
        self._tell_what_is_shown()
        several = len(self.marked) > 1
        self.set_class(several, "-several")
        self.set_class(self.view.plot != PLOTS[0], "-plot")
        if several or self._pane == 2:
            # Where it is out of sight it is not computed: with thousands of runs that takes its time.
            self.query_one("#comparison", SortableTable).required = REPORT_KEYS if self._pane == 2 else REQUIRED
            self._show_comparison(self.comparison(runs))

    def show_preview(
        self,
        marked: Sequence[RunState],
        chosen: RunState | None,
        insight: Insight | None,
        look: ChartView,
        points: Callable[[RunState, str], PointSeries | None],
    ) -> None:
        """Draw the curves of the marked runs and the run under the cursor, and show the latter's card.

        Args:
            marked: The marked runs, with their epochs.
            chosen: The run under the cursor, with its epochs.
            insight: Its last insight.
            look: View settings of the chart.
            points: Returns what a script's run logged at its steps, by the name of a metric.
        """
        beside = chosen if chosen is not None and chosen.run not in self.marked else None
        colours = {run.run: self.marked[run.run] for run in marked}
        match self.view.plot:
            case "scatter":
                chart = scatter_chart(self._shown, self.view, self.marked, self.chosen, look.dots)
            case "parallel":
                chart = parallel_chart(self._shown, self.view, self.marked, self.chosen, look.dots)
            case _:
                chart = overlay_chart(marked, colours, beside, look=look, points=points)
        self.query_one("#overlay", PlotView).show(chart)
        self.query_one(PreviewCard).show(chosen, self._columns, self._common, insight)

    def _show_comparison(self, table: ComparisonTable) -> None:
        self.query_one("#comparison", SortableTable).set_rows(table.columns, comparison_rows(table))
        self.query_one("#comparison-pane").border_title = (
            f"Comparison of {count(len(self.marked), 'marked run')}"
            if self.marked
            else "Comparison of the runs shown"
            if self.filter
            else "Comparison of all runs"
        )
        self.query_one("#footnotes", Static).update(Text(printable(" ".join(table.footnotes))))

    def notify_style_update(self) -> None:
        """Apply the colours of a new theme."""
        super().notify_style_update()
        if self._theme not in ("", self.app.theme):
            self._rows.clear()
            self.call_later(self.show, self._seen)
        self._theme = self.app.theme

    def _all_rows(self, shown: Sequence[RunState], columns: Sequence[RunColumn]) -> list[TableRow]:
        """Return the rows of all runs, and one above each group that has a title."""
        keys = tuple(column.column.key for column in columns)
        self._heads = {}
        if not self.view.group:
            return [self._known_row(run, columns, keys) for run in shown]
        rows: list[TableRow] = []
        for number, group in enumerate(grouped(shown, self.view.group)):
            is_folded = group.title in self._folded
            if group.title:
                head = head_row(group, number, columns, is_folded=is_folded)
                self._heads[head.key] = group.title
                rows.append(head)
            if not is_folded:
                own = (self._known_row(run, columns, keys) for run in group.runs)
                rows += [replace(row, group=number, is_joined=not group.title) for row in own]
        return rows

    def _known_row(self, run: RunState, columns: Sequence[RunColumn], keys: tuple[str, ...]) -> TableRow:
        """Return the row of a run; rows of finished runs are cached."""
        if run.result is None:
            return run_row(run, columns, self.marked.get(run.run), self.app)
        state = (run.result, self.marked.get(run.run), run.labels, keys)
        if (known := self._rows.get(run.run)) is None or known[0] != state:
            known = self._rows[run.run] = (state, run_row(run, columns, self.marked.get(run.run), self.app))
        return known[1]
