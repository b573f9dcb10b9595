"""Reads databases of other programs, without changing or blocking them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

Query: TypeAlias = Any
"""`sqlite3.Connection.execute`."""
_START: Final = b"SQLite format 3\0"
PATIENCE_S: Final = 2.0


def is_database(path: Path) -> bool:
    """Return whether a file is an SQLite database."""
    with path.open("rb") as file:
        return file.read(len(_START)) == _START


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for a moment: while it is read, other programs may be unable to write.

    Raises:
        ValueError: It is damaged, or busy.
    """
    address = f"file:{path.absolute().as_uri().removeprefix('file:')}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE_S, isolation_level=None)) as connection:
            connection.execute("PRAGMA query_only = ON")
            # Text that is not UTF-8 is shown as far as possible.
            connection.text_factory = lambda data: data.decode(errors="replace")
            yield connection
    except sqlite3.Error as error:
        raise ValueError(f"{path.name} cannot be read: {' '.join(str(error).split())[:120]}") from error


def tables(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the tables."""
    return {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of the columns of a table."""
    return {str(name) for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}
