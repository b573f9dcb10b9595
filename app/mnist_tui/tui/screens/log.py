"""What was said: the notices of this session, and what prints and warnings left in the log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from mnist_tui.report.formatting import harmless
from mnist_tui.terminal import Guard
from mnist_tui.tui.screens.dialog import Dialog
from mnist_tui.tui.widgets.notices import SIGNS, PastNotice

TAIL: Final = 200
"""Lines of the log that are shown."""


class LogScreen(Dialog[None]):
    """Notices, then the end of the log.

    Args:
        said: The notices, the oldest first.
        log: The file that catches prints and warnings.
    """

    KEYS = (("↑ ↓", "Scroll"), ("Esc", "Back"))
    BINDINGS: ClassVar[list[BindingType]] = [Binding("L,q", "leave", "Back")]
    DEFAULT_CSS = """
    LogScreen > .dialog { width: 96%; height: 90%; }
    """

    def __init__(self, said: Sequence[PastNotice], log: Path) -> None:
        super().__init__()
        self._said, self._log = said, log

    def box(self) -> ComposeResult:
        """One scrolling page."""
        with VerticalScroll(classes="dialog") as box:
            box.border_title = "Notices and log"
            yield Static(self._page())

    def _page(self) -> Content:
        lines = [Content.styled("Notices of this session", "bold underline")]
        for said in self._said:
            sign, style = SIGNS[said.severity]
            lines.append(Content.assemble((f"{said.at}  ", "$text-muted"), (f"{sign} ", style), said.message))
        if not self._said:
            lines.append(Content.styled("None yet.", "$text-muted"))
        lines += [Content(""), Content.styled(f"End of {self._log}", "bold underline")]
        tail = Guard(self._log).tail(TAIL)
        lines += [Content(harmless(line)) for line in tail] or [Content.styled("Nothing.", "$text-muted")]
        return Content("\n").join(lines)
