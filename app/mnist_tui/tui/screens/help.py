"""All keys, made from the one declaration."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.table import COLUMNS
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.screens.dialog import Dialog

_WORDS: Final = (
    *((column.title, column.meaning) for column in COLUMNS),
    ("Δ points", "Change of the validation accuracy, in percentage points."),
    ("Err. red.", "Share of the validation errors that the epoch removed."),
)
_NAME: Final = 22
"""Cells for a name; a longer one has a line of its own."""


class HelpScreen(Dialog[None]):
    """Keys by group, then what each column means."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,f1,q", "leave", "Back")]
    DEFAULT_CSS = """
    HelpScreen > .dialog { width: 100; height: 90%; }
    HelpScreen Static { text-wrap: nowrap; }
    """

    def compose(self) -> ComposeResult:
        """One scrolling page, in one piece: a key should be answered at once, and many widgets take their time."""
        with VerticalScroll(classes="dialog") as box:
            box.border_title = "Keys and words (Esc goes back)"
            yield Static(id="page")

    def on_resize(self) -> None:
        """Break the lines anew."""
        room = self.query_one(VerticalScroll).scrollable_content_region.width
        self.query_one("#page", Static).update(Content("\n").join(_page(max(room, 2 * _NAME - 10))))


def _page(width: int) -> Iterator[Content]:
    """Return the lines of the page."""
    for group in dict.fromkeys(command.group for command in COMMANDS):
        yield Content.styled(group, "bold underline")
        yield from _entries(((c.label, c.help) for c in COMMANDS if c.group == group), width)
    yield Content.styled("Words", "bold underline")
    yield from _entries(iter(_WORDS), width)


def _entries(entries: Iterator[tuple[str, str]], width: int) -> Iterator[Content]:
    for name, meaning in entries:
        first, *others = wrap(meaning, width - _NAME)
        if len(name) >= _NAME:
            yield Content.styled(name, "bold")
            name, first, others = "", first, others
        yield Content.assemble((f"{name:<{_NAME}}", "bold"), first)
        yield from (Content(" " * _NAME + line) for line in others)
    yield Content("")
