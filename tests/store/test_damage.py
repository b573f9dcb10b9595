"""A store that cannot be read or written."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from mnist_tui.core import spec as spec_module
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.errors import UsageError
from mnist_tui.store import connection
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store
from tests.builders import epoch_done, run_events, run_state
from tests.store.helpers import OPENERS, fails, fill, listed, read, record


def overwrite(path, content):
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


def make_text(path):
    overwrite(path, b"this is a letter and not a database\n" * 200)


def make_half(path):
    fill(path.parent, *(f"run-{number}" for number in range(20)))
    path.write_bytes(path.read_bytes()[:5000])


def make_noise_inside(path):
    fill(path.parent, "run-1")
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))


def make_newer(path):
    fill(path.parent, "run-1")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1000")


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (make_text, "damaged"),
        (make_half, "damaged"),
        (make_noise_inside, "damaged"),
        (make_newer, "newer version"),
    ],
)
def test_a_file_that_is_no_store_of_this_version_is_told_and_left_unchanged(home, opener, make, sentence):
    path = home / DATABASE
    make(path)
    before = path.read_bytes()

    def open_and_list():
        with opener(home) as store:
            store.runs()

    error = fails(open_and_list)
    assert sentence in error.what
    assert str(path) in error.what
    assert error.next_step
    assert path.read_bytes() == before


@pytest.mark.parametrize("opener", OPENERS)
def test_a_database_of_another_program_is_told_and_keeps_its_tables(home, opener):
    path = home / DATABASE
    home.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE recipes (name); INSERT INTO recipes VALUES ('soup')")
        before = list(connection.iterdump())
    assert "not a mnist-tui store" in fails(lambda: opener(home)).what
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


@pytest.mark.parametrize("opener", OPENERS)
def test_an_empty_file_is_a_store_without_runs(home, opener):
    overwrite(home / DATABASE, b"")
    with opener(home) as store:
        assert store.runs() == []


def test_a_store_locked_by_another_program_is_told_and_works_afterwards(home, monkeypatch):
    fill(home, "run-1")
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(home / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        error = fails(lambda: fill(home, "run-2"))
        assert "locked by another program" in error.what
        assert error.next_step
        other.execute("ROLLBACK")
    fill(home, "run-2")
    assert len(listed(home)) == 2


def test_training_waits_longer_for_another_program_than_a_person_would(home, monkeypatch):
    fill(home)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(home / DATABASE, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.5, other.rollback)
        with Store.open_readonly(home):
            pass
        assert "locked by another program" in fails(lambda: Store.open(home)).what
        timer.start()
        with Store.open(home, patience_s=60) as store:
            record(store, run_events("run-2"))
        timer.join()
    assert read(home, "run-2") == run_state("run-2")


def test_a_home_that_is_not_there_has_no_runs_and_is_not_made_by_reading(home):
    with Store.open_readonly(home) as reader:
        assert reader.runs() == []
        for ask in (reader.run, lambda name: next(reader.events(name))):
            with pytest.raises(UsageError, match="no run 'last'"):
                ask("last")
    assert not home.exists()


def test_reading_leaves_the_database_as_it_is(home):
    fill(home, "run-1")
    before = (home / DATABASE).read_bytes()
    with Store.open_readonly(home) as reader:
        reader.runs()
        list(reader.events("last"))
    assert (home / DATABASE).read_bytes() == before


def test_a_store_opened_for_reading_takes_no_events(home):
    fill(home, "run-1")
    with Store.open_readonly(home) as reader:
        fails(lambda: reader.record(run_events("run-2")[0]))
        fails(lambda: reader.remove_waiting("run-1"))
    assert listed(home) == [("run-1", Status.FINISHED)]


def test_a_closed_store_takes_no_events(home):
    store = Store.open(home)
    store.close()
    store.close()
    fails(lambda: store.record(epoch_done()))


def test_a_record_that_cannot_be_read_is_left_out_and_told(home, monkeypatch):
    with Store.open(home) as store:
        record(store, run_events("run-1"))
        record(store, run_events("run-2", spec=RunSpec(epochs=3, features=512)))
    # As a version would that allows less than the one that wrote it.
    less = tuple(
        replace(setting, high=64) if setting.key == "features" else setting for setting in spec_module.SETTINGS
    )
    monkeypatch.setattr(spec_module, "SETTINGS", less)
    with Store.open_readonly(home) as reader:
        assert [run.run for run in reader.runs()] == ["run-1"]
        ((run, reason),) = reader.unreadable
        assert run == "run-2"
        assert "from 1 to 64" in reason
        assert "run-2" in fails(lambda: reader.run("run-2")).what
        assert reader.run("run-1").epochs_done == 3
        monkeypatch.undo()
        assert len(reader.runs()) == 2
        assert reader.unreadable == []
