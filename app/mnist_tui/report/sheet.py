"""A drawing of lines, areas and text, saved as SVG or PNG."""

from __future__ import annotations

import html
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, TypeAlias

Point: TypeAlias = tuple[float, float]
FONT: Final = 13
"""Height of text in pixels."""
FINER: Final = 2
"""Pixels of a PNG for each one of the drawing."""
_FONTS: Final = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "Helvetica.ttc")
_ANCHORS: Final = {"start": "l", "middle": "m", "end": "r"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; `dash` is the length of its dashes, 0 for none."""

    points: Sequence[Point]
    colour: str
    width: float = 1.0
    dash: float = 0.0
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Area:
    """A filled shape."""

    points: Sequence[Point]
    colour: str
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Text:
    """Text on one line; `at` is the middle of its height, at the end that `anchor` names."""

    at: Point
    text: str
    colour: str
    anchor: str = "start"
    is_bold: bool = False


@dataclass(slots=True)
class Sheet:
    """A drawing.

    Attributes:
        width, height: Its size in pixels.
        paper: Its background.
        title: What it shows, for those who cannot see it.
        parts: What is on it; later parts cover earlier ones.
    """

    width: int
    height: int
    paper: str
    title: str
    parts: list[Line | Area | Text] = field(default_factory=list)

    def svg(self) -> str:
        """Return the drawing as SVG."""
        name = html.escape(self.title, quote=True)
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{name}" '
            f'font-family="sans-serif" font-size="{FONT}">',
            f"<title>{name}</title>",
            f'<rect width="100%" height="100%" fill="{self.paper}"/>',
            *map(_as_svg, self.parts),
            "</svg>",
        ]
        return "\n".join(lines) + "\n"

    def png(self) -> bytes:
        """Return the drawing as PNG, at twice its size."""
        from PIL import Image, ImageDraw

        image = Image.new("RGBA", (self.width * FINER, self.height * FINER), self.paper)
        font = _font(FONT * FINER)
        for part in self.parts:
            layer = Image.new("RGBA", image.size) if not isinstance(part, Text) and part.opacity < 1 else image
            draw = ImageDraw.Draw(layer)
            match part:
                case Text():
                    draw.text(_finer(part.at), part.text, part.colour, font, _ANCHORS[part.anchor] + "m")
                case Area():
                    draw.polygon([_finer(point) for point in part.points], part.colour)
                case Line():
                    for points in _dashes(part.points, part.dash) if part.dash else [part.points]:
                        draw.line([_finer(point) for point in points], part.colour, round(part.width * FINER), "curve")
            if layer is not image and not isinstance(part, Text):
                layer.putalpha(layer.getchannel("A").point(lambda alpha, share=part.opacity: int(alpha * share)))
                image.alpha_composite(layer)
        out = io.BytesIO()
        image.convert("RGB").save(out, "PNG", optimize=True)
        return out.getvalue()


def _font(size: int) -> Any:
    """Return a font with the letters of many languages, if there is one; Pillow's own has only English ones."""
    from PIL import ImageFont

    for name in _FONTS:
        with suppress(OSError):
            return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)


def _as_svg(part: Line | Area | Text) -> str:
    match part:
        case Text():
            weight = ' font-weight="bold"' if part.is_bold else ""
            x, y = part.at
            return (
                f'<text x="{x:.1f}" y="{y:.1f}" fill="{part.colour}" text-anchor="{part.anchor}" '
                f'dominant-baseline="central"{weight}>{html.escape(part.text)}</text>'
            )
        case Area():
            return f'<polygon points="{_places(part.points)}" fill="{part.colour}" fill-opacity="{part.opacity:g}"/>'
        case Line():
            dash = f' stroke-dasharray="{part.dash:g}"' if part.dash else ""
            return (
                f'<polyline points="{_places(part.points)}" fill="none" stroke="{part.colour}" '
                f'stroke-width="{part.width:g}" stroke-opacity="{part.opacity:g}" stroke-linejoin="round"{dash}/>'
            )


def _places(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _finer(point: Point) -> Point:
    return point[0] * FINER, point[1] * FINER


def _dashes(points: Sequence[Point], length: float) -> Iterator[list[Point]]:
    """Yield the dashes of a line, as long as the gaps between them."""
    done, dash = 0.0, [*points[:1]]
    for (x, y), (to_x, to_y) in pairwise(points):
        whole, at = math.hypot(to_x - x, to_y - y), 0.0
        while at < whole:
            step = min(length - done % length, whole - at)
            at, is_drawn, done = at + step, int(done // length) % 2 == 0, done + step
            place = x + (to_x - x) * at / whole, y + (to_y - y) * at / whole
            if is_drawn:
                dash.append(place)
            if done % length < 1e-9 or length - done % length < 1e-9:
                if is_drawn:
                    yield dash
                dash = [place]
                done = round(done / length) * length
    if len(dash) > 1:
        yield dash
