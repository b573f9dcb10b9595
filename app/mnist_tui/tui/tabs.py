"""The tabs in which each action works."""

from __future__ import annotations

from typing import Final

from mnist_tui.core.state import RunState
from mnist_tui.tui.command import Command
from mnist_tui.tui.commands import COMMANDS, LEARNED, NEXT, TRAIN
from mnist_tui.tui.runscommands import RUNS, RUNS_TAB

TABS_OF: Final = {
    **dict.fromkeys((command.name for command in RUNS_TAB), ("runs-pane",)),
    **dict.fromkeys(("resume", "cursor", "chart_zoom", "chart_pan", "whole"), ("live", "runs-pane")),
    **dict.fromkeys(("scale", "x_axis", "smooth"), ("live", "runs-pane")),
    **dict.fromkeys(("epoch", "film"), ("errors", "features")),
    "matrix_view": ("errors",),
    "open_image": ("draw",),
}
"""Tabs in which an action works, by name; actions not listed work in all tabs."""
SOMETIMES: Final = ("errors", "features", "draw")
"""Tabs that not every run has something to show in."""
GROUP_OF: Final = {"runs-pane": RUNS, "errors": LEARNED, "features": LEARNED}
"""The group of commands that help and palette begin with, by the visible tab; otherwise they begin with training."""
TAB_NAMES: Final = {
    "live": "the Live tab (1)",
    "runs-pane": "the Runs tab (2)",
    "errors": "the Errors tab (3)",
    "features": "the Features tab (4)",
    "draw": "the Draw tab (5)",
}


def why_hidden(tab: str, run: RunState | None) -> str:
    """Return why a tab has nothing to show of a run, as a sentence; empty if it has."""
    if run is None:
        return ""
    if run.network is None and (tab in ("features", "draw") or (tab == "errors" and run.dataset is None)):
        return "This tab shows what the built-in network learned; this run belongs to a script."
    return ""


def places(command: Command) -> str:
    """Return the tabs in which a command works, as text for a message."""
    return " and ".join(TAB_NAMES[tab] for tab in TABS_OF.get(command.name, TAB_NAMES))


def why_not_opened(name: str) -> str:
    """Return why an action does not work on the runs of other tools, as a sentence; empty if it works."""
    group = next((command.group for command in COMMANDS if command.name == name), "")
    if group in (TRAIN, NEXT) or name in ("resume", "retry"):
        return "Other tools' runs are only shown here. Start `mnist-tui` to train."
    if name in ("label", "remove", "undelete"):
        return "Other tools' runs are not changed here. `mnist-tui import` copies them; name and delete the copies."
    return ""
