"""The store of runs: one SQLite database, one short transaction per epoch, checkpoints beside it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mnist_tui.core.events import (
    Checkpoint,
    EpochDone,
    EpochsChanged,
    Event,
    Notice,
    RunContinued,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
    Status,
    dumps,
)
from mnist_tui.core.queue import Continuation, QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import Mark
from mnist_tui.errors import MnistTuiError, StoreError, UsageError
from mnist_tui.store import checkpoints
from mnist_tui.store.connection import Connection
from mnist_tui.store.home import make_home
from mnist_tui.store.lock import RunLock, is_held
from mnist_tui.store.reading import DAMAGE, RunReader
from mnist_tui.store.schema import EPOCH_COLUMNS, to_column


class Store(RunReader):
    """Runs, their epochs and checkpoints, and what waits. Use one `Store` per thread.

    What `record` was given is on the disk when it returns, so a listener that is told afterwards never knows of an
    epoch that could still be lost.
    """

    def __init__(self, connection: Connection, home: Path) -> None:
        super().__init__(connection, home)
        self._held: dict[str, RunLock] = {}
        self._new_checkpoints: dict[str, tuple[object, ...]] = {}
        self._without_checkpoints: set[str] = set()
        self._notices: deque[Notice] = deque()

    @classmethod
    def open(cls, home: Path) -> Self:
        """Open for writing; make what is missing.

        Raises:
            StoreError: The store is damaged, locked, of a newer version, or cannot be written.
        """
        return cls(Connection.open(home), home)

    @classmethod
    def open_readonly(cls, home: Path) -> Self:
        """Open for reading; a home without a database has no runs.

        Raises:
            StoreError: The store is damaged, or of a newer version.
        """
        return cls(Connection.open_readonly(home), home)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and of the runs in progress."""
        for name in list(self._held):
            self._let_go(name)
        self._connection.close()

    # Writing --------------------------------------------------------------------------------------

    def recorded(self, events: Iterable[Event]) -> Iterator[Event]:
        """Record each event, then hand it on. Checkpoints stay here; trouble with them becomes a notice.

        Raises:
            StoreError: An event could not be written.
        """
        for event in events:
            self.record(event)
            while self._notices:
                yield self._notices.popleft()
            if not isinstance(event, Checkpoint):
                yield event

    def record(self, event: Event) -> None:
        """Keep an event; on the disk when this returns. Events that are only news are left out.

        Raises:
            StoreError: It could not be written.
        """
        match event:
            case RunStarted():
                self._hold(event.run, f"the run {event.run} is in progress in another process")
                self._write((_INSERT_RUN, _run_columns(event)), (_DELETE_WAITING, (event.run,)))
            case RunContinued():
                values = (Status.RUNNING, event.epochs, event.run)
                begin = ("UPDATE runs SET status = ?, epochs = ?, done = NULL WHERE run = ?", values)
                self._write(_mark(event), begin, (_DELETE_WAITING, (event.run,)))
            case Checkpoint():
                self._keep_checkpoint(event)
            case EpochDone():
                self._keep_epoch(event)
            case EpochsChanged():
                self._write(_mark(event), ("UPDATE runs SET epochs = ? WHERE run = ?", (event.epochs, event.run)))
            case RunPaused():
                self._write(_mark(event), (_SET_STATUS, (Status.PAUSED, event.run)))
            case RunResumed():
                self._write(_mark(event), (_SET_STATUS, (Status.RUNNING, event.run)))
            case RunDone():
                done = dumps(event.to_json())
                self._write(("UPDATE runs SET status = ?, done = ? WHERE run = ?", (event.status, done, event.run)))
                self._let_go(event.run)
            case _:
                pass

    def _write(self, *statements: tuple[str, Sequence[object]]) -> None:
        with self._connection.transaction() as connection:
            for statement, values in statements:
                connection.execute(statement, values)

    def _keep_checkpoint(self, event: Checkpoint) -> None:
        """Write the file; the row comes with the epoch it belongs to, or now when it lies inside an epoch."""
        if event.run in self._without_checkpoints:
            return
        name = f"epoch-{event.epoch:06}-batch-{event.batch:06}.ckpt"
        try:
            sha256 = checkpoints.write(checkpoints.folder_of(self._home, event.run), name, event.data)
        except (OSError, StoreError) as error:
            self._without_checkpoints.add(event.run)
            reason = error.strerror if isinstance(error, OSError) else str(error)
            message = (
                f"Checkpoints of this run cannot be written ({reason}): finished epochs are kept, "
                "but after a crash the run would go on from an earlier epoch. Make room on the disk."
            )
            self._notices.append(Notice(level="warning", message=message))
            return
        row = (event.run, event.epoch, event.batch, name, sha256)
        if event.batch:
            self._write((_DELETE_PAUSES, (event.run,)), (_INSERT_CHECKPOINT, row))
            self._sweep(event.run)
        else:
            self._new_checkpoints[event.run] = row

    def _keep_epoch(self, event: EpochDone) -> None:
        """Commit the epoch with its checkpoint; keep the last two checkpoints and the best."""
        values = (event.run, event.epoch, *(to_column(getattr(event, name)) for name in EPOCH_COLUMNS))
        row = self._new_checkpoints.pop(event.run, None)
        statements: list[tuple[str, Sequence[object]]] = [(_INSERT_EPOCH, values)]
        if row is not None:
            old = (event.run, event.epoch, event.epoch - 1, event.run)
            statements += [(_INSERT_CHECKPOINT, row), (_DELETE_OLD_CHECKPOINTS, old)]
        self._write(*statements)
        if row is not None:
            self._sweep(event.run)

    def _sweep(self, run: str) -> None:
        """Remove the files that no row names any more."""
        kept = self._connection.query("SELECT file FROM checkpoints WHERE run = ?", run)
        checkpoints.sweep(checkpoints.folder_of(self._home, run), (str(file) for (file,) in kept))

    def _hold(self, name: str, problem: str) -> None:
        if name in self._held:
            return
        make_home(self._home / "locks")
        lock = RunLock(self._lock_path(name))
        try:
            if not lock.acquire():
                raise StoreError(problem, "Wait for it, or end it there")
        except OSError as error:
            raise StoreError(f"{name} cannot be locked in {self._home}: {error.strerror or error}") from error
        self._held[name] = lock

    def _let_go(self, name: str) -> None:
        if (lock := self._held.pop(name, None)) is not None:
            lock.release()

    # What waits -----------------------------------------------------------------------------------

    def ready(self, queue: Iterable[QueuedRun]) -> Iterator[QueuedRun]:
        """Hand on what waits, one by one; a run that goes on gets its story and its last good checkpoint.

        One that cannot go on is left out, which a notice tells with the next event.
        """
        for queued in queue:
            if not queued.continues:
                yield queued
                continue
            try:
                continuation = self._continuation(queued.run)
            except MnistTuiError as error:
                self._give_up(queued.run)
                self._notices.append(Notice(level="error", message=str(error), exit_code=error.exit_code))
                continue
            yield replace(queued, continuation=continuation)
            # Asked for the next one, so this one is over, or was refused.
            self._give_up(queued.run)

    def _give_up(self, run: str) -> None:
        """Let a run go that did not go on; after one that did, nothing is left to do."""
        with suppress(StoreError):
            self.remove_waiting(run)
        self._let_go(run)

    def _continuation(self, run: str) -> Continuation:
        self._hold(run, f"the run {run} is in progress in another process")
        epoch, data, notes = 0, None, []
        rows = self._connection.query(
            "SELECT epoch, batch, file, sha256 FROM checkpoints WHERE run = ? ORDER BY epoch DESC, batch DESC", run
        )
        for done, batch, file, sha256 in rows:
            data = checkpoints.read(checkpoints.folder_of(self._home, run), file, sha256)
            if data is not None:
                epoch = int(done)
                break
            place = f"epoch {done}" + (f", batch {batch}" if batch else "")
            notes.append(f"The checkpoint of {place} is damaged or missing; an earlier one is used.")
        story: list[Event] = []
        for event in self.events(run):
            if isinstance(event, RunDone) or (isinstance(event, EpochDone) and event.epoch > epoch):
                continue
            story.append(event)
        return Continuation(tuple(story), epoch, data, tuple(notes))

    def add_waiting(self, runs: Iterable[QueuedRun], session: str) -> None:
        """Remember what waits in this process, so that it outlives it.

        Args:
            runs: What to add, in order.
            session: Id of the process' session; the first call makes it known.

        Raises:
            StoreError: It could not be written.
        """
        self._hold(f"session-{session}", "this session's name is taken")
        self._write(
            *((_INSERT_WAITING, (q.run, session, q.continues, q.epochs, dumps(q.spec.to_json()))) for q in runs)
        )

    def remove_waiting(self, run: str) -> None:
        """Forget a run that waits."""
        self._write((_DELETE_WAITING, (run,)))

    def adopt_waiting(self, session: str) -> tuple[QueuedRun, ...]:
        """Take over what waited in processes that are dead; return it in its order."""
        with self._connection.transaction() as connection:
            rows = connection.execute(
                "SELECT run, session, continues, epochs, spec FROM waiting ORDER BY id"
            ).fetchall()
            adopted = []
            for run, owner, continues, epochs, spec in rows:
                if is_held(self._lock_path(f"session-{owner}")):
                    continue
                with suppress(*DAMAGE):
                    adopted.append(QueuedRun(run, RunSpec.from_json(json.loads(spec)), bool(continues), epochs))
                connection.execute("UPDATE waiting SET session = ? WHERE run = ?", (session, run))
        if adopted:
            self._hold(f"session-{session}", "this session's name is taken")
        return tuple(adopted)


