"""A pad for drawing with the mouse or the keyboard."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import MouseDown, MouseMove, MouseUp
from textual.geometry import Offset, Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.core.drawing import PEN, Canvas, Drawing, Point
from mnist_tui.report.digits import LEVELS, Pixel, half_blocks
from mnist_tui.report.formatting import printable
from mnist_tui.tui.widgets.digits import in_colour, shades_of

STEP: Final = 1 / 28
"""How far one key press moves the pen."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image from a file, in the form of a run's images.

    Attributes:
        name: Name of the file.
        pixels: Row by row: side x side grey values, or three times as many of red, green and blue.
        side: Width and height.
    """

    name: str
    pixels: bytes
    side: int


class PadView(Widget, can_focus=True):
    """The drawing pad: square, with two pixels per cell. It also shows an image from a file, until it is cleared."""

    ALLOW_MAXIMIZE = True

    class Changed(Message):
        """The drawing changed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(0, -1)", "Up", show=False),
        Binding("down", "move(0, 1)", "Down", show=False),
        Binding("left", "move(-1, 0)", "Left", show=False),
        Binding("right", "move(1, 0)", "Right", show=False),
        Binding("space,enter", "pen", "Pen", show=False),
        Binding("backspace", "undo", "Undo", show=False),
        Binding("delete,ctrl+u", "clear", "Clear", show=False),
    ]
    DEFAULT_CSS = """
    PadView {
        border: round $frame; border-title-color: $text-muted; border-subtitle-color: $text-muted;
        &:focus { border: round $primary; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="pad")
        self.drawing = Drawing()
        self.picture: Picture | None = None
        self.takes_strokes = True
        self.is_down = False
        self._pen: Point = (0.5, 0.5)
        self._drags = False
        self._canvas = Canvas(1)
        self._styles: dict[tuple[Pixel, Pixel], Style] = {}

    @property
    def is_empty(self) -> bool:
        """True if there is neither a stroke nor a picture."""
        return self.drawing.is_empty and self.picture is None

    def show_picture(self, picture: Picture | None) -> None:
        """Show an image instead of a drawing; `None` removes it."""
        self.drawing.clear()
        self.is_down = False
        self.picture = picture
        self._redraw()
        self.post_message(self.Changed())

    def take_strokes(self, *, takes: bool) -> None:
        """Let people draw, or only open images."""
        if takes != self.takes_strokes:
            self.takes_strokes = takes
            self._tell()

    @property
    def side(self) -> int:
        """Side length in pixels: one per column, two per row."""
        return max(1, min(self.size.width, 2 * self.size.height))

    def on_mount(self) -> None:
        """Show how to draw, in the border."""
        self._tell()

    def on_resize(self) -> None:
        """Redraw everything at the new size."""
        self._redraw()

    def notify_style_update(self) -> None:
        """Apply the new colours."""
        super().notify_style_update()
        self._styles = {}
        self.refresh()

    def _redraw(self) -> None:
        self._canvas = Canvas(self.side)
        for stroke in self.drawing.strokes:
            self._canvas.draw(stroke)
        self._tell()
        self.refresh()

    def _tell(self) -> None:
        draw = "Draw: mouse, or Space and arrows" if self.size.width >= 36 else "Draw"
        title = draw if self.takes_strokes else "Image"
        # Not as text: the name of a file may contain what Textual takes for markup.
        self.border_title = Content(printable(self.picture.name)) if self.picture is not None else title
        pen = "pen down" if self.is_down else "Space: pen"
        texts = (f"{pen}  Backspace: undo  Del: clear", f"{pen}  Del: clear", pen)
        if self.picture is not None or not self.takes_strokes:
            texts = ("O: open an image  Del: clear", "O: open  Del: clear", "O: open")
        self.border_subtitle = next((text for text in texts if len(text) <= self.size.width - 2), "")

    # With the mouse -------------------------------------------------------------------------------

    def _place(self, offset: Offset) -> Point:
        """Return the centre of a cell, clamped to the pad."""
        side = self.side
        x, y = (offset.x + 0.5) / side, (2 * offset.y + 1) / side
        return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)

    def on_mouse_down(self, event: MouseDown) -> None:
        """Start a stroke."""
        offset = event.get_content_offset(self)
        if offset is None or event.button != 1 or not self.takes_strokes:
            return
        self.capture_mouse()
        self._drags, self.is_down = True, False
        self._begin(self._place(offset))

    def on_mouse_move(self, event: MouseMove) -> None:
        """Continue the stroke."""
        if self._drags:
            self._go_on(self._place(event.get_content_offset_capture(self)))

    def on_mouse_up(self, event: MouseUp) -> None:  # noqa: ARG002
        """End the stroke."""
        self._drags = False
        self.release_mouse()

    # With the keys --------------------------------------------------------------------------------

    def action_move(self, x: int, y: int) -> None:
        """Move the pen one step, drawing if it is down."""
        to = (self._pen[0] + x * STEP, self._pen[1] + y * STEP)
        self._pen = min(max(to[0], 0.0), 1.0), min(max(to[1], 0.0), 1.0)
        if self.is_down:
            self._go_on(self._pen)
        self._refresh_rows([self._pen[1], self._pen[1] - y * STEP])

    def action_pen(self) -> None:
        """Put the pen down, or lift it."""
        if not self.takes_strokes:
            return
        self.is_down = not self.is_down
        if self.is_down:
            self._begin(self._pen)
        self._tell()
        self.refresh()

    def action_undo(self) -> None:
        """Undo the last stroke."""
        if self.picture is not None:
            self.show_picture(None)
            return
        self.is_down = False
        self.drawing.undo()
        self._redraw()
        self.post_message(self.Changed())

    def action_clear(self) -> None:
        """Clear the drawing."""
        self.show_picture(None)

    def _begin(self, point: Point) -> None:
        if self.picture is not None:
            self.picture = None
            self._redraw()
        self._pen = point
        self.drawing.begin(point)
        self._draw([point])

    def _go_on(self, point: Point) -> None:
        self._pen = point
        stroke = self.drawing.strokes[-1] if self.drawing.strokes else []
        count = len(stroke)
        self.drawing.go_on(point)
        if len(self.drawing.strokes[-1]) > count:
            self._draw(self.drawing.strokes[-1][-2:])

    def _draw(self, line: list[Point]) -> None:
        self._canvas.draw(line)
        self._refresh_rows([y for _, y in line])
        self.post_message(self.Changed())

    def _refresh_rows(self, heights: list[float]) -> None:
        """Redraw only the rows that a pen at these heights may have changed, so that drawing stays responsive."""
        reach = PEN + 2 / self.side
        rows = self.side // 2 + 1
        first, last = int((min(heights) - reach) * rows), int((max(heights) + reach) * rows) + 1
        top = max(0, first) + self.gutter.top
        self.refresh(Region(0, top, self.outer_size.width, max(1, last - max(0, first) + 1)))

    def render_line(self, y: int) -> Strip:
        """Return one line of the pad."""
        if self.picture is not None:
            return self._picture_line(self.picture, y)
        rows, side, width = self._canvas.rows, len(self._canvas.rows), self.size.width
        if 2 * y >= side:
            return Strip.blank(width, self.rich_style)
        upper, lower = rows[2 * y], rows[2 * y + 1] if 2 * y + 1 < side else [0.0] * side
        self._styles = self._styles or shades_of(self)
        top = LEVELS - 1
        segments = [
            Segment("▀" * len([*same]), self._styles[pair])
            for pair, same in groupby(((round(a * top),), (round(b * top),)) for a, b in zip(upper, lower, strict=True))
        ]
        column, row = (min(int(share * side), side - 1) for share in self._pen)
        if self.has_focus and row // 2 == y and not self._drags:
            pen = Strip([Segment("●" if self.is_down else "○", self._styles[(top,), (4,)])])
            line = Strip(segments)
            strip = Strip.join([line.crop(0, column), pen, line.crop(column + 1)])
        else:
            strip = Strip(segments)
        return strip.adjust_cell_length(width, self.rich_style)

    def _picture_line(self, picture: Picture, y: int) -> Strip:
        """Return one line of the image, each of its pixels as large as the pad allows."""
        side, width = self.side, self.size.width
        if 2 * y >= side:
            return Strip.blank(width, self.rich_style)
        self._styles = self._styles or shades_of(self)
        lines = half_blocks(picture.pixels, picture.side)
        upper, lower = ((2 * y + half) * picture.side // side for half in (0, 1))
        columns = [column * picture.side // side for column in range(side)]
        lower = min(lower, picture.side - 1)
        pairs = [(lines[upper // 2][column][upper % 2], lines[lower // 2][column][lower % 2]) for column in columns]
        inks = self._styles if self.takes_strokes else {}
        segments = [Segment("▀" * len([*same]), inks.get(pair) or in_colour(*pair)) for pair, same in groupby(pairs)]
        return Strip(segments).adjust_cell_length(width, self.rich_style)
