"""A home with runs of both kinds, and the commands in this process."""

import math
from dataclasses import replace

import numpy as np
import pytest

from mnist_tui.api.answers import insight_of
from mnist_tui.cli import main
from mnist_tui.core.events import EpochDone, Progress, RunDone, RunStarted
from mnist_tui.core.labels import Labels
from mnist_tui.core.script import ScriptSpec
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Phase, Status
from mnist_tui.core.stored import Checkpoint, ValidationSet
from mnist_tui.store.database import Store
from tests.builders import CPU, MNIST, run_events

SEEDS = {"wide-0": (0.5, 0.7, 0.8), "wide-1": (0.4, 0.6, 0.9), "narrow": (0.2, 0.3, 0.35)}
SCRIPT = {"loss": [(1, 2.0), (2, 1.5), (4, math.nan), (8, 0.25)], "val/f1": [(4, 0.5), (8, 0.75)]}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with Store.open(tmp_path / "home") as store:
        for number, (run, accuracies) in enumerate(SEEDS.items()):
            spec = RunSpec(epochs=3, features=8 if "wide" in run else 2, seed=number)
            store.put(run_events(run, spec=spec, val_accuracies=accuracies), {}, Labels(f"the {run}", ("seeds",)))
        begin_script(store)
    return tmp_path / "home"


def begin_script(store):
    """Store a script's run, without epochs."""
    spec = ScriptSpec(config={"lr": 0.1, "net": "a"}, name="loop", project="p", source="loop.py")
    started = RunStarted(
        run="script", sweep="s", spec=spec, dataset=None, machine=CPU, parameters=None,
        started_at="2026-03-01T12:00:00+00:00",
    )  # fmt: skip
    store.record(started)
    store.add_points("script", SCRIPT)
    now = Progress(
        run="script", epoch=1, phase=Phase.TRAIN, batch=8, batches=0, epoch_elapsed_s=8.0, images_per_s=0.0, step=8,
        newest={name: points[-1][1] for name, points in SCRIPT.items()},
    )  # fmt: skip
    done = replace(ended("script"), steps=8, last=now.newest, total_training_time_s=8.0)
    store.record(done)


def ended(run):
    return RunDone(
        run=run, status=Status.FINISHED, reason="", epochs_done=0, last_epoch_accuracy=None, last_epoch_time_s=None,
        last_val_accuracy=None, best_val_accuracy=None, best_epoch=None, test_accuracy=None, test_loss=None,
        total_training_time_s=0.0, ended_at="2026-03-01T12:01:00+00:00",
    )  # fmt: skip


@pytest.fixture
def rich_run(home):
    """A run with an insight, checkpoints, validation images, tags and a note."""
    *first, last, done = run_events("rich")
    assert isinstance(last, EpochDone)
    seen = insight_of("rich", 3, np.array([0, 1, 2, 2]), np.eye(10)[[0, 1, 2, 3]])
    pictures = ValidationSet(
        sha256=MNIST.sha256, split_seed=0, side=28, classes=MNIST.classes, labels=bytes([1, 2]), images=bytes(2 * 784)
    )
    with Store.open(home) as store:
        saved = [Checkpoint(run="rich", epoch=epoch, batch=0, data=bytes([epoch]) * 1000) for epoch in (2, 3)]
        store.put([*first, last.with_parts(seen, None), done], {}, Labels("rich one", ("a", "b"), "a note"), saved)
        store.record(pictures)
    return seen


@pytest.fixture
def command(home, capsys):
    def run(*arguments, code=0):
        assert main(list(arguments)) == code
        return capsys.readouterr()

    return run
