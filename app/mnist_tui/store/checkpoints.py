"""Checkpoint files: whole or absent, known by their hash.

The file is on the disk before the transaction that names it. A file without a row is of no harm and is swept away; a
row without its file cannot come from a crash.
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
        StoreError: The id would lead elsewhere, so it is none of ours.
    """
    if not is_safe_name(run):
        raise StoreError(f"the run id {run!r} is damaged")
    return home / "checkpoints" / run


def write(folder: Path, name: str, data: bytes) -> str:
    """Write a file, on the disk when this returns; return its SHA-256.

    Raises:
        OSError: It could not be written; nothing is left of it.
    """
    make_private_folder(folder.parent)
    make_private_folder(folder)
    part = folder / f".{name}.part"
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, 0o600)  # whatever the umask took
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
    """Return the content of a file; `None` when it is missing or is not what was written."""
    try:
        data = (folder / Path(name).name).read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it; what cannot be removed stays."""
    sweep(folder, ())
    with suppress(OSError):
        folder.rmdir()


def sweep(folder: Path, kept: Iterable[str]) -> None:
    """Remove all files but the named ones; what cannot be removed stays."""
    names = set(kept)
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name not in names:
                with suppress(OSError):
                    path.unlink()
