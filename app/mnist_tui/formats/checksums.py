"""The checksums of TensorBoard's records: masked CRC-32C, of many rows of bytes together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


def _table() -> Iterator[int]:
    for number in range(256):
        for _ in range(8):
            number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
        yield number


_NUMBERS: Final = tuple(_table())
_TABLE: Final = np.array(_NUMBERS, np.uint32)


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


def unsound(rows: Array) -> Array:
    """Return which rows do not end with the checksum of what is before it."""
    said = np.ascontiguousarray(rows[:, -4:]).view("<u4").ravel()
    return np.flatnonzero(checksums(rows[:, :-4]) != said)


def is_sound(data: bytes, start: int, length: int) -> bool:
    """Return whether the body of a record is what its checksum says; for single large ones."""
    total = 0xFFFFFFFF
    for byte in data[start : start + length]:
        total = _NUMBERS[(total ^ byte) & 255] ^ (total >> 8)
    total ^= 0xFFFFFFFF
    masked = ((total >> 15 | total << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return masked == int.from_bytes(data[start + length : start + length + 4], "little")
