"""The Features tab: a map of the images in the bottleneck space, with the predicted class of each region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.events import Click
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.core.insight import Insight
from mnist_tui.core.numerals import fixed
from mnist_tui.report.formatting import format_percent
from mnist_tui.report.scatter import Dot, Limits, Plane, Turn, aligned, limits_of
from mnist_tui.tui.contrast import legible
from mnist_tui.tui.film import Scene
from mnist_tui.tui.widgets.cards import Card
from mnist_tui.tui.widgets.digits import DigitsView, Tile
from mnist_tui.tui.widgets.filmbar import FilmBar
from mnist_tui.tui.widgets.inks import ink

_ABOVE: Final = 1
"""Lines above the map, for the description of the image under the cursor."""
_BELOW: Final = 1
"""Lines below it, for the axes."""
MOST_CLASSES: Final = 16
"""Classes listed in one column; more would leave no room for the image."""
_ROOM: Final = 30
"""Width of the list of classes; it is filled before it has been laid out."""
_TINT: Final = 0.22
"""Opacity of the class colour in its region."""


class MapView(Widget, can_focus=True):
    """The map: each cell shows the most frequent class in it.

    Args:
        id: Widget id.
        still: Disable the cursor.
    """

    ALLOW_MAXIMIZE = True

    class Moved(Message):
        """The cursor moved to another image."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1, 0)", "Up", show=False),
        Binding("down", "move(1, 0)", "Down", show=False),
        Binding("left", "move(0, -1)", "Left", show=False),
        Binding("right", "move(0, 1)", "Right", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"map--muted", "map--words"}
    DEFAULT_CSS = """
    MapView {
        width: 1fr; height: 1fr; padding: 0 1;
        & > .map--muted { color: $text-muted; }
        & > .map--words { color: $foreground; text-style: bold; }
    }
    """

    def __init__(self, *, id: str, still: bool = False) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.can_focus = not still
        self._scene = Scene()
        self._points: list[tuple[float, float]] = []
        self._limits: Limits | None = None
        self._turn = Turn()
        self._plane: Plane | None = None
        self._dots: list[list[Dot]] = []
        self._styles: dict[tuple[int | None, int | None, bool], Style] = {}
        self._mark: tuple[int, int] | None = None
        self.cursor = 0

    def mark(self, values: Sequence[float]) -> None:
        """Mark the position of an image with these bottleneck values; empty to remove the mark."""
        insight, before, self._mark = self._scene.insight, self._mark, None
        if self._plane is not None and insight is not None and len(values) == len(insight.center):
            self._mark = self._plane.cell(self._turn.apply(insight.project(values)))
        if self._mark != before:
            rows = [mark[0] for mark in (before, self._mark) if mark is not None]
            if None in (before, self._mark):
                # The line above changes too.
                rows.append(-_ABOVE)
            self.refresh(*(Region(0, _ABOVE + row, self.outer_size.width, 1) for row in rows))

    def show(self, scene: Scene) -> None:
        """Show the map of a scene, rotated to match the previous one."""
        insight, before = scene.insight, self._scene.insight
        self._scene = scene
        if insight is None:
            self._points, self._plane = [], None
        elif insight is not before or self._plane is None:
            same = before is not None and before.run == insight.run
            # With one or two features, the axes are the features themselves; only projections may be rotated.
            turned = same and len(insight.center) > 2
            self._turn = aligned(insight.points, self._points) if turned else Turn()
            self._points = [self._turn.apply(point) for point in insight.points]
            self._limits = limits_of(self._points, self._limits if same else None)
            self.cursor = min(self.cursor if same else 0, len(self._points) - 1)
            self._lay_out()
        self.refresh()

    def on_resize(self) -> None:
        """Recompute the map for the new size."""
        self._lay_out()
        self.refresh()

    def notify_style_update(self) -> None:
        """Drop the cached colours."""
        super().notify_style_update()
        self._styles = {}

    def _lay_out(self) -> None:
        insight = self._scene.insight
        if insight is None or self._limits is None:
            return
        width, height = self.size
        self._plane = Plane(insight, self._points, self._limits, width, height - _ABOVE - _BELOW)
        self._dots = self._plane.dots()

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor to the next image in a direction."""
        if self._plane is not None:
            self._go_to(self._plane.next_image(self.cursor, rows, columns))

    def on_click(self, event: Click) -> None:
        """Select the image nearest to the mouse."""
        offset = event.get_content_offset(self)
        if self._plane is not None and offset is not None and self.can_focus:
            self._go_to(self._plane.nearest_image(offset.y - _ABOVE, offset.x))

    def _go_to(self, at: int) -> None:
        if at != self.cursor:
            self.cursor = at
            self.refresh()
            self.post_message(self.Moved())

    def render_line(self, y: int) -> Strip:
        """Return one line."""
        insight, (width, height) = self._scene.insight, self.size
        if insight is None or self._plane is None:
            words = "Available after the first epoch." if y == height // 2 else ""
            muted = self.get_component_rich_style("map--muted")
            return Strip([Segment(words.center(width), muted)]).adjust_cell_length(width, self.rich_style)
        if y < _ABOVE:
            words = f"epoch {insight.epoch}, images shown by true class"
            if self._mark is not None:
                words = "✚ your drawing"
            elif self.can_focus:
                words = point_in_words(self._scene, self.cursor)
            line = [Segment(words, self.get_component_rich_style("map--words"))]
        elif y >= height - _BELOW:
            line = [Segment(self._axes(insight), self.get_component_rich_style("map--muted"))]
        else:
            line = self._row(y - _ABOVE)
        return Strip(line).adjust_cell_length(width, self.rich_style)

    def _axes(self, insight: Insight) -> str:
        if len(insight.center) > 2:
            kept, features = format_percent(insight.kept, 1), len(insight.center)
            long = f"first two principal components: {kept} of the variance of {features} features"
            return long if len(long) <= self.size.width else f"PCA: {kept} of the variance"
        left, right, bottom, top = (fixed(limit, 2) for limit in self._limits or Limits(0, 1, 0, 1))
        across = f"→ feature 1: {left} to {right}"
        if len(insight.center) == 1:
            return across
        long = f"{across}   ↑ feature 2: {bottom} to {top}"
        return long if len(long) <= self.size.width else f"→ {left} to {right}   ↑ {bottom} to {top}"

    def _row(self, row: int) -> list[Segment]:
        if row >= len(self._dots) or self._plane is None:
            return []
        chosen = self._plane.cells[self.cursor] if self._points and self.can_focus else None
        marks = self._scene.marks
        segments = []
        for column, dot in enumerate(self._dots[row]):
            if (row, column) == self._mark:
                segments.append(Segment("✚", self._style(Dot(region=dot.region)) + Style(reverse=True, bold=True)))
            elif (row, column) == chosen:
                label = self._scene.insight.labels[self.cursor] if self._scene.insight else 0
                _, _, background, color = self.colors
                style = Style(color=background.rich_color, bgcolor=color.rich_color, bold=True)
                segments.append(Segment(marks[label], style))
            else:
                sign = marks[dot.label] if dot.label is not None else " "
                segments.append(Segment(sign, self._style(dot)))
        return segments

    def _style(self, dot: Dot) -> Style:
        key = dot.label, dot.region, dot.wrong
        if key not in self._styles:
            _, _, background, color = self.colors
            ground = background
            if dot.region is not None:
                ground = background.blend(ink(dot.region, self.app), _TINT, 1)
            front = color if dot.label is None else legible(ink(dot.label, self.app), (ground,))
            self._styles[key] = Style(
                color=front.rich_color, bgcolor=ground.rich_color, bold=dot.label is not None, underline=dot.wrong
            )
        return self._styles[key]


def point_in_words(scene: Scene, at: int) -> str:
    """Describe an image on the map: `4 taken for 9, 93% sure, image 1,234`."""
    insight = scene.insight
    if insight is None or at >= len(insight.labels):
        return ""
    image, label = at * insight.stride, insight.labels[at]
    predicted = insight.predictions[image]
    what = "recognised" if label == predicted else f"taken for {scene.names[predicted]}"
    return f"{scene.names[label]} {what}, {insight.sureness(image)} sure, image {image:,}"


class ClassesCard(Card):
    """The accuracy of each class, and its mean position if the map shows the feature values themselves.

    Names that are longer than their mark on the map are shown beside it.
    """

    def show(self, scene: Scene) -> None:
        """Show the classes of a scene; many of them in several columns, without their positions."""
        insight = scene.insight
        if insight is None:
            self.put(Content(""))
            return
        several = len(scene.names) > MOST_CLASSES
        plain = len(insight.center) <= 2 and not several
        self.border_title = "Class, accuracy, mean" if plain else "Class, accuracy"
        names = [
            name if name == mark else f"{mark} {name}" for name, mark in zip(scene.names, scene.marks, strict=True)
        ]
        widest = min(max(2, *map(cell_len, names)), 14 if plain else 22)
        cells = []
        for number, name in enumerate(names):
            points = [point for point, label in zip(insight.points, insight.labels, strict=True) if label == number]
            middle = ""
            if points and plain:
                x, y = (sum(point[axis] for point in points) / len(points) for axis in (0, 1))
                middle = f"{fixed(x, 2):>6} {fixed(y, 2):>6}"
            share = format_percent(insight.class_accuracy[number], 1)
            cells.append(f"{set_cell_size(name, widest)}{share:>7} {middle}".rstrip())
        columns = max(1, (_ROOM + 1) // (widest + 8)) if several else 1
        rows = -(-len(cells) // columns)
        lines = [" ".join(cells[row::rows]).rstrip() for row in range(rows)]
        self.put(Content("\n".join(lines)))


class FeaturesView(Container):
    """The map, the image under its cursor, and the classes."""

    DEFAULT_CSS = """
    FeaturesView {
        #point { width: 34; }
        #point-image { height: 1fr; }
        .card { height: auto; border: round $frame; border-title-color: $text-muted; padding: 0 1; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="features-view")
        self._scene = Scene()

    def compose(self) -> ComposeResult:
        """Create the film bar, the map, the image under the cursor and the classes."""
        yield FilmBar()
        with Horizontal():
            yield MapView(id="map")
            with Vertical(id="point"):
                yield DigitsView(id="point-image")
                classes = ClassesCard()
                classes.id = "classes"
                yield classes

    def show(self, scene: Scene) -> None:
        """Show a scene."""
        self._scene = scene
        self.query_one(FilmBar).show(scene)
        self.query_one(MapView).show(scene)
        self.query_one(ClassesCard).show(scene)
        self._show_image()

    @on(MapView.Moved)
    def _show_image(self) -> None:
        scene, view = self._scene, self.query_one("#point-image", DigitsView)
        at = self.query_one(MapView).cursor
        if scene.insight is None or not scene.insight.points:
            view.show(None, (), (), again=True)
            return
        image = at * scene.insight.stride
        words = point_in_words(scene, at).partition(", image")[0]
        view.show(scene.pictures, [Tile(image, words)], (f"Image {image:,}",), again=True, is_ink=scene.is_ink)
