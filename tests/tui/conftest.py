"""The app with the scripted engine, where nothing is random and no clock is read."""

import itertools
import time
from functools import partial
from pathlib import Path

import pytest

from mnist_tui.core import queue as queue_module
from mnist_tui.demo import load_classifier, run_sweep
from mnist_tui.runtime import pace
from mnist_tui.runtime.backends import Backends
from mnist_tui.runtime.system import SystemLoad, SystemProbe
from mnist_tui.tui.app import MnistTuiApp
from mnist_tui.tui.widgets import cards
from mnist_tui.workers.pool import many
from tests.patience import PATIENCE_S

GIB = 1024**3


@pytest.fixture(autouse=True)
def settled(monkeypatch, tmp_path):
    """Run ids count, load and pace stand still, the time zone is UTC, the home is `home` below an empty folder."""
    numbers = itertools.count(1)
    monkeypatch.setattr(queue_module, "new_run_id", lambda: f"20260101-120000-{next(numbers):06d}")
    load = SystemLoad(0.5, 2, GIB, 6 * GIB, 24 * GIB, None)
    monkeypatch.setattr(SystemProbe, "read", lambda self: load)
    # How many readings there are depends on how long a test takes.
    monkeypatch.setattr(cards, "MOST_READINGS", 1)
    # Tests share their machine, so that drawing would seem to cost more and more.
    monkeypatch.setattr(pace, "MOST_S", pace.LEAST_S)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def home() -> Path:
    return Path("home")


@pytest.fixture
def make_app(home):
    """Return a function that makes the app; `delay_s` is the time of one of 20 steps of an epoch.

    Training ends with the test: it would go on in the folder of the next one.
    """
    made: list[MnistTuiApp] = []

    def make(delay_s: float = 0.0, engine=None, *, insights: bool = False) -> MnistTuiApp:
        if engine is not None:
            # Of this process alone: another one could not import it.
            made.append(MnistTuiApp(Backends(engine, load_classifier), home))
        else:
            engine = partial(run_sweep, delay_s=delay_s, insights=insights)
            made.append(MnistTuiApp(Backends(engine, load_classifier, workers=partial(many, engine=engine)), home))
        return made[-1]

    yield make
    for app in made:
        app.session.control.stop()
        app.session.control.resume()
        assert app.session.join(PATIENCE_S), "training did not end"
