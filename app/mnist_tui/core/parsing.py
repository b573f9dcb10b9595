"""Reads events from plain JSON values and refuses what no event can hold: damage is met here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from typing import Any, Final, TypeVar, cast

from mnist_tui.core.conditions import DatasetInfo, Machine
from mnist_tui.core.events import (
    EpochDone,
    EpochsChanged,
    Event,
    Notice,
    Phase,
    Preparing,
    Progress,
    RateChanged,
    RunContinued,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
    Status,
    SweepDone,
    SweepStarted,
)
from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import UsageError

EVENT_TYPES: Final[dict[str, type[Event]]] = {
    cls.type: cls
    for cls in (
        SweepStarted,
        Preparing,
        RunStarted,
        Progress,
        EpochDone,
        EpochsChanged,
        RateChanged,
        RunPaused,
        RunResumed,
        RunContinued,
        RunDone,
        SweepDone,
        Notice,
    )
}
LEVELS: Final = ("information", "warning", "error")
NONFINITE: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_LARGEST: Final = 2**63

T = TypeVar("T")


def event_from_json(record: Mapping[str, Any]) -> Event:
    """Read what `Event.to_json` wrote; keys of a newer version are left out.

    Raises:
        ValueError: The record is no event that this version knows, or holds what none can hold.
    """
    cls = EVENT_TYPES.get(str(record.get("type"))) if isinstance(record, Mapping) else None
    if cls is None:
        raise ValueError(f"no event of type {str(record)[:40]!r}")
    try:
        return _read_object(cls, record)
    except (TypeError, AttributeError, UsageError, OverflowError) as error:
        raise ValueError(f"the event {cls.type} cannot be read: {error}") from None


def number(value: object) -> float:
    """Return a number, or what stands for one that is not finite.

    Raises:
        ValueError: It is something else.
    """
    if type(value) is float:
        return value
    if isinstance(value, str) and value in NONFINITE:
        return NONFINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{type(value).__name__} where a number belongs")  # noqa: TRY004 - a damaged value
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a number too large where one belongs") from None


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _LARGEST:
        raise ValueError("no whole number where one belongs")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} where a text belongs")  # noqa: TRY004 - likewise
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{type(value).__name__} where yes or no belongs")  # noqa: TRY004 - likewise
    return value


def _level(value: object) -> str:
    if value not in LEVELS:
        raise ValueError("no known level")
    return _text(value)


def _or_none(read: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else read(value)


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "str": _text,
    "int": _whole,
    "float": number,
    "int | None": _or_none(_whole),
    "float | None": _or_none(number),
    "tuple[str, ...]": lambda values: tuple(map(_text, values)),
    "tuple[int, ...]": lambda values: tuple(map(_whole, values)),
    "tuple[float, ...]": lambda values: tuple(map(number, values)),
    "tuple[float | None, ...]": lambda values: tuple(map(_or_none(number), values)),
    "tuple[tuple[int, ...], ...]": lambda rows: tuple(tuple(map(_whole, row)) for row in rows),
    "tuple[tuple[float, ...], ...]": lambda rows: tuple(tuple(map(number, row)) for row in rows),
    "Mapping[str, str]": lambda values: {_text(key): _text(value) for key, value in values.items()},
    "bool": _truth,
    "Status": Status,
    "Phase": Phase,
    "Literal['information', 'warning', 'error']": _level,
    "RunSpec": RunSpec.from_json,
    "DatasetInfo": lambda value: _read_object(DatasetInfo, value),
    "Machine": lambda value: _read_object(Machine, value),
}
"""How a field is read, by its annotation as it is written."""


def _read_object(cls: type[T], record: Mapping[str, Any]) -> T:
    return cls(**{name: read(record[name]) for name, read in _fields_of(cast("Any", cls)) if name in record})


@cache
def _fields_of(cls: Any) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return tuple((f.name, _READERS[str(f.type)]) for f in fields(cls) if f.metadata.get("json", True))
