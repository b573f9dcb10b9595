"""The encoding of protocol buffers, as far as reading needs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

Value: TypeAlias = int | bytes
"""An integer, or the bytes of anything else."""
_LONGEST: Final = 10
"""Bytes of the longest integer."""
_SIZES: Final = {1: 8, 5: 4}


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Yield number and value of each field of a message.

    Raises:
        ValueError: It is damaged.
    """
    for number, value, _ in placed(data):
        yield number, value


def placed(data: bytes) -> Iterator[tuple[int, Value, int]]:
    """Yield number and value of each field of a message, and where its value begins.

    Raises:
        ValueError: It is damaged.
    """
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind, start = tag & 7, at
        if kind == 0:
            value, at = varint(data, at)
            yield tag >> 3, value, start
            continue
        if kind == 2:
            size, start = varint(data, at)
        elif kind in _SIZES:
            size = _SIZES[kind]
        else:
            raise ValueError("a record has a field of an unknown kind")
        at = start + size
        if at > len(data):
            raise ValueError("a record ends within a field")
        yield tag >> 3, data[start:at], start


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the integer at a place, and the place behind it.

    Raises:
        ValueError: It is damaged.
    """
    value = 0
    for place, byte in enumerate(data[at : at + _LONGEST]):
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, at + place + 1
    raise ValueError("a record ends within a number")


def signed(value: Value) -> int:
    """Return an integer of 64 bits with its sign."""
    number = int(value) if isinstance(value, int) else 0
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number


def text(value: Value | None) -> str:
    """Return a field of text; what is not UTF-8 is replaced."""
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def message(value: Value | None) -> bytes:
    """Return a field that is a message; empty if it is anything else."""
    return value if isinstance(value, bytes) else b""
