"""The status line: the state of the run, its settings, progress and remaining time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.events import Preparing
from mnist_tui.core.orders import Wishes
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Phase
from mnist_tui.report.formatting import format_device, format_duration, printable, status_text
from mnist_tui.report.measures import speed_of
from mnist_tui.tui.screenmodel import ScreenModel

Part = tuple[int, str, str]
"""Priority (lower numbers are kept longer), style, text."""

_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_TURNS_PER_S: Final = 5


def _spinner() -> str:
    return _SPINNER[int(time.monotonic() * _TURNS_PER_S) % len(_SPINNER)]


def fit(parts: Sequence[Part], width: int, gap: str = "  ") -> Content:
    """Join the parts that fit in `width` cells, dropping the least important ones first."""
    kept = [part for part in parts if part[2]]
    while len(kept) > 1 and sum(cell_len(text) for _, _, text in kept) + len(gap) * (len(kept) - 1) > width:
        kept.remove(max(kept, key=lambda part: part[0]))
    return Content(gap).join(Content.styled(text, style) for _, style, text in kept)


class StatusLine(Static):
    """One line that always shows the current state."""

    DEFAULT_CSS = """
    StatusLine { height: 1; padding: 0 1; background: $panel; color: $foreground; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__(id="status")
        self._parts: list[Part] = []
        self._model: ScreenModel | None = None
        self._loading: float | None = None
        self._preparing = ""
        self._since = 0.0

    def turn(self, *, loading: float | None) -> None:
        """Advance the spinner and the elapsed seconds.

        Args:
            loading: Seconds since PyTorch started loading in the background, or `None`.
        """
        self._loading = loading
        if self._model is not None and (parts := self._choose(self._model)) != self._parts:
            self._parts = parts
            self._refit()

    def show(self, model: ScreenModel) -> None:
        """Show the run in progress, or the run that is open."""
        self._model = model
        self.turn(loading=self._loading)

    def _choose(self, model: ScreenModel) -> list[Part]:
        parts: list[Part] = [(9, "bold $text-primary", "mnist-tui")]
        opened, run = model.opened, model.opened or model.own
        if opened is not None:
            beside = f"1 OF {model.beside + 1}" if model.opened_is_own else _whereabouts(opened)
            parts.append((0, "bold $text-warning", f"◂ {'PAST RUN' if opened.status.is_over else beside} (Esc: back)"))
        if model.preparing is not None and opened is None:
            parts += self._preparing_parts(model.preparing)
        elif run is None and model.is_connecting:
            parts.append((0, "bold", f"{_spinner()} CONNECTING"))
        elif run is None:
            parts += [(0, "bold", "RUNS OF OTHER TOOLS")] if model.is_opened else self._ready_parts(model.run)
        else:
            parts += self._run_parts(run, model.wishes)
        if run is not None and (rate := model.wishes.rate or run.next_rate):
            parts.append((1, "bold", f"lr → {rate:g}"))
        if model.beside > 0 and opened is None:
            parts.append((2, "$text-accent", f"{model.beside} more in parallel"))
        if model.remote and opened is None and not model.is_opened:
            parts.append((3, "$text-warning", f"{model.remote} in another process"))
        if model.waiting:
            parts.append((4, "", f"{model.waiting} waiting"))
        return parts

    def _preparing_parts(self, now: Preparing) -> list[Part]:
        # Restart the timer when the message changes, as it does with each downloaded file.
        if self._preparing != (what := now.message):
            self._preparing, self._since = what, time.monotonic()
        seconds = int(time.monotonic() - self._since)
        done = "" if now.fraction is None else f" {now.fraction:.0%}"
        return [
            (0, "bold", f"{_spinner()} {printable(what)}{done}"),
            (2, "$text-muted", f"{seconds} s" if seconds else ""),
        ]

    def _ready_parts(self, last: RunState | None) -> list[Part]:
        parts: list[Part] = [
            (0, "bold", "○ READY"),
            (2, "$text-muted", "press r to start, t for the report, ? for help"),
        ]
        if self._loading is not None:
            parts.append((3, "$text-muted", f"{_spinner()} loading PyTorch {self._loading:.0f} s"))
        if last is not None:
            parts += [(1, "$text-muted", f"last run: {last.title}")]
        return parts

    def _run_parts(self, run: RunState, wishes: Wishes) -> list[Part]:
        over = run.status.is_over
        word = "◌ STOPPING" if wishes.stopping and not over else status_text(run.status)
        now = run.progress
        parts: list[Part] = [
            (0, "bold", word),
            (3, "", printable(run.spec.brief)),
            (1, "", _epoch_of(run)),
        ]
        if wishes.epochs not in (None, run.epochs) and not over:
            parts.append((1, "bold", f"→ {wishes.epochs}"))
        if not over and now is not None:
            what = f"batch {now.batch}/{now.batches}" if now.phase is Phase.TRAIN else now.phase.value
            if run.network is None:
                what = f"step {now.step:,}"
            parts.append((6, "$text-muted", what))
        if run.time_to_go_s is not None:
            parts.append((2, "", f"{format_duration(run.time_to_go_s)} to go"))
        elif over and run.result is not None:
            parts.append((2, "", format_duration(run.result.total_training_time_s)))
        if speed := speed_of(run):
            parts.append((7, "$text-muted", speed))
        if run.machine is not None:
            parts.append((8, "$text-muted", format_device(run.machine)))
        if run.dataset is not None and run.network is not None:
            data = run.dataset
            importance = 5 if data.name == "mnist" else 1
            parts.append((importance, "bold $text-warning" if data.note else "", printable(data.label)))
        return parts

    def _refit(self) -> None:
        self.update(fit(self._parts, max(1, self.size.width - 2)), layout=False)

    def on_resize(self) -> None:
        """Fit the line to the new width."""
        if self._parts:
            self._refit()


def _epoch_of(run: RunState) -> str:
    """Return the epoch in progress, or the last one: `epoch 3/10`; nothing for a script's run without epochs."""
    epoch = run.epochs_done + (not run.status.is_over)
    if run.network is None and not run.epochs:
        return f"epoch {epoch}" if run.history else ""
    return f"epoch {min(epoch, run.epochs)}/{run.epochs}"


def _whereabouts(run: RunState) -> str:
    """Return where a run in progress is that is not trained here."""
    tool = run.script.tool if run.script is not None else ""
    return f"FROM {tool.upper()}" if tool else "IN ANOTHER PROCESS"
