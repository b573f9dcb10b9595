"""A short scripted run with checkpoints: recorded by a child that is killed, and gone on with afterwards.

As a program it records the run in the home that its argument names, and tells every epoch once it is recorded.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from mnist_tui.core.conditions import DatasetInfo, Machine
from mnist_tui.core.events import EpochDone, Event, RunContinued, RunDone, RunStarted
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import summarise
from mnist_tui.core.status import Status
from mnist_tui.errors import MnistTuiError
from mnist_tui.store import checkpoints
from mnist_tui.store.claims import Claims
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store

RUN: Final = "run-1"
SPEC: Final = RunSpec(epochs=2)
_STARTED: Final = RunStarted(
    run=RUN,
    sweep="sweep-1",
    spec=SPEC,
    dataset=DatasetInfo(
        name="digits", label="digits", n_train=1, n_validation=1, n_test=1, sha256="a" * 64, source="scikit-learn"
    ),
    machine=Machine(device="cpu", device_name="", threads=1, host="", system="", versions={}),
    parameters=1,
    started_at="2026-03-01T12:00:00+00:00",
)


def epochs() -> list[EpochDone]:
    """Return what the uninterrupted run finishes."""
    return [
        EpochDone(
            run=RUN,
            epoch=epoch,
            train_s=4.0,
            val_s=0.5,
            values={
                "train_loss": 1 / epoch,
                "train_accuracy": 0.3,
                "val_loss": 1 / epoch,
                "val_accuracy": 0.1 * epoch,
                "images_per_s": 1.0,
                "learning_rate": 0.001,
            },
        )
        for epoch in range(1, SPEC.epochs + 1)
    ]


def weights(epoch: int) -> bytes:
    """Return the checkpoint after an epoch, nothing before the first."""
    return f"weights after epoch {epoch}".encode() * 50


def story(begin: Event, done: int = 0) -> Iterator[Event]:
    """Yield the run from `begin` on, `done` of its epochs left out."""
    yield begin
    for epoch in epochs()[done:]:
        yield replace(epoch, checkpoint=weights(epoch.epoch))
    yield summarise(RUN, epochs(), status=Status.FINISHED, ended_at="2026-03-01T12:01:00+00:00")


def go_on(home: Path) -> tuple[int, tuple[str, ...]]:
    """Bring the run to its end, however far it came; return the epoch it went on from, and what a person is told."""
    with Store.open(home) as store:
        if not store.runs():
            tell_nobody(store.recorded(story(_STARTED)))
            return 0, ()
        (queued,) = Claims(store, [QueuedRun(RUN, SPEC, continues=True)])
        past = queued.continuation
        assert past is not None
        assert past.checkpoint == (weights(past.epoch) if past.epoch else None)
        begin = RunContinued(
            run=RUN,
            sweep="sweep-2",
            epoch=past.epoch,
            epochs=SPEC.epochs,
            differs=(),
            continued_at="2026-03-01T13:00:00+00:00",
            story=past.story,
        )
        tell_nobody(store.recorded(story(begin, past.epoch)))
        return past.epoch, past.notes


def result(home: Path) -> tuple[list[EpochDone], RunDone | None]:
    """Return what a reader finds of the run."""
    with Store.open_readonly(home) as store:
        if not store.runs():
            return [], None
        run = store.run(RUN)
        return run.history, run.result


def problems(home: Path) -> list[str]:
    """Return what SQLite finds wrong with the database, and checkpoints whose file is not what was written."""
    if not (home / DATABASE).exists():
        return []
    with closing(sqlite3.connect(home / DATABASE)) as database:
        found = [text for (text,) in database.execute("PRAGMA integrity_check") if text != "ok"]
        known = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'checkpoints'").fetchone()
        rows = database.execute("SELECT run, file, sha256 FROM checkpoints").fetchall() if known else []
    return found + [
        f"{file} is damaged"
        for run, file, sha256 in rows
        if checkpoints.read(checkpoints.folder_of(home, run), file, sha256) is None
    ]


def tell_nobody(events: Iterable[Event]) -> None:
    """Take in all events."""
    for _ in events:
        pass


def tell(events: Iterable[Event]) -> None:
    """Write the number of every epoch that is handed on."""
    for event in events:
        if isinstance(event, EpochDone):
            # writev, which no one watches: what is told is no part of what is tried.
            os.writev(1, [f"{event.epoch}\n".encode()])


if __name__ == "__main__":
    try:
        with Store.open(Path(sys.argv[1])) as opened:
            tell(opened.recorded(story(_STARTED)))
    except MnistTuiError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
