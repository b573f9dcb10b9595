"""Passes an engine's events on: first to the store, then to other processes, then to the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Self, TypeAlias

from mnist_tui.core.control import TrainingControl
from mnist_tui.core.events import Event, Notice
from mnist_tui.core.queue import QueuedRun
from mnist_tui.notify import Notifier
from mnist_tui.store.claims import Claims
from mnist_tui.store.database import Store
from mnist_tui.wire.server import Broadcast

Training: TypeAlias = Callable[[Claims], Iterator[Event]]
"""A function that trains a queue, bound to its control."""


class Recorder:
    """Runs training, and records and publishes its events; use it in the training thread.

    Args:
        store: Where events are recorded. The lock of the session must be held already.
        session: Id of the session, by which other processes find it.
        control: The control of the training, which also receives orders from other processes.

    Attributes:
        problem: Why other processes cannot watch; empty if all is well.
    """

    def __init__(self, store: Store, session: str, control: TrainingControl) -> None:
        self._store, self._broadcast = store, Broadcast(store.home, session, control)
        self._notifier = Notifier(store.home)
        self.problem = self._broadcast.problem

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._broadcast.close()

    def publish(self, event: Event) -> None:
        """Publish an event to other processes without recording it; never blocks."""
        self._broadcast.publish(event)

    def play(self, training: Training, queue: Iterable[QueuedRun]) -> Iterator[Event]:
        """Train a queue; each event is recorded and published before it is yielded.

        Raises:
            StoreError: An event could not be recorded.
            ClusterError: The cluster is unreachable.
        """
        for event in self._store.recorded(training(Claims(self._store, queue))):
            self._broadcast.publish(event)
            if problem := self._notifier.hear(event):
                self._store.tell(Notice(level="warning", message=problem))
            yield event
