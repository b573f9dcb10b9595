"""Charts as a picture: the app's curves, scales and ticks, with lines instead of dots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mnist_tui.report.axes import x_limits, y_limits
from mnist_tui.report.charts import Chart
from mnist_tui.report.plane import Plane
from mnist_tui.report.points import Point, Series, exponent, few, finite_runs, inside, point_at
from mnist_tui.report.sheet import FONT, Area, Line, Sheet, Text
from mnist_tui.report.ticks import linear_ticks, log_ticks, tick_labels, whole_ticks

WIDTH: Final = 800
HEIGHT: Final = 420
_BOTTOM: Final = 36
_SIDE: Final = 16
_RIGHT: Final = 40
"""Room for half of the last label."""
_LETTER: Final = 0.56 * FONT
"""Width of a letter, on average."""
_MOST_DOTS: Final = 30
"""A line of at most so many points has a dot at each."""
_ROWS_APART: Final = 44
_COLUMNS_APART: Final = 70
_INKS: Final = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#808080", "#b2182b", "#4d9221",
)  # fmt: skip
"""Okabe and Ito's colours, which people who see fewer colours can tell apart, and four for the app's other inks."""


@dataclass(frozen=True, slots=True)
class Band:
    """A range around a curve.

    Attributes:
        x: Its places, ascending.
        low, high: Its edges there.
        ink: The curve's colour slot.
    """

    x: Sequence[float]
    low: Sequence[float | None]
    high: Sequence[float | None]
    ink: int


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with bands around some of its curves."""

    chart: Chart
    bands: Sequence[Band] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of a picture.

    Attributes:
        paper, ink, muted, grid: Of the background, of text, of less important text, and of the lines behind curves.
    """

    paper: str = "#ffffff"
    ink: str = "#1b1b1b"
    muted: str = "#5a5a5a"
    grid: str = "#dcdcdc"
    inks: Mapping[int, str] = field(default_factory=lambda: dict(enumerate(_INKS)))


LIGHT: Final = Look()
DARK: Final = Look("#161616", "#e8e8e8", "#ababab", "#3a3a3a", {**dict(enumerate(_INKS)), 0: "#4aa3df", 6: "#b67fc4"})


def draw_charts(panels: Sequence[Panel], look: Look = LIGHT, width: int = WIDTH, height: int = HEIGHT) -> Sheet:
    """Return a drawing of charts, one below the other.

    Args:
        panels: The charts.
        look: The colours.
        width: Width in pixels.
        height: Height of each chart in pixels.
    """
    sheet = Sheet(width, height * len(panels), look.paper, "; ".join(panel.chart.title for panel in panels))
    for number, panel in enumerate(panels):
        _Drawing(sheet, panel, look, number * height, height).draw()
    return sheet


class _Drawing:
    """One chart on a sheet."""

    def __init__(self, sheet: Sheet, panel: Panel, look: Look, top: int, height: int) -> None:
        self._sheet, self._chart, self._bands, self._look = sheet, panel.chart, panel.bands, look
        chart = panel.chart
        thinned = [few(series, sheet.width) for series in chart.series]
        self._curves = [finite_runs(series, log=chart.log_y) for series in thinned]
        self._areas = [_stretches(band, chart, sheet.width) for band in panel.bands]
        values = [y for runs in self._curves for run in runs for _, y in run]
        values += [y for area in self._areas for run in area for _, *edges in run for y in edges if y is not None]
        low, high = y_limits(values, chart.y_limits, log=chart.log_y, percent=chart.percent)
        left, right = x_limits(chart.x_limits, whole=chart.whole)
        self._plane = Plane(left, right, low, high, 0, 0)
        self._right = sheet.width - _RIGHT
        self._names = list(self._arranged(top))
        self._top, self._bottom = (self._names[-1][1] if self._names else top + 20) + 20, top + height - _BOTTOM
        rows = max(2, int(self._bottom - self._top) // _ROWS_APART)
        self._ticks = log_ticks(low, high, rows) if chart.log_y else linear_ticks(low, high, rows)
        self._labels = tick_labels(self._ticks, percent=chart.percent, even=not chart.log_y)
        self._left = _SIDE + 8 + _LETTER * max(map(len, self._labels), default=0)
        self._title_at = top + 16

    def draw(self) -> None:
        """Draw the chart."""
        self._axes()
        for band, area in zip(self._bands, self._areas, strict=True):
            for run in area:
                # On a log axis, what is not above 0 lies at its end.
                lows = [self._at((x, self._plane.low if low is None else low)) for x, low, _ in run]
                highs = [self._at((x, high)) for x, _, high in reversed(run) if high is not None]
                self._sheet.parts.append(Area([*lows, *highs], self._ink(band.ink), 0.2))
        for series, runs in zip(self._chart.series, self._curves, strict=True):
            self._curve(series, runs)
        self._legend()

    def _arranged(self, top: float) -> Iterator[tuple[float, float, Series, str]]:
        """Yield where each entry of the legend stands, its curve and its words, in as many rows as needed."""
        x, y = float(_SIDE), top + 40.0
        for series in self._chart.series:
            if not series.name:
                continue
            words = " ".join(filter(None, (series.name, series.note)))
            room = 30 + _LETTER * len(words)
            if x > _SIDE and x + room > self._right:
                x, y = float(_SIDE), y + 20
            yield x, y, series, words
            x += room + 12

    def _axes(self) -> None:
        chart, look, parts = self._chart, self._look, self._sheet.parts
        for value, label in zip(self._ticks, self._labels, strict=True):
            y = self._at((self._plane.left, exponent(value) if chart.log_y else value))[1]
            parts.append(Line([(self._left, y), (self._right, y)], look.grid))
            parts.append(Text((self._left - 8, y), label, look.muted, "end"))
        most = max(2, int((self._right - self._left) / _COLUMNS_APART))
        left, right = self._plane.left, self._plane.right
        places = list(map(float, whole_ticks(round(left), round(right), most))) if chart.whole else []
        places = places or linear_ticks(left, right, most)
        labels = [f"{place:,.0f}" for place in places] if chart.whole else tick_labels(places, percent=False)
        for place, label in zip(places, labels, strict=True):
            x = self._at((place, self._plane.low))[0]
            parts.append(Line([(x, self._bottom), (x, self._bottom + 4)], look.muted))
            parts.append(Text((x, self._bottom + 14), label, look.muted, "middle"))
        parts.append(Line([(self._left, self._bottom), (self._right, self._bottom)], look.muted))
        parts.append(Text((self._right, self._bottom + 28), chart.x_unit, look.muted, "end"))

    def _curve(self, series: Series, runs: Sequence[Sequence[Point]]) -> None:
        ink, width = self._ink(series.ink), 2.5 if series.thick else 1.5
        parts = self._sheet.parts
        for run in runs:
            shown = [self._at(point) for point in run if -1 <= self._plane.shares(point)[0] <= 2]
            if len(shown) > 1:
                parts.append(Line(shown, ink, width, 6 if series.dashed else 0, 0.35 if series.dim else 1.0))
            if len(run) <= _MOST_DOTS and not series.dim:
                parts += [_dot(self._at(point), ink, width) for point in run if inside(self._plane.shares(point))]

    def _legend(self) -> None:
        parts, look = self._sheet.parts, self._look
        parts.append(Text((_SIDE, self._title_at), self._chart.title, look.ink, is_bold=True))
        if self._chart.note:
            # Few fonts have the star.
            note = self._chart.note.replace("★", "best")
            parts.append(Text((self._right, self._title_at), note, look.muted, "end"))
        for x, y, series, words in self._names:
            parts.append(Line([(x, y), (x + 20, y)], self._ink(series.ink), 2.5, 6 if series.dashed else 0))
            parts.append(Text((x + 26, y), words, look.ink))

    def _at(self, point: Point) -> Point:
        x, y = self._plane.shares(point)
        return self._left + x * (self._right - self._left), self._bottom - y * (self._bottom - self._top)

    def _ink(self, ink: int) -> str:
        return self._look.inks[ink % len(self._look.inks)]


def _stretches(band: Band, chart: Chart, width: int) -> list[list[tuple[float, float | None, float | None]]]:
    """Return the parts of a band without gaps: places with both edges, as exponents of ten on a log axis.

    Of many places, those next to each other share their lowest and highest edges.
    """
    size = max(1, len(band.x) // (2 * width))
    parts: list[list[tuple[float, float | None, float | None]]] = [[]]
    for at in range(0, len(band.x), size):
        lows = [low for low in band.low[at : at + size] if low is not None]
        highs = [high for high in band.high[at : at + size] if high is not None]
        high = point_at(band.x[at], max(highs), log=chart.log_y) if highs else None
        if high is None:
            parts.append([])
            continue
        low = point_at(band.x[at], min(lows), log=chart.log_y)
        parts[-1].append((high[0], None if low is None else low[1], high[1]))
    return [part for part in parts if len(part) > 1]


def _dot(at: Point, ink: str, width: float) -> Area:
    x, y = at
    r = 1.2 * width
    return Area([(x - r, y), (x, y - r), (x + r, y), (x, y + r)], ink)
