"""trackio's runs: one SQLite database per project."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mnist_tui.core.numerals import count
from mnist_tui.formats.source import News, Series, Source
from mnist_tui.formats.sqlite import columns, is_database, reading, tables
from mnist_tui.formats.values import flat, numbers


@dataclass(frozen=True, slots=True)
class _Since:
    """What was read: the database's inode, its last row of metrics, and the times of the first and the last one."""

    inode: int
    row: int = 0
    began: float | None = None
    latest: float | None = None
    damaged: int = 0


class Trackio:
    """Reads the databases."""

    tool = "trackio"
    endings: tuple[str, ...] = (".db",)

    def find(self, folder: Path, names: Collection[str], root: Path) -> Iterator[Source]:  # noqa: ARG002
        """Yield the runs of the databases of a folder; see `Reader.find`."""
        for name in sorted(names):
            path = folder / name
            if not path.is_file() or not is_database(path):
                continue
            with reading(path) as connection:
                if tables(connection) >= {"metrics", "configs"} and "run_name" in columns(connection, "metrics"):
                    # A database that is being made may be empty; its runs are found later.
                    key = _key(connection)
                    query = f"SELECT {key}, run_name FROM metrics GROUP BY {key} ORDER BY min(id)"  # noqa: S608
                    for run, called in connection.execute(query).fetchall():
                        yield Source(self.tool, path, str(called), str(run))

    def read(self, source: Source, since: _Since | None) -> tuple[News, _Since]:
        """Read what is new; see `Reader.read`."""
        inode = source.path.stat().st_ino
        known = since if since is not None and since.inode == inode else _Since(inode)
        with reading(source.path) as connection:
            key = _key(connection)
            query = f"SELECT id, timestamp, step, metrics FROM metrics WHERE {key} = ? AND id > ? ORDER BY id"  # noqa: S608
            rows = connection.execute(query, (source.key, known.row)).fetchall()
            query = f"SELECT config FROM configs WHERE {key} = ? ORDER BY id DESC LIMIT 1"  # noqa: S608
            described = connection.execute(query, (source.key,)).fetchone()
        points: dict[str, Series] = {}
        damaged = known.damaged
        for _, _, step, logged in rows:
            try:
                place = int(step)
                for name, value in numbers(_object(logged)):
                    points.setdefault(name, Series()).add(place, value)
            except (ValueError, TypeError, OverflowError, RecursionError):
                damaged += 1
        times = [time for row in (rows[:1], rows[-1:]) for _, at, _, _ in row if (time := _time(at)) is not None]
        began = known.began if known.began is not None else next(iter(times), None)
        latest = times[-1] if times else known.latest
        config: dict[str, Any] = {}
        with suppress(ValueError, RecursionError):
            config = _object(described[0]) if described is not None else {}
        news = News(
            points=points,
            is_whole=known is not since,
            config=dict(flat({name: value for name, value in config.items() if not name.startswith("_")})),
            project=source.path.stem,
            began=_time(config.get("_Created")) or began,
            latest=latest,
            problem=f"{count(damaged, 'row')} cannot be read" if damaged else "",
        )
        return news, _Since(inode, rows[-1][0] if rows else known.row, began, latest, damaged)


def _key(connection: Any) -> str:
    """Return the column that tells runs apart: older versions had only names."""
    return "run_id" if "run_id" in columns(connection, "metrics") else "run_name"


def _object(data: str | bytes) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ValueError: It is anything else.
    """
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - damage, not a type
    return found


def _time(text: object) -> float | None:
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(str(text)).timestamp()
    return None
