"""What can be read again, searched and taken along."""

import csv
import io

from textual.widgets import Input

from mnist_tui.tui.screens.help import HelpScreen
from mnist_tui.tui.screens.log import LogScreen
from tests.tui.helpers import run_to_the_end, screen_text, settle


async def test_the_help_can_be_searched(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("question_mark", "slash", *"learning rate")
        await settle(pilot)
        text = screen_text(app)
        assert "Change the learning rate of the current run" in text
        assert "Show the queue, past runs" not in text
        await pilot.press("enter")
        assert not app.screen.query_one(Input).has_focus
        await pilot.press("slash", *"xyz")
        await settle(pilot)
        assert "Nothing here has" in screen_text(app)
        await pilot.press("escape")
        assert not isinstance(app.screen, HelpScreen)


async def test_notices_and_stray_output_can_be_read_again(make_app, home):
    (home / "logs").mkdir(parents=True)
    (home / "logs" / "app.log").write_text("a library's warning \x1b[31m in red\n")
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("p", "escape")
        await settle(pilot)
        assert "No run is in progress." not in screen_text(app)
        await pilot.press("L")
        await settle(pilot)
        assert isinstance(app.screen, LogScreen)
        text = screen_text(app)
        assert "No run is in progress. Press r to start one." in text
        assert "a library's warning" in text
        assert "\x1b[31m" not in text


async def test_numbers_can_be_copied(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("Y")
        await settle(pilot)
        assert "There is nothing to copy yet." in screen_text(app)
        await run_to_the_end(pilot, "E", "3", "enter", "r")
        await pilot.press("escape", "Y")
        await settle(pilot)
        rows = list(csv.DictReader(io.StringIO(app.clipboard)))
        history = app.state.run.history
        assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
        assert [float(row["val_accuracy"]) for row in rows] == [e.val_accuracy for e in history]
        await pilot.press("2", "Y")
        await settle(pilot)
        assert app.clipboard.startswith("| Epochs | Features | Last Epoch Accuracy |")


async def test_the_theme_and_the_dots_say_what_they_are(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("v")
        await settle(pilot)
        assert f"Theme: {app.theme}." in screen_text(app)
        await run_to_the_end(pilot, "E", "3", "enter", "r")
        await pilot.press("escape")
        assert any("\u2801" <= sign <= "\u28ff" for sign in screen_text(app))
        await pilot.press("B")
        await settle(pilot)
        assert "half blocks" in screen_text(app)
        assert not any("\u2801" <= sign <= "\u28ff" for sign in screen_text(app))
