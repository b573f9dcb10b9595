"""The store as its readers and writers see it, also those in other processes."""

import errno
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import platformdirs
import pytest

from mnist_tui.core import spec as spec_module
from mnist_tui.core.events import (
    Checkpoint,
    EpochDone,
    EpochsChanged,
    Notice,
    Preparing,
    RunDone,
    RunPaused,
    RunResumed,
    Status,
    SweepDone,
    SweepStarted,
)
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import StoreError, UsageError
from mnist_tui.store import checkpoints, connection, lock, reading
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store
from mnist_tui.store.home import home as chosen_home
from mnist_tui.store.home import make_home, tables_folder
from tests.builders import epoch_done, progress, run_events, run_state

PATIENCE_S = 60
REPOSITORY = Path(__file__).parents[2]
OPENERS = (Store.open, Store.open_readonly)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def store(home):
    with Store.open(home) as opened:
        yield opened


def record(store, events):
    for event in events:
        store.record(event)


def fill(home, *runs):
    """Record whole runs under these ids."""
    with Store.open(home) as store:
        for run in runs:
            record(store, run_events(run))


def read(home, name="last"):
    with Store.open_readonly(home) as reader:
        return reader.run(name)


def listed(home):
    """Return the ids and states of all runs, as another reader lists them."""
    with Store.open_readonly(home) as reader:
        return [(run.run, run.status) for run in reader.runs()]


def news():
    return Preparing(message="reading")


def fails(act):
    """Return the error of the store that `act()` ends with."""
    with pytest.raises(StoreError) as caught:
        act()
    assert caught.value.exit_code == 5
    return caught.value


@contextmanager
def writer(home, *, epochs=2, run="run-1"):
    """Give a process that has recorded the start of a run and some epochs, and lives until it is ended."""
    lines = (
        "import sys; from pathlib import Path",
        "from mnist_tui.store.database import Store; from tests.builders import run_events",
        "home, run, epochs = sys.argv[1:]",
        "store = Store.open(Path(home))",
        "for event in run_events(run)[: 1 + int(epochs)]: store.record(event)",
        "print('recorded', flush=True)",
        "sys.stdin.read()",
    )
    with subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines), str(home), run, str(epochs)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "recorded\n"
            yield process
        finally:
            process.kill()


# Writing and reading --------------------------------------------------------------------------------


def test_what_was_recorded_is_there_for_another_reader_before_the_store_is_closed(home, store):
    started, *epochs, done = run_events()
    store.record(started)
    assert listed(home) == [("run-1", Status.RUNNING)]
    for number, epoch in enumerate(epochs, start=1):
        store.record(epoch)
        assert read(home).history == epochs[:number]
    store.record(done)
    assert listed(home) == [("run-1", Status.FINISHED)]


def test_an_epoch_is_seen_by_a_reader_that_was_open_before_it(home, store):
    started, epoch, *_ = run_events()
    store.record(started)
    with Store.open_readonly(home) as reader:
        assert reader.run("last").history == []
        store.record(epoch)
        assert reader.run("last").history == [epoch]


def test_a_past_run_is_the_run_that_it_was(home):
    fill(home, "run-1")
    assert read(home) == run_state("run-1")


def test_runs_are_listed_oldest_first_with_their_results(home):
    fill(home, "20260102-000000-bbbbbb", "20260101-000000-aaaaaa", "20260103-000000-cccccc")
    with Store.open_readonly(home) as reader:
        runs = reader.runs()
    assert [run.run[-6:] for run in runs] == ["aaaaaa", "bbbbbb", "cccccc"]
    expected = run_state(runs[0].run)
    assert runs[0].result == expected.result
    assert (runs[0].spec, runs[0].dataset, runs[0].machine) == (expected.spec, expected.dataset, expected.machine)
    assert runs[0].epochs_done == expected.epochs_done


def eventful():
    """Return a run with a pause and a change of epochs, every event in its place."""
    started, first, second, third, done = run_events()
    return [
        started,
        RunPaused(run="run-1", epoch=1),
        RunResumed(run="run-1", epoch=1, paused_s=2.5),
        first,
        EpochsChanged(run="run-1", epoch=2, epochs=5),
        second,
        EpochsChanged(run="run-1", epoch=3, epochs=3),
        third,
        done,
    ]


