"""A worker on a Ray cluster. Does not import Ray, which turns it into an actor on some node."""

from __future__ import annotations

import os
import threading
import traceback
from queue import Empty, SimpleQueue

from mnist_tui.workers.worker import Engine, Reply, Request, Worker


class Remote:
    """A worker whose methods are called remotely, several at a time.

    Args:
        engine: The engine that trains.
    """

    def __init__(self, engine: Engine) -> None:
        self._said = SimpleQueue[Reply | None]()
        self._worker = Worker(self._said.put)
        threading.Thread(target=self._train, args=(engine,), name="training", daemon=True).start()

    def ready(self) -> int:
        """Return the id of the process."""
        return os.getpid()

    def take_in(self, told: Request) -> None:
        """Pass a request on to the worker."""
        self._worker.take_in(told)

    def hear(self, within_s: float) -> list[Reply | None]:
        """Wait for a reply and return all pending ones; a final `None` means that the worker failed."""
        said: list[Reply | None] = []
        try:
            said.append(self._said.get(timeout=within_s))
            while True:
                said.append(self._said.get_nowait())
        except Empty:
            return said

    def _train(self, engine: Engine) -> None:
        try:
            self._worker.train(engine)
        except Exception:  # noqa: BLE001 - nothing outside this thread would report it
            traceback.print_exc()
            self._said.put(None)
