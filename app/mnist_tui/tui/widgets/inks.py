"""The colours of curves and classes, one set for all widgets."""

from __future__ import annotations

from functools import cache
from typing import Final

from textual.color import Color

INKS: Final = 10

# Okabe and Ito's set, lightened and darkened until each has a contrast of 3:1 on the themes' backgrounds.
_DARK: Final = (
    "#56B4E9", "#E69F00", "#2FBF8F", "#F0703A", "#E08BC0", "#A78BFA", "#F0E442", "#BBBBBB", "#8DD35F", "#FF8A9A",
)  # fmt: skip
_LIGHT: Final = (
    "#0072B2", "#A85C00", "#00785A", "#C0440A", "#B0407F", "#6D3FC0", "#7A6A00", "#555555", "#3F7A12", "#A8243A",
)  # fmt: skip


def ink(number: int, *, dark: bool) -> Color:
    """Return a colour of a dark theme or of a light one; after the last the first comes again.

    Not in the style sheet: each colour of each widget would be a node of its own there, styled before the first frame.
    """
    return _parsed(_DARK if dark else _LIGHT)[number % INKS]


@cache
def _parsed(colors: tuple[str, ...]) -> tuple[Color, ...]:
    return tuple(map(Color.parse, colors))
