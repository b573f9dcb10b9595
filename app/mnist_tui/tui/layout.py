"""What the screen consists of, and how much of it fits a size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from textual.app import ComposeResult
from textual.geometry import Size
from textual.widgets import TabbedContent, TabPane

from mnist_tui.tui.screens.first import FirstScreen
from mnist_tui.tui.widgets.draw import DrawView
from mnist_tui.tui.widgets.errors import ErrorsView
from mnist_tui.tui.widgets.features import FeaturesView
from mnist_tui.tui.widgets.keys import KeyBar
from mnist_tui.tui.widgets.live import LiveView
from mnist_tui.tui.widgets.notices import Notices
from mnist_tui.tui.widgets.progress import ProgressStrip
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.widgets.settings import SettingsBar
from mnist_tui.tui.widgets.status import StatusLine

Breakpoints = list[tuple[int, str]]
WIDTHS: Final[Breakpoints] = [(0, "-tiny"), (50, "-narrow"), (76, "-normal"), (116, "-wide")]
HEIGHTS: Final[Breakpoints] = [(0, "-flat"), (16, "-short"), (22, "-medium"), (34, "-tall")]
"""The class that the screen has from so many columns or rows on."""
_HUGE: Final = (170, 44)
"""Columns and rows from which a screen shows more than one that is wide and tall."""
_ALL_TABS: Final = 48
"""Columns that the names of all tabs need."""


def is_huge(size: Size) -> bool:
    """Return whether there is room for more than a wide and tall screen shows."""
    return size.width >= _HUGE[0] and size.height >= _HUGE[1]


def features_title(width: int) -> str:
    """Return the name of the Features tab, short where the names of all tabs would not fit."""
    return "4 Feat" if width < _ALL_TABS else "4 Features"


def first_screen(size: Size) -> FirstScreen:
    """Return the first screen, which knows its size from the start: else all is styled and laid out twice."""
    classes = [_class_of(size.width, WIDTHS), _class_of(size.height, HEIGHTS), *(["-huge"] if is_huge(size) else [])]
    return FirstScreen(" ".join(classes))


def _class_of(size: int, breakpoints: Sequence[tuple[int, str]]) -> str:
    return [name for least, name in breakpoints if size >= least][-1]


def compose() -> ComposeResult:
    """Status, tabs, settings, progress, keys."""
    yield StatusLine()
    with TabbedContent(initial="live", id="tabs"):
        with TabPane("1 Live", id="live"):
            yield LiveView()
        with TabPane("2 Runs", id="runs-pane"):
            yield RunsView()
        with TabPane("3 Errors", id="errors"):
            yield ErrorsView()
        with TabPane("4 Features", id="features"):
            yield FeaturesView()
        with TabPane("5 Draw", id="draw"):
            yield DrawView()
    yield SettingsBar()
    yield ProgressStrip()
    yield KeyBar()
    yield Notices()
