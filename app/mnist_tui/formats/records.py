"""The records of a growing TensorBoard event file, found and checked many at a time.

A record is the length of its body (64 bits), a checksum of that, the body, and a checksum of the body. In plain Python,
the checksums of a file of 150 MB would take half a minute; here each step of the sum is taken for all records together.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from mnist_tui.formats.checksums import Array, checksums, rows_of, unsound

PIECE: Final = 4 << 20
"""Bytes that are read at a time."""
LARGEST: Final = 64 << 20
"""Bodies of more bytes, such as videos, are passed over."""
CHECKED: Final = 1024
"""Bodies of more bytes seldom hold numbers; they are checked if they do."""
_BEGINNING: Final = 64
"""Bytes at the beginning of a file that are compared: they hold the time when it was begun."""
_HEAD: Final = 12
_AROUND: Final = 16


@dataclass(slots=True)
class Follower:
    """A growing file, and how far it was read.

    Attributes:
        path: The file.
        offset: Where to go on.
        damaged: Where it is damaged, in bytes from its beginning.
    """

    path: Path
    offset: int = 0
    damaged: set[int] = field(default_factory=set)
    _identity: tuple[int, int, bytes] = (0, 0, b"")
    _size: int = 0

    @property
    def problems(self) -> list[str]:
        """Where it is damaged, as text."""
        return [f"{self.path.name} is damaged at byte {at:,}" for at in sorted(self.damaged)]

    @property
    def was_replaced(self) -> bool:
        """True if it is another file now, or shorter than what was read."""
        status = self.path.stat()
        if status.st_size == self._size and (status.st_dev, status.st_ino) == self._identity[:2]:
            return False
        with self.path.open("rb") as file:
            return _identity_of(file, len(self._identity[2])) != self._identity or status.st_size < self.offset

    def pieces(self) -> Iterator[tuple[bytes, Array, Array]]:
        """Yield what is new: bytes, and where the bodies of whole records begin and how long they are.

        Raises:
            OSError: It cannot be read.
        """
        with self.path.open("rb") as file:
            self._identity, self._size = _identity_of(file, _BEGINNING), os.fstat(file.fileno()).st_size
            size = PIECE
            while self.offset < self._size:
                base = self.offset
                file.seek(base)
                data = file.read(size)
                starts, lengths, needed = self._whole(data, base)
                if len(starts):
                    yield data, *self._sound(data, base, starts, lengths)
                elif not needed or self.offset + needed > self._size:
                    return
                size = max(PIECE, needed)
                if size > LARGEST:
                    self.offset += size
                    size = PIECE

    def _whole(self, data: bytes, base: int) -> tuple[Array, Array, int]:
        """Return starts and lengths of the bodies that are there, and the size of the record that is not whole."""
        starts, lengths, at, needed = _chain(data)
        heads = np.array([*starts, at + _HEAD] if needed else starts, np.int64) - _HEAD
        if len(unsound(rows_of(data, heads, _HEAD))):
            starts, lengths, at, needed, wrong = _broken_chain(data)
            self.damaged.update(base + place for place in wrong)
        self.offset = base + at
        return np.array(starts, np.int64), np.array(lengths, np.int64), needed

    def _sound(self, data: bytes, base: int, starts: Array, lengths: Array) -> tuple[Array, Array]:
        """Return the bodies whose checksum is right; large ones are checked by who reads them."""
        wrong: list[int] = []
        for length in np.unique(lengths[lengths <= CHECKED]):
            these = np.flatnonzero(lengths == length)
            wrong += these[unsound(rows_of(data, starts[these], int(length) + 4))].tolist()
        self.damaged.update(base + int(starts[at]) for at in wrong)
        return np.delete(starts, wrong), np.delete(lengths, wrong)


def _identity_of(file: BinaryIO, beginning: int) -> tuple[int, int, bytes]:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, file.read(beginning)


def _chain(data: bytes) -> tuple[list[int], list[int], int, int]:
    """Return starts and lengths of the bodies of whole records, where they end, and the size of the next one."""
    starts: list[int] = []
    lengths: list[int] = []
    at = 0
    length_at = struct.Struct("<Q").unpack_from
    while at + _HEAD <= len(data):
        (length,) = length_at(data, at)
        if at + _AROUND + length > len(data):
            return starts, lengths, at, _AROUND + length
        starts.append(at + _HEAD)
        lengths.append(length)
        at += _AROUND + length
    return starts, lengths, at, 0


def _broken_chain(data: bytes) -> tuple[list[int], list[int], int, int, list[int]]:
    """Return the same of bytes with damaged heads, which are passed over, and where these are."""
    starts: list[int] = []
    lengths: list[int] = []
    wrong = []
    rows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), _HEAD)
    said = np.ascontiguousarray(rows[:, 8:]).view("<u4").ravel()
    sound = np.flatnonzero(checksums(rows[:, :8]) == said).tolist()
    at = 0
    while at + _HEAD <= len(data):
        place = bisect_left(sound, at)
        if place == len(sound):
            wrong.append(at)
            # The next head may be among the last bytes.
            return starts, lengths, len(data) - _HEAD + 1, _AROUND, wrong
        if sound[place] != at:
            wrong.append(at)
            at = sound[place]
        length = int.from_bytes(data[at : at + 8], "little")
        if at + _AROUND + length > len(data):
            return starts, lengths, at, _AROUND + length, wrong
        starts.append(at + _HEAD)
        lengths.append(length)
        at += _AROUND + length
    return starts, lengths, at, 0, wrong
