"""Custom themes: one with high contrast and two that are safe for colour-blind users; and the theme cycle."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from textual.color import Color
from textual.theme import Theme

from mnist_tui.tui.contrast import FRAME, TEXT, between, legible, strongest

HIGH_CONTRAST: Final = Theme(
    name="high-contrast",
    primary="#4DB8FF",
    secondary="#FFFFFF",
    accent="#FFD700",
    foreground="#FFFFFF",
    background="#000000",
    surface="#000000",
    panel="#262626",
    success="#00E676",
    warning="#FFD700",
    error="#FF6B6B",
    dark=True,
    variables={"border": "#FFFFFF", "block-cursor-background": "#FFD700", "block-cursor-foreground": "#000000"},
)
# The Okabe-Ito palette: blue for good and vermilion for bad, never red against green.
COLOUR_BLIND_DARK: Final = Theme(
    name="colour-blind-dark",
    primary="#56B4E9",
    secondary="#CC79A7",
    accent="#F0E442",
    foreground="#E8E8E8",
    background="#101014",
    surface="#18181E",
    panel="#26262E",
    success="#56B4E9",
    warning="#F0E442",
    error="#E8743B",
    dark=True,
)
COLOUR_BLIND_LIGHT: Final = Theme(
    name="colour-blind-light",
    primary="#0072B2",
    secondary="#8A4B75",
    accent="#8A5A00",
    foreground="#1A1A1A",
    background="#FFFFFF",
    surface="#F4F4F4",
    panel="#E2E2E2",
    success="#0072B2",
    warning="#755800",
    # Crimson, not Okabe and Ito's vermilion: dark enough for text, that is the same as dark yellow to some.
    error="#8C1438",
    dark=False,
    variables={"text-error": "#7A1030", "text-warning": "#755800"},
)
OWN_THEMES: Final = (HIGH_CONTRAST, COLOUR_BLIND_DARK, COLOUR_BLIND_LIGHT)
THEMES: Final = (
    "textual-dark",
    "textual-light",
    "nord",
    "gruvbox",
    "catppuccin-latte",
    *(theme.name for theme in OWN_THEMES),
)
"""Themes that the theme key cycles through."""

_FOCUS_TINT: Final = 0.06
"""How much of the text's colour Textual mixes into the background of the widget with the focus, and a little more."""
_TEXT_ROLES: Final = ("text-primary", "text-secondary", "text-accent", "text-success", "text-warning", "text-error")


def grounds(variables: Mapping[str, str]) -> tuple[Color, ...]:
    """Return the backgrounds on which a theme's text stands, with and without the focus."""
    return _grounds(*(variables[name] for name in ("foreground", "background", "surface", "panel")))


@lru_cache(maxsize=32)
def _grounds(foreground: str, *plain: str) -> tuple[Color, ...]:
    text = Color.parse(foreground)
    return tuple(shade for ground in map(Color.parse, plain) for shade in (ground, ground.blend(text, _FOCUS_TINT, 1)))


def legible_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a theme that change so that all text has the contrast of WCAG AA and frames are seen.

    Args:
        variables: All variables of the theme.
    """
    behind = grounds(variables)
    ground, text = Color.parse(variables["background"]), Color.parse(variables["foreground"])
    text = legible(text, behind)
    cursor = Color.parse(variables["block-cursor-background"])
    # The cursor of a table without the focus is see-through.
    blurred = [shade.blend(cursor, 0.3, 1) for shade in behind]
    changed = {
        "foreground": text,
        "text-muted": between(ground, text, behind, TEXT),
        "frame": between(ground, text, behind[:4], FRAME),
        "block-cursor-foreground": strongest(cursor),
        "button-color-foreground": strongest(Color.parse(variables["primary"])),
        "input-selection-background": cursor,
        "input-selection-foreground": strongest(cursor),
        "block-cursor-blurred-foreground": legible(text, tuple(blurred)),
        "footer-key-foreground": legible(Color.parse(variables["accent"]), behind),
        **{role: legible(Color.parse(variables[role]), behind) for role in _TEXT_ROLES},
    }
    return {name: color.hex for name, color in changed.items()}
