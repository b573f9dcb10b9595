"""Brings an image file into the form of a dataset's images, and says what was done to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from mnist_tui.core.conditions import DatasetInfo
from mnist_tui.core.drawing import FRAMINGS, Framing
from mnist_tui.data.folder import images_below, open_image
from mnist_tui.errors import DataError

INK: Final = 0.2
"""Share of the darkest ink from which a pixel counts as ink."""


@dataclass(frozen=True, slots=True)
class Framed:
    """An image in the form of a dataset's.

    Attributes:
        pixels: Row by row: side x side grey values, or three times as many of red, green and blue.
        steps: What was done, in order, in a few words each.
    """

    pixels: bytes
    steps: tuple[str, ...]


def framed(path: Path, data: DatasetInfo) -> Framed:
    """Read an image file and bring it into the form of a dataset's images.

    Photographs are cut to a square and resized. Ink on paper is found, and scaled and moved as the dataset's was.

    Raises:
        DataError: It is not an image that can be used, or nothing is drawn on it.
    """
    image = open_image(path)
    steps = []
    if data.channels == 3:
        steps += ["grey as colour"] if image.mode == "L" else []
        image = image.convert("RGB")
    elif image.mode != "L":
        steps.append("made grey")
        image = image.convert("L")
    framing = FRAMINGS.get(data.framing)
    if framing is None or data.channels == 3:
        return _resized(image, data.side, steps)
    return _as_ink(np.asarray(image), data.side, framing, steps, path)


def _resized(image: Any, side: int, steps: list[str]) -> Framed:
    from PIL import ImageOps

    if image.width != image.height:
        steps.append("cut to a square")
    if min(image.size) != side:
        steps.append(f"resized to {side}x{side}")
    return Framed(ImageOps.fit(image, (side, side)).tobytes(), tuple(steps))


def _as_ink(grey: Any, side: int, framing: Framing, steps: list[str], path: Path) -> Framed:
    """Return dark or bright ink on paper as bright ink on black, framed."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(border))
    away = grey.astype(np.float64) - paper
    if grey.shape == (side, side) and not border.any():
        # It comes from the dataset, or from a program that knew what to do.
        return Framed(grey.tobytes(), (*steps, "left as it is"))
    if -away.min() > away.max():
        away = -away
        steps.append("inverted, since the ink is dark")
    highest = away.max()
    if highest < 16:
        raise DataError(
            f"{path} is empty: nothing on it stands out from the paper", "Use an image with dark or bright ink"
        )
    # The paper of a photograph is not even, and would be grey everywhere.
    floor = max(float(np.abs(border - paper).max()), 0.0) / highest
    ink = np.clip((away / highest - min(floor, INK)) / (1 - min(floor, INK)), 0.0, 1.0)
    rows, columns = (np.flatnonzero((ink > INK).any(axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    steps.append(f"cropped to the ink, {ink.shape[1]}x{ink.shape[0]}")
    size = max(1, round(framing.box * side))
    steps.append(f"scaled to fit {size} of {side} pixels")
    steps.append(f"centred by its {'mass' if framing.by_mass else 'box'}")
    return Framed(_placed(_scaled(ink, size), side, by_mass=framing.by_mass).tobytes(), tuple(steps))


def _scaled(ink: Any, size: int) -> Any:
    from PIL import Image

    longest = max(ink.shape)
    width, height = (max(1, round(extent * size / longest)) for extent in (ink.shape[1], ink.shape[0]))
    whole = Image.fromarray(np.rint(255 * ink).astype(np.uint8))
    return np.asarray(
        whole.resize((width, height), Image.Resampling.BOX if longest > size else Image.Resampling.BILINEAR)
    )


def _placed(ink: Any, side: int, *, by_mass: bool) -> Any:
    """Return ink on a black square, as close to its middle as whole pixels allow, with nothing cut off."""
    height, width = ink.shape
    middle_y, middle_x = height / 2, width / 2
    if by_mass and (total := float(ink.sum())):
        middle_y = float((ink.sum(1) * (np.arange(height) + 0.5)).sum()) / total
        middle_x = float((ink.sum(0) * (np.arange(width) + 0.5)).sum()) / total
    top, left = (
        min(max(round(side / 2 - middle), 0), side - extent)
        for middle, extent in ((middle_y, height), (middle_x, width))
    )
    square = np.zeros((side, side), np.uint8)
    square[top : top + height, left : left + width] = ink
    return square


def images_in(path: Path) -> list[Path]:
    """Return the image files that a name stands for: a file itself, of a folder all images in it.

    Raises:
        DataError: A folder has no images, or cannot be read.
    """
    if not path.is_dir():
        return [path]
    found = images_below(path)
    if not found:
        raise DataError(f"{path} contains no images", "Name image files, or a folder of images")
    return found
