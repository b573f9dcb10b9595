"""The colours of curves and classes, shared by all widgets."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from rich.style import Style
from textual.app import App
from textual.color import Color

from mnist_tui.core.status import Status
from mnist_tui.report.formatting import status_style
from mnist_tui.tui import themes
from mnist_tui.tui.contrast import legible

INKS: Final = 10

# The Okabe-Ito palette, once lightened and once darkened.
_DARK: Final = (
    "#56B4E9", "#E69F00", "#2FBF8F", "#F0703A", "#E08BC0", "#A78BFA", "#F0E442", "#BBBBBB", "#8DD35F", "#FF8A9A",
)  # fmt: skip
_LIGHT: Final = (
    "#0072B2", "#A85C00", "#00785A", "#C0440A", "#B0407F", "#6D3FC0", "#7A6A00", "#454545", "#3F7A12", "#A8243A",
)  # fmt: skip


def ink(number: int, app: App[Any]) -> Color:
    """Return a colour that is legible on the backgrounds of the app's theme; numbers wrap around.

    Not in the style sheet: there, each colour of each widget would be a separate node, styled before the first frame.
    """
    return _all(app.current_theme.dark, themes.grounds(app.theme_variables))[number % INKS]


@lru_cache(maxsize=16)
def _all(dark: bool, grounds: tuple[Color, ...]) -> tuple[Color, ...]:
    return tuple(legible(Color.parse(color), grounds) for color in (_DARK if dark else _LIGHT))


def status_ink(status: Status, app: App[Any]) -> Style:
    """Return the style of a status in the colours of the app's theme."""
    return Style(color=app.theme_variables[_ROLES[status_style(status)]])


_ROLES: Final = {
    "dim": "text-muted",
    "cyan": "text-primary",
    "yellow": "text-warning",
    "green": "text-success",
    "red": "text-error",
}
"""The theme's variable for each colour that a console gives to a status."""
