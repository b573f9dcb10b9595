"""A log in LevelDB's format, as W&B writes it: blocks of 32 KiB that hold records, or parts of long ones."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

BLOCK: Final = 32 << 10
LONGEST: Final = 64 << 20
"""Records of more bytes are passed over."""
_MARK: Final = struct.pack("<4sH", b":W&B", 0xBEE1)
_HEAD: Final = 7
"""Bytes before each part, and before the first block's."""
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


@dataclass(slots=True)
class Blocks:
    """A growing log, and how far it was read.

    Attributes:
        path: The log.
        problems: Where it is damaged.
    """

    path: Path
    problems: list[str] = field(default_factory=list)
    _offset: int = 0
    _part: bytearray = field(default_factory=bytearray)
    _identity: tuple[int, int] = (0, 0)

    @property
    def was_replaced(self) -> bool:
        """True if it is another file now, or shorter than what was read."""
        status = self.path.stat()
        return (status.st_dev, status.st_ino) != self._identity or status.st_size < self._offset

    def records(self) -> Iterator[bytes]:
        """Yield the new records that are whole; a damaged one costs the rest of its block.

        Raises:
            OSError: The log cannot be read.
            ValueError: It is not such a log.
        """
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            self._identity = status.st_dev, status.st_ino
            if not self._offset:
                if file.read(_HEAD)[:-1] != _MARK:
                    raise ValueError(f"{self.path.name} is not a log of W&B")
                self._offset = _HEAD
            while True:
                file.seek(self._offset)
                data = file.read(BLOCK - self._offset % BLOCK)
                before = self._offset
                yield from self._block(data, is_whole=(self._offset + len(data)) % BLOCK == 0)
                if self._offset == before:
                    return

    def _block(self, data: bytes, *, is_whole: bool) -> Iterator[bytes]:
        """Yield the records of the rest of a block, as far as it is there."""
        start, at = self._offset, 0
        while at + _HEAD <= len(data):
            crc, size, kind = struct.unpack_from("<IHB", data, at)
            end = at + _HEAD + size
            if end > len(data) and not is_whole and start % BLOCK + end <= BLOCK:
                # Still being written.
                return
            body = data[at + _HEAD : end]
            if end > len(data) or not _FULL <= kind <= _LAST or zlib.crc32(body, zlib.crc32(bytes([kind]))) != crc:
                if not is_whole and not any(data[at:]):
                    # Room that was reserved and is still empty.
                    return
                problem = f"{self.path.name} is damaged at byte {start + at:,}"
                if problem not in self.problems:
                    self.problems.append(problem)
                if is_whole:
                    self._part.clear()
                    self._offset = start + len(data)
                return
            at = end
            self._offset = start + at
            if kind in (_FULL, _FIRST):
                self._part.clear()
            elif not self._part:
                # The rest of a record whose beginning was damaged.
                continue
            self._part += body
            if len(self._part) > LONGEST:
                self._part.clear()
            elif kind in (_FULL, _LAST):
                record = bytes(self._part)
                self._part.clear()
                yield record
        if is_whole:
            # Too few bytes for another part.
            self._offset = start + len(data)
