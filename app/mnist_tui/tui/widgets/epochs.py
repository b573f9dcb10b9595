"""The table of finished epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mnist_tui.core.events import EpochDone
from mnist_tui.core.state import RunState
from mnist_tui.report.formatting import format_loss, format_percent, format_points, format_reduction, format_seconds

_COLUMNS: Final = (
    ("epoch", "Epoch", 5),
    ("train_accuracy", "Accuracy", 8),
    ("val_accuracy", "Val acc.", 8),
    ("improvement", "Δ points", 8),
    ("error_reduction", "Err. red.", 9),
    ("train_loss", "Loss", 6),
    ("val_loss", "Val loss", 8),
    ("time", "Time", 7),
)
"""Key, title and width of each column; a longer number shifts the columns after it."""
_GAP: Final = 2
_NARROW: Final = frozenset({"epoch", "val_accuracy", "improvement", "val_loss", "time"})
"""Columns that are kept if not all fit."""
_ALL_FIT: Final = sum(width + _GAP for _, _, width in _COLUMNS) - 1


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
        if y == 0:
            return self._line([title for _, title, _ in _COLUMNS], "epochs--header", width)
        if number > self.row_count:
            return Strip.blank(width, self.rich_style)
        epoch = self._history[number - 1]
        kind = "epochs--even" if number % 2 else "epochs--odd"
        return self._line(_cells(epoch, best=epoch.epoch == self._best), kind, width)

    def _line(self, cells: Sequence[str], kind: str, width: int) -> Strip:
        style = self.get_component_rich_style(kind)
        best = style + self.get_component_rich_style("epochs--best", partial=True)
        segments = []
        for (key, _, usual), cell in zip(_COLUMNS, cells, strict=True):
            if width < _ALL_FIT and key not in _NARROW:
                continue
            room = max(usual, len(str(self.row_count))) if key == "epoch" else usual
            # Half of the gap on each side, for equal margins at both edges.
            segments.append(Segment(f" {cell:>{room}} ", best if cell.startswith("★") else style))
        return Strip(segments).adjust_cell_length(width, style)


def _cells(epoch: EpochDone, *, best: bool) -> list[str]:
    accuracy = format_percent(epoch.val_accuracy)
    return [
        str(epoch.epoch),
        format_percent(epoch.train_accuracy),
        f"★ {accuracy}" if best else accuracy,
        format_points(epoch.improvement_points),
        format_reduction(epoch.error_reduction),
        format_loss(epoch.train_loss),
        format_loss(epoch.val_loss),
        format_seconds(epoch.epoch_s),
    ]
