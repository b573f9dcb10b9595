"""A chart widget: cells are recomputed when the data or size changes, colours when the theme changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import MouseDown, MouseEvent, MouseScrollDown, MouseScrollUp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.core.metric import Split
from mnist_tui.report.charts import AXIS, CURSOR, DIM, GRID, SIGN, TEXT, Chart, Drawing, Run, label_width, rasterise
from mnist_tui.report.points import Series
from mnist_tui.tui.widgets.inks import ink

_TITLE: Final = -3
_COMPONENTS: Final = {
    AXIS: "plot--axis",
    TEXT: "plot--text",
    _TITLE: "plot--title",
    GRID: "plot--grid",
    CURSOR: "plot--cursor",
    SIGN: "plot--sign",
}
_PALE: Final = 0.45
"""How much of its colour a dimmed curve keeps."""


_LINES: Final = {(False, False): "─", (False, True): "━", (True, False): "╌", (True, True): "╍"}
"""Legend symbol of a curve, by (dashed, thick)."""


class PlotView(Widget):
    """Title and legend on the first line, curves below. The mouse sets the cursor, its wheel zooms."""

    ALLOW_MAXIMIZE = True
    can_focus = True
    COMPONENT_CLASSES: ClassVar[set[str]] = set(_COMPONENTS.values())
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.chart_zoom(1)", "Closer", show=False),
        Binding("down", "app.chart_zoom(-1)", "Further", show=False),
    ]
    DEFAULT_CSS = """
    PlotView {
        height: 1fr; padding: 0 1;
        & > .plot--axis { color: $foreground 50%; }
        & > .plot--text { color: $text-muted; }
        & > .plot--title { color: $foreground; text-style: bold; }
        & > .plot--grid { color: $foreground 20%; }
        & > .plot--cursor { color: $foreground 60%; }
        & > .plot--sign { color: $text-warning; text-style: bold; }
        &:light {
            & > .plot--axis { color: $foreground 67%; }
        }
        &:focus > .plot--title { text-style: bold underline; }
    }
    """

    @dataclass
    class Pointed(Message):
        """The mouse was pressed at an x, or its wheel was turned there.

        Attributes:
            x: The position, in axis units.
            zoom: Wheel steps, positive for up; 0 for a press.
        """

        x: float
        zoom: int = 0

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self._chart: Chart | None = None
        self._rows: list[list[Run]] = []
        self._drawn: tuple[Chart, int, int, int] | None = None
        self._drawing = Drawing([])
        self._labels: tuple[tuple[Chart, int, int], int] | None = None
        self.in_step: tuple[PlotView, ...] = ()
        self._strips: list[Strip] = []

    def show(self, chart: Chart) -> None:
        """Draw this chart, unless it is already on screen."""
        if chart != self._chart:
            self._chart = chart
            self.refresh()
            for view in self.in_step:
                view.refresh()

    def notify_style_update(self) -> None:
        """Drop the cached colours, but keep the cells."""
        super().notify_style_update()
        self._strips = []

    def render_line(self, y: int) -> Strip:
        """Return one line of the chart."""
        width, height = self.size
        if self._chart is None or width < 1:
            return Strip.blank(width, self.rich_style)
        # Align the y axes of stacked charts.
        above = [view for view in self.in_step if view.display and view.region.x == self.region.x]
        labels = max(view.labels_width for view in (self, *above))
        if self._drawn != (self._chart, width, height, labels):
            self._drawn = (self._chart, width, height, labels)
            self._drawing = (
                rasterise(self._chart, width, height - 1, labels_width=labels) if height > 1 else Drawing([])
            )
            self._rows = [legend(self._chart, width), *self._drawing.rows]
            self._strips = []
        if not self._strips:
            self._strips = [Strip([Segment(text, self._style(ink)) for text, ink in row], width) for row in self._rows]
        return self._strips[y] if y < len(self._strips) else Strip.blank(width, self.rich_style)

    @property
    def labels_width(self) -> int:
        """Width of the y axis labels in cells."""
        if self._chart is None or self.size.height < 2:
            return 0
        key = (self._chart, *self.size)
        if self._labels is None or self._labels[0] != key:
            self._labels = (key, label_width(self._chart, self.size.width, self.size.height - 1))
        return self._labels[1]

    def _style(self, number: int) -> Style:
        if number < 0:
            return self.get_visual_style(_COMPONENTS[number]).rich_style
        pale, number = divmod(number, DIM)
        style = replace(self.visual_style, foreground=ink(number, self.app))
        if pale and style.foreground is not None and style.background is not None:
            style = replace(style, foreground=style.background.blend(style.foreground, _PALE))
        return style.rich_style

    def _x_at(self, column: int) -> float | None:
        drawing = self._drawing
        if drawing.plane is None:
            return None
        return drawing.plane.x_of(min(max(column - drawing.margin, 0), drawing.plane.columns - 1))

    def _point(self, event: MouseEvent, zoom: int) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and (x := self._x_at(offset.x)) is not None:
            event.stop()
            self.post_message(self.Pointed(x, zoom))

    def on_mouse_down(self, event: MouseDown) -> None:
        """Set the cursor."""
        self._point(event, 0)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Zoom in."""
        self._point(event, 1)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Zoom out."""
        self._point(event, -1)


def legend(chart: Chart, width: int) -> list[Run]:
    """Return the title and curve names in `width` cells; notes are dropped first if space is short."""
    runs = next((runs for runs in _legends(chart) if _cells(runs) <= width), None) or [*_legends(chart)][-1]
    if _cells(runs) > width:
        runs = list(_cut(runs, width))
    return [*runs, (" " * (width - _cells(runs)), TEXT)]


def _legends(chart: Chart) -> Iterator[list[Run]]:
    """Return legends from long to short."""
    bare = tuple(replace(series, note="") for series in chart.series)
    short = chart.title.partition(" (")[0]
    yield _legend(chart.title, chart.series, chart.note)
    if chart.note and chart.series and chart.series[0].name == Split.TRAIN:
        # The chart's note matters more than the note of the training curve.
        later = (*bare[:1], *chart.series[1:])
        yield _legend(chart.title, later, chart.note)
        yield _legend(chart.title, later, "")
        yield _legend(short, later, "")
    yield _legend(chart.title, chart.series, "")
    yield _legend(short, chart.series, "")
    yield _legend(chart.title, bare, "")
    yield _legend(short, bare, "")


def _legend(title: str, curves: tuple[Series, ...], note: str) -> list[Run]:
    runs: list[Run] = [(title, _TITLE)]
    for series in curves:
        if series.dim or not (series.name or series.note):
            continue
        line = 2 * _LINES[series.dashed, series.thick]
        runs += [("  ", TEXT), (" ".join(filter(None, (line, series.name, series.note))), series.ink)]
    return [*runs, (f"  {note}", TEXT)] if note else runs


def _cells(runs: list[Run]) -> int:
    return sum(cell_len(text) for text, _ in runs)


def _cut(runs: list[Run], width: int) -> Iterator[Run]:
    room = width
    for text, number in runs:
        if cell_len(text) > room:
            if room:
                yield set_cell_size(text, room - 1) + "…", number
            return
        yield text, number
        room -= cell_len(text)
