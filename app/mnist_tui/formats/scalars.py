"""The numbers in the records of a TensorBoard event file, taken from many records at a time.

Records that log a number differ only in time, step, tag and value. So one of them is read field by field, and all that
have the same bytes around these four are read like it, together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mnist_tui.formats.checksums import Array, is_sound, rows_of
from mnist_tui.formats.records import CHECKED
from mnist_tui.formats.shapes import Shape, as_numbers, shape_of
from mnist_tui.formats.source import Series

LONELY: Final = 64
"""After so many records that are like no other, the rest of this length is read one by one."""


@dataclass(slots=True)
class Scalars:
    """What the records of a file hold.

    Attributes:
        series: Points by tag.
        began, latest: Times of the first and the newest record, in seconds since 1970; 0 if there is none.
        begins_at: The step from which it replaces earlier files; `None` if it does not.
        settings: Descriptions of the run's settings.
        damaged: Number of records that could not be read.
    """

    series: dict[str, Series] = field(default_factory=dict)
    began: float = 0.0
    latest: float = 0.0
    begins_at: int | None = None
    settings: list[bytes] = field(default_factory=list)
    damaged: int = 0

    def take(self, data: bytes, starts: Array, lengths: Array) -> None:
        """Add the records of some bytes: where their bodies begin, and how long they are, (N,) each."""
        found: dict[str, list[tuple[Array, Array, Array]]] = {}
        for length in np.unique(lengths):
            these = np.flatnonzero(lengths == length)
            rows, lonely = rows_of(data, starts[these], int(length)), 0
            while len(these):
                try:
                    shape = shape_of(rows[0].tobytes())
                    if length > CHECKED and (shape.numbers or shape.settings):
                        _check(data, int(starts[these[0]]), int(length))
                except ValueError:
                    self.damaged += 1
                    rows, these = rows[1:], these[1:]
                    continue
                if not shape.numbers or lonely >= LONELY or length > CHECKED:
                    self._take(shape, rows[:1], these[:1], found)
                    rows, these = rows[1:], these[1:]
                    continue
                alike = shape.alike(rows)
                lonely += int(alike.sum()) == 1
                self._take(shape, rows[alike], these[alike], found)
                rows, these = rows[~alike], these[~alike]
        for tag, parts in sorted(found.items(), key=lambda pair: min(int(at[0]) for at, _, _ in pair[1])):
            at, steps, values = (np.concatenate(some) for some in zip(*parts, strict=True))
            order = np.argsort(at, kind="stable")
            series = self.series.setdefault(tag, Series())
            series.steps.frombytes(steps[order].tobytes())
            series.values.frombytes(values[order].tobytes())

    def _take(self, shape: Shape, rows: Array, at: Array, found: dict[str, list[tuple[Array, Array, Array]]]) -> None:
        """Add records of one shape: their bytes, (N, size), and their places in the file, (N,)."""
        times, steps = shape.times(rows), shape.steps(rows)
        for time in (float(times.min()), float(times.max())):
            if time > 0:
                self.began = min(self.began or time, time)
                self.latest = max(self.latest, time)
        if shape.begins:
            self.begins_at = int(steps[0])
        self.settings += shape.settings
        for tag, tag_end, value, value_end, kind in shape.numbers:
            values = as_numbers(rows[:, value:value_end], kind).astype(np.float64)
            names, which = np.unique(as_numbers(rows[:, tag:tag_end], f"S{tag_end - tag}"), return_inverse=True)
            for number, name in enumerate(names):
                those = which == number
                found.setdefault(name.decode(errors="replace"), []).append((at[those], steps[those], values[those]))


def _check(data: bytes, start: int, length: int) -> None:
    if not is_sound(data, start, length):
        raise ValueError("a record is damaged")
