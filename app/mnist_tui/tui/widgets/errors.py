"""The Errors tab: the confusion matrix and the images of each cell."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.core.insight import Insight
from mnist_tui.report.formatting import format_percent
from mnist_tui.report.matrix import Cell, Kind, View, images_of, in_words, matrix
from mnist_tui.tui.contrast import strongest
from mnist_tui.tui.film import Scene
from mnist_tui.tui.widgets.digits import DigitsView, Tile
from mnist_tui.tui.widgets.filmbar import FilmBar

_ABOVE: Final = 3
"""Lines above the matrix: a description of the selected cell, and the column names."""
_WIDEST: Final = 8
"""Width of a cell, with the space between two texts; the narrowest ones are a single column of colour."""
_WITH_TEXT: Final = 3
"""Width from which cells have texts: in narrower ones only the smallest numbers would fit."""
_RIGHT: Final = 8
"""Width of the class accuracy column."""


class MatrixView(Widget, can_focus=True):
    """The confusion matrix: rows are true classes, columns are predicted classes."""

    ALLOW_MAXIMIZE = True

    class Moved(Message):
        """The cursor moved to another cell."""

    class Opened(Message):
        """The cell under the cursor was opened."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1, 0)", "Up", show=False),
        Binding("down", "move(1, 0)", "Down", show=False),
        Binding("left", "move(0, -1)", "Left", show=False),
        Binding("right", "move(0, 1)", "Right", show=False),
        Binding("enter", "open_cell", "Images", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"matrix--right", "matrix--wrong", "matrix--names", "matrix--muted"}
    DEFAULT_CSS = """
    MatrixView {
        width: 1fr; height: 1fr; padding: 0 1;
        & > .matrix--right { color: $success; }
        & > .matrix--wrong { color: $error; }
        & > .matrix--names { color: $foreground; text-style: bold; }
        & > .matrix--muted { color: $text-muted; }
    }
    """

    def __init__(self, *, id: str, still: bool = False) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.can_focus = not still
        self._is_still = still
        self._scene = Scene()
        self._view = View.COUNTS
        self._top = self._left = 0
        self._cells: list[list[Cell]] = []
        self._drawn: tuple[View, int] | None = None
        self.cursor = (0, 0)

    def show(self, scene: Scene, view: View) -> None:
        """Show the matrix of a scene; for a new run, select its most frequent confusion."""
        insight, known = scene.insight, self._scene.insight
        if insight is not None and (known is None or insight.run != known.run or self._is_still):
            self.cursor = _worst(insight)
        self._scene, self._view, self._drawn = scene, view, None
        if insight is not None:
            last = len(insight.confusion) - 1
            self.cursor = min(self.cursor[0], last), min(self.cursor[1], last)
        self.refresh()

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor, stopping at the edges."""
        if self._scene.insight is None:
            return
        last = len(self._scene.insight.confusion) - 1
        self._go_to(min(max(self.cursor[0] + rows, 0), last), min(max(self.cursor[1] + columns, 0), last))

    def action_open_cell(self) -> None:
        """Open the images of the cell under the cursor."""
        if self._scene.insight is not None:
            self.post_message(self.Opened())

    def _go_to(self, label: int, predicted: int) -> None:
        if (label, predicted) != self.cursor:
            self.cursor = label, predicted
            self.refresh()
            self.post_message(self.Moved())

    def on_click(self, event: Click) -> None:
        """Select the cell under the mouse; a double click opens it."""
        offset = event.get_content_offset(self)
        if self._scene.insight is None or offset is None:
            return
        first, room, height, _ = self._places(self._scene.insight)
        row, column = self._top + (offset.y - _ABOVE) // height, self._left + (offset.x - first) // room
        count = len(self._scene.insight.confusion)
        if offset.y < _ABOVE or not (0 <= row < count and 0 <= column < count and offset.x >= first):
            return
        if (row, column) == self.cursor and event.chain > 1:
            self.action_open_cell()
        self._go_to(row, column)

    def _places(self, insight: Insight) -> tuple[int, int, int, bool]:
        """Return the first column of the cells, their width and height, and whether class accuracies fit."""
        count = len(insight.confusion)
        first = max(map(len, self._scene.names)) + 1
        width, height = self.size
        shares = (width - first - _RIGHT) // count >= (_WITH_TEXT + self._view.is_change)
        room = (width - first - (_RIGHT if shares else 0)) // count
        return first, min(max(room, 1), _WIDEST), min(max((height - _ABOVE) // count, 1), 3), shares

    def render_line(self, y: int) -> Strip:
        """Return one line."""
        insight, width = self._scene.insight, self.size.width
        if insight is None:
            words = "Available after the first epoch." if y == self.size.height // 2 else ""
            muted = self.get_component_rich_style("matrix--muted")
            return Strip([Segment(words.center(width), muted)]).adjust_cell_length(width, self.rich_style)
        return Strip(self._line(insight, y)).adjust_cell_length(width, self.rich_style)

    def _line(self, insight: Insight, y: int) -> list[Segment]:
        first, room, height, shares = self._places(insight)
        names, muted = (self.get_component_rich_style(f"matrix--{kind}") for kind in ("names", "muted"))
        label, predicted = self.cursor
        view = self._view
        if view is View.COUNTS and len(str(max(map(max, insight.confusion)))) >= room:
            view = View.SHARES
        other = self._scene.baseline if view is View.BASELINE else self._scene.before
        if y == 0:
            text = in_words(insight, self._scene.names, label, predicted, other if view.is_change else None)
            what = view if len(text) + 3 + len(view) <= self.size.width else view.short
            return [Segment(text, names), Segment(f"   {what}", muted)]
        self._scroll(insight, height, self._columns(insight))
        columns = range(self._left, min(self._left + self._columns(insight), len(insight.confusion)))
        if y == 1:
            return [Segment(self._axes(insight, height, len(columns)), muted)]
        if y == _ABOVE - 1:
            return [
                Segment(" " * first, self.rich_style),
                *(Segment(self._head(at, room), names + Style(reverse=at == predicted)) for at in columns),
                Segment("accuracy" if shares else "", muted),
            ]
        row, line = divmod(y - _ABOVE, height)
        row += self._top
        if row >= len(insight.confusion):
            return []
        middle = line == (height - 1) // 2
        name = self._scene.names[row] if middle else ""
        segments = [Segment(f"{name:<{first}}", names + Style(reverse=row == label and middle))]
        if self._drawn != (view, room):
            self._cells, self._drawn = matrix(insight, view, other, max(room, _WITH_TEXT) - 1), (view, room)
        for at in columns:
            cell = self._cells[row][at]
            text = f"{cell.text:>{room - 1}} " if middle and room >= _WITH_TEXT else " " * room
            segments.append(Segment(text, self._style(cell, chosen=(row, at) == self.cursor)))
        if shares and middle:
            segments.append(Segment(f"{format_percent(insight.class_accuracy[row], 1):>{_RIGHT}}", muted))
        return segments

    def _head(self, at: int, room: int) -> str:
        """Return the name of a column, cut to its width."""
        if room < _WITH_TEXT:
            return f"{self._scene.marks[at]:<{room}}"
        return f"{self._scene.names[at][: room - 1]:>{room - 1}} "

    def _axes(self, insight: Insight, height: int, columns: int) -> str:
        """Return the titles of the axes, and which rows and columns are in view if these are not all."""
        count, rows = len(insight.confusion), max(1, (self.size.height - _ABOVE) // height)
        shown = [
            f"{what} {first + 1}-{first + number}"
            for what, first, number in (("rows", self._top, rows), ("columns", self._left, columns))
            if number < count
        ]
        axes, part = "true ↓  predicted →", f"{', '.join(shown)} of {count}" if shown else ""
        long = f"{axes}   {part}"
        return long.rstrip() if len(long) <= self.size.width else part

    def _columns(self, insight: Insight) -> int:
        """Return how many columns fit."""
        first, room, _, shares = self._places(insight)
        return max(1, (self.size.width - first - (_RIGHT if shares else 0)) // room)

    def _scroll(self, insight: Insight, height: int, columns: int) -> None:
        """Scroll to keep the cursor in view if not all rows and columns fit."""
        rows, count = max(1, (self.size.height - _ABOVE) // height), len(insight.confusion)
        self._top = min(self._top, self.cursor[0], max(0, count - rows))
        self._top = max(self._top, self.cursor[0] - rows + 1)
        self._left = min(self._left, self.cursor[1], max(0, count - columns))
        self._left = max(self._left, self.cursor[1] - columns + 1)

    def _style(self, cell: Cell, *, chosen: bool) -> Style:
        _, _, background, color = self.colors
        if chosen:
            return Style(color=background.rich_color, bgcolor=color.rich_color, bold=True)
        warm = self.get_component_styles(f"matrix--{'right' if cell.kind is Kind.RIGHT else 'wrong'}").color
        # The square root makes rare confusions visible.
        shade = background.blend(warm, 0.75 * cell.heat**0.5, 1)
        text = strongest(shade) if cell.text != "·" else shade.blend(color, 0.45, 1)
        return Style(color=text.rich_color, bgcolor=shade.rich_color)


def _worst(insight: Insight) -> tuple[int, int]:
    """Return the row and column of the most frequent confusion."""
    cells = [(count, -i, -j) for i, row in enumerate(insight.confusion) for j, count in enumerate(row) if i != j] or [
        (0, 0, 0)
    ]
    _, row, column = max(cells)
    return -row, -column


class ErrorsView(Container):
    """The confusion matrix and the images of the selected cell."""

    DEFAULT_CSS = """
    ErrorsView {
        #cell-images { width: 18; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="errors-view")
        self._scene = Scene()
        self._shown: tuple[object, ...] = ()
        self.view = View.COUNTS

    def compose(self) -> ComposeResult:
        """Create the film bar, the matrix and the images of a cell."""
        yield FilmBar()
        with Horizontal():
            yield MatrixView(id="matrix")
            yield DigitsView(id="cell-images")

    def show(self, scene: Scene) -> None:
        """Show a scene."""
        self._scene = scene
        if self.view is View.BASELINE and scene.baseline is None:
            self.view = View.COUNTS
        self.query_one(FilmBar).show(scene)
        self.query_one(MatrixView).show(scene, self.view)
        self._show_images()

    def next_view(self) -> None:
        """Switch between counts, percentages and changes."""
        views = [view for view in View if view is not View.BASELINE or self._scene.baseline is not None]
        self.view = views[(views.index(self.view) + 1) % len(views)] if self.view in views else views[0]
        self.query_one(MatrixView).show(self._scene, self.view)

    @on(MatrixView.Moved)
    def _show_images(self) -> None:
        scene, view = self._scene, self.query_one("#cell-images", DigitsView)
        insight = scene.insight
        if insight is None:
            view.show(None, (), (), again=True)
            return
        label, predicted = self.query_one(MatrixView).cursor
        labels = scene.pictures.labels if scene.pictures is not None else b""
        found = images_of(insight, scene.before, labels, label, predicted)
        title = scene.names[label] if label == predicted else f"{scene.names[label]} → {scene.names[predicted]}"
        news = ""
        if scene.before is not None:
            wrong = f"  {len(found.new)} newly wrong, {found.newly_right} newly right"
            news = wrong if label != predicted else f"  {len(found.new)} newly right"
        tiles = [
            Tile(
                image,
                f"{insight.sureness(image):>4} sure" + (" new" if image in found.new else ""),
                image in found.new,
            )
            for image in found.images
        ]
        shown = (insight.run, label, predicted)
        view.show(scene.pictures, tiles, (title + news, title), again=shown != self._shown, is_ink=scene.is_ink)
        self._shown = shown

    @on(MatrixView.Opened)
    def _open_images(self) -> None:
        self.add_class("-images")
        self.query_one("#cell-images", DigitsView).add_class("-large")
        self.screen.set_focus(self.query_one("#cell-images"))

    def toggle_images(self) -> None:
        """Expand the images to the whole tab, or collapse them."""
        if self.is_open:
            self.close_images()
        elif self._scene.insight is not None:
            self._open_images()

    @property
    def is_open(self) -> bool:
        """True while the images fill the tab."""
        return self.has_class("-images")

    def close_images(self) -> None:
        """Go back to the matrix."""
        self.remove_class("-images")
        self.query_one("#cell-images", DigitsView).remove_class("-large")
        self.screen.set_focus(self.query_one(MatrixView))
