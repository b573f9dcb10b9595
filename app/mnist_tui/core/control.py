"""Requests to the training of this process, and the training loop's view of them."""

from __future__ import annotations

import threading
from abc import abstractmethod

from mnist_tui.core.orders import HAND_OVER, SAVE, Order, Steering, Wishes
from mnist_tui.errors import OrderError


class Requests:
    """Pending requests for the current run: written by any thread, read by the training thread between batches."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._run = self._reason = ""
        self._paused = self._held = False
        self._stop_run = self._after_epoch = False
        self._stop_queue = self._handing_over = False
        self._epochs: int | None = None
        self._rate: float | None = None
        self._too_late = self._is_nudged = False

    # Written by any thread ------------------------------------------------------------------------

    def take(self, order: Order) -> bool:
        """Accept an order; see `Steering.give`. It is too late for epochs and rate while the run is being tested.

        Raises:
            OrderError: Runs of this kind do not obey it.
        """
        if order.kind == SAVE:
            raise OrderError("a built-in run saves by itself, after each epoch")
        with self._changed:
            if order.run not in ("", self._run) or (order.kind in ("epochs", "rate") and self._too_late):
                return False
            match order.kind:
                case "pause":
                    self._paused = True
                case "resume":
                    self._paused = False
                case "epochs":
                    self._epochs, self._is_nudged = int(order.value), True
                case "rate":
                    self._rate, self._is_nudged = float(order.value), True
                case "skip":
                    self._reason = order.reason
                    self._end_run(order.after_epoch)
                case "stop":
                    self._stop_queue = True
                    self._end_run(order.after_epoch)
                case _:
                    self._stop_queue = self._handing_over = True
                    self._end_run(after_epoch=False)
            self._changed.notify_all()
            return True

    def _end_run(self, after_epoch: bool) -> None:
        # A second, more urgent request overrides "after the epoch".
        self._after_epoch = after_epoch and (self._after_epoch or not self._stop_run)
        self._stop_run = True
        self._paused = False

    def wishes(self, run: str | None) -> Wishes:
        """Return the pending requests for the current run; any other run has none."""
        with self._changed:
            if run not in (None, self._run):
                return Wishes()
            return Wishes(self._epochs, self._rate, self._paused, self._stop_run)

    def hold(self) -> str | None:
        """Pause the run; return its id, or `None` if it is already paused."""
        with self._changed:
            if self._paused:
                return None
            self._paused = True
            return self._run

    def wait_until_held(self, timeout_s: float) -> bool:
        """Block until the training thread has paused; return False on timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: self._held, timeout_s)

    # Read by the training thread ------------------------------------------------------------------

    def begin_run(self, run: str, *, paused: bool = False) -> None:
        """Start a run, paused or not: discard the requests for the previous one."""
        with self._changed:
            self._run = run
            self._paused = self._paused or paused
            self._epochs = self._rate = None
            self._too_late = self._is_nudged = False
            self._reason = ""
            if not self._stop_queue:
                self._stop_run = self._after_epoch = False

    def end_run(self) -> None:
        """Accept no more requests for the run that just ended."""
        with self._changed:
            self._run, self._too_late = "", True

    @property
    def queue_stopped(self) -> bool:
        """True when no further run may start."""
        return self._stop_queue

    @property
    def handing_over(self) -> bool:
        """True once training is being handed over to another process."""
        return self._handing_over

    @property
    def paused(self) -> bool:
        """True while the run should be paused."""
        return self._paused

    @property
    def stopping(self) -> bool:
        """True once the run should end, now or after its epoch."""
        return self._stop_run

    @property
    def reason(self) -> str:
        """Why the run should end."""
        return self._reason or "stopped by request"

    @property
    def stops_now(self) -> bool:
        """True once the run should end before its next batch."""
        return self._stop_run and not self._after_epoch

    def wait_until_resumed(self, timeout_s: float | None = None) -> bool:
        """Block while the run is paused; return False if it still is: after that time, for a new request or a nudge."""
        with self._changed:
            self._held = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._paused or self._is_nudged, timeout_s)
            self._is_nudged = False
            self._held = False
            return not self._paused

    def nudge(self) -> None:
        """Let a paused loop look around."""
        with self._changed:
            self._is_nudged = True
            self._changed.notify_all()

    def take_rate(self) -> float | None:
        """Return the learning rate requested since the last call, or `None`."""
        with self._changed:
            rate, self._rate = self._rate, None
            return rate

    def epochs(self, current: int, done: int) -> int:
        """Return the target number of epochs: the latest request, but at least `done`."""
        with self._changed:
            if self._epochs is None:
                return current
            self._epochs = max(self._epochs, done, 1)
            return self._epochs

    def close(self) -> None:
        """Accept no more requests for epochs or rate: the run is about to be tested."""
        with self._changed:
            self._too_late = True

    def close_epochs(self, done: int) -> bool:
        """Accept no more epochs, since the run is about to be tested; return False if more were requested meanwhile."""
        with self._changed:
            self._too_late = self._epochs is None or self._epochs <= done
            return self._too_late


class TrainingControl(Steering):
    """Controls the training of this process, which it can also pause temporarily or hand over."""

    @property
    @abstractmethod
    def queue_stopped(self) -> bool:
        """True when no further run may start."""

    @property
    @abstractmethod
    def handing_over(self) -> bool:
        """True once training is being handed over to another process."""

    def hand_over(self) -> None:
        """Stop the current runs and the queue where they are, so that another process can resume them."""
        self.give(Order(kind=HAND_OVER))

    @abstractmethod
    def hold(self) -> frozenset[str]:
        """Pause the runs that are not paused; return their ids for `let_go`."""

    @abstractmethod
    def let_go(self, held: frozenset[str]) -> None:
        """Resume the runs that `hold` paused; those paused before stay paused."""

    @abstractmethod
    def wait_until_held(self, timeout_s: float) -> bool:
        """Block until all current runs have paused; return False on timeout."""


class RunControl(TrainingControl):
    """Controls runs that are trained one after another.

    Attributes:
        requests: The pending requests, which the training loop reads.
    """

    def __init__(self) -> None:
        self.requests = Requests()

    def give(self, order: Order) -> bool:
        """Submit an order; see `Requests.take`."""
        return self.requests.take(order)

    def wishes(self, run: str | None = None) -> Wishes:
        """Return the pending requests for the current run; any other run has none."""
        return self.requests.wishes(run)

    @property
    def queue_stopped(self) -> bool:
        """True when no further run may start."""
        return self.requests.queue_stopped

    @property
    def handing_over(self) -> bool:
        """True once training is being handed over to another process."""
        return self.requests.handing_over

    def hold(self) -> frozenset[str]:
        """Pause the run unless it is already paused."""
        held = self.requests.hold()
        return frozenset() if held is None else frozenset({held})

    def let_go(self, held: frozenset[str]) -> None:
        """Resume the run if `hold` paused it."""
        if held:
            self.resume()

    def wait_until_held(self, timeout_s: float) -> bool:
        """Block until the training thread has paused; return False on timeout."""
        return self.requests.wait_until_held(timeout_s)
