"""A command in a pseudo-terminal, seen and used as a person would."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self

import pyte

from tests.patience import PATIENCE_S

# Makes the pseudo-terminal the controlling one, so that the command gets its resizes and hang-ups, then starts it.
_BECOME: Final = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_UNFINISHED: Final = re.compile(rb"\x1b(\[[0-9;<=>?$]*)?\Z")
_NOT_FOR_PYTE: Final = re.compile(rb"\x1b\[([<=>][0-9;]*[A-Za-z]|\?[0-9;]*\$p)")
"""Keyboard protocol and queries; pyte would print their last letters."""
_MODE: Final = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_ALTERNATE_SCREEN, _CURSOR = 1049, 25
_RESTORED: Final = {
    _ALTERNATE_SCREEN: "alternate screen",
    1000: "mouse clicks",
    1003: "mouse moves",
    1004: "focus reports",
    2004: "bracketed paste",
}


class PtyApp:
    """A running command and its screen. Use as a context manager: leaving it ends the command.

    Args:
        command: Program and arguments.
        rows, columns: Size of the terminal.
        environment: Added to `PATH`, a UTF-8 locale and the name of a terminal; nothing else is inherited.

    Attributes:
        raw: All that the command wrote.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        rows: int = 24,
        columns: int = 80,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.raw = b""
        self._pending = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._master, self._slave = os.openpty()
        self.resize(rows, columns, tell=False)
        self.settings_before = self.settings
        inherited = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "TERM": "xterm-256color"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BECOME, *command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=inherited | dict(environment or {}),
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            # Its whole process group, which is its own session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.hang_up()
        os.close(self._slave)

    # Looking --------------------------------------------------------------------------------------

    @property
    def display(self) -> str:
        """What the screen shows, one line per row."""
        self._read()
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def settings(self) -> list[Any]:
        """What `stty` shows: modes, speeds, control characters."""
        return termios.tcgetattr(self._slave)

    @property
    def left_on(self) -> set[str]:
        """What the command switched on and not off again; a shell would suffer from it."""
        self._read()
        state = {_CURSOR: True} | dict.fromkeys(_RESTORED, False)
        for numbers, letter in _MODE.findall(self.raw):
            state |= {int(number): letter == b"h" for number in numbers.split(b";")}
        hidden = set() if state[_CURSOR] else {"hidden cursor"}
        return hidden | {name for number, name in _RESTORED.items() if state[number]}

    @property
    def on_alternate_screen(self) -> bool:
        """True while the command draws on the screen that leaves the shell's as it was."""
        return _RESTORED[_ALTERNATE_SCREEN] in self.left_on

    @property
    def after_alternate_screen(self) -> str:
        """What was written on the shell's screen after the alternate one was left."""
        self._read()
        return self.raw.rpartition(b"\x1b[?1049l")[2].decode("utf-8", "replace")

    # Using ----------------------------------------------------------------------------------------

    def send(self, keys: str) -> None:
        """Type; Ctrl+C is `\\x03`, Enter `\\r`, Escape `\\x1b`."""
        os.write(self._master, keys.encode())

    def resize(self, rows: int, columns: int, *, tell: bool = True) -> None:
        """Give the terminal another size; the kernel tells the command."""
        termios.tcsetwinsize(self._slave, (rows, columns))
        if tell:
            self._screen.resize(rows, columns)

    def signal(self, number: int) -> None:
        """Send a signal to the command."""
        self._process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal's window: the command gets SIGHUP, and errors when it reads or writes."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    # Waiting --------------------------------------------------------------------------------------

    def wait_for(self, wanted: str | Callable[[], object]) -> None:
        """Wait until a text is on the screen, or until `wanted()` is true."""
        met = (lambda: wanted in self.display) if isinstance(wanted, str) else wanted
        self._wait(met, f"{wanted!r}")

    def wait_stopped(self) -> None:
        """Wait until the command is stopped, as after Ctrl+Z."""
        options = os.WSTOPPED | os.WNOHANG | os.WNOWAIT
        self._wait(lambda: os.waitid(os.P_PID, self._process.pid, options), "a stop")

    def wait_exit(self) -> int:
        """Wait for the end; return the exit code, or the negative number of the signal that killed the command."""
        self._wait(lambda: self._process.poll() is not None, "its end")
        return self._process.returncode

    def _wait(self, met: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not met():
            assert time.monotonic() < deadline, (
                f"waited {PATIENCE_S:g} s for {what} in vain; on the screen:\n{self.display}"
            )
            self._read(0.05)
        self._read()

    def _read(self, wait_s: float = 0.0) -> None:
        """Take in all output that is there; wait for the first of it."""
        if self._master < 0:
            time.sleep(wait_s)
            return
        while select.select([self._master], [], [], wait_s)[0]:
            data = os.read(self._master, 65536)
            self.raw += data
            data = self._pending + data
            cut = found.start() if (found := _UNFINISHED.search(data)) else len(data)
            self._pending = data[cut:]
            self._stream.feed(_NOT_FOR_PYTE.sub(b"", data[:cut]))
            wait_s = 0.0
