"""Values as other tools store them, and what is new among many."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mnist_tui.core.script import Scalar
from mnist_tui.formats.source import Series

_WORDS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""Numbers for which JSON has no sign."""
_WHOLE: Final = re.compile(r"0|-?[1-9]\d{0,17}")
_SMALL: Final = re.compile(r"-?\d(\.\d+)?e-0?\d{1,2}")
"""Numbers such as 1e-3, which Python writes as 0.001."""


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Scalar]]:
    """Yield settings with nested keys joined by dots; lists and other values as text."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        elif value is None or isinstance(value, str | int | float | bool):
            yield f"{prefix}{key}", value
        else:
            yield f"{prefix}{key}", json.dumps(value, default=str)


def number(value: object) -> float | None:
    """Return a logged value as a float, also where JSON has a word for it; `None` if it is not a number."""
    if isinstance(value, str):
        return _WORDS.get(value)
    if isinstance(value, bool | int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return None


def numbers(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers among logged values, with nested names joined by slashes."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from numbers(value, f"{prefix}{key}/")
        elif (found := number(value)) is not None:
            yield f"{prefix}{key}", found


def setting(text: str) -> Scalar:
    """Return a setting that is stored as text: a number or a truth value if it is written like one."""
    words = {"true": True, "false": False, "none": None, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    # Not 1234e56, which is rather the beginning of a commit, nor 1.10, which is rather a version.
    if _SMALL.fullmatch(text):
        return float(text)
    try:
        return float(text) if repr(float(text)) == text else text
    except ValueError:
        return text


def beyond(known: Mapping[str, Series], now: Mapping[str, Series]) -> tuple[dict[str, Series], bool]:
    """Return what series have more than before; if they do not merely go on, return them whole, and True."""
    new = {}
    for name, series in now.items():
        before = known.get(name, Series())
        n = len(before)
        if series.steps[:n] != before.steps or series.values[:n].tobytes() != before.values.tobytes():
            return dict(now), True
        if len(series) > n:
            new[name] = Series(series.steps[n:], series.values[n:])
    return (dict(now), True) if known.keys() - now.keys() else (new, False)