def continuing(store: Store, name: str, epochs: int | None = None) -> QueuedRun:
    """Return a past run as one that waits to go on.

    Args:
        store: Where it lies.
        name: As for `Store.run`.
        epochs: Epochs to reach; `None`: as many as before.

    Raises:
        UsageError: There is nothing to go on with.
        StoreError: The run, or the store, is damaged.
    """
    run = store.run(name)
    if not run.status.is_over:
        raise UsageError(f"the run {run.run} is in progress", "Watch it where it runs")
    if run.status is Status.DIVERGED:
        raise UsageError(f"the run {run.run} diverged", "Start a new one with a smaller learning rate")
    reach = epochs or run.epochs
    if reach < run.epochs_done or (reach == run.epochs_done and run.status is Status.FINISHED):
        raise UsageError(f"the run {run.run} has {run.epochs_done} epochs already", "Ask for more with --epochs")
    return QueuedRun(run.run, replace(run.spec, epochs=reach), continues=True, epochs=reach)


def _mark(event: Mark) -> tuple[str, Sequence[object]]:
    return _INSERT_MARK, (event.run, event.run, dumps(event.to_json()))


_SET_STATUS: Final = "UPDATE runs SET status = ? WHERE run = ?"
_INSERT_RUN: Final = (
    "INSERT OR IGNORE INTO runs "
    "(run, sweep, status, epochs, features, seed, dataset_name, device, threads, started_at, started) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
# An epoch is trained again only after its checkpoint was lost, and then the newer numbers fit the weights.
_INSERT_EPOCH: Final = (
    f"INSERT OR REPLACE INTO epochs (run, epoch, {', '.join(EPOCH_COLUMNS)}) "  # noqa: S608 - our own column names
    f"VALUES (?, ?, {', '.join('?' * len(EPOCH_COLUMNS))})"
)
_INSERT_CHECKPOINT: Final = (
    "INSERT OR REPLACE INTO checkpoints (run, epoch, batch, file, sha256) VALUES (?, ?, ?, ?, ?)"
)
_DELETE_OLD_CHECKPOINTS: Final = """
DELETE FROM checkpoints WHERE run = ? AND (batch > 0 OR epoch > ? OR (epoch < ? AND epoch IS NOT (
    SELECT epoch FROM epochs WHERE run = ? AND typeof(val_accuracy) = 'real'
    ORDER BY val_accuracy DESC, epoch LIMIT 1)))
"""
_DELETE_PAUSES: Final = "DELETE FROM checkpoints WHERE run = ? AND batch > 0"
_INSERT_MARK: Final = (
    "INSERT INTO marks (run, after_epoch, event) VALUES (?, (SELECT count(*) FROM epochs WHERE run = ?), ?)"
)
_INSERT_WAITING: Final = "INSERT OR REPLACE INTO waiting (run, session, continues, epochs, spec) VALUES (?, ?, ?, ?, ?)"
_DELETE_WAITING: Final = "DELETE FROM waiting WHERE run = ?"


def _run_columns(event: RunStarted) -> tuple[object, ...]:
    spec, machine = event.spec, event.machine
    return (
        event.run,
        event.sweep,
        Status.RUNNING,
        spec.epochs,
        spec.features,
        spec.seed,
        event.dataset.name,
        machine.device,
        machine.threads,
        event.started_at,
        dumps(event.to_json()),
    )
