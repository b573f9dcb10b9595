"""A network of the user's own: a class in a Python file, and the settings it is made with."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mnist_tui.core.setting import shown
from mnist_tui.environment import absolute
from mnist_tui.errors import UsageError

BUILT_IN: Final = "cnn"
"""The value of the setting `model` that stands for the built-in network."""
MAX_OPTIONS: Final = 200
"""Maximum length of all settings of a network together."""
_OPTION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=[^\s=]+")


def split_model(model: str) -> tuple[Path, str]:
    """Return the file and the class that a value of the setting `model` names."""
    path, _, name = model.rpartition(":")
    return Path(path), name


def check_model(model: object) -> None:
    """Raise `UsageError` unless the value is `cnn`, or a class in a Python file: `/PATH/FILE.py:CLASS`."""
    if model == BUILT_IN:
        return
    path, name = split_model(model) if isinstance(model, str) else (Path(), "")
    if not (path.is_absolute() and path.suffix == ".py" and name.isidentifier() and str(path).isprintable()):
        raise UsageError(f"model must be {BUILT_IN} or FILE.py:CLASS, not {shown(model)}")


def as_model(text: str) -> str:
    """Return what a user typed, with an absolute path."""
    path, name = split_model(text.strip())
    return f"{absolute(path)}:{name}" if path.parts else text.strip()


def check_options(options: object) -> None:
    """Raise `UsageError` unless the value is a text such as `width=16 depth=2`."""
    parts = options.split(" ") if isinstance(options, str) and options else []
    if not isinstance(options, str) or len(options) > MAX_OPTIONS or not all(map(_OPTION.fullmatch, parts)):
        raise UsageError(f"options must be settings of a network such as width=16, not {shown(options)}")


def as_options(texts: Sequence[str]) -> str:
    """Return settings such as `width=16` as one text; a later one replaces an earlier one of the same name."""
    known = dict(text.strip().partition("=")[::2] for text in texts)
    options = " ".join(f"{name}={value}" for name, value in known.items())
    check_options(options)
    return options


def values_of(options: str) -> Mapping[str, object]:
    """Return the settings of a network by name: numbers, truth values, or texts."""
    pairs = (part.partition("=") for part in options.split())
    return {name: _value(text) for name, _, text in pairs}


def _value(text: str) -> object:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, bool | int | float) else text
