"""Locks that show which process trains a run. The kernel releases a lock when its process dies, however it dies.

flock and not filelock: several readers may test a lock at the same time, which must not look like its holder.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from mnist_tui.errors import StoreError
from mnist_tui.store.home import is_safe_name, make_private_folder

FOLDER: Final = "locks"
PATIENCE_S: Final = 0.5
"""How long to wait for a lock: readers that test whether a run is locked hold it for a moment."""


class RunLock:
    """An exclusive lock, held by the process that trains a run.

    Args:
        path: The lock file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> bool:
        """Acquire the lock; return False if another process holds it.

        Raises:
            OSError: The file cannot be created.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if _lock(fd, fcntl.LOCK_EX):
                # The previous holder may have removed the file between our open and our lock.
                if os.fstat(fd).st_nlink:
                    os.fchmod(fd, 0o600)  # regardless of the umask
                    self._fd = fd
                    return True
                os.close(fd)
                continue
            os.close(fd)
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)

    @property
    def is_in_place(self) -> bool:
        """False if the lock file was removed or replaced, so that others do not see this lock."""
        try:
            found = self._path.stat()
        except OSError:
            return False
        return self._fd is not None and os.path.samestat(found, os.fstat(self._fd))

    def renew(self) -> bool:
        """Acquire the lock again after its file was removed; return False if another process was faster."""
        lost = self._fd
        if not self.acquire():
            return False
        if lost is not None:
            os.close(lost)
        return True

    def abandon(self) -> None:
        """Close this process's copy of the lock: after a fork, the kernel would keep it as long as both live."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def release(self) -> None:
        """Release the lock and remove its file."""
        if self._fd is not None:
            if self.is_in_place:
                with suppress(OSError):
                    self._path.unlink()
            os.close(self._fd)
            self._fd = None


class Locks:
    """The locks that one store holds in its home, each under the name of a run or a session."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._held: dict[str, RunLock] = {}

    def hold(self, name: str, problem: str) -> None:
        """Acquire a lock unless it is already held.

        Args:
            name: Name of the run or session.
            problem: Error message if another process holds it.

        Raises:
            StoreError: Another process holds it, or it cannot be acquired.
        """
        if name in self._held:
            return
        if not is_safe_name(name):
            raise StoreError(f"the name {name!r} is damaged")
        make_private_folder(self._home / FOLDER)
        lock = RunLock(path_of(self._home, name))
        try:
            if not lock.acquire():
                raise StoreError(problem, "Wait for it, or end it there")
        except OSError as error:
            raise StoreError(f"{name} cannot be locked in {self._home}: {error.strerror or error}") from error
        self._held[name] = lock

    def check(self, name: str) -> None:
        """Restore a lock whose file was removed.

        Raises:
            StoreError: Another process acquired it meanwhile, so this one must not continue.
        """
        lock = self._held.get(name)
        if lock is None or lock.is_in_place:
            return
        try:
            make_private_folder(self._home / FOLDER)
            renewed = lock.renew()
        except OSError as error:
            raise StoreError(f"{name} cannot be locked in {self._home}: {error.strerror or error}") from error
        if not renewed:
            raise StoreError(
                f"the lock of {name} was removed, and another process has taken it over", "It continues there"
            )

    def let_go(self, name: str) -> None:
        """Release a lock if it is held."""
        if (lock := self._held.pop(name, None)) is not None:
            lock.release()

    def abandon(self) -> None:
        """Close this process's copies of all locks, which its parent still holds; for the child after a fork."""
        for lock in self._held.values():
            lock.abandon()
        self._held.clear()

    def let_go_all(self) -> None:
        """Release all locks."""
        for name in list(self._held):
            self.let_go(name)


def path_of(home: Path, name: str) -> Path:
    """Return the path of the lock of a run or a session."""
    return home / FOLDER / f"{name}.lock"


def is_held(home: Path, name: str) -> bool:
    """Return whether a live process holds the lock of that name; creates and changes nothing."""
    if not is_safe_name(name):
        return False
    try:
        fd = os.open(path_of(home, name), os.O_RDONLY | os.O_CLOEXEC)
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