def test_events_are_replayed_as_they_came(home, store):
    record(store, eventful())
    with Store.open_readonly(home) as reader:
        assert list(reader.events("run-1")) == eventful()


def test_news_are_not_kept(home, store):
    started, first, *rest = run_events()
    news = [Preparing(message="reading"), progress(1), Notice(level="warning", message="hot"), progress(2)]
    sweep = [SweepStarted(sweep="sweep-1", started_at=""), SweepDone(sweep="sweep-1", runs=("run-1",), stopped=False)]
    record(store, [*news, *sweep, started, *news, first, *news, *rest, *sweep])
    assert list(store.events("run-1")) == run_events()


def test_pauses_and_changed_epochs_of_a_live_run_are_seen(home, store):
    events = eventful()
    record(store, events[:2])
    assert listed(home) == [("run-1", Status.PAUSED)]
    record(store, events[2:5])
    run = read(home)
    assert (run.status, run.epochs) == (Status.RUNNING, 5)
    assert run.marks == [events[1], events[2], events[4]]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 5e-324, 1e308, 1 / 3])
def test_numbers_survive_bit_for_bit_also_those_that_are_not_finite(home, store, value):
    numbers = ("train_loss", "val_loss", "images_per_s", "improvement_points", "error_reduction", "learning_rate")
    epoch = epoch_done(1, val_accuracy=value, **dict.fromkeys(numbers, value))
    started, *_, done = run_events(val_accuracies=[value], test_loss=value)
    record(store, [started, epoch, done])
    run = read(home)
    # As text, since NaN is unlike itself.
    assert repr(run.history) == repr([epoch])
    assert repr(run.result) == repr(done)
    assert [repr(event) for event in store.events("run-1")] == [repr(event) for event in (started, epoch, done)]


def test_what_is_not_defined_stays_undefined(home, store):
    epoch = epoch_done(1, improvement_points=None, error_reduction=None)
    record(store, [run_events()[0], epoch])
    assert read(home).history == [epoch]


def test_settings_and_texts_of_every_kind_survive(home, store):
    spec = RunSpec(epochs=100_000, features=512, seed=2**63 - 1, learning_rate=math.inf, threads=None)
    reason = 'it\'s "broken"; DROP TABLE runs --\n\u2028ü🙂 100%'
    record(store, run_events(spec=spec, status=Status.FAILED, reason=reason))
    run = read(home)
    assert run.spec == spec
    assert run.result is not None
    assert run.result.reason == reason


# Names ----------------------------------------------------------------------------------------------


@pytest.fixture
def three(home):
    fill(home, "20260101-aa", "20260101-ab", "20260102-aa")
    with Store.open_readonly(home) as reader:
        yield reader


@pytest.mark.parametrize(
    ("name", "run"),
    [("20260101-ab", "20260101-ab"), ("20260102", "20260102-aa"), ("last", "20260102-aa")],
)
def test_a_run_is_found_by_its_id_its_beginning_and_as_the_last_one(three, name, run):
    assert three.run(name).run == run
    assert next(three.events(name)).run == run


def test_a_whole_id_is_found_although_another_one_begins_with_it(home):
    fill(home, "run-1", "run-10")
    assert read(home, "run-1").run == "run-1"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("2026", "'2026' fits 3 runs"),
        ("20260101-a", "'20260101-a' fits 2 runs"),
        ("20260103", "no run '20260103'"),
        ("0101", "no run '0101'"),
        ("%", "no run '%'"),
        ("LAST", "no run 'LAST'"),
    ],
)
def test_a_name_that_fits_no_run_or_several_is_a_usage_error(three, name, sentence):
    for ask in (three.run, lambda name: next(three.events(name))):
        with pytest.raises(UsageError, match=sentence) as caught:
            ask(name)
        assert caught.value.exit_code == 2
        assert caught.value.next_step


# Processes ------------------------------------------------------------------------------------------


def test_a_run_that_is_live_in_another_process_is_shown_as_running(home):
    with writer(home):
        assert listed(home) == [("run-1", Status.RUNNING)]
        run = read(home)
        assert (run.status, run.epochs_done, run.result) == (Status.RUNNING, 2, None)
        with Store.open_readonly(home) as reader:
            assert not any(isinstance(event, RunDone) for event in reader.events("last"))


