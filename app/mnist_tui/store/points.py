"""The numbers that a script logs at its steps: every value is kept, in blocks of 480.

A block is one row of at most a page: its values as 64-bit floats, and its steps only where they are not evenly spaced.
That takes about nine bytes a point.
"""

from __future__ import annotations

import sqlite3
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Final, TypeAlias

from mnist_tui.core.points import PointSeries
from mnist_tui.store.connection import Connection

Point: TypeAlias = tuple[int, float]
"""A step and the value logged there."""
BLOCK: Final = 480
"""Most points of a block: with its steps implied, it fits on a page of 4 KiB."""
_INSERT: Final = "INSERT OR REPLACE INTO points (metric, at, first, stride, steps, vals) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT: Final = (
    "SELECT name, metric, at, first, stride, steps, vals FROM metrics JOIN points ON metric = id WHERE run = ?"
)


@dataclass(slots=True)
class _Series:
    """The block of a metric that is being filled."""

    metric: int
    at: int = 0
    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, points: Iterable[Point]) -> Iterator[tuple[object, ...]]:
        """Add points; yield the rows to write, full ones and the newest."""
        rest = iter(points)
        while some := list(islice(rest, BLOCK - len(self.steps) or BLOCK)):
            if len(self.steps) == BLOCK:
                yield self._row()
                self.at, self.steps, self.values = self.at + 1, array("q"), array("d")
            steps, values = zip(*some, strict=True)
            self.steps.extend(steps)
            self.values.extend(values)
        yield self._row()

    def _row(self) -> tuple[object, ...]:
        first, stride = self.steps[0], _stride(self.steps)
        steps = None if stride else _bytes(self.steps)
        return self.metric, self.at, first, stride, steps, _bytes(self.values)


def _stride(steps: Sequence[int]) -> int:
    """Return the distance of evenly spaced, ascending steps; 0 for others."""
    if len(steps) == 1:
        return 1
    stride = steps[1] - steps[0]
    last = steps[0] + stride * (len(steps) - 1)
    return stride if stride > 0 and steps[-1] == last and list(steps) == list(range(steps[0], last + 1, stride)) else 0


