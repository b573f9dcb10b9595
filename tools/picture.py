"""Draws the screen of a running Textual app cell by cell, as text or as a PNG.

Braille, blocks and box-drawing lines are drawn as shapes and not taken from the font, so that they meet at the edges
of their cells as they do in a good terminal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from rich.cells import cell_len
from rich.style import Style
from rich.terminal_theme import TerminalTheme

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont
    from textual.app import App
    from textual.strip import Strip

    Font: TypeAlias = FreeTypeFont | ImageFont

CELL: Final = (12, 24)
"""Width and height of a cell in pixels: whole braille dots, eighths of both, and the advance of the font."""
FONT_SIZE: Final = 20
FONTS: Final = {
    "regular": ("DejaVuSansMono.ttf", "Menlo.ttc", "LiberationMono-Regular.ttf"),
    "bold": ("DejaVuSansMono-Bold.ttf", "Menlo.ttc", "LiberationMono-Bold.ttf"),
    "italic": ("DejaVuSansMono-Oblique.ttf", "Menlo.ttc", "LiberationMono-Italic.ttf"),
}
"""Looked for in the system's font folders, in this order."""
LINE: Final = {"LIGHT": 2, "HEAVY": 4}
"""Thickness of box-drawing lines in pixels."""
ARMS: Final = {
    "UP": ("up",),
    "DOWN": ("down",),
    "LEFT": ("left",),
    "RIGHT": ("right",),
    "VERTICAL": ("up", "down"),
    "HORIZONTAL": ("left", "right"),
}
BRAILLE_DOTS: Final = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of the dot behind each bit."""

Colour: TypeAlias = tuple[int, int, int]
Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right, bottom; as shares of a cell, or in pixels with the last pixel included."""


def screen_text(app: App[Any]) -> str:
    """Return what the app shows, one line per row, without trailing spaces."""
    return "\n".join(strip.text.rstrip() for strip in _strips(app))


def screen_picture(app: App[Any], path: Path) -> str:
    """Save what the app shows as a PNG of 12 x 24 pixels per cell; return its text."""
    from PIL import Image, ImageDraw

    strips = _strips(app)
    width, height = CELL
    columns = max(strip.cell_length for strip in strips)
    image = Image.new("RGB", (columns * width, len(strips) * height))
    draw = ImageDraw.Draw(image)
    for row, strip in enumerate(strips):
        column = 0
        for text, style, _ in strip:
            look = _look(style or Style.null(), app.ansi_theme)
            for character, cells in _characters(text):
                _draw_cell(draw, (column * width, row * height), cells * width, character, look)
                column += cells
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)
    return screen_text(app)


def _strips(app: App[Any]) -> list[Strip]:
    # Private, but the one place that has the finished cells; screenshots as SVG are made from it as well.
    return app.screen._compositor.render_strips()  # noqa: SLF001


def _characters(text: str) -> Iterator[tuple[str, int]]:
    """Split a text into what fills one cell or two, marks of no width with the character before them."""
    for cluster in re.findall(r".[\u0300-\u036f\ufe0e\ufe0f\u200d]*", text, re.DOTALL):
        yield cluster, cell_len(cluster[0])


# Looks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Look:
    """Colours and form of a text."""

    ink: Colour
    paper: Colour
    font: str
    underline: bool
    strike: bool


def _look(style: Style, theme: TerminalTheme) -> _Look:
    ink: Colour = style.color.get_truecolor(theme) if style.color else theme.foreground_color
    paper: Colour = style.bgcolor.get_truecolor(theme, foreground=False) if style.bgcolor else theme.background_color
    if style.reverse:
        ink, paper = paper, ink
    if style.dim:
        ink = _blend(ink, paper, 0.5)
    font = "bold" if style.bold else "italic" if style.italic else "regular"
    return _Look(_plain(ink), _plain(paper), font, bool(style.underline), bool(style.strike))


def _plain(colour: Colour) -> Colour:
    """Return a plain tuple: Pillow takes no other."""
    red, green, blue = colour
    return red, green, blue


def _blend(ink: Colour, paper: Colour, share: float) -> Colour:
    red, green, blue = (round(i * share + p * (1 - share)) for i, p in zip(ink, paper, strict=True))
    return red, green, blue


@cache
def _font(kind: str) -> Font:
    from PIL import ImageFont

    for name in FONTS[kind]:
        try:
            return ImageFont.truetype(name, FONT_SIZE)
        except OSError:
            continue
    return ImageFont.load_default(FONT_SIZE)


# Cells --------------------------------------------------------------------------------------------


