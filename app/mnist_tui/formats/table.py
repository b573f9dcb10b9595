"""Tables of numbers as text, such as Lightning's `metrics.csv` and Keras's `CSVLogger` write: a column per metric."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mnist_tui.core.script import Scalar
from mnist_tui.formats.source import News, Series, Source
from mnist_tui.formats.values import setting

STEPS: Final = ("step", "iteration", "iter", "epoch")
"""Columns that say where a row belongs, by preference."""
GENERAL: Final = frozenset({"metrics", "results", "log", "training", "history"})
"""Names of files that say nothing about their run."""
SETTINGS: Final = ("hparams.yaml", "args.yaml")
_LONGEST: Final = 100_000
"""Bytes of the longest heading."""
QUIET_S: Final = 5.0
"""A file that nothing was written to for this time has its last line."""


@dataclass(slots=True)
class _Since:
    """What was read: the file's size and time, in nanoseconds since 1970, and its rows.

    Attributes:
        heading: Its first line, as it stands.
        offset: Where to go on, in bytes.
        rows: Number of rows read.
        is_counted: Steps are the numbers of the rows, since those in the file are no whole numbers.
    """

    stand: tuple[int, int, bool]
    heading: bytes
    offset: int
    rows: int = 0
    is_counted: bool = False
    problem: str = ""


class Table:
    """Reads the tables."""

    tool = "CSV"
    endings: tuple[str, ...] = (".csv",)

    def find(self, folder: Path, names: Collection[str], root: Path) -> Iterator[Source]:
        """Yield the runs of a folder; see `Reader.find`."""
        for name in sorted(names):
            path = folder / name
            if path.is_file() and _step_of(_names(_heading(path))) is not None:
                called = folder if path.stem.lower() in GENERAL else path.with_suffix("")
                yield Source(self.tool, path, str(called.relative_to(root)) if called != root else root.resolve().name)

    def read(self, source: Source, since: _Since | None) -> tuple[News, _Since]:
        """Read what is new; see `Reader.read`."""
        status = source.path.stat()
        # The last line may still be written, until nothing has been for a while.
        is_quiet = time.time() - status.st_mtime > QUIET_S
        stand = status.st_size, status.st_mtime_ns, is_quiet
        if since is not None and since.stand == stand:
            return self._news(source, since, {}, status.st_mtime)
        heading = _heading(source.path)
        goes_on = since is not None and since.heading == heading and status.st_size >= since.offset
        known = since if since is not None and goes_on else _Since(stand, heading, len(heading))
        before = known.is_counted
        points = _points(source.path, known, is_quiet=is_quiet)
        if known.is_counted and not before and goes_on:
            # Only now there is a step that is no whole number.
            known = _Since(stand, heading, len(heading), is_counted=True)
            points, goes_on = _points(source.path, known, is_quiet=is_quiet), False
        known.stand = stand
        return self._news(source, known, points, status.st_mtime, is_whole=not goes_on)

    def _news(
        self, source: Source, known: _Since, points: Mapping[str, Series], latest: float, *, is_whole: bool = False
    ) -> tuple[News, _Since]:
        settings = _settings(source.path.parent)
        news = News(points=points, is_whole=is_whole, config=settings, latest=latest, problem=known.problem)
        return news, known


def _heading(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(_LONGEST)


def _names(heading: bytes) -> list[str]:
    """Return the names of the columns."""
    try:
        return [name.strip() for name in next(csv.reader([heading.decode("utf-8-sig", "replace")]), [])]
    except csv.Error:
        return []


def _step_of(names: list[str]) -> str | None:
    """Return the column that says where a row belongs."""
    known = {name.lower(): name for name in reversed(names)}
    return next((known[name] for name in STEPS if name in known and len(names) > 1), None)


def _points(path: Path, known: _Since, *, is_quiet: bool) -> dict[str, Series]:
    """Return the points of the rows that were not read yet, and note what was read."""
    with path.open("rb") as file:
        file.seek(known.offset)
        data = file.read()
    if not is_quiet:
        data = data[: data.rfind(b"\n") + 1]
    known.offset += len(data)
    names = _names(known.heading)
    at = _step_of(names) or names[0]
    rows = list(_rows(data, known))
    steps = [_number(dict(zip(names, row, strict=False)).get(at, "")) for _, row in rows]
    known.is_counted = known.is_counted or any(step is not None and step % 1 != 0 for step in steps)
    found: dict[str, Series] = {}
    for (line, row), step in zip(rows, steps, strict=True):
        if step is None or not abs(step) < 2**63:
            known.problem = known.problem or (f"row {line:,} has no {at}" if any(row) else "")
            continue
        known.rows += 1
        place = known.rows if known.is_counted else int(step)
        for name, text in zip(names, row, strict=False):
            is_step = not known.is_counted and name.lower() in STEPS
            if name and not is_step and (value := _number(text)) is not None:
                found.setdefault(name, Series()).add(place, value)
    return found


def _rows(data: bytes, known: _Since) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows with their numbers in the file, about."""
    rows = csv.reader(io.StringIO(data.decode("utf-8", "replace"), newline=""))
    before = known.rows + 1
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            known.problem = known.problem or f"row {before + rows.line_num:,} cannot be read"
            continue
        yield before + rows.line_num, row


def _number(text: str) -> float | None:
    """Return a number; `None` for an empty cell, or Keras's `NA`."""
    try:
        return float(text)
    except ValueError:
        return None


def _settings(folder: Path) -> dict[str, Scalar]:
    """Return the settings beside a table, as far as they are plain lines `key: value`."""
    found: dict[str, Scalar] = {}
    for path in (folder / name for name in SETTINGS):
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                key, colon, value = line.partition(":")
                if colon and key == key.strip() and key and not key.startswith("#") and value.strip():
                    found[key] = setting(value.strip().strip("'\""))
    return found
