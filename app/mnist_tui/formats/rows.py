"""The rows of a growing table of numbers as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mnist_tui.formats.source import Series

STEPS: Final = ("step", "iteration", "iter", "epoch")
"""Columns that say where a row belongs, by preference."""
_LONGEST: Final = 100_000
"""Bytes of the longest heading."""


@dataclass(slots=True)
class Rows:
    """What was read: the file's size and time, in nanoseconds since 1970, and its rows.

    Attributes:
        heading: Its first line, as it stands.
        offset: Where to go on, in bytes.
        rows: Number of rows read.
        is_counted: Steps count the rows, because those in the file are not whole numbers.
    """

    stand: tuple[int, int, bool]
    heading: bytes
    offset: int
    rows: int = 0
    is_counted: bool = False
    problem: str = ""


def heading_of(path: Path) -> bytes:
    """Return the first line of a file."""
    with path.open("rb") as file:
        return file.readline(_LONGEST)


def names_in(heading: bytes) -> list[str]:
    """Return the names of the columns."""
    try:
        return [name.strip() for name in next(csv.reader([heading.decode("utf-8-sig", "replace")]), [])]
    except csv.Error:
        return []


def step_of(names: list[str]) -> str | None:
    """Return the column that says where a row belongs."""
    known = {name.lower(): name for name in reversed(names)}
    return next((known[name] for name in STEPS if name in known and len(names) > 1), None)


def points_of(path: Path, known: Rows, *, is_quiet: bool) -> dict[str, Series]:
    """Return the points of the rows that were not read yet, and note what was read."""
    with path.open("rb") as file:
        file.seek(known.offset)
        data = file.read()
    if not is_quiet:
        data = data[: data.rfind(b"\n") + 1]
    known.offset += len(data)
    names = names_in(known.heading)
    at = step_of(names) or names[0]
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


def _rows(data: bytes, known: Rows) -> Iterator[tuple[int, list[str]]]:
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
