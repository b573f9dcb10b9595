"""Records a script's run from a separate thread, which does everything that involves disk, locks or sockets.

Several times per second, and immediately after an event, it stores what was logged, then sends it to other processes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from mnist_tui.api.control import ScriptControl
from mnist_tui.api.items import Ended, EpochBegan, EpochEnded, Item, Logged, Place
from mnist_tui.core.events import EpochDone, Event, Notice, Progress, ResultsLogged, now
from mnist_tui.core.labels import Labels
from mnist_tui.core.metric import Split, metric
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.spec import new_run_id
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Phase
from mnist_tui.errors import MnistTuiError, StoreError
from mnist_tui.notify import Notifier
from mnist_tui.store.database import Store
from mnist_tui.streams import say
from mnist_tui.wire.server import Broadcast

TICK_S: Final = 0.4
"""Pause between two writes of what was logged: with the time they take, a kill loses at most half a second."""


Beginning: TypeAlias = Callable[[Store, str], Event]
"""Locks a run, given the session, and returns its first event."""


class _Mean:
    """The mean of the values at the steps of an epoch; a value replaces the one before it at the same step."""

    def __init__(self) -> None:
        self._total, self._count = 0.0, 0
        self._step, self._newest = -1, 0.0

    def add(self, step: int, value: float) -> None:
        """Add the value of a step."""
        if step != self._step:
            self._total += self._newest
            self._count += 1
            self._step = step
        self._newest = value

    @property
    def value(self) -> float:
        """The mean so far."""
        return (self._total + self._newest) / self._count


class Recorder:
    """Stores and publishes one run.

    Args:
        home: Where it is stored.
        control: Receives the orders of other processes.
        begin: Starts or resumes the run in the store.
        place: Where the loop is.
        labels: Name and tags of a new run; `None` to leave them as they are.

    Attributes:
        put: Takes what the loop hands over; never waits.
        each_tick: Called every half second.
        state: The run as recorded so far.

    Raises:
        StoreError: The home cannot be written.
        UsageError: The run cannot be resumed.
    """

    def __init__(
        self, home: Path, control: ScriptControl, begin: Beginning, place: Place, labels: Labels | None
    ) -> None:
        self._home, self._control, self._begin, self._place, self._labels = home, control, begin, place, labels
        self._items: deque[Item] = deque()
        self._wake, self._over = threading.Event(), threading.Event()
        self._ready = threading.Event()
        self._problem: Exception | None = None
        self._is_in_trouble = False
        self._unstored: dict[str, list[tuple[int, float]]] = {}
        self._of_epoch: dict[str, float] = {}
        self._means: dict[str, _Mean] = {}
        self._newest: dict[str, float] = {}
        self._losses: list[float] = []
        self._said: set[str] = set()
        self._backlog: deque[tuple[Event, threading.Event | None]] = deque()
        self.put: Callable[[Item], None] = self._items.append
        self.each_tick: Callable[[], None] = lambda: None
        self.state: RunState
        threading.Thread(target=self._work, name="mnist-tui", daemon=True).start()
        self._ready.wait()
        if self._problem is not None:
            raise self._problem

    def hurry(self) -> None:
        """Store and publish what is waiting immediately."""
        self._wake.set()

    def wait(self, recorded: threading.Event) -> None:
        """Wait until an epoch is on disk, or cannot be written."""
        self._wake.set()
        while not recorded.wait(TICK_S) and not self._over.is_set():
            self._wake.set()

    def close(self) -> None:
        """Wait until all is stored, after `Ended` was put."""
        self._wake.set()
        self._over.wait()

    def abandon(self) -> None:
        """Forget the run; for the child after a fork."""
        # Not set: at the moment of the fork, the other thread may have held the lock of this event.
        self._over = threading.Event()
        self._store.abandon()
        self._broadcast.abandon()

    # In its own thread ----------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._store = Store.open(self._home)
            session = new_run_id()
            self._store.hold_session(session)
            event = self._begin(self._store, session)
            self._store.record(event)
            self._sessions = SessionState()
            self._sessions.apply(event)
            self.state = next(iter(self._sessions.runs.values()))
            if self._labels is not None:
                labels = self._labels
                self._store.relabel([self.state.run], lambda _: labels)
            # Before anyone can give an order.
            self._control.requests.begin_run(self.state.run)
            self._broadcast = Broadcast(self._home, session, self._control)
            self._broadcast.publish(event)
            self._notifier = Notifier(self._home, is_alone=True)
            self._notifier.hear(event)
        except Exception as error:  # noqa: BLE001 - the caller must not wait for ever
            known = isinstance(error, MnistTuiError)
            self._problem = error if known else StoreError(f"the run cannot be recorded: {error}")
            if hasattr(self, "_store"):
                self._store.close()
            return
        finally:
            self._ready.set()
        try:
            self._record_all()
        except Exception as error:  # noqa: BLE001 - it may end the recording, but not the training
            say(f"mnist-tui: recording ended: {type(error).__name__}: {error}.")
        finally:
            self.put = lambda _: None
            self._items.clear()
            self._broadcast.close()
            self._store.close()
            self._over.set()

    def _record_all(self) -> None:
        is_over = False
        while not is_over:
            self._wake.wait(TICK_S)
            self._wake.clear()
            for _ in range(len(self._items)):
                item = self._items.popleft()
                is_over = is_over or isinstance(item, Ended)
                self._take(item)
            if self._of_epoch and not self._place.epoch:
                self._later(ResultsLogged(run=self.state.run, values=self._of_epoch))
                self._of_epoch = {}
            self._store_all(is_last=is_over)
            self.each_tick()

    def _take(self, item: Item) -> None:
        match item:
            case Logged():
                self._take_numbers(item)
            case EpochBegan():
                self._means = {}
            case EpochEnded():
                self._keep_points()
                self._later(self._epoch(item), item.recorded)
            case Ended():
                self._ending = item
            case _:
                self._keep_points()
                self._later(item)

    def _take_numbers(self, logged: Logged) -> None:
        for name, value in logged.values.items():
            try:
                number = value if type(value) is float else float(value.item())
            except Exception as error:  # noqa: BLE001 - a tensor that is read late can fail in many ways
                self._say_once(f"{name} could not be read: {error}")
                continue
            if logged.step is None:
                self._of_epoch[name] = number
                continue
            self._unstored.setdefault(name, []).append((logged.step, number))
            self._newest[name] = number
            self._means.setdefault(name, _Mean()).add(logged.step, number)
            if (what := metric(name)).quantity == "loss" and what.split in (Split.TRAIN, Split.NONE):
                self._losses.append(number)

    def _say_once(self, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            say(f"mnist-tui: {what}.")

    def _epoch(self, ended: EpochEnded) -> EpochDone:
        """Return the epoch: what was logged for it, and the means of what was logged at its steps."""
        values = {name: mean.value for name, mean in self._means.items()} | self._of_epoch
        self._means, self._of_epoch = {}, {}
        return EpochDone(
            run=self.state.run,
            epoch=ended.epoch,
            train_s=ended.seconds,
            val_s=0.0,
            values=values,
            step=ended.step,
            checkpoint=ended.state,
            insight=ended.insight,
        )

    def _keep_points(self) -> None:
        """Store the points before what follows them."""
        if self._unstored and not self._is_in_trouble and not self._backlog:
            self._try(self._store_points)

    def _later(self, event: Event, recorded: threading.Event | None = None) -> None:
        self._backlog.append((event, recorded))

    def _store_all(self, *, is_last: bool) -> None:
        """Store and publish everything; what cannot be written waits for the next time."""
        self._is_in_trouble = False
        if self._try(self._store_points):
            while self._backlog and self._try(self._store_next):
                pass
        for _, recorded in self._backlog:
            if recorded is not None:
                # A full disk does not stop anybody's training.
                recorded.set()
        if is_last:
            self._end()
        elif not self._is_in_trouble:
            self._progress()

    def _store_points(self) -> None:
        if self._unstored:
            self._store.add_points(self.state.run, self._unstored)
            self._unstored = {}

    def _store_next(self) -> None:
        event, recorded = self._backlog[0]
        told = list(self._store.recorded([event]))
        self._backlog.popleft()
        for one in told:
            if isinstance(one, Notice):
                say(f"mnist-tui: {one.message}")
            self._sessions.apply(one)
            self._broadcast.publish(one)
        if recorded is not None:
            recorded.set()

    def _try(self, write: Callable[[], None]) -> bool:
        """Write; return False if that failed, which is said once."""
        try:
            write()
        except StoreError as error:
            self._is_in_trouble = True
            if self._problem is None:
                say(f"mnist-tui: {error} The training goes on; recording is tried again.")
            self._problem = error
            return False
        self._problem = None
        return True

    def _progress(self) -> None:
        place = self._place
        # Not fsum, which fails for infinities of both signs and for sums beyond the largest number.
        loss = sum(self._losses) / len(self._losses) if self._losses else None
        self._losses = []
        now_at = Progress(
            run=self.state.run,
            epoch=place.epoch or self.state.epochs_done + 1,
            phase=Phase.TRAIN,
            batch=max(0, place.step - place.first_step),
            batches=place.steps,
            epoch_elapsed_s=place.elapsed_s(),
            images_per_s=0.0,
            loss=loss,
            step=place.step,
            newest=dict(self._newest),
        )
        self._try(lambda: self._store.record(now_at))
        self._sessions.apply(now_at)
        self._broadcast.publish(now_at)

    def _end(self) -> None:
        self.state.newest, self.state.step = self._newest, self._place.step
        done = self.state.ended(self._ending.status, reason=self._ending.reason, ended_at=now())

        def write() -> None:
            self._store.record(done)
            self._broadcast.publish(done)

        if not self._try(write):
            say("mnist-tui: the end of this run could not be recorded.")
        if problem := self._notifier.hear(done):
            say(f"mnist-tui: {problem}")
