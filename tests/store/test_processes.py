"""The store as other processes see it, and runs whose process has died."""

import shutil
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from mnist_tui.core.events import Notice, RunDone
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.errors import StoreError
from mnist_tui.store import lock, reading
from mnist_tui.store.claims import Claims
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store
from tests.builders import progress, run_events, run_state
from tests.patience import PATIENCE_S
from tests.store.helpers import fails, fill, full_disk, listed, news, read, record, writer


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
        assert [queued.run for queued in Claims(store, waiting)] == ["run-2"]
        (notice,) = [event for event in store.recorded([news()]) if isinstance(event, Notice)]
        assert "run-1 has already been trained by another process" in notice.message
    assert read(home, "run-1") == before


def test_a_waiting_run_that_another_process_trains_is_left_to_it(home):
    with writer(home), Store.open(home) as store:
        assert list(Claims(store, [QueuedRun("run-1", RunSpec())])) == []
    assert read(home).epochs_done == 2


def test_a_new_run_whose_lock_cannot_be_made_waits_on(home, monkeypatch):
    with Store.open(home) as store:
        store.add_waiting([QueuedRun("run-1", RunSpec())], "first")
        with monkeypatch.context() as broken:
            broken.setattr(lock.RunLock, "acquire", full_disk)
            assert list(Claims(store, [QueuedRun("run-1", RunSpec())])) == []
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
        (queued,) = Claims(other, [QueuedRun("run-1", RunSpec(), continues=True)])
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
        assert list(Claims(store, [QueuedRun(run, RunSpec(), continues=True)])) == []
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
