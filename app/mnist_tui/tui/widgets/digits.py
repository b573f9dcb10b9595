"""Validation images drawn with half blocks: one large image, or as many as fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.core.stored import ValidationSet
from mnist_tui.report.digits import LEVELS, Pixel, half_blocks, size_of

SMALL: Final = 2
"""Downscaling factor when many images are shown."""


@dataclass(frozen=True, slots=True)
class Tile:
    """An image with a caption.

    Attributes:
        image: Index of the validation image.
        caption: Text below it, cut to its width.
        marked: Highlight the caption.
    """

    image: int
    caption: str
    marked: bool = False


class DigitsView(Widget, can_focus=True):
    """A grid of images; when focused, the arrow and page keys turn pages."""

    ALLOW_MAXIMIZE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,left,pageup", "page(-1)", "Earlier", show=False),
        Binding("down,right,pagedown", "page(1)", "More", show=False),
        Binding("home", "page(-1000000)", "First", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"digits--caption", "digits--marked"}
    DEFAULT_CSS = """
    DigitsView {
        height: 1fr; border: round $frame; border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        & > .digits--caption { color: $text-muted; }
        & > .digits--marked { color: $text-warning; text-style: bold; }
        &:focus { border: round $primary; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._pictures: ValidationSet | None = None
        self._tiles: Sequence[Tile] = ()
        self._titles: Sequence[str] = ()
        self._first = 0
        self._is_ink = True
        self._styles: dict[tuple[Pixel, Pixel], Style] = {}
        self._lines: list[list[Segment]] | None = None

    def show(
        self,
        pictures: ValidationSet | None,
        tiles: Sequence[Tile],
        titles: Sequence[str],
        *,
        again: bool,
        is_ink: bool = True,
    ) -> None:
        """Show these images.

        Args:
            pictures: The validation images.
            tiles: Which images to show, with their captions.
            titles: Titles from long to short; the first one that fits is shown.
            again: Go back to the first page.
            is_ink: Draw grey images in the colours of the theme, as ink on paper.
        """
        self._is_ink = is_ink
        self._pictures, self._tiles, self._titles = pictures, tiles, titles
        self._first = 0 if again else self._first
        self._redraw()

    def notify_style_update(self) -> None:
        """Drop the cached shades."""
        super().notify_style_update()
        self._styles = {}
        self._lines = None

    def on_resize(self) -> None:
        """Fit the grid to the new size."""
        self._redraw()

    def action_page(self, pages: int) -> None:
        """Show earlier or later images."""
        columns, rows, _ = self._grid()
        last = max(0, len(self._tiles) - 1) // columns * columns
        self._first = min(max(0, self._first + pages * columns * rows), last)
        self._redraw()

    def on_mouse_scroll_down(self) -> None:
        """Show later images."""
        self.action_page(1)

    def on_mouse_scroll_up(self) -> None:
        """Show earlier images."""
        self.action_page(-1)

    def _redraw(self) -> None:
        self._lines = None
        columns, rows, _ = self._grid()
        end = min(self._first + columns * rows, len(self._tiles))
        more = end < len(self._tiles) or self._first
        self.border_subtitle = f"{self._first + 1} – {end} of {len(self._tiles):,}" if more and self._tiles else ""
        self.border_title = Content(next((title for title in self._titles if len(title) <= self.size.width - 2), " "))
        self.refresh()

    def _grid(self) -> tuple[int, int, int]:
        """Return the columns and rows of the grid, and the downscaling factor."""
        side = self._pictures.side if self._pictures is not None else 1
        scale = SMALL
        if len(self._tiles) == 1 or self.has_class("-large"):
            large, lines = size_of(side, 1)
            fits = self.size.width >= large and self.size.height > lines
            scale = 1 if fits else SMALL
        width, height = size_of(side, scale)
        return max(1, (self.size.width + 1) // (width + 1)), max(1, self.size.height // (height + 1)), scale

    def render_line(self, y: int) -> Strip:
        """Return one line of the images."""
        if self._lines is None:
            self._lines = self._drawn()
        line = self._lines[y] if y < len(self._lines) else []
        return Strip(line).adjust_cell_length(self.size.width, self.rich_style)

    def _drawn(self) -> list[list[Segment]]:
        pictures = self._pictures
        if pictures is None:
            text = "The validation images of this run are not stored." if self._tiles else ""
            return [[Segment(text, self.rich_style)]]
        columns, rows, scale = self._grid()
        width, height = size_of(pictures.side, scale)
        plain, marked = (self.get_component_rich_style(f"digits--{kind}") for kind in ("caption", "marked"))
        shown = self._tiles[self._first : self._first + columns * rows]
        lines = []
        for begin in range(0, len(shown), columns):
            row = shown[begin : begin + columns]
            images = [half_blocks(pictures.image(tile.image), pictures.side, scale) for tile in row]
            lines += [
                [
                    segment
                    for image in images
                    for segment in (*self._pixels(image[number]), Segment(" ", self.rich_style))
                ]
                for number in range(height)
            ]
            # The last caption may be wider than its image, as nothing follows it.
            rooms = [*[width] * (len(row) - 1), self.size.width]
            lines.append(
                [
                    Segment(f"{tile.caption[:room]:<{width}} ", marked if tile.marked else plain)
                    for tile, room in zip(row, rooms, strict=True)
                ]
            )
        return lines

    def _pixels(self, row: Sequence[tuple[Pixel, Pixel]]) -> list[Segment]:
        self._styles = self._styles or shades_of(self)
        inks = self._styles if self._is_ink else {}
        return [Segment("▀", inks.get(pair) or in_colour(*pair)) for pair in row]


def shades_of(widget: Widget) -> dict[tuple[Pixel, Pixel], Style]:
    """Return the style of each (upper, lower) pair of shades of grey, in the colours of a widget."""
    _, _, background, color = widget.colors
    shades = [background.blend(color, level / (LEVELS - 1), 1).rich_color for level in range(LEVELS)]
    return {((a,), (b,)): Style(color=shades[a], bgcolor=shades[b]) for a in range(LEVELS) for b in range(LEVELS)}


@lru_cache(maxsize=4_096)
def in_colour(upper: Pixel, lower: Pixel) -> Style:
    """Return the style of a pair of pixels in colours of their own, which no theme changes."""
    # A single shade of grey stands for all three primary colours.
    colours = [[255 * level // (LEVELS - 1) for level in (pixel * 3)[:3]] for pixel in (upper, lower)]
    above, below = (Color.from_rgb(*levels) for levels in colours)
    return Style(color=above, bgcolor=below)