def test_a_run_whose_process_was_killed_is_interrupted_and_keeps_its_epochs(home):
    with writer(home, epochs=2) as process:
        process.kill()
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
    assert listed(home) == [("run-1", Status.INTERRUPTED)]
    run = read(home)
    assert run.status is Status.INTERRUPTED
    assert run.history == run_events()[1:3]
    assert run.result is not None
    assert run.result.epochs_done == 2
    assert run.result.last_val_accuracy == run.history[-1].val_accuracy
    assert run.result.reason
    with Store.open_readonly(home) as reader:
        *before, end = reader.events("last")
    assert before == run_events()[:3]
    assert isinstance(end, RunDone)
    assert end.status is Status.INTERRUPTED


def test_a_killed_process_is_in_nobodys_way(home):
    with writer(home) as process:
        process.kill()
        process.wait(PATIENCE_S)
    fill(home, "run-2")
    assert listed(home) == [("run-1", Status.INTERRUPTED), ("run-2", Status.FINISHED)]
    assert read(home, "run-2") == run_state("run-2")


def test_a_run_killed_before_its_first_epoch_is_interrupted_with_nothing_done(home):
    with writer(home, epochs=0) as process:
        process.kill()
        process.wait(PATIENCE_S)
    run = read(home)
    assert (run.status, run.epochs_done, run.history) == (Status.INTERRUPTED, 0, [])


def test_a_store_closed_in_the_middle_of_a_run_leaves_it_interrupted(home):
    with Store.open(home) as store:
        record(store, run_events()[:2])
    assert listed(home) == [("run-1", Status.INTERRUPTED)]


def test_a_run_in_progress_in_another_process_cannot_be_started_again(home, store):
    with writer(home):
        assert "another process" in fails(lambda: store.record(run_events()[0])).what
        assert listed(home) == [("run-1", Status.RUNNING)]


def test_a_run_that_exists_is_never_begun_again(home):
    fill(home, "run-1")
    before = read(home)
    with Store.open(home) as store:
        assert "already exists" in fails(lambda: store.record(run_events("run-1", val_accuracies=(0.1,))[0])).what
        waiting = [QueuedRun("run-1", RunSpec()), QueuedRun("run-2", RunSpec())]
        assert [queued.run for queued in store.ready(waiting)] == ["run-2"]
        (notice,) = [event for event in store.recorded([news()]) if isinstance(event, Notice)]
        assert "run-1 has already been trained by another process" in notice.message
    assert read(home, "run-1") == before


def test_a_waiting_run_that_another_process_trains_is_left_to_it(home):
    with writer(home), Store.open(home) as store:
        assert list(store.ready([QueuedRun("run-1", RunSpec())])) == []
    assert read(home).epochs_done == 2


def test_a_new_run_whose_lock_cannot_be_made_waits_on(home, monkeypatch):
    with Store.open(home) as store:
        store.add_waiting([QueuedRun("run-1", RunSpec())], "first")
        with monkeypatch.context() as broken:
            broken.setattr(lock.RunLock, "acquire", full_disk)
            assert list(store.ready([QueuedRun("run-1", RunSpec())])) == []
    with Store.open(home) as later:
        assert [queued.run for queued in later.adopt_waiting("later")] == ["run-1"]


def test_what_waited_in_a_dead_process_is_taken_over_once_even_before_the_next_one_has_written_anything(home):
    with Store.open(home) as dead:
        dead.add_waiting([QueuedRun("run-1", RunSpec())], "dead")
    with Store.open(home) as first, Store.open(home) as second:
        assert first.orphans == 1
        assert [queued.run for queued in first.adopt_waiting("first")] == ["run-1"]
        assert second.adopt_waiting("second") == ()
        assert second.orphans == 0


def test_a_run_that_ends_while_it_is_read_is_never_shown_as_interrupted(home, monkeypatch):
    with Store.open(home) as store:
        *most, end = run_events()
        record(store, most)

        def look(place, name):
            # The moment between reading the row and asking for the lock.
            store.record(end)
            return lock.is_held(place, name)

        monkeypatch.setattr(reading, "is_held", look)
        assert listed(home) == [("run-1", Status.FINISHED)]


