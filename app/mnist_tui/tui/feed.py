"""What training says, here and in other processes, and when the screen should follow it."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_tui.core.events import EpochDone, Event, Progress, RunDone
from mnist_tui.core.state import SessionState
from mnist_tui.runtime.pace import Pace
from mnist_tui.runtime.remote_runs import RemoteRuns
from mnist_tui.runtime.session import TrainingSession


@dataclass(frozen=True, slots=True)
class News:
    """What came since the last look.

    Attributes:
        own: Events of this session, already taken into its state.
        remote: Events of other processes.
        reports: Sentences about other processes.
        is_idle: The training thread had ended before; nothing more comes from it.
    """

    own: tuple[Event, ...]
    remote: tuple[Event, ...]
    reports: tuple[str, ...]
    is_idle: bool

    @property
    def has_remote_end(self) -> bool:
        """True where a run of another process has ended."""
        return bool(self.reports) or any(isinstance(event, RunDone) for event in self.remote)

    @property
    def can_wait(self) -> bool:
        """True where nothing but progress and epochs has come."""
        return not self.reports and all(isinstance(each, Progress | EpochDone) for each in (*self.own, *self.remote))


class Feed:
    """Collects the news, and says when to draw it.

    Args:
        session: What trains here.
        state: What that has told so far; the events are taken into it.
        remote_runs: What other processes train.
        pace: How often the screen follows.
    """

    def __init__(
        self, session: TrainingSession, state: SessionState, remote_runs: RemoteRuns, pace: Pace | None = None
    ) -> None:
        self._session, self._state, self._remote_runs = session, state, remote_runs
        self._pace = pace or Pace()
        self.is_behind = False

    def take_in(self) -> News:
        """Return what is new, without waiting."""
        # Asked before the mailbox is emptied: a thread that had ended by then has put its last words into it.
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
        """Return whether to draw now, which then begins: progress and epochs wait for their turn, the rest does not."""
        may_draw = self._pace.is_due()
        if not self.is_behind or not (may_draw or not news.can_wait):
            return False
        self.is_behind = False
        self._pace.begin()
        return True
