"""Signal handling: a clean exit for all signals, and an immediate one for those who do not want to wait."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

ENDING: Final = (
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGABRT,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
"""Signals that kill a process by default, without restoring the terminal or ending a run; besides Ctrl+C."""
_LOOK_S: Final = 1.0
GRACE_S: Final = 15.0
"""How long a clean exit may take after a signal: the batch, the last transaction, a terminal that no longer reads."""


@contextmanager
def unwinding_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block like an error, as Ctrl+C does: children are stopped and temporary folders removed."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def install_signal_handlers(loop: AbstractEventLoop, on_signal: Callable[[int], None]) -> None:
    """Let the app exit cleanly after any signal; Textual alone would not restore the terminal.

    Args:
        loop: The app's event loop; closing it restores the default handlers.
        on_signal: Called in the loop with the exit code, 128 plus the number of the signal.
    """
    # After a real abort only the stack traces are left, so faulthandler must run before our handlers.
    stacks = faulthandler.is_enabled()
    faulthandler.disable()
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, on_signal, 128 + number)
    if stacks:
        faulthandler.enable(2)


def end_within(seconds: float, code: int) -> None:
    """Force the process to exit after some seconds: writing to a lost terminal can block forever."""
    watch = threading.Timer(seconds, os._exit, (code,))
    watch.daemon = True
    watch.start()


def end_with_parent() -> None:
    """Hang up this process when its parent dies, however that happens."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
        os.kill(os.getpid(), signal.SIGHUP)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def has_job_control() -> bool:
    """Return whether a shell could resume this process after it is suspended; without one it would be lost."""
    parent = os.getppid()
    return os.getsid(parent) == os.getsid(0) and os.getpgid(parent) != os.getpgrp()


class Interruption:
    """Whether the user or the system asked the command to exit.

    Attributes:
        exit_code: 0, or 128 plus the number of the signal: 130 after Ctrl+C, 143 after SIGTERM.
    """

    def __init__(self) -> None:
        self.exit_code = 0


@contextmanager
def interruptible(on_first: Callable[[], None]) -> Iterator[Interruption]:
    """Let the first signal request a clean exit, and a second one exit immediately.

    Exiting immediately is safe: what was shown is already on disk. A signal that the parent process chose to ignore, as
    `nohup` or a shell's background jobs do, stays ignored. Only for the main thread.

    Args:
        on_first: Called in the signal handler, so between any two instructions of the main thread; it may raise.
    """
    interruption = Interruption()

    def obey(number: int, _frame: FrameType | None) -> None:
        if interruption.exit_code:
            if os.isatty(2):
                os.write(2, b"\x1b[?25h\n")  # a progress display hides the cursor
            os._exit(128 + number)
        interruption.exit_code = 128 + number
        on_first()

    numbers = [n for n in (signal.SIGINT, *ENDING) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, obey) for number in numbers}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def nothing_to_lose() -> Iterator[None]:
    """Let Ctrl+C exit immediately and silently, for example while modules load and nothing has started."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, _frame: os._exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
