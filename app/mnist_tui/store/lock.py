"""Says which process trains a run. The kernel lets go of a lock when its process dies, however it dies.

flock and not filelock: whether a run is held is asked by several readers at once, who must not see each other.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

PATIENCE_S: Final = 0.5
"""How long to wait for a lock: readers that look whether a run is held have it for a moment."""


class RunLock:
    """The right to train one run.

    Args:
        path: A file of its own; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> bool:
        """Take the lock; False when another process has it.

        Raises:
            OSError: The file cannot be made.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _lock(fd, fcntl.LOCK_EX):
                # The holder before may have removed the file between our opening and our locking it.
                if os.fstat(fd).st_nlink:
                    self._fd = fd
                    return True
                os.close(fd)
                continue
            os.close(fd)
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)

    def release(self) -> None:
        """Give the lock back and remove its file."""
        if self._fd is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._fd)
            self._fd = None


def is_held(path: Path) -> bool:
    """Return whether a living process has the lock; nothing is made or changed."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
