"""A chart as a widget: cells are computed when data or size change, colours when the theme does."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.report.charts import AXIS, Chart, Run, rasterise

INKS: Final = 8


class PlotView(Widget):
    """Title and legend on the first line, curves below."""

    ALLOW_MAXIMIZE = True
    can_focus = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {"plot--axis", "plot--title", *(f"plot--ink-{i}" for i in range(INKS))}
    # Okabe and Ito's set, lightened and darkened until each has a contrast of 3:1 on the themes' backgrounds.
    DEFAULT_CSS = """
    PlotView {
        height: 1fr; padding: 0 1;
        & > .plot--axis { color: $foreground 60%; }
        & > .plot--title { color: $foreground; text-style: bold; }
        & > .plot--ink-0 { color: #56B4E9; }
        & > .plot--ink-1 { color: #E69F00; }
        & > .plot--ink-2 { color: #2FBF8F; }
        & > .plot--ink-3 { color: #F0703A; }
        & > .plot--ink-4 { color: #E08BC0; }
        & > .plot--ink-5 { color: #A78BFA; }
        & > .plot--ink-6 { color: #F0E442; }
        & > .plot--ink-7 { color: #BBBBBB; }
        &:light {
            & > .plot--ink-0 { color: #0072B2; }
            & > .plot--ink-1 { color: #A85C00; }
            & > .plot--ink-2 { color: #00785A; }
            & > .plot--ink-3 { color: #C0440A; }
            & > .plot--ink-4 { color: #B0407F; }
            & > .plot--ink-5 { color: #6D3FC0; }
            & > .plot--ink-6 { color: #7A6A00; }
            & > .plot--ink-7 { color: #555555; }
        }
        &:focus > .plot--title { text-style: bold underline; }
    }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._chart: Chart | None = None
        self._rows: list[list[Run]] = []
        self._drawn: tuple[Chart | None, int, int] | None = None

    def show(self, chart: Chart) -> None:
        """Draw this chart; nothing happens when it is the one on screen."""
        if chart != self._chart:
            self._chart = chart
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one line of the chart."""
        width, height = self.size
        if self._chart is None or width < 1 or height < 1:
            return Strip.blank(width, self.rich_style)
        if self._drawn != (self._chart, width, height):
            body = rasterise(self._chart, width, height - 1) if height > 1 else []
            self._rows = [self._head(self._chart, width), *body]
            self._drawn = (self._chart, width, height)
        if y >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return Strip([Segment(text, self._ink(ink)) for text, ink in self._rows[y]], width)

    def _ink(self, ink: int) -> Style:
        name = "plot--axis" if ink == AXIS else "plot--title" if ink < AXIS else f"plot--ink-{ink % INKS}"
        return self.get_component_rich_style(name)

    @staticmethod
    def _head(chart: Chart, width: int) -> list[Run]:
        """Return title and legend; what does not fit is left out, notes first."""
        for beside_title, beside_names in ((True, True), (True, False), (False, False)):
            head: list[Run] = [(chart.title, AXIS - 1)]
            if beside_title and chart.note:
                head.append((f"  {chart.note}", AXIS))
            for series in chart.series:
                note = f" {series.note}" if beside_names and series.note else ""
                head += [("  ", AXIS), (f"{'─○─' if series.dashed else '───'} {series.name}{note}", series.ink)]
            if sum(cell_len(text) for text, _ in head) <= width:
                break
        fitted: list[Run] = []
        room = width
        for text, ink in head:
            if cell_len(text) > room:
                fitted.append((set_cell_size(text, room - 1) + "…" if room > 1 else " " * room, ink))
                room = 0
                break
            fitted.append((text, ink))
            room -= cell_len(text)
        return [*fitted, (" " * room, AXIS)]
