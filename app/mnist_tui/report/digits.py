"""Images as half blocks: each cell shows two pixels, one above the other."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, TypeAlias

LEVELS: Final = 16
"""Distinguishable shades of grey, or of each primary colour."""

Pixel: TypeAlias = tuple[int, ...]
"""A shade from 0 to `LEVELS` - 1, or one each of red, green and blue."""


def size_of(side: int, scale: int) -> tuple[int, int]:
    """Return the columns and rows of a square image whose pixels are averaged `scale` by `scale`."""
    small = -(-side // scale)
    return small, -(-small // 2)


@lru_cache(maxsize=2_000)
def half_blocks(image: bytes, side: int, scale: int = 1) -> tuple[tuple[tuple[Pixel, Pixel], ...], ...]:
    """Return rows of (upper, lower) pixels.

    Args:
        image: Pixels row by row, `side * side` bytes of grey, or three times as many of red, green and blue.
        side: Width and height in pixels.
        scale: Average blocks of `scale` by `scale` pixels into one.
    """
    columns, rows = size_of(side, scale)
    # An odd number of lines is padded with a blank one.
    blank = (0,) * (len(image) // side**2)
    shades = [
        _means(image, side, scale, line) if line * scale < side else [blank] * columns for line in range(2 * rows)
    ]
    return tuple(tuple(zip(shades[2 * row], shades[2 * row + 1], strict=True)) for row in range(rows))


def _means(image: bytes, side: int, scale: int, line: int) -> list[Pixel]:
    """Return the pixels of one line of the downscaled image."""
    channels = len(image) // side**2
    width = side * channels
    lines = [image[y * width : (y + 1) * width] for y in range(line * scale, min((line + 1) * scale, side))]
    means = []
    for x in range(0, side, scale):
        pixel = []
        for channel in range(channels):
            values = [v for row in lines for v in row[x * channels + channel : (x + scale) * channels : channels]]
            pixel.append(round(sum(values) / len(values) / 255 * (LEVELS - 1)))
        means.append(tuple(pixel))
    return means
