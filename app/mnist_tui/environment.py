"""What comes from the environment: paths, small files, the current directory, the processor."""

from __future__ import annotations

import errno
import io
import os
import platform
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from mnist_tui.errors import UsageError

PYTHON: Final = (sys.executable, "-P")
"""The interpreter for our own processes. Without `-P`, `-m` would import whatever lies in the current directory."""
MOST_BYTES: Final = 1 << 20
"""Size of a text file that people write."""


def absolute(path: str | Path) -> Path:
    """Return a path from the environment as an absolute one; a leading `~` is the user's home folder.

    A shell expands `~`, but a container, a unit file or quotes around the value do not.

    Raises:
        FileNotFoundError: The path is relative, and the current directory no longer exists.
    """
    named = Path(path)
    with suppress(RuntimeError):  # an unknown user: the name stays as it is
        named = named.expanduser()
    return named.absolute()


def read_text(path: Path) -> str:
    """Return a small text file, in UTF-8; errors as for `read_bytes`.

    Raises:
        UnicodeDecodeError: It is not text.
    """
    return io.TextIOWrapper(io.BytesIO(read_bytes(path)), encoding="utf-8").read()


def read_bytes(path: Path) -> bytes:
    """Return a small file.

    Raises:
        OSError: It cannot be read, is larger than `MOST_BYTES`, or is not a regular file; a pipe might never end.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if status.st_size > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MOST_BYTES >> 20} MiB")
    return path.read_bytes()


def check_directory() -> None:
    """Check that the current directory still exists: without one, PyTorch's libraries end the process.

    Raises:
        UsageError: It does not.
    """
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd is the same
    except FileNotFoundError:
        raise UsageError("the current directory no longer exists", "Change to another one, with `cd`") from None


def processor_name() -> str:
    """Return the processor's name as reported by the system, else its architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
