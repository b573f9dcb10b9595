"""A worker on a Ray cluster. Knows nothing of Ray, which makes an actor of it on some node."""

from __future__ import annotations

import os
import threading
import traceback
from queue import Empty, SimpleQueue

from mnist_tui.workers.worker import Engine, Reply, Request, Worker


class Remote:
    """A worker whose methods are called from afar, several at a time.

    Args:
        engine: What trains.
    """

    def __init__(self, engine: Engine) -> None:
        self._said = SimpleQueue[Reply | None]()
        self._worker = Worker(self._said.put)
        threading.Thread(target=self._train, args=(engine,), name="training", daemon=True).start()

    def ready(self) -> int:
        """Return the id of the process."""
        return os.getpid()

    def take_in(self, told: Request) -> None:
        """As for a worker."""
        self._worker.take_in(told)

    def hear(self, within_s: float) -> list[Reply | None]:
        """Wait for something to be said and return all that has gathered; last of all `None`, where it failed."""
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
        except Exception:  # noqa: BLE001 - a thread's last words: nobody else would hear them
            traceback.print_exc()
            self._said.put(None)
