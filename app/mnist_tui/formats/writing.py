"""Writes TensorBoard event files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from mnist_tui.formats.checksums import Array, checksums

_VERSION: Final = b"brain.Event:2"
"""What the first record of a file says."""


def first_record(time: float) -> bytes:
    """Return the record that an event file begins with; `time` in seconds since 1970."""
    body = b"\x09" + struct.pack("<d", time) + field(3, _VERSION)
    return record(body)


def record(body: bytes) -> bytes:
    """Return a body as a record."""
    return _framed(np.frombuffer(body, np.uint8)[None])


def scalar_records(tag: str, steps: Array, values: Array, times: Array) -> bytes:
    """Return the records of a series of numbers.

    Args:
        tag: Its name.
        steps: Its steps, from 0, (N,).
        values: A number each, (N,); TensorBoard keeps 32 bits of it.
        times: When each was logged, in seconds since 1970, (N,).
    """
    name = field(1, tag.encode(errors="replace")) + b"\x15"
    summary = field(1, name + bytes(4))
    tail = field(5, summary)
    sizes = np.ones(len(steps), np.int64)
    for bits in range(7, 64, 7):
        sizes += steps >= 1 << bits
    found = []
    for start, end in _stretches(sizes):
        size = int(sizes[start])
        rows = np.empty((end - start, 10 + size + len(tail)), np.uint8)
        rows[:, 0], rows[:, 9] = 0x09, 0x10
        rows[:, 1:9] = _bytes(times[start:end], "<f8")
        for place in range(size):
            more = 128 if place < size - 1 else 0
            rows[:, 10 + place] = (steps[start:end] >> 7 * place & 127) | more
        rows[:, 10 + size :] = np.frombuffer(tail, np.uint8)
        with np.errstate(over="ignore"):
            rows[:, -4:] = _bytes(values[start:end], "<f4")
        found.append(_framed(rows))
    return b"".join(found)


def _stretches(sizes: Array) -> Iterator[tuple[int, int]]:
    """Yield where each stretch of equal sizes begins and ends."""
    borders = np.flatnonzero(np.diff(sizes)) + 1
    yield from zip([0, *borders.tolist()], [*borders.tolist(), len(sizes)], strict=True)


def _bytes(numbers: Array, kind: str) -> Array:
    return np.ascontiguousarray(numbers.astype(kind)).view(np.uint8).reshape(len(numbers), -1)


def _framed(bodies: Array) -> bytes:
    """Return records with their lengths and checksums, of bodies of one length, (N, size)."""
    length = np.frombuffer(struct.pack("<Q", bodies.shape[1]), np.uint8)[None]
    head = np.concatenate([length, _bytes(checksums(length), "<u4")], axis=1)
    heads = np.repeat(head, len(bodies), axis=0)
    return np.concatenate([heads, bodies, _bytes(checksums(bodies), "<u4")], axis=1).tobytes()


def field(number: int, data: bytes) -> bytes:
    """Return a field of bytes or of a message."""
    size, sizes = len(data), bytearray()
    while size > 127:
        sizes.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *sizes, size]) + data
