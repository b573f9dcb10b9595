"""The examples run as they stand, and what they record is what they say."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mnist_tui.core.events import RunContinued
from mnist_tui.core.status import Status
from mnist_tui.store.database import Store
from tests.patience import PATIENCE_S

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(home, name, *args, **environment):
    subprocess.run(
        [sys.executable, str(EXAMPLES / name), *args],
        env={**os.environ, "MNIST_TUI_HOME": str(home), "OMP_NUM_THREADS": "1", **environment},
        cwd=home.parent,
        check=True,
        timeout=PATIENCE_S,
    )


def stored(home):
    with Store.open_readonly(home) as store:
        return store.run("last"), store.point_names(store.id_of("last"))


def test_the_plain_loop_learns_and_goes_on_where_it_was(tmp_path):
    home = tmp_path / "home"
    run(home, "plain_loop.py", "--epochs", "2")
    run(home, "plain_loop.py", "--epochs", "4", MNIST_TUI_RESUME="last")
    found, points = stored(home)
    assert (found.status, found.epochs_done) == (Status.FINISHED, 4)
    assert any(isinstance(mark, RunContinued) for mark in found.marks)
    assert found.best.value("val/accuracy") > 0.8
    assert points == ["loss", "lr"]
    assert found.results.keys() == {"test/loss", "test/accuracy"}


def test_scikit_learn_trains_epoch_by_epoch(tmp_path):
    home = tmp_path / "home"
    run(home, "sklearn_partial_fit.py", "--epochs", "3")
    run(home, "sklearn_partial_fit.py", "--epochs", "6", MNIST_TUI_RESUME="last")
    found, _ = stored(home)
    assert (found.status, found.epochs_done, found.step) == (Status.FINISHED, 6, 72)
    assert found.best.value("val/accuracy") > 0.8


@pytest.mark.skipif(find_spec("lightning") is None, reason="lightning is not installed")
def test_lightning_is_watched_by_a_callback(tmp_path):
    home = tmp_path / "home"
    run(home, "lightning_digits.py", "--epochs", "2")
    found, points = stored(home)
    assert (found.status, found.epochs_done) == (Status.FINISHED, 2)
    assert found.best.value("val_accuracy") > 0.8
    assert points == ["loss", "lr"]
    assert found.script.config == {"width": 32, "lr": 0.01}
