"""Publishes this process's events on a socket and accepts orders, in a thread that sleeps in between."""

from __future__ import annotations

import fcntl
import os
import selectors
import socket
import sys
import termios
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from mnist_tui.core.control import TrainingControl
from mnist_tui.core.events import Event
from mnist_tui.core.orders import order_from_json
from mnist_tui.errors import MnistTuiError, OrderError, StoreError
from mnist_tui.version import __version__
from mnist_tui.wire.lines import LONGEST, PROTOCOL, event_line, line, read_line
from mnist_tui.wire.place import FOLDER, SUFFIX, is_own, listen
from mnist_tui.wire.story import Place, Story

MOST: Final = 64
"""Maximum number of watchers."""
_AHEAD: Final = 256 * 1024
"""Bytes buffered for a watcher before further events are serialized for it."""
_READS_WITHIN_S: Final = 5.0
"""How long a watcher may read nothing before another one may replace it."""
_LAST_WORDS_S: Final = 0.5
"""How long a watcher may take to read the last events."""


class _Watcher:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.place = Place()
        self.heard = b""
        self.to_say = bytearray()
        self.knows_all = self.is_leaving = False
        self._unread, self._read_at = 0, time.monotonic()

    def look(self, *, has_said: bool = False) -> None:
        """Note whether it has read since the last call; after sending (`has_said`), only note how much is unread."""
        unread = _unread(self.connection)
        if not has_said and (unread == 0 or unread < self._unread):
            self._read_at = time.monotonic()
        self._unread = unread

    @property
    def is_asleep(self) -> bool:
        """True if it has read nothing for a while although there is something to read."""
        self.look()
        return bool(self._unread or self.to_say) and time.monotonic() - self._read_at >= _READS_WITHIN_S


def _unread(connection: socket.socket) -> int:
    """Return how much the peer has not read, in bytes as the system counts them; 0 if unknown."""
    with suppress(OSError):
        return int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0


