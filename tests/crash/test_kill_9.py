"""`kill -9` at moments drawn by chance: every epoch that was shown is in the store, and every run can go on."""

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone, RunDone
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.engine import run_sweep
from mnist_tui.store.claims import continuing
from mnist_tui.store.database import Store
from tests.crash import played
from tests.crash.story import problems, tell_nobody
from tests.e2e.conftest import COMMAND, places
from tests.e2e.pty_app import PtyApp
from tests.patience import PATIENCE_S

__all__ = ["places"]


def stored(home):
    """Return the epochs of every run, by the ids of the runs."""
    with Store.open_readonly(home) as store:
        return {listed.run: store.run(listed.run).history for listed in store.runs()}


def lost(home, told):
    """Return which of the epochs that were told, as (run, epoch), are not in the store."""
    kept = stored(home)
    return [(run, epoch) for run, epoch in told if epoch not in [done.epoch for done in kept.get(run, [])]]


# A child without PyTorch -----------------------------------------------------------------------------


def started_child(home):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.crash.played", str(home)],
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return how long the child takes, and what it keeps, when nobody kills it."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    begin = time.monotonic()
    with started_child(home) as child:
        told = child.communicate(timeout=PATIENCE_S)[0].splitlines()
    assert child.returncode == 0
    kept = stored(home)
    assert len(told) == sum(map(len, kept.values())) == 14
    return time.monotonic() - begin, kept


@pytest.mark.parametrize("seed", range(4))
def test_a_child_killed_at_any_moment_loses_no_told_epoch_and_its_runs_can_go_on(tmp_path, undisturbed, seed):
    home = tmp_path / "home"
    length_s, whole = undisturbed
    with started_child(home) as child:
        time.sleep(random.Random(seed).uniform(0, length_s))
        child.kill()
        told = [(run, int(epoch)) for run, epoch in map(str.split, child.communicate()[0].splitlines())]
    assert lost(home, told) == []
    assert problems(home) == []
    with Store.open(home) as store:
        for run in stored(home):
            if store.run(run).status is not Status.FINISHED:
                tell_nobody(played.play(store, [continuing(store, run)]))
    assert stored(home) == {run: whole[run] for run in stored(home)}
    assert problems(home) == []


# The command -----------------------------------------------------------------------------------------

SPEC = RunSpec(dataset="digits", epochs=300, threads=1)
TRAIN = ["run", "--dataset", "digits", "--epochs", "300", "--threads", "1", "--json"]


def command(places, *arguments):
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **places}
    return subprocess.Popen(
        [COMMAND, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def events_of(lines):
    # The last line of a process that was killed may be cut.
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def epochs_of(events):
    return [(event["run"], event["epoch"]) for event in events if event["type"] == "epoch_done"]


def trained(history, end):
    """Return all of a run that does not depend on a clock."""
    epochs = [(e.epoch, e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy) for e in history]
    return epochs, [end[name] for name in ("status", "epochs_done", "best_epoch", "test_loss", "test_accuracy")]


def losses_of(events):
    """Return the losses of each epoch that was told."""
    values = {e["epoch"]: e["values"] for e in events if e["type"] == "epoch_done"}
    return {epoch: (found["train_loss"], found["val_loss"]) for epoch, found in values.items()}


def end_of(events):
    return next(event for event in events if event["type"] == "run_done")


def finish(places, *arguments):
    """Run a command to its end; return its events."""
    with command(places, *arguments) as process:
        out, talk = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, talk
    return events_of(out.splitlines(keepends=True))


@pytest.fixture(scope="module")
def uninterrupted():
    events = list(run_sweep(enqueue([SPEC]), RunControl()))
    (end,) = [event.to_json() for event in events if isinstance(event, RunDone)]
    return trained([event for event in events if isinstance(event, EpochDone)], end)


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_command_loses_no_shown_epoch_and_resumes_to_the_same_numbers(places, tmp_path, uninterrupted, seed):
    chance, home = random.Random(seed), tmp_path / "home"
    lines: list[str] = []
    # Long enough for several checkpoints, of which there is one a second.
    wanted = chance.randint(1, 200)
    with command(places, *TRAIN) as process:
        assert process.stdout is not None
        seen = 0
        while seen < wanted:
            lines.append(process.stdout.readline())
            seen += '"type": "epoch_done"' in lines[-1]
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        lines += process.stdout.readlines()
    shown = epochs_of(events_of(lines))
    assert lost(home, shown) == []
    assert problems(home) == []
    told = finish(places, "resume", "--json")
    ((_, history),) = stored(home).items()
    before, again = losses_of(events_of(lines)), losses_of(told)
    assert max(again) == 300
    assert {epoch: again[epoch] for epoch in before if epoch in again}.items() <= before.items()
    assert trained(history, end_of(told)) == uninterrupted
    assert problems(home) == []


# The app ---------------------------------------------------------------------------------------------


def rows_of(screen):
    """Return the rows of the table of epochs: epoch, accuracy of training and of validation, as they are shown."""
    found = re.findall(r"^│ +(\d+) +(\d+\.\d\d)% +(?:★ )?(\d+\.\d\d)%", screen, re.MULTILINE)
    return [(int(epoch), accuracy, val_accuracy) for epoch, accuracy, val_accuracy in found]


def as_row(done: EpochDone):
    return done.epoch, f"{100 * done.train_accuracy:.2f}", f"{100 * done.val_accuracy:.2f}"


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_app_loses_no_epoch_that_its_screen_showed(places, tmp_path, seed):
    home = tmp_path / "home"
    with PtyApp([COMMAND, "demo", "--keep", "--delay", "0.01"], rows=40, columns=120, environment=places) as app:
        app.wait_for("READY")
        app.send("r")
        app.wait_for(lambda: rows_of(app.display))
        deadline = time.monotonic() + random.Random(seed).uniform(0, 2)
        app.wait_for(lambda: time.monotonic() > deadline)
        app.signal(9)
        assert app.wait_exit() == -9
        shown = rows_of(app.display)
    ((_, history),) = stored(home).items()
    assert shown
    assert set(shown) <= set(map(as_row, history))
    assert problems(home) == []
