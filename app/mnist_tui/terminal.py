"""Guards the terminal, so that only the app writes to it, and detects its capabilities."""

from __future__ import annotations

import codecs
import ctypes
import faulthandler
import io
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

TAIL_BYTES: Final = 64 * 1024
"""Maximum number of bytes read back from the end of the log."""


# Stray output -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Guard:
    """A guarded terminal.

    Attributes:
        log: Where stray output goes; the null device when nothing is guarded or no log can be written.
        start: Offset of this session's part of the log, in bytes.
    """

    log: Path
    start: int = 0

    def tail(self, lines: int = 20) -> list[str]:
        """Return the last lines that this session wrote to the log; works after the terminal is released, too."""
        with suppress(OSError), self.log.open("rb") as file:
            file.seek(max(self.start, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-lines:]
        return []


@contextmanager
def guarded_terminal(log_path: Path) -> Iterator[Guard]:
    """Redirect file descriptors 1 and 2 to a log, except for the output of the app itself.

    A print, a warning or a C library's message would land in the middle of the screen. Textual draws through
    `sys.__stderr__` and measures through `sys.__stdout__`, so these get a separate descriptor for the real terminal.
    `sys.stdout` and `sys.stderr` stay on 1 and 2: the traceback of a crash goes to the log.

    A descriptor that is not a terminal stays as it is, unless the app draws for a browser: then a stray byte would be
    taken for a part of what it draws. Nothing changes if neither is a terminal, or if `TEXTUAL_DRIVER` selects another
    driver.
    """
    terminals = [1, 2] if is_web() else [fd for fd in (2, 1) if os.isatty(fd)]
    if not terminals or (os.environ.get("TEXTUAL_DRIVER") and not is_web()):
        yield Guard(Path(os.devnull))
        return
    with ExitStack() as undo:
        path, log = _open_log(log_path)
        undo.enter_context(log)
        log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} process {os.getpid()}\n")
        guard = Guard(path, os.fstat(log.fileno()).st_size)
        screen = undo.enter_context(_open_screen(terminals[0]))
        for fd in terminals:
            real = os.dup(fd)
            undo.callback(os.close, real)
            undo.callback(os.dup2, real, fd)
        undo.callback(_flush)
        undo.callback(_set_originals, sys.__stdout__, sys.__stderr__)
        _flush()
        _set_originals(screen, screen)
        for fd in terminals:
            os.dup2(log.fileno(), fd)
        _log_faults(log, undo)
        _log_warnings(log, undo)
        yield guard


def is_web() -> bool:
    """Return whether the app draws for a browser."""
    return os.environ.get("TEXTUAL_DRIVER", "").endswith("WebDriver")


class _Terminal(io.FileIO):
    """A terminal that may hang up: output that can no longer be written is dropped.

    An error would end Textual's writer thread, and the app would wait for it forever.
    """

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _open_screen(fd: int) -> TextIO:
    encoding = sys.__stderr__.encoding if sys.__stderr__ else "utf-8"
    # "replace" writes one cell where a character cannot be encoded; an escape would shift the rest of the line.
    buffer = io.BufferedWriter(_Terminal(os.dup(fd), "w"))
    return io.TextIOWrapper(buffer, encoding, errors="replace", newline="\n", line_buffering=True)


def _open_log(path: Path) -> tuple[Path, TextIO]:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.fchmod(fd, 0o600)  # an older version, or the umask, may have left it open to others
    except OSError:
        # Training matters more than its log.
        path = Path(os.devnull)
        fd = os.open(path, os.O_WRONLY)
    return path, os.fdopen(fd, "w", encoding="utf-8", errors="replace", buffering=1)


def _flush() -> None:
    """Write out what Python and the C library still hold for descriptors 1 and 2."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _set_originals(out: TextIO | None, err: TextIO | None) -> None:
    # Constants for type checkers, but Textual looks them up when it starts.
    setattr(sys, "__stdout__", out)  # noqa: B010
    setattr(sys, "__stderr__", err)  # noqa: B010


def _log_faults(log: TextIO, undo: ExitStack) -> None:
    if faulthandler.is_enabled():
        undo.callback(faulthandler.enable, 2)
    faulthandler.enable(log)
    undo.callback(faulthandler.disable)


def _log_warnings(log: TextIO, undo: ExitStack) -> None:
    # On the root logger, so that warnings and errors of libraries are logged as well.
    handler = logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    undo.callback(logging.getLogger().removeHandler, handler)
    logging.captureWarnings(True)
    undo.callback(logging.captureWarnings, False)


# Capabilities -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the terminal can show.

    Attributes:
        columns, rows: Its size in cells; 80 x 24 where there is none.
        colours: Number of colours that it is known to support.
        unicode: True when braille and box drawing can be written in the locale's encoding.
        term: The value of `TERM`; empty if it is not set.
    """

    columns: int
    rows: int
    colours: Literal["truecolor", "256", "16", "none"]
    unicode: bool
    term: str

    def __str__(self) -> str:
        colours = {"truecolor": "true colour", "none": "no colours"}.get(self.colours, f"{self.colours} colours")
        signs = "Unicode" if self.unicode else "ASCII only"
        return f"{self.term or 'TERM is not set'}, {self.columns}x{self.rows}, {colours}, {signs}"


def capabilities() -> Capabilities:
    """Return the capabilities, derived from the environment, the locale and the terminal's size."""
    size = shutil.get_terminal_size()
    term = os.environ.get("TERM", "")
    # A closed stream has no encoding.
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    unicode = codecs.lookup(encoding).name.startswith("utf")
    return Capabilities(size.columns, size.lines, _colours(term), unicode, term)


def _colours(term: str) -> Literal["truecolor", "256", "16", "none"]:
    if os.environ.get("NO_COLOR") or term in ("", "dumb"):
        return "none"
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or term.endswith("-direct"):
        return "truecolor"
    return "256" if "256color" in term else "16"


def notification(text: str) -> str:
    """Return what makes this terminal show a notification of the desktop; empty if it is not known to have any.

    Args:
        text: What to say; must have no control characters.

    Source: the documentation of the terminals: OSC 9 of iTerm2, WezTerm, Ghostty and kitty, OSC 777 of foot and urxvt.
    """
    term, program = os.environ.get("TERM", ""), os.environ.get("TERM_PROGRAM", "").lower()
    if os.environ.get("TMUX") or term.startswith(("screen", "tmux")):
        # They pass nothing on.
        return ""
    if program in ("iterm.app", "wezterm", "ghostty") or "kitty" in term or "ghostty" in term:
        return f"\x1b]9;{text}\x07"
    if term.startswith(("foot", "rxvt")):
        return f"\x1b]777;notify;mnist-tui;{text.replace(';', ',')}\x07"
    return ""
