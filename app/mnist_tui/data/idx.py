"""The IDX format, in which MNIST and its relatives are published."""

from __future__ import annotations

import math
import struct
from typing import Any, Final

from mnist_tui.errors import DataError

_BYTE: Final = 0x08
_SIZES: Final = {_BYTE: 1, 0x0C: 4}
"""Bytes of an item, by the third byte of the header."""


def parse_idx(content: bytes, name: str, shape: tuple[int, ...], kind: int = _BYTE) -> Any:
    """Return the items of an IDX file as an array of a given shape.

    Args:
        content: The whole file.
        name: What it holds, such as `train images`.
        shape: The expected shape.
        kind: The expected type of an item: 0x08 for bytes, 0x0C for 32-bit integers.

    Source: the description of the format beside MNIST: magic number, sizes, then the items, all big-endian.

    Raises:
        DataError: It is not an IDX file, or has other items.
    """
    import numpy as np

    header = struct.pack(f">HBB{len(shape)}I", 0, kind, len(shape), *shape)
    if content[:4] != header[:4]:
        raise DataError(f"the {name} are not an IDX file")
    if content[: len(header)] != header:
        raise DataError(f"the {name} do not hold {shape[0]:,} items of the right size")
    if len(content) != len(header) + math.prod(shape) * _SIZES[kind]:
        raise DataError(f"the {name} are truncated or too long")
    return np.frombuffer(content, f">i{_SIZES[kind]}" if kind != _BYTE else np.uint8, offset=len(header)).reshape(shape)
