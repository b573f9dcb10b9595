"""The main screen's widgets and its size breakpoints."""

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
"""Class of the screen from this many columns or rows on."""
_ROOMY: Final = (("-huge", 170, 44), ("-vast", 170, 54))
"""Classes of screens that show more than a wide and tall one, and from how many columns and rows on."""
_ALL_TABS: Final = 48
"""Columns needed for the full names of all tabs."""


def roomy(size: Size) -> dict[str, bool]:
    """Return which of the classes for large screens a screen has."""
    return {name: size.width >= width and size.height >= height for name, width, height in _ROOMY}


def features_title(width: int) -> str:
    """Return the title of the Features tab, abbreviated if not all tab titles fit."""
    return "4 Feat" if width < _ALL_TABS else "4 Features"


def first_screen(size: Size) -> FirstScreen:
    """Return the first screen with its size classes set, so that it is not styled and laid out twice."""
    large = [name for name, fits in roomy(size).items() if fits]
    classes = [_class_of(size.width, WIDTHS), _class_of(size.height, HEIGHTS), *large]
    return FirstScreen(" ".join(classes))


def _class_of(size: int, breakpoints: Sequence[tuple[int, str]]) -> str:
    return [name for least, name in breakpoints if size >= least][-1]


def compose(first: str = "live") -> ComposeResult:
    """Create the status line, tabs with the first one to show, settings line, progress bars, footer and notices."""
    yield StatusLine()
    with TabbedContent(initial=first, id="tabs"):
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