def _bytes(numbers: array[int] | array[float]) -> bytes:
    """Return numbers as little-endian bytes, eight each."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def _floats(data: bytes) -> array[float]:
    found = array("d", data)
    if sys.byteorder == "big":
        found.byteswap()
    return found


def _steps(first: int, stride: int, steps: bytes | None, n: int) -> array[int]:
    if steps is None:
        return array("q", range(first, first + stride * n, stride))
    found = array("q", steps)
    if sys.byteorder == "big":
        found.byteswap()
    if len(found) != n:
        raise ValueError("a block of points has more steps than values")
    return found


class PointWriter:
    """Adds the points of one run.

    Args:
        connection: The database.
        run: The run's id; it must be stored already.
    """

    def __init__(self, connection: Connection, run: str) -> None:
        self._connection, self._run = connection, run
        self._series: dict[str, _Series] = {}

    def add(self, points: Mapping[str, Iterable[Point]]) -> None:
        """Add points by metric, durably, in one transaction.

        Raises:
            StoreError: They could not be written.
        """
        try:
            with self._connection.transaction() as transaction:
                self.add_within(transaction, points)
        except BaseException:
            # Nothing of it was written; what is in the database is looked up again.
            self._series.clear()
            raise

    def add_within(self, transaction: sqlite3.Connection, points: Mapping[str, Iterable[Point]]) -> None:
        """Add points by metric within a transaction."""
        for name, some in points.items():
            if name not in self._series:
                found = transaction.execute(
                    "INSERT INTO metrics (run, name) VALUES (?, ?) ON CONFLICT DO UPDATE SET name = name "
                    "RETURNING id, (SELECT coalesce(max(at) + 1, 0) FROM points WHERE metric = id)",
                    (self._run, name),
                )
                # After a resume, a new block is begun.
                self._series[name] = _Series(*next(found))
            transaction.executemany(_INSERT, self._series[name].add(some))

    def cut(self, step: int) -> int:
        """Remove the points after a step, durably; return their number. Only before anything is added.

        Raises:
            StoreError: It could not be written.
        """
        removed = 0
        with self._connection.transaction() as transaction:
            for _, metric, at, first, stride, steps, values in transaction.execute(_SELECT, (self._run,)).fetchall():
                numbers = _floats(values)
                places = _steps(first, stride, steps, len(numbers))
                kept = [(place, number) for place, number in zip(places, numbers, strict=True) if place <= step]
                if len(kept) == len(numbers):
                    continue
                removed += len(numbers) - len(kept)
                transaction.execute("DELETE FROM points WHERE metric = ? AND at = ?", (metric, at))
                if kept:
                    transaction.executemany(_INSERT, _Series(metric, at).add(kept))
        return removed


@dataclass(slots=True)
class Followed:
    """A series, and how far it has been read.

    Attributes:
        series: What is known.
        block: The newest block that was read; -1 for none.
        before: Points before that block.
    """

    series: PointSeries = field(default_factory=PointSeries)
    block: int = -1
    before: int = 0

    def take_in(self, rows: Iterable[tuple[int, int, int, bytes | None, bytes]]) -> bool:
        """Add what is new in blocks from the newest on; return whether the series only grew at its end."""
        grew, series = True, self.series
        for at, first, stride, steps, values in rows:
            numbers = _floats(values)
            places = _steps(first, stride, steps, len(numbers))
            # The newest block is written again with more points.
            known = len(series.steps) - self.before if at == self.block else 0
            if known > len(numbers) or places[:known] != series.steps[self.before :][:known]:
                series.cut(self.before)
                known = 0
            if not known:
                self.block, self.before = at, len(series.steps)
            new = places[known:]
            is_ascending = stride > 0 or all(a < b for a, b in pairwise(new))
            grew = grew and is_ascending and (not new or not series.steps or new[0] > series.steps[-1])
            series.steps += new
            series.values += numbers[known:]
        return grew


def read_points(connection: Connection, run: str, name: str, known: Followed | None = None) -> Followed:
    """Return the points of a metric; what is known already is not read again.

    Args:
        connection: The database.
        run: The run's id.
        name: The metric.
        known: What an earlier call returned; it grows.

    Raises:
        StoreError: The database cannot be read.
        ValueError: The points are damaged.
    """
    found = Followed() if known is None or known.series.is_sorted else known
    query = (
        "SELECT at, first, stride, steps, vals FROM points WHERE metric = "
        "(SELECT id FROM metrics WHERE run = ? AND name = ?) AND at >= ? ORDER BY at"
    )
    if found.take_in(connection.query(query, run, name, max(0, found.block))):
        return found
    # Steps that do not ascend are rare: put them in order from the beginning.
    whole = Followed()
    whole.take_in(connection.query(query, run, name, 0))
    latest = dict(zip(whole.series.steps, whole.series.values, strict=True))
    order = sorted(latest)
    steps, values = array("q", order), array("d", (latest[step] for step in order))
    return Followed(PointSeries(steps, values, is_sorted=True))


def newest_points(connection: Connection, run: str) -> tuple[int, dict[str, float]]:
    """Return the last step of a run, and the newest value of each number that it logged at its steps."""
    query = (
        "SELECT name, first, stride, steps, vals FROM metrics JOIN points ON metric = id WHERE run = ? "
        "AND at = (SELECT max(at) FROM points WHERE metric = id) ORDER BY id"
    )
    last, newest = 0, {}
    for name, first, stride, steps, values in connection.query(query, run):
        numbers = _floats(values)
        newest[str(name)] = numbers[-1]
        last = max(last, *_steps(first, stride, steps, len(numbers)))
    return last, newest


def point_names(connection: Connection, run: str) -> list[str]:
    """Return the names of the numbers that a run logged at its steps, in the order in which they appeared."""
    return [str(name) for (name,) in connection.query("SELECT name FROM metrics WHERE run = ? ORDER BY id", run)]
