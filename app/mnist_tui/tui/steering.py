"""Steers training: the queue, the run in progress, the settings of the next run."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from textual import on
from textual.widgets import TabbedContent

from mnist_tui.core import orders
from mnist_tui.core.estimate import DAY_S, machine_factor, sweep_s
from mnist_tui.core.events import Status
from mnist_tui.core.queue import QueuedRun, enqueue
from mnist_tui.core.spec import MAX_EPOCHS, MAX_FEATURES, REPORT_PRESET, RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.report.words import format_duration
from mnist_tui.tui.monitor import Monitor
from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.screens.new_runs import NewRuns, NewRunsScreen
from mnist_tui.tui.screens.number import NumberScreen
from mnist_tui.tui.screens.rate import RateScreen
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.widgets.settings import SettingsBar, stepped

ASK_FROM_S: Final = 5.0
"""Seconds of an unfinished epoch from which on ending it is asked about."""


class Steering(Monitor):
    """What the keys for training and settings do; arguments as for `Monitor`."""

    # Training -------------------------------------------------------------------------------------

    def _enqueue(self, specs: Iterable[RunSpec]) -> None:
        self._told(partial(self.session.add, enqueue(specs)))

    def _start(self, *, alone: bool = False) -> None:
        self._opened = None
        self.query_one(TabbedContent).active = "live"
        self.session.start(alone=alone)
        self._show()
        self._show_runs()

    def action_start(self) -> None:
        """Start what waits, or the settings shown."""
        if self._live:
            if self.session.follow_up():
                self.tell("The waiting runs start after this one.")
            else:
                self.tell("A run is in progress already. n adds the settings shown to the queue.")
            return
        if not self.session.queue.waiting:
            self._enqueue((self.spec,))
        elif all(queued.spec != self.spec for queued in self.session.queue.waiting):
            self.tell("The waiting runs go first. n adds the settings shown to them.")
        self._start()

    def action_enqueue(self) -> None:
        """Add the settings shown to the queue."""
        self._enqueue((self.spec,))
        self._tell_queued()

    def _tell_queued(self) -> None:
        """Say how the waiting runs start, where no line of the screen says so."""
        waiting = len(self.session.queue.waiting)
        if not (self._live and self.session.goes_on):
            self.tell(f"{waiting} run{'s are waiting. r starts them' if waiting != 1 else ' is waiting. r starts it'}.")
        self._show()
        self._show_runs()

    def action_report_preset(self) -> None:
        """Queue the report's two runs and start."""
        self._enqueue(replace(REPORT_PRESET, base=self.spec).runs())
        if self._live:
            self.session.follow_up()
            self._tell_queued()
        else:
            self._start()

    def action_new_runs(self) -> None:
        """Open the form."""
        jobs = self.session.jobs if self.session.may_choose_jobs else None
        self.push_screen(NewRunsScreen(self.spec, self._machine_factor, jobs), self._take_new_runs)

    @property
    def _machine_factor(self) -> float:
        return machine_factor(self.library.runs())

    def _take_new_runs(self, answer: NewRuns | None) -> None:
        if answer is None:
            return
        needed_s = sweep_s(answer.sweep, self._machine_factor) / min(
            max(answer.jobs, self.session.at_once), answer.sweep.n_runs
        )
        if needed_s <= DAY_S:
            self._add_new_runs(answer)
            return
        question = f"{answer.sweep.n_runs:,} runs will take about {format_duration(needed_s)} on this machine."
        self.push_screen(
            ConfirmScreen("More than a day", question, "Queue them"),
            lambda yes: self._add_new_runs(answer) if yes else None,
        )

    def _add_new_runs(self, answer: NewRuns) -> None:
        self.session.jobs = answer.jobs
        self._enqueue(answer.sweep.runs())
        if answer.start and not self._live:
            self._start()
        else:
            self._tell_queued()

    def action_resume(self) -> None:
        """Go on with the run under the cursor; a finished one gets the epochs of the settings."""
        run = self._run_in_sight
        if run is None:
            self.tell("There is no run to resume yet. r starts one.")
            return
        if (self._live and run == self.state.current and self.state.active) or run in self.elsewhere.runs:
            self.tell("That run is in progress.")
            return
        if run in {queued.run for queued in self.session.queue.waiting}:
            self.tell("That run is waiting already.")
            return
        epochs = self.spec.epochs if self._status_of(run) is Status.FINISHED else None
        queued = self._told(partial(self.library.continuing, run, epochs))
        if queued is not None:
            self._train_alone(queued)

    def action_retry(self) -> None:
        """Train the settings of the run under the cursor again, with a tenth of its learning rate."""
        run = self.query_one(RunsView).chosen
        past = self._with_epochs(run) if run is not None else None
        if past is None:
            return
        rate = past.spec.learning_rate / 10 if math.isfinite(past.spec.learning_rate) else RunSpec().learning_rate
        (again,) = enqueue((replace(past.spec, learning_rate=rate),))
        if past.status is Status.DIVERGED:
            self._train_alone(again)
            return
        question = (
            f"This run did not diverge: it is {past.status}. "
            f"Train {again.spec.title} again with learning rate {rate:g} instead of {past.spec.learning_rate:g}?"
        )
        self.push_screen(
            ConfirmScreen("Train again", question, "Train again"), lambda yes: self._train_alone(again) if yes else None
        )

    def _train_alone(self, queued: QueuedRun) -> None:
        """Train one run now and leave what waits waiting; while another one is in progress, say where it stands."""
        self._told(partial(self.session.add, (queued,), first=True))
        if not self._live:
            self._start(alone=True)
            return
        when = "It follows the run in progress" if self.session.goes_on else "r starts it"
        self.tell(f"Queued as number 1 of {len(self.session.queue.waiting)}. {when}.")
        self._show()
        self._show_runs()

    @property
    def _steered(self) -> tuple[RunState | None, orders.Steering] | None:
        """The run that the keys act on: the one in sight where that is in progress, else this process' own."""
        in_sight = self._run_in_sight
        if in_sight is not None and (remote := self.elsewhere.control(in_sight)) is not None:
            return self.elsewhere.runs[in_sight], remote
        if self._live and self.state.active:
            return self._in_progress.get(in_sight or "", self.state.run), self.session.control
        self.tell("No run is in progress. r starts one.")
        return None

    @property
    def _run_in_sight(self) -> str | None:
        """Id of the run under the cursor in the Runs tab, else of the one shown."""
        if self.query_one(TabbedContent).active == "runs-pane":
            return self.query_one(RunsView).chosen
        shown = self._shown_run
        return None if shown is None else shown.run

    def action_pause(self) -> None:
        """Hold the run, or let it go on."""
        if (steered := self._steered) is None:
            return
        run, control = steered
        name = self._named(run)
        if control.wishes(name).paused:
            control.resume(name)
        else:
            control.pause(name)
        self._show()

    def _named(self, run: RunState | None) -> str | None:
        """Return the id that an order must name where several runs are trained at once."""
        return run.run if run is not None and len(self._in_progress) > 1 else None

    def action_stop(self) -> None:
        """End the run; the queue waits."""
        if (steered := self._steered) is not None:
            run, control = steered
            stop = self.session.stop if control is self.session.control else control.stop
            self._end_run("Stop", run, partial(stop, self._named(run)))

    def action_skip(self) -> None:
        """End the run; the next one starts."""
        if (steered := self._steered) is not None:
            run, control = steered
            self._end_run("Skip", run, partial(control.skip, self._named(run)))

    def action_detach(self) -> None:
        """Hand the run in progress and what waits to a process that outlives this terminal."""
        in_sight = self._run_in_sight
        if in_sight is not None and in_sight in self.elsewhere.runs:
            self.tell("That run is in a process of its own already.")
        elif not (self._live and self.state.active):
            self.tell("No run is in progress. `mnist-tui run --detach` starts one outside of the app.")
        elif not self.handover.is_possible:
            self.tell("Scripted runs cannot be detached.")
        else:
            self.handover.begin()
            self.tell("Handing the run over to a process of its own …", long=True)
            self._show()

    def action_jobs(self) -> None:
        """Train one run more at once, or one again where there are no more cores."""
        if not self.session.may_choose_jobs:
            cluster = f"As many runs are trained at once as there is room for on {self._place}."
            self.tell(cluster if self._place else "Only one run can be trained at once here.")
            return
        self.session.jobs = self.session.jobs % max(2, os.cpu_count() or 1) + 1
        when = ", from the next start on" if self._live else ""
        each = f"{self.session.jobs} at once, a process and a thread each" if self.session.jobs > 1 else "one at a time"
        self.tell(f"Runs are trained {each}{when}.")
        self._show()

    def action_next_run(self, step: int) -> None:
        """Show another one of the runs in progress, here and elsewhere."""
        runs = {**self._in_progress, **self.elsewhere.runs}
        if not runs:
            self.tell("No run is in progress. r starts one.")
            return
        names = list(runs)
        shown = self._shown_run
        at = names.index(shown.run) if shown is not None and shown.run in runs else -step
        name = names[(at + step) % len(names)]
        self._opened = None if name == self.state.current else runs[name]
        self.query_one(TabbedContent).active = "live"
        self._show()

    def _end_run(self, verb: str, run: RunState | None, end: Callable[[], object]) -> None:
        """End the run at once; ask first where seconds of an unfinished epoch would be lost."""
        lost_s = run.progress.epoch_elapsed_s if run is not None and run.progress is not None else 0.0

        def do(yes: bool | None) -> None:
            if yes:
                end()
                self._show()

        if run is None or lost_s < ASK_FROM_S or run.epoch_fraction in (0.0, 1.0):
            do(True)
            return
        question = (
            f"{format_duration(lost_s)} of epoch {run.epochs_done + 1} would be lost; "
            f"the {run.epochs_done} finished ones are kept."
        )
        self.push_screen(ConfirmScreen(f"{verb} this run?", question, verb), do)

    def action_live_epochs(self, step: int) -> None:
        """Change the number of epochs of the run in progress."""
        if (steered := self._steered) is None:
            return
        run, control = steered
        if run is None or run.status.is_over:
            return
        # From what was asked for last, not from what the training thread has taken in so far.
        asked = control.wishes(run.run).epochs or run.epochs
        if not control.set_epochs(min(MAX_EPOCHS, max(asked + step, run.epochs_done + 1)), run.run):
            self.tell("Too late: this run is already being tested. g in the Runs tab gives it more epochs.")
        self._show()

    def action_live_rate(self) -> None:
        """Ask for another learning rate of the run in progress."""
        if (steered := self._steered) is None:
            return
        run, control = steered
        if run is None or run.status.is_over:
            return
        name = run.run
        wishes = control.wishes(name)
        if run.epochs_done + 1 >= (wishes.epochs or run.epochs) and run.progress is not None:
            self.tell("This is the run's last epoch. + gives it another one, which a new rate could be used for.")
            return

        def change(rate: float | None) -> None:
            if rate is not None and not control.set_learning_rate(rate, name):
                self.tell("Too late: this run is being tested, or it is over.")
            self._show()

        self.push_screen(RateScreen(wishes.rate or run.learning_rate), change)

    # Settings -------------------------------------------------------------------------------------

    def _change(self, spec: RunSpec) -> None:
        self.spec = spec
        self._show()

    def action_epochs(self, step: int) -> None:
        """Step the epochs of the next run."""
        self.action_setting("epochs", step)

    def action_features(self, step: int) -> None:
        """Step the features of the next run."""
        self.action_setting("features", step)

    def action_setting(self, name: str, step: int) -> None:
        """Step any setting of the next run."""
        changed = stepped(self.spec, name, step)
        if changed == self.spec and name in ("epochs", "features"):
            letter = name[0].upper()
            end = "largest" if step > 0 else "smallest"
            self.tell(f"{getattr(self.spec, name):,} is the {end} step; {letter} takes any number of {name}.")
        self._change(changed)

    @on(SettingsBar.Stepped)
    def _step_setting(self, stepped: SettingsBar.Stepped) -> None:
        self.action_setting(stepped.name, stepped.step)

    @on(SettingsBar.Typed)
    def _type_setting(self, typed: SettingsBar.Typed) -> None:
        match typed.name:
            case "epochs":
                self.action_type_epochs()
            case "features":
                self.action_type_features()
            case _:
                self.action_new_runs()

    def action_type_epochs(self) -> None:
        """Ask for a number of epochs."""
        self.push_screen(
            NumberScreen("Epochs of the next run", "epochs", self.spec.epochs, 1, MAX_EPOCHS),
            lambda n: None if n is None else self._change(replace(self.spec, epochs=n)),
        )

    def action_type_features(self) -> None:
        """Ask for a number of features."""
        self.push_screen(
            NumberScreen("Features of the next run", "features", self.spec.features, 1, MAX_FEATURES),
            lambda n: None if n is None else self._change(replace(self.spec, features=n)),
        )
