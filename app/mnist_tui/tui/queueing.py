"""Actions on the queue and on the settings of the next run."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from mnist_tui.core.checks import MAX_EPOCHS
from mnist_tui.core.estimate import DAY_S, sweep_s
from mnist_tui.core.queue import QueuedRun, enqueue
from mnist_tui.core.setting import parse_number
from mnist_tui.core.spec import MAX_FEATURES, RunSpec
from mnist_tui.core.status import Status
from mnist_tui.core.sweep import REPORT_PRESET
from mnist_tui.errors import UsageError
from mnist_tui.report.formatting import format_duration
from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.screens.entry import EntryScreen
from mnist_tui.tui.screens.find_rate import FindRateScreen
from mnist_tui.tui.screens.new_runs import NewRuns, NewRunsScreen
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.widgets.settings import stepped
from mnist_tui.tui.workspace import Workspace


class Queueing:
    """Starts and queues runs, resumes past ones, and changes the settings of the next.

    Args:
        work: The workspace.
        ui: The user interface.
    """

    def __init__(self, work: Workspace, ui: Ui) -> None:
        self._work, self._ui = work, ui

    # The queue ------------------------------------------------------------------------------------

    def _enqueue(self, specs: Iterable[RunSpec]) -> None:
        self._work.attempt(partial(self._work.session.add, enqueue(specs)))

    def _start(self, *, alone: bool = False) -> None:
        self._work.sight.open(None)
        self._ui.go_to("live")
        self._work.session.start(alone=alone)
        self._ui.redraw()

    def action_start(self) -> None:
        """Start the queued runs, or a run with the settings shown."""
        session, spec = self._work.session, self._work.spec
        if self._work.is_live:
            if session.follow_up():
                self._ui.tell("The waiting runs will start after this one.")
            else:
                self._ui.tell("A run is already in progress. Press n to queue these settings.")
            return
        if not session.queue.waiting:
            self._enqueue((spec,))
        elif all(queued.spec != spec for queued in session.queue.waiting):
            self._ui.tell("The waiting runs go first. Press n to queue these settings as well.")
        self._start()

    def action_enqueue(self) -> None:
        """Queue a run with the settings shown."""
        self._enqueue((self._work.spec,))
        self._tell_queued()

    def _tell_queued(self) -> None:
        """Show how to start the queued runs, unless they start by themselves."""
        waiting = len(self._work.session.queue.waiting)
        if not (self._work.is_live and self._work.session.goes_on):
            start = "runs are waiting. Press r to start them" if waiting != 1 else "run is waiting. Press r to start it"
            self._ui.tell(f"{waiting} {start}.")
        self._ui.redraw()

    def action_report_preset(self) -> None:
        """Queue the report's two runs and start the queue."""
        self._enqueue(replace(REPORT_PRESET, base=self._work.spec).runs())
        if self._work.is_live:
            self._work.session.follow_up()
            self._tell_queued()
        else:
            self._start()

    def action_new_runs(self) -> None:
        """Open the form for new runs."""
        session = self._work.session
        jobs = session.jobs if session.may_choose_jobs else None
        self._ui.ask(NewRunsScreen(self._work.spec, self._work.machine_factor, jobs), self._take_new_runs)

    def _take_new_runs(self, answer: NewRuns | None) -> None:
        if answer is None:
            return
        parallel = min(max(answer.jobs, self._work.session.at_once), answer.sweep.n_runs)
        needed_s = sweep_s(answer.sweep, self._work.machine_factor) / parallel
        if needed_s <= DAY_S:
            self._add_new_runs(answer)
            return
        question = f"{answer.sweep.n_runs:,} runs will take about {format_duration(needed_s)} on this machine."
        self._ui.ask(
            ConfirmScreen("More than a day", question, "Queue them"),
            lambda yes: self._add_new_runs(answer) if yes else None,
        )

    def _add_new_runs(self, answer: NewRuns) -> None:
        self._work.session.jobs = answer.jobs
        self._enqueue(answer.sweep.runs())
        if answer.start and not self._work.is_live:
            self._start()
        else:
            self._tell_queued()

    def action_jobs(self) -> None:
        """Train one more run in parallel; wrap to 1 after the number of cores."""
        session = self._work.session
        if not session.may_choose_jobs:
            cluster = f"The number of parallel runs depends on the free capacity of {self._work.cluster}."
            self._ui.tell(cluster if self._work.cluster else "Only one run can be trained at a time here.")
            return
        session.jobs = session.jobs % max(2, os.cpu_count() or 1) + 1
        when = ", from the next start on" if self._work.is_live else ""
        how = f"{session.jobs} in parallel, each in its own process with one thread"
        self._ui.tell(f"Runs are trained {how if session.jobs > 1 else 'one at a time'}{when}.")
        self._ui.redraw()

    # Past runs ------------------------------------------------------------------------------------

    def action_resume(self) -> None:
        """Resume the run shown or under the cursor; extend a finished one to the epochs in the settings."""
        work, run = self._work, self._ui.in_sight
        if run is None:
            self._ui.tell("There is no run to resume yet. Press r to start one.")
            return
        if (work.is_live and run == work.state.current and work.state.active) or run in work.remote_runs.runs:
            self._ui.tell("That run is already in progress.")
            return
        if run in {queued.run for queued in work.session.queue.waiting}:
            self._ui.tell("That run is already waiting.")
            return
        epochs = work.spec.epochs if work.status_of(run) is Status.FINISHED else None
        queued = work.attempt(partial(work.library.continuing, run, epochs))
        if queued is not None:
            self._train_alone(queued)

    def action_retry(self) -> None:
        """Train the settings of the run under the cursor again, with a tenth of its learning rate."""
        run = self._ui.chosen
        past = self._work.with_epochs(run) if run is not None else None
        if past is None:
            return
        if (spec := past.network) is None:
            self._ui.tell("That run belongs to a script, which only you can start.")
            return
        rate = spec.learning_rate / 10 if math.isfinite(spec.learning_rate) else RunSpec().learning_rate
        (again,) = enqueue((replace(spec, learning_rate=rate),))
        if past.status is Status.DIVERGED:
            self._train_alone(again)
            return
        question = (
            f"This run did not diverge: it is {past.status}. "
            f"Train {again.spec.title} again with learning rate {rate:g} instead of {spec.learning_rate:g}?"
        )
        self._ui.ask(
            ConfirmScreen("Train again", question, "Train again"), lambda yes: self._train_alone(again) if yes else None
        )

    def _train_alone(self, queued: QueuedRun) -> None:
        """Train one run now without starting the queue; if another run is in progress, put it first in the queue."""
        session = self._work.session
        self._work.attempt(partial(session.add, (queued,), first=True))
        if not self._work.is_live:
            self._start(alone=True)
            return
        when = "It will start after the current run" if session.goes_on else "Press r to start it"
        self._ui.tell(f"Queued as 1 of {len(session.queue.waiting)}. {when}.")
        self._ui.redraw()

    # Settings -------------------------------------------------------------------------------------

    def _change(self, spec: RunSpec) -> None:
        self._work.spec = spec
        self._ui.redraw()

    def action_epochs(self, step: int) -> None:
        """Step the epochs of the next run."""
        self.action_setting("epochs", step)

    def action_features(self, step: int) -> None:
        """Step the features of the next run."""
        self.action_setting("features", step)

    def action_find_rate(self) -> None:
        """Find a learning rate for the next run."""
        if self._work.find_rate is None:
            self._ui.tell("The demo does not train, so it has no learning rate to find.")
            return

        def take(rate: float | None) -> None:
            if rate is not None:
                self._change(replace(self._work.spec, learning_rate=rate))

        spec = self._work.spec
        self._ui.ask(FindRateScreen(spec.brief, self._work.find_rate(spec)), take)

    def action_setting(self, name: str, step: int) -> None:
        """Step any setting of the next run."""
        spec = self._work.spec
        try:
            changed = stepped(spec, name, step)
        except UsageError as error:
            # Two settings that do not go together.
            self._ui.tell(str(error))
            return
        if changed == spec and name in ("epochs", "features"):
            end = "highest" if step > 0 else "lowest"
            self._ui.tell(f"{getattr(spec, name):,} is the {end} preset. Press {name[0].upper()} to type any number.")
        self._change(changed)

    def action_type_setting(self, name: str) -> None:
        """Ask for the value of a setting."""
        match name:
            case "epochs":
                self.action_type_epochs()
            case "features":
                self.action_type_features()
            case _:
                self.action_new_runs()

    def action_type_epochs(self) -> None:
        """Ask for a number of epochs."""
        self._type("epochs", MAX_EPOCHS)

    def action_type_features(self) -> None:
        """Ask for a number of features."""
        self._type("features", MAX_FEATURES)

    def _type(self, name: str, most: int) -> None:
        def take(number: int | None) -> None:
            if number is not None:
                changed: dict[str, Any] = {name: number}
                self._change(replace(self._work.spec, **changed))

        title, now = f"{name.capitalize()} of the next run", str(getattr(self._work.spec, name))
        parse = partial(parse_number, name=name, low=1, high=most)
        self._ui.ask(EntryScreen(title, now, f"1 to {most:,}.", parse), take)
