"""The interface through which the parts of the app use its screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from textual.screen import Screen

from mnist_tui.tui.widgets.notices import Severity

T = TypeVar("T")


class Ui(Protocol):
    """The user interface, as seen by the parts of the app."""

    @property
    def is_running(self) -> bool:
        """False before the screen exists and while the app is exiting."""

    def ring(self, text: str) -> None:
        """Ring the terminal bell, and let the terminal show a notification if it can."""

    @property
    def tab(self) -> str:
        """Id of the visible tab."""

    @property
    def chosen(self) -> str | None:
        """Id of the run under the cursor of the Runs tab."""

    @property
    def in_sight(self) -> str | None:
        """Id of the run that keys act on: in the Runs tab the one under the cursor, otherwise the one shown."""

    def tell(
        self, message: str, severity: Severity = "information", *, subject: str = "answer", long: bool = False
    ) -> None:
        """Show a notice for a while. The message is sanitised and not parsed as markup.

        Args:
            message: One or more sentences, the most important one first.
            severity: Its severity.
            subject: A notice replaces the previous one on the same subject; replies to keys share one subject.
            long: Show it for longer.
        """

    def redraw(self) -> None:
        """Redraw everything visible."""

    def go_to(self, tab: str) -> None:
        """Show a tab."""

    def beside(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Run `work` in a new thread, then call `then` with its result in this thread."""

    def ask(self, screen: Screen[T], answer: Callable[[T | None], None]) -> None:
        """Open a dialog; call `answer` with its result, or `None` if it was cancelled."""
