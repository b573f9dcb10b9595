"""The training thread, its queue and its mailbox. The screen never waits for it, and it never waits for the screen."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from mnist_tui.core.control import RunControl, TrainingControl
from mnist_tui.core.events import Event, Notice, RunContinued, RunStarted
from mnist_tui.core.labels import Labels, too_old
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import new_run_id
from mnist_tui.errors import MnistTuiError
from mnist_tui.runtime.recorder import Recorder, Training
from mnist_tui.store.connection import TRAINING_PATIENCE_S
from mnist_tui.store.database import Store
from mnist_tui.workers.cluster import Cluster
from mnist_tui.workers.control import PoolControl
from mnist_tui.workers.worker import Engine

Workers: TypeAlias = Callable[[int], tuple[Training, TrainingControl]]
"""Returns a function that trains that many runs in parallel, and its control."""
Detach: TypeAlias = Callable[[Sequence[QueuedRun], int], None]
"""Hands a queue to a detached process that trains that many runs in parallel; returns once it has taken over."""


def _one_by_one(engine: Engine) -> tuple[Training, RunControl]:
    """Return a function that trains runs one after another, and its control."""
    control = RunControl()
    return lambda queue: engine(queue, control), control


class RunQueue:
    """The waiting runs; the training thread takes them one by one, the screen adds and removes them."""

    def __init__(self) -> None:
        self._runs: deque[QueuedRun] = deque()
        self._lock = threading.Lock()

    def add(self, runs: Sequence[QueuedRun], *, first: bool = False) -> None:
        """Put runs at the end, or in front of all others."""
        with self._lock:
            self._runs = deque([*runs, *self._runs] if first else [*self._runs, *runs])

    def remove(self, run: str) -> bool:
        """Remove a run; return False if it is no longer waiting."""
        with self._lock:
            kept = [queued for queued in self._runs if queued.run != run]
            removed = len(kept) < len(self._runs)
            self._runs = deque(kept)
        return removed

    def move(self, run: str, steps: int) -> bool:
        """Move a run to a later place, or an earlier one if `steps` is negative; return False if it cannot move."""
        with self._lock:
            runs = list(self._runs)
            at = next((place for place, queued in enumerate(runs) if queued.run == run), None)
            if at is None or not 0 <= at + steps < len(runs):
                return False
            runs.insert(at + steps, runs.pop(at))
            self._runs = deque(runs)
        return True

    @property
    def waiting(self) -> tuple[QueuedRun, ...]:
        """The waiting runs, in order."""
        with self._lock:
            return tuple(self._runs)

    def __iter__(self) -> Iterator[QueuedRun]:
        return self

    def __next__(self) -> QueuedRun:
        with self._lock:
            if not self._runs:
                raise StopIteration
            return self._runs.popleft()


class Mailbox:
    """Events from the training thread to the screen. A mergeable event replaces a pending one of its type and run."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._newest: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def put(self, event: Event) -> None:
        """Add an event; never blocks for long."""
        with self._lock:
            if not event.mergeable:
                # Later events must not replace one from before it.
                self._newest.clear()
            else:
                key = event.type, str(getattr(event, "run", ""))
                place = self._newest.setdefault(key, len(self._events))
                if place < len(self._events):
                    self._events[place] = event
                    return
            self._events.append(event)

    def drain(self) -> list[Event]:
        """Return all events since the last call, oldest first."""
        with self._lock:
            events, self._events = self._events, []
            self._newest.clear()
        return events


