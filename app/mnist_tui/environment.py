"""Paths from the environment."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def absolute(path: str | Path) -> Path:
    """Return a path from the environment as an absolute one; a leading `~` is the user's home folder.

    A shell expands `~`, but a container, a unit file or quotes around the value do not.

    Raises:
        FileNotFoundError: The path is relative, and the current directory no longer exists.
    """
    named = Path(path)
    with suppress(RuntimeError):  # an unknown user: the name stays as it is
        named = named.expanduser()
    return named.absolute()
