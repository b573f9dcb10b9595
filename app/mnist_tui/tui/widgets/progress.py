"""Progress bars on one line: epoch, run and queue, or a download or compilation before a run."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.status import Status
from mnist_tui.report.formatting import format_duration
from mnist_tui.report.measures import progress_of
from mnist_tui.tui.screenmodel import ScreenModel

_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(fraction: float, width: int, *, quiet: bool = False) -> Content:
    """Return a bar of `width` cells, accurate to an eighth of a cell; `quiet` dims it, for finished work."""
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[part] if part else "")
    ink = "$foreground 35%" if quiet else "$primary"
    return Content.assemble(
        (filled, f"{ink} on $surface-lighten-1"), (" " * (width - len(filled)), "on $surface-lighten-1")
    )


class ProgressStrip(Static):
    """Progress of the epoch, the run and the queue."""

    DEFAULT_CSS = """
    ProgressStrip { height: 1; padding: 0 1; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__(id="progress")
        self._idle, self._quiet = "", True
        self._values: list[tuple[str, float, str]] | None = None

    def show(self, model: ScreenModel) -> None:
        """Show the progress of the run (or of its preparation), and of the queue if it has several runs."""
        opened, active = model.opened, model.is_active
        run = model.own if opened is None or opened.status.is_over else opened
        preparing = model.preparing if opened is None else None
        was_quiet, self._quiet = self._quiet, not (active or preparing)
        self._idle = "Getting ready." if active else "No run in progress."
        values: list[tuple[str, float, str]] = []
        if preparing is not None and preparing.fraction is not None:
            values = [("getting ready", preparing.fraction, f"{preparing.fraction:4.0%}")]
        elif run is not None:
            epoch = float(run.status is Status.FINISHED) if run.status.is_over else run.epoch_fraction
            values = [("epoch", epoch, f"{epoch:4.0%}"), ("run", run.fraction, f"{run.fraction:4.0%}")]
            if run.network is None and not run.epochs:
                # A loop of steps, whose number is known or not.
                self._idle = f"{progress_of(run)} done"
                values = [("steps", epoch, f"{epoch:4.0%}")] if run.progress and run.progress.batches else []
        if model.queue_total > 1:
            share = (model.queue_done + (run.fraction if run and not run.status.is_over else 0.0)) / model.queue_total
            to_go_s = model.queue_to_go_s
            left = f", {format_duration(to_go_s)} to go" if to_go_s is not None and active else ""
            values.append(("queue", share, f"{model.queue_done}/{model.queue_total}{left}"))
        if (values, self._quiet) != (self._values, was_quiet) or not values:
            self._values = values
            self._redraw()

    def _redraw(self) -> None:
        if not self._values:
            self.update(Content.styled(self._idle, "$text-muted"), layout=False)
            return
        room = max(1, self.size.width - 2)
        each = room // len(self._values)
        parts = []
        for name, share, text in self._values:
            width = each - len(name) - len(text) - 4
            drawn = bar(share, width, quiet=self._quiet) if width >= 3 else Content("")
            parts.append(Content.assemble(f"{name} ", drawn, f" {text}"))
        self.update(Content("  ").join(parts), layout=False)

    def on_resize(self) -> None:
        """Fit the bars to the new width."""
        self._redraw()
