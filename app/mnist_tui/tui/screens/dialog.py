"""What all dialogs share: a framed box in the middle, Esc to go back, an error line of their own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import ClassVar, TypeVar

from rich.console import RenderableType
from rich.segment import Segment
from rich.style import Style
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.widgets import Static

T = TypeVar("T")


class Backdrop(BackgroundScreen):
    """The screen behind a dialog. Textual dims it piece by piece, for longer than a key may take to be answered."""

    @classmethod
    def process_segments(cls, segments: Iterable[Segment], color: Color) -> Iterable[Segment]:
        """Dim each style once: a screen has a thousand pieces, and some dozen styles."""
        plain = Style()
        for text, style, control in segments:
            yield Segment(text, style if control else _dimmed((style or plain).clear_meta_and_links(), color), control)


@lru_cache(maxsize=1024)
def _dimmed(style: Style, color: Color) -> Style | None:
    (segment,) = BackgroundScreen.process_segments([Segment("", style)], color)
    return segment.style


class Dialog(ModalScreen[T | None]):
    """A modal box; its result is `None` when it is left without an answer. Its frame says which keys it takes."""

    KEYS: ClassVar[str] = "Esc back"
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
    }
    Dialog > .dialog {
        width: 64; max-width: 96%; height: auto; max-height: 96%;
        background: $surface; border: round $primary; padding: 0 1;
        border-title-color: $foreground; border-subtitle-color: $text-muted;
    }
    Dialog .error { color: $text-error; height: auto; }
    Dialog .hint { color: $text-muted; height: auto; }
    Dialog .buttons { height: auto; align-horizontal: right; }
    Dialog Button { margin-left: 1; min-width: 10; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back")]

    def render(self) -> RenderableType:
        """Return the screen behind, dimmed."""
        behind = super().render()
        return Backdrop(behind.screen, behind.color) if isinstance(behind, BackgroundScreen) else behind

    def on_mount(self) -> None:
        """Say in the frame which keys there are, and fill the box, unless it was closed before it was built."""
        if any(box.children for box in self.query(".dialog")):
            self.query_one(".dialog").border_subtitle = self.KEYS
            self.fill()

    def fill(self) -> None:
        """Put into the box what it shows at first; a dialog that is complete when composed has nothing to do."""

    def action_leave(self) -> None:
        """Go back without an answer."""
        self.dismiss(None)

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close with an answer; a second key that was pressed before the box was gone closes nothing more."""
        return super().dismiss(result) if self.is_current else AwaitComplete()

    def say(self, message: str) -> None:
        """Show what is wrong with the values given."""
        self.query_one(".error", Static).update(message)
