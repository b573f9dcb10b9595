"""Standard input, output and errors as a shell may leave them: closed, full, in another encoding, with no reader."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import nullcontext, suppress
from typing import Final, NoReturn

from mnist_tui.report.formatting import harmless

BROKEN_PIPE: Final = 141
"""Exit code when nobody reads the output any more: 128 + SIGPIPE, as shells have it."""


class _Closed(io.TextIOBase):
    """An output that a shell closed with `>&-`."""

    def write(self, _text: str, /) -> NoReturn:
        raise OSError(errno.EBADF, "standard output is closed")


def prepare_streams() -> None:
    """Make all three streams usable; what a closed output would have taken is an error when it is written."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # Or the next file that is opened, such as the database, would become standard output.
            os.open(os.devnull, os.O_RDWR)
    # Typed as if they were always there, but Python leaves None where a shell closed them.
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - for the life of the process
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - likewise
    for stream in (sys.stdout, sys.stderr):
        # A locale that cannot write ± or a path gets an escape, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def give_up_what_cannot_be_written() -> None:
    """Let what is left of an output that is gone go nowhere, so that the end of the process does not fail on it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str, *, out: bool = False) -> None:
    """Write one line for people, on stderr unless it is what was asked for. Text from outside steers no terminal.

    Raises:
        OSError: It is what was asked for, and cannot be written. What cannot be told on stderr is lost.
    """
    with nullcontext() if out else suppress(OSError):
        print(harmless(text), file=sys.stdout if out else sys.stderr, flush=True)
