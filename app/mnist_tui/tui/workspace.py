"""What the app works with, and what follows from it. Knows no widgets, so it is tested without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from mnist_tui.core.estimate import machine_factor, run_s
from mnist_tui.core.events import Preparing, Status
from mnist_tui.core.insight import Insight
from mnist_tui.core.orders import Steering, Wishes
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState, SessionState
from mnist_tui.errors import MnistTuiError
from mnist_tui.runtime import preferences
from mnist_tui.runtime.backends import Backends
from mnist_tui.runtime.library import Library
from mnist_tui.runtime.remote_runs import RemoteRuns
from mnist_tui.runtime.session import TrainingSession
from mnist_tui.tui.chartdesk import ChartDesk
from mnist_tui.tui.screenmodel import ScreenModel
from mnist_tui.tui.sight import Sight

T = TypeVar("T")


class Workspace:
    """The session, past runs, runs of other processes, and which of them is looked at.

    Args:
        backends: What can train.
        home: Where runs and tables are kept.
        spec: The settings to begin with; `None`: those of the last time.
        attach: Id of a run of another process to show first; empty: whichever is in progress there.
        report: Called with errors that `attempt` meets.

    Attributes:
        spec: The settings of the next run.
        shows_past: Show the newest past run where this session has none.
    """

    def __init__(
        self,
        backends: Backends,
        home: Path,
        spec: RunSpec | None,
        attach: str,
        report: Callable[[MnistTuiError], None],
    ) -> None:
        self.home, self._report = home, report
        self.preferences, self.complaints = preferences.load(home)
        self.spec = spec or self.preferences.spec
        self.session = TrainingSession(backends.engine, home, backends.workers, backends.cluster)
        self.state = SessionState()
        self.remote_runs = RemoteRuns(home, self.session.id)
        self.library = Library(home, self.state.runs, self.remote_runs.runs)
        self.cluster = backends.cluster.place if backends.cluster is not None else ""
        self.charts = ChartDesk(self.preferences.look)
        self.sight = Sight(attach)
        self.shows_past = False
        self._factor: float | None = None

    def attempt(self, action: Callable[[], T]) -> T | None:
        """Do something; report an error and return `None` instead."""
        try:
            return action()
        except MnistTuiError as error:
            self._report(error)
            return None

    # What is in progress --------------------------------------------------------------------------

    @property
    def is_live(self) -> bool:
        """True while this session trains."""
        return self.session.active

    @property
    def in_progress(self) -> dict[str, RunState]:
        """This session's runs in progress, by id."""
        return {name: run for name, run in self.state.runs.items() if not run.status.is_over}

    @property
    def preparing(self) -> Preparing | None:
        """What is done before a run: here, or by the process that is to take one over."""
        return self.state.preparing or (self.remote_runs.preparing if not self.is_live else None)

    def control_of(self, run: RunState | None) -> Steering | None:
        """Return what steers a run; `None` where that is in progress nowhere."""
        if self.is_live and (run is None or run.run == self.state.current or run.run in self.in_progress):
            return self.session.control
        return None if run is None else self.remote_runs.control(run.run)

    @property
    def can_steer(self) -> bool:
        """True where the keys for the run in progress do something."""
        return (self.is_live and self.state.active) or self.control_of(self.sight.opened) is not None

    # What is looked at ----------------------------------------------------------------------------

    @property
    def shown(self) -> RunState | None:
        """The run that is open, else the one in progress, else the last one there is."""
        if self.sight.opened is not None or self.state.run is not None or self.is_live:
            return self.sight.opened or self.state.run
        last = self.library.newest if self.shows_past else None
        return None if last is None else self.with_epochs(last.run)

    def follow(self, *, has_ended: bool) -> None:
        """Look at what other processes do; see `Sight.follow`."""
        self.sight.follow(
            self.remote_runs.runs,
            self.remote_runs.following,
            self.with_epochs,
            has_ended=has_ended,
            has_own=self.state.run is not None,
            is_live=self.is_live,
        )

    def with_epochs(self, run: str) -> RunState | None:
        """Return a run with its epochs; `None` where it cannot be read, which was reported."""
        return self.attempt(partial(self.library.with_epochs, run))

    def last_insight(self, run: RunState | None) -> Insight | None:
        """Return what the last epoch of a run tells about its network; `None` where that is not stored."""
        if run is None or not run.epochs_done:
            return None
        return self.attempt(partial(self.library.insight, run.run, run.epochs_done))

    def known(self, run: str | None) -> RunState | None:
        """Return a run without its epochs, if there is one."""
        return next((known for known in self.library.runs() if known.run == run), None)

    def status_of(self, run: str) -> Status | None:
        """Return how a run stands."""
        known = self.known(run)
        return known.status if known is not None else None

    def marked(self, slots: Mapping[str, int]) -> dict[int, RunState]:
        """Return the marked runs with their epochs, by slot."""
        known = [(name, slot) for name, slot in slots.items() if self.library.knows(name)]
        found = {slot: run for name, slot in known if (run := self.with_epochs(name)) is not None}
        return dict(sorted(found.items()))

    # What takes how long --------------------------------------------------------------------------

    @property
    def machine_factor(self) -> float:
        """How much slower this machine is than the one that estimates are made for, from past runs."""
        if self._factor is None:
            self._factor = machine_factor(self.library.runs())
        return self._factor

    def forget_factor(self) -> None:
        """Take in that another run has told more about the machine."""
        self._factor = None

    @property
    def queue_s(self) -> float | None:
        """About how many seconds the queue still takes; `None` while the run in progress cannot tell."""
        waiting, run = self.session.queue.waiting, self.state.run
        if not waiting or not self.is_live or run is None or run.time_to_go_s is None:
            return None
        waiting_s = sum(run_s(queued.spec, self.machine_factor) for queued in waiting)
        return run.time_to_go_s + waiting_s / self.session.at_once

    # What is drawn --------------------------------------------------------------------------------

    def screen(self, slots: Mapping[str, int], *, draws_charts: bool) -> ScreenModel:
        """Return what is to be drawn.

        Args:
            slots: The marked runs, and the slot of each.
            draws_charts: The charts of the run on the screen are in sight.
        """
        run, opened = self.shown, self.sight.opened
        if draws_charts:
            self.charts.show([run] if run is not None else [])
        control = self.control_of(run)
        is_own = opened is None or opened.status.is_over
        return ScreenModel(
            run=run,
            own=self.state.run,
            opened=opened,
            opened_is_own=opened is not None and opened.run in self.in_progress,
            beside=len(self.in_progress) - 1,
            remote=self.library.remote,
            waiting=len(self.session.queue.waiting),
            starting=self.session.starting if self.is_live else None,
            marked=self.marked(slots),
            preparing=self.preparing,
            wishes=Wishes() if control is None else control.wishes(run.run if run is not None else None),
            spec=self.spec,
            is_first=not self.is_live and self.library.newest is None,
            is_live=self.is_live,
            is_active=self.state.active or not is_own,
            parallel=self.session.at_once,
            cluster=self.cluster,
            queue_done=self.session.done(len(self.in_progress)),
            queue_total=self.session.total,
            queue_to_go_s=self.queue_s,
            view=self.charts.look,
        )
