"""The table of finished epochs."""

from __future__ import annotations

from typing import Final

from rich.text import Text
from textual.widgets import DataTable

from mnist_tui.core.events import EpochDone
from mnist_tui.core.state import RunState
from mnist_tui.report.words import format_loss, format_percent, format_points, format_reduction, format_seconds

_COLUMNS: Final = (
    ("epoch", "Epoch"),
    ("train_accuracy", "Accuracy"),
    ("val_accuracy", "Val acc."),
    ("improvement", "Δ points"),
    ("error_reduction", "Err. red."),
    ("train_loss", "Loss"),
    ("val_loss", "Val loss"),
    ("time", "Time"),
)


_NARROW: Final = frozenset({"epoch", "val_accuracy", "improvement", "val_loss", "time"})
"""What is kept where not all columns fit."""
_ALL_FIT: Final = 74
"""Cells that all columns need."""


class EpochTable(DataTable[Text]):
    """One row per epoch, the newest at the bottom and in view; a star marks the best."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Epochs"

    def __init__(self) -> None:
        super().__init__(id="epochs", cursor_type="row", zebra_stripes=True, cell_padding=1)
        self._run: RunState | None = None
        self._best = 0
        self._keys: list[str] = []
        self._shown: list[EpochDone] = []

    def on_resize(self) -> None:
        """Keep as many columns as fit."""
        keys = [key for key, _ in _COLUMNS if self.size.width >= _ALL_FIT or key in _NARROW]
        if keys != self._keys:
            self._keys = keys
            self.clear(columns=True)
            for key, title in _COLUMNS:
                if key in keys:
                    self.add_column(Text(title, justify="right"), key=key)
            run, self._run = self._run, None
            self.show(run)

    def show(self, run: RunState | None) -> None:
        """Add the epochs that are not there yet; begin anew with another run, or one that goes on from earlier."""
        same = run is not None and self._run is not None and run.run == self._run.run
        if run is None or not same or run.history[: len(self._shown)] != self._shown:
            self.clear()
            self._shown = []
            self._best = 0
        self._run = run
        if run is None or not self._keys:
            return
        following = self.cursor_row >= self.row_count - 1
        for epoch in run.history[len(self._shown) :]:
            self.add_row(*self._cells(epoch), key=str(epoch.epoch))
        self._shown = list(run.history)
        best = run.best
        if best is not None and best.epoch != self._best:
            if self._best:
                self._mark_best(run.history[self._best - 1], best=False)
            self._mark_best(best, best=True)
            self._best = best.epoch
        if following and self.row_count:
            self.move_cursor(row=self.row_count - 1, animate=False)

    def _cells(self, epoch: EpochDone) -> list[Text]:
        texts = {
            "epoch": str(epoch.epoch),
            "train_accuracy": format_percent(epoch.train_accuracy),
            "val_accuracy": format_percent(epoch.val_accuracy),
            "improvement": format_points(epoch.improvement_points),
            "error_reduction": format_reduction(epoch.error_reduction),
            "train_loss": format_loss(epoch.train_loss),
            "val_loss": format_loss(epoch.val_loss),
            "time": format_seconds(epoch.epoch_s),
        }
        return [Text(texts[key], justify="right") for key in self._keys]

    def _mark_best(self, epoch: EpochDone, *, best: bool) -> None:
        text = format_percent(epoch.val_accuracy)
        cell = Text(f"★ {text}", style="bold", justify="right") if best else Text(text, justify="right")
        self.update_cell(str(epoch.epoch), "val_accuracy", cell, update_width=True)
