"""Checks of single settings that are more than a range."""

from __future__ import annotations

import string
from typing import Final

from mnist_tui.core.setting import OFF, shown
from mnist_tui.errors import UsageError

CHANGES: Final = ("shift", "rotate", "zoom", "flip")
"""What `augment` may do to an image."""
MAX_EPOCHS: Final = 100_000


def check_augment(value: object) -> None:
    """Raise `UsageError` unless the value is `off`, or names of `CHANGES` in their order joined by `+`."""
    if value != OFF and (
        not isinstance(value, str) or as_augment(value) != value or set(value.split("+")) - {*CHANGES}
    ):
        raise UsageError(f"augmentation must be {OFF} or some of {', '.join(CHANGES)} joined by +, not {shown(value)}")


def check_digest(value: object) -> None:
    """Raise `UsageError` unless the value is a SHA-256, or empty."""
    if not isinstance(value, str) or (value and (len(value) != 64 or set(value) - {*string.hexdigits})):
        raise UsageError(f"model digest must be a SHA-256, not {shown(value)}")


def as_augment(text: str) -> str:
    """Return names of changes in the order of `CHANGES`, each once; unknown ones last."""
    names = dict.fromkeys(part.strip().lower() for part in text.split("+"))
    return "+".join(sorted(names, key=lambda name: CHANGES.index(name) if name in CHANGES else len(CHANGES)))
