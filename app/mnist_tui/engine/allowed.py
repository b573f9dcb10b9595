"""The files whose code may be executed: those that the user named when this process was started, and no others.

A run that was stored, queued or sent by another process names a file too; that alone never gets it executed.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from mnist_tui.core.own import split_model
from mnist_tui.environment import read_bytes
from mnist_tui.errors import RunError, UsageError

_VARIABLE: Final = "MNIST_TUI_MODELS"
"""The files, as a JSON list, for the processes that this one starts."""


def allow(model: str) -> str:
    """Allow the file of a model to be executed, here and in the processes started from here; return its SHA-256.

    Raises:
        UsageError: It cannot be read.
    """
    path, _ = split_model(model)
    content = _read(path)
    # As JSON, since a path may contain any separator.
    os.environ[_VARIABLE] = json.dumps(list(dict.fromkeys([*_allowed(), str(path)])))
    return hashlib.sha256(content).hexdigest()


def source_of(model: str, digest: str) -> bytes:
    """Return the code of a model that may be executed.

    Args:
        model: `/PATH/FILE.py:CLASS`.
        digest: SHA-256 that the file must have.

    Raises:
        RunError: The file was not named by the user, or is another one by now.
    """
    path, _ = split_model(model)
    if str(path) not in _allowed():
        raise RunError(f"the network of this run is code in {path}", f"Allow it to be executed with --model {model}")
    try:
        content = _read(path)
    except UsageError as error:
        raise RunError(error.what, error.next_step) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise RunError(f"{path} has changed since the run was queued", "Restore it, or start a new run")
    return content


def _allowed() -> list[str]:
    try:
        found = json.loads(os.environ.get(_VARIABLE) or "[]")
    except ValueError:
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _read(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or error}", "Name it as --model FILE.py:CLASS"
        ) from error
