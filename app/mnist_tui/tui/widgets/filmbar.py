"""The line above an insight: its run and epoch, and the keys to step through the epochs."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.state import RunState
from mnist_tui.report.formatting import format_duration, format_percent, printable
from mnist_tui.tui.film import Scene
from mnist_tui.tui.widgets.progress import bar
from mnist_tui.tui.widgets.status import Part, fit

_BAR: Final = 16


class FilmBar(Static):
    """One line; the least important parts are dropped first if they do not fit."""

    DEFAULT_CSS = "FilmBar { height: 1; padding: 0 1; text-wrap: nowrap; }"

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[Part] = []
        self._share: float | None = None

    def show(self, scene: Scene) -> None:
        """Show the epoch of a scene."""
        run, insight, epochs = scene.run, scene.insight, scene.epochs
        if run is None or insight is None:
            self._share = None
            text = "No run yet. Press r to start one." if run is None else _why_none(run)
            self._parts = [(0, "$text-muted", text)]
        else:
            self._share = epochs.index(insight.epoch) / max(1, len(epochs) - 1)
            state = "▶ playing" if scene.plays else "newest" if scene.is_newest else "paused"
            skipped = f"{len(epochs)} of {run.epochs_done} epochs stored" if len(epochs) < run.epochs_done else ""
            dead = ", ".join(map(str, insight.dead_features))
            self._parts = [
                (0, "bold", f"epoch {insight.epoch}/{run.epochs}"),
                (1, "", f"val {format_percent(insight.accuracy)}"),
                (4, "$text-muted", state),
                (2, "$text-warning", f"dead feature: {dead} (0 on the whole map)" if dead else ""),
                (6, "$text-muted", skipped),
                (3, "$text-muted", ", . epochs  o film"),
                (5, "", printable(run.spec.brief)),
            ]
        self._refit()

    def on_resize(self) -> None:
        """Fit the line to the new width."""
        self._refit()

    def _refit(self) -> None:
        room = max(1, self.size.width - 2)
        if self._share is None or room < 60:
            self.update(fit(self._parts, room), layout=False)
        else:
            parts = fit(self._parts, room - _BAR - 2)
            self.update(Content.assemble(bar(self._share, _BAR), "  ", parts), layout=False)


def _why_none(run: RunState) -> str:
    if run.status.is_over:
        return "This run has no insight: it has no finished epoch, or an older version trained it."
    fraction, now = run.epoch_fraction, run.progress
    if now is None or fraction <= 0:
        return "Available after the first epoch."
    to_go_s = now.epoch_elapsed_s * (1 - fraction) / fraction
    return f"Available after the first epoch: {fraction:.0%} done, about {format_duration(to_go_s)} to go."
