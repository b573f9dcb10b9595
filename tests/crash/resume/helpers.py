"""Runs that are begun, ended and gone on with, and what is compared of them."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import chain

import torch

from mnist_tui.core.control import Requests, RunControl
from mnist_tui.core.events import EpochDone, Notice
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine.session import run_sweep
from mnist_tui.store import checkpoints
from mnist_tui.store.claims import Claims, continuing
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store

RUN = "run-1"
NARROW = RunSpec(epochs=4, features=2, dataset="digits", device="cpu", threads=1)
WIDE = replace(NARROW, features=8)
WIDE_TORCH = replace(WIDE, backend="torch")  # From 8 on its channels lie innermost.
BATCHES = 19  # 1,197 images to train, 64 at a time; 300 to validate, 250 at a time.


def train(home, queued, until=lambda event: False, control=None):
    """Train until an event, then die: nothing more is done than the system does for a dead process."""
    told = []
    with Store.open(home) as store:
        events = store.recorded(run_sweep(Claims(store, [queued]), control or RunControl()))
        for event in events:
            told.append(event)
            if until(event):
                break
        del events
    return told


def begin(home, spec, **options):
    return train(home, QueuedRun(RUN, spec), **options)


def go_on(home, epochs=None, **options):
    with Store.open_readonly(home) as store:
        queued = continuing(store, RUN, epochs)
    return train(home, queued, **options)


def kept(home):
    with Store.open_readonly(home) as store:
        return store.run(RUN)


def after_epoch(number):
    return lambda event: isinstance(event, EpochDone) and event.epoch == number


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def warnings(events):
    return [notice.message for notice in of(events, Notice)]


def rows(home, query, *values):
    with closing(sqlite3.connect(home / DATABASE)) as database, database:
        return database.execute(query, values).fetchall()


def newest_checkpoints(home):
    """Return the files of a run's checkpoints, the newest first."""
    found = rows(home, "SELECT file FROM checkpoints WHERE run = ? ORDER BY epoch DESC, batch DESC", RUN)
    return [checkpoints.folder_of(home, RUN) / file for (file,) in found]


def tensors(value, name=""):
    """Return all tensors and numbers of a checkpoint by their names."""
    if isinstance(value, dict):
        return dict(chain.from_iterable(tensors(item, f"{name}/{key}").items() for key, item in value.items()))
    return {name: value.tolist() if isinstance(value, torch.Tensor) else value}


def weights(home):
    """Return what the newest checkpoint holds: weights and the optimizer's moments."""
    state = torch.load(newest_checkpoints(home)[0], weights_only=True)
    return tensors({"model": state["model"], "optimizer": state["optimizer"], "epoch": state["epoch"]})


def numbers(home):
    """Return all of a run that does not depend on a clock."""
    run = kept(home)
    epochs = [
        (e.epoch, e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy, e.improvement_points, e.error_reduction)
        for e in run.history
    ]
    end = run.result
    return epochs, (end.status, end.epochs_done, end.best_epoch, end.test_loss, end.test_accuracy), weights(home)


class Pausing(RunControl):
    """Asks for a pause once the loop has looked so often between batches."""

    def __init__(self, look):
        super().__init__()
        self.requests = PausingRequests(look)


class PausingRequests(Requests):
    def __init__(self, look):
        super().__init__()
        self._looks = look

    @property
    def paused(self):
        self._looks -= 1
        return self._looks == 0


def remove(path):
    path.unlink()
