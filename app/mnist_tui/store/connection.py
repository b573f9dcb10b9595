"""The connection to SQLite: opens and migrates the database, and explains its errors."""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from mnist_tui.durable import sync_folder
from mnist_tui.errors import StoreError
from mnist_tui.store.home import make_home, make_private, too_long
from mnist_tui.store.schema import MIGRATIONS, TABLES, VERSION

DATABASE: Final = "runs.db"
BUSY_TIMEOUT_S: Final = 5.0
"""How long to wait for another writer when a user is waiting for the result."""


TRAINING_PATIENCE_S: Final = 60.0
"""The same for training, where giving up would lose the epoch in progress."""

_RETRY_S: Final = 0.01


class Connection:
    """One connection to the database of a home; use it in one thread.

    A transaction is durable when it ends: WAL with synchronous=FULL.
    """

    def __init__(self, connection: sqlite3.Connection | None, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._file = _file_at(path)

    @classmethod
    def open(cls, home: Path, patience_s: float | None = None, *, is_durable: bool = True) -> Self:
        """Open for writing; create what is missing, and migrate an older schema after a backup.

        Args:
            home: The folder that contains it.
            patience_s: How long to wait for another writer; `None` for `BUSY_TIMEOUT_S`.
            is_durable: Transactions wait for the disk.

        Raises:
            StoreError: The database is damaged, locked, of a newer version, or cannot be written.
        """
        make_home(home)
        path = home / DATABASE
        with _explained(path):
            if not path.exists():
                # Create it before SQLite does, so that it is private from the start.
                fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
                os.fchmod(fd, 0o600)
                os.close(fd)
                sync_folder(home)
            for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
                make_private(home / name)
            connection = _connect(path, patience_s=patience_s)
            try:
                _prepare(connection, path, patience_s)
                if not is_durable:
                    connection.execute("PRAGMA synchronous = OFF")
            except BaseException:
                connection.close()
                raise
        return cls(connection, path)

    @classmethod
    def open_readonly(cls, home: Path) -> Self:
        """Open for reading; a home without a database counts as empty.

        Raises:
            StoreError: The database is damaged, or of a newer version.
        """
        path = home / DATABASE
        with _explained(path):
            if not next(place for place in (home, *home.parents) if place.exists()).is_dir():
                raise StoreError(f"{home} is not a folder", "Set MNIST_TUI_HOME to another folder")
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
                if _version(connection) < VERSION:
                    connection = _up_to_date(connection)
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
        """Run a transaction; it is durable when the block ends.

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
        # SQLite keeps writing to its open file, even if nobody can find that any more.
        if _file_at(self._path) != self._file:
            raise StoreError(f"{self._path} was moved or deleted while in use", "Put it back, or start again")

    def query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return all rows; none if there is no database.

        Raises:
            StoreError: The database cannot be read.
        """
        if self._connection is None:
            return []
        with _explained(self._path):
            return self._connection.execute(query, values).fetchall()


def _file_at(path: Path) -> tuple[int, int] | None:
    """Return the identity (device and inode) of the file at a path; `None` if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _connect(path: Path, options: str = "", patience_s: float | None = None) -> sqlite3.Connection:
    # Percent-encoded, as SQLite's file: URIs require.
    address = f"file:{path.absolute().as_uri().removeprefix('file:')}?{options}"
    timeout_s = BUSY_TIMEOUT_S if patience_s is None else patience_s
    return sqlite3.connect(address, uri=True, timeout=timeout_s, isolation_level=None)


def _connect_despite(path: Path) -> sqlite3.Connection:
    """Connect for reading after a first attempt failed."""
    if not os.access(path.parent, os.W_OK):
        # WAL needs to write next to the database. In a read-only folder, nobody else writes either.
        return _connect(path, "mode=ro&immutable=1")
    if path.with_name(f"{path.name}-journal").exists():
        # A process was killed during a transaction. Only a writer can roll it back.
        with closing(_connect(path, "mode=rw")) as writer:
            _is_empty(writer)
    return _connect(path, "mode=ro")


def _prepare(connection: sqlite3.Connection, path: Path, patience_s: float | None) -> None:
    is_new = _is_empty(connection)
    if not is_new:
        # Before changing anything: it may belong to another program.
        _check_version(connection, path)
    # SQLite returns the mode it actually uses; without WAL (network disks), it keeps its rollback journal.
    mode = _write_ahead(connection, BUSY_TIMEOUT_S if patience_s is None else patience_s)
    connection.execute(f"PRAGMA synchronous = {'FULL' if mode == 'wal' else 'EXTRA'}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA mmap_size = 0")
    if not is_new and _version(connection) < VERSION:
        _back_up(connection, path)
    _migrate(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    """Create the tables, or bring those of an older version up to date."""
    connection.execute("BEGIN IMMEDIATE")
    # Check again: another process may have been faster.
    version = _version(connection)
    scripts = MIGRATIONS[version:] if version else (TABLES, *MIGRATIONS[1:])
    for statement in ";\n".join(scripts).split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _write_ahead(connection: sqlite3.Connection, patience_s: float) -> str:
    """Switch to WAL; return the resulting mode."""
    end = time.monotonic() + patience_s
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            # SQLite itself does not wait here if another process opens the new database at the same time.
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(_RETRY_S)


def _up_to_date(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Close a database of an older version, and return a migrated copy in memory: a reader changes no file."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    with closing(connection):
        connection.backup(copy)
    _migrate(copy)
    return copy


def _back_up(connection: sqlite3.Connection, path: Path) -> None:
    """Back up the database; the copy is complete or absent."""
    copy = path.with_name(f"{path.name}.v{_version(connection)}-backup")
    # Of its own, because several processes may migrate at the same time.
    part = copy.with_name(f".{copy.name}.{secrets.token_hex(4)}.part")
    with closing(sqlite3.connect(part)) as target:
        part.chmod(0o600)
        connection.backup(target)
    part.replace(copy)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Return whether it has no tables: the process that created it may have been killed first."""
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection)
    if version > VERSION:
        raise StoreError(f"{path} was written by a newer version of mnist-tui", "Update mnist-tui")
    if version < 1:
        raise StoreError(f"{path} is not a mnist-tui store", "Move it away, or set MNIST_TUI_HOME to another folder")


