"""Themes of our own: one with the highest contrast, two whose signs all can tell apart. The order of the theme key."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

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
# Okabe and Ito's colours: blue for good, vermilion for bad, never red against green.
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
    warning="#7A5C00",
    error="#B84A00",
    dark=False,
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
"""What the theme key goes through."""
