"""Publishes this process's events on a socket and takes orders from it, in a thread that sleeps in between."""

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

from mnist_tui import __version__
from mnist_tui.core.control import TrainingControl
from mnist_tui.core.events import Event
from mnist_tui.core.orders import order_from_json
from mnist_tui.errors import MnistTuiError, StoreError
from mnist_tui.wire.lines import LONGEST, PROTOCOL, event_line, line, read_line
from mnist_tui.wire.place import FOLDER, SUFFIX, is_own, listen
from mnist_tui.wire.story import Place, Story

MOST: Final = 64
"""Watchers at a time."""
_AHEAD: Final = 256 * 1024
"""Bytes that wait for a watcher before the next events are put into words for it."""
_READS_WITHIN_S: Final = 5.0
"""How long a watcher may take to read before others may have its place."""
_LAST_WORDS_S: Final = 0.5
"""How long a watcher may take to read the end."""


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
        """Note whether it has read since the last look; `has_said`: or how much there is to read by now."""
        unread = _unread(self.connection)
        if not has_said and (unread == 0 or unread < self._unread):
            self._read_at = time.monotonic()
        self._unread = unread

    @property
    def is_asleep(self) -> bool:
        """True where it has read nothing for a while although there is something to read."""
        self.look()
        return bool(self._unread or self.to_say) and time.monotonic() - self._read_at >= _READS_WITHIN_S


def _unread(connection: socket.socket) -> int:
    """Return the bytes, in the system's own terms, that the other end has not read; 0 where that is not known."""
    with suppress(OSError):
        return int.from_bytes(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0


class Broadcast:
    """Listens under the name of a session, tells watchers what happens and does what they ask.

    Args:
        home: Where the socket lies.
        session: Whose lock tells that it is alive; it must be held already.
        control: What the training listens to.

    Attributes:
        problem: Why nobody can watch, in words; empty where all is well.
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

    def publish(self, event: Event) -> None:
        """Tell an event; never waits for anyone."""
        # Who connects just now reads the story afterwards.
        if self._story.add(event) and self._watchers:
            self._nudge()

    def close(self) -> None:
        """Say goodbye and stop listening."""
        self._ends = True
        self._nudge()
        if self._thread is None:
            self._woken.close()
        else:
            # On a busy machine it may still be at it; then it ends after this.
            self._thread.join(2 * _LAST_WORDS_S)
            self._thread = None
        self._wake.close()

    def _nudge(self) -> None:
        if self._is_nudged:
            return
        self._is_nudged = True
        # A closed pipe has ended it.
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
                        # Before the story is read: what comes from now on nudges again.
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
        """Drop a watcher that does not read, to make room for another; False where all of them read."""
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
        """Take in what a watcher says."""
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
            obeyed = self._control.give(order)
        except (ValueError, MnistTuiError) as error:
            self._refuse(watcher, " ".join(str(error).split())[:200])
            return
        reason = "" if obeyed else f"the run {order.run[:100]} is not in progress here, or is already being tested"
        watcher.to_say += line({"type": "answer", "obeyed": obeyed, "reason": reason})

    def _refuse(self, watcher: _Watcher, reason: str) -> None:
        """Tell what is wrong and hang up: what follows cannot be trusted either."""
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
        """Say what the watcher is ready to read; False when the connection is at its end."""
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
        """Tell all that is left to those who read, and take the socket away unless another one lies there."""
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
