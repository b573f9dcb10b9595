"""The table of finished epochs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mnist_tui.core.events import EpochDone
from mnist_tui.core.metric import Metric
from mnist_tui.core.state import RunState
from mnist_tui.report.formatting import (
    NOTHING,
    format_loss,
    format_percent,
    format_points,
    format_reduction,
    format_seconds,
    shortened,
)
from mnist_tui.report.measures import format_metric, label_of, ranked

_GAP: Final = 2
MOST_TITLE: Final = 16
"""Maximum width of the name of a metric in cells."""


@dataclass(frozen=True, slots=True)
class _Column:
    """One column; a longer number shifts the columns after it.

    Attributes:
        title: Its heading.
        width: Its usual width in cells.
        text: Returns the text for an epoch.
        is_kept: It is kept if not all columns fit.
        has_star: The best epoch is marked here.
    """

    title: str
    width: int
    text: Callable[[EpochDone], str]
    is_kept: bool = False
    has_star: bool = False


_BUILT_IN: Final = (
    _Column("Epoch", 5, lambda e: str(e.epoch), is_kept=True),
    _Column("Accuracy", 8, lambda e: format_percent(e.train_accuracy)),
    _Column("Val acc.", 8, lambda e: format_percent(e.val_accuracy), is_kept=True, has_star=True),
    _Column("Δ points", 8, lambda e: format_points(e.improvement_points), is_kept=True),
    _Column("Err. red.", 9, lambda e: format_reduction(e.error_reduction)),
    _Column("Loss", 6, lambda e: format_loss(e.train_loss)),
    _Column("Val loss", 8, lambda e: format_loss(e.val_loss), is_kept=True),
    _Column("Time", 7, lambda e: format_seconds(e.epoch_s), is_kept=True),
)
"""The columns of the built-in network."""


def _columns_of(run: RunState | None) -> tuple[_Column, ...]:
    if run is None or run.network is not None:
        return _BUILT_IN
    primary = run.primary

    def column(one: Metric) -> _Column:
        title = shortened(label_of(one), MOST_TITLE)
        return _Column(
            title[:1].upper() + title[1:],
            max(len(title), 8),
            lambda e: format_metric(one, e.value(one.name)) if one.name in e.values else NOTHING,
            has_star=primary is not None and one.name == primary.name,
        )

    known = {name for epoch in (run.history[:1] + run.history[-1:]) for name in epoch.values}
    shown = [column(one) for one in ranked(run) if one.name in known]
    return (_BUILT_IN[0], *shown, _BUILT_IN[-1])


def _fitting(columns: Sequence[_Column], width: int) -> list[_Column]:
    """Return the columns to show: all, or those that are kept and as many of the others as fit."""

    def cells(some: Iterable[_Column]) -> int:
        return sum(column.width + _GAP for column in some) - 1

    if cells(columns) <= width or all(column.is_kept or column in _BUILT_IN for column in columns):
        return [column for column in columns if cells(columns) <= width or column.is_kept]
    kept = {id(column) for column in columns if column.is_kept}
    for column in columns:
        if cells(one for one in columns if id(one) in kept or one is column) <= width:
            kept.add(id(column))
    return [column for column in columns if id(column) in kept]


class EpochTable(ScrollView, can_focus=True):
    """One row per epoch, scrolled to the newest at the bottom; a star marks the best.

    Only visible rows are drawn, so 100,000 epochs cost no more than ten.
    """

    ALLOW_MAXIMIZE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        # The table never scrolls horizontally, so these keys move the charts' cursor.
        Binding("left", "app.cursor(-1)", "Epoch before", show=False),
        Binding("right", "app.cursor(1)", "Next epoch", show=False),
    ]
    BORDER_TITLE = "Epochs"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"epochs--header", "epochs--even", "epochs--odd", "epochs--best"}
    DEFAULT_CSS = """
    EpochTable {
        background: $surface; overflow-x: hidden;
        & > .epochs--header { background: $panel; color: $foreground; text-style: bold; }
        & > .epochs--even { background: $surface; color: $foreground; }
        & > .epochs--odd { background: $surface-darken-1; color: $foreground; }
        & > .epochs--best { text-style: bold; }
    }
    """

    # Textual would redo the layout for each epoch; it is only needed when the scrollbar appears or disappears.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False)

    def __init__(self) -> None:
        super().__init__(id="epochs")
        self._history: Sequence[EpochDone] = ()
        self._run = ""
        self._best = 0
        self._follows = True
        self._columns: Sequence[_Column] = _BUILT_IN

    @property
    def row_count(self) -> int:
        """Number of epochs."""
        return len(self._history)

    def show(self, run: RunState | None) -> None:
        """Show the epochs of a run; follow the newest one unless the user has scrolled away."""
        name = run.run if run is not None else ""
        self._follows = self._follows or name != self._run
        self._run = name
        self._history = tuple(run.history) if run is not None else ()
        self._columns = _columns_of(run)
        best = run.best if run is not None else None
        self._best = best.epoch if best is not None else 0
        self._measure()
        self.refresh()

    def on_resize(self) -> None:
        """Keep the newest epoch in view if it was."""
        self._measure()

    def _measure(self) -> None:
        self.virtual_size = Size(self.size.width, self.row_count + 1)
        overflows = self.virtual_size.height > self.size.height
        if overflows != self.show_vertical_scrollbar:
            self.refresh(layout=True)
        elif overflows:
            self.vertical_scrollbar.window_virtual_size = self.virtual_size.height
        if self._follows:
            # A table without a scrollbar cannot scroll before the next layout.
            self.scroll_end(animate=False, immediate=self.show_vertical_scrollbar)

    def action_scroll_home(self) -> None:
        """Jump to the first epoch without animation: a new epoch during it would scroll back to the end."""
        self._follows = False
        self.scroll_home(animate=False)

    def action_scroll_end(self) -> None:
        """Jump to the newest epoch without animation, as new epochs may arrive during it."""
        self._follows = True
        self._measure()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the newest epoch while it is in view."""
        super().watch_scroll_y(old_value, new_value)
        self._follows = self.is_vertical_scroll_end

    def render_line(self, y: int) -> Strip:
        """Draw the fixed header or one of the visible epochs."""
        width = self.size.width
        number = self.scroll_offset.y + y
        columns = _fitting(self._columns, width)
        if y == 0:
            return self._line([(column, column.title) for column in columns], "epochs--header", width)
        if number > self.row_count:
            return Strip.blank(width, self.rich_style)
        epoch = self._history[number - 1]
        kind = "epochs--even" if number % 2 else "epochs--odd"
        star = "★ " if epoch.epoch == self._best else ""
        cells = [(column, f"{star * column.has_star}{column.text(epoch)}") for column in columns]
        return self._line(cells, kind, width)

    def _line(self, cells: Sequence[tuple[_Column, str]], kind: str, width: int) -> Strip:
        style = self.get_component_rich_style(kind)
        best = style + self.get_component_rich_style("epochs--best", partial=True)
        segments = []
        for column, cell in cells:
            room = max(column.width, len(str(self.row_count)))
            # Half of the gap on each side, for equal margins at both edges.
            segments.append(Segment(f" {cell:>{room}} ", best if cell.startswith("★") else style))
        return Strip(segments).adjust_cell_length(width, style)
