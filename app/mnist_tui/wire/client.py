"""Watches and steers what another process trains: one connection, read line by line."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.orders import Order
from mnist_tui.wire.lines import PROTOCOL, line, read_line
from mnist_tui.wire.place import connect, is_own, sockets

ANSWER_S: Final = 5.0
"""How long a process that lives may take to say hello: its thread waits for nobody."""


class Watch:
    """A connection to a process that trains.

    Args:
        path: Its socket.

    Attributes:
        hello: What it said first: `session`, `pid`, `runs` in progress.

    Raises:
        OSError: Nobody answers there.
        ValueError: It speaks otherwise.
    """

    def __init__(self, path: Path) -> None:
        self._socket = connect(path)
        self._socket.settimeout(ANSWER_S)
        self._heard, self._lines = b"", deque[bytes]()
        try:
            self.hello = self._greeted()
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _greeted(self) -> dict[str, Any]:
        if not is_own(self._socket):
            raise PermissionError(13, "it belongs to another user")
        hello = self._next() or {}
        if hello.get("type") != "hello" or hello.get("protocol") != PROTOCOL:
            raise ValueError("it speaks another version of the protocol")
        return hello

    @property
    def runs(self) -> list[str]:
        """Runs in progress when the connection was made."""
        return [str(run) for run in self.hello.get("runs", [])]

    def records(self, within_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Return what is said, line by line, until the other end hangs up.

        Args:
            within_s: Stop waiting after so many seconds; `None`: never.

        Raises:
            ValueError: Something else than JSON lines came.
        """
        deadline = None if within_s is None else time.monotonic() + within_s
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            self._socket.settimeout(left)
            try:
                record = self._next()
            except TimeoutError:
                return
            if record is None:
                return
            yield record

    def tell(self, order: Order) -> None:
        """Give an order; its answer comes among the records.

        Raises:
            OSError: The other end has hung up.
        """
        self._socket.sendall(line(order.to_json()))

    def _next(self) -> dict[str, Any] | None:
        """Return the next record; `None` when the other end has hung up."""
        while not self._lines:
            try:
                data = self._socket.recv(1 << 16)
            except ConnectionError:
                return None
            if not data:
                return None
            *lines, self._heard = (self._heard + data).split(b"\n")
            self._lines += lines
        return read_line(self._lines.popleft())


def watches(home: Path) -> Iterator[Watch]:
    """Connect to one process after the other that trains in a home; those that do not answer are left out."""
    for path in sockets(home):
        with suppress(OSError, ValueError):
            yield Watch(path)
