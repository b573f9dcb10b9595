"""MLflow's runs, in its SQLite database."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mnist_tui.core.status import Status
from mnist_tui.formats.source import News, Series, Source
from mnist_tui.formats.sqlite import is_database, reading, stand_of, tables
from mnist_tui.formats.values import setting

TOOL: Final = "MLflow"
STATUS: Final = {
    "FINISHED": Status.FINISHED,
    "FAILED": Status.FAILED,
    "KILLED": Status.STOPPED,
    "RUNNING": Status.RUNNING,
    "SCHEDULED": Status.RUNNING,
}
_RUN: Final = """
SELECT status, start_time, end_time, (SELECT name FROM experiments WHERE experiment_id = runs.experiment_id)
FROM runs WHERE run_uuid = ?
"""


@dataclass(frozen=True, slots=True)
class _Since:
    """What was read: how the database stood, its inode, its last row of metrics, and what was told."""

    inode: int
    row: int
    stand: tuple[int, ...] = ()
    news: News | None = None


class MLflow:
    """Reads the database."""

    tool = TOOL
    endings: tuple[str, ...] = (".db", ".sqlite", ".sqlite3")

    def find(self, folder: Path, names: Collection[str], root: Path) -> Iterator[Source]:  # noqa: ARG002
        """Yield the runs of the databases of a folder; see `Reader.find`."""
        for name in sorted(names):
            path = folder / name
            if not path.is_file() or not is_database(path):
                continue
            with reading(path) as connection:
                if not tables(connection) >= {"runs", "metrics", "params", "experiments"}:
                    continue
                query = "SELECT run_uuid, name FROM runs WHERE lifecycle_stage = 'active' ORDER BY start_time, rowid"
                for run, called in connection.execute(query).fetchall():
                    yield Source(self.tool, path, str(called or run[:8]), str(run))

    def read(self, source: Source, since: _Since | None) -> tuple[News, _Since]:
        """Read what is new; see `Reader.read`."""
        stand = stand_of(source.path)
        if since is not None and since.stand == stand and since.news is not None:
            # Most of many runs in a database have ended long ago.
            return replace(since.news, points={}, is_whole=False), since
        inode = source.path.stat().st_ino
        known = since if since is not None and since.inode == inode else _Since(inode, 0)
        with reading(source.path) as connection:
            described = connection.execute(_RUN, (source.key,)).fetchone()
            if described is None:
                raise ValueError(f"{source.path.name} no longer has the run {source.name}")
            query = "SELECT rowid, key, value, step, is_nan, timestamp FROM metrics WHERE run_uuid = ? AND rowid > ? "
            rows = connection.execute(f"{query} ORDER BY rowid", (source.key, known.row)).fetchall()
            params = connection.execute("SELECT key, value FROM params WHERE run_uuid = ?", (source.key,)).fetchall()
        status, start, end, experiment = described
        points: dict[str, Series] = {}
        latest = _seconds(end) or (since.news.latest if since is not None and since.news is not None else None)
        for _, key, value, step, is_nan, time in rows:
            with suppress(TypeError, ValueError, OverflowError):
                place, number = int(step), math.nan if is_nan else _value(float(value))
                points.setdefault(str(key), Series()).add(place, number)
                latest = max(latest or 0.0, time / 1000)
        news = News(
            points=points,
            is_whole=known is not since,
            config={str(key): setting(str(value)) for key, value in params},
            project=str(experiment or ""),
            began=_seconds(start),
            latest=latest,
            status=STATUS.get(str(status)),
            reason="it was killed" if status == "KILLED" else "",
        )
        return news, _Since(inode, rows[-1][0] if rows else known.row, stand, replace(news, points={}))


def _seconds(milliseconds: object) -> float | None:
    return milliseconds / 1000 if isinstance(milliseconds, int | float) else None


def _value(value: float) -> float:
    """Return what was logged: MLflow stores infinities as the largest numbers."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value
