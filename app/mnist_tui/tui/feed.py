"""Collects training events of this and other processes, and decides when to redraw."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_tui.core.events import EpochDone, Event, Progress, RunDone
from mnist_tui.core.reducer import SessionState
from mnist_tui.runtime.pace import Pace
from mnist_tui.runtime.remote_runs import RemoteRuns
from mnist_tui.runtime.session import TrainingSession


@dataclass(frozen=True, slots=True)
class News:
    """What arrived since the last call.

    Attributes:
        own: Events of this session, already applied to its state.
        remote: Events of other processes.
        reports: Messages about other processes.
        is_idle: The training thread had already ended, so no more events will follow.
    """

    own: tuple[Event, ...]
    remote: tuple[Event, ...]
    reports: tuple[str, ...]
    is_idle: bool

    @property
    def has_remote_end(self) -> bool:
        """True if a run of another process has ended."""
        return bool(self.reports) or any(isinstance(event, RunDone) for event in self.remote)

    @property
    def can_wait(self) -> bool:
        """True if there are only progress and epoch events."""
        return not self.reports and all(isinstance(each, Progress | EpochDone) for each in (*self.own, *self.remote))


class Feed:
    """Collects events and decides when to draw them.

    Args:
        session: The training session.
        state: State of the session; events are applied to it.
        remote_runs: Runs of other processes.
        pace: Limits how often to redraw.
    """

    def __init__(
        self, session: TrainingSession, state: SessionState, remote_runs: RemoteRuns, pace: Pace | None = None
    ) -> None:
        self._session, self._state, self._remote_runs = session, state, remote_runs
        self._pace = pace or Pace()
        self.is_behind = False

    def take_in(self) -> News:
        """Return what is new, without blocking."""
        # Check before draining the mailbox: if the thread has ended by now, its last events are in it.
        is_idle = not self._session.active
        own = self._session.mailbox.drain()
        for event in own:
            self._state.apply(event)
        told = self._remote_runs.poll()
        remote = tuple(each for each in told if isinstance(each, Event))
        reports = tuple(each for each in told if isinstance(each, str))
        self.is_behind = self.is_behind or bool(own or told)
        return News(tuple(own), remote, reports, is_idle)

    def is_due(self, news: News) -> bool:
        """Return whether to draw now, and note that drawing starts. Only progress and epoch events may be delayed."""
        may_draw = self._pace.is_due()
        if not self.is_behind or not (may_draw or not news.can_wait):
            return False
        self.is_behind = False
        self._pace.begin()
        return True
