"""Actions on the run in progress, in this or another process: pause, stop, skip, epochs, learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Final

from mnist_tui.core import orders
from mnist_tui.core.checks import MAX_EPOCHS
from mnist_tui.core.setting import check_rate
from mnist_tui.core.state import RunState
from mnist_tui.errors import UsageError
from mnist_tui.report.formatting import format_duration
from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.screens.entry import EntryScreen
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.workspace import Workspace

ASK_FROM_S: Final = 5.0
"""Ask before ending a run if at least this many seconds of an epoch would be lost."""
_NOTHING: Final = "No run is in progress. Press r to start one."


class Steering:
    """Controls the run in progress.

    Args:
        work: The workspace.
        ui: The user interface.
    """

    def __init__(self, work: Workspace, ui: Ui) -> None:
        self._work, self._ui = work, ui

    def _steered(self) -> tuple[RunState | None, orders.Steering] | None:
        """Return the run that the keys act on: the one shown if it is in progress, otherwise the session's own."""
        work, in_sight = self._work, self._ui.in_sight
        if in_sight is not None and (remote := work.remote_runs.control(in_sight)) is not None:
            return work.remote_runs.runs[in_sight], remote
        if work.is_live and work.state.active:
            return work.in_progress.get(in_sight or "", work.state.run), work.session.control
        self._ui.tell(_NOTHING)
        return None

    def _refused(self, run: RunState | None, kind: str) -> bool:
        """Say why the run cannot obey an order; return False if it can."""
        reason = run.cannot(kind) if run is not None else ""
        if reason:
            self._ui.tell(reason, long=True)
        return bool(reason)

    def _named(self, run: RunState | None) -> str | None:
        """Return the run id for an order; needed only if several runs are trained in parallel."""
        return run.run if run is not None and len(self._work.in_progress) > 1 else None

    def action_pause(self) -> None:
        """Pause or resume the run."""
        if (steered := self._steered()) is None:
            return
        run, control = steered
        if self._refused(run, "pause"):
            return
        name = self._named(run)
        if control.wishes(name).paused:
            control.resume(name)
        else:
            control.pause(name)
        self._ui.redraw()

    def action_stop(self) -> None:
        """Stop the run; the queue does not continue."""
        if (steered := self._steered()) is not None:
            run, control = steered
            session = self._work.session
            stop = session.stop if control is session.control else control.stop
            self._end_run("Stop", run, partial(stop, self._named(run)))

    def action_skip(self) -> None:
        """Stop the run and start the next one."""
        if (steered := self._steered()) is not None:
            run, control = steered
            if self._refused(run, "skip"):
                return
            self._end_run("Skip", run, partial(control.skip, self._named(run)))

    def _end_run(self, verb: str, run: RunState | None, end: Callable[[], object]) -> None:
        """End the run immediately; ask first if much of an unfinished epoch would be lost."""
        lost_s = run.progress.epoch_elapsed_s if run is not None and run.progress is not None else 0.0

        def do(yes: bool | None) -> None:
            if yes:
                end()
                self._ui.redraw()

        if run is None or lost_s < ASK_FROM_S or run.epoch_fraction in (0.0, 1.0):
            do(True)
            return
        question = (
            f"{format_duration(lost_s)} of epoch {run.epochs_done + 1} would be lost; "
            f"{run.epochs_done} finished epochs are kept."
        )
        self._ui.ask(ConfirmScreen(f"{verb} this run?", question, verb), do)

    def action_next_run(self, step: int) -> None:
        """Show another run in progress, in this or another process."""
        work = self._work
        runs = {**work.in_progress, **work.remote_runs.runs}
        if not runs:
            self._ui.tell(_NOTHING)
            return
        names, shown = list(runs), work.shown
        at = names.index(shown.run) if shown is not None and shown.run in runs else -step
        name = names[(at + step) % len(names)]
        work.sight.open(None if name == work.state.current else runs[name])
        self._ui.go_to("live")
        self._ui.redraw()

    def action_live_epochs(self, step: int) -> None:
        """Change the number of epochs of the run in progress."""
        if (steered := self._steered()) is None:
            return
        run, control = steered
        if run is None or run.status.is_over or self._refused(run, "epochs"):
            return
        # Start from the last request, which training may not have applied yet.
        asked = control.wishes(run.run).epochs or run.epochs
        if not control.set_epochs(min(MAX_EPOCHS, max(asked + step, run.epochs_done + 1)), run.run):
            self._ui.tell("Too late: this run is already being tested. Press g in the Runs tab to add epochs to it.")
        self._ui.redraw()

    def action_live_rate(self) -> None:
        """Ask for a new learning rate for the run in progress."""
        if (steered := self._steered()) is None:
            return
        run, control = steered
        if run is None or run.status.is_over or self._refused(run, "rate"):
            return
        name, is_script = run.run, run.network is None
        wishes = control.wishes(name)
        if not is_script and run.epochs_done + 1 >= (wishes.epochs or run.epochs) and run.progress is not None:
            self._ui.tell("This is the last epoch. Press + to add one; the new rate will apply to it.")
            return

        def change(rate: float | None) -> None:
            if rate is not None and not control.set_learning_rate(rate, name):
                self._ui.tell("Too late: this run is already being tested or has ended.")
            self._ui.redraw()

        newest = wishes.rate or run.next_rate or run.learning_rate
        shown = "" if math.isnan(newest) else f"{newest:g}"
        hint = f"From the next {'step' if is_script else 'epoch'} on; marked in the charts and kept with the run."
        self._ui.ask(EntryScreen("Learning rate of this run", shown, hint, _parse_rate, "0.001"), change)

    def action_save(self) -> None:
        """Save the state of a script's run now."""
        if (steered := self._steered()) is None:
            return
        run, control = steered
        if run is not None and not self._refused(run, orders.SAVE) and control.save(run.run):
            self._ui.tell("The state is saved at the next step; the run can be resumed from there.")


def _parse_rate(text: str) -> float:
    try:
        rate = float(text)
        check_rate(rate)
    except (ValueError, UsageError):
        raise UsageError("a learning rate is a number above 0, such as 0.0003") from None
    return rate
