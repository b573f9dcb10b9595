"""Reads databases of other programs, without changing or blocking them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

_START: Final = b"SQLite format 3\0"
_MODE: Final = 18
"""Where the header says how the database is written."""
_WRITE_AHEAD: Final = b"\x02"
PATIENCE_S: Final = 2.0


def is_database(path: Path) -> bool:
    """Return whether a file is an SQLite database."""
    with path.open("rb") as file:
        return file.read(len(_START)) == _START


def stand_of(path: Path) -> tuple[int, ...]:
    """Return what changes whenever something is written to a database."""
    found = []
    for name in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            status = name.stat()
            found += [status.st_ino, status.st_size, status.st_mtime_ns]
    return tuple(found)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for a moment: while it is read, other programs may be unable to write.

    Raises:
        ValueError: It is damaged, or busy.
    """
    try:
        with _openable(path) as address, closing(_connect(address)) as connection:
            connection.execute("PRAGMA query_only = ON")
            # Text that is not UTF-8 is shown as far as possible.
            connection.text_factory = lambda data: data.decode(errors="replace")
            yield connection
    except sqlite3.Error as error:
        raise ValueError(f"{path.name} cannot be read: {' '.join(str(error).split())[:120]}") from error


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=PATIENCE_S, isolation_level=None)


@contextmanager
def _openable(path: Path) -> Iterator[str]:
    """Yield an address to read a database from without making files beside it, as its write-ahead log would."""
    log, index = (path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))
    with path.open("rb") as file:
        has_log = file.read(_MODE + 1)[_MODE:] == _WRITE_AHEAD
    if has_log and log.exists() and not (index.exists() and os.access(path.parent, os.W_OK)):
        with TemporaryDirectory(prefix="mnist-tui-") as folder:
            for one in (path, log):
                shutil.copy(one, folder)
            yield f"{_address(Path(folder, path.name))}?mode=rw"
        return
    # Without a log, all is in the database itself.
    yield f"{_address(path)}?mode=ro{'&immutable=1' if has_log and not log.exists() else ''}"


def _address(path: Path) -> str:
    return f"file:{path.absolute().as_uri().removeprefix('file:')}"


def tables(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the tables."""
    return {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of the columns of a table."""
    return {str(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
