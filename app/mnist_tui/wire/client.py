"""Watches and controls the training of another process over one connection, read line by line."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.orders import Order
from mnist_tui.errors import RunError
from mnist_tui.wire.lines import PROTOCOL, line, read_line
from mnist_tui.wire.place import connect, is_own, sockets

AT_ONCE: Final = 1 << 17
"""Bytes to read at a time when the caller must not be delayed: a few hundred epochs."""
ANSWER_S: Final = 5.0
"""How long a live process may take to say hello; its thread never blocks."""


class Link:
    """A connection to a training process, polled without blocking.

    Args:
        path: Its socket.

    Attributes:
        is_open: False once the peer has closed the connection.

    Raises:
        OSError: Nothing listens there.
    """

    def __init__(self, path: Path) -> None:
        self._socket = connect(path)
        self._begun, self._lines = list[bytes](), deque[bytes]()
        self.is_open = is_own(self._socket)

    def close(self) -> None:
        """Close the connection."""
        self.is_open = False
        self._socket.close()

    def tell(self, order: Order) -> None:
        """Send an order; its answer arrives among the records.

        Raises:
            OSError: The peer has closed the connection, or does not read.
        """
        self._socket.sendall(line(order.to_json()))

    def ready(self) -> list[dict[str, Any]]:
        """Return the records received so far, without blocking; at most about `AT_ONCE` bytes.

        Raises:
            ValueError: Something other than JSON lines was received.
        """
        self._socket.setblocking(False)
        room = AT_ONCE
        while self.is_open and room > 0:
            try:
                room -= self._hear()
            except BlockingIOError:
                break
        found = [read_line(text) for text in self._lines]
        self._lines.clear()
        return found

    def _hear(self) -> int:
        """Read what the socket has; return the number of bytes."""
        try:
            data = self._socket.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            self.is_open = False
        *ends, begun = data.split(b"\n")
        for end in ends:
            self._lines.append(b"".join([*self._begun, end]))
            self._begun.clear()
        # Joined once it is complete: the story of a resumed run is one line, of any length.
        self._begun.append(begun)
        return len(data)


class Watch(Link):
    """A connection with blocking reads.

    Attributes:
        hello: The greeting of the process: `session`, `pid`, `runs` in progress.

    Raises:
        OSError: Nothing listens there.
        ValueError: The peer does not speak this protocol.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._socket.settimeout(ANSWER_S)
        try:
            self.hello = self._greeted()
        except BaseException:
            self._socket.close()
            raise

    def _greeted(self) -> dict[str, Any]:
        hello = self._next() or {}
        check_hello(hello)
        return hello

    @property
    def runs(self) -> list[str]:
        """Runs in progress when the connection was made."""
        return [str(run) for run in self.hello.get("runs", [])]

    def records(self, within_s: float | None = None) -> Iterator[dict[str, Any]]:
        """Yield records until the peer closes the connection.

        Args:
            within_s: Stop after this many seconds; `None` for no limit.

        Raises:
            RunError: Something other than JSON lines was received.
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
            except ValueError as error:
                message = f"the training process sent unreadable data ({' '.join(str(error).split())[:100]})"
                raise RunError(message, "Use the same version of mnist-tui in both terminals") from None
            if record is None:
                return
            yield record

    def _next(self) -> dict[str, Any] | None:
        """Return the next record; `None` if the peer has closed the connection."""
        while not self._lines and self.is_open:
            self._hear()
        return read_line(self._lines.popleft()) if self._lines else None


def check_hello(record: Mapping[str, Any]) -> None:
    """Check that the peer speaks this version of the protocol.

    Raises:
        ValueError: It is another program, or another version.
    """
    if record.get("type") != "hello" or record.get("protocol") != PROTOCOL:
        raise ValueError("it speaks another version of the protocol")
    runs = record.get("runs", [])
    if not isinstance(runs, list) or not all(isinstance(run, str) for run in runs):
        raise ValueError("its greeting is damaged")


def watches(home: Path) -> Iterator[Watch]:
    """Yield a connection to each process that trains in a home; those that do not answer are skipped."""
    for path in sockets(home):
        with suppress(OSError, ValueError):
            yield Watch(path)
