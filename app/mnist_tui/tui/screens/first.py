"""The screen that everything else lies on."""

from __future__ import annotations

from textual.events import ScreenResume
from textual.screen import Screen


class FirstScreen(Screen[object]):
    """Shown as soon as can be: styled and laid out once.

    Args:
        classes: What its size makes of it.
    """

    def __init__(self, classes: str) -> None:
        super().__init__(id="_default", classes=classes)

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Style nothing again when it is first shown: each widget got its styles as it was mounted."""
        event.refresh_styles = self.stack_updates > 0
