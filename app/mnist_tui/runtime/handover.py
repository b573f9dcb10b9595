"""Hands the run in progress and the queue over to a process that outlives the app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.status import Status
from mnist_tui.errors import MnistTuiError
from mnist_tui.runtime.session import Detach, TrainingSession

Beside: TypeAlias = Callable[[Callable[[], MnistTuiError | None], Callable[[MnistTuiError | None], None]], None]
"""Runs the first function in a new thread, then the second one with its result in the calling thread."""


class HandOver:
    """Stops the run at an exact point and lets another process resume it.

    Args:
        beside: Runs a function in a new thread, then another one with its result in the calling thread.
        session: The training session of this process.
        state: Its state.
        detach: Hands a queue to a detached process; `None` if that is not possible.
        done: Called with the runs that were handed over.
        failed: Called if no process took over, after the runs have been queued here again.

    Attributes:
        is_wanted: The training thread has been asked to stop for it.
        is_under_way: The other process has been started, but has not taken over yet.
        count: Runs that were handed over.
    """

    def __init__(
        self,
        beside: Beside,
        session: TrainingSession,
        state: SessionState,
        detach: Detach | None,
        done: Callable[[Sequence[QueuedRun]], None],
        failed: Callable[[MnistTuiError], None],
    ) -> None:
        self._beside, self._session, self._state, self._detach = beside, session, state, detach
        self._done, self._failed = done, failed
        self.is_wanted = self.is_under_way = False
        self.count = 0
        self._over: set[str] = set()
        self._paused: set[str] = set()
        self._ended = 0

    @property
    def is_possible(self) -> bool:
        """True if another process can take over."""
        return self._detach is not None

    def begin(self) -> None:
        """Ask the training thread to stop at an exact point."""
        self.is_wanted = True
        self._end_here()

    def go_on(self) -> None:
        """Start the other process, now that the training thread has ended."""
        self.is_wanted = False
        queue = self._queue()
        if self._detach is None or not queue:
            # Training had already finished.
            self._done(())
            return
        self.is_under_way = True
        with suppress(MnistTuiError):
            # Until the other process takes over, the stopped run waits here, even if this process is killed.
            self._session.write_down(queue)
        self._beside(partial(self._wait, self._detach, queue), partial(self._end, queue))

    def at_once(self, within_s: float) -> None:
        """Hand over synchronously, for when the screen is already gone.

        Args:
            within_s: How long the training thread may take to stop.

        Raises:
            MnistTuiError: No process took over.
        """
        self._end_here()
        if self._detach is None or not self._session.join(within_s):
            return
        for event in self._session.mailbox.drain():
            self._state.apply(event)
        if queue := self._queue():
            self._detach(queue, self._session.jobs)
            self._forget(queue)

    def _end_here(self) -> None:
        self._over = {name for name, run in self._state.runs.items() if run.status.is_over}
        self._paused = {name for name, run in self._state.runs.items() if run.status is Status.PAUSED}
        self._session.hand_over()

    def _queue(self) -> tuple[QueuedRun, ...]:
        """Return the runs to hand over: those stopped for it, and the waiting ones."""
        runs = self._state.runs.items()
        stopped = [run for name, run in runs if run.status is Status.STOPPED and name not in self._over]
        self._ended = len(stopped)
        ended = (
            QueuedRun(each.run, spec, continues=True, epochs=each.epochs, paused=each.run in self._paused)
            for each in stopped
            if (spec := each.network) is not None
        )
        return (*ended, *self._session.let_go_of_queue())

    def _forget(self, queue: Sequence[QueuedRun]) -> None:
        """Remove these runs from the state: from now on, the process that trains them reports on them."""
        self.count += len(queue)
        self._session.uncount(self._ended)
        for queued in queue:
            self._state.runs.pop(queued.run, None)
        self._state.current = next(reversed(self._state.runs), None)

    def _wait(self, detach: Detach, queue: Sequence[QueuedRun]) -> MnistTuiError | None:
        try:
            detach(queue, self._session.jobs)
        except MnistTuiError as error:
            return error
        return None

    def _end(self, queue: Sequence[QueuedRun], error: MnistTuiError | None) -> None:
        self.is_under_way = False
        if error is None:
            self._forget(queue)
            self._done(queue)
            return
        try:
            self._session.add(queue, first=True)
        except MnistTuiError as worse:
            error = worse
        self._failed(error)
