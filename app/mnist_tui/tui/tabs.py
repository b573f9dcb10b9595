"""In which tabs an action works."""

from __future__ import annotations

from typing import Final

from mnist_tui.tui.commands import Command

TABS_OF: Final = {
    **dict.fromkeys(
        ("open", "mark", "retry", "sort", "reverse", "remove", "filter", "group", "label", "compare", "undelete"),
        ("runs-pane",),
    ),
    **dict.fromkeys(("resume", "cursor", "chart_zoom", "chart_pan", "whole"), ("live", "runs-pane")),
    **dict.fromkeys(("scale", "x_axis", "smooth"), ("live", "runs-pane")),
    **dict.fromkeys(("epoch", "film"), ("errors", "features")),
    "matrix_view": ("errors",),
}
"""The tabs that an action needs, by its name; all others can be done anywhere."""
TAB_NAMES: Final = {
    "live": "the Live tab (1)",
    "runs-pane": "the Runs tab (2)",
    "errors": "the Errors tab (3)",
    "features": "the Features tab (4)",
    "draw": "the Draw tab (5)",
}


def places(command: Command) -> str:
    """Return where a command works, for a sentence."""
    return " and ".join(TAB_NAMES[tab] for tab in TABS_OF.get(command.name, TAB_NAMES))
