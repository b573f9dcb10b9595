"""What trains in a process of its own, whoever started that and however runs and events travel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Final, TypeAlias

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Event, SweepDone, SweepStarted
from mnist_tui.core.orders import Order
from mnist_tui.core.queue import QueuedRun

Engine: TypeAlias = Callable[[Iterable[QueuedRun], RunControl], Iterator[Event]]
Told: TypeAlias = QueuedRun | Order | None
"""What a worker is told: a run to train, an order, or `None` for the end."""
Said: TypeAlias = Event | str
"""What it says: events, `IDLE`, `OVER`."""
IDLE: Final = "idle"
"""What a worker says when it is done with a run, begun or not."""
OVER: Final = "over"
"""What it says when it ends in order, as where the data is missing."""


class Worker:
    """Trains run after run.

    Args:
        say: Called with events and words, in the thread that trains.
    """

    def __init__(self, say: Callable[[Said], None]) -> None:
        self._say = say
        self._control, self._queue = RunControl(), SimpleQueue[QueuedRun | None]()

    def take_in(self, told: Told) -> None:
        """Take a run or an order; called in another thread than the one that trains."""
        if isinstance(told, Order):
            self._control.give(told)
        else:
            self._queue.put(told)

    def train(self, engine: Engine) -> None:
        """Train what comes, until the end is told."""
        for event in engine(self._runs(), self._control):
            if not isinstance(event, SweepStarted | SweepDone):
                self._say(event)
        self._say(OVER)

    def _runs(self) -> Iterator[QueuedRun]:
        while (queued := self._queue.get()) is not None:
            yield queued
            self._say(IDLE)
