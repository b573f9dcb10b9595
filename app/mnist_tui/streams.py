"""Standard streams in any state that a shell may leave them in: closed, full, in another encoding, unread."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from contextlib import nullcontext, suppress
from typing import Final, NoReturn

from mnist_tui.report.formatting import harmless

BROKEN_PIPE: Final = 141
"""Exit code for a closed output pipe: 128 + SIGPIPE, as in shells."""


class _Closed(io.TextIOBase):
    """An output that a shell closed with `>&-`."""

    def write(self, _text: str, /) -> NoReturn:
        raise OSError(errno.EBADF, "standard output is closed")


def prepare_streams() -> None:
    """Make all three streams usable; writing to a closed standard output raises an error."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            # Otherwise the next file opened, such as the database, would become standard output.
            os.open(os.devnull, os.O_RDWR)
    # Typed as if they always existed, but Python sets them to None if a shell closed them.
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - for the life of the process
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - likewise
    for stream in (sys.stdout, sys.stderr):
        # A locale that cannot write ± gets +-, and for the bytes of a path an escape, not an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="mnist-tui-ascii")


def give_up_what_cannot_be_written() -> None:
    """Discard the buffered output of a broken stream, so that flushing it at exit does not fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str, *, out: bool = False) -> None:
    """Print one line, on stderr, or on stdout if `out`, for requested results. Control sequences are made harmless.

    Raises:
        OSError: Stdout cannot be written. Errors on stderr are ignored.
    """
    with nullcontext() if out else suppress(OSError):
        print(harmless(text), file=sys.stdout if out else sys.stderr, flush=True)


_ASCII: Final = str.maketrans(
    {
        **dict.fromkeys("─━┈╌╍═", "-"),
        **dict.fromkeys("│┃║", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯", "+"),
        **dict.fromkeys("▁▂▃▄▅▆▇█▏▎▍▌▋▊▉", "#"),
        **dict.fromkeys("●★", "*"),
        **dict.fromkeys("–—−", "-"),
        "✔": "+",
        "✖": "x",
        "■": "#",
        "▣": "#",
        "‖": "=",
        "▷": ">",
        "≈": "~",
        "±": "+-",
        "→": "->",
        "…": "...",
        "Δ": "d",
        "†": "+",
        "·": ".",
        "×": "x",
    }
)
"""What stands for a sign where the encoding has none."""


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding cannot write by a like sign, or else by its escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error("mnist-tui-ascii", _in_ascii)
