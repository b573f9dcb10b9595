"""Records runs: one short transaction per epoch, checkpoints beside the database."""

from __future__ import annotations

import json
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from mnist_tui.core.codec import dumps, to_json_value
from mnist_tui.core.events import (
    DataDescribed,
    EpochDone,
    EpochsChanged,
    Event,
    MetricDeclared,
    Notice,
    RateChanged,
    ResultsLogged,
    RunContinued,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
)
from mnist_tui.core.labels import Labels
from mnist_tui.core.state import OfRun
from mnist_tui.core.status import Status
from mnist_tui.core.stored import Checkpoint, ValidationSet
from mnist_tui.errors import StoreError
from mnist_tui.store import checkpoints, sql, waiting
from mnist_tui.store.connection import Connection
from mnist_tui.store.lock import Locks
from mnist_tui.store.points import Point, PointWriter
from mnist_tui.store.reading import RunReader
from mnist_tui.store.schema import VALUE_COLUMNS

LOOK_S: Final = 0.1
"""Minimum seconds between such checks for mergeable events, which are not stored."""


class RunWriter(RunReader):
    """Records runs, their epochs, points and checkpoints.

    An event is durable when `record` returns, so a listener that receives it afterwards never knows of an epoch that
    could still be lost.
    """

    def __init__(self, connection: Connection, home: Path) -> None:
        super().__init__(connection, home)
        self._locks = Locks(home)
        self._without_checkpoints: set[str] = set()
        self._notices: deque[Notice] = deque()
        self._looked_at: dict[str, float] = {}
        self._points: dict[str, PointWriter] = {}

    # Writing --------------------------------------------------------------------------------------

    def recorded(self, events: Iterable[Event]) -> Iterator[Event]:
        """Record each event, then yield its public part; problems with checkpoints are reported as notices.

        Raises:
            StoreError: An event could not be written.
        """
        for event in events:
            self.record(event)
            while self._notices:
                yield self._notices.popleft()
            if event.is_public:
                yield event.public

    def record(self, event: Event) -> None:
        """Record an event durably. Mergeable events are not stored.

        Raises:
            StoreError: It could not be written.
        """
        if event.mergeable:
            # Mergeable events come by the hundreds when many runs train in parallel.
            run, now = str(getattr(event, "run", "")), time.monotonic()
            if now - self._looked_at.get(run, 0.0) < LOOK_S:
                return
            self._looked_at[run] = now
        if isinstance(event, Checkpoint | OfRun):
            self._locks.check(event.run)
        match event:
            case RunStarted():
                self._hold(event.run)
                self._begin(event)
            case RunContinued():
                values = (Status.RUNNING, event.epochs, event.run)
                begin = ("UPDATE runs SET status = ?, epochs = ?, done = NULL WHERE run = ?", values)
                self._write(_mark(event), begin, (waiting.DELETE, (event.run,)))
            case Checkpoint():
                self._commit(event.run, event.epoch, event.batch, event.data)
            case ValidationSet():
                self._keep_validation_set(event)
            case EpochDone():
                self._commit(event.run, event.epoch, 0, event.checkpoint, *_epoch(event))
            case EpochsChanged():
                self._write(_mark(event), ("UPDATE runs SET epochs = ? WHERE run = ?", (event.epochs, event.run)))
            case RateChanged() | MetricDeclared() | ResultsLogged() | DataDescribed():
                self._write(_mark(event))
            case RunPaused():
                self._write(_mark(event), (sql.SET_STATUS, (Status.PAUSED, event.run)))
            case RunResumed():
                self._write(_mark(event), (sql.SET_STATUS, (Status.RUNNING, event.run)))
            case RunDone():
                done = dumps(event.to_json())
                end = (sql.END_RUN, (event.status, done, event.run))
                self._write(end)
                self._locks.let_go(event.run)
            case _:
                pass

    def _write(self, *statements: tuple[str, Sequence[object] | Mapping[str, object]]) -> None:
        with self._connection.transaction() as connection:
            for statement, values in statements:
                connection.execute(statement, values)

    def _begin(self, event: RunStarted) -> None:
        if self._exists(event.run):
            raise StoreError(f"the run {event.run} already exists", "Start a new one with the same settings")
        values = (event.run, Status.RUNNING, event.spec.epochs, event.started_at, dumps(event.to_json()))
        self._write((sql.INSERT_RUN, values), (waiting.DELETE, (event.run,)))

    def _exists(self, run: str) -> bool:
        return bool(self._connection.query("SELECT 1 FROM runs WHERE run = ?", run))

    def _commit(
        self, run: str, epoch: int, batch: int, checkpoint: bytes | None, *statements: tuple[str, Sequence[object]]
    ) -> None:
        """Execute statements, and add a checkpoint if there is one and it can be written.

        Of the checkpoints at the end of an epoch, the last two and the best are kept; of those within one, the last.
        """
        row = self._checkpoint_file(run, epoch, batch, checkpoint) if checkpoint is not None else None
        if row is None:
            if statements:
                self._write(*statements)
            return
        clear: tuple[str, Mapping[str, object]] = (sql.DELETE_OLD_CHECKPOINTS, {"run": run, "epoch": epoch})
        insert = (sql.INSERT_CHECKPOINT, row)
        if batch:
            self._write(*statements, (sql.DELETE_PAUSES, (run,)), insert)
        else:
            self._write(*statements, insert, clear)
        self._sweep(run)

    def _checkpoint_file(self, run: str, epoch: int, batch: int, data: bytes) -> tuple[object, ...] | None:
        """Write the file before any row refers to it; return the row, or `None` if the file could not be written."""
        name = f"epoch-{epoch:06}-batch-{batch:06}.ckpt"
        try:
            sha256 = checkpoints.write(checkpoints.folder_of(self._home, run), name, data)
        except (OSError, StoreError) as error:
            self._tell_no_checkpoint(run, error)
            return None
        if run in self._without_checkpoints:
            self._without_checkpoints.remove(run)
            self._notices.append(Notice(level="information", message="Checkpoints of this run can be written again."))
        return run, epoch, batch, name, sha256

    def _tell_no_checkpoint(self, run: str, error: OSError | StoreError) -> None:
        """Report it once; the next epoch tries again."""
        if run in self._without_checkpoints:
            return
        self._without_checkpoints.add(run)
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = (
            f"Checkpoints of this run cannot be written ({reason}): finished epochs are kept, "
            "but after a crash the run would resume from an earlier epoch. Free some space on the disk."
        )
        self._notices.append(Notice(level="warning", message=message))

    def _sweep(self, run: str) -> None:
        """Remove the files that no row refers to any more."""
        kept = self._connection.query("SELECT file FROM checkpoints WHERE run = ?", run)
        checkpoints.sweep(checkpoints.folder_of(self._home, run), (str(file) for (file,) in kept))

    def _keep_validation_set(self, event: ValidationSet) -> None:
        key = (event.sha256, event.split_seed)
        if self._connection.query("SELECT 1 FROM validation_sets WHERE sha256 = ? AND split_seed = ?", *key):
            return
        # Level 1: higher ones take a second to save a few per cent.
        images = zlib.compress(event.images, 1)
        row = (*key, event.side, json.dumps(event.classes), event.labels, images, event.channels)
        self._write(("INSERT OR IGNORE INTO validation_sets VALUES (?, ?, ?, ?, ?, ?, ?)", row))

    def add_points(self, run: str, points: Mapping[str, Iterable[Point]]) -> None:
        """Add what a script logged at its steps, durably.

        Args:
            run: The run's id; it must be in progress here.
            points: Steps and values by the name of the metric.

        Raises:
            StoreError: They could not be written, or another process has taken the run over.
        """
        self._locks.check(run)
        writer = self._points.setdefault(run, PointWriter(self._connection, run))
        writer.add(points)

    def put(
        self,
        events: Sequence[Event],
        points: Mapping[str, Iterable[Point]],
        labels: Labels | None = None,
        saved: Sequence[Checkpoint] = (),
    ) -> None:
        """Write a run that comes from elsewhere as a whole; one of the same id is replaced, but keeps its labels.

        Args:
            events: Its events, from `RunStarted` on. Without a `RunDone` at the end, the run is in progress here.
            points: What it logged at its steps, by metric.
            labels: Its labels, unless it has some already.
            saved: Its checkpoints.

        Raises:
            StoreError: It could not be written, or another process has it in progress.
        """
        started, *middle = events
        if not isinstance(started, RunStarted):
            raise TypeError("the first event of a run is run_started")
        run, done = started.run, middle.pop() if middle and isinstance(middle[-1], RunDone) else None
        status = done.status if isinstance(done, RunDone) else Status.RUNNING
        row = run, status, started.spec.epochs, started.started_at, dumps(started.to_json())
        self._hold(run)
        rows = [self._checkpoint_file(run, one.epoch, one.batch, one.data) for one in saved]
        with self._connection.transaction() as connection:
            for table in ("metrics", "marks", "epochs", "insights", "checkpoints"):
                connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608 - our own names
            connection.execute(f"{sql.INSERT_RUN} {sql.OR_REPLACE_RUN}", row)
            for event in middle:
                for statement, values in _epoch(event) if isinstance(event, EpochDone) else [_mark(event)]:
                    connection.execute(statement, values)
            PointWriter(self._connection, run).add_within(connection, points)
            if labels:
                connection.execute(sql.LABEL_NEW_RUN, (run, labels.name, " ".join(labels.tags), labels.note))
            connection.executemany(sql.INSERT_CHECKPOINT, filter(None, rows))
            if done is not None:
                connection.execute(sql.END_RUN, (status, dumps(done.to_json()), run))
        self._points.pop(run, None)
        if done is not None:
            self._locks.let_go(run)

    def describe(self, started: RunStarted) -> None:
        """Replace the first event of a run, whose settings have become known later, durably.

        Raises:
            StoreError: It could not be written.
        """
        self._locks.check(started.run)
        self._write(("UPDATE runs SET started = ? WHERE run = ?", (dumps(started.to_json()), started.run)))

    def void(self, run: str, epoch: int, step: int) -> tuple[int, int]:
        """Remove the epochs and points of a script's run after the state that it resumes from; return how many.

        Raises:
            StoreError: They could not be removed.
        """
        self._locks.check(run)
        removed = PointWriter(self._connection, run).cut(step)
        ((epochs,),) = self._connection.query("SELECT count(*) FROM epochs WHERE run = ? AND epoch > ?", run, epoch)
        self._write(("DELETE FROM epochs WHERE run = ? AND epoch > ?", (run, epoch)))
        return int(epochs), removed

    def abandon(self) -> None:
        """Give up this process's copies of all locks; for the child after a fork."""
        self._locks.abandon()

    def _hold(self, run: str) -> None:
        self._locks.hold(run, f"the run {run} is in progress in another process")


def _epoch(event: EpochDone) -> Iterator[tuple[str, Sequence[object]]]:
    """Yield the statements that write an epoch, and its insight if it has one."""
    is_named = event.values.keys() != set(VALUE_COLUMNS)
    named = dumps(event.values) if is_named else None
    columns = [None if is_named else to_json_value(event.values[name]) for name in VALUE_COLUMNS]
    row = (
        event.run,
        event.epoch,
        to_json_value(event.train_s),
        to_json_value(event.val_s),
        event.step,
        named,
        *columns,
    )
    yield sql.INSERT_EPOCH, row
    if event.insight is not None:
        yield sql.INSERT_INSIGHT, (event.run, event.epoch, event.insight.to_bytes())


def _mark(event: Event) -> tuple[str, Sequence[object]]:
    if not isinstance(event, OfRun):
        raise TypeError(f"{event.type} does not happen to a run")
    return sql.INSERT_MARK, (event.run, event.run, dumps(event.to_json()))
