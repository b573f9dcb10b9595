"""Runs of other tools in a home: copied once, brought up to date, and followed as they grow."""

import json
import sqlite3
import threading
import time
from typing import Any

import numpy as np
import pytest

from mnist_tui.core.events import MetricDeclared, Notice, Progress, RunContinued, RunDone, RunStarted
from mnist_tui.core.fields import ALL
from mnist_tui.core.orders import Order
from mnist_tui.core.status import Status
from mnist_tui.core.units import Direction
from mnist_tui.errors import OrderError
from mnist_tui.formats.writing import first_record, scalar_records
from mnist_tui.report.formatting import format_duration
from mnist_tui.runtime.opening import QUIET_S, Opened, follow
from mnist_tui.runtime.remote_runs import RemoteRuns
from mnist_tui.store.database import Store
from mnist_tui.store.lock import is_held
from tests.patience import PATIENCE_S

BEGAN = 1_790_000_000.0


class Clock:
    def __init__(self):
        self.now = BEGAN

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "home", is_durable=False) as store:
        yield store


def log(path, tag, steps, values, time_s=BEGAN):
    """Append numbers to an event file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    steps, values = np.array(steps), np.array(values, float)
    with path.open("ab") as file:
        if not file.tell():
            file.write(first_record(time_s))
        file.write(scalar_records(tag, steps, values, np.full(len(steps), time_s)))


@pytest.fixture
def events_file(tmp_path):
    return tmp_path / "logs" / "wide" / "events.out.tfevents.1.host"


def points(store, name="loss"):
    run = store.runs()[-1]
    series = store.points(run.run, name).series
    return list(zip(series.steps, series.values, strict=True))


def test_every_run_of_every_tool_is_listed_with_its_newest_and_best_numbers(store, made):
    opened = Opened(store, [made], clock=lambda: 1e12)
    assert len(list(opened.look())) == 12
    assert not opened.problems
    runs = {(run.spec.tool, run.labels.name): run for run in store.runs()}
    assert len(runs) == 10  # both of MLflow's places have the same two
    wandb = runs["W&B", "wide"]
    assert (wandb.status, wandb.step, wandb.spec.config["lr"]) == (Status.FINISHED, 60, 0.1)
    assert wandb.result.last["val/acc"] == 0.5
    assert wandb.result.best["val/cost"] == 3.0
    assert store.run(wandb.run).declared["val/cost"].goal is Direction.LOWER
    assert runs["MLflow", "broken"].status is Status.FAILED
    # Without a record of how it ended, what is known is said.
    assert runs["TensorBoard", "tensorboard/other"].result.reason == "TensorBoard does not record how a run ends"
    assert len(points(store, "train/loss")) in (0, 60)


def test_a_time_that_no_tool_recorded_is_not_shown(store, made):
    list(Opened(store, [made / "keras"], follows=False).look())
    (run,) = store.runs()
    assert ALL["total_training_time_s"].get(run) is None
    assert format_duration(run.elapsed_s) == "–"


def test_nothing_is_written_beside_the_files(store, files):
    before = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files.rglob("*")}
    opened = Opened(store, [files])
    list(opened.look())
    opened.read()
    assert {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in files.rglob("*")} == before


def test_a_second_copy_brings_runs_up_to_date_and_keeps_their_labels(store, events_file):
    log(events_file, "loss", [0, 1], [1.0, 0.5])
    list(Opened(store, [events_file.parent]).look())
    (run,) = store.runs()
    store.relabel([run.run], lambda labels: type(labels)("mine", ("kept",), ""))
    log(events_file, "loss", [2], [0.25])
    list(Opened(store, [events_file.parents[1]]).look())
    (again,) = store.runs()
    assert (again.run, again.labels.name, again.labels.tags) == (run.run, "mine", ("kept",))
    assert points(store) == [(0, 1.0), (1, 0.5), (2, 0.25)]


def test_a_run_in_progress_is_followed_and_ends_when_it_is_quiet(store, events_file, clock):
    told: list[Any] = []
    log(events_file, "loss", [0, 1], [1.0, 0.5])
    opened = Opened(store, [events_file.parent], told.append, clock=clock)
    list(opened.look())
    (run,) = store.runs()
    assert run.status is Status.RUNNING
    assert is_held(store.home, run.run)
    assert [type(event) for event in told] == [RunStarted, Progress]
    log(events_file, "loss", [2], [0.25], BEGAN + 30)
    clock.now += 30
    opened.read()
    assert told[-1].newest == {"loss": 0.25}
    assert (told[-1].step, told[-1].epoch_elapsed_s) == (2, 30)
    assert points(store) == [(0, 1.0), (1, 0.5), (2, 0.25)]
    clock.now += QUIET_S + 1
    opened.read()
    assert isinstance(told[-1], RunDone)
    assert (told[-1].last, told[-1].best) == ({"loss": 0.25}, {"loss": 0.25})
    assert not is_held(store.home, run.run)
    # And it goes on after all.
    log(events_file, "loss", [3], [0.125], clock.now)
    list(opened.look())
    assert isinstance(told[-2], RunContinued)
    assert isinstance(told[-2].story[0], RunStarted)
    assert store.runs()[0].status is Status.RUNNING
    assert points(store)[-1] == (3, 0.125)


def test_a_restarted_run_loses_the_points_that_are_void(store, events_file, clock):
    log(events_file, "loss", range(10), [1.0] * 10)
    opened = Opened(store, [events_file.parent], clock=clock)
    list(opened.look())
    log(events_file.with_name("events.out.tfevents.2.host"), "loss", [5], [0.5])
    opened.read()
    assert points(store) == [(step, 1.0) for step in range(5)] + [(5, 0.5)]
    # Whoever has read the old points must notice.
    assert len([mark for mark in store.run(store.runs()[0].run).marks if isinstance(mark, RunContinued)]) == 1


def test_new_runs_appear(store, events_file, clock):
    log(events_file, "loss", [0], [1.0])
    opened = Opened(store, [events_file.parents[1]], clock=clock)
    list(opened.look())
    log(events_file.parents[1] / "deep" / events_file.name, "loss", [0], [1.0])
    list(opened.look())
    assert sorted(run.labels.name for run in store.runs()) == ["deep", "wide"]


def test_files_that_vanish_end_their_run_with_the_reason(store, events_file, clock):
    log(events_file, "loss", [0], [1.0])
    opened = Opened(store, [events_file.parent], clock=clock)
    list(opened.look())
    events_file.unlink()
    events_file.parent.rmdir()
    opened.read()
    (run,) = store.runs()
    assert (run.status, run.result.reason) == (Status.INTERRUPTED, "its files cannot be read any more")
    assert points(store) == [(0, 1.0)]


def test_damage_is_told_once_and_stands_in_the_record(store, events_file):
    told: list[Any] = []
    log(events_file, "loss", range(100), [1.0] * 100)
    data = bytearray(events_file.read_bytes())
    data[1000] ^= 1
    events_file.write_bytes(data)
    opened = Opened(store, [events_file.parent], told.append)
    list(opened.look())
    list(opened.look())
    (problem,) = opened.problems
    assert "is damaged at byte" in problem
    assert [event.message for event in told if isinstance(event, Notice)] == [f"{problem}."]
    assert "is damaged at byte" in store.runs()[0].result.reason
    assert len(points(store)) == 99


def test_names_that_cannot_be_stored_are_left_out_and_told(store, tmp_path):
    heading = ",".join(["step", "x" * 300, "bell\x07", "fine"])
    (tmp_path / "run.csv").write_text(f"{heading}\n0,1,2,3\n")
    opened = Opened(store, [tmp_path / "run.csv"])
    list(opened.look())
    assert store.point_names(store.runs()[0].run) == ["fine"]
    assert [problem.partition(": ")[2] for problem in opened.problems] == [
        f"the metric {'x' * 40!r} is left out, as its name is too long",
        "the metric 'bell\\x07' is left out, as its name cannot be printed",
    ]


def test_settings_that_come_later_are_taken_over(store, files, clock):
    (path,) = (files / "trackio").glob("*.db")
    opened = Opened(store, [path], clock=clock)
    list(opened.look())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE configs SET config = ?", (json.dumps({"lr": 0.5}),))
    connection.close()
    opened.read()
    list(opened.look())
    (run,) = store.runs()
    assert run.spec.config == {"lr": 0.5}
    assert len(points(store, "train/loss")) == 60


def test_another_process_sees_a_run_grow_and_cannot_steer_it(tmp_path, events_file):
    log(events_file, "loss", [0], [1.0], time.time())
    home, ends, ready = tmp_path / "home", threading.Event(), threading.Event()
    thread = threading.Thread(target=follow, args=(home, [events_file.parent], lambda *_: ready.set(), ends))
    thread.start()
    remote = RemoteRuns(home, "me")
    try:
        assert ready.wait(PATIENCE_S)

        def newest():
            remote.poll()
            return next(iter(run.newest for run in remote.runs.values()), {})

        until(lambda: newest() == {"loss": 1.0})
        log(events_file, "loss", [1], [0.5], time.time())
        until(lambda: newest() == {"loss": 0.5})
        (run,) = remote.runs.values()
        assert run.cannot("pause") == "This run was written by TensorBoard, which takes no orders."
        control = remote.control(run.run)
        assert control is not None
        control.give(Order(kind="pause"))
        reasons: list[str] = []

        def hear():
            reasons.extend(each for each in remote.poll() if isinstance(each, str))
            return reasons

        until(hear)
        assert "takes no orders" in reasons[0]
    finally:
        remote.close()
        ends.set()
        thread.join()


def until(condition):
    """Wait until a condition holds."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_folder_without_runs_is_told(tmp_path):
    told = []
    follow(tmp_path / "home", [tmp_path], lambda *answer: told.append(answer), threading.Event())
    assert told == [(0, [])]


