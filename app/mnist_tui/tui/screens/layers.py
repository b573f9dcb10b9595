"""Shows the layers of a run's network."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import DataTable, Static

from mnist_tui.core.layers import Layer
from mnist_tui.report.formatting import printable
from mnist_tui.report.layers import EXPLAINED, NUMBERS, TITLES, layer_rows
from mnist_tui.tui.screens.dialog import Dialog


class LayersScreen(Dialog[None]):
    """A table of layers.

    Args:
        title: Which network it is.
        layers: Its layers.
    """

    KEYS = (("↑ ↓ ← →", "Scroll"), ("Esc", "Back"))
    DEFAULT_CSS = """
    LayersScreen > .dialog { width: 90; }
    LayersScreen DataTable { height: auto; max-height: 70vh; background: $surface; }
    """

    def __init__(self, title: str, layers: Sequence[Layer]) -> None:
        super().__init__()
        self._title, self._layers = title, layers

    def box(self) -> ComposeResult:
        """The table, and what its columns mean."""
        with Vertical(classes="dialog") as box:
            box.border_title = f"Layers of {printable(self._title)}"
            yield DataTable[Text](cursor_type="row", zebra_stripes=True)
            yield Static(EXPLAINED, classes="hint")

    def fill(self) -> None:
        """Fill the table."""
        table: DataTable[Text] = self.query_one(DataTable)
        for at, title in enumerate(TITLES):
            table.add_column(Text(title, justify="right" if at >= NUMBERS else "left"))
        for row in layer_rows(self._layers):
            table.add_row(*(Text(cell, justify="right" if at >= NUMBERS else "left") for at, cell in enumerate(row)))
