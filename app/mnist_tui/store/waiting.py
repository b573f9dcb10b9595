"""The stored queue: it outlives its process, and a session's lock shows whether that process is alive."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mnist_tui.core.codec import dumps, from_json_value, to_json_value
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.store.connection import Connection
from mnist_tui.store.home import is_safe_name
from mnist_tui.store.lock import is_held
from mnist_tui.store.reading import DAMAGE

DELETE: Final = "DELETE FROM waiting WHERE run = ?"
_INSERT: Final = "INSERT OR REPLACE INTO waiting (run, session, continues, epochs, spec) VALUES (?, ?, ?, ?, ?)"
_SELECT: Final = "SELECT run, session, continues, epochs, spec FROM waiting ORDER BY id"


def lock_name(session: str) -> str:
    """Return the name of a session's lock."""
    return f"session-{session}"


def add(connection: Connection, runs: Iterable[QueuedRun], session: str) -> None:
    """Store queued runs of a session, in order."""
    rows = ((q.run, session, q.continues, q.epochs, dumps(to_json_value(q.spec))) for q in runs)
    with connection.transaction() as transaction:
        transaction.executemany(_INSERT, rows)


def remove(connection: Connection, run: str) -> None:
    """Remove one run."""
    with connection.transaction() as transaction:
        transaction.execute(DELETE, (run,))


def reorder(connection: Connection, runs: Iterable[str]) -> None:
    """Give queued runs this order; those that have started meanwhile are left out."""
    with connection.transaction() as transaction:
        places: dict[str, int] = dict(transaction.execute("SELECT run, id FROM waiting"))
        kept = [run for run in runs if run in places]
        moved = list(zip(sorted(places[run] for run in kept), kept, strict=True))
        # In two steps: an id may not be there twice, even for a moment.
        transaction.executemany("UPDATE waiting SET id = -id WHERE run = ?", ((run,) for run in kept))
        transaction.executemany("UPDATE waiting SET id = ? WHERE run = ?", moved)


def remove_all(connection: Connection, session: str) -> None:
    """Remove all queued runs of a session."""
    with connection.transaction() as transaction:
        transaction.execute("DELETE FROM waiting WHERE session = ?", (session,))


def adopt(connection: Connection, home: Path, session: str) -> tuple[QueuedRun, ...]:
    """Take over the queued runs of dead sessions, in order; unreadable ones are left where they are.

    The session's own lock must be held already, or other processes would consider it dead, too.
    """
    with connection.transaction() as transaction:
        adopted = [queued for owner, queued in _orphans(home, transaction.execute(_SELECT)) if owner != session]
        transaction.executemany("UPDATE waiting SET session = ? WHERE run = ?", ((session, q.run) for q in adopted))
    return tuple(adopted)


def orphans(connection: Connection, home: Path) -> int:
    """Return the number of queued runs in dead sessions."""
    if not connection.query("SELECT 1 FROM sqlite_master WHERE name = 'waiting'"):
        return 0  # a home of version 1, or none at all
    return sum(1 for _ in _orphans(home, connection.query(_SELECT)))


def _orphans(home: Path, rows: Iterable[tuple[str, str, int, int | None, str]]) -> Iterable[tuple[str, QueuedRun]]:
    alive: dict[str, bool] = {}
    for run, owner, continues, epochs, spec in rows:
        if owner not in alive:
            alive[owner] = is_held(home, lock_name(owner))
        if alive[owner] or not is_safe_name(run):
            continue
        try:
            queued = QueuedRun(run, from_json_value(RunSpec, json.loads(spec)), bool(continues), epochs)
        except DAMAGE:
            continue
        if not isinstance(epochs, int | None):
            continue
        yield owner, queued
