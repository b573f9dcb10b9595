"""What all dialogs share: a framed box, a footer with their keys, Esc to go back, an error line of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import ClassVar, Final, TypeVar

from rich.cells import cell_len
from rich.console import RenderableType
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Label, Static

T = TypeVar("T")
_AROUND: Final = 14
"""Rows of a dialog and of the screen beside its input fields."""


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


class DialogKeys(Static):
    """The footer of a dialog: as many keys as fit, always with the last one, which leaves it."""

    DEFAULT_CSS = "DialogKeys { dock: bottom; height: 1; padding: 0 1; background: $panel; text-wrap: nowrap; }"

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def on_resize(self) -> None:
        """Fit the keys to the width."""
        *keys, last = self._keys
        while keys and sum(cell_len(key) + cell_len(what) + 3 for key, what in (*keys, last)) > self.size.width + 2:
            keys.pop()
        shown = [Content.assemble((key, "bold $text-accent"), " ", what) for key, what in (*keys, last)]
        self.update(Content("  ").join(shown), layout=False)


class Dialog(ModalScreen[T | None]):
    """A modal box with a footer of its own; its result is `None` when it is left without an answer."""

    KEYS: tuple[tuple[str, str], ...] = (("Esc", "Back"),)
    """The keys it takes, and what each does."""
    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
    }
    Dialog > .dialog {
        width: 64; max-width: 96%; height: auto; max-height: 96%;
        background: $surface; border: round $primary; padding: 0 1;
        border-title-color: $foreground;
    }
    Dialog .row { height: auto; }
    Dialog Input { background: $panel; width: 1fr; }
    Dialog Input.-framed { background: $surface; border: round $frame; }
    Dialog Input.-framed:focus { border: round $primary; }
    Dialog .row > Label.-framed { padding-top: 1; }
    Dialog .error { color: $text-error; height: auto; display: none; }
    Dialog .hint { color: $text-muted; height: auto; }
    Dialog .buttons { height: auto; align-horizontal: right; }
    Dialog Button { margin-left: 1; min-width: 10; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back")]

    def render(self) -> RenderableType:
        """Return the screen behind, dimmed."""
        behind = super().render()
        return Backdrop(behind.screen, behind.color) if isinstance(behind, BackgroundScreen) else behind

    def compose(self) -> ComposeResult:
        """The box, and a footer in place of the app's."""
        yield from self.box()
        yield DialogKeys(self.KEYS)

    def box(self) -> ComposeResult:
        """The box, of class `dialog`; each dialog has its own."""
        yield Vertical(classes="dialog")

    def on_mount(self) -> None:
        """Fill the box, unless it was closed before it was built."""
        if any(box.children for box in self.query(".dialog")):
            self.fill()

    def fill(self) -> None:
        """Put into the box what it shows at first; a dialog that is complete when composed has nothing to do."""

    def action_leave(self) -> None:
        """Go back without an answer."""
        self.dismiss(None)

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close with an answer; a second key that was pressed before the box was gone closes nothing more."""
        return super().dismiss(result) if self.is_current else AwaitComplete()

    def say(self, message: str, field: str = "") -> None:
        """Show what is wrong: with the value of a field, below it, or with all of them together."""
        place = self.query_one(f"#{field}-error" if field else "#error", Static)
        place.update(message[:1].upper() + message[1:])
        place.display = bool(message)

    def has_room(self, fields: int) -> bool:
        """Return whether so many input fields can have frames."""
        return self.app.size.height >= 3 * fields + _AROUND


def entry(value: str, *, framed: bool, key: str | None = None, example: str = "", choices: Sequence[str] = ()) -> Input:
    """Return an input field, with an example as its placeholder; it suggests the rest of a choice that was begun."""
    return Input(
        value,
        id=key,
        placeholder=f"e.g. {example}" if example else "",
        compact=not framed,
        select_on_focus=True,
        classes="-framed" if framed else "",
        suggester=SuggestFromList(choices) if choices else None,
    )


def field(
    key: str, title: str, value: str, example: str, *, framed: bool, choices: Sequence[str] = ()
) -> Iterable[Widget]:
    """Yield a titled input field and the place for its error."""
    label = Label(title, classes="-framed" if framed else "")
    yield Horizontal(label, entry(value, framed=framed, key=key, example=example, choices=choices), classes="row")
    yield Static("", id=f"{key}-error", classes="error", markup=False)
