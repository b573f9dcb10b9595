"""Cells and rows of tables of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.style import Style
from rich.text import Text
from textual.app import App
from textual.containers import Vertical

from mnist_tui.core.state import RunState
from mnist_tui.core.table import Column, ComparisonTable, Value, format_value
from mnist_tui.core.units import Unit
from mnist_tui.report.curves import MARK_INKS
from mnist_tui.report.formatting import printable, status_sign
from mnist_tui.report.runlist import RunColumn, RunGroup
from mnist_tui.tui.widgets.inks import ink, status_ink
from mnist_tui.tui.widgets.tables import TableRow

MAX_MARKED: Final = 8
"""Maximum marked runs: more curves would be indistinguishable."""
MAX_WAITING_SHOWN: Final = 200
"""Maximum queued runs shown, so that a long queue is cheap to redraw."""


class ComparisonPane(Vertical):
    """The comparison with its footnotes, which belong to it when it is zoomed, too."""

    ALLOW_MAXIMIZE = True


def head_row(group: RunGroup, number: int, columns: Sequence[RunColumn], *, is_folded: bool) -> TableRow:
    """Return the row above a group, with its means."""
    cells: dict[str, Text] = {}
    for column in columns:
        mean = group.mean(column)
        cells[column.column.key] = Text() if mean is None else cell_of(column.column, mean)
    cells[columns[0].column.key] = Text(printable(f"{group.title} ({len(group.runs)})"))
    for cell in cells.values():
        cell.stylize("bold")
    order = dict.fromkeys((column.column.key for column in columns), None)
    label = Text("▸" if is_folded else "▾")
    return TableRow(f"group {number} {group.title}", label, cells, {**order}, number, is_head=True)


def run_row(run: RunState, columns: Sequence[RunColumn], slot: int | None, app: App[Any]) -> TableRow:
    """Return the row of a run; `slot` is that of its mark."""
    values = {column.column.key: column.value(run) for column in columns}
    cells = {column.column.key: cell_of(column.column, values[column.column.key]) for column in columns}
    if "status" in cells:
        cells["status"].stylize(status_ink(run.status, app))
    order = {
        column.column.key: order_of(column.order(run) if column.order else values[column.column.key], None)
        for column in columns
    }
    label = Text(status_sign(run.status), status_ink(run.status, app))
    if slot is not None:
        label.append(f" ●{slot + 1}", slot_ink(slot, app))
    return TableRow(run.run, label, cells, order)


def slot_ink(slot: int, app: App[Any]) -> Style:
    """Return the bold style in the colour of a slot."""
    return Style(color=ink(MARK_INKS[slot], app).rich_color, bold=True)


def comparison_rows(table: ComparisonTable) -> list[TableRow]:
    """Return the rows of a comparison table for a `SortableTable`; a star marks the best of a column."""
    return [
        TableRow(
            key=row.runs[0],
            label=Text(),
            cells={c.key: cell_of(c, row.values[c.key], best=(i, c.key) in table.best) for c in table.columns},
            order={c.key: order_of(row.values[c.key], row.number(c.key)) for c in table.columns},
        )
        for i, row in enumerate(table.rows)
    ]


def cell_of(column: Column, value: Value, *, best: bool = False) -> Text:
    """Return a cell with a value; a star marks the best one."""
    text = "" if value is None and column.key in ("name", "tags") else printable(format_value(column, value))
    shown = f"★ {text}" if best else text
    return Text(shown, style="bold" if best else "", justify="left" if column.unit is Unit.TEXT else "right")


def order_of(value: Value, number: float | None) -> float | str | None:
    """Return what a value is sorted by."""
    return value if value is None or isinstance(value, str | int | float) else number
