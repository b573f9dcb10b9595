"""The worker side: trains the runs it receives and sends their events, over any transport."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Final, TypeAlias

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Event, SweepDone, SweepStarted
from mnist_tui.core.orders import Order
from mnist_tui.core.queue import QueuedRun

Engine: TypeAlias = Callable[[Iterable[QueuedRun], RunControl], Iterator[Event]]
Request: TypeAlias = QueuedRun | Order | None
"""What a worker receives: a run to train, an order, or `None` to end."""
Reply: TypeAlias = Event | str
"""What a worker sends: events, `IDLE`, `OVER`."""
IDLE: Final = "idle"
"""What a worker sends when it is done with a run, whether or not the run started."""
OVER: Final = "over"
"""Sent when a worker exits normally, for example because the data is missing."""


class Worker:
    """Trains run after run.

    Args:
        say: Called with each reply, in the training thread.
    """

    def __init__(self, say: Callable[[Reply], None]) -> None:
        self._say = say
        self._control, self._queue = RunControl(), SimpleQueue[QueuedRun | None]()

    def take_in(self, told: Request) -> None:
        """Accept a run or an order; called from a thread other than the training thread."""
        if isinstance(told, Order):
            self._control.give(told)
        else:
            self._queue.put(told)

    def train(self, engine: Engine) -> None:
        """Train what arrives, until the end is requested."""
        for event in engine(self._runs(), self._control):
            if not isinstance(event, SweepStarted | SweepDone):
                self._say(event)
        self._say(OVER)

    def _runs(self) -> Iterator[QueuedRun]:
        while (queued := self._queue.get()) is not None:
            yield queued
            self._say(IDLE)
