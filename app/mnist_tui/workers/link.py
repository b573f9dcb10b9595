"""A worker process that trains runs one after another: it receives runs and orders, and sends back events."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from multiprocessing.connection import Connection
from typing import Final

from mnist_tui.core.queue import QueuedRun
from mnist_tui.environment import PYTHON
from mnist_tui.workers.worker import Engine, Request, Worker

LEAVING_S: Final = 2.0
"""How long a process may take to exit before it is terminated."""


class Link:
    """The pipe to a worker, wherever it runs.

    Args:
        ours: This end of the pipe.
        engine: The engine that trains there; must be importable by name, since the process starts fresh.

    Attributes:
        run: The run that it trains; `None` while it is idle.
    """

    def __init__(self, ours: socket.socket, engine: Engine) -> None:
        self.pipe = Connection(ours.detach())
        self.run: QueuedRun | None = None
        self._lock = threading.Lock()
        self._send(engine)

    def train(self, queued: QueuedRun) -> None:
        """Send it a run."""
        self.run = queued
        self._send(queued)

    def tell(self, told: Request) -> None:
        """Send it a request; may be called from any thread."""
        self._send(told)

    def close(self) -> None:
        """Ask it to exit and close the pipe."""
        self._send(None)
        self.pipe.close()

    def _send(self, what: Engine | Request) -> None:
        with self._lock:
            try:
                self.pipe.send(what)
            except OSError:
                # It is dead, which the reader of the pipe notices.
                return


class ProcessLink(Link):
    """A worker process on this machine; arguments as for `Link`."""

    def __init__(self, engine: Engine) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            # Not `multiprocessing.Process`: it needs a stderr that is a file, which Textual's is not. In a separate
            # process group: Ctrl+C at the terminal is for the first process only.
            self._process = subprocess.Popen(
                [*PYTHON, "-m", "mnist_tui.workers", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                process_group=0,
            )
        super().__init__(ours, engine)

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self._process.pid

    def close(self) -> None:
        """Ask it to exit, and make sure that it does."""
        self._send(None)
        end_process(self._process)
        self.pipe.close()


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process to exit; after a while, terminate or kill it."""
    for end in (process.terminate, process.kill):
        try:
            process.wait(LEAVING_S)
            break
        except subprocess.TimeoutExpired:
            end()
    process.wait()


def work(handle: int) -> None:
    """Train what arrives over a pipe until it closes; called in the process of a `ProcessLink`.

    Args:
        handle: The pipe's file descriptor.
    """
    pipe = Connection(handle)
    try:
        engine: Engine = pipe.recv()
    except EOFError:
        return
    worker = Worker(pipe.send)
    threading.Thread(target=_listen, args=(pipe, worker), daemon=True).start()
    try:
        worker.train(engine)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(1)


def _listen(pipe: Connection, worker: Worker) -> None:
    while True:
        try:
            told: Request = pipe.recv()
        except (EOFError, OSError):
            # The parent is gone; what it received is in the store.
            os._exit(1)
        worker.take_in(told)
