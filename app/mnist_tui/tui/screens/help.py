"""All keys, made from the one declaration."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
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
                lines = [
                    Content.assemble((f"{command.label:>7}  ", "bold $text-accent"), command.help)
                    for command in COMMANDS
                    if command.group == group
                ]
                yield Static(Content("\n").join([Content.styled(group, "bold"), *lines, Content("")]))
            words = [Content.assemble((f"{column.title}: ", "bold $text-accent"), column.meaning) for column in COLUMNS]
            words += [
                Content.assemble(("Δ points: ", "bold $text-accent"), "Change of the validation accuracy, in points."),
                Content.assemble(
                    ("Err. red.: ", "bold $text-accent"), "Share of the validation errors that the epoch removed."
                ),
            ]
            yield Static(Content("\n").join([Content.styled("Words", "bold"), *words]))
