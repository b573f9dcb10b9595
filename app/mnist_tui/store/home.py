"""Where everything that is kept lies."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from mnist_tui.errors import StoreError


def home() -> Path:
    """Return the folder of runs, tables and logs: MNIST_TUI_HOME, else the user's data folder. It may not exist yet."""
    named = os.environ.get("MNIST_TUI_HOME")
    return Path(named).absolute() if named else platformdirs.user_data_path("mnist-tui")


def make_home(place: Path) -> None:
    """Create the folder and those above it that are missing, private to the user.

    Raises:
        StoreError: It cannot be made.
    """
    try:
        # One by one: `parents=True` would give those above the usual mode.
        for folder in (*reversed(place.parents), place):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder {place} for runs cannot be made: {error.strerror or error}",
            "Name another one with MNIST_TUI_HOME",
        ) from error