def _draw_cell(draw: ImageDraw, at: tuple[int, int], width: int, character: str, look: _Look) -> None:
    (x, y), height = at, CELL[1]
    draw.rectangle((x, y, x + width - 1, y + height - 1), look.paper)
    shade = "░▒▓".find(character)
    if "\u2800" <= character <= "\u28ff":
        _draw_braille(draw, at, ord(character) - 0x2800, look.ink)
    elif shade >= 0:
        draw.rectangle((x, y, x + width - 1, y + height - 1), _blend(look.ink, look.paper, (shade + 1) / 4))
    elif (boxes := _block(character)) is not None:
        for left, top, right, bottom in boxes:
            edges = (x + left * width, y + top * height, x + right * width - 1, y + bottom * height - 1)
            draw.rectangle(tuple(map(round, edges)), look.ink)
    elif (arms := _arms(character)) is not None:
        _draw_lines(draw, at, arms, look.ink, arc="ARC" in unicodedata.name(character))
    elif not character.isspace():
        # Middle of the cell and a common baseline, whatever the font's own advance.
        draw.text((x + width / 2, y + 0.78 * height), character, look.ink, _font(look.font), anchor="ms")
    if look.underline:
        draw.rectangle((x, y + height - 3, x + width - 1, y + height - 2), look.ink)
    if look.strike:
        draw.rectangle((x, y + height // 2, x + width - 1, y + height // 2), look.ink)


def _draw_braille(draw: ImageDraw, at: tuple[int, int], bits: int, ink: Colour) -> None:
    step = CELL[0] // 2
    for bit, (column, row) in enumerate(BRAILLE_DOTS):
        if bits >> bit & 1:
            left, top = at[0] + column * step + 1, at[1] + row * step + 1
            draw.rounded_rectangle((left, top, left + step - 3, top + step - 3), 1, ink)


@cache
def _block(character: str) -> tuple[Box, ...] | None:
    """Return the filled parts of a block element, `None` for other characters."""
    name = unicodedata.name(character[0], "")
    if character == "█":
        return ((0, 0, 1, 1),)
    if name.startswith("QUADRANT"):
        corners = re.findall(r"(UPPER|LOWER) (LEFT|RIGHT)", name)
        return tuple(
            (x, y, x + 0.5, y + 0.5)
            for vertical, horizontal in corners
            for x, y in [(0.5 * (horizontal == "RIGHT"), 0.5 * (vertical == "LOWER"))]
        )
    parts = re.fullmatch(r"(UPPER|LOWER|LEFT|RIGHT) (HALF|(\w+) (EIGHTH|QUARTER)S?) BLOCK", name)
    if parts is None:
        return None
    side, size, count, unit = parts.groups()
    numbers = {"ONE": 1, "THREE": 3, "FIVE": 5, "SEVEN": 7}
    share = 0.5 if size == "HALF" else numbers[count] / (8 if unit == "EIGHTH" else 4)
    sides: dict[str, Box] = {
        "UPPER": (0, 0, 1, share),
        "LOWER": (0, 1 - share, 1, 1),
        "LEFT": (0, 0, share, 1),
        "RIGHT": (1 - share, 0, 1, 1),
    }
    return (sides[side],)


@cache
def _arms(character: str) -> dict[str, int] | None:
    """Return direction and thickness of each line of a box-drawing character, from its Unicode name.

    `None` for other characters, and for dashes, double lines and diagonals: the font draws those.
    """
    name = unicodedata.name(character[0], "")
    if not name.startswith("BOX DRAWINGS") or re.search("DASH|DOUBLE|DIAGONAL", name):
        return None
    words = [word for word in name.split()[2:] if word not in ("AND", "ARC", "SINGLE")]
    # "LIGHT LEFT AND HEAVY RIGHT" names the weight first, "RIGHT HEAVY AND LEFT DOWN LIGHT" the directions.
    if words[0] not in LINE:
        words.reverse()
    arms: dict[str, int] = {}
    weight = 0
    for word in words:
        if word in LINE:
            weight = LINE[word]
        else:
            arms |= dict.fromkeys(ARMS[word], weight)
    return arms


def _draw_lines(draw: ImageDraw, at: tuple[int, int], arms: dict[str, int], ink: Colour, *, arc: bool) -> None:
    (x, y), (width, height) = at, CELL
    middle_x, middle_y = x + width // 2, y + height // 2
    radius = width // 2 - 1 if arc else 0
    # Lines go beyond the middle, to close the corner.
    reach = 0 if arc else max(arms.values()) // 2
    for direction, weight in arms.items():
        half = weight // 2
        across_x, across_y = (middle_x - half, middle_x + half - 1), (middle_y - half, middle_y + half - 1)
        match direction:
            case "up":
                draw.rectangle((across_x[0], y, across_x[1], middle_y - radius + reach - 1), ink)
            case "down":
                draw.rectangle((across_x[0], middle_y + radius - reach, across_x[1], y + height - 1), ink)
            case "left":
                draw.rectangle((x, across_y[0], middle_x - radius + reach - 1, across_y[1]), ink)
            case "right":
                draw.rectangle((middle_x + radius - reach, across_y[0], x + width - 1, across_y[1]), ink)
    if arc:
        right, down = "right" in arms, "down" in arms
        centre_x = middle_x + (radius if right else -radius)
        centre_y = middle_y + (radius if down else -radius)
        start = {(True, True): 180, (False, True): 270, (False, False): 0, (True, False): 90}[right, down]
        size = radius + 1
        box = (centre_x - size, centre_y - size, centre_x + size - 1, centre_y + size - 1)
        draw.arc(box, start, start + 90, ink, LINE["LIGHT"])
