"""A command of the user's is run when a run or the queue ends, with what happened in its environment."""

import json
import shlex
import sys
import time
from dataclasses import replace

import pytest

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import RunDone, SweepDone
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.demo import run_sweep
from mnist_tui.errors import UsageError
from mnist_tui.notify import Notifier, read_wish
from mnist_tui.runtime.preferences import load, save
from mnist_tui.runtime.recorder import Recorder
from mnist_tui.store.database import Store
from mnist_tui.terminal import notification
from tests.builders import run_events
from tests.patience import PATIENCE_S

WRITES = """
import json, os, sys
with open(sys.argv[1], "a") as file:
    file.write(json.dumps({name: value for name, value in os.environ.items() if "MNIST" in name}) + chr(10))
"""


def told(place):
    return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wish(home, place, *, on=None):
    home.mkdir(exist_ok=True)
    command = json.dumps([sys.executable, "-c", WRITES, str(place)])
    (home / "settings.toml").write_text(f"[notify]\ncommand = {command}\n" + (f"on = {json.dumps(on)}\n" if on else ""))


def heard(home, events, **more):
    notifier = Notifier(home, **more)
    assert not [problem for event in events if (problem := notifier.hear(event))]


def test_the_end_of_the_queue_is_told_with_what_became_of_its_runs(tmp_path):
    wish(tmp_path, tmp_path / "told")
    start, *middle, done = run_events("run-1")
    assert isinstance(done, RunDone)
    failed = replace(done, run="run-2", status=Status.FAILED, reason="out of luck")
    sweep = SweepDone(sweep="s", runs=("run-1", "run-2"), stopped=False)
    heard(tmp_path, [start, *middle, done, failed, sweep])
    wait_until(lambda: len(told(tmp_path / "told")) == 2)
    by_event = {record["MNIST_TUI_EVENT"]: record for record in told(tmp_path / "told")}
    assert by_event["run"]["MNIST_TUI_RUN"] == "run-2"
    assert by_event["run"]["MNIST_TUI_STATUS"] == "failed"
    assert by_event["run"]["MNIST_TUI_TEXT"].endswith("failed: out of luck")
    assert by_event["queue"]["MNIST_TUI_TEXT"] == "The queue is done: 2 runs (1 finished, 1 failed)"


def test_each_run_is_told_where_that_is_wanted_and_a_scripts_end_is_one_of_a_queue(tmp_path):
    wish(tmp_path, tmp_path / "told", on=["run"])
    heard(tmp_path, run_events("run-1"))
    wait_until(lambda: len(told(tmp_path / "told")) == 1)
    (record,) = told(tmp_path / "told")
    assert record["MNIST_TUI_RESULT"].startswith("val ")
    assert "epochs" in record["MNIST_TUI_TEXT"]
    wish(tmp_path, tmp_path / "alone")
    heard(tmp_path, run_events("run-1"), is_alone=True)
    wait_until(lambda: len(told(tmp_path / "alone")) == 1)


def test_a_runs_texts_never_become_part_of_a_command(tmp_path):
    command = json.dumps(shlex.join([sys.executable, "-c", WRITES, str(tmp_path / "told")]))
    (tmp_path / "settings.toml").write_text(f"[notify]\ncommand = {command}\n")
    done = run_events("run-1")[-1]
    assert isinstance(done, RunDone)
    evil = replace(done, status=Status.FAILED, reason="$(touch /tmp/evil); `id`\n\x1b[2J")
    heard(tmp_path, [evil])
    wait_until(lambda: len(told(tmp_path / "told")) == 1)
    text = told(tmp_path / "told")[0]["MNIST_TUI_TEXT"]
    assert "$(touch /tmp/evil); `id`" in text
    assert "\x1b" not in text
    assert "\n" not in text


def test_a_command_that_cannot_be_started_is_told_once_per_end_and_training_goes_on(tmp_path):
    (tmp_path / "settings.toml").write_text('[notify]\ncommand = "/no/such/command"\n')
    control = RunControl()
    with Store.open(tmp_path) as store, Recorder(store, "one", control) as recorder:
        events = list(recorder.play(lambda claims: run_sweep(claims, control), enqueue([RunSpec(epochs=1)])))
    assert any(isinstance(event, RunDone) and event.status is Status.FINISHED for event in events)
    notifier = Notifier(tmp_path)
    problem = notifier.hear(SweepDone(sweep="s", runs=("run-1",), stopped=False))
    assert problem == "The command of [notify] in settings.toml cannot be started: No such file or directory."


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"command": 3}, "must be a text"),
        ({"command": "say 'open"}, "cannot be split"),
        ({"command": ["a"], "on": ["sunday"]}, "any of run, queue, trouble"),
        ({"commnd": "a"}, "has no setting 'commnd'"),
    ],
)
def test_settings_that_make_no_sense_are_told_and_keep_the_rest(tmp_path, table, why):
    with pytest.raises(UsageError, match=why):
        read_wish(table)
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
    text = f"[notify]\n{lines}\n\n[next_run]\nepochs = 7\n"
    (tmp_path / "settings.toml").write_text(text)
    known, problems = load(tmp_path)
    assert known.spec.epochs == 7
    assert any(why in problem for problem in problems)
    assert Notifier(tmp_path).hear(SweepDone(sweep="s", runs=("a",), stopped=False)) == ""


def test_what_people_wrote_there_stays_when_settings_are_saved(tmp_path):
    wish(tmp_path, tmp_path / "told")
    before = (tmp_path / "settings.toml").read_text()
    known, problems = load(tmp_path)
    assert not problems
    save(tmp_path, replace(known, theme="nord"))
    assert before.strip() in (tmp_path / "settings.toml").read_text()


@pytest.mark.parametrize(
    ("environment", "sequence"),
    [
        ({"TERM": "xterm-kitty"}, "\x1b]9;Done; 2 runs\x07"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "\x1b]9;Done; 2 runs\x07"),
        ({"TERM": "foot"}, "\x1b]777;notify;mnist-tui;Done, 2 runs\x07"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, ""),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "iTerm.app"}, ""),
        ({"TERM": "xterm-256color"}, ""),
    ],
)
def test_terminals_that_have_notifications_of_their_own_get_them(monkeypatch, environment, sequence):
    for name in ("TERM", "TERM_PROGRAM", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert notification("Done; 2 runs") == sequence
