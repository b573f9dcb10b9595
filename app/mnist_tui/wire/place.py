"""Where the sockets of a home lie, and how one with too long a path is reached."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from mnist_tui.store.home import is_safe_name, make_private_folder
from mnist_tui.store.lock import is_held
from mnist_tui.store.waiting import lock_name

FOLDER: Final = "wire"
SUFFIX: Final = ".sock"
LONGEST_PATH: Final = 103
"""Bytes that a socket's path may have where it may have fewest: 104 with the zero at its end, on macOS."""
_THROUGH_PROC: Final = Path("/proc/self/fd")


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Give a name of a socket's path that is short enough to bind and to connect to.

    Raises:
        OSError: There is none: the path is too long, and the system shows no open folder under a short name.
    """
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    if not _THROUGH_PROC.is_dir():
        raise OSError(36, "the path is too long for a socket", str(path))
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield str(_THROUGH_PROC / str(folder) / path.name)
    finally:
        os.close(folder)


def listen(home: Path, session: str) -> socket.socket:
    """Return a socket that listens under the name of a session, for this user alone.

    Raises:
        OSError: The socket cannot be created.
        StoreError: Its folder cannot be made.
    """
    make_private_folder(home / FOLDER)
    path = home / FOLDER / f"{session}{SUFFIX}"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with reachable(path) as name:
            listener.bind(name)
        # Before anyone can connect: the folder is private, and so is what lies in it.
        path.chmod(0o600)
        listener.listen(64)
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def connect(path: Path) -> socket.socket:
    """Return a connection.

    Raises:
        OSError: Nobody listens there.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with reachable(path) as name:
            connection.connect(name)
    except BaseException:
        connection.close()
        raise
    return connection


def sockets(home: Path) -> list[Path]:
    """Return the sockets of living sessions, by name; those that a dead one left behind are removed."""
    try:
        names = sorted(entry.name for entry in os.scandir(home / FOLDER) if entry.name.endswith(SUFFIX))
    except OSError:
        return []
    found = []
    for name in names:
        session, path = name.removesuffix(SUFFIX), home / FOLDER / name
        if not is_safe_name(session):
            continue
        if is_held(home, lock_name(session)):
            found.append(path)
        else:
            with suppress(OSError):
                path.unlink()
    return found


def is_own(connection: socket.socket) -> bool:
    """Return whether the other end belongs to the same user; where the system cannot tell, the folder's mode guards."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], "little") in (os.getuid(), 0)
