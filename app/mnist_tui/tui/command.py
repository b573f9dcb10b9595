"""What a command is: one thing that a person can do, with its key and its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.binding import Binding
from textual.keys import format_key

_WORDS: Final = {
    "enter": "Enter",
    "escape": "Esc",
    "space": "Space",
    "tab": "Tab",
    "delete": "Del",
    "home": "Home",
    "end": "End",
    "pageup": "PgUp",
    "pagedown": "PgDn",
}
"""Display names where Textual's are symbols or in one case."""


def label_of(key: str) -> str:
    """Return the display name of a key; `key` is the name that Textual gives it."""
    *modifiers, last = key.split("+")
    shown = _WORDS.get(last) or format_key(last)
    return "+".join([*map(str.capitalize, modifiers), shown.upper() if modifiers and len(shown) == 1 else shown])


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the app.

    Attributes:
        action: Name of the `action_` method, with its arguments.
        key: Key or keys, comma separated, as Textual names them.
        title: A few words for the palette.
        help: One sentence: what it does and when it takes effect.
        group: Heading on the help screen.
        short: One or two words for the footer, if the title is longer.
    """

    action: str
    key: str
    title: str
    help: str
    group: str
    short: str = ""

    @property
    def label(self) -> str:
        """Display name of the key, of the first if there are several."""
        return label_of(self.key.split(",")[0])

    @property
    def name(self) -> str:
        """The action without its arguments."""
        return self.action.partition("(")[0]

    @property
    def identity(self) -> str:
        """The action in a form that Textual accepts as an id."""
        return self.action.replace("('", ".").replace("')", "").replace("(", ".").replace(")", "")

    @property
    def binding(self) -> Binding:
        """The Textual binding for this command."""
        return Binding(
            self.key,
            self.action,
            self.title,
            show=False,
            key_display=self.label,
            tooltip=self.help,
            id=self.identity,
        )
