"""A process that trains, made of the scripted engine in a thread."""

import threading
from functools import partial

import pytest

from mnist_tui.core.control import RunControl
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.demo import run_sweep
from mnist_tui.runtime.recorder import Recorder
from mnist_tui.store.database import Store
from mnist_tui.wire.client import watches
from tests.patience import PATIENCE_S

SESSION = "20260101-120000-aaaaaa"


class Training:
    """Trains in a thread until it is told to stop, and can be watched.

    Attributes:
        events: All that was published.
        runs: Ids of the runs, in their order.
    """

    def __init__(self, home, *specs, delay_s=0.005, session=SESSION):
        self.control, self.events = RunControl(), []
        queue = enqueue(specs)
        self.runs = [queued.run for queued in queue]
        self._home, self._ready = home, threading.Event()
        work = partial(self._work, queue, session, delay_s)
        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    def _work(self, queue, session, delay_s):
        with Store.open(self._home) as store:
            store.add_waiting(queue, session)
            with Recorder(store, session, self.control) as self.recorder:
                for event in self.recorder.play(partial(run_sweep, control=self.control, delay_s=delay_s), queue):
                    self.events.append(event)
                    if event.type == "run_started":
                        self._ready.set()

    def join(self):
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def end(self):
        self.control.stop()
        self.control.resume()
        self.join()


@pytest.fixture
def train(tmp_path):
    """Return what begins a training in the home."""
    begun = []

    def begin(*specs, **options):
        begun.append(Training(options.pop("home", tmp_path / "home"), *(specs or (RunSpec(epochs=500),)), **options))
        return begun[-1]

    yield begin
    for training in begun:
        training.end()


@pytest.fixture
def watch(tmp_path):
    """Return what connects to the one process that trains in a home."""
    opened = []

    def connect(home=tmp_path / "home"):
        (found,) = watches(home)
        opened.append(found)
        return found

    yield connect
    for connection in opened:
        connection.close()
