"""Where things are in a record of a TensorBoard event file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mnist_tui.formats.checksums import Array
from mnist_tui.formats.protobuf import Value, fields, message, placed, text

_BEGINS: Final = 1
"""The status of a session that goes on where an earlier one was cut off."""
_KINDS: Final = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
"""Types of tensors, by TensorFlow's numbers."""
_PACKED: Final = {1: 5, 2: 6}
"""Fields of tensors that hold their numbers themselves, by type."""


@dataclass(slots=True)
class Shape:
    """Where things are in a record: starts and ends.

    Attributes:
        time, step: Of its time and of its step; equal if there is none.
        numbers: Of the tag and of the value of each number, and the value's type.
        begins: It begins a session that replaces what comes later in an earlier one.
        settings: Descriptions of the run's settings.
    """

    time: tuple[int, int] = (0, 0)
    step: tuple[int, int] = (0, 0)
    numbers: list[tuple[int, int, int, int, str]] = field(default_factory=list)
    begins: bool = False
    settings: list[bytes] = field(default_factory=list)

    def alike(self, rows: Array) -> Array:
        """Return which rows are of this shape, which is that of the first one, (N,)."""
        mask = np.full(rows.shape[1], 255, np.uint8)
        mask[slice(*self.time)] = 0
        # The highest bit of each byte says whether another one follows.
        mask[slice(*self.step)] = 128
        for tag, tag_end, value, value_end, _ in self.numbers:
            mask[tag:tag_end] = mask[value:value_end] = 0
        return np.asarray(((rows & mask) == (rows[0] & mask)).all(axis=1))

    def steps(self, rows: Array) -> Array:
        """Return the step of each row, (N,)."""
        found = np.zeros(len(rows), np.uint64)
        for place, column in enumerate(rows[:, slice(*self.step)].T):
            found |= (column & 127).astype(np.uint64) << np.uint64(7 * place)
        return found.view(np.int64)

    def times(self, rows: Array) -> Array:
        """Return the time of each row, (N,), in seconds since 1970."""
        return as_numbers(rows[:, slice(*self.time)], "<f8") if self.time[1] else np.zeros(len(rows))


def as_numbers(rows: Array, kind: str) -> Array:
    """Return rows of bytes, (N, size), as numbers of a type, (N,)."""
    return np.ascontiguousarray(rows).view(kind).ravel()


def shape_of(body: bytes) -> Shape:
    """Return where things are in a record.

    Raises:
        ValueError: It is damaged.
    """
    shape = Shape()
    for number, value, at in placed(body):
        match number, value:
            case 1, bytes() if len(value) == 8:
                shape.time = at, at + 8
            case 2, int():
                end = next(place for place in range(at, len(body)) if body[place] < 128)
                shape.step = at, end + 1
            case 5, bytes():
                for inner, one, start in placed(value):
                    if inner == 1 and isinstance(one, bytes):
                        _add_number(shape, one, at + start)
            case 7, bytes():
                shape.begins = shape.begins or dict(fields(value)).get(1) == _BEGINS
    return shape


def _add_number(shape: Shape, body: bytes, at: int) -> None:
    """Add what one value of a summary logs, if it is a number."""
    tag, number = (0, 0), (0, 0, "")
    plugin: dict[int, Value] = {}
    for field_, value, start in placed(body):
        match field_, value:
            case 1, bytes():
                tag = at + start, at + start + len(value)
            case 2, bytes() if len(value) == 4:
                number = at + start, at + start + 4, "<f4"
            case 8, bytes():
                number = _tensor(value, at + start)
            case 9, bytes():
                plugin = dict(fields(message(dict(fields(value)).get(1))))
    name = text(plugin.get(1))
    if name == "hparams":
        shape.settings.append(message(plugin.get(2)))
    elif name in ("", "scalars") and number[2] and tag[1] > tag[0]:
        shape.numbers.append((*tag, *number))


def _tensor(body: bytes, at: int) -> tuple[int, int, str]:
    """Return where the number of a tensor is, and its type; an empty one for tensors of several numbers."""
    parts = {number: (value, start) for number, value, start in placed(body)}
    code, _ = parts.get(1, (0, 0))
    kind = _KINDS.get(code, "") if isinstance(code, int) else ""
    value, start = parts.get(4) or parts.get(_PACKED.get(code if isinstance(code, int) else 0, 0)) or (b"", 0)
    fits = kind and isinstance(value, bytes) and len(value) == np.dtype(kind).itemsize
    return (at + start, at + start + len(message(value)), kind) if fits else (0, 0, "")
