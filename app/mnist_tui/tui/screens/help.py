"""All keys, made from the one declaration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Column, Table
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from mnist_tui.core.table import COLUMNS
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.screens.dialog import Dialog


class HelpScreen(Dialog[None]):
    """Keys by group, then what each column means."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,f1,q", "leave", "Back")]
    DEFAULT_CSS = """
    HelpScreen > .dialog { width: 100; height: 90%; }
    """

    def compose(self) -> ComposeResult:
        """One scrolling page."""
        with VerticalScroll(classes="dialog") as box:
            box.border_title = "Keys and words (Esc goes back)"
            for group in dict.fromkeys(command.group for command in COMMANDS):
                keys = [(command.label, command.help) for command in COMMANDS if command.group == group]
                yield Static(_page(group, keys))
            words = [(column.title, column.meaning) for column in COLUMNS]
            words += [
                ("Δ points", "Change of the validation accuracy, in percentage points."),
                ("Err. red.", "Share of the validation errors that the epoch removed."),
            ]
            yield Static(_page("Words", words))


def _page(title: str, entries: Sequence[tuple[str, str]]) -> Table:
    """Return names beside what they mean, which may take several lines."""
    page = Table.grid(Column(style="bold", max_width=20), Column(ratio=1), padding=(0, 2, 0, 0), expand=True)
    page.title, page.title_justify, page.title_style = title, "left", "bold underline"
    for name, meaning in entries:
        page.add_row(name, meaning)
    page.add_row()
    return page