class Broadcast:
    """Listens on the socket of a session, sends events to watchers and passes on their orders.

    Args:
        home: The home that contains the socket.
        session: The session; its lock, which shows that it is alive, must be held already.
        control: Receives the orders.

    Attributes:
        problem: Why nobody can watch; empty if all is well.
    """

    def __init__(self, home: Path, session: str, control: TrainingControl) -> None:
        self._session, self._control = session, control
        self._path = home / FOLDER / f"{session}{SUFFIX}"
        self._story = Story()
        self._watchers: dict[int, _Watcher] = {}
        self._ends = self._is_nudged = False
        self._thread: threading.Thread | None = None
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        self.problem = ""
        try:
            self._listener = listen(home, session)
        except (OSError, StoreError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            self.problem = f"Other terminals can read this run from the store but not control it: {reason}."
            return
        self._inode = self._path.stat().st_ino
        self._thread = threading.Thread(target=self._serve, name="wire", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def abandon(self) -> None:
        """Close this process's copies of all sockets; for the child after a fork, where the thread does not exist."""
        self._ends, self._is_nudged, self._thread = True, True, None
        for one in (self._wake, self._woken, *(watcher.connection for watcher in self._watchers.values())):
            one.close()
        if not self.problem:
            self._listener.close()

    def publish(self, event: Event) -> None:
        """Publish an event; never blocks."""
        # A watcher that is just connecting reads the story afterwards.
        if self._story.add(event) and self._watchers:
            self._nudge()

    def close(self) -> None:
        """Say goodbye and stop listening."""
        self._ends = True
        self._nudge()
        if self._thread is None:
            self._woken.close()
        else:
            # On a busy machine it may not be done yet; then it ends later.
            self._thread.join(2 * _LAST_WORDS_S)
            self._thread = None
        self._wake.close()

    def _nudge(self) -> None:
        if self._is_nudged:
            return
        self._is_nudged = True
        # If the pipe is closed, the thread has ended.
        with suppress(OSError):
            self._wake.send(b"!")

    # In its own thread ----------------------------------------------------------------------------

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector, self._listener, self._woken:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._ends:
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        with suppress(BlockingIOError):
                            self._woken.recv(4096)
                        # Reset before the story is read: later events nudge again.
                        self._is_nudged = False
                    elif key.fileobj is self._listener:
                        self._accept(selector)
                    else:
                        self._hear(key.data)
                self._tell_all(selector)
            self._say_goodbye()

    def _accept(self, selector: selectors.BaseSelector) -> None:
        with suppress(OSError):
            connection, _ = self._listener.accept()
            if not is_own(connection) or not self._has_room(selector):
                connection.close()
                return
            connection.setblocking(False)
            watcher = _Watcher(connection)
            self._watchers[connection.fileno()] = watcher
            selector.register(connection, selectors.EVENT_READ, watcher)
            hello = {"type": "hello", "protocol": PROTOCOL, "version": __version__, "session": self._session}
            watcher.to_say += line({**hello, "pid": os.getpid(), "runs": list(self._story.in_progress)})

    def _has_room(self, selector: selectors.BaseSelector) -> bool:
        """Drop watchers that do not read, if needed to make room; return False if all of them read."""
        if len(self._watchers) < MOST:
            return True
        asleep = [number for number, watcher in self._watchers.items() if watcher.is_asleep]
        for number in asleep:
            self._drop(number, selector)
        return bool(asleep)

    def _drop(self, number: int, selector: selectors.BaseSelector) -> None:
        watcher = self._watchers.pop(number)
        selector.unregister(watcher.connection)
        watcher.connection.close()

    def _hear(self, watcher: _Watcher) -> None:
        """Read what a watcher sends."""
        try:
            data = watcher.connection.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            watcher.to_say.clear()
            watcher.is_leaving = True
            return
        *lines, watcher.heard = (watcher.heard + data).split(b"\n")
        for said in lines:
            self._answer(watcher, said)
        if len(watcher.heard) > LONGEST:
            self._refuse(watcher, "the line is too long")

    def _answer(self, watcher: _Watcher, said: bytes) -> None:
        if watcher.is_leaving:
            return
        try:
            order = order_from_json(read_line(said))
        except (ValueError, MnistTuiError) as error:
            self._refuse(watcher, " ".join(str(error).split())[:200])
            return
        try:
            obeyed, reason = self._control.give(order), ""
        except OrderError as error:
            obeyed, reason = False, str(error).removesuffix(".")
        else:
            if not obeyed:
                reason = f"the run {order.run[:100]} is not in progress here, or is already being tested"
        watcher.to_say += line({"type": "answer", "obeyed": obeyed, "reason": reason})

    def _refuse(self, watcher: _Watcher, reason: str) -> None:
        """Report what is wrong and close the connection: what follows cannot be trusted either."""
        watcher.to_say += line({"type": "answer", "obeyed": False, "reason": reason})
        watcher.heard, watcher.is_leaving = b"", True

    def _tell_all(self, selector: selectors.BaseSelector) -> None:
        for number, watcher in list(self._watchers.items()):
            if self._tell(watcher):
                wants = selectors.EVENT_READ | (selectors.EVENT_WRITE if watcher.to_say else 0)
                selector.modify(watcher.connection, wants, watcher)
            else:
                self._drop(number, selector)

    def _tell(self, watcher: _Watcher) -> bool:
        """Send what the watcher is ready to read; return False when the connection is finished."""
        while True:
            while not watcher.is_leaving and len(watcher.to_say) < _AHEAD:
                events = self._story.next(watcher.place)
                if not events:
                    if not watcher.knows_all:
                        watcher.knows_all = True
                        watcher.to_say += line({"type": "told"})
                    break
                for event in events:
                    watcher.to_say += event_line(event)
            if not watcher.to_say:
                return not watcher.is_leaving
            try:
                watcher.look()
                del watcher.to_say[: watcher.connection.send(watcher.to_say)]
                watcher.look(has_said=True)
            except BlockingIOError:
                return True
            except OSError:
                return False

    def _say_goodbye(self) -> None:
        """Send the remaining events to watchers that read, and remove the socket unless it was replaced."""
        for watcher in self._watchers.values():
            with suppress(OSError):
                watcher.connection.settimeout(_LAST_WORDS_S)
                while events := self._story.next(watcher.place):
                    for event in events:
                        watcher.to_say += event_line(event)
                bye = {"type": "bye", "goes_on": self._control.handing_over}
                watcher.connection.sendall(bytes(watcher.to_say) + line(bye))
            watcher.connection.close()
        with suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
