"""Plots with a point or a line for each run: a setting against a result, or all settings beside each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mnist_tui.core.facets import Facet, differing, facets, rank_correlation, result
from mnist_tui.core.numerals import count, percent
from mnist_tui.core.setting import in_words
from mnist_tui.core.state import RunState
from mnist_tui.core.units import Direction, Unit
from mnist_tui.core.view import SEEDS, View
from mnist_tui.report.charts import Chart, Marker
from mnist_tui.report.chartview import Dots
from mnist_tui.report.curves import MARK_INKS, STEPS_INK
from mnist_tui.report.formatting import printable
from mnist_tui.report.points import Series

MAX_AXES: Final = 8
"""Axes of parallel coordinates: more would leave no room for their values."""
MAX_LINES: Final = 300
"""Lines of parallel coordinates; the newest runs have them."""
MAX_SIGNS: Final = 200
"""Points that are drawn as signs."""
BEST_INK: Final = 1
LOG_FROM: Final = 20.0
"""Positive values that differ by this factor get a log axis."""
_BEST: Final = 4
"""The best of this many are drawn in colour."""
_AROUND: Final = 0.04


@dataclass(frozen=True, slots=True)
class Axis:
    """Values of runs along an axis.

    Attributes:
        title: What they are.
        places: The place of each run; `None` if it has no value. On a log axis they are exponents of ten.
        limits: The first and the last place.
        is_log: The axis is logarithmic.
        names: What the places 0, 1, ... stand for, if they are no numbers.
        unit: The unit of the values.
    """

    title: str
    places: tuple[float | None, ...]
    limits: tuple[float, float]
    is_log: bool = False
    names: tuple[str, ...] = ()
    unit: Unit = Unit.LOSS

    def share(self, at: int) -> float | None:
        """Return the place of a run as a share of the axis."""
        place, (low, high) = self.places[at], self.limits
        return None if place is None else (place - low) / (high - low) if high > low else 0.5

    @property
    def ends(self) -> tuple[str, str]:
        """The lowest and the highest value as text."""
        if self.names:
            return self.names[0], self.names[-1]
        low, high = (10**end if self.is_log else end for end in self.limits)
        return self._told(low), self._told(high)

    def _told(self, value: float) -> str:
        return f"{percent(value, 1)}%" if self.unit is Unit.FRACTION else f"{value:.3g}"


def axis_of(facet: Facet, runs: Sequence[RunState]) -> Axis:
    """Return the values of runs along an axis: numbers, on a log axis if they are far apart, or names."""
    title = printable(facet.title)
    if not facet.is_numeric(runs):
        values = [None if (value := facet.get(run)) is None else printable(str(value)) for run in runs]
        names = tuple(sorted({value for value in values if value is not None}))
        places = tuple(None if value is None else float(names.index(value)) for value in values)
        return Axis(title, places, (0.0, max(1.0, len(names) - 1.0)), names=names)
    numbers = [facet.number(run) for run in runs]
    known = [number for number in numbers if number is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    is_log = low > 0 and high / low >= LOG_FROM and facet.unit not in (Unit.FRACTION, Unit.PERCENT)
    if is_log:
        places = tuple(None if number is None else math.log10(number) for number in numbers)
        return Axis(title, places, (math.log10(low), math.log10(high)), is_log=True, unit=facet.unit)
    return Axis(title, tuple(numbers), (low, high), unit=facet.unit)


def _axes_of(known: dict[str, Facet], runs: Sequence[RunState], view: View) -> tuple[Facet, Facet] | None:
    """Return what a scatter plot of a view shows along x and y; `None` if these runs have nothing to show."""
    x = known.get(view.x) or next(iter([*differing(known, runs), *known.values()]), None)
    y = known.get(view.y) or result(known)
    return None if x is None or y is None or not y.is_numeric(runs) else (x, y)


def scatter_chart(
    runs: Sequence[RunState], view: View, marked: Mapping[str, int], cursor: str | None, dots: Dots
) -> Chart:
    """Return a scatter plot: a point for each run, in the colour of its group if the view has groups.

    Args:
        runs: The runs shown.
        view: The view, with what to plot.
        marked: Slots of marked runs.
        cursor: Id of the run under the cursor.
        dots: Characters that clouds of many points are drawn with.
    """
    known = facets(runs)
    facing = _axes_of(known, runs, view)
    if facing is None:
        return Chart("No runs with a number to plot", (), (0.0, 1.0))
    across, up = (axis_of(one, runs) for one in facing)
    points = {
        run.run: (x, y)
        for run, x, y in zip(runs, across.places, up.places, strict=True)
        if x is not None and y is not None
    }
    real = {name: (x, 10**y if up.is_log else y) for name, (x, y) in points.items()}
    low, high = across.limits
    room = _AROUND * (high - low) if high > low else 0.5
    group = known.get(view.group) if view.group != SEEDS else None
    clouds = _clouds(runs, group, real)
    # Single dots of braille are hard to see; a cloud of them is not.
    signs = [(name, "•", cloud.ink) for cloud, names in clouds for name in names] if len(real) <= MAX_SIGNS else []
    signs += [(name, f"{slot + 1}", MARK_INKS[slot]) for name, slot in marked.items()]
    if cursor is not None:
        signs.append((cursor, "◆", MARK_INKS[marked[cursor]] if cursor in marked else STEPS_INK))
    correlation = None if across.names else rank_correlation(list(points.values()))
    told = f", rank correlation {correlation:+.2f}" if correlation is not None else ""
    return Chart(
        title=printable(f"{facing[1].word} over {facing[0].word}".capitalize()),
        series=tuple(cloud for cloud, _ in clouds),
        x_limits=(low - room, high + room),
        x_unit="",
        log_x=across.is_log,
        x_names=across.names,
        log_y=up.is_log,
        percent=up.unit is Unit.FRACTION,
        note=f"{count(len(points), 'run')}{told}",
        marks=tuple(Marker(real[name][0], sign, real[name][1], ink) for name, sign, ink in signs if name in real),
        dots=dots,
    )


def _clouds(
    runs: Sequence[RunState], group: Facet | None, points: Mapping[str, tuple[float, float]]
) -> list[tuple[Series, list[str]]]:
    """Return the points of each group with the ids of its runs; without groups, or with too many, all as one."""
    names = {
        run.run: in_words(value) for run in runs if group and isinstance(value := group.get(run), str | int | float)
    }
    kinds = list(dict.fromkeys(names[name] for name in points if name in names))
    is_numeric = group is not None and group.is_numeric(runs)
    kinds = sorted(kinds, key=float if is_numeric else str.lower) if len(kinds) <= len(MARK_INKS) else []
    parts: list[tuple[Series, list[str]]] = []
    if others := [name for name in points if names.get(name) not in kinds]:
        parts.append((_apart("", [points[name] for name in others], STEPS_INK), others))
    for ink, kind in enumerate(kinds):
        own = [name for name in points if names.get(name) == kind]
        title = f"{group.word} {printable(kind)}" if group is not None else ""
        parts.append((_apart(title, [points[name] for name in own], MARK_INKS[ink]), own))
    return parts


def _apart(name: str, points: Sequence[tuple[float, float]], ink: int) -> Series:
    """Return points as a curve with a gap after each of them."""
    x = [place for place, _ in points for _ in range(2)]
    y = [value for _, height in points for value in (height, None)]
    return Series(name, tuple(x), tuple(y), ink)


def parallel_chart(
    runs: Sequence[RunState], view: View, marked: Mapping[str, int], cursor: str | None, dots: Dots
) -> Chart:
    """Return parallel coordinates: a line for each run through its settings and its result; arguments as above."""
    known = facets(runs)
    last = known.get(view.y) or result(known)
    if last is None or not runs:
        return Chart("No runs with a result to plot", (), (0.0, 1.0))
    shown = [*differing(known, runs)[: MAX_AXES - 1], last]
    axes = [axis_of(one, runs) for one in shown]
    best = _best(runs, last)
    lines = {run.run: [axis.share(at) for axis in axes] for at, run in enumerate(runs[:MAX_LINES])}
    own = [name for name in (*marked, *([cursor] if cursor is not None else [])) if name in lines]
    others = [name for name in lines if name not in own]
    curves = [
        _bundle([lines[name] for name in others if name not in best], STEPS_INK, dim=True),
        _bundle([lines[name] for name in others if name in best], BEST_INK),
    ]
    for name in dict.fromkeys(own):
        slot = marked.get(name)
        sign, ink = ("▸", STEPS_INK) if slot is None else (f"●{slot + 1}", MARK_INKS[slot])
        curves.append(replace(_bundle([lines[name]], ink), name=sign, thick=True))
    note = f"{count(len(lines), 'run')}, the best quarter in colour" if best else count(len(lines), "run")
    return Chart(
        title="Runs by their settings",
        series=tuple(curves),
        x_limits=(0.0, max(1.0, len(axes) - 1.0)),
        x_unit="",
        axes=tuple((printable(one.word), *axis.ends) for one, axis in zip(shown, axes, strict=True)),
        note=note,
        dots=dots,
    )


def _best(runs: Sequence[RunState], one: Facet) -> frozenset[str]:
    """Return the ids of the best quarter of the runs; none if no direction is better, or there are too few."""
    numbers = {run.run: number for run in runs if (number := one.number(run)) is not None}
    if one.goal is Direction.NONE or len(numbers) < _BEST:
        return frozenset()
    order = sorted(numbers, key=numbers.__getitem__, reverse=one.goal is Direction.HIGHER)
    return frozenset(order[: len(order) // _BEST])


def _bundle(lines: Sequence[Sequence[float | None]], ink: int, *, dim: bool = False) -> Series:
    """Return several lines as one curve, with a gap after each: that is drawn at once."""
    y = [share for line in lines for share in (*line, None)]
    x = [float(at) for line in lines for at in range(len(line) + 1)]
    return Series("", tuple(x), tuple(y), ink, dim=dim)
