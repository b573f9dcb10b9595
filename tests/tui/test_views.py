"""The Runs tab shown in other ways: groups by any setting, plots of all runs, views saved by name."""

import tomllib

import pytest

from mnist_tui.core.control import RunControl
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.demo import run_sweep
from mnist_tui.store.database import Store
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.widgets.tables import SortableTable
from tests.tui.helpers import screen_text, settle, until


@pytest.fixture
def filled(home):
    """A home with six runs: three features, two rates."""
    specs = [
        RunSpec(epochs=2, features=features, learning_rate=rate) for features in (2, 8, 32) for rate in (0.001, 0.01)
    ]
    with Store.open(home) as store:
        for _ in store.recorded(run_sweep(enqueue(specs), RunControl())):
            pass
    return home


def keys(app) -> list[str]:
    return [str(key.value) for key in app.query_one("#runs").rows]


async def choose(pilot, **parts: str) -> None:
    """Fill in fields of the form."""
    await pilot.press("V")
    await settle(pilot)
    for key, text in parts.items():
        pilot.app.screen.query_one(f"#{key}").value = text
    await pilot.press("enter")
    await settle(pilot)


async def test_runs_are_grouped_by_a_setting_with_the_mean_of_each_group_and_fold(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await choose(pilot, group="features")
        text = screen_text(app)
        assert "features 2 (2)" in text
        assert "features 32 (2)" in text
        assert "±" in text
        assert len(keys(app)) == 9
        view = app.query_one(RunsView)
        assert view.chosen is not None, "the cursor stays on its run"
        app.query_one("#runs", SortableTable).move_cursor(row=0)
        await settle(pilot)
        assert view.chosen is None
        for key in ("space", "a", "g", "delete"):
            await pilot.press(key)
            await settle(pilot)
            assert len(app.screen_stack) == 1, "the row above a group is no run"
        await pilot.press("enter")
        await settle(pilot)
        assert len(keys(app)) == 7
        assert "▸" in screen_text(app)
        await pilot.press("enter", "G")
        await settle(pilot)
        assert len(keys(app)) == 6
        await pilot.press("G")
        await settle(pilot)
        assert "features 2 (2)" in screen_text(app), "grouped as last time"


async def test_within_groups_runs_are_sorted_and_the_row_above_stays_above(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await choose(pilot, group="lr", sort="-features")
        features = [run.network.features if (run := app.work.known(key)) else 0 for key in keys(app)]
        assert features == [0, 32, 8, 2, 0, 32, 8, 2]


async def test_all_runs_are_plotted_as_points_and_as_lines(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "A")
        await settle(pilot)
        text = screen_text(app)
        assert "Val over features" in text
        assert text.count("•") >= 4
        assert "◆" in text
        await choose(pilot, across="lr", up="test", plot="scatter")
        assert "Test over lr" in screen_text(app)
        await pilot.press("A")
        await settle(pilot)
        assert "Runs by their settings" in screen_text(app)
        await pilot.press("A")
        await settle(pilot)
        assert "Val accuracy" in screen_text(app)


async def test_columns_can_be_chosen(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await choose(pilot, columns="lr, test")
        assert [str(key.value) for key in app.query_one("#runs").columns] == ["run", "learning_rate", "test_accuracy"]


async def test_what_runs_do_not_have_is_told_in_the_form(make_app, filled):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await choose(pilot, group="colour")
        assert "These runs have no 'colour'" in screen_text(app)
        await pilot.press("escape")
        await settle(pilot)
        assert len(keys(app)) == 6


async def test_a_view_is_saved_by_name_and_there_after_a_restart(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await choose(pilot, filter="features>2", group="features", sort="-lr", plot="parallel", name="wide nets")
        assert "Saved the view wide nets" in screen_text(app)
        await until(pilot, lambda: (filled / "settings.toml").exists())
        await until(pilot, lambda: "wide nets" in (filled / "settings.toml").read_text())
    stored = tomllib.loads((filled / "settings.toml").read_text())["views"]["wide nets"]
    assert stored == {"filter": "features>2", "group": "features", "sort": "-lr", "plot": "parallel"}
    again = make_app()
    async with again.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "V")
        await settle(pilot)
        assert "wide nets" in screen_text(again)
        await pilot.press("enter")
        await settle(pilot)
        assert "Runs · 4 of 6" in screen_text(again)
        assert "features 8 (2)" in screen_text(again)
        assert "Runs by their settings" in screen_text(again)
        await pilot.press("V", "delete")
        await settle(pilot)
        assert "Forgot the view wide nets" in screen_text(again)
        await until(pilot, lambda: "wide nets" not in (filled / "settings.toml").read_text())


async def test_a_view_that_the_file_spells_wrongly_is_told_and_kept(make_app, filled):
    text = '[views.odd]\nplot = "pie"\n\n[views.good]\nfilter = "val>1"\n'
    (filled / "settings.toml").write_text(text)
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        assert "the view 'odd' cannot be used" in screen_text(app)
        assert list(app.work.views) == ["good"]
    assert (filled / "settings.toml").read_text() == text


async def test_a_setting_that_was_switched_off_stays_off_after_a_restart(make_app, home):
    home.mkdir()
    (home / "settings.toml").write_text("[next_run]\nside = 12\nweight_decay = 0.1\n")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        assert app.work.spec.side == 12
        app.work.spec = RunSpec()
        await until(pilot, lambda: "side" not in (home / "settings.toml").read_text())
    assert make_app().work.spec == RunSpec()


async def test_a_name_with_brackets_is_listed_as_it_is(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await choose(pilot, group="lr", name="a[/b] [i]c")
        await pilot.press("V")
        await settle(pilot)
        assert "a[/b] [i]c" in screen_text(app)


async def test_what_is_sorted_by_is_a_column_and_stays_in_the_form(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await choose(pilot, columns="lr", sort="-features")
        features = [run.network.features if (run := app.work.known(key)) else 0 for key in keys(app)]
        assert features == [32, 32, 8, 8, 2, 2]
        assert app.query_one(RunsView).now.sort == "-features"


async def test_a_saved_view_of_what_these_runs_lack_is_told_when_it_is_chosen(make_app, filled):
    (filled / "settings.toml").write_text('[views.odd]\ngroup = "colour"\nplot = "scatter"\n')
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "V", "enter")
        await settle(pilot)
        assert "these runs have no 'colour'" in screen_text(app)
        assert "over features" in screen_text(app)
