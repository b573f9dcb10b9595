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
"""Key, title and cells of each column; a longer number moves what follows."""
_GAP: Final = 2
_NARROW: Final = frozenset({"epoch", "val_accuracy", "improvement", "val_loss", "time"})
"""What is kept where not all columns fit."""
_ALL_FIT: Final = sum(width + _GAP for _, _, width in _COLUMNS) - 1


class EpochTable(ScrollView, can_focus=True):
    """One row per epoch, the newest at the bottom and in view; a star marks the best.

    Only the rows in view are ever drawn, so that a hundred thousand epochs cost no more than ten.
    """

    ALLOW_MAXIMIZE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        # It never scrolls sideways: these move the charts' cursor.
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

    # Textual would lay out the whole screen again for each epoch; only a scrollbar that comes or goes needs that.
    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False)

    def __init__(self) -> None:
        super().__init__(id="epochs")
        self._history: Sequence[EpochDone] = ()
        self._run = ""
        self._best = 0
        self._follows = True

    @property
    def row_count(self) -> int:
        """How many epochs it has."""
        return len(self._history)

    def show(self, run: RunState | None) -> None:
        """Show the epochs of a run; the view follows the newest one unless a person scrolled away from it."""
        name = run.run if run is not None else ""
        self._follows = self._follows or name != self._run
        self._run = name
        self._history = tuple(run.history) if run is not None else ()
        best = run.best if run is not None else None
        self._best = best.epoch if best is not None else 0
        self._measure()
        self.refresh()

    def on_resize(self) -> None:
        """Stay at the newest epoch where it was in view."""
        self._measure()

    def _measure(self) -> None:
        self.virtual_size = Size(self.size.width, self.row_count + 1)
        overflows = self.virtual_size.height > self.size.height
        if overflows != self.show_vertical_scrollbar:
            self.refresh(layout=True)
        elif overflows:
            self.vertical_scrollbar.window_virtual_size = self.virtual_size.height
        if self._follows:
            # A table that has no scrollbar yet cannot be scrolled before the next layout.
            self.scroll_end(animate=False, immediate=self.show_vertical_scrollbar)

    def action_scroll_home(self) -> None:
        """Go to the first epoch immediately: a new one on the way there would lead back to the end."""
        self._follows = False
        self.scroll_home(animate=False)

    def action_scroll_end(self) -> None:
        """Go to the newest epoch immediately: on a slow way there, others may come."""
        self._follows = True
        self._measure()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the newest epoch for as long as it is in view."""
        super().watch_scroll_y(old_value, new_value)
        self._follows = self.is_vertical_scroll_end

    def render_line(self, y: int) -> Strip:
        """Draw the titles, which stay in place, or one of the epochs in view."""
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
            # Half of the gap before, half behind: as much room at both edges.
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
