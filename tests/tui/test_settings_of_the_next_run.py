"""The settings of the next run: keys, numbers that are typed, arrows, and the form for grids."""

import re

import pytest
from textual.widgets import Input, Static

from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.screens.entry import EntryScreen
from mnist_tui.tui.screens.new_runs import NewRunsScreen
from tests.tui.helpers import SLOW_S, screen_text, settle, until


async def test_epochs_and_features_change_with_single_keys_for_the_next_run(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", "f")
        await settle(pilot)
        assert (app.work.spec.epochs, app.work.spec.features) == (15, 4)
        assert "15 epochs" in screen_text(app)
        await pilot.press("w", "w", "d", "d")
        assert (app.work.spec.epochs, app.work.spec.features) == (5, 2)
        await pilot.press("d")
        assert app.work.spec.features == 2


async def test_any_number_can_be_typed_and_a_bad_one_changes_nothing(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", "3", "enter")
        await pilot.press("F", "7", "enter")
        assert (app.work.spec.epochs, app.work.spec.features) == (3, 7)
        await pilot.press("F", "6", "0", "0", "enter")
        await settle(pilot)
        assert isinstance(app.screen, EntryScreen)
        assert "from 1 to 512" in screen_text(app)
        await pilot.press("escape")
        assert app.work.spec.features == 7


async def test_a_changed_setting_says_that_it_is_for_the_next_run(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("f")
        await settle(pilot)
        assert "Next run" in screen_text(app)
        assert app.state.run.spec.features == 2
        app.session.control.stop()


async def test_the_arrows_beside_the_settings_can_be_clicked(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        line = next(i for i, text in enumerate(screen_text(app).splitlines()) if "◂ 10 epochs ▸" in text)
        column = screen_text(app).splitlines()[line].index("▸")
        await pilot.click(offset=(column, line))
        assert app.work.spec.epochs == 15


@pytest.mark.parametrize("typed", ["1e9", "1_000", "2.5", "-3", "", "9" * 5000])
async def test_what_is_no_whole_number_is_told_and_changes_nothing(make_app, typed):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E")
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, EntryScreen)
        assert "must be a whole number from 1 to 100,000, not" in " ".join(screen_text(app).split())
        await pilot.press("escape")
        assert app.work.spec.epochs == 10


async def test_the_form_makes_a_grid_and_refuses_what_it_cannot_use(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("N")
        form = app.screen
        assert isinstance(form, NewRunsScreen)
        form.query_one("#epochs", Input).value = "1,2"
        form.query_one("#features", Input).value = "2,4,8"
        form.query_one("#seed", Input).value = "0-1"
        await settle(pilot)
        assert re.search(r"12 runs, about \d+ s|12 runs, about \dm", screen_text(app))
        form.query_one("#features", Input).value = "0"
        await settle(pilot)
        assert "from 1 to 512" in screen_text(app)
        await pilot.click("#start")
        assert app.screen is form
        form.query_one("#features", Input).value = "4"
        await settle(pilot)
        await pilot.click("#start")
        await until(pilot, lambda: app.state.finished_sweep is not None)
        await settle(pilot)
        assert len(app.state.runs) == 4
        text = screen_text(app)
        assert "±" in text
        assert "mean ± sample standard deviation" in text


async def test_a_grid_of_any_size_is_answered_at_once_and_one_of_days_is_asked_about(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("N")
        form = app.screen
        for field, text in (("epochs", "1-1000"), ("features", "1-512"), ("seed", "0-999")):
            form.query_one(f"#{field}", Input).value = text
        await settle(pilot)
        assert "at most 10,000 runs, and this one has 512,000,000" in str(form.query_one("#error", Static).render())
        form.query_one("#epochs", Input).value = "9" * 5000
        await settle(pilot)
        assert "Epochs cannot be as large as" in str(form.query_one("#epochs-error", Static).render())
        form.query_one("#epochs", Input).value = "5000"
        form.query_one("#features", Input).value = "2-101"
        form.query_one("#seed", Input).value = "0"
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        assert "100 runs will take about" in screen_text(app)
        await pilot.press("enter")
        await settle(pilot)
        assert not app.session.queue.waiting
        assert not app.session.active


async def test_the_form_can_be_filled_by_keys_alone(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("N", *"1,2", "tab", "4", "tab", *"0-1", "enter")
        await until(pilot, lambda: app.state.finished_sweep is not None)
        specs = [run.spec for run in app.state.runs.values()]
        assert {(spec.epochs, spec.features, spec.seed) for spec in specs} == {
            (1, 4, 0),
            (2, 4, 0),
            (1, 4, 1),
            (2, 4, 1),
        }
