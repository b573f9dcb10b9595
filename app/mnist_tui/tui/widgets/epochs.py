"""The table of finished epochs."""

from __future__ import annotations

import math

from rich.text import Text
from textual.widgets import DataTable

from mnist_tui.core.events import EpochDone
from mnist_tui.core.state import RunState
from mnist_tui.report.words import format_percent, format_points

_COLUMNS = (
    ("epoch", "Epoch"),
    ("train_accuracy", "Accuracy"),
    ("val_accuracy", "Val acc."),
    ("improvement", "Δ points"),
    ("error_reduction", "Err. red."),
    ("train_loss", "Loss"),
    ("val_loss", "Val loss"),
    ("time", "Time"),
)


class EpochTable(DataTable[Text]):
    """One row per epoch, the newest at the bottom and in view; a star marks the best."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Epochs"

    def __init__(self) -> None:
        super().__init__(id="epochs", cursor_type="row", zebra_stripes=True, cell_padding=1)
        self._run: str | None = None
        self._best = 0

    def on_mount(self) -> None:
        """Set up the columns."""
        for key, title in _COLUMNS:
            self.add_column(Text(title, justify="right"), key=key)

    def show(self, run: RunState | None) -> None:
        """Add the epochs that are not there yet."""
        if run is None or run.run != self._run:
            self.clear()
            self._run, self._best = run.run if run else None, 0
        if run is None:
            return
        following = self.cursor_row >= self.row_count - 1
        for epoch in run.history[self.row_count :]:
            self.add_row(*self._cells(epoch), key=str(epoch.epoch))
        best = run.best
        if best is not None and best.epoch != self._best:
            if self._best:
                self._mark_best(run.history[self._best - 1], best=False)
            self._mark_best(best, best=True)
            self._best = best.epoch
        if following and self.row_count:
            self.move_cursor(row=self.row_count - 1, animate=False)

    def _cells(self, epoch: EpochDone) -> list[Text]:
        reduction = epoch.error_reduction
        texts = (
            str(epoch.epoch),
            format_percent(epoch.train_accuracy),
            format_percent(epoch.val_accuracy),
            format_points(epoch.improvement_points),
            "–" if reduction is None or not math.isfinite(reduction) else f"{100 * reduction:+.1f}%",
            f"{epoch.train_loss:.4f}",
            f"{epoch.val_loss:.4f}",
            f"{epoch.epoch_s:.2f} s",
        )
        return [Text(text, justify="right") for text in texts]

    def _mark_best(self, epoch: EpochDone, *, best: bool) -> None:
        text = format_percent(epoch.val_accuracy)
        cell = Text(f"★ {text}", style="bold", justify="right") if best else Text(text, justify="right")
        self.update_cell(str(epoch.epoch), "val_accuracy", cell, update_width=True)
