"""Sortable tables, for past runs and the comparison."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby, pairwise
from typing import Final, TypeAlias

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import on
from textual.message import Message
from textual.widgets import DataTable

from mnist_tui.core.fields import REPORT_COLUMNS
from mnist_tui.core.table import Column, sort_rows
from mnist_tui.core.units import Unit

MAX_ROWS: Final = 500
"""Maximum rows drawn, in the chosen order: more would be slow and nobody reads them."""


REPORT_KEYS: Final = frozenset(column.key for column in REPORT_COLUMNS)
_Measured: TypeAlias = tuple[Column, Text, int]
"""A column, its heading, and its width in cells."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row.

    Attributes:
        key: Row key.
        label: Symbol in front of the row.
        cells: Text by column key.
        order: Sort value by column key; `None` sorts last.
        group: Rows are sorted within their groups, which keep their order.
        is_head: The row stands above its group, however that is sorted.
        is_joined: A bracket joins it to the others of its group.
    """

    key: str
    label: Text
    cells: dict[str, Text]
    order: dict[str, float | str | None]
    group: int = 0
    is_head: bool = False
    is_joined: bool = False


class SortableTable(DataTable[Text]):
    """A table that can be sorted by clicking a heading or pressing a key. Titles wrap so that more columns fit.

    Args:
        id: Widget id.
        required: Keys of the columns that are always shown; the others are shown if they fit.
    """

    ALLOW_MAXIMIZE = True

    DEFAULT_CSS = """
    SortableTable {
        /* It would take up a row; the border lists the hidden columns. */
        scrollbar-size-horizontal: 0;
        & > .datatable--header-cursor { background: $surface; color: $foreground; }
        & > .datatable--header-hover { background: $surface; }
    }
    """

    @dataclass
    class Refilled(Message):
        """The rows or columns have changed."""

        table: SortableTable

        @property
        def control(self) -> SortableTable:
            """The table, for the selectors of `on`."""
            return self.table

    def __init__(self, *, id: str, required: Collection[str] = REPORT_KEYS) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, cursor_type="row", zebra_stripes=True, cell_padding=1)
        self._shown: tuple[Column, ...] = ()
        self._rows: tuple[TableRow, ...] = ()
        self._drawn: list[TableRow] = []
        self._sort: str | None = None
        self._reverse = False
        self.required = required
        self.hidden: tuple[str, ...] = ()
        """Titles of the columns that did not fit."""

    def set_rows(self, columns: Sequence[Column], rows: Sequence[TableRow]) -> None:
        """Show these rows in the chosen order, keeping the cursor on its row."""
        before = self._shown, self._rows
        self._shown, self._rows = tuple(columns), tuple(rows)
        if before == (self._shown, self._rows):
            return
        if self._sort is not None and self._sort not in {column.key for column in columns}:
            self._sort, self._reverse = None, False
        if before[0] != self._shown or not self._change_cells():
            self._refill()

    def _render_cell(
        self,
        row_index: int,
        column_index: int,
        base_style: Style,
        width: int,
        cursor: bool = False,
        hover: bool = False,
    ) -> list[list[Segment]]:
        """Draw a cell; row labels keep their colour under the cursor, as it matches the curve of a marked run."""
        is_label = column_index < 0
        return super()._render_cell(
            row_index, column_index, base_style, width, cursor and not is_label, hover and not is_label
        )

    def on_resize(self) -> None:
        """Fit the columns to the new width."""
        self._refill()

    @property
    def current_key(self) -> str | None:
        """Key of the row under the cursor."""
        if not self.row_count:
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    @property
    def sorting(self) -> tuple[str, bool]:
        """The key of the column that it is sorted by, empty for none, and whether that is reversed."""
        return self._sort or "", self._reverse

    def sort_by(self, key: str, *, reverse: bool) -> None:
        """Sort by a column, as soon as there is one with this key; an empty key restores the original order."""
        self._sort, self._reverse = key or None, reverse
        if not key or key in {column.key for column in self._shown}:
            self._refill()

    def sort_next(self) -> None:
        """Sort by the next visible column; after the last one, restore the original order."""
        keys = [None, *(key.value for key in self.columns)]
        at = keys.index(self._sort) if self._sort in keys else 0
        self._sort = keys[(at + 1) % len(keys)]
        self._refill()

    def turn_round(self) -> None:
        """Reverse the order."""
        self._reverse = not self._reverse
        self._refill()

    @on(DataTable.HeaderSelected)
    def _sort_by_heading(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        key = event.column_key.value
        self._reverse = not self._reverse if key == self._sort else False
        self._sort = key
        self._refill()

    def _in_order(self) -> list[TableRow]:
        """Return the visible rows, sorted."""
        rows, sort = list[TableRow](), self._sort
        for _, group in groupby(self._rows, lambda row: row.group):
            heads: list[TableRow] = []
            others: list[TableRow] = []
            for row in group:
                (heads if row.is_head else others).append(row)
            if sort is not None:
                others = sort_rows(others, lambda row: row.order.get(sort), reverse=self._reverse)
            elif self._reverse:
                others.reverse()
            rows += heads + _joined(others)
        return rows[:MAX_ROWS]

    def _change_cells(self) -> bool:
        """Update only the changed cells, such as those of a run in progress; return False if a refill is needed."""
        rows = self._in_order()
        if [(row.key, row.label) for row in rows] != [(row.key, row.label) for row in self._drawn]:
            return False
        widths = {key.value or "": column.width for key, column in self.columns.items()}
        changes = [
            (row.key, key, row.cells[key])
            for row, drawn in zip(rows, self._drawn, strict=True)
            if row is not drawn
            for key in widths
            if row.cells[key] != drawn.cells[key]
        ]
        if any(cell.cell_len > widths[key] for _, key, cell in changes):
            return False
        for row_key, key, cell in changes:
            self.update_cell(row_key, key, cell)
        self._drawn = rows
        return True

    def _refill(self) -> None:
        # A cursor that was never moved stays on the first row (the newest run); otherwise it follows its row.
        current = self.current_key if self.has_focus or self.cursor_row else None
        self.clear(columns=True)
        rows = self._drawn = self._in_order()
        self.show_row_labels = any(row.label for row in rows)
        labels = 2 * self.cell_padding + max((row.label.cell_len for row in rows), default=0)
        room = self.size.width - (labels if self.show_row_labels else 0) - self.scrollbar_size_vertical
        # Use the smallest heading height that fits the most columns.
        ways = [self._fitting([(c, *self._measured(c, rows, n)) for c in self._shown], room) for n in (1, 2, 3)]
        chosen, _ = found = max(ways, key=lambda way: (min(0, way[1]), len(way[0])))
        self.header_height = ways.index(found) + 1
        for column, title, width in chosen:
            self.add_column(title, key=column.key, width=width)
        keys = [column.key for column, *_ in chosen]
        self.hidden = tuple(column.title for column in self._shown if column.key not in keys)
        for row in rows:
            self.add_row(*(row.cells[key] for key in keys), key=row.key, label=row.label.copy())
        if current is not None and current in self.rows:
            self.move_cursor(row=self.get_row_index(current), animate=False)
        self.post_message(self.Refilled(self))

    def _fitting(self, measured: Sequence[_Measured], room: int) -> tuple[list[_Measured], int]:
        """Return the columns that fit in `room` cells, the required ones and as many others as possible.

        Also returns the cells left over; they are negative if not even the required columns fit.
        """
        spare = room - sum(width + 2 * self.cell_padding for c, _, width in measured if c.key in self.required)
        chosen = []
        for column, title, width in measured:
            if column.key not in self.required:
                if width + 2 * self.cell_padding > spare:
                    continue
                spare -= width + 2 * self.cell_padding
            chosen.append((column, title, width))
        return chosen, spare

    def _measured(self, column: Column, rows: Sequence[TableRow], lines: int) -> tuple[Text, int]:
        """Return a title wrapped to `lines` lines, with the sort arrow, and the width of the column."""
        arrow = "" if column.key != self._sort else "▼" if self._reverse else "▲"
        is_text = column.unit is Unit.TEXT
        title = Text(_broken(column.title, lines) + arrow, justify="left" if is_text else "right")
        # Measured here, because a table that is refilled while hidden would keep the widths of its titles.
        cells = (row.cells[column.key].cell_len for row in rows)
        return title, max((*(line.cell_len for line in title.split()), *cells))


def _joined(rows: list[TableRow]) -> list[TableRow]:
    """Return the rows of a group with a bracket in front, if they are to be joined."""
    if len(rows) < 2 or not rows[0].is_joined:
        return rows
    signs = ["┌", *"│" * (len(rows) - 2), "└"]
    return [replace(row, label=Text(sign) + row.label) for sign, row in zip(signs, rows, strict=True)]


def _broken(title: str, lines: int) -> str:
    """Wrap a title to `lines` lines, as narrow as possible; short titles are aligned to the bottom."""
    words = title.split()
    count = min(lines, len(words))
    ways = [
        [" ".join(words[i:j]) for i, j in pairwise((0, *breaks, len(words)))]
        for breaks in combinations(range(1, len(words)), count - 1)
    ]
    best = min(ways, key=lambda way: max(map(len, way)))
    return "\n".join([""] * (lines - count) + best)
