"""Asks before a live run is left."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Button, Static

from mnist_tui.tui.screens.dialog import Dialog

Leave: TypeAlias = Literal["finish", "stop", "detach"]


class QuitScreen(Dialog[Leave]):
    """Finish the epoch, stop now and keep what is finished, leave it training, or go back."""

    AUTO_FOCUS = "#back"
    KEYS = (("f s d", "Choose"), ("Esc", "Back"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "leave_by('finish')", "Finish epoch"),
        Binding("s", "leave_by('stop')", "Stop and keep"),
        Binding("d", "leave_by('detach')", "Leave it training"),
    ]
    DEFAULT_CSS = """
    QuitScreen Button { width: 100%; margin: 0; content-align-horizontal: left; text-align: left; }
    """

    def box(self) -> ComposeResult:
        """Four answers."""
        with Vertical(classes="dialog") as box:
            box.border_title = "A run is in progress"
            yield Static("Finished epochs are already saved.")
            yield Button("f    Finish this epoch and quit", compact=True, action="screen.leave_by('finish')")
            yield Button("s    Stop now and quit", compact=True, action="screen.leave_by('stop')")
            yield Button("d    Leave it training and quit", compact=True, action="screen.leave_by('detach')")
            yield Button("Esc  Back to the run", id="back", variant="primary", compact=True, action="screen.leave")

    def action_leave_by(self, how: Leave) -> None:
        """Give the answer."""
        self.dismiss(how)
