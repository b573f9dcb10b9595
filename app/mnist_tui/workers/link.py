"""One process beside this one that trains runs, one after the other: runs and orders go to it, events come back."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Final, TypeAlias

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Event, SweepDone, SweepStarted
from mnist_tui.core.orders import Order, obey
from mnist_tui.core.queue import QueuedRun

Engine: TypeAlias = Callable[[Iterable[QueuedRun], RunControl], Iterator[Event]]
HAND_OVER: Final = "hand over"
IDLE: Final = "idle"
"""What a worker says when it is done with a run, begun or not."""
OVER: Final = "over"
"""What it says when it ends in order, as where the data is missing."""


class Link:
    """A worker process and the pipe to it.

    Args:
        engine: What trains there; it must be known by its name, since the process starts anew.

    Attributes:
        run: What it trains; `None` while it is idle.
    """

    def __init__(self, engine: Engine) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, engine), daemon=True)
        self._process.start()
        # Or its end would never be seen here.
        theirs.close()
        self.run: QueuedRun | None = None
        self._lock = threading.Lock()

    def train(self, queued: QueuedRun) -> None:
        """Give it a run."""
        self.run = queued
        self._send(queued)

    def tell(self, order: Order | str) -> None:
        """Give it an order; may be called in any thread."""
        self._send(order)

    def close(self) -> None:
        """Let it end, and see to it that it does."""
        self._send(None)
        self._process.join(2.0)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(2.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.pipe.close()
        self._process.close()

    def _send(self, what: QueuedRun | Order | str | None) -> None:
        with self._lock:
            try:
                self.pipe.send(what)
            except OSError:
                # It is dead, which is noticed where it is listened to.
                return


def _work(pipe: Connection, engine: Engine) -> None:
    """Train what comes over the pipe until it ends. The first process decides on everything, signals included."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    control, queue = RunControl(), SimpleQueue[QueuedRun | None]()
    threading.Thread(target=_listen, args=(pipe, control, queue), daemon=True).start()

    def runs() -> Iterator[QueuedRun]:
        while (queued := queue.get()) is not None:
            yield queued
            pipe.send(IDLE)

    try:
        for event in engine(runs(), control):
            if not isinstance(event, SweepStarted | SweepDone):
                pipe.send(event)
        pipe.send(OVER)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(1)


def _listen(pipe: Connection, control: RunControl, queue: SimpleQueue[QueuedRun | None]) -> None:
    while True:
        try:
            what = pipe.recv()
        except (EOFError, OSError):
            # Nobody is left to train for; what was told is in the store.
            os._exit(1)
        if isinstance(what, Order):
            obey(what, control)
        elif what == HAND_OVER:
            control.hand_over()
        else:
            queue.put(what)
