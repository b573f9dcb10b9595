"""Asks for one whole number."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from mnist_tui.core.setting import parse_number
from mnist_tui.errors import UsageError
from mnist_tui.tui.screens.dialog import Dialog


class NumberScreen(Dialog[int]):
    """A box with one number.

    Args:
        title: What is asked for.
        name: What the number is called in a sentence, such as `epochs`.
        value: The present value.
        low, high: The range allowed, both ends included.
    """

    KEYS = (("Enter", "OK"), ("Esc", "Back"))

    def __init__(self, title: str, name: str, value: int, low: int, high: int) -> None:
        super().__init__()
        self._title, self._noun, self._value, self._low, self._high = title, name, value, low, high

    def box(self) -> ComposeResult:
        """One input line."""
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            # Any text can be typed: letters that were dropped without a word would leave another number.
            yield Input(
                str(self._value),
                select_on_focus=True,
                compact=not self.has_room(1),
                classes="-framed" if self.has_room(1) else "",
            )
            yield Static("", id="error", classes="error", markup=False)
            yield Static(f"{self._low} to {self._high:,}.", classes="hint")

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        try:
            number = parse_number(event.value, self._noun, self._low, self._high)
        except UsageError as error:
            self.say(f"{error.what[0].upper()}{error.what[1:]}.")
        else:
            self.dismiss(number)
