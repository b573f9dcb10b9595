"""Whatever a script hands over, and whatever fails meanwhile: it trains on, and what can be kept is kept."""

import json
import math
import os
import signal
import sqlite3
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch

import mnist_tui
from mnist_tui.api.snapshot import Moment, restore, saved
from mnist_tui.core.status import Status
from mnist_tui.errors import StoreError, UsageError
from mnist_tui.store.connection import Connection
from mnist_tui.store.database import Store
from tests.api.conftest import Weights, points, stored


@contextmanager
def failing(monkeypatch, times):
    """Let the next transactions fail, as on a full disk."""
    left, whole = [times], Connection.transaction

    @contextmanager
    def transaction(self):
        with whole(self) as connection:
            yield connection
            if left[0]:
                left[0] -= 1
                raise StoreError("the disk is full", "Free some space")

    monkeypatch.setattr(Connection, "transaction", transaction)
    yield
    monkeypatch.setattr(Connection, "transaction", whole)


@pytest.mark.parametrize("times", [1, 3])
def test_what_could_not_be_written_is_written_later_once(begin, home, monkeypatch, capfd, times):
    with begin(epochs=3) as run:
        for epoch in run.epochs():
            for _ in run.steps(4):
                run.log(loss=float(run.step))
            if epoch == 2:
                with failing(monkeypatch, times):
                    run.log({"val/loss": 1.0})
                    run.metric("new", goal="max")
                    run.record_epoch()
                run.begin_epoch(3)
                break
    assert points(home, "loss") == [(step, float(step)) for step in range(1, 9)]
    assert "recording is tried again" in capfd.readouterr().err
    assert stored(home).epochs_done >= 2


def test_diverging_numbers_are_kept(begin, home):
    with begin(epochs=2) as run:
        for _ in run.epochs():
            for value in run.steps([math.inf, -math.inf, 1e308, 1e308, math.nan]):
                run.log(loss=value)
    found = stored(home)
    assert found.status is Status.FINISHED
    assert len(points(home, "loss")) == 10
    assert math.isnan(found.last.value("loss"))


@pytest.mark.parametrize(
    "values",
    [
        [("a", 1)],
        "loss",
        3.0,
        {"c": torch.tensor(1 + 2j)},
        {"m": torch.empty((), device="meta")},
        {"o": object()},
        {5: 1.0},
    ],
)
def test_strange_values_are_said_and_the_next_ones_are_kept(begin, home, capfd, values):
    with begin() as run:
        run.log(values)
        run.log(loss=1.0)
    assert [value for _, value in points(home, "loss")] == [1.0]
    assert capfd.readouterr().err.startswith("mnist-tui: ")
    assert stored(home).status is Status.FINISHED


def test_steps_of_any_library_are_steps(begin, home):
    with begin() as run:
        for step in (np.int64(3), torch.tensor(5), 7):
            run.log(loss=1.0, step=step)
    assert [step for step, _ in points(home, "loss")] == [3, 5, 7]


def test_a_loop_with_steps_of_its_own_can_be_stopped_and_shows_them(begin, home, remote, beside):
    beside(lambda: remote.tell("stop", after_epoch=True))
    with begin() as run:
        for step in range(10, 10**9, 10):
            run.log({"loss": 1.0}, step=step)
    found = stored(home)
    assert found.status is Status.STOPPED
    assert found.step == points(home, "loss")[-1][0] == found.result.steps


