"""The comparison table, shown when the queue is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Button, DataTable, Static

from mnist_tui.core.table import ComparisonTable
from mnist_tui.report.files import saved_text
from mnist_tui.report.formatting import printable
from mnist_tui.tui.screens.dialog import Dialog
from mnist_tui.tui.widgets.runs import comparison_rows
from mnist_tui.tui.widgets.tables import SortableTable


class ResultScreen(Dialog[None]):
    """What the sweep gave and where it was saved.

    Args:
        table: The comparison of the sweep's runs.
        paths: The files it was saved to; empty when that failed.
        problem: Why it could not be saved.
    """

    KEYS = "↑ ↓ move · Esc back"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "leave", "Back")]
    DEFAULT_CSS = """
    ResultScreen > .dialog { width: 96%; }
    ResultScreen SortableTable { height: auto; max-height: 60vh; }
    """

    def __init__(self, table: ComparisonTable, paths: Sequence[Path], problem: str = "") -> None:
        super().__init__()
        self._table, self._paths, self._problem = table, paths, problem

    def compose(self) -> ComposeResult:
        """Table, footnotes, paths."""
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_title = "The queue is done"
            yield SortableTable(id="result")
            yield Static(Text(printable(" ".join(self._table.footnotes))), classes="hint")
            if self._paths:
                yield Static(Text(saved_text(self._paths)))
            yield Static(Text(printable(self._problem)), classes="error")
            yield Button("Close", variant="primary", compact=True)

    def fill(self) -> None:
        """Fill the table."""
        table = self.query_one(SortableTable)
        table.set_rows(self._table.columns, comparison_rows(self._table))
        table.focus()

    @on(Button.Pressed)
    @on(DataTable.RowSelected)
    def _close(self) -> None:
        self.dismiss(None)
