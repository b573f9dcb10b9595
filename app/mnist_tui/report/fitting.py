"""A table that fits any terminal: first columns are dropped, then cells wrap, then rows become lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class TextColumn:
    """One column of a table.

    Attributes:
        title: May wrap between words; cells wrap only as a last resort.
        cells: One per row.
        right: Right-align, for numbers.
        gives_way: The column with the highest number is dropped first; 0 means never.
    """

    title: str
    cells: Sequence[Text]
    right: bool = False
    gives_way: int = 0

    def width(self, *, broken: bool) -> int:
        """Return the width that the column needs, with its cells wrapped or not."""
        lines = self.title.split()
        for cell in self.cells:
            lines += (_broken(cell) if broken else cell).plain.split("\n")
        return max(map(cell_len, lines))


def print_fitting(columns: Sequence[TextColumn], out: Console) -> list[str]:
    """Print a table no wider than `out`; return the titles of the columns that were dropped."""
    optional = sorted((c for c in columns if c.gives_way), key=lambda c: c.gives_way, reverse=True)
    for broken in (False, True):
        gap = 1 if broken else 2
        for n_hidden in range(len(optional) + 1):
            hidden = optional[:n_hidden]
            shown = [c for c in columns if c not in hidden]
            if sum(c.width(broken=broken) + gap for c in shown) - 1 <= out.width:
                out.print(_table(shown, out.width, broken=broken))
                return [c.title for c in columns if c in hidden]
    out.print(_lists(columns, out.width))
    return []


def _table(columns: Sequence[TextColumn], room: int, *, broken: bool) -> Table:
    padding = (0, 0) if broken else (0, 1, 0, 0)
    table = Table(box=box.SIMPLE_HEAD, padding=padding, pad_edge=False, show_edge=False, header_style="bold")
    widths = [column.width(broken=broken) for column in columns]
    room -= sum(width + 2 for width in widths)
    for column, needed in zip(columns, widths, strict=True):
        # From the left, keep titles on one line while there is room.
        more = max(0, cell_len(column.title) - needed)
        width = needed + (more if more <= room else 0)
        room -= width - needed
        table.add_column(Text(column.title), justify="right" if column.right else "left", width=width)
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(_broken(cell) if broken else cell for cell in cells))
    return table


def _broken(cell: Text) -> Text:
    """Wrap a cell before its standard deviation, or before the epoch of its status."""
    lines = cell.plain.replace(" ± ", "\n± ").replace(" at ", "\nat ")
    return Text(lines, cell.style)


def _lists(columns: Sequence[TextColumn], room: int) -> Table:
    longest_cell = max((cell.cell_len for column in columns for cell in column.cells), default=0)
    longest_word = max(cell_len(word) for column in columns for word in column.title.split())
    grid = Table.grid(padding=(0, 2, 0, 0))
    # Wrap titles before values.
    grid.add_column(max_width=max(longest_word, room - longest_cell - 4))
    grid.add_column(overflow="fold")
    for cells in zip(*(column.cells for column in columns), strict=True):
        for column, cell in zip(columns, cells, strict=True):
            grid.add_row(Text(column.title, "dim"), cell)
        grid.add_row()
    return grid
