"""The comparison table, shown when the queue is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, DataTable, Static

from mnist_tui.core.table import ComparisonTable
from mnist_tui.report.files import saved_text
from mnist_tui.report.formatting import printable
from mnist_tui.tui.screens.dialog import Dialog
from mnist_tui.tui.widgets.runcells import comparison_rows
from mnist_tui.tui.widgets.tables import SortableTable

Step: TypeAlias = Literal["open", "export", "compare", "report"]


@dataclass(frozen=True, slots=True)
class Next:
    """What to do with the result.

    Attributes:
        step: What.
        run: The run under the cursor; of several seeds the first.
    """

    step: Step
    run: str


class ResultScreen(Dialog[Next]):
    """The result of a queue, where it was saved, and what can be done next.

    Args:
        table: The comparison of the queue's runs.
        paths: The files it was saved to; empty when that failed.
        problem: Why it could not be saved.
    """

    KEYS = (("Enter", "Open"), ("u", "Export"), ("C", "Compare"), ("W", "Report"), ("Esc", "Close"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Back"),
        Binding("u", "next('export')", "Export"),
        Binding("C", "next('compare')", "Compare"),
        Binding("W", "next('report')", "Report"),
    ]
    DEFAULT_CSS = """
    /* At the bottom, so that the curves it is about stay in view. */
    ResultScreen { align: center bottom; }
    ResultScreen > .dialog { width: 96%; max-height: 80%; }
    ResultScreen SortableTable { height: auto; max-height: 60vh; }
    """

    def __init__(self, table: ComparisonTable, paths: Sequence[Path], problem: str = "") -> None:
        super().__init__()
        self._table, self._paths, self._problem = table, paths, problem

    def box(self) -> ComposeResult:
        """Table, footnotes, paths, what can be done next."""
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_title = "The queue is done"
            yield SortableTable(id="result")
            yield Static(Text(printable(" ".join(self._table.footnotes))), classes="hint")
            if self._paths:
                yield Static(Text(saved_text(self._paths)))
            if self._problem:
                yield Static(Content.styled(printable(self._problem), "$text-error"))
            with Horizontal(classes="buttons"):
                yield Button("Open", variant="primary", compact=True, action="screen.next('open')")
                yield Button("Export", compact=True, action="screen.next('export')")
                yield Button("Compare", compact=True, action="screen.next('compare')")
                yield Button("Report", compact=True, action="screen.next('report')")
                yield Button("Close", compact=True, action="screen.leave")

    def fill(self) -> None:
        """Fill the table."""
        table = self.query_one(SortableTable)
        table.set_rows(self._table.columns, comparison_rows(self._table))
        table.focus()

    @on(SortableTable.Refilled)
    def _tell_hidden_columns(self) -> None:
        more = self.query_one(SortableTable).max_scroll_x > 0
        self.query_one(".dialog").border_subtitle = "← → more" if more else ""

    def action_next(self, step: Step) -> None:
        """Close with what to do next."""
        if (run := self.query_one(SortableTable).current_key) is not None:
            self.dismiss(Next(step, run))

    @on(DataTable.RowSelected)
    def _open(self) -> None:
        self.action_next("open")
