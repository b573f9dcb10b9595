"""Signals: one orderly way out for all of them, and a hard one for whoever does not want to wait."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

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
"""What ends a process by itself, and would leave the terminal, or a run, as it happens to be. Ctrl+C comes on top."""
GRACE_S: Final = 15.0
"""How long an orderly end may take after a signal: the batch, the last transaction, a terminal that no longer reads."""


def install_signal_handlers(loop: AbstractEventLoop, on_signal: Callable[[int], None]) -> None:
    """Let an app leave the terminal in order after any signal; by itself Textual would leave it as it is.

    Args:
        loop: The loop that the app runs in; its end brings back the usual handlers.
        on_signal: Called in the loop with the exit code, 128 plus the number of the signal.
    """
    # After a real abort only the stacks are left, so what writes them must run before our handlers.
    stacks = faulthandler.is_enabled()
    faulthandler.disable()
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, on_signal, 128 + number)
    if stacks:
        faulthandler.enable(2)


def end_within(seconds: float, code: int) -> None:
    """End the process by then, whatever still holds it: a terminal that is gone can block for ever."""
    watch = threading.Timer(seconds, os._exit, (code,))
    watch.daemon = True
    watch.start()


def has_job_control() -> bool:
    """Return whether a shell waits that could bring a stopped process back; without one it would be lost."""
    parent = os.getppid()
    return os.getsid(parent) == os.getsid(0) and os.getpgid(parent) != os.getpgrp()


class Interruption:
    """Whether a person, or the system, asked the command to end.

    Attributes:
        exit_code: 0, or 128 plus the number of the signal: 130 after Ctrl+C, 143 after SIGTERM.
    """

    def __init__(self) -> None:
        self.exit_code = 0


@contextmanager
def interruptible(on_first: Callable[[], None]) -> Iterator[Interruption]:
    """Let the first signal ask for an orderly end, and a second one end the process immediately.

    Ending immediately is safe: what was shown is on the disk already. A signal that the parent process chose to
    ignore, as `nohup` or a shell's background jobs do, stays ignored. For the main thread alone.

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
    """Let Ctrl+C end the process immediately and without a word, as while modules are loaded: nothing has begun."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, _frame: os._exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
