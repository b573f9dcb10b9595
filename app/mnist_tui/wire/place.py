"""Finds and opens the sockets of a home, even if their path is too long for a socket."""

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
"""Maximum length of a socket's path in bytes on any system: macOS has the lowest, 104 with the terminating zero."""
_THROUGH_PROC: Final = Path("/proc/self/fd")


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield an equivalent of a socket's path that is short enough to bind and to connect to.

    Raises:
        OSError: There is none: the path is too long, and the system has no `/proc/self/fd`.
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
    """Return a listening socket named after a session, accessible only to this user.

    Raises:
        OSError: The socket cannot be created.
        StoreError: Its folder cannot be created.
    """
    make_private_folder(home / FOLDER)
    path = home / FOLDER / f"{session}{SUFFIX}"
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with reachable(path) as name:
            listener.bind(name)
        # Make it private, like its folder, before anyone can connect.
        path.chmod(0o600)
        listener.listen(64)
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


def connect(path: Path) -> socket.socket:
    """Connect to a socket.

    Raises:
        OSError: Nothing listens there.
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
    """Return the sockets of live sessions, sorted by name; remove those left behind by dead ones."""
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
    """Return whether the peer is the same user or root; True if the system cannot tell, since the folder is private."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], "little") in (os.getuid(), 0)