_LONGEST: Final = 500
"""Bytes of the longest path that SQLite opens, about."""


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `StoreError`s that say what to do."""
    try:
        yield
    except UnicodeDecodeError as error:
        # SQLite quotes the damaged bytes in its message, which Python then cannot decode.
        raise StoreError(f"{path} is damaged", "Move it away, or restore a backup; nothing was changed") from error
    except sqlite3.Error as error:
        text = str(error).lower()
        if "locked" in text or "busy" in text:
            raise StoreError(f"{path} is locked by another program", "Close it and try again") from error
        if "not a database" in text or "malformed" in text or "no such table" in text or "no such column" in text:
            raise StoreError(
                # On one line and shortened: SQLite quotes whole table definitions.
                f"{path} is damaged: {' '.join(str(error).split())[:120]}",
                "Move it away, or restore a backup; nothing was changed",
            ) from error
        if "full" in text:
            raise StoreError(f"the disk of {path} is full", "Free some space; finished epochs are kept") from error
        if len(os.fsencode(path)) > _LONGEST:
            raise too_long(path) from error
        if "readonly" in text or "unable to open" in text:
            raise StoreError(f"{path} cannot be written or opened", "Check who owns the folder") from error
        raise StoreError(f"{path} cannot be used: {error}", "Check the disk; finished epochs are kept") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise too_long(path) from error
        raise StoreError(f"{path} cannot be used: {error.strerror or error}", "Check the folder") from error
