"""The files whose code may be executed: those that the user named when this process was started, and no others.

A run that was stored, queued or sent by another process names a file too; that alone never gets it executed.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from mnist_tui.core.own import split_model
from mnist_tui.environment import read_text
from mnist_tui.errors import RunError, UsageError

_VARIABLE: Final = "MNIST_TUI_MODELS"
"""The files, for the processes that this one starts."""


def allow(model: str) -> str:
    """Allow the file of a model to be executed, here and in the processes started from here; return its SHA-256.

    Raises:
        UsageError: It cannot be read.
    """
    path, _ = split_model(model)
    digest = _digest(path)
    known = [name for name in os.environ.get(_VARIABLE, "").split(os.pathsep) if name]
    os.environ[_VARIABLE] = os.pathsep.join(dict.fromkeys([*known, str(path)]))
    return digest


def source_of(model: str, digest: str) -> str:
    """Return the code of a model that may be executed.

    Args:
        model: `/PATH/FILE.py:CLASS`.
        digest: SHA-256 that the file must have.

    Raises:
        RunError: The file was not named by the user, or is another one by now.
    """
    path, _ = split_model(model)
    if str(path) not in os.environ.get(_VARIABLE, "").split(os.pathsep):
        raise RunError(f"the network of this run is code in {path}", f"Allow it to be executed with --model {model}")
    try:
        found = _digest(path)
    except UsageError as error:
        raise RunError(error.what, error.next_step) from error
    if found != digest:
        raise RunError(f"{path} has changed since the run was queued", "Restore it, or start a new run")
    return read_text(path)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(read_text(path).encode()).hexdigest()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"{path} cannot be read: {reason or error}", "Name it as --model FILE.py:CLASS") from error
