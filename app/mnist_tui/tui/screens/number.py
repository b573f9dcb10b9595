"""Asks for one whole number."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from mnist_tui.tui.screens.dialog import Dialog


class NumberScreen(Dialog[int]):
    """A box with one number.

    Args:
        title: What is asked for.
        value: The present value.
        low, high: The range allowed, both ends included.
    """

    def __init__(self, title: str, value: int, low: int, high: int) -> None:
        super().__init__()
        self._title, self._value, self._low, self._high = title, value, low, high

    def compose(self) -> ComposeResult:
        """One input line."""
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            yield Input(str(self._value), type="integer", select_on_focus=True, compact=True)
            yield Static("", classes="error", markup=False)
            yield Static(f"{self._low} to {self._high:,}. Enter takes it, Esc goes back.", classes="hint")

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        try:
            number = int(event.value)
        except ValueError:
            number = self._low - 1
        if self._low <= number <= self._high:
            self.dismiss(number)
        else:
            self.say(f"It must be a whole number from {self._low} to {self._high:,}.")