def test_each_call_of_a_thread_is_a_step_too(begin, home):
    with begin() as run:
        threads = [threading.Thread(target=lambda: [run.log(loss=1.0) for _ in range(100)]) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [step for step, _ in points(home, "loss")] == list(range(1, 301))


def test_what_is_logged_after_steps_that_were_left_early_is_of_the_epoch(begin, home):
    with begin(epochs=2) as run:
        for _ in run.epochs():
            for step in run.steps(10):
                run.log(loss=1.0)
                if step == 3:
                    break
            run.log({"val/loss": 0.5})
    assert [dict(epoch.values) for epoch in stored(home).history] == 2 * [{"loss": 1.0, "val/loss": 0.5}]
    assert points(home, "val/loss") == []


def test_what_is_logged_before_the_first_epoch_is_not_among_its_mean(begin, home):
    with begin(epochs=1) as run:
        run.log(loss=100.0)
        for _ in run.epochs():
            for _ in run.steps(2):
                run.log(loss=1.0)
    assert stored(home).history[0].value("loss") == 1.0


@pytest.mark.parametrize(("code", "status"), [(0, Status.FINISHED), (None, Status.FINISHED), (3, Status.FAILED)])
def test_an_exit_is_read_by_its_code(begin, home, code, status):
    def loop():
        with begin():
            raise SystemExit(code)

    with pytest.raises(SystemExit):
        loop()
    assert stored(home).status is status


def test_an_unknown_status_is_said_and_the_run_ends(begin, home, capfd):
    begin().finish("crashed")
    assert "finished, stopped or failed" in capfd.readouterr().err
    assert stored(home).status is Status.FINISHED


@pytest.mark.parametrize(
    "options",
    [
        {"project": None},
        {"project": 3},
        {"name": None},
        {"state": Weights()},
        {"metrics": {"a": "maximum"}},
        {"can": ("fly",)},
    ],
)
def test_more_invalid_values_are_refused_before_anything_is_recorded(begin, home, options):
    with pytest.raises(UsageError):
        begin(**options)
    assert not home.exists()


def test_a_state_that_cannot_be_saved_is_said_and_ends_nothing(begin, home, capfd):
    class Bad(Weights):
        def state_dict(self):
            return {"function": lambda: None}

    with begin(epochs=2, state={"bad": Bad()}) as run:
        list(run.epochs())
    assert stored(home).epochs_done == 2
    assert "the state could not be saved" in capfd.readouterr().err


def test_numbers_of_numpy_in_a_state_come_back():
    class Part(Weights):
        def state_dict(self):
            return {"value": self.value, "n": np.float64(2.5), "a": np.arange(3), "t": (1, 2), "l": [np.int32(4)]}

        def load_state_dict(self, state):
            self.value = state

    other = Part()
    restore({"part": other}, saved({"part": Part(1.0)}, Moment(1, 1)))
    assert (other.value["n"], other.value["t"], other.value["l"]) == (2.5, (1, 2), [4])
    assert np.array_equal(other.value["a"], np.arange(3))


def test_epochs_may_begin_anywhere(begin, home):
    with begin(epochs=8) as run:
        for epoch in (6, 7, 8):
            run.begin_epoch(epoch)
            run.log({"val/loss": 1 / epoch})
            run.record_epoch()
    found = stored(home)
    assert ([epoch.epoch for epoch in found.history], found.epochs_done, found.best.epoch) == ([6, 7, 8], 8, 8)


def test_a_second_loop_over_epochs_is_said(begin, home, capfd):
    with begin() as run:
        assert len(list(run.epochs(2))) == 2
        assert list(run.epochs(2)) == []
    assert "begin another run" in capfd.readouterr().err


def test_a_save_and_more_epochs_are_taken_during_a_pause(begin, home, remote, beside):
    def others():
        assert remote.tell("pause") == ""
        remote.hear("run_paused")
        assert remote.tell("epochs", 2) == ""
        assert remote.hear("epochs_changed").epochs == 2
        assert remote.tell("save") == ""
        while True:
            with Store.open_readonly(home) as store:
                if store.newest_checkpoint(store.id_of("last")) is not None:
                    break
        assert remote.tell("resume") == ""

    beside(others)
    with begin(epochs=1, state={"weights": Weights()}) as run:
        for epoch in run.epochs():
            if epoch == 1:
                for _ in run.steps(10**9):
                    if stored(home).epochs == 2:
                        break
    assert stored(home).epochs_done == 2


def test_no_signal_handler_is_installed(begin):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with begin() as run:
        run.log(loss=1.0)
        assert {number: signal.getsignal(number) for number in before} == before


def test_the_environment_is_not_recorded(begin, home, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hush-hush")
    with begin(config={"lr": 1}):
        pass
    with sqlite3.connect(home / "runs.db") as database:
        (text,) = database.execute("SELECT started FROM runs").fetchone()
    assert "hush-hush" not in text
    assert json.loads(text)["spec"]["config"] == {"lr": 1}
    assert os.environ["SECRET_TOKEN"] == "hush-hush"


def test_callbacks_are_attributes_of_the_package():
    pytest.importorskip("lightning")
    assert mnist_tui.lightning.Monitor.__name__ == "Monitor"


class Waiting:
    """A scalar as JAX has them: reading it waits for what computes it."""

    size = 1

    def __init__(self) -> None:
        self.readers: list[int] = []

    def item(self) -> float:
        self.readers.append(threading.get_ident())
        return 0.25


def test_a_value_that_is_still_being_computed_is_not_waited_for(begin, home):
    value = Waiting()
    with begin() as run:
        run.log(loss=value)
    assert points(home, "loss") == [(1, 0.25)]
    assert value.readers
    assert threading.get_ident() not in value.readers


def test_a_value_that_was_replaced_is_not_in_the_mean_of_its_epoch(begin, home):
    with begin(epochs=1) as run:
        for _ in run.epochs():
            for value in run.steps([1.0, 3.0]):
                run.log(loss=math.inf)
                run.log(loss=value)
    assert stored(home).last.value("loss") == 2.0
    assert points(home, "loss") == [(1, 1.0), (2, 3.0)]
