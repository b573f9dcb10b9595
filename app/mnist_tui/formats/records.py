"""The records of a growing TensorBoard event file, found and checked many at a time.

A record is the length of its body (64 bits), a checksum of that, the body, and a checksum of the body. In plain Python,
the checksums of a file of 150 MB would take half a minute; here each step of the sum is taken for all records together.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
PIECE: Final = 4 << 20
"""Bytes that are read at a time."""
LARGEST: Final = 64 << 20
"""Bodies of more bytes, such as videos, are passed over."""
CHECKED: Final = 1024
"""Bodies of more bytes hold more than numbers, and are not checked."""
_HEAD: Final = 12
_AROUND: Final = 16


def _table() -> Iterator[int]:
    for number in range(256):
        for _ in range(8):
            number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
        yield number


_TABLE: Final = np.array(list(_table()), np.uint32)


def checksums(rows: Array) -> Array:
    """Return TensorBoard's masked CRC-32C of each row of bytes, (N, size), as (N,) 32-bit integers."""
    sums = np.full(len(rows), 0xFFFFFFFF, np.uint32)
    for column in rows.T:
        sums = _TABLE[(sums ^ column) & 255] ^ (sums >> np.uint32(8))
    sums = ~sums
    return ((sums >> np.uint32(15)) | (sums << np.uint32(17))) + np.uint32(0xA282EAD8)


def rows_of(data: bytes, starts: Array, size: int) -> Array:
    """Return `size` bytes from each start on, (N, size)."""
    return np.frombuffer(data, np.uint8)[starts[:, None] + np.arange(size)]


@dataclass(slots=True)
class Follower:
    """A growing file, and how far it was read.

    Attributes:
        path: The file.
        offset: Where to go on.
        problems: Where it is damaged.
    """

    path: Path
    offset: int = 0
    problems: list[str] = field(default_factory=list)
    _identity: tuple[int, int] = (0, 0)

    @property
    def was_replaced(self) -> bool:
        """True if it is another file now, or shorter than what was read."""
        status = self.path.stat()
        return (status.st_dev, status.st_ino) != self._identity or status.st_size < self.offset

    def pieces(self) -> Iterator[tuple[bytes, Array, Array]]:
        """Yield what is new: bytes, and where the bodies of whole records begin and how long they are.

        Raises:
            OSError: It cannot be read.
        """
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            self._identity = status.st_dev, status.st_ino
            size = PIECE
            while self.offset < status.st_size:
                base = self.offset
                file.seek(base)
                data = file.read(size)
                starts, lengths, needed = self._whole(data, base)
                if len(starts):
                    yield data, *self._sound(data, base, starts, lengths)
                elif not needed or self.offset + needed > status.st_size:
                    return
                size = max(PIECE, needed)
                if size > LARGEST:
                    self.offset += size
                    size = PIECE

    def _whole(self, data: bytes, base: int) -> tuple[Array, Array, int]:
        """Return starts and lengths of the bodies that are there, and the size of the record that is not whole."""
        starts, lengths, at, needed = [], [], 0, 0
        length_at = struct.Struct("<Q").unpack_from
        while at + _HEAD <= len(data):
            (length,) = length_at(data, at)
            if at + _AROUND + length > len(data):
                needed = _AROUND + length
                break
            starts.append(at + _HEAD)
            lengths.append(length)
            at += _AROUND + length
        heads = np.array([*starts, at + _HEAD] if needed else starts, np.int64) - _HEAD
        wrong = _unsound(rows_of(data, heads, _HEAD))
        if not len(wrong):
            self.offset = base + at
            return np.array(starts, np.int64), np.array(lengths, np.int64), needed
        first = int(wrong[0])
        self._note(base + int(heads[first]))
        self.offset = base + _next_head(data, int(heads[first]) + 1)
        return np.array(starts[:first], np.int64), np.array(lengths[:first], np.int64), _AROUND

    def _sound(self, data: bytes, base: int, starts: Array, lengths: Array) -> tuple[Array, Array]:
        """Return the bodies whose checksum is right; large ones are not checked."""
        wrong: list[int] = []
        for length in np.unique(lengths[lengths <= CHECKED]):
            these = np.flatnonzero(lengths == length)
            wrong += these[_unsound(rows_of(data, starts[these], int(length) + 4))].tolist()
        for at in sorted(wrong):
            self._note(base + int(starts[at]))
        return np.delete(starts, wrong), np.delete(lengths, wrong)

    def _note(self, at: int) -> None:
        self.problems.append(f"{self.path.name} is damaged at byte {at:,}")


def _unsound(rows: Array) -> Array:
    """Return which rows do not end with the checksum of what is before it."""
    said = np.ascontiguousarray(rows[:, -4:]).view("<u4").ravel()
    return np.flatnonzero(checksums(rows[:, :-4]) != said)


def _next_head(data: bytes, at: int) -> int:
    """Return where the next sound head begins, behind a damaged one; where to look on if there is none."""
    if len(data) < at + _HEAD:
        return at
    rows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8)[at:], _HEAD)
    said = np.ascontiguousarray(rows[:, 8:]).view("<u4").ravel()
    sound = np.flatnonzero(checksums(rows[:, :8]) == said)
    return at + (int(sound[0]) if len(sound) else len(rows))
