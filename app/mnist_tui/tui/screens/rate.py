"""Asks for a learning rate."""

from __future__ import annotations

import math

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from mnist_tui.core.setting import check_rate
from mnist_tui.errors import UsageError
from mnist_tui.tui.screens.dialog import Dialog


class RateScreen(Dialog[float]):
    """A box with one learning rate.

    Args:
        rate: The present one; NaN if unknown.
        since: From when the new one holds: `epoch` or `step`.
    """

    KEYS = (("Enter", "OK"), ("Esc", "Back"))

    def __init__(self, rate: float, since: str = "epoch") -> None:
        super().__init__()
        self._rate, self._since = rate, since

    def box(self) -> ComposeResult:
        """One input line."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Learning rate of this run"
            yield Input(
                "" if math.isnan(self._rate) else f"{self._rate:g}",
                placeholder="e.g. 0.001",
                select_on_focus=True,
                compact=not self.has_room(1),
                classes="-framed" if self.has_room(1) else "",
            )
            yield Static("", id="error", classes="error", markup=False)
            hint = f"From the next {self._since} on; marked in the charts and kept with the run."
            yield Static(hint, classes="hint")

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        try:
            rate = float(event.value)
            check_rate(rate)
        except (ValueError, UsageError):
            self.say("A learning rate is a number above 0, such as 0.0003.")
        else:
            self.dismiss(rate)
