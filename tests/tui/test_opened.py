"""The app on the runs of other tools: they are looked at, and nothing else."""

import shutil
from pathlib import Path

import pytest

from mnist_tui.runtime.backends import Backends
from mnist_tui.runtime.opening import Opened
from mnist_tui.store.database import Store
from mnist_tui.tui.app import MnistTuiApp
from mnist_tui.tui.widgets.settings import SettingsBar
from tests.formats.conftest import DATA
from tests.tui.helpers import screen_text, settle, until


def train_nothing(*_, **__):
    raise AssertionError("nothing is trained here")


@pytest.fixture
def app(home, tmp_path):
    shutil.copytree(DATA / "tensorboard", tmp_path / "logs")
    with Store.open(tmp_path / "copies", is_durable=False) as store:
        list(Opened(store, [tmp_path / "logs"], clock=lambda: 1e12).look())
    home.mkdir()
    return MnistTuiApp(Backends(train_nothing, opened=tmp_path / "copies"), home)


async def test_runs_are_listed_drawn_compared_and_exported_into_the_own_home(app, home):
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert app.tab == "runs-pane"
        screen = screen_text(app)
        assert all(name in screen for name in ("plain", "restarted", "keras", "other"))
        await pilot.press("slash", *"plain", "enter", "enter")
        await settle(pilot)
        assert app.tab == "live"
        screen = screen_text(app)
        assert "source    TensorBoard: plain" in screen
        assert "no epoch yet" not in screen
        await pilot.press("2", "u")
        await until(pilot, lambda: "Saved in" in screen_text(app))
        await pilot.press("escape", "space", "slash", *"keras", "enter", "space", "C")
        await until(pilot, lambda: "the first is the baseline" in screen_text(app))
        screen = screen_text(app)
        assert "Status" in screen
        assert "Until" not in screen, "the files say nothing of epochs"
    assert list((home / "tables").iterdir())
    assert not (home / "runs.db").exists()


async def test_what_would_train_or_change_a_run_says_why_it_does_not(app):
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert not app.query_one(SettingsBar).display
        for key in ("r", "n", "t", "N", "p", "x", "f", "e", "b", "g", "M"):
            await pilot.press(key)
            await pilot.pause()
            assert "Other tools' runs are only shown here" in screen_text(app), key
            await pilot.press("L", "escape")
        for key in ("a", "delete", "Z"):
            await pilot.press(key)
            await pilot.pause()
            assert "mnist-tui import" in screen_text(app), key
        assert not app.session.active


async def test_the_list_comes_first_on_small_screens_too(app):
    for size in ((80, 24), (60, 18), (40, 12)):
        async with MnistTuiApp(Backends(train_nothing, opened=Path("copies")), Path("home")).run_test(
            size=size
        ) as pilot:
            await settle(pilot)
            assert "Runs · 4" in screen_text(pilot.app)
