"""A table whose rows change while it is looked at."""

import pytest
from rich.text import Text
from textual.app import App

from mnist_tui.core.table import Column
from mnist_tui.core.units import Direction, Unit
from mnist_tui.tui.widgets.tables import SortableTable, TableRow
from tests.tui.helpers import screen_text, settle

COLUMNS = [
    Column("name", "Name", Unit.TEXT, Direction.NONE, ""),
    Column("val", "Val", Unit.COUNT, Direction.NONE, ""),
]


class TableApp(App[None]):
    def compose(self):
        yield SortableTable(id="table", required={"name", "val"})


def row(name, val, label=""):
    return TableRow(name, Text(label), {"name": Text(name), "val": Text(str(val))}, {"name": name, "val": val})


@pytest.fixture
async def filled():
    app = TableApp()
    async with app.run_test(size=(60, 40)) as pilot:
        table = app.query_one(SortableTable)
        table.focus()
        table.set_rows(COLUMNS, [row("a", 10), row("b", 20), row("c", 30)])
        await pilot.pause()

        async def show(*rows):
            """Give the table these rows; return those on the screen."""
            table.set_rows(COLUMNS, rows)
            await settle(pilot)
            _title, *lines = [line.split() for line in screen_text(app).splitlines() if line.strip()]
            return lines

        yield table, show


async def test_a_number_that_changes_is_drawn_and_nothing_else_is_built_again(filled, monkeypatch):
    table, show = filled
    table.move_cursor(row=1)
    monkeypatch.setattr(table, "clear", lambda columns: pytest.fail("the whole table was built again"))
    assert await show(row("a", 10), row("b", 21), row("c", 30)) == [["a", "10"], ["b", "21"], ["c", "30"]]
    assert await show(row("a", 10), row("b", 9), row("c", 31)) == [["a", "10"], ["b", "9"], ["c", "31"]]
    assert table.current_key == "b"


async def test_what_is_wider_than_its_column_gets_the_room_that_it_needs(filled):
    _, show = filled
    assert await show(row("a", 123_456_789), row("b", 20), row("c", 30)) == [
        ["a", "123456789"],
        ["b", "20"],
        ["c", "30"],
    ]


async def test_rows_move_to_where_their_numbers_belong(filled):
    table, show = filled
    table.sort_next()
    table.sort_next()
    assert await show(row("a", 10), row("b", 20), row("c", 5)) == [["c", "5"], ["a", "10"], ["b", "20"]]


async def test_rows_that_come_go_or_get_a_sign_are_drawn(filled):
    _, show = filled
    assert await show(row("d", 40), row("a", 10)) == [["d", "40"], ["a", "10"]]
    assert await show(row("d", 40, "●1"), row("a", 10)) == [["●1", "d", "40"], ["a", "10"]]
