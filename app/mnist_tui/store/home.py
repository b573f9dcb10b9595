"""The home folder with everything that is stored, private to the user regardless of the umask."""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

import platformdirs

from mnist_tui.durable import sync_folder
from mnist_tui.environment import absolute
from mnist_tui.errors import StoreError

SETTINGS_FILE: Final = "settings.toml"
LOGS_KEPT: Final = 20
"""Number of logs kept of each kind."""
_SAFE_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")


def home() -> Path:
    """Return the folder of runs, tables and logs: MNIST_TUI_HOME, else the user's data folder. It may not exist yet.

    Raises:
        StoreError: MNIST_TUI_HOME is relative, and the current directory no longer exists.
    """
    named = os.environ.get("MNIST_TUI_HOME")
    try:
        return absolute(named) if named else platformdirs.user_data_path("mnist-tui")
    except FileNotFoundError as error:
        raise StoreError(
            f"the folder {named} for runs cannot be resolved: the current directory no longer exists",
            "Set MNIST_TUI_HOME to an absolute path",
        ) from error


def is_safe_name(name: object) -> bool:
    """Return whether a run's id is safe as part of a file name; any other could point outside the home."""
    return isinstance(name, str) and _SAFE_NAME.fullmatch(name) is not None


def make_home(place: Path) -> None:
    """Create the folder and its missing parents durably, private to the user.

    Raises:
        StoreError: It cannot be created.
    """
    try:
        # One by one: `parents=True` would create the parents with the default mode.
        for folder in (*reversed(place.parents), place):
            if folder.is_dir():
                continue
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                if not folder.is_dir():
                    raise
                continue
            folder.chmod(0o700)  # the umask may have cleared our own bits
            sync_folder(folder.parent)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise too_long(place) from error
        raise StoreError(
            f"the folder {place} for runs cannot be created: {error.strerror or error}",
            "Set MNIST_TUI_HOME to another folder",
        ) from error


def too_long(path: Path) -> StoreError:
    """Return the error for a path that the system or SQLite does not take."""
    return StoreError(f"{str(path)[:40]}… is too long a path", "Set MNIST_TUI_HOME to a shorter one")


def make_private(path: Path) -> None:
    """Remove other users' permissions from a file or folder, if possible."""
    with suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            path.chmod(mode & 0o700)


def make_private_folder(place: Path) -> None:
    """Create a private folder inside the home; an existing one is made private.

    Raises:
        StoreError: It cannot be created.
    """
    make_home(place)
    make_private(place)


def new_log(home: Path, kind: str, name: str) -> Path:
    """Create a log that only its owner can read; remove the oldest ones of the same kind.

    Args:
        home: The home folder.
        kind: Prefix of the file name.
        name: Rest of the file name; newer names must sort after older ones.

    Raises:
        StoreError: It cannot be created.
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
    """Return the folder that comparisons are saved in; create it if it is missing.

    Raises:
        StoreError: It cannot be created.
    """
    make_private_folder(home / "tables")
    return home / "tables"
