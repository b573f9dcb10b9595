"""From an engine to everyone who listens: recorded first, then published, then handed on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Self, TypeAlias

from mnist_tui.core.control import TrainingControl
from mnist_tui.core.events import Event
from mnist_tui.core.queue import QueuedRun
from mnist_tui.store.claims import Claims
from mnist_tui.store.database import Store
from mnist_tui.wire.server import Broadcast

Training: TypeAlias = Callable[[Claims], Iterator[Event]]
"""What trains a queue, bound to the control that it listens to."""


class Recorder:
    """Plays an engine for the store, other processes and the caller; use it in the thread that trains.

    Args:
        store: Where events are recorded. Its session's lock must be held already.
        session: Id of the session, under which other processes find it.
        control: What the training listens to, and so does what others ask for.

    Attributes:
        problem: Why nobody else can watch, in words; empty where all is well.
    """

    def __init__(self, store: Store, session: str, control: TrainingControl) -> None:
        self._store, self._broadcast = store, Broadcast(store.home, session, control)
        self.problem = self._broadcast.problem

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._broadcast.close()

    def publish(self, event: Event) -> None:
        """Tell other processes an event that needs no recording; never waits for anyone."""
        self._broadcast.publish(event)

    def play(self, training: Training, queue: Iterable[QueuedRun]) -> Iterator[Event]:
        """Train a queue; an event that this yields is on the disk, and other processes know it.

        Raises:
            StoreError: An event could not be recorded.
            ClusterError: The cluster that trains is out of reach.
        """
        for event in self._store.recorded(training(Claims(self._store, queue))):
            self._broadcast.publish(event)
            yield event
