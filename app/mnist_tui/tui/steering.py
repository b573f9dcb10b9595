"""What the keys for the run in progress do, here or in another process: orders, and what is said about them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from mnist_tui.core import orders
from mnist_tui.core.spec import MAX_EPOCHS
from mnist_tui.core.state import RunState
from mnist_tui.report.formatting import format_duration
from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.screens.rate import RateScreen
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.workspace import Workspace

ASK_FROM_S: Final = 5.0
"""Seconds of an unfinished epoch from which on ending it is asked about."""
_NOTHING: Final = "No run is in progress. Press r to start one."


class Steering:
    """Pause, stop, skip, epochs and learning rate of the run in sight.

    Args:
        work: What the app works with.
        ui: Its screen.
    """

    def __init__(self, work: Workspace, ui: Ui) -> None:
        self._work, self._ui = work, ui

    def _steered(self) -> tuple[RunState | None, orders.Steering] | None:
        """Return the run that the keys act on: the one in sight where that is in progress, else the session's own."""
        work, in_sight = self._work, self._ui.in_sight
        if in_sight is not None and (remote := work.remote_runs.control(in_sight)) is not None:
            return work.remote_runs.runs[in_sight], remote
        if work.is_live and work.state.active:
            return work.in_progress.get(in_sight or "", work.state.run), work.session.control
        self._ui.tell(_NOTHING)
        return None

    def _named(self, run: RunState | None) -> str | None:
        """Return the id that an order must name where several runs are trained in parallel."""
        return run.run if run is not None and len(self._work.in_progress) > 1 else None

    def action_pause(self) -> None:
        """Hold the run, or let it go on."""
        if (steered := self._steered()) is None:
            return
        run, control = steered
        name = self._named(run)
        if control.wishes(name).paused:
            control.resume(name)
        else:
            control.pause(name)
        self._ui.redraw()

    def action_stop(self) -> None:
        """End the run; the queue waits."""
        if (steered := self._steered()) is not None:
            run, control = steered
            session = self._work.session
            stop = session.stop if control is session.control else control.stop
            self._end_run("Stop", run, partial(stop, self._named(run)))

    def action_skip(self) -> None:
        """End the run; the next one starts."""
        if (steered := self._steered()) is not None:
            run, control = steered
            self._end_run("Skip", run, partial(control.skip, self._named(run)))

    def _end_run(self, verb: str, run: RunState | None, end: Callable[[], object]) -> None:
        """End the run immediately; ask first where seconds of an unfinished epoch would be lost."""
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
            f"the {run.epochs_done} finished ones are kept."
        )
        self._ui.ask(ConfirmScreen(f"{verb} this run?", question, verb), do)

    def action_next_run(self, step: int) -> None:
        """Show another one of the runs in progress, here and in other processes."""
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
        if run is None or run.status.is_over:
            return
        # From what was asked for last, not from what the training has taken in so far.
        asked = control.wishes(run.run).epochs or run.epochs
        if not control.set_epochs(min(MAX_EPOCHS, max(asked + step, run.epochs_done + 1)), run.run):
            self._ui.tell("Too late: this run is already being tested. Press g in the Runs tab to add epochs to it.")
        self._ui.redraw()

    def action_live_rate(self) -> None:
        """Ask for another learning rate of the run in progress."""
        if (steered := self._steered()) is None:
            return
        run, control = steered
        if run is None or run.status.is_over:
            return
        name = run.run
        wishes = control.wishes(name)
        if run.epochs_done + 1 >= (wishes.epochs or run.epochs) and run.progress is not None:
            self._ui.tell("This is the last epoch. Press + to add one; the new rate will apply to it.")
            return

        def change(rate: float | None) -> None:
            if rate is not None and not control.set_learning_rate(rate, name):
                self._ui.tell("Too late: this run is already being tested, or it is over.")
            self._ui.redraw()

        self._ui.ask(RateScreen(wishes.rate or run.learning_rate), change)
