"""Tables that sort: past runs and the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual import on
from textual.widgets import DataTable

from mnist_tui.core.table import Column, sort_rows


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row.

    Attributes:
        key: What the row stands for.
        label: A sign in front of the row.
        cells: Text by column key.
        order: Value to sort by, by column key; `None` sorts last.
    """

    key: str
    label: str
    cells: dict[str, Text]
    order: dict[str, float | str | None]


class SortableTable(DataTable[Text]):
    """A table whose heading, or a key, sorts it. Titles break into two lines so that the report's columns fit."""

    ALLOW_MAXIMIZE = True

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, cursor_type="row", zebra_stripes=True, header_height=2, cell_padding=1)
        self._shown: tuple[Column, ...] = ()
        self._rows: tuple[TableRow, ...] = ()
        self._sort: str | None = None
        self._reverse = False

    def set_rows(self, columns: Sequence[Column], rows: Sequence[TableRow]) -> None:
        """Show these rows, in the chosen order, with the cursor on the row it was on."""
        if (tuple(columns), tuple(rows)) != (self._shown, self._rows):
            self._shown, self._rows = tuple(columns), tuple(rows)
            if self._sort not in {column.key for column in columns}:
                self._sort = None
            self._refill()

    @property
    def current_key(self) -> str | None:
        """Key of the row under the cursor."""
        if not self.row_count:
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    def sort_next(self) -> None:
        """Sort by the next column; after the last one, in the order of arrival again."""
        keys = [None, *(column.key for column in self._shown)]
        self._sort = keys[(keys.index(self._sort) + 1) % len(keys)]
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

    def _refill(self) -> None:
        current = self.current_key
        self.clear(columns=True)
        for column in self._shown:
            arrow = "" if column.key != self._sort else " ▼" if self._reverse else " ▲"
            self.add_column(Text(_two_lines(column.title) + arrow, justify="right"), key=column.key)
        rows = list(self._rows)
        if self._sort is not None:
            sort = self._sort
            rows = sort_rows(rows, lambda row: row.order.get(sort), reverse=self._reverse)
        elif self._reverse:
            rows.reverse()
        for row in rows:
            self.add_row(*(row.cells[c.key] for c in self._shown), key=row.key, label=Text(row.label))
        if current is not None and current in self.rows:
            self.move_cursor(row=self.get_row_index(current), animate=False)


def _two_lines(title: str) -> str:
    """Break a title where its two lines become most equal."""
    words = title.split()
    if len(words) < 2:
        return f"\n{title}"
    breaks = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
    return "\n".join(min(breaks, key=lambda pair: max(map(len, pair))))
