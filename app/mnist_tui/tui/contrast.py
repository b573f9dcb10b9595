"""Contrast between colours, as the Web Content Accessibility Guidelines (WCAG 2.2) define it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from textual.color import Color

TEXT: Final = 4.5
"""What level AA asks of text."""
FRAME: Final = 2.0
"""What a frame needs to be seen; it says nothing that the text in it does not say."""
_STEPS: Final = 50


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two opaque colours, 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    """Return the relative luminance, 0 to 1."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@lru_cache(maxsize=512)
def legible(color: Color, grounds: tuple[Color, ...], least: float = TEXT) -> Color:
    """Return a colour, moved towards black or white as little as gives it this contrast with each background."""
    return between(color, strongest(*grounds), grounds, least)


def between(start: Color, end: Color, grounds: tuple[Color, ...], least: float) -> Color:
    """Return the colour between `start` and `end` that is nearest to `start` and has this contrast with each ground."""
    ways = (start.blend(end, step / _STEPS, 1) for step in range(_STEPS + 1))
    return next((color for color in ways if _worst(color, grounds) >= least), end)


def strongest(*grounds: Color) -> Color:
    """Return black or white, whichever has more contrast with the backgrounds."""
    return max((Color(0, 0, 0), Color(255, 255, 255)), key=lambda color: _worst(color, grounds))


def _worst(color: Color, grounds: tuple[Color, ...]) -> float:
    return min(contrast(color, ground) for ground in grounds)
