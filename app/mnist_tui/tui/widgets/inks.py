"""The colours of curves and classes, one set for all widgets."""

from __future__ import annotations

from typing import Final

INKS: Final = 10
INK_COMPONENTS: Final = frozenset(f"ink--{number}" for number in range(INKS))

# Okabe and Ito's set, lightened and darkened until each has a contrast of 3:1 on the themes' backgrounds.
_DARK: Final = (
    "#56B4E9", "#E69F00", "#2FBF8F", "#F0703A", "#E08BC0", "#A78BFA", "#F0E442", "#BBBBBB", "#8DD35F", "#FF8A9A",
)  # fmt: skip
_LIGHT: Final = (
    "#0072B2", "#A85C00", "#00785A", "#C0440A", "#B0407F", "#6D3FC0", "#7A6A00", "#555555", "#3F7A12", "#A8243A",
)  # fmt: skip


def ink_css(widget: str) -> str:
    """Return the rules that give a widget's `INK_COMPONENTS` their colours."""

    def rules(colors: tuple[str, ...]) -> str:
        return "\n".join(f"& > .ink--{number} {{ color: {color}; }}" for number, color in enumerate(colors))

    return f"{widget} {{ {rules(_DARK)} &:light {{ {rules(_LIGHT)} }} }}"


def ink(number: int) -> str:
    """Return the component of a colour; after the last the first comes again."""
    return f"ink--{number % INKS}"
