"""Asks before something that may not have been meant."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from mnist_tui.tui.screens.dialog import Dialog


class ConfirmScreen(Dialog[bool]):
    """A question with two answers; Enter goes back, so that nothing starts by accident.

    Args:
        title: What it is about.
        question: What would happen.
        yes: What the button says that lets it happen.
    """

    KEYS = (("y", "Yes"), ("Esc", "Back"))
    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "agree", "Yes"), Binding("n", "leave", "No")]

    def __init__(self, title: str, question: str, yes: str) -> None:
        super().__init__()
        self._title, self._question, self._yes = title, question, yes

    def box(self) -> ComposeResult:
        """The question and both answers."""
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            yield Static(self._question, markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Esc  Back", variant="primary", compact=True, action="screen.leave")
                yield Button(f"y  {self._yes}", compact=True, action="screen.agree")

    def action_agree(self) -> None:
        """Let it happen."""
        self.dismiss(True)
