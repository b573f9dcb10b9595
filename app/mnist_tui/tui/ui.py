"""What the parts of the app ask of its screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from textual.screen import Screen

from mnist_tui.tui.widgets.notices import Severity

T = TypeVar("T")


class Ui(Protocol):
    """The screen, as far as the parts know it."""

    @property
    def is_running(self) -> bool:
        """False before the screen is there, and once it is on its way out."""

    def bell(self) -> None:
        """Ring the bell of the terminal."""

    @property
    def tab(self) -> str:
        """Id of the tab in sight."""

    @property
    def chosen(self) -> str | None:
        """Id of the run under the cursor of the Runs tab."""

    @property
    def in_sight(self) -> str | None:
        """Id of the run that keys are about: the one under the cursor in the Runs tab, else the one shown."""

    def tell(
        self, message: str, severity: Severity = "information", *, subject: str = "answer", long: bool = False
    ) -> None:
        """Show a notice for a while, a long one for longer. Text from outside steers neither markup nor terminal.

        Args:
            message: Sentences, the most important one first.
            severity: How grave it is.
            subject: A newer notice replaces the last one on the same subject; answers to keys are one subject.
            long: It takes longer to read, or matters for longer.
        """

    def redraw(self) -> None:
        """Bring all that is in sight up to date."""

    def go_to(self, tab: str) -> None:
        """Show a tab."""

    def beside(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Run `work` in a new thread, then `then` with its result in this one."""

    def ask(self, screen: Screen[T], answer: Callable[[T | None], None]) -> None:
        """Open a dialog; call `answer` with its result, `None` where it was left without one."""
