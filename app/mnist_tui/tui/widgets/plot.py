"""A chart as a widget: cells are computed when data or size change, colours when the theme does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.report.charts import AXIS, TEXT, Chart, Run, rasterise
from mnist_tui.report.points import Series
from mnist_tui.tui.widgets.inks import INK_COMPONENTS, ink, ink_css

_TITLE: Final = -3
_COMPONENTS: Final = {AXIS: "plot--axis", TEXT: "plot--text", _TITLE: "plot--title"}


class PlotView(Widget):
    """Title and legend on the first line, curves below."""

    ALLOW_MAXIMIZE = True
    can_focus = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {*_COMPONENTS.values(), *INK_COMPONENTS}
    DEFAULT_CSS = """
    PlotView {
        height: 1fr; padding: 0 1;
        & > .plot--axis { color: $foreground 50%; }
        & > .plot--text { color: $foreground 70%; }
        & > .plot--title { color: $foreground; text-style: bold; }
        &:light {
            & > .plot--axis { color: $foreground 67%; }
        }
        &:focus > .plot--title { text-style: bold underline; }
    }
    """ + ink_css("PlotView")

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self._chart: Chart | None = None
        self._rows: list[list[Run]] = []
        self._drawn: tuple[Chart, int, int] | None = None
        self._strips: list[Strip] = []

    def show(self, chart: Chart) -> None:
        """Draw this chart; nothing happens when it is the one on screen."""
        if chart != self._chart:
            self._chart = chart
            self.refresh()

    def notify_style_update(self) -> None:
        """Forget the colours and keep the cells."""
        super().notify_style_update()
        self._strips = []

    def render_line(self, y: int) -> Strip:
        """Return one line of the chart."""
        width, height = self.size
        if self._chart is None or width < 1:
            return Strip.blank(width, self.rich_style)
        if self._drawn != (self._chart, width, height):
            body = rasterise(self._chart, width, height - 1) if height > 1 else []
            self._rows = [legend(self._chart, width), *body]
            self._drawn = (self._chart, width, height)
            self._strips = []
        if not self._strips:
            self._strips = [Strip([Segment(text, self._style(ink)) for text, ink in row], width) for row in self._rows]
        return self._strips[y] if y < len(self._strips) else Strip.blank(width, self.rich_style)

    def _style(self, number: int) -> Style:
        return self.get_visual_style(_COMPONENTS.get(number, ink(number))).rich_style


def legend(chart: Chart, width: int) -> list[Run]:
    """Return title and names of the curves in `width` cells; notes go first where they do not fit."""
    runs = next((runs for runs in _legends(chart) if _cells(runs) <= width), None) or [*_legends(chart)][-1]
    if _cells(runs) > width:
        runs = list(_cut(runs, width))
    return [*runs, (" " * (width - _cells(runs)), TEXT)]


def _legends(chart: Chart) -> Iterator[list[Run]]:
    """Return legends from long to short."""
    bare = tuple(replace(series, note="") for series in chart.series)
    short = chart.title.partition(" (")[0]
    yield _legend(chart.title, chart.series, chart.note)
    if chart.note:
        # A note on the chart says more than the first curve's, which is the training.
        later = (*bare[:1], *chart.series[1:])
        yield _legend(chart.title, later, chart.note)
        yield _legend(chart.title, later, "")
        yield _legend(short, later, "")
    yield _legend(short, chart.series, "")
    yield _legend(chart.title, bare, "")
    yield _legend(short, bare, "")


def _legend(title: str, curves: tuple[Series, ...], note: str) -> list[Run]:
    runs: list[Run] = [(title, _TITLE)]
    for series in curves:
        stroke = "╌" if series.dashed else "─"
        line = f"{stroke}○{stroke}" if series.points else 2 * stroke
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
