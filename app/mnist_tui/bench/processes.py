"""Child processes of the benchmark: run to completion or driven through a pseudo-terminal. None outlives it.

The benchmark itself stays small, because a child's reported peak memory starts at that of its parent.
"""

from __future__ import annotations

import os
import pty
import resource
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from typing import Final, Self

import psutil

from mnist_tui.errors import DataError, MnistTuiError, RunError, StoreError, UsageError

ROWS, COLUMNS = 40, 120
PATIENCE_S: Final = 120.0
"""How long a command in a terminal may produce no output."""
LEAVING_S: Final = 15.0
_RECENT_BYTES: Final = 1 << 18
_ERRORS: Final[dict[int, type[MnistTuiError]]] = {2: UsageError, 3: DataError, 5: StoreError}


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has finished.

    Attributes:
        out: Its stdout.
        wall_s: Wall-clock time from start to exit.
        peak_bytes: Peak memory.
    """

    out: str
    wall_s: float
    peak_bytes: int


def peak_bytes(usage: resource.struct_rusage) -> int:
    """Return the peak resident memory; Linux reports it in KiB, macOS in bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def seconds_between(begin: str, end: str) -> float:
    """Return the seconds from one ISO 8601 time to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def run_to_end(what: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Ended:
    """Run a command to completion.

    Args:
        what: Its name in error messages.
        command: Program and arguments.
        environment: Added to the environment of this process.

    Raises:
        MnistTuiError: It failed; the message has the last line of its stderr.
    """
    with TemporaryFile() as out, TemporaryFile() as err:
        start = time.perf_counter()
        # A separate session: Ctrl+C reaches only the benchmark, which then kills its child.
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=os.environ | dict(environment or {}),
            start_new_session=True,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:
                _kill_group(process.pid)
                process.wait()
        wall_s = time.perf_counter() - start
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            said = err.read().decode("utf-8", "replace").strip().splitlines() or [f"code {process.returncode}"]
            reason = said[-1].removeprefix("mnist-tui: ").removeprefix("error: ").rstrip(".")
            raise _ERRORS.get(process.returncode, RunError)(f"{what} could not be measured: {reason}")
        return Ended(out.read().decode("utf-8", "replace"), wall_s, peak_bytes(usage))


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class Terminal:
    """A command in a 120x40 pseudo-terminal whose output is read immediately. Use as a context manager.

    Args:
        command: Full path of the program, and arguments.
        environment: Added to the environment of this process.

    Attributes:
        started_s: Start time on the `time.perf_counter` clock.
        peak_bytes: Peak memory; set after it has exited.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        own = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONUTF8": "1"}
        variables = os.environ | own | dict(environment or {})
        self.peak_bytes = 0
        self._recent = b""
        self._running = True
        self.started_s = time.perf_counter()
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            try:
                termios.tcsetwinsize(0, (ROWS, COLUMNS))
                os.execve(command[0], list(command), variables)  # noqa: S606 - our own command, no shell
            finally:
                os._exit(127)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        # Exit cleanly on success; on errors just kill it, as all its files are in a temporary folder.
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM if kind is None else signal.SIGKILL)
        deadline = time.monotonic() + LEAVING_S
        while True:
            pid, _status, usage = os.wait4(self._pid, os.WNOHANG)
            if pid:
                self.peak_bytes = peak_bytes(usage)
                break
            if time.monotonic() > deadline:
                _kill_group(self._pid)
            self._take(0.02)
        os.close(self._fd)

    def send(self, keys: str) -> None:
        """Send keys; earlier output is discarded."""
        self._recent = b""
        os.write(self._fd, keys.encode())

    def wait_for(self, text: str) -> float:
        """Wait until a text appears contiguously in the output; return the time.

        Raises:
            RunError: The command exited, or produced no output for too long.
        """
        wanted = text.encode()
        self.wait_until(lambda: wanted in self._recent, look_every_s=0.0)
        return time.perf_counter()

    def wait_until(self, met: Callable[[], bool], look_every_s: float = 0.5) -> None:
        """Read output until `met()` is true; errors as for `wait_for`."""
        silent_since = last_look = time.monotonic()
        while True:
            now = time.monotonic()
            if now - last_look >= look_every_s:
                last_look = now
                if met():
                    return
            if not self._running or now - silent_since > PATIENCE_S:
                what = "stopped responding" if self._running else "exited"
                raise RunError(f"the app could not be measured: it {what}")
            if self._take(0.1):
                silent_since = now

    def cpu_share(self, seconds: float, *, screen_alone: bool = False) -> float:
        """Read output for a while; return the CPU share of the command (or only its main thread), 1 for a full core."""

        def used_s() -> float:
            process = psutil.Process(self._pid)
            if not screen_alone:
                # Includes threads that have exited.
                times = process.cpu_times()
                return times.user + times.system
            return sum(t.user_time + t.system_time for t in process.threads() if t.id == self._pid)

        before, start = used_s(), time.perf_counter()
        self.watch(seconds)
        return (used_s() - before) / (time.perf_counter() - start)

    def watch(self, seconds: float) -> None:
        """Read output for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._take(left)

    def _take(self, wait_s: float) -> bool:
        """Read available output, waiting up to `wait_s` for it; return whether there was any."""
        if not self._running:
            time.sleep(min(wait_s, 0.02))
            return False
        if not select.select([self._fd], [], [], wait_s)[0]:
            return False
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:
            # Linux raises an error when the other end is closed.
            data = b""
        self._running = bool(data)
        self._recent = (self._recent + data)[-_RECENT_BYTES:]
        return bool(data)
