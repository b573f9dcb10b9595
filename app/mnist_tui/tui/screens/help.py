"""All keys, made from the one declaration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from mnist_tui.core.fields import COLUMNS
from mnist_tui.report.marks import MARK_MEANINGS
from mnist_tui.tui.command import Command
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.screens.dialog import Dialog
from mnist_tui.tui.tabs import GROUP_OF

_WORDS: Final = (
    *((column.title, column.meaning) for column in COLUMNS),
    ("Δ points", "Change of the validation accuracy, in percentage points."),
    ("Err. red.", "Share of the validation errors that the epoch removed."),
)
_LEAST: Final = 20
"""Cells for what a name means; a name that leaves it less has a line of its own."""


class HelpScreen(Dialog[None]):
    """Keys by group, then what each column means.

    Args:
        commands: All commands, with their keys.
        tab: The visible tab, whose keys come first.
    """

    KEYS = (("/", "Search"), ("↑ ↓", "Scroll"), ("Esc", "Back"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1,q", "leave", "Back"),
        Binding("slash", "search", "Search"),
    ]
    DEFAULT_CSS = """
    HelpScreen > .dialog { width: 100; height: 90%; scrollbar-gutter: stable; }
    HelpScreen Input { display: none; background: $panel; }
    HelpScreen Input.-open { display: block; }
    """

    def __init__(self, commands: Sequence[Command] = COMMANDS, tab: str = "live") -> None:
        super().__init__()
        self._commands = tuple(sorted(commands, key=lambda command: command.group != GROUP_OF.get(tab)))

    def box(self) -> ComposeResult:
        """One scrolling page, in one piece: a key should be answered immediately, and many widgets take their time."""
        with VerticalScroll(classes="dialog") as box:
            box.border_title = "Keys and glossary"
            yield Input(placeholder="a key, or a word of what it does", compact=True)
            yield Static(id="page")

    def action_search(self) -> None:
        """Let a word be typed; only what holds it is shown."""
        field = self.query_one(Input)
        field.add_class("-open")
        self.set_focus(field)

    @on(Input.Changed)
    def _find(self) -> None:
        self.on_resize()

    @on(Input.Submitted)
    def _read_on(self) -> None:
        self.set_focus(self.query_one(VerticalScroll))

    def on_resize(self) -> None:
        """Wrap the lines again."""
        for page in self.query("#page").results(Static):
            width = self.query_one(VerticalScroll).scrollable_content_region.width
            word = self.query_one(Input).value.strip().lower()
            page.update(Content("\n").join(_page(self._commands, width, word)))


def _page(commands: Sequence[Command], width: int, word: str) -> Iterator[Content]:
    """Return the lines of the page: all, or those whose key, name or meaning holds the word."""
    groups = {
        group: [(c.label, c.help, c.title) for c in commands if c.group == group]
        for group in dict.fromkeys(command.group for command in commands)
    }
    groups["Signs in the charts"] = [(sign, meaning, "") for sign, meaning in MARK_MEANINGS.items()]
    groups["Words"] = [(name, meaning, "") for name, meaning in _WORDS]
    found = False
    for group, entries in groups.items():
        shown = [entry[:2] for entry in entries if any(word in text.lower() for text in entry)]
        if shown:
            found = True
            yield from _entries(group, shown, width)
    if not found:
        yield Content.styled(f"Nothing here has {word!r}.", "$text-muted")


def _entries(title: str, entries: Sequence[tuple[str, str]], width: int) -> Iterator[Content]:
    """Return names beside what they mean, which may take several lines."""
    yield Content.styled(title, "bold underline")
    indent = max(2, min(2 + max(len(name) for name, _ in entries), width - _LEAST))
    for name, meaning in entries:
        first, *others = wrap(meaning, max(1, width - indent))
        if len(name) >= indent:
            yield Content.styled(name, "bold")
            name = ""
        yield Content.assemble((f"{name:<{indent}}", "bold"), first)
        yield from (Content(" " * indent + line) for line in others)
    yield Content("")
