"""Checkpoint files: complete or absent, verified by their hash.

A file is on disk before the transaction that refers to it. A file without a row is harmless and is removed; a crash
cannot leave a row without its file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from mnist_tui.durable import sync_folder
from mnist_tui.errors import StoreError
from mnist_tui.store.home import is_safe_name, make_private_folder


def folder_of(home: Path, run: str) -> Path:
    """Return the folder of a run's checkpoints.

    Raises:
        StoreError: The id is not a safe file name.
    """
    if not is_safe_name(run):
        raise StoreError(f"the run id {run!r} is damaged")
    return home / "checkpoints" / run


def write(folder: Path, name: str, data: bytes) -> str:
    """Write a file durably; return its SHA-256.

    Raises:
        OSError: It could not be written; no partial file is left behind.
    """
    make_private_folder(folder.parent)
    make_private_folder(folder)
    part = folder / f".{name}.part"
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, 0o600)  # regardless of the umask
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / name)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise
    sync_folder(folder)
    return hashlib.sha256(data).hexdigest()


def read(folder: Path, name: str, sha256: str) -> bytes | None:
    """Return the content of a file; `None` if it is missing or its hash differs."""
    try:
        data = (folder / Path(name).name).read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def remove(folder: Path) -> None:
    """Remove a folder and its content; errors are ignored."""
    sweep(folder, ())
    with suppress(OSError):
        folder.rmdir()


def sweep(folder: Path, kept: Iterable[str]) -> None:
    """Remove all files except the named ones; errors are ignored."""
    names = set(kept)
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name not in names:
                with suppress(OSError):
                    path.unlink()
