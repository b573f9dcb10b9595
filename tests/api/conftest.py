"""Loops in this process, orders from another connection, and scripts in processes of their own."""

import itertools
import os
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing

import pytest

import mnist_tui
from mnist_tui.core.orders import Order
from mnist_tui.store.database import Store
from mnist_tui.wire.client import watches
from mnist_tui.wire.lines import read_event
from tests.patience import PATIENCE_S


class Weights:
    """The least that can be saved: one number, with the methods that PyTorch's parts have."""

    def __init__(self, value=0.0):
        self.value = value

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]


class Optimizer:
    """Groups of parameters with a learning rate."""

    def __init__(self, *rates):
        self.param_groups = [{"lr": rate} for rate in rates]

    def state_dict(self):
        return {"rates": [group["lr"] for group in self.param_groups]}

    def load_state_dict(self, state):
        for group, rate in zip(self.param_groups, state["rates"], strict=True):
            group["lr"] = rate


class Remote:
    """Another terminal: gives orders to the run in progress, and hears its events."""

    def __init__(self, home):
        self.home = home

    def tell(self, kind, value=0.0, **more):
        """Give one order to the only run in progress; return the reason of a refusal, or the empty text."""
        with closing(self._watch()) as watch:
            (run,) = watch.runs
            watch.tell(Order(kind=kind, run=run, value=value, **more))
            return next(str(r["reason"]) for r in watch.records(PATIENCE_S) if r.get("type") == "answer")

    def hear(self, kind):
        """Return the next event of a kind, or the newest one that was told already."""
        return self.hear_all(kind, 1)[0]

    def hear_all(self, kind, number):
        """Return so many events of a kind, the newest that was told already first."""
        with closing(self._watch()) as watch:
            events = (read_event(r) for r in watch.records(PATIENCE_S) if r.get("type") == kind)
            return list(itertools.islice(events, number))

    def _watch(self):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            for watch in watches(self.home):
                if watch.runs:
                    return watch
                watch.close()
            time.sleep(0.01)
        raise AssertionError("no run is in progress")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def begin(home):
    """Return a function that begins a run in the home of this test; what is not finished is finished."""
    begun = []

    def init(*args, **options):
        begun.append(mnist_tui.init(*args, **({"home": home} | options)))
        return begun[-1]

    yield init
    for run in begun:
        run.finish()


@pytest.fixture
def remote(home):
    return Remote(home)


@pytest.fixture
def beside():
    """Return a function that runs something beside the loop of the test; what it raises fails the test."""
    threads, problems = [], []

    def start(work):
        def guarded():
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - told when the test ends
                problems.append(error)

        threads.append(threading.Thread(target=guarded))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join(PATIENCE_S)
    assert problems == []


def stored(home, name="last"):
    """Return a run as the store has it."""
    with Store.open_readonly(home) as store:
        return store.run(name)


def points(home, name, run="last"):
    """Return the points of a metric as the store has them."""
    with Store.open_readonly(home) as store:
        found = store.points(store.id_of(run), name).series
    return list(zip(found.steps, found.values, strict=True))


def script(home, text, *, check=True, **environment):
    """Run a script in a process of its own; return it, with its output."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)],
        env={**os.environ, "MNIST_TUI_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=check,
    )
