"""One process trains; others, in other terminals, watch it and steer it."""

import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager

import psutil

from tests.e2e.commands import run, start
from tests.e2e.conftest import COMMAND
from tests.patience import PATIENCE_S

LONG = ("run", "--dataset", "digits", "--epochs", "5000", "--threads", "1", "--json")


@contextmanager
def training(places, tmp_path, *arguments):
    """Train in a process that writes to files, which never make it wait; yield it with the run's id."""
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            [COMMAND, *arguments],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **places},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while (epoch := next((event for event in events_in(out) if event["type"] == "epoch_done"), None)) is None:
            assert process.poll() is None, err.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process, epoch["run"], out
    finally:
        process.kill()
        process.wait()


def events_in(out):
    return [json.loads(line) for line in out.read_text().split("\n")[:-1]]


def seen(out, condition):
    """Wait until the events that were told are so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition(events_in(out)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_is_steered_from_another_terminal(places, tmp_path):
    with training(places, tmp_path, *LONG) as (process, name, out):
        assert "paused in epoch" in run(places, "tell", name, "pause", check=0).stdout
        assert "already paused" in run(places, "tell", name, "pause", check=0).stdout
        assert "resumed in epoch" in run(places, "tell", "last", "resume", check=0).stdout
        assert "now trains to 6000 epochs" in run(places, "tell", name[-6:], "epochs", "6000", check=0).stdout
        assert "0.0003" in run(places, "tell", name, "rate", "3e-4", check=0).stdout
        assert "stopped after" in run(places, "tell", name, "stop", check=0).stdout
        assert process.wait(PATIENCE_S) == 0
    kinds = [event["type"] for event in events_in(out)]
    for kind in ("run_paused", "run_resumed", "epochs_changed", "learning_rate_changed", "run_done"):
        assert kind in kinds
    too_late = run(places, "tell", name, "stop", check=2)
    assert "is not in progress" in too_late.stderr
    assert name in too_late.stderr


def test_orders_that_make_no_sense_are_refused_before_anything_is_asked(places, tmp_path):
    with training(places, tmp_path, *LONG) as (process, name, _):
        for order, sentence in (
            (("epochs",), "epochs needs a number"),
            (("epochs", "many"), "'many' is not a number"),
            (("epochs", "0"), "epochs must be"),
            (("rate", "-1"), "learning rate must be"),
            (("pause", "5"), "pause takes no number"),
            (("pause", "--after-epoch"), "--after-epoch goes with stop and skip"),
        ):
            assert sentence in run(places, "tell", name, *order, check=2).stderr
        assert "no run 'other'" in run(places, "tell", "other", "stop", check=2).stderr
        run(places, "tell", name, "stop", "--after-epoch", check=0)
        assert process.wait(PATIENCE_S) == 0


def test_the_stream_is_followed_to_its_end_in_both_forms(places, tmp_path):
    with training(places, tmp_path, "run", "--dataset", "digits", "--epochs", "300", "--json") as (_, name, out):
        run(places, "tell", name, "pause", check=0)
        watchers = [start(places, "events", *form) for form in (("--json",), (name,))]
        first = watchers[0].stdout.readline()
        assert "300 epochs x 2 features" in watchers[1].stderr.readline()
        run(places, "tell", name, "resume", check=0)
        # Not communicate(), which leaves out what readline() has read ahead.
        told, said, shown = watchers[0].stdout.read(), watchers[1].stdout.read(), watchers[1].stderr.read()
        for watcher in watchers:
            with watcher:
                assert watcher.wait(PATIENCE_S) == 0
    records = [json.loads(line) for line in [first, *told.splitlines()]]
    assert [record["epoch"] for record in records if record["type"] == "epoch_done"] == list(range(1, 301))
    assert records[-1] == events_in(out)[-1]
    epochs = [record for record in records if record["type"] == "epoch_done"]
    assert epochs == [record for record in events_in(out) if record["type"] == "epoch_done"]
    assert None not in [record["improvement_points"] for record in epochs[1:]]
    assert "epoch 300/300" in shown
    assert "Test Accuracy" in said
    assert "nothing is in progress" in run(places, "events", check=2).stderr


def test_a_killed_watcher_is_not_missed_and_the_others_say_so_when_the_process_is_killed(places, tmp_path):
    with training(places, tmp_path, *LONG) as (process, name, _), start(places, "events", "--json") as watcher:
        with start(places, "events", "--json") as killed:
            next(line for line in killed.stdout if "epoch_done" in line)
            killed.kill()
        assert watcher.stdout is not None
        next(line for line in watcher.stdout if "epoch_done" in line)
        process.kill()
        _, told = watcher.communicate(timeout=PATIENCE_S)
    assert watcher.returncode == 4
    assert "exited unexpectedly" in told
    assert f"mnist-tui resume {name}" in told
    assert "interrupted" in run(places, "runs", check=0).stdout


def test_with_two_processes_the_run_must_be_named(places, tmp_path):
    (tmp_path / "other").mkdir()
    first, second = training(places, tmp_path, *LONG), training(places, tmp_path / "other", *LONG)
    with first as (one, name, _), second as (_, other, _):
        told = run(places, "events", check=2).stderr
        assert name in told
        assert other in told
        run(places, "tell", name, "stop", check=0)
        assert one.wait(PATIENCE_S) == 0
        assert "paused" in run(places, "tell", other, "pause", check=0).stdout


def children(process):
    return psutil.Process(process.pid).children(recursive=True)


def test_runs_side_by_side_are_those_that_follow_each_other(places):
    grid = ("run", "--dataset", "digits", "--epochs", "4", "--features", "2,9", "--threads", "1", "--json")
    told = [run(places, *grid, *more, check=0).stdout.splitlines() for more in ((), ("--jobs", "2"))]
    for one, other in zip(*(json.loads(lines[-1])["rows"] for lines in told), strict=True):
        same = ("features", "last_val_accuracy", "test_accuracy", "test_loss", "last_epoch_accuracy", "threads")
        assert [one[name] for name in same] == [other[name] for name in same]
        assert one["status"] == "finished"


def test_a_killed_worker_costs_its_run_nothing_and_a_killed_command_leaves_no_worker(places, tmp_path):
    many = ("run", "--dataset", "digits", "--epochs", "4000", "--seeds", "0,1", "--jobs", "2", "--json")
    with training(places, tmp_path, *many) as (process, _, out):
        workers = [child for child in children(process) if any(word == "mnist_tui.workers" for word in child.cmdline())]
        assert len(workers) == 2
        seen(out, lambda events: len({event["run"] for event in events if event["type"] == "epoch_done"}) == 2)
        workers[0].kill()
        seen(out, lambda events: any(event["type"] == "run_continued" for event in events))
        for name in {event["run"] for event in events_in(out) if event["type"] == "run_started"}:
            assert "paused in epoch" in run(places, "tell", name, "pause", check=0).stdout
        left = children(process)
        process.kill()
        _, alive = psutil.wait_procs(left, timeout=PATIENCE_S)
        assert alive == []
    told = run(places, "runs", "--json", check=0).stdout.splitlines()
    assert [json.loads(line)["status"] for line in told] == ["interrupted"] * 2


def test_ctrl_c_ends_all_that_train_in_order(places, tmp_path):
    many = ("run", "--dataset", "digits", "--epochs", "4000", "--seeds", "0-3", "--jobs", "2", "--json")
    with training(places, tmp_path, *many) as (process, _, out):
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    ends = [event["status"] for event in events_in(out) if event["type"] == "run_done"]
    assert ends == ["stopped"] * len(ends)
    assert 1 <= len(ends) <= 2


def test_where_the_data_is_missing_all_workers_end_with_its_exit_code(places):
    told = run(places, "run", "--epochs", "1", "--seeds", "0-3", "--jobs", "2", check=3)
    assert "MNIST" in told.stderr
    assert "wait" not in run(places, "runs", check=0).stderr
