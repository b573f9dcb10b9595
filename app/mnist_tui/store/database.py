"""The store of runs: one SQLite database, one short transaction per epoch."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from mnist_tui.core.events import (
    EpochDone,
    EpochsChanged,
    Event,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
    Status,
    dumps,
    event_from_json,
)
from mnist_tui.core.state import RunState, apply_to_run, start_run, summarise
from mnist_tui.errors import StoreError, UsageError
from mnist_tui.store.home import make_home
from mnist_tui.store.lock import RunLock, is_held
from mnist_tui.store.schema import EPOCH_COLUMNS, TABLES, VERSION, from_column, to_column

DATABASE: Final = "runs.db"
BUSY_TIMEOUT_S: Final = 5.0
INTERRUPTED: Final = "the process ended before the run did"
_LOCKS: Final = "locks"
_INSERT_EPOCH: Final = (
    f"INSERT OR IGNORE INTO epochs (run, epoch, {', '.join(EPOCH_COLUMNS)}) "  # noqa: S608 - our own column names
    f"VALUES (?, ?, {', '.join('?' * len(EPOCH_COLUMNS))})"
)


class Store:
    """Runs and their epochs. Use one `Store` per thread: the training thread's writes, the screen's reads.

    What `record` was given is on the disk when it returns (WAL with synchronous=FULL), so a listener that is told
    afterwards never knows of an epoch that could still be lost.
    """

    def __init__(self, connection: sqlite3.Connection | None, home: Path) -> None:
        self._connection = connection
        self._home = home
        self._held: dict[str, RunLock] = {}
        self.unreadable: list[tuple[str, str]] = []
        """Runs that the last `runs()` could not read, with the reason."""

    @classmethod
    def open(cls, home: Path) -> Self:
        """Open for writing; make what is missing.

        Raises:
            StoreError: The store is damaged, locked, of a newer version, or cannot be written.
        """
        make_home(home)
        path = home / DATABASE
        with _explained(path):
            if not path.exists():
                # Created by us first, so that it is private before anything is in it.
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = _connect(f"file:{_quoted(path)}")
            try:
                _prepare(connection, path)
            except BaseException:
                connection.close()
                raise
        return cls(connection, home)

    @classmethod
    def open_readonly(cls, home: Path) -> Self:
        """Open for reading; nothing is made, and a home without a database has no runs.

        Raises:
            StoreError: The store is damaged, or of a newer version.
        """
        path = home / DATABASE
        if not path.exists() or not path.stat().st_size:
            return cls(None, home)
        with _explained(path):
            connection = _connect(f"file:{_quoted(path)}?mode=ro")
            try:
                _check_version(connection, path)
            except BaseException:
                connection.close()
                raise
        return cls(connection, home)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database and of the runs in progress."""
        for run in list(self._held):
            self._let_go(run)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    # Writing --------------------------------------------------------------------------------------

    def record(self, event: Event) -> None:
        """Keep an event; on the disk when this returns. Events that are only news are left out.

        Raises:
            StoreError: It could not be written.
        """
        match event:
            case RunStarted():
                self._hold(event.run)
                self._write(_INSERT_RUN, _run_columns(event))
            case EpochDone():
                values = (to_column(getattr(event, name)) for name in EPOCH_COLUMNS)
                self._write(_INSERT_EPOCH, (event.run, event.epoch, *values))
            case EpochsChanged():
                self._mark(event, ("UPDATE runs SET epochs = ? WHERE run = ?", (event.epochs, event.run)))
            case RunPaused():
                self._mark(event, (_SET_STATUS, (Status.PAUSED, event.run)))
            case RunResumed():
                self._mark(event, (_SET_STATUS, (Status.RUNNING, event.run)))
            case RunDone():
                done = dumps(event.to_json())
                self._write("UPDATE runs SET status = ?, done = ? WHERE run = ?", (event.status, done, event.run))
                self._let_go(event.run)
            case _:
                pass

    def _mark(self, event: EpochsChanged | RunPaused | RunResumed, change: tuple[str, Sequence[object]]) -> None:
        insert = (
            "INSERT INTO marks (run, after_epoch, event) VALUES (?, (SELECT count(*) FROM epochs WHERE run = ?), ?)",
            (event.run, event.run, dumps(event.to_json())),
        )
        with self._transaction() as connection:
            for statement, values in (insert, change):
                connection.execute(statement, values)

    def _write(self, statement: str, values: Sequence[object]) -> None:
        with self._transaction() as connection:
            connection.execute(statement, values)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _explained(self._home / DATABASE):
            connection = self._open_connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError("the store of runs is closed")
        return self._connection

    def delete_runs(self, runs: Sequence[str]) -> None:
        """Remove runs with their epochs; whole ids only."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM runs WHERE run = ?", [(run,) for run in runs])

    def _lock_path(self, run: str) -> Path:
        return self._home / _LOCKS / f"{run}.lock"

    def _hold(self, run: str) -> None:
        if run in self._held:
            return
        make_home(self._home / _LOCKS)
        lock = RunLock(self._lock_path(run))
        try:
            if not lock.acquire():
                raise StoreError(f"the run {run} is in progress in another process")
        except OSError as error:
            raise StoreError(f"the run {run} cannot be locked in {self._home}: {error.strerror or error}") from error
        self._held[run] = lock

    def _let_go(self, run: str) -> None:
        if (lock := self._held.pop(run, None)) is not None:
            lock.release()

    # Reading --------------------------------------------------------------------------------------

    def runs(self) -> list[RunState]:
        """Return all runs without their epochs, the newest last. What cannot be read is left out and told.

        Raises:
            StoreError: The store is damaged.
        """
        self.unreadable = []
        runs = []
        for row in self._query("SELECT run, status, epochs, started, done FROM runs ORDER BY started_at, run"):
            try:
                runs.append(self._read_run(*row))
            except _DAMAGE as error:
                self.unreadable.append((str(row[0]), f"{type(error).__name__}: {error}"))
        return runs

    def _read_run(self, run: str, status: str, epochs: int, started: str, done: str | None) -> RunState:
        event = event_from_json(json.loads(started))
        if not isinstance(event, RunStarted):
            raise ValueError("its first event is not run_started")  # noqa: TRY004 - a damaged value, not a type
        state = start_run(event)
        state.epochs = epochs
        state.status = Status(status)
        if done is not None:
            end = event_from_json(json.loads(done))
            if not isinstance(end, RunDone):
                raise ValueError("its last event is not run_done")
            state.result = end
        elif not is_held(self._lock_path(run)):
            history = self._history(run)
            ended_at = event.started_at
            state.status = Status.INTERRUPTED
            state.result = summarise(run, history, status=Status.INTERRUPTED, reason=INTERRUPTED, ended_at=ended_at)
        return state

    def run(self, name: str) -> RunState:
        """Return one run with its epochs and marks.

        Args:
            name: Its id, a beginning of it that fits no other run, or `last`.

        Raises:
            UsageError: No run, or more than one, is called so.
            StoreError: The run, or the store, is damaged.
        """
        run = self._find(name)
        row = next(iter(self._query("SELECT run, status, epochs, started, done FROM runs WHERE run = ?", run)))
        try:
            state = self._read_run(*row)
            end = state.result
            for event in self._middle(run):
                apply_to_run(state, event)
        except _DAMAGE as error:
            raise _unreadable(run, error) from error
        state.epochs = int(row[2])
        if end is not None:
            apply_to_run(state, end)
        return state

    def events(self, name: str) -> Iterator[Event]:
        """Replay the events of a run: its start, epochs and marks in order, its end."""
        run = self._find(name)
        ((started, done),) = self._query("SELECT started, done FROM runs WHERE run = ?", run)
        try:
            yield event_from_json(json.loads(started))
            yield from self._middle(run)
            if done is not None:
                yield event_from_json(json.loads(done))
        except _DAMAGE as error:
            raise _unreadable(run, error) from error
        if done is None and (result := self.run(run).result) is not None:
            yield result

    def _middle(self, run: str) -> Iterator[EpochDone | EpochsChanged | RunPaused | RunResumed]:
        marks = [
            (after, event_from_json(json.loads(text)))
            for after, text in self._query("SELECT after_epoch, event FROM marks WHERE run = ? ORDER BY id", run)
        ]
        for done, epoch in enumerate([None, *self._history(run)]):
            if epoch is not None:
                yield epoch
            for after, mark in marks:
                if after == done and isinstance(mark, EpochsChanged | RunPaused | RunResumed):
                    yield mark

    def _history(self, run: str) -> list[EpochDone]:
        query = f"SELECT epoch, {', '.join(EPOCH_COLUMNS)} FROM epochs WHERE run = ? ORDER BY epoch"  # noqa: S608
        return [EpochDone(run=run, epoch=epoch, **_numbers(values)) for epoch, *values in self._query(query, run)]

    def _find(self, name: str) -> str:
        if name == "last":
            found = [
                str(run) for (run,) in self._query("SELECT run FROM runs ORDER BY started_at DESC, run DESC LIMIT 1")
            ]
        else:
            query = "SELECT run FROM runs WHERE substr(run, 1, length(?)) = ? ORDER BY run"
            found = [str(run) for (run,) in self._query(query, name, name)]
            found = [run for run in found if run == name] or found
        if not found:
            raise UsageError(f"there is no run {name!r}", "`mnist-tui runs` lists all runs")
        if len(found) > 1:
            raise UsageError(f"{len(found)} runs begin with {name!r}", "Give more of the id")
        return found[0]

    def _query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        if self._connection is None:
            return []
        with _explained(self._home / DATABASE):
            return self._connection.execute(query, values).fetchall()


_DAMAGE: Final = (ValueError, TypeError, KeyError, AttributeError, UsageError)
"""What reading a damaged record raises."""


def _unreadable(run: str, error: Exception) -> StoreError:
    what = error.what if isinstance(error, UsageError) else f"{type(error).__name__}: {error}"
    return StoreError(f"the run {run} cannot be read: {what}", "Delete it, or restore a backup")


_SET_STATUS: Final = "UPDATE runs SET status = ? WHERE run = ?"
_INSERT_RUN: Final = (
    "INSERT OR IGNORE INTO runs "
    "(run, sweep, status, epochs, features, seed, dataset_name, device, threads, started_at, started) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


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


def _numbers(values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(EPOCH_COLUMNS, map(from_column, values), strict=True))


def _quoted(path: Path) -> str:
    """Return a path as SQLite's file: addresses want it."""
    return path.absolute().as_uri().removeprefix("file:")


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        # Before anything is changed: it may be another program's.
        _check_version(connection, path)
    # SQLite answers with the mode it really took; where WAL is not to be had (network disks), roll back instead.
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute(f"PRAGMA synchronous = {'FULL' if mode == 'wal' else 'EXTRA'}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("BEGIN IMMEDIATE")
    if _version(connection) == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        for statement in TABLES.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
    _check_version(connection, path)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version > VERSION:
        raise StoreError(f"{path} was written by a newer version of mnist-tui", "Update mnist-tui")
    if version < VERSION:
        raise StoreError(f"{path} is no store of mnist-tui", "Move it away, or name another home with MNIST_TUI_HOME")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into sentences."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error).lower()
        if "locked" in text or "busy" in text:
            raise StoreError(f"{path} is locked by another program", "Close it and try again") from error
        if "not a database" in text or "malformed" in text or "no such table" in text or "no such column" in text:
            raise StoreError(
                f"{path} is damaged: {error}", "Move it away, or restore a backup; nothing was changed"
            ) from error
        if "full" in text:
            raise StoreError(f"the disk of {path} is full", "Make room; finished epochs are kept") from error
        if "readonly" in text or "unable to open" in text:
            raise StoreError(f"{path} cannot be written or opened", "Check who owns the folder") from error
        raise StoreError(f"{path} cannot be used: {error}") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror or error}") from error
