"""The home that the store lies in."""

import os

import platformdirs
import pytest

from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.stored import Checkpoint
from mnist_tui.errors import StoreError
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store
from mnist_tui.store.home import home as chosen_home
from mnist_tui.store.home import make_home, tables_folder
from tests.builders import run_events, run_state
from tests.store.helpers import fails, fill, read, record


def test_everything_kept_is_private_to_the_user(home):
    old = os.umask(0o022)
    try:
        with Store.open(home) as store:
            record(store, run_events()[:2])
            while_live = {path.name: path.stat().st_mode for path in [home, *home.rglob("*")]}
        after = {path.name: path.stat().st_mode for path in [home, *home.rglob("*")]}
    finally:
        os.umask(old)
    assert DATABASE in while_live
    assert {name: oct(mode) for name, mode in (while_live | after).items() if mode & 0o077} == {}


def test_the_home_is_the_one_named_or_that_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "mine"))
    assert chosen_home() == tmp_path / "mine"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_TUI_HOME", "mine")
    assert chosen_home() == tmp_path / "mine"
    for unset in (lambda: monkeypatch.setenv("MNIST_TUI_HOME", ""), lambda: monkeypatch.delenv("MNIST_TUI_HOME")):
        unset()
        assert chosen_home() == platformdirs.user_data_path("mnist-tui")


@pytest.mark.parametrize("taken", ["home", "home/deep"])
def test_a_file_in_place_of_the_home_is_told_and_left_alone(tmp_path, taken):
    path = tmp_path / taken
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    place = tmp_path / "home" / "deep"
    for act in (lambda: make_home(place), lambda: Store.open(place), lambda: Store.open_readonly(place)):
        error = fails(act)
        assert str(place) in error.what
        assert "MNIST_TUI_HOME" in error.next_step
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["with space", "50%", "a?b#c", "ü🙂"])
def test_a_home_may_have_any_name(tmp_path, name):
    fill(tmp_path / name, "run-1")
    assert read(tmp_path / name) == run_state("run-1")
    assert (tmp_path / name / DATABASE).stat().st_size > 0


def test_an_event_is_handed_on_only_when_another_reader_can_find_it(home, store):
    for event in store.recorded(run_events("run-1")):
        with Store.open_readonly(home) as reader:
            assert event in list(reader.events("run-1"))


# Other users ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_what_is_kept_is_private_under_any_umask_in_a_home_that_was_open_to_all(home, umask, mode):
    home.mkdir()
    home.chmod(mode)
    old = os.umask(umask)
    try:
        with Store.open(home) as store:
            store.add_waiting([QueuedRun("run-2", RunSpec())], "session")
            start, *epochs = run_events()
            record(store, [start, Checkpoint(run="run-1", epoch=0, batch=1, data=b"weights"), *epochs])
        tables_folder(home)
    finally:
        os.umask(old)
    for path in home.rglob("*"):
        expected = 0o700 if path.is_dir() else 0o600
        assert path.stat().st_mode & 0o777 == expected, path


def test_what_an_older_version_left_open_is_made_private(home):
    fill(home)
    for name in ("tables", "locks", "checkpoints"):
        (home / name).mkdir(exist_ok=True)
        (home / name).chmod(0o755)
    (home / DATABASE).chmod(0o644)
    with Store.open(home) as store:
        record(store, [run_events()[0], Checkpoint(run="run-1", epoch=0, batch=1, data=b"weights")])
        tables_folder(home)
        modes = {path.name: path.stat().st_mode & 0o777 for path in home.iterdir()}
    assert modes.pop(DATABASE) == 0o600
    assert modes["locks"] == modes["checkpoints"] == modes["tables"] == 0o700


@pytest.mark.parametrize(("opened", "parts"), [(Store.open, ["a" * 250] * 4), (Store.open_readonly, ["a" * 300])])
def test_a_path_that_is_too_long_is_told_with_what_to_do(tmp_path, opened, parts):
    with pytest.raises(StoreError, match=r"is too long a path\. Set MNIST_TUI_HOME to a shorter one"):
        opened(tmp_path.joinpath(*parts))