def test_a_goal_that_the_name_says_too_is_not_declared(store, made):
    list(Opened(store, [made / "wandb"]).look())
    events = list(store.events(store.runs()[0].run))
    assert [event.name for event in events if isinstance(event, MetricDeclared)] == ["val/cost"]


def test_orders_are_refused_with_a_reason():
    from mnist_tui.runtime.opening import _Unsteered

    with pytest.raises(OrderError, match="takes no orders"):
        _Unsteered().give(Order(kind="stop"))


def test_two_files_of_a_run_that_grow_at_once_lose_nothing(store, events_file, clock):
    other = events_file.with_name("events.out.tfevents.2.host")
    log(events_file, "loss", [0], [1.0])
    log(other, "loss", [100], [2.0])
    opened = Opened(store, [events_file.parent], clock=clock)
    list(opened.look())
    log(events_file, "loss", [1, 2], [1.5, 1.25])
    log(other, "loss", [101, 102], [2.5, 2.25])
    opened.read()
    assert sorted(points(store)) == [(0, 1.0), (1, 1.5), (2, 1.25), (100, 2.0), (101, 2.5), (102, 2.25)]


def test_a_renamed_run_and_a_path_within_another_are_copied_once(store, files, clock):
    path = files / "mlflow" / "mlflow.db"
    opened = Opened(store, [path, files / "mlflow"], clock=clock)
    list(opened.look())
    known = len(store.runs())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET name = 'renamed' WHERE name = 'wide'")
        connection.execute("INSERT INTO metrics SELECT 'new', 0.5, 1, run_uuid, 3, 0 FROM runs WHERE name = 'renamed'")
    connection.close()
    list(opened.look())
    opened.read()
    assert len(store.runs()) == known
    (run,) = [run for run in store.runs() if "new" in store.point_names(run.run)]
    assert run.labels.name == "renamed"
    assert list(store.points(run.run, "new").series.steps) == [3]