class TrainingSession:
    """Runs the engine in one daemon thread at a time.

    A daemon thread and not a Textual worker: a cancelled worker reports that it ended while its thread keeps running.

    Args:
        engine: The engine; called, and so loads PyTorch, only inside the thread.
        home: The folder that contains the store. Each event is recorded before the screen can see it.
        workers: Trains several runs in parallel; `None` to train only one after another.
        cluster: The cluster that workers run on; `None` for this machine.

    Attributes:
        id: Id of the session, which names its lock and its socket.
        jobs: Parallel runs on this machine, from the next start on.
        queue: The waiting runs.
        mailbox: Events from the training thread.
        elsewhere: Hands the queue to another process when it is started; `None` to train it here.
    """

    def __init__(
        self, engine: Engine, home: Path, workers: Workers | None = None, cluster: Cluster | None = None
    ) -> None:
        self.id = new_run_id()
        self.jobs = 1
        self._workers, self._cluster = workers, cluster
        self._keeper: Store | None = None
        self.queue = RunQueue()
        self.mailbox = Mailbox()
        self._engine = engine
        self._home = home
        self._control: TrainingControl = RunControl()
        self._thread: threading.Thread | None = None
        self._wanted = False
        self._total = 0
        self._taken: list[QueuedRun] = []
        self.elsewhere: Callable[[], None] | None = None

    @property
    def starting(self) -> QueuedRun | None:
        """The run that the training thread took from the queue and has not started yet."""
        return next(iter(self._taken), None)

    @property
    def control(self) -> TrainingControl:
        """The control of the current training thread."""
        return self._control

    @property
    def active(self) -> bool:
        """True while the training thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def total(self) -> int:
        """Runs that were queued since the queue was last empty."""
        return self._total

    def done(self, in_progress: int) -> int:
        """Return how many of the `total` runs are over."""
        return max(0, self._total - len(self.queue.waiting) - (max(1, in_progress) if self.active else 0))

    @property
    def may_choose_jobs(self) -> bool:
        """True if the user chooses how many runs are trained in parallel; a cluster takes as many as fit."""
        return self._workers is not None and self._cluster is None

    @property
    def at_once(self) -> int:
        """Number of runs trained in parallel, as far as it is known."""
        return self.jobs if self._cluster is None else self._cluster.room

    def add(self, runs: Sequence[QueuedRun], *, first: bool = False) -> None:
        """Queue runs. They start automatically only while the queue is being trained.

        Args:
            runs: What to add, in order.
            first: Put them at the front of the queue.

        Raises:
            StoreError: They are queued, but would not outlive this process.
        """
        if not self.active and not self.queue.waiting:
            self._total = 0
        self._total += len(runs)
        # Stored first: the training thread may take them immediately.
        try:
            self._kept().add_waiting(runs, self.id)
        finally:
            self.queue.add(runs, first=first)

    def write_down(self, runs: Sequence[QueuedRun]) -> None:
        """Store runs as waiting without queueing them here; errors as for `add`."""
        self._kept().add_waiting(runs, self.id)

    def adopt(self) -> int:
        """Queue the waiting runs of dead sessions and return their number. Also purge runs deleted long ago.

        Raises:
            StoreError: The store cannot be used.
        """
        self._kept().purge(too_old())
        runs = self._kept().adopt_waiting(self.id)
        self.queue.add(runs)
        self._total += len(runs)
        return len(runs)

    def remove(self, run: str) -> bool:
        """Remove a waiting run; return False if it is no longer waiting.

        Raises:
            StoreError: It is removed, but will be back when the app is started again.
        """
        removed = self.queue.remove(run)
        self._total -= removed
        if removed:
            self._kept().remove_waiting(run)
        return removed

    def move(self, run: str, steps: int) -> bool:
        """Move a waiting run within the queue; return False if it cannot move.

        Raises:
            StoreError: It is moved, but will be where it was when the app is started again.
        """
        moved = self.queue.move(run, steps)
        if moved:
            self._kept().reorder_waiting([queued.run for queued in self.queue.waiting])
        return moved

    def relabel(self, runs: Sequence[str], change: Callable[[Labels], Labels]) -> None:
        """Change the labels of runs; errors as for `Store.relabel`."""
        self._kept().relabel(runs, change)

    def _kept(self) -> Store:
        """Return the store of the screen's thread; its lock shows that the waiting runs have an owner."""
        if self._keeper is None:
            self._keeper = Store.open(self._home)
        return self._keeper

    def close(self) -> None:
        """Close the store."""
        if self._keeper is not None:
            self._keeper.close()

    @property
    def goes_on(self) -> bool:
        """True if the waiting runs start automatically after the run in progress."""
        return self._wanted

    def start(self, *, alone: bool = False) -> bool:
        """Train the queue, or only its first run; return False if the thread is already running."""
        if self.active:
            return False
        if self.elsewhere is not None:
            self.elsewhere()
            return True
        self._wanted = not alone
        if self._workers is not None and (self._cluster is not None or (self.jobs > 1 and not alone)):
            training, self._control = self._workers(self.jobs if self._cluster is None else 0)
        else:
            training, self._control = _one_by_one(self._engine)
        queue = islice(self.queue, 1) if alone else self.queue
        arguments = (training, queue, self._control)
        self._thread = threading.Thread(target=self._work, args=arguments, name="training", daemon=True)
        self._thread.start()
        return True

    def follow_up(self) -> bool:
        """Let the waiting runs follow the run in progress; return False if they already do, or none is waiting."""
        new = not self._wanted and bool(self.queue.waiting)
        self._wanted = self._wanted or new
        return new

    def stop(self, run: str | None = None, *, after_epoch: bool = False) -> None:
        """End the run, or all, now or after the epoch; the waiting runs stay queued."""
        self._wanted = False
        self._control.stop(run, after_epoch=after_epoch)

    def hand_over(self) -> None:
        """Stop the run where it is, so that another process can resume it."""
        self._wanted = False
        self._control.hand_over()

    def uncount(self, runs: int) -> None:
        """Leave runs that another process has taken over out of `total`."""
        self._total -= runs

    def let_go_of_queue(self) -> tuple[QueuedRun, ...]:
        """Empty the queue and return it; its stored copy remains, for the process that takes it over."""
        waiting = tuple(self.queue)
        self._total -= len(waiting)
        return waiting

    def go_on(self) -> bool:
        """Start runs that were queued while the thread was ending; return True if there were any."""
        if self.active:
            return False
        self._wanted = self._wanted and bool(self.queue.waiting)
        return self._wanted and self.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread; return False if it is still running."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return not self.active

    def _work(self, training: Training, queue: Iterable[QueuedRun], control: TrainingControl) -> None:
        taken: list[QueuedRun] = []
        self._taken = taken

        def noted() -> Iterator[QueuedRun]:
            for queued in queue:
                taken.append(queued)
                yield queued

        try:
            with (
                Store.open(self._home, TRAINING_PATIENCE_S) as store,
                Recorder(store, self.id, control) as recorder,
            ):
                if recorder.problem:
                    self.mailbox.put(Notice(level="information", message=recorder.problem))
                for event in recorder.play(training, noted()):
                    if isinstance(event, RunStarted | RunContinued):
                        # Runs taken before it that did not start were rejected.
                        several = isinstance(control, PoolControl)
                        taken[:] = [queued for queued in taken if queued.run != event.run] if several else []
                    self.mailbox.put(event)
            if control.queue_stopped:
                # Stopped before it started, for example during a download: queue it again.
                self.queue.add(taken, first=True)
        except MnistTuiError as error:
            # Unreachable for now, such as a cluster: queue the runs again, but do not retry automatically.
            self._wanted = False
            self.queue.add(taken, first=True)
            self.mailbox.put(Notice(level="error", message=str(error), exit_code=error.exit_code))
        except Exception as error:  # noqa: BLE001 - nothing outside this thread would report it
            message = f"Training ended with an internal error: {type(error).__name__}: {error}"
            self.mailbox.put(Notice(level="error", message=message, exit_code=1))
