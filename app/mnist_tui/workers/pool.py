"""Trains several runs in parallel, each in its own process, as one stream of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from multiprocessing.connection import wait
from typing import Final

from mnist_tui.core.events import (
    EpochDone,
    EpochsChanged,
    Event,
    Notice,
    RunContinued,
    RunDone,
    RunStarted,
    SweepDone,
    SweepStarted,
    now,
)
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import new_run_id
from mnist_tui.core.state import summarise
from mnist_tui.core.status import Status
from mnist_tui.errors import MnistTuiError, RunError
from mnist_tui.store.claims import Claims
from mnist_tui.workers.cluster import Cluster
from mnist_tui.workers.control import PoolControl
from mnist_tui.workers.link import Link, ProcessLink
from mnist_tui.workers.worker import OVER, Engine

LIVES: Final = 2
"""Number of workers a run may lose before it fails."""
LOOK_S: Final = 0.1
"""How often to check for orders while no event arrives."""


def many(
    jobs: int, *, engine: Engine, cluster: Cluster | None = None
) -> tuple[Callable[[Claims], Iterator[Event]], PoolControl]:
    """Return a function that trains `jobs` runs in parallel, and its control; arguments as for `run_many`."""
    control = PoolControl()
    return partial(run_many, control=control, jobs=jobs, engine=engine, cluster=cluster), control


def run_many(
    queue: Claims, control: PoolControl, *, jobs: int, engine: Engine, cluster: Cluster | None = None
) -> Iterator[Event]:
    """Train several runs in parallel and report what happens, as the engine does for one run after another.

    Args:
        queue: Pulled one run at a time, so runs may be added while others train.
        control: Requests from the user.
        jobs: Parallel runs, each with one thread unless its settings say otherwise; 0 for as many as fit on the
            cluster.
        engine: The engine that trains in each worker.
        cluster: The cluster to run workers on, which is left open; `None` for processes on this machine.

    Yields:
        As `engine.run_sweep`, with the events of different runs interleaved.

    Raises:
        ClusterError: The cluster is unreachable. Runs that have started can be resumed.
    """
    pool = _Pool(queue, control, jobs, engine, cluster)
    yield SweepStarted(sweep=pool.sweep, started_at=now())
    try:
        if cluster is not None:
            yield from cluster.opening(lambda: control.queue_stopped)
        yield from pool.events()
    finally:
        pool.close()
    yield SweepDone(sweep=pool.sweep, runs=tuple(pool.begun), stopped=control.queue_stopped)


class _Pool:
    """Workers and what they train; arguments as for `run_many`."""

    def __init__(self, queue: Claims, control: PoolControl, jobs: int, engine: Engine, cluster: Cluster | None) -> None:
        self._queue, self._control, self._jobs, self._engine = queue, control, jobs, engine
        self._cluster = cluster
        self.sweep = new_run_id()
        self.begun: dict[str, int] = {}
        """Runs that have started, in order, with their target number of epochs."""
        self._links: list[Link] = []
        self._lost: Counter[str] = Counter()
        self._ended: set[str] = set()
        self._again: list[QueuedRun] = []
        self._is_over = False

    def events(self) -> Iterator[Event]:
        """Train until no run is queued or in progress any more."""
        lost: MnistTuiError | None = None
        while True:
            try:
                self._hand_out()
            except MnistTuiError as error:
                # The cluster is gone; events that its workers sent before are still processed.
                lost, self._is_over = error, True
            busy = [link for link in self._links if link.run is not None]
            if not busy:
                break
            ready = wait([link.pipe for link in busy], LOOK_S)
            for link in busy:
                if link.pipe in ready:
                    yield from self._hear(link)
        for queued in self._again:
            if queued.run in self.begun:
                # Stopped before it could continue in another worker.
                yield self._end(queued, Status.INTERRUPTED, "its process ended before the run did")
        if lost is not None:
            raise lost

    def close(self) -> None:
        """Close all workers."""
        for link in self._links:
            link.close()

    def _hand_out(self) -> None:
        """Give every idle worker a run; start further workers up to the limit."""
        while not (self._control.queue_stopped or self._is_over):
            idle = next((link for link in self._links if link.run is None), None)
            if idle is None and len(self._links) >= self._at_once:
                return
            queued = self._again.pop(0) if self._again else self._queue.take()
            if queued is None:
                self._make_room()
                return
            if idle is None:
                try:
                    idle = self._new_link()
                except MnistTuiError:
                    self._again.append(queued)
                    raise
                self._links.append(idle)
            self._control.begins(queued.run, idle)
            # With more than one thread, parallel runs would compete for cores.
            idle.train(replace(queued, spec=replace(queued.spec, threads=queued.spec.threads or 1)))

    def _make_room(self) -> None:
        """Close idle workers on a cluster: others may be waiting there for room."""
        if self._cluster is not None:
            for link in [link for link in self._links if link.run is None]:
                self._links.remove(link)
                link.close()

    @property
    def _at_once(self) -> int:
        return self._jobs or (self._cluster.room if self._cluster is not None else 1)

    def _new_link(self) -> Link:
        return self._cluster.link(self._engine) if self._cluster is not None else ProcessLink(self._engine)

    def _hear(self, link: Link) -> Iterator[Event]:
        queued = link.run
        try:
            said = link.pipe.recv()
        except (EOFError, OSError):
            self._links.remove(link)
            link.close()
            if queued is not None:
                self._control.loses(queued.run)
                yield from self._go_on(queued)
            return
        if not isinstance(said, Event):
            if said == OVER:
                self._links.remove(link)
                link.close()
                self._is_over = True
            yield from self._is_done(link, queued)
            return
        match said:
            case RunStarted():
                said = replace(said, sweep=self.sweep)
                self.begun[said.run] = said.spec.epochs
            case RunContinued():
                said = replace(said, sweep=self.sweep)
                self.begun[said.run] = said.epochs
            case EpochsChanged():
                self.begun[said.run] = said.epochs
            case RunDone():
                self._ended.add(said.run)
        self._control.take_in(said)
        yield said

    def _is_done(self, link: Link, queued: QueuedRun | None) -> Iterator[Event]:
        link.run = None
        if queued is None:
            return
        self._control.ends(queued.run)
        if queued.run not in self.begun:
            if not self._control.queue_stopped:
                self._queue.give_up(queued.run)
        elif queued.run not in self._ended:
            # Stopped while its second worker was loading.
            yield self._end(queued, Status.INTERRUPTED, "its process ended before the run did")

    def _go_on(self, queued: QueuedRun) -> Iterator[Event]:
        """Continue a run in another worker after its own was killed; the second time, the run fails."""
        self._lost[queued.run] += 1
        run = queued.run
        if run in self.begun:
            found = self._queue.again(replace(queued, continues=True, epochs=self.begun[run], continuation=None))
            if found is None:
                # Reported with the next event.
                self._control.ends(run)
                return
            queued = found
        if self._control.queue_stopped:
            # Its end is reported with the last event.
            self._control.ends(run)
            self._again.append(queued)
            return
        if self._lost[run] < LIVES:
            self._again.append(queued)
            yield Notice(
                level="warning", message=f"The process training {run} was killed; the run continues in another."
            )
            return
        self._control.ends(run)
        if run in self.begun:
            yield self._end(queued, Status.FAILED, f"its process was killed {LIVES} times")
        else:
            message = f"The run {run} could not begin: its process was killed {LIVES} times."
            yield Notice(level="error", message=message, exit_code=RunError.exit_code)
            self._queue.give_up(run)

    def _end(self, queued: QueuedRun, status: Status, reason: str) -> RunDone:
        past = queued.continuation
        told = (*past.story, *past.later) if past is not None else ()
        history = [event for event in told if isinstance(event, EpochDone)]
        return summarise(queued.run, history, status=status, reason=reason, ended_at=now())
