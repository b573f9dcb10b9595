"""Asks for one value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from mnist_tui.errors import UsageError
from mnist_tui.tui.screens.dialog import Dialog, entry

T = TypeVar("T")


class EntryScreen(Dialog[T]):
    """A box with one value.

    Args:
        title: What is asked for.
        value: The current value.
        hint: What is allowed, or what the value will do.
        parse: Returns the value of a text; raises `UsageError` if there is none.
        example: A possible value, shown while the field is empty.
    """

    KEYS = (("Enter", "OK"), ("Esc", "Back"))

    def __init__(self, title: str, value: str, hint: str, parse: Callable[[str], T], example: str = "") -> None:
        super().__init__()
        self._title, self._value, self._hint, self._parse, self._example = title, value, hint, parse, example

    def box(self) -> ComposeResult:
        """One input line."""
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            # Any text can be typed: letters that were dropped without a word would leave another number.
            yield entry(self._value, framed=self.has_room(1), example=self._example)
            yield Static("", id="error", classes="error", markup=False)
            yield Static(self._hint, classes="hint", markup=False)

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        try:
            self.dismiss(self._parse(event.value))
        except UsageError as error:
            self.say(f"{error.what}.")
