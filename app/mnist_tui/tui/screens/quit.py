"""Asks before a live run is left."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Button, Static

from mnist_tui.tui.screens.dialog import Dialog

Leave: TypeAlias = Literal["finish", "stop"]


class QuitScreen(Dialog[Leave]):
    """Finish the epoch, stop now and keep what is finished, or go back."""

    AUTO_FOCUS = "#back"
    KEYS = "f s or Enter choose · Esc back"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "leave_by('finish')", "Finish epoch"),
        Binding("s", "leave_by('stop')", "Stop and keep"),
    ]
    DEFAULT_CSS = """
    QuitScreen Button { width: 100%; margin: 0; }
    """

    def compose(self) -> ComposeResult:
        """Three answers."""
        with Vertical(classes="dialog") as box:
            box.border_title = "A run is in progress"
            yield Static("Finished epochs are saved already, whatever you choose.")
            yield Button("f  Finish this epoch, then quit", id="finish", compact=True)
            yield Button("s  Stop now, keep the finished epochs, quit", id="stop", compact=True)
            yield Button("Esc  Back to the run", id="back", variant="primary", compact=True)

    def action_leave_by(self, how: Leave) -> None:
        """Give the answer."""
        self.dismiss(how)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "finish":
                self.dismiss("finish")
            case "stop":
                self.dismiss("stop")
            case _:
                self.dismiss(None)
