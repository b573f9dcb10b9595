"""One process beside this one that trains runs, one after the other: runs and orders go to it, events come back."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
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
LEAVING_S: Final = 2.0
"""How long it may take to its end before it is made to."""


class Link:
    """A worker process and the pipe to it.

    Args:
        engine: What trains there; it must be known by its name, since the process starts anew.

    Attributes:
        run: What it trains; `None` while it is idle.
    """

    def __init__(self, engine: Engine) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # Not `multiprocessing.Process`: it needs a stderr that is a file, which Textual's is not. And a group of
            # its own: what a person types at the terminal is for the first process alone to answer.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mnist_tui.workers", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                process_group=0,
            )
        self.pipe = Connection(ours.detach())
        self.run: QueuedRun | None = None
        self._lock = threading.Lock()
        self._send(engine)

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

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
        for end in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(LEAVING_S)
                break
            except subprocess.TimeoutExpired:
                end()
        self._process.wait()
        self.pipe.close()

    def _send(self, what: Engine | QueuedRun | Order | str | None) -> None:
        with self._lock:
            try:
                self.pipe.send(what)
            except OSError:
                # It is dead, which is noticed where it is listened to.
                return


def work(handle: int) -> None:
    """Train what comes over a pipe until it ends; called in the process of a `Link`.

    Args:
        handle: The pipe's file descriptor.
    """
    pipe = Connection(handle)
    try:
        engine: Engine = pipe.recv()
    except EOFError:
        return
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
