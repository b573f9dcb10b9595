"""Where everything that is kept lies, private to the user whatever the umask says."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

import platformdirs

from mnist_tui.durable import sync_folder
from mnist_tui.errors import StoreError

LOGS_KEPT: Final = 20
"""Of each kind."""
_SAFE_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")


def home() -> Path:
    """Return the folder of runs, tables and logs: MNIST_TUI_HOME, else the user's data folder. It may not exist yet.

    Raises:
        StoreError: The name is relative to a folder that was deleted.
    """
    named = os.environ.get("MNIST_TUI_HOME")
    try:
        return Path(named).absolute() if named else platformdirs.user_data_path("mnist-tui")
    except FileNotFoundError as error:
        raise StoreError(
            f"the folder {named} for runs cannot be resolved: the current directory no longer exists",
            "Give MNIST_TUI_HOME a full path",
        ) from error


def is_safe_name(name: object) -> bool:
    """Return whether a run's id can be part of a file name; any other could lead elsewhere, so it is none of ours."""
    return isinstance(name, str) and _SAFE_NAME.fullmatch(name) is not None


def make_home(place: Path) -> None:
    """Create the folder and those above it that are missing, private to the user; they outlive a power cut.

    Raises:
        StoreError: It cannot be made.
    """
    try:
        # One by one: `parents=True` would give those above the usual mode.
        for folder in (*reversed(place.parents), place):
            if folder.is_dir():
                continue
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                if not folder.is_dir():
                    raise
                continue
            folder.chmod(0o700)  # the umask may have taken more than it should
            sync_folder(folder.parent)
    except OSError as error:
        raise StoreError(
            f"the folder {place} for runs cannot be made: {error.strerror or error}",
            "Name another one with MNIST_TUI_HOME",
        ) from error


def make_private(path: Path) -> None:
    """Take the rights of others away from a file or folder of ours, where that can be done."""
    with suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            path.chmod(mode & 0o700)


def make_private_folder(place: Path) -> None:
    """Create a folder of ours inside the home; one that exists is made private.

    Raises:
        StoreError: It cannot be made.
    """
    make_home(place)
    make_private(place)


def new_log(home: Path, kind: str, name: str) -> Path:
    """Make a log that its owner alone can read; of the same kind, the oldest ones are removed.

    Args:
        home: Where the logs are.
        kind: What it begins with.
        name: What tells it from the others; later ones sort behind.

    Raises:
        StoreError: It cannot be made.
    """
    make_home(home)
    folder = home / "logs"
    make_private_folder(folder)
    logs = sorted(folder.glob(f"{kind}-*.log"))
    for old in logs[: max(0, len(logs) - LOGS_KEPT + 1)]:
        with suppress(OSError):
            old.unlink()
    log = folder / f"{kind}-{name}.log"
    try:
        log.touch(0o600)
    except OSError as error:
        raise StoreError(f"the log {log} cannot be written: {error.strerror or error}") from error
    make_private(log)
    return log


def tables_folder(home: Path) -> Path:
    """Return the folder that comparisons are saved in; it is made where it is missing.

    Raises:
        StoreError: It cannot be made.
    """
    make_private_folder(home / "tables")
    return home / "tables"
