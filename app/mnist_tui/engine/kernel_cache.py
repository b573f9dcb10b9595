"""The cache folder of the compiled loops: private, verified by hash before loading, filled by one process at a time.

Loading compiled code executes it, and Numba's index is a pickle. So nothing is loaded that another user could have
written, or that differs from what was compiled.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

SEAL: Final = "ready"
"""A file with the hashes of all others; it is written last."""
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def prepare(folder: Path, root: Path) -> None:
    """Create a folder so that no other user can write to it, or to any folder between it and `root`.

    Anything in a folder of ours that others could write to is deleted. `root` may be shared, such as /tmp, or a
    symlink of ours, and is left as it is.

    Raises:
        OSError: It cannot be created, or another user owns a part of its path or can replace it.
    """
    root.parent.mkdir(parents=True, exist_ok=True)
    for part in (root, *reversed([above for above in folder.parents if root in above.parents]), folder):
        _make_private(part, is_root=part == root)


def _make_private(folder: Path, *, is_root: bool) -> None:
    found = _status(folder)
    if found is None:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    if is_root and found.st_mode & stat.S_ISVTX:
        # Sticky, such as /tmp: only its owner can replace an entry.
        return
    if is_root and stat.S_ISLNK(found.st_mode) and found.st_uid == os.getuid():
        found = folder.stat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user, or is not a folder")
    if found.st_mode & _OTHERS_WRITE:
        if is_root:
            raise PermissionError(f"others can write to {folder}")
        folder.chmod(0o700)
        clear(folder)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def clear(folder: Path) -> None:
    """Delete everything in the folder."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def seal(folder: Path) -> None:
    """Mark the cache as complete, with the hashes of its files.

    Raises:
        OSError: It cannot be written, or Numba cached nothing.
    """
    hashes = _hashes(folder)
    if not hashes:
        raise OSError("Numba wrote nothing into it")
    beside = folder / f"{SEAL}.{os.getpid()}"
    beside.write_text(hashes, encoding="utf-8")
    beside.replace(folder / SEAL)


def is_sealed(folder: Path) -> bool:
    """Return True if the cache is complete and its files match their hashes."""
    try:
        return (folder / SEAL).read_text(encoding="utf-8") == _hashes(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _hashes(folder: Path) -> str:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(SEAL))
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in paths)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Let one process of this user at a time fill the folder; others wait.

    Raises:
        OSError: The lock cannot be created.
    """
    with FileLock(f"{folder}.lock", mode=0o600):
        yield


def is_being_filled(folder: Path) -> bool:
    """Return True while another process fills the folder."""
    try:
        with FileLock(f"{folder}.lock", mode=0o600, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        return False
