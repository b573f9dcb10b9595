"""What people ask of the training in progress; the loop looks at it between batches."""

from __future__ import annotations

import threading
from enum import Enum, auto

from mnist_tui.core.spec import check_rate


class Next(Enum):
    """What the loop has to do next."""

    GO_ON = auto()
    STOP_RUN = auto()


class RunControl:
    """Stop, skip, pause and "more epochs", asked for by any thread, obeyed by the training thread.

    `stop` ends the run and the queue, `skip` ends the run alone. Either can wait for the end of the epoch.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paused = False
        self._held = False
        self._stop_queue = False
        self._stop_run = False
        self._handing_over = False
        self._after_epoch = False
        self._run = ""
        self._epochs: int | None = None
        self._epochs_are_new = False
        self._too_late = False
        self._rate: float | None = None

    # Asked by people ------------------------------------------------------------------------------

    # Each may name the run that is meant; it is False, and nothing happens, when another one is in progress.

    def stop(self, run: str | None = None, *, after_epoch: bool = False) -> bool:
        """End the run after this batch or this epoch and leave the rest of the queue waiting."""
        with self._changed:
            if run not in (None, self._run):
                return False
            self._stop_queue = True
            self._end_run(after_epoch)
            return True

    def skip(self, run: str | None = None, *, after_epoch: bool = False) -> bool:
        """End the run after this batch or this epoch and go on with the next one."""
        with self._changed:
            if run not in (None, self._run):
                return False
            self._end_run(after_epoch)
            return True

    def hand_over(self) -> None:
        """End the run and the queue where they are, with a checkpoint, so that another process can go on from there."""
        with self._changed:
            self._stop_queue = self._handing_over = True
            self._end_run(after_epoch=False)

    def pause(self, run: str | None = None) -> bool:
        """Hold the run before its next batch."""
        with self._changed:
            if run not in (None, self._run):
                return False
            self._paused = True
            return True

    def resume(self, run: str | None = None) -> bool:
        """Let a paused run go on."""
        with self._changed:
            if run not in (None, self._run):
                return False
            self._paused = False
            self._changed.notify_all()
            return True

    def hold(self) -> frozenset[str]:
        """Hold for a while what does not hold already; return it, for `let_go`."""
        with self._changed:
            if self._paused:
                return frozenset()
            self._paused = True
            return frozenset({self._run})

    def let_go(self, held: frozenset[str]) -> None:
        """Let go on what `hold` returned; what was paused before stays paused."""
        if held:
            self.resume()

    def set_epochs(self, epochs: int, run: str | None = None) -> bool:
        """Give the run in progress another number of epochs; the loop never goes below what is done.

        Args:
            epochs: The number to reach.
            run: The run that is meant; `None` means whichever is in progress.

        Returns:
            False when it is too late: the run has all its epochs and is being tested, or another one is in progress.
        """
        with self._changed:
            if self._too_late or run not in (None, self._run):
                return False
            self._epochs, self._epochs_are_new = epochs, True
            self._changed.notify_all()
            return True

    def set_learning_rate(self, rate: float, run: str | None = None) -> bool:
        """Train the run in progress with another learning rate, from its next epoch on.

        Args:
            rate: Above 0.
            run: The run that is meant; `None` means whichever is in progress.

        Returns:
            False when it is too late: the run has all its epochs and is being tested, or another one is in progress.

        Raises:
            UsageError: It is no learning rate.
        """
        check_rate(rate)
        with self._changed:
            if self._too_late or run not in (None, self._run):
                return False
            self._rate = float(rate)
            return True

    def rate_asked(self, run: str) -> float | None:
        """Return the learning rate that was asked for and is not in use yet."""
        with self._changed:
            return self._rate if run == self._run else None

    def epochs_asked(self, run: str) -> int | None:
        """Return the number of epochs that was asked for last for this run."""
        with self._changed:
            return self._epochs if run == self._run else None

    def wait_until_held(self, timeout_s: float) -> bool:
        """Block until the training thread holds; False when it has not come so far in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._held, timeout_s)

    def _end_run(self, after_epoch: bool) -> None:
        # A second, more urgent wish wins over "after the epoch".
        self._after_epoch = after_epoch and (self._after_epoch or not self._stop_run)
        self._stop_run = True
        self._paused = False
        self._changed.notify_all()

    # Read by the training thread ------------------------------------------------------------------

    def begin_run(self, run: str) -> None:
        """Forget what was asked of the run before."""
        with self._changed:
            self._run = run
            self._epochs, self._epochs_are_new, self._too_late = None, False, False
            self._rate = None
            if not self._stop_queue:
                self._stop_run = self._after_epoch = False

    def end_run(self) -> None:
        """Take no more wishes for the run that is over."""
        with self._changed:
            self._run, self._too_late = "", True

    def is_paused(self, run: str | None = None) -> bool:
        """Return whether the run should hold; `None` means whichever is in progress."""
        return self._paused and run in (None, self._run)

    @property
    def paused(self) -> bool:
        """True while the run should hold."""
        return self._paused

    def is_stopping(self, run: str | None = None) -> bool:
        """Return whether the run was asked to end, now or after its epoch; `None` means whichever is in progress."""
        return self._stop_run and run in (None, self._run)

    @property
    def handing_over(self) -> bool:
        """True once another process is to go on."""
        return self._handing_over

    @property
    def queue_stopped(self) -> bool:
        """True when no further run may start."""
        return self._stop_queue

    def between_batches(self) -> Next:
        """Say whether to go on with the next batch."""
        return Next.STOP_RUN if self._stop_run and not self._after_epoch else Next.GO_ON

    def after_epoch(self) -> Next:
        """Say whether to go on with the next epoch."""
        return Next.STOP_RUN if self._stop_run else Next.GO_ON

    def wait_until_resumed(self) -> bool:
        """Block the training thread while the run is paused; False when it is, but other epochs were asked for."""
        with self._changed:
            self._held = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._paused or self._epochs_are_new)
            self._held = False
            return not self._paused

    def take_rate(self) -> float | None:
        """Return the learning rate that was asked for since the last call, `None` for none."""
        with self._changed:
            rate, self._rate = self._rate, None
            return rate

    def epochs(self, current: int, done: int) -> int:
        """Return the number of epochs to reach: what was asked for last, at least `done`."""
        with self._changed:
            self._epochs_are_new = False
            if self._epochs is None:
                return current
            self._epochs = max(self._epochs, done, 1)
            return self._epochs

    def close(self) -> None:
        """Take no more wishes for this run: it is about to be tested."""
        with self._changed:
            self._too_late = True

    def close_epochs(self, done: int) -> bool:
        """Take no more wishes for epochs, as the run is about to be tested; False when more were asked for by now."""
        with self._changed:
            self._too_late = self._epochs is None or self._epochs <= done
            return self._too_late
