"""The app's state, independent of widgets, so that it can be tested without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from mnist_tui.core.estimate import machine_factor, run_s
from mnist_tui.core.events import Preparing
from mnist_tui.core.insight import Insight
from mnist_tui.core.layers import Layer
from mnist_tui.core.orders import Steering, Wishes
from mnist_tui.core.points import PointSeries
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.spec import FALLBACK_SPEC, RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
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
    """The session, past runs, runs of other processes, and which run is shown.

    Args:
        backends: The training backends.
        home: Folder with runs and tables.
        spec: Initial settings; `None` for the ones used last time.
        attach: Id of a run of another process to show first; if empty, any run in progress there.
        report: Called with errors caught by `attempt`.

    Attributes:
        spec: The settings of the next run.
        views: Views of the runs, by name.
        shows_past: Show the newest past run if this session has none.
        is_opened: The runs are other tools', which are only looked at.
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
        self.is_opened, shelf = backends.opened is not None, backends.opened or home
        self.preferences, self.complaints = preferences.load(home)
        self.spec = spec or self.preferences.spec
        self.views = self.preferences.views
        self.session = TrainingSession(backends.engine, home, backends.workers, backends.cluster)
        self.state = SessionState()
        self.remote_runs = RemoteRuns(shelf, self.session.id)
        self.library = Library(shelf, self.state.runs, self.remote_runs.runs)
        self.cluster = backends.cluster.place if backends.cluster is not None else ""
        self.charts = ChartDesk(self.preferences.look)
        self.sight = Sight(attach)
        self.shows_past = False
        self._factor: float | None = None
        self._tell_data = backends.data
        self.find_rate, self._look_into = backends.find_rate, backends.layers

    def attempt(self, action: Callable[[], T]) -> T | None:
        """Call `action` and return its result; on an error, report it and return `None`."""
        try:
            return action()
        except MnistTuiError as error:
            self._report(error)
            return None

    def suit_fallback(self) -> bool:
        """Choose settings that learn something on the digits, unless a person chose some; return whether that was done.

        With the report's settings the digits, a small dataset, stay at the accuracy of guessing.
        """
        if self.spec != RunSpec():
            return False
        self.spec = FALLBACK_SPEC
        return True

    @cached_property
    def _data(self) -> str:
        return self._tell_data() if self._tell_data is not None else ""

    # What is in progress --------------------------------------------------------------------------

    @property
    def is_live(self) -> bool:
        """True while this session is training."""
        return self.session.active

    @property
    def in_progress(self) -> dict[str, RunState]:
        """This session's runs in progress, by id."""
        return {name: run for name, run in self.state.runs.items() if not run.status.is_over}

    @property
    def preparing(self) -> Preparing | None:
        """What is being prepared before a run: here, or by a process that is taking one over."""
        return self.state.preparing or (self.remote_runs.preparing if not self.is_live else None)

    def control_of(self, run: RunState | None) -> Steering | None:
        """Return the control of a run, or `None` if it is not in progress."""
        if self.is_live and (run is None or run.run == self.state.current or run.run in self.in_progress):
            return self.session.control
        return None if run is None else self.remote_runs.control(run.run)

    @property
    def can_steer(self) -> bool:
        """True if there is a run that the control keys can act on."""
        return (self.is_live and self.state.active) or self.control_of(self.sight.opened) is not None

    # The run shown --------------------------------------------------------------------------------

    @property
    def shown(self) -> RunState | None:
        """The open run, or else the one in progress, or else the newest past run."""
        if self.sight.opened is not None or self.state.run is not None or self.is_live:
            return self.sight.opened or self.state.run
        last = self.library.newest if self.shows_past else None
        return None if last is None else self.with_epochs(last.run)

    @property
    def _is_connecting(self) -> bool:
        awaited = self.sight.awaited
        status = self.status_of(awaited) if awaited else None
        # A run that is handed over is stopped until the other process continues it.
        return status is not None and (status is Status.STOPPED or not status.is_over)

    def follow(self, *, has_ended: bool) -> None:
        """Follow runs of other processes; see `Sight.follow`."""
        self.sight.follow(
            self.remote_runs.runs,
            self.remote_runs.following,
            self.with_epochs,
            has_ended=has_ended,
            has_own=self.state.run is not None,
            is_live=self.is_live,
        )

    def with_epochs(self, run: str) -> RunState | None:
        """Return a run with its epochs, or `None` if it cannot be read (the error was reported)."""
        return self.attempt(partial(self.library.with_epochs, run))

    def points(self, run: RunState, name: str) -> PointSeries | None:
        """Return what a script's run logged at its steps; `None` if it cannot be read (the error was reported)."""
        return self.attempt(partial(self.library.points, run, name))

    def last_insight(self, run: RunState | None) -> Insight | None:
        """Return the last insight of a run; `None` if it has none."""
        if run is None or not run.epochs_done:
            return None
        return self.attempt(partial(self.library.last_insight, run))

    def known(self, run: str | None) -> RunState | None:
        """Return a run without its epochs, or `None` if it is unknown."""
        return next((known for known in self.library.runs() if known.run == run), None)

    def status_of(self, run: str) -> Status | None:
        """Return the status of a run, or `None` if it is unknown."""
        known = self.known(run)
        return known.status if known is not None else None

    def marked(self, slots: Mapping[str, int]) -> dict[int, RunState]:
        """Return the marked runs with their epochs, by slot."""
        known = [(name, slot) for name, slot in slots.items() if self.library.knows(name)]
        found = {slot: run for name, slot in known if (run := self.with_epochs(name)) is not None}
        return dict(sorted(found.items()))

    def layers(self, run: RunState) -> Callable[[], tuple[Layer, ...] | str]:
        """Return a function for another thread: it returns the layers of a run's network, or why there are none."""

        def look() -> tuple[Layer, ...] | str:
            if run.network is None:
                return "This run belongs to a script, which has its network."
            if self._look_into is None:
                return "The demo does not train, so it has no network to show."
            if run.dataset is None or not run.dataset.side:
                return "This run was recorded by an older version, without its images' size."
            try:
                newest = self.library.newest_checkpoint(run.run, "")
                if newest is None:
                    return "This run has no checkpoint yet. Wait for the end of its first epoch."
                return self._look_into(newest[2], run.dataset.channels, run.dataset.side)
            except MnistTuiError as error:
                return str(error)

        return look

    # Estimates ------------------------------------------------------------------------------------

    @property
    def machine_factor(self) -> float:
        """How much slower this machine is than the reference machine of the estimates, from past runs."""
        if self._factor is None:
            self._factor = machine_factor(self.library.runs())
        return self._factor

    def forget_factor(self) -> None:
        """Recompute the machine factor on next use, as another run has ended."""
        self._factor = None

    @property
    def queue_s(self) -> float | None:
        """Estimated seconds until the queue is done; `None` while the current run has no estimate."""
        waiting, run = self.session.queue.waiting, self.state.run
        if not waiting or not self.is_live or run is None or run.time_to_go_s is None:
            return None
        waiting_s = sum(run_s(queued.spec, self.machine_factor) for queued in waiting)
        return run.time_to_go_s + waiting_s / self.session.at_once

    # Drawing --------------------------------------------------------------------------------------

    def screen(self, slots: Mapping[str, int], *, draws_charts: bool) -> ScreenModel:
        """Return the screen model for the next redraw.

        Args:
            slots: Slot of each marked run, by id.
            draws_charts: The charts of the run shown are visible.
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
            is_connecting=self._is_connecting,
            marked=self.marked(slots),
            preparing=self.preparing,
            wishes=Wishes() if control is None else control.wishes(run.run if run is not None else None),
            spec=self.spec,
            is_first=(is_first := not self.is_live and self.library.newest is None),
            data=self._data if is_first else "",
            is_opened=self.is_opened,
            is_live=self.is_live,
            is_active=self.state.active or not is_own,
            parallel=self.session.at_once,
            cluster=self.cluster,
            queue_done=self.session.done(len(self.in_progress)),
            queue_total=self.session.total,
            queue_to_go_s=self.queue_s,
            view=self.charts.look,
            points=self.points,
        )