def test_a_setting_that_is_not_a_number_or_comes_late_restarts_nothing(store, files, clock):
    path = files / "mlflow" / "mlflow.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET status = 'RUNNING', end_time = NULL")
        connection.execute("INSERT INTO params SELECT 'gain', 'nan', run_uuid FROM runs WHERE name = 'wide'")
    opened = Opened(store, [path], clock=clock)
    list(opened.look())
    connection.execute("INSERT INTO params SELECT 'late', 'x', run_uuid FROM runs WHERE name = 'wide'")
    connection.commit()
    connection.close()
    for _ in range(3):
        opened.read()
    run = next(run for run in store.runs() if run.labels.name == "wide")
    assert run.spec.config["late"] == "x"
    assert not [mark for mark in store.run(run.run).marks if isinstance(mark, RunContinued)]


def test_a_curve_whose_folder_was_there_before_its_file_appears(store, events_file, clock):
    (events_file.parent / "validation").mkdir(parents=True)
    log(events_file, "loss", [0], [1.0])
    opened = Opened(store, [events_file.parent], clock=clock)
    list(opened.look())
    log(events_file.parent / "validation" / events_file.name, "loss", [0], [0.5])
    opened.read()
    assert points(store, "validation/loss") == [(0, 0.5)]


def test_a_run_that_another_process_copies_is_told_and_the_others_are_copied(store, files, tmp_path):
    list(Opened(store, [files / "keras"], clock=lambda: 0.0).look())
    with Store.open(store.home) as other:
        opened = Opened(other, [files / "keras", files / "trackio"], follows=False)
        list(opened.look())
        assert [run.labels.name for run in other.runs() if run.status is Status.FINISHED] == ["wide"]
    (problem,) = opened.problems
    assert "in progress in another process" in problem


def test_what_is_copied_once_says_what_is_known_of_its_end(store, files, clock):
    log_path = files / "wandb" / "run-wide.wandb"
    log_path.write_bytes(log_path.read_bytes()[:15_000])
    list(Opened(store, [files / "wandb", files / "trackio"], follows=False, clock=clock).look())
    ends = {run.spec.tool: (run.status, run.result.reason) for run in store.runs()}
    assert ends == {
        "W&B": (Status.INTERRUPTED, "it was in progress when it was copied"),
        "trackio": (Status.FINISHED, "trackio does not record how a run ends"),
    }