def test_a_lock_that_was_removed_is_put_back_before_anyone_can_take_the_run(home, store):
    record(store, run_events()[:2])
    shutil.rmtree(home / "locks")
    store.record(progress())
    assert listed(home) == [("run-1", Status.RUNNING)]
    record(store, run_events()[2:])
    assert read(home) == run_state()


def test_a_run_whose_lock_was_removed_and_taken_by_another_process_ends_here(home, store):
    record(store, run_events()[:2])
    shutil.rmtree(home / "locks")
    with Store.open(home) as other:
        (queued,) = other.ready([QueuedRun("run-1", RunSpec(), continues=True)])
        assert queued.continuation is not None
        # The generator was ended above, and with it the other's claim; it is taken again for longer.
        other._locks.hold("run-1", "taken")
        assert "another process" in fails(lambda: store.record(run_events()[2])).what
    assert read(home).epochs_done == 1


@pytest.mark.parametrize("run", ["../../precious", "..", "", "a/b", "a\nb"])
def test_a_run_id_that_would_lead_elsewhere_touches_nothing_outside_the_home(home, run):
    fill(home, "run-1")
    precious = home.parent / "precious.lock"
    precious.touch()
    with closing(sqlite3.connect(home / DATABASE)) as database, database:
        database.execute("UPDATE runs SET run = ?, done = NULL", (run,))
    with Store.open(home) as store:
        assert store.runs() == []
        assert len(store.unreadable) == 1
        assert list(store.ready([QueuedRun(run, RunSpec(), continues=True)])) == []
    assert precious.exists()


def test_several_may_open_a_new_home_at_once(tmp_path):
    for number in range(50):
        home, together = tmp_path / str(number), threading.Barrier(6)

        def opened(home=home, together=together):
            together.wait()
            Store.open(home).close()

        with ThreadPoolExecutor(6) as threads:
            for opening in [threads.submit(opened) for _ in range(6)]:
                opening.result()


def test_several_writers_at_once_lose_nothing(home):
    runs = [f"run-{number}" for number in range(4)]
    accuracies = [0.01 * number for number in range(20)]
    errors = []

    def write(run):
        try:
            with Store.open(home) as store:
                record(store, run_events(run, val_accuracies=accuracies))
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert listed(home) == [(run, Status.FINISHED) for run in runs]
    for run in runs:
        assert read(home, run) == run_state(run, val_accuracies=accuracies)


# What goes wrong ------------------------------------------------------------------------------------


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
    monkeypatch.setattr(spec_module, "MAX_FEATURES", 64)
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


# The home -------------------------------------------------------------------------------------------


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


# Checkpoints ----------------------------------------------------------------------------------------


def test_checkpoints_that_failed_for_a_moment_come_back_and_both_are_said_once(home, store, monkeypatch):
    start, *epochs = run_events(val_accuracies=(0.1, 0.2, 0.3, 0.4, 0.5))
    write = checkpoints.write
    told = [*store.recorded([start])]
    for done in (event for event in epochs if isinstance(event, EpochDone)):
        broken = done.epoch in (2, 3)
        monkeypatch.setattr(checkpoints, "write", full_disk if broken else write)
        data = f"weights {done.epoch}".encode()
        told += store.recorded([Checkpoint(run="run-1", epoch=done.epoch, batch=0, data=data), done])
    notices = [event.message for event in told if isinstance(event, Notice)]
    assert [("cannot" in text, "again" in text) for text in notices] == [(True, False), (False, True)]
    kept = sorted(path.name for path in checkpoints.folder_of(home, "run-1").iterdir())
    assert kept == ["epoch-000004-batch-000000.ckpt", "epoch-000005-batch-000000.ckpt"]


def full_disk(*_args):
    raise OSError(errno.ENOSPC, "No space left on device")


# Other users ----------------------------------------------------------------------------------------


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
            record(store, [start, Checkpoint(run="run-1", epoch=1, batch=0, data=b"weights"), *epochs])
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
        record(store, [run_events()[0], Checkpoint(run="run-1", epoch=1, batch=0, data=b"weights")])
        tables_folder(home)
        modes = {path.name: path.stat().st_mode & 0o777 for path in home.iterdir()}
    assert modes.pop(DATABASE) == 0o600
    assert modes["locks"] == modes["checkpoints"] == modes["tables"] == 0o700
