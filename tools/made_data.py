"""Makes data for pictures where the real ones cannot be shown: ten kinds of clothing, and coloured shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Outline = list[tuple[float, float]]

CLOTHES: Final = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
SHAPES: Final = ("red disc", "red square", "green disc", "green square", "blue disc", "blue square")
SCALE: Final = 8
"""Images are drawn this many times larger, for smooth edges."""


def _torso(sleeve: float, hem: float, waist: float) -> Outline:
    """Return the outline of something with sleeves of a length, from 0 to 1."""
    reach, drop = 0.22 + 0.2 * sleeve, 0.14 + 0.5 * sleeve
    half = [(0.08, 0.14), (0.2, 0.16), (0.2 + reach * 0.75, 0.16 + drop), (0.14 + reach * 0.55, 0.2 + drop)]
    half += [(waist, 0.42), (waist, hem)]
    return [(0.5 + x, y) for x, y in half] + [(0.5 - x, y) for x, y in reversed(half)]


def _outline(kind: str, random: Any) -> list[Outline]:
    """Return the parts of a piece of clothing, in [0, 1]."""
    wide, long = random.uniform(-0.03, 0.03), random.uniform(-0.05, 0.03)
    match kind:
        case "T-shirt":
            return [_torso(0.1 + abs(wide), 0.84 + long, 0.2 + wide)]
        case "shirt":
            return [_torso(random.choice([0.15, 0.75]), 0.86 + long, 0.2 + wide)]
        case "pullover":
            return [_torso(0.85, 0.84 + long, 0.22 + wide)]
        case "coat":
            return [_torso(0.85, 0.92 + long, 0.22 + wide)]
        case "dress":
            return [_torso(0.05, 0.45, 0.13), [(0.37, 0.42), (0.63, 0.42), (0.72 + wide, 0.93), (0.28 - wide, 0.93)]]
        case "trousers":
            leg = 0.12 + wide / 2
            return [
                [
                    (0.34, 0.1),
                    (0.66, 0.1),
                    (0.66, 0.93),
                    (0.66 - leg, 0.93),
                    (0.5, 0.4),
                    (0.34 + leg, 0.93),
                    (0.34, 0.93),
                ]
            ]
        case "sandal":
            return [[(0.1, 0.72), (0.9, 0.66), (0.9, 0.74), (0.1, 0.78)], [(0.3, 0.7), (0.5, 0.42 + wide), (0.6, 0.68)]]
        case "sneaker":
            return [[(0.08, 0.75), (0.08, 0.62), (0.5, 0.56 + wide), (0.72, 0.42), (0.92, 0.44), (0.92, 0.75)]]
        case "boot":
            return [[(0.1, 0.86), (0.12, 0.68), (0.45, 0.6 + wide), (0.5, 0.14), (0.84, 0.14), (0.86, 0.86)]]
        case _:
            handle = [
                (0.35, 0.4),
                (0.4, 0.2 + wide),
                (0.6, 0.2 + wide),
                (0.65, 0.4),
                (0.58, 0.4),
                (0.55, 0.28),
                (0.42, 0.4),
            ]
            return [[(0.14, 0.4), (0.86, 0.4), (0.9, 0.86 + long), (0.1, 0.86 + long)], handle]


def _clothing(kind: str, random: Any) -> Any:
    side = 28 * SCALE
    image = Image.new("L", (side, side), 0)
    pen, ink = ImageDraw.Draw(image), int(random.integers(90, 250))
    dx, dy = random.uniform(-0.04, 0.04, 2)
    for part in _outline(kind, random):
        jitter = random.normal(0, 0.012, (len(part), 2))
        pen.polygon(
            [((x + dx + a) * side, (y + dy + b) * side) for (x, y), (a, b) in zip(part, jitter, strict=True)], ink
        )
    grey = np.asarray(image.filter(ImageFilter.GaussianBlur(SCALE)).resize((28, 28), Image.Resampling.BOX), np.float64)
    stripes = 1 + 0.25 * np.sin(np.arange(28) * random.uniform(0.3, 2.0) + random.uniform(0, 6))
    cloth = grey * (stripes[:, None] if random.random() < 0.4 else 1.0) * random.normal(1, 0.12, (28, 28))
    return np.clip(cloth, 0, 255).astype(np.uint8)


def _shape(kind: str, random: Any) -> Any:
    side = 32 * SCALE
    ground = tuple(int(v) for v in random.integers(20, 120, 3))
    image = Image.new("RGB", (side, side), ground)
    colour = [int(v) for v in random.integers(0, 110, 3)]
    colour[("red", "green", "blue").index(kind.split()[0])] = int(random.integers(150, 255))
    size, (x, y) = random.uniform(0.16, 0.3), random.uniform(0.36, 0.64, 2)
    pen = ImageDraw.Draw(image)
    if kind.endswith("disc"):
        pen.ellipse([(x - size) * side, (y - size) * side, (x + size) * side, (y + size) * side], tuple(colour))
    else:
        turn = random.uniform(0, np.pi / 2)
        corners = [(x + size * np.cos(turn + k * np.pi / 2), y + size * np.sin(turn + k * np.pi / 2)) for k in range(4)]
        pen.polygon([(a * side, b * side) for a, b in corners], tuple(colour))
    pixels = np.asarray(image.resize((32, 32), Image.Resampling.BOX), np.float64)
    return np.clip(pixels + random.normal(0, 18, pixels.shape), 0, 255).astype(np.uint8)


def _write(path: Path, kinds: tuple[str, ...], draw: Callable[[str, Any], Any], each: int) -> Path:
    random = np.random.default_rng(0)
    labels = np.arange(each * len(kinds)) % len(kinds)
    np.savez(path, images=np.stack([draw(kinds[label], random) for label in labels]), labels=labels, classes=kinds)
    return path


def make_clothing(folder: Path, each: int = 600) -> Path:
    """Write `clothing.npz`: grey images, 28x28, of ten classes, so many of each."""
    return _write(folder / "clothing.npz", CLOTHES, _clothing, each)


def make_shapes(folder: Path, each: int = 400) -> Path:
    """Write `shapes.npz`: colour images, 32x32, of six classes."""
    return _write(folder / "shapes.npz", SHAPES, _shape, each)
