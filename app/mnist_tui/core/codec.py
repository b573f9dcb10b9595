"""Converts dataclasses to plain JSON values and back; the only place where untrusted input is validated.

Not msgspec or cattrs: NaN and infinities are written as strings (`nan`), which msgspec rejects for a number, while
cattrs accepts any numeric string; also, fields that stay in the process must not be set from outside.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

NONFINITE: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
LARGEST: Final = 2**63
"""Largest magnitude of an integer that is accepted."""

SPARSE: Final = {"sparse": True}
"""Metadata of a dataclass field that is left out of the JSON form while it is empty."""

_HIDING: Final = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""Control and format characters that JSON leaves as they are."""
T = TypeVar("T")
Reader = Callable[[Any], Any]


def to_json_value(value: Any) -> Any:
    """Return `value` as plain JSON values: NaN and infinities become strings, dataclasses become objects."""
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool or (kind is float and math.isfinite(value)):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if is_dataclass(value):
        sparse = _sparse_fields(cast("Any", kind))
        known = ((name, getattr(value, name)) for name in public_fields(cast("Any", kind)))
        return {name: to_json_value(item) for name, item in known if item or name not in sparse}
    if isinstance(value, Mapping):
        return {str(key): to_json_value(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json_value(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value


def dumps(record: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Return strict JSON, on one line unless it is indented.

    Undecodable bytes (lone surrogates) and characters that would reorder or hide what a terminal shows are escaped.
    """
    text = json.dumps(to_json_value(record), allow_nan=False, ensure_ascii=False, indent=indent)
    text = _HIDING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.encode("utf-8", "backslashreplace").decode()


@cache
def public_fields(cls: Any) -> tuple[str, ...]:
    """Return the names of a dataclass's fields that are part of its JSON form."""
    return tuple(f.name for f in fields(cls) if f.metadata.get("json", True))


@cache
def _sparse_fields(cls: Any) -> frozenset[str]:
    """Return the names of the fields that are left out of the JSON form while they are empty."""
    return frozenset(f.name for f in fields(cls) if f.metadata.get("sparse"))


def from_json_value(cls: type[T], record: object) -> T:
    """Rebuild a dataclass from the output of `to_json_value`; unknown keys are ignored.

    Raises:
        ValueError: A value is missing or invalid.
        UsageError: The dataclass itself rejects a value.
    """
    values, readers = _mapping(record), _readers_of(cast("Any", cls))
    try:
        return cls(**{name: readers[name](values[name]) for name in readers if name in values})
    except TypeError as error:
        raise ValueError(str(error)) from None


@cache
def _readers_of(cls: Any) -> dict[str, Reader]:
    hints = get_type_hints(cls)
    return {name: _reader(hints[name]) for name in public_fields(cls)}


def _reader(hint: Any) -> Reader:
    """Return the function that reads a value of a type."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin in (Union, UnionType) and NoneType in inner:
        read = _either(tuple(one for one in inner if one is not NoneType))
        return lambda value: None if value is None else read(value)
    if origin in (Union, UnionType):
        return _either(inner)
    if origin is tuple:
        read = _reader(inner[0])
        return lambda values: tuple(map(read, _list(values)))
    if origin is Literal:
        return lambda value: _one_of(value, inner)
    if origin is not None and issubclass(origin, Mapping):
        key, item = map(_reader, inner)
        return lambda values: {key(name): item(value) for name, value in _mapping(values).items()}
    if issubclass(hint, StrEnum):
        return cast("Reader", hint)
    return lambda value: from_json_value(hint, value)


def _either(kinds: tuple[Any, ...]) -> Reader:
    """Return the function that reads a value of one of several types: all plain, or all dataclasses."""
    if len(kinds) == 1:
        return _reader(kinds[0])
    if all(kind in _PLAIN for kind in kinds):
        return _scalar
    # The one with the most required fields that the record has.
    required = {kind: frozenset(f.name for f in fields(kind) if _is_required(f)) for kind in kinds}
    ordered = sorted(kinds, key=lambda kind: len(required[kind]), reverse=True)

    def read(value: Any) -> Any:
        names = _mapping(value).keys()
        return from_json_value(next((kind for kind in ordered if required[kind] <= names), ordered[-1]), value)

    return read


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def number(value: object) -> float:
    """Read a number; the strings in `NONFINITE` stand for NaN and infinities.

    Raises:
        ValueError: The value is not a number.
    """
    if type(value) is float:
        return value
    if isinstance(value, str) and value in NONFINITE:
        return NONFINITE[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, not {type(value).__name__}")  # noqa: TRY004 - a damaged value
    try:
        return float(value)
    except OverflowError:
        raise ValueError("expected a smaller number") from None


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > LARGEST:
        raise ValueError("expected a whole number")
    return value


def _scalar(value: object) -> str | int | float | bool:
    if not isinstance(value, str | int | float | bool):
        raise ValueError(f"expected a plain value, not {type(value).__name__}")  # noqa: TRY004 - likewise
    return value if isinstance(value, str | bool) else number(value) if isinstance(value, float) else _whole(value)


def _of(kinds: Any, what: str) -> Reader:
    """Return the function that reads a value of these types as it is."""

    def read(value: object) -> object:
        if not isinstance(value, kinds):
            raise ValueError(f"expected {what}, not {type(value).__name__}")  # noqa: TRY004 - likewise
        return value

    return read


_list: Final = _of(list | tuple, "a list")
_mapping: Final = _of(Mapping, "an object")


def _one_of(value: object, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"expected one of {', '.join(map(str, choices))}")
    return value


_PLAIN: Final[dict[Any, Reader]] = {
    str: _of(str, "a string"),
    int: _whole,
    float: number,
    bool: _of(bool, "true or false"),
}
