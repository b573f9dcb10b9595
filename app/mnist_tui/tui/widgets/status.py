"""The status line: is it running, what, how far, how long still."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.events import Phase
from mnist_tui.core.state import RunState, SessionState
from mnist_tui.report.words import format_device, format_duration, format_rate, printable, status_text

Part = tuple[int, str, str]
"""Importance (0 stays longest), style, text."""


def fit(parts: Sequence[Part], width: int, gap: str = "  ") -> Content:
    """Join the parts that fit in `width` cells, leaving out the least important ones first."""
    kept = [part for part in parts if part[2]]
    while len(kept) > 1 and sum(cell_len(text) for _, _, text in kept) + len(gap) * (len(kept) - 1) > width:
        kept.remove(max(kept, key=lambda part: part[0]))
    return Content(gap).join(Content.styled(text, style) for _, style, text in kept)


class StatusLine(Static):
    """One line that is always true."""

    DEFAULT_CSS = """
    StatusLine { height: 1; padding: 0 1; background: $panel; color: $foreground; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__(id="status")
        self._parts: list[Part] = []

    def show(
        self,
        session: SessionState,
        past: RunState | None,
        waiting: int,
        elsewhere: int,
        *,
        stopping: bool,
        asked: int | None = None,
    ) -> None:
        """Show the run in progress, or another one that is open.

        Args:
            session: What this process does.
            past: The other run, if one is open.
            waiting: Runs that wait here.
            elsewhere: Runs in progress in other processes.
            stopping: True once the run was asked to end.
            asked: Epochs that were asked for last; the run may not have taken them in yet.
        """
        run = past or session.run
        parts: list[Part] = [(9, "bold $primary", "mnist-tui")]
        if past is not None:
            what = "PAST RUN" if past.status.is_over else "IN ANOTHER PROCESS"
            parts.append((0, "bold $text-warning", f"◂ {what} (Esc: back)"))
        if session.preparing is not None and past is None:
            share = session.preparing.fraction
            done = "" if share is None else f" {share:.0%}"
            parts.append((0, "bold", f"… {printable(session.preparing.message)}{done}"))
        elif run is None:
            parts += [(0, "bold", "○ READY"), (1, "$text-muted", "r starts, t runs the report, ? helps")]
        else:
            parts += self._run_parts(run, stopping and past is None, asked if past is None else None)
        if elsewhere and past is None:
            parts.append((3, "$text-warning", f"{elsewhere} in another process"))
        if waiting:
            parts.append((4, "", f"{waiting} waiting"))
        if parts != self._parts:
            self._parts = parts
            self._refit()

    def _run_parts(self, run: RunState, stopping: bool, asked: int | None) -> list[Part]:
        over = run.status.is_over
        word = "◌ STOPPING" if stopping and not over else status_text(run.status)
        now = run.progress
        parts: list[Part] = [
            (0, "bold", word),
            (3, "", f"{run.spec.features} feature{'s' * (run.spec.features != 1)}, seed {run.spec.seed}"),
            (1, "", f"epoch {min(run.epochs_done + (not over), run.epochs)}/{run.epochs}"),
        ]
        if asked is not None and asked != run.epochs and not over:
            parts.append((1, "bold", f"→ {asked}"))
        if not over and now is not None:
            what = f"batch {now.batch}/{now.batches}" if now.phase is Phase.TRAIN else now.phase.value
            parts.append((6, "$text-muted", what))
        if run.time_to_go_s is not None:
            parts.append((2, "", f"{format_duration(run.time_to_go_s)} to go"))
        elif over and run.result is not None:
            parts.append((2, "", format_duration(run.result.total_training_time_s)))
        if run.images_per_s:
            parts.append((7, "$text-muted", format_rate(run.images_per_s)))
        if run.machine is not None:
            parts.append((8, "$text-muted", format_device(run.machine)))
        if run.dataset is not None:
            fallback = run.dataset.name != "mnist"
            parts.append((1 if fallback else 5, "bold $text-warning" if fallback else "", printable(run.dataset.label)))
        return parts

    def _refit(self) -> None:
        self.update(fit(self._parts, max(1, self.size.width - 2)), layout=False)

    def on_resize(self) -> None:
        """Choose again what fits."""
        if self._parts:
            self._refit()
