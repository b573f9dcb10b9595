"""Greyscale images as half blocks: each cell shows two pixels, one above the other."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

LEVELS: Final = 16
"""Distinguishable shades of grey."""


def size_of(side: int, scale: int) -> tuple[int, int]:
    """Return the columns and rows of a square image whose pixels are averaged `scale` by `scale`."""
    small = -(-side // scale)
    return small, -(-small // 2)


@lru_cache(maxsize=2_000)
def half_blocks(image: bytes, side: int, scale: int = 1) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return rows of (upper, lower) shades, from 0 to `LEVELS` - 1.

    Args:
        image: Grey values row by row, `side * side` bytes.
        side: Width and height in pixels.
        scale: Average blocks of `scale` by `scale` pixels into one.
    """
    columns, rows = size_of(side, scale)
    # An odd number of lines is padded with a blank one.
    shades = [_means(image, side, scale, line) if line * scale < side else [0] * columns for line in range(2 * rows)]
    return tuple(tuple(zip(shades[2 * row], shades[2 * row + 1], strict=True)) for row in range(rows))


def _means(image: bytes, side: int, scale: int, line: int) -> list[int]:
    """Return the shades of one line of the downscaled image."""
    lines = [image[y * side : (y + 1) * side] for y in range(line * scale, min((line + 1) * scale, side))]
    means = []
    for x in range(0, side, scale):
        values = [value for pixels in lines for value in pixels[x : x + scale]]
        means.append(round(sum(values) / len(values) / 255 * (LEVELS - 1)))
    return means
