"""The connection to SQLite: how it is opened, brought up to date, and how its errors become sentences."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from mnist_tui.durable import sync_folder
from mnist_tui.errors import StoreError
from mnist_tui.store.home import make_home, make_private
from mnist_tui.store.schema import MIGRATIONS, TABLES, VERSION

DATABASE: Final = "runs.db"
BUSY_TIMEOUT_S: Final = 5.0
"""How long to wait for another program that writes, where a person waits for the answer."""


TRAINING_PATIENCE_S: Final = 60.0
"""The same where training waits: giving up would cost the epoch in progress."""

_RETRY_S: Final = 0.01


class Connection:
    """One connection to the database of a home; use it in one thread.

    What a transaction wrote is on the disk when it ends: WAL with synchronous=FULL.
    """

    def __init__(self, connection: sqlite3.Connection | None, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._file = _file_at(path)

    @classmethod
    def open(cls, home: Path, patience_s: float | None = None) -> Self:
        """Open for writing; make what is missing, bring an older schema up to date after a backup.

        Args:
            home: The folder it lies in.
            patience_s: How long to wait for another program that writes; `None`: as long as a person would.

        Raises:
            StoreError: The database is damaged, locked, of a newer version, or cannot be written.
        """
        make_home(home)
        path = home / DATABASE
        with _explained(path):
            if not path.exists():
                # Created by us first, so that it is private before anything is in it.
                fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
                os.fchmod(fd, 0o600)
                os.close(fd)
                sync_folder(home)
            for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
                make_private(home / name)
            connection = _connect(path, patience_s=patience_s)
            try:
                _prepare(connection, path, patience_s)
            except BaseException:
                connection.close()
                raise
        return cls(connection, path)

    @classmethod
    def open_readonly(cls, home: Path) -> Self:
        """Open for reading; a home without a database has nothing in it.

        Raises:
            StoreError: The database is damaged, or of a newer version.
        """
        path = home / DATABASE
        with _explained(path):
            if not next(place for place in (home, *home.parents) if place.exists()).is_dir():
                raise StoreError(f"{home} is not a folder", "Name another home with MNIST_TUI_HOME")
            if not path.exists() or not path.stat().st_size:
                return cls(None, path)
            connection = _connect(path, "mode=ro")
            try:
                try:
                    is_empty = _is_empty(connection)
                except sqlite3.OperationalError:
                    connection.close()
                    connection = _connect_despite(path)
                    is_empty = _is_empty(connection)
                if is_empty:
                    connection.close()
                    return cls(None, path)
                _check_version(connection, path)
            except BaseException:
                connection.close()
                raise
        return cls(connection, path)

    def close(self) -> None:
        """Close it; nothing more can be written or read."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing; on the disk when the block ends.

        Raises:
            StoreError: It could not be written.
        """
        with _explained(self._path):
            if self._connection is None:
                raise StoreError("the store of runs is closed")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
                self._check_in_place()
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    def _check_in_place(self) -> None:
        # SQLite goes on with the file that it has open, which nobody would find again.
        if _file_at(self._path) != self._file:
            raise StoreError(f"{self._path} was moved or deleted while in use", "Put it back, or start again")

    def query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return all rows; none where there is no database.

        Raises:
            StoreError: The database cannot be read.
        """
        if self._connection is None:
            return []
        with _explained(self._path):
            return self._connection.execute(query, values).fetchall()


def _file_at(path: Path) -> tuple[int, int] | None:
    """Return what tells the file under this name from any other; `None` when there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _connect(path: Path, options: str = "", patience_s: float | None = None) -> sqlite3.Connection:
    # Quoted as SQLite's file: addresses want it.
    address = f"file:{path.absolute().as_uri().removeprefix('file:')}?{options}"
    timeout_s = BUSY_TIMEOUT_S if patience_s is None else patience_s
    return sqlite3.connect(address, uri=True, timeout=timeout_s, isolation_level=None)


def _connect_despite(path: Path) -> sqlite3.Connection:
    """Connect for reading where a first attempt failed."""
    if not os.access(path.parent, os.W_OK):
        # WAL wants to write beside the database. On a disk that cannot be written, nobody else writes.
        return _connect(path, "mode=ro&immutable=1")
    if path.with_name(f"{path.name}-journal").exists():
        # A process was killed inside a transaction. Only one who may write can take that back.
        with closing(_connect(path, "mode=rw")) as writer:
            _is_empty(writer)
    return _connect(path, "mode=ro")


def _prepare(connection: sqlite3.Connection, path: Path, patience_s: float | None) -> None:
    is_new = _is_empty(connection)
    if not is_new:
        # Before anything is changed: it may be another program's.
        _check_version(connection, path)
    # SQLite answers with the mode it really took; where WAL is not available (network disks), roll back instead.
    mode = _write_ahead(connection, BUSY_TIMEOUT_S if patience_s is None else patience_s)
    connection.execute(f"PRAGMA synchronous = {'FULL' if mode == 'wal' else 'EXTRA'}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA mmap_size = 0")
    if not is_new and _version(connection) < VERSION:
        _back_up(connection, path)
    connection.execute("BEGIN IMMEDIATE")
    # Looked at again: another process may have been quicker.
    version = _version(connection)
    scripts = MIGRATIONS[version:] if version else (TABLES, *MIGRATIONS[1:])
    for statement in ";\n".join(scripts).split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _write_ahead(connection: sqlite3.Connection, patience_s: float) -> str:
    """Switch to WAL; return the mode that it came to."""
    end = time.monotonic() + patience_s
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            # SQLite itself does not wait here, where someone else opens a new database at the same moment.
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(_RETRY_S)


def _back_up(connection: sqlite3.Connection, path: Path) -> None:
    """Copy the database as it is, whole or not at all."""
    copy = path.with_name(f"{path.name}.v{_version(connection)}-backup")
    part = copy.with_name(f".{copy.name}.part")
    with closing(sqlite3.connect(part)) as target:
        part.chmod(0o600)
        connection.backup(target)
    part.replace(copy)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Return whether its tables were never made: its process may have been killed before."""
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version > VERSION:
        raise StoreError(f"{path} was written by a newer version of mnist-tui", "Update mnist-tui")
    if version < 1:
        raise StoreError(f"{path} is not a mnist-tui store", "Move it away, or name another home with MNIST_TUI_HOME")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into sentences."""
    try:
        yield
    except UnicodeDecodeError as error:
        # Damage that SQLite quotes in its message, which Python then cannot read.
        raise StoreError(f"{path} is damaged", "Move it away, or restore a backup; nothing was changed") from error
    except sqlite3.Error as error:
        text = str(error).lower()
        if "locked" in text or "busy" in text:
            raise StoreError(f"{path} is locked by another program", "Close it and try again") from error
        if "not a database" in text or "malformed" in text or "no such table" in text or "no such column" in text:
            raise StoreError(
                # On one line and not at length: SQLite quotes whole tables.
                f"{path} is damaged: {' '.join(str(error).split())[:120]}",
                "Move it away, or restore a backup; nothing was changed",
            ) from error
        if "full" in text:
            raise StoreError(f"the disk of {path} is full", "Free some space; finished epochs are kept") from error
        if "readonly" in text or "unable to open" in text:
            raise StoreError(f"{path} cannot be written or opened", "Check who owns the folder") from error
        raise StoreError(f"{path} cannot be used: {error}", "Check the disk; finished epochs are kept") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror or error}", "Check the folder") from error
