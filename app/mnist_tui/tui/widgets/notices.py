"""Notices: a strip above the bottom lines, with one notice per subject."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from textwrap import wrap
from typing import Final, Literal, TypeAlias

from textual.content import Content
from textual.widgets import Static

Severity: TypeAlias = Literal["information", "warning", "error"]
SIGNS: Final[dict[Severity, tuple[str, str]]] = {
    "information": ("•", "bold $text-primary"),
    "warning": ("▲", "bold $text-warning"),
    "error": ("✖", "bold $text-error"),
}
MOST: Final = 3
"""Maximum notices visible at the same time; the oldest is dropped first."""
MOST_KEPT: Final = 500
"""Maximum notices kept for the log."""
LINES: Final = 2
"""Maximum lines per notice."""


@dataclass(frozen=True, slots=True)
class PastNotice:
    """A notice, and when it was shown.

    Attributes:
        at: Local time of day.
        message: Its text.
        severity: Its severity.
    """

    at: str
    message: str
    severity: Severity


class Notices(Static):
    """Notices above the bottom lines of the main screen, so never over a dialog. A click dismisses them.

    Not Textual's toasts: those pile up, cover dialogs, and cannot be dismissed with a key.
    """

    DEFAULT_CSS = """
    Notices {
        layer: notices; dock: bottom; height: auto; padding: 0 1; display: none;
        background: $panel; color: $foreground;
    }
    """

    def __init__(self) -> None:
        super().__init__(id="notices")
        self._notices: dict[str, PastNotice] = {}
        self.said: deque[PastNotice] = deque(maxlen=MOST_KEPT)
        """All notices of this session, the oldest first."""

    def tell(self, subject: str, message: str, severity: Severity, seconds: float) -> None:
        """Show a notice, replacing the previous one on the same subject.

        Args:
            subject: Any string; a notice replaces the one with the same subject.
            message: One or more sentences; on small screens only the first one is shown.
            severity: Its severity.
            seconds: How long it stays; time spent behind a dialog does not count.
        """
        notice = PastNotice(time.strftime("%H:%M:%S"), message, severity)
        self.said.append(notice)
        self._notices.pop(subject, None)
        self._notices[subject] = notice
        self._redraw()
        self._forget_later(subject, notice, seconds)

    def dismiss(self) -> bool:
        """Dismiss all notices; return False if there were none."""
        had_any = bool(self._notices)
        self._notices.clear()
        self._redraw()
        return had_any

    def _forget_later(self, subject: str, notice: PastNotice, seconds: float) -> None:
        def forget() -> None:
            if self._notices.get(subject) is not notice:
                return
            if self.app.screen is not self.screen:
                self._forget_later(subject, notice, seconds)
                return
            del self._notices[subject]
            self._redraw()

        self.set_timer(seconds, forget)

    def on_resize(self) -> None:
        """Fit the notices to the new size."""
        self._redraw()

    def on_click(self) -> None:
        """Dismiss the notices."""
        self.dismiss()

    def _redraw(self) -> None:
        self.display = bool(self._notices)
        small = any(self.screen.has_class(name) for name in ("-tiny", "-narrow", "-flat", "-short"))
        width = max(10, self.app.size.width - 2)
        shown = list(self._notices.values())[-(1 if small else MOST) :]
        lines = []
        for notice in shown:
            sign, style = SIGNS[notice.severity]
            text = _first_sentence(notice.message) if small else notice.message
            first, *others = wrap(text, width - 2, max_lines=LINES, placeholder="…") or [""]
            lines.append(Content.assemble((sign, style), f" {first}"))
            lines += [Content(f"  {line}") for line in others]
        self.update(Content("\n").join(lines))


def _first_sentence(text: str) -> str:
    first, stop, _ = text.partition(". ")
    return f"{first}." if stop else text
