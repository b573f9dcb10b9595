"""Tables of numbers as text, such as Lightning's `metrics.csv` and Keras's `CSVLogger` write: a column per metric."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mnist_tui.core.script import Scalar
from mnist_tui.formats.source import News, Series, Source
from mnist_tui.formats.values import beyond, setting

STEPS: Final = ("step", "iteration", "iter", "epoch")
"""Columns that say where a row belongs, by preference."""
GENERAL: Final = frozenset({"metrics", "results", "log", "training", "history"})
"""Names of files that say nothing about their run."""
SETTINGS: Final = ("hparams.yaml", "args.yaml")
LARGEST: Final = 256 << 20


@dataclass(frozen=True, slots=True)
class _Since:
    """What was read: the file's size, and when it was written, in nanoseconds since 1970; its points."""

    stand: tuple[int, int]
    points: Mapping[str, Series]
    problem: str


class Table:
    """Reads the tables."""

    tool = "CSV"

    def find(self, folder: Path, names: Collection[str], root: Path) -> Iterator[Source]:
        """Yield the runs of a folder; see `Reader.find`."""
        for name in sorted(names):
            path = folder / name
            if path.suffix == ".csv" and path.is_file() and _step_of(_heading(path)) is not None:
                called = folder if path.stem in GENERAL else path.with_suffix("")
                yield Source(self.tool, path, str(called.relative_to(root)) if called != root else root.resolve().name)

    def read(self, source: Source, since: _Since | None) -> tuple[News, _Since]:
        """Read what is new; see `Reader.read`."""
        status = source.path.stat()
        stand = status.st_size, status.st_mtime_ns
        if since is not None and since.stand == stand:
            return News(latest=status.st_mtime, problem=since.problem), since
        if status.st_size > LARGEST:
            raise ValueError(f"{source.path.name} is larger than {LARGEST >> 20} MiB")
        points, problem = _points(source.path)
        new, is_whole = (points, True) if since is None else beyond(since.points, points)
        return News(
            points=new,
            is_whole=is_whole,
            config=_settings(source.path.parent),
            latest=status.st_mtime,
            problem=problem,
        ), _Since(stand, points, problem)


def _heading(path: Path) -> list[str]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        try:
            return [name.strip() for name in next(csv.reader(io.StringIO(file.readline(100_000))), [])]
        except csv.Error:
            return []


def _step_of(heading: list[str]) -> str | None:
    """Return the column that says where a row belongs."""
    return next((name for name in STEPS if name in heading and len(heading) > 1), None)


def _points(path: Path) -> tuple[dict[str, Series], str]:
    """Return the points of a table, and what is wrong with some of its rows."""
    # The last line may not be whole yet.
    whole = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")[0]
    rows = csv.reader(io.StringIO(whole, newline=""))
    found: dict[str, Series] = {}
    heading: list[str] = []
    problem = ""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return found, problem
        except csv.Error:
            problem = problem or f"row {rows.line_num:,} cannot be read"
            continue
        if not heading:
            heading = [name.strip() for name in row]
            at = _step_of(heading) or heading[0]
            continue
        values = dict(zip(heading, row, strict=False))
        step = _number(values.pop(at, ""))
        if step is None or not abs(step) < 2**63:
            problem = problem or (f"row {rows.line_num:,} has no {at}" if any(row) else "")
            continue
        for name, text in values.items():
            if name and name not in STEPS and (value := _number(text)) is not None:
                found.setdefault(name, Series()).add(int(step), value)


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
