"""How charts are looked at: scales, what x counts, smoothing, the part in view, the cursor. One for all charts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, TypeVar

Choice = TypeVar("Choice", bound=Enum)


class Scale(Enum):
    """What the y axis shows, and how."""

    LINEAR = "linear"
    ERROR_LOG = "error, log"
    LOG = "log"
    FULL = "0 to 100 %"


class XAxis(Enum):
    """What x counts, as people read it on the axis."""

    EPOCHS = "epoch"
    SECONDS = "s"
    STEPS = "step"


class Smoothing(Enum):
    """Weight of the past in the mean that is drawn."""

    NONE = 0.0
    LIGHT = 0.6
    STRONG = 0.9


class Dots(Enum):
    """What curves are drawn with."""

    BRAILLE = "braille"
    BLOCKS = "half blocks"
    ASCII = "ASCII"


LEAST_SPAN: Final = 1e-3
"""Share of the whole axis that can be looked at at least; and at least two epochs."""


@dataclass(frozen=True, slots=True)
class ChartView:
    """How charts are looked at.

    Attributes:
        scale: Of the y axis.
        x: What the x axis counts.
        smoothing: How much curves are smoothed.
        span: Length of the part in view, in units of x; `None` for all.
        end: Where the part in view ends; `None`: at the newest point, which it follows.
        cursor: x of the cursor, `None` without one.
        dots: What curves are drawn with.
    """

    scale: Scale = Scale.LINEAR
    x: XAxis = XAxis.EPOCHS
    smoothing: Smoothing = Smoothing.NONE
    span: float | None = None
    end: float | None = None
    cursor: float | None = None
    dots: Dots = Dots.BRAILLE

    @property
    def is_moved(self) -> bool:
        """True when less than the whole is in view, or a cursor is set."""
        return self.span is not None or self.cursor is not None

    def whole(self) -> ChartView:
        """Look at everything, without a cursor."""
        return replace(self, span=None, end=None, cursor=None)

    def with_x(self, x: XAxis) -> ChartView:
        """Let x count something else; what was in view would be somewhere else."""
        return replace(self.whole(), x=x)

    def view(self, limits: tuple[float, float], newest: float) -> tuple[float, float]:
        """Return from where to where x is in view.

        Args:
            limits: The whole axis.
            newest: Where the newest point lies.
        """
        if self.span is None:
            return limits
        end = min(max(newest if self.end is None else self.end, limits[0] + self.span), limits[1])
        return max(limits[0], end - self.span), end

    def moved(self, places: Sequence[float], steps: int) -> ChartView:
        """Move the cursor by so many points; the first move sets it on the newest one in view, or the first.

        Args:
            places: x of the points, rising.
            steps: How far, negative to the left.
        """
        if not places:
            return self
        if self.cursor is None:
            at = len(places) - 1 if steps <= 0 or self.span is None else 0
        else:
            at = min(max(nearest(places, self.cursor) + steps, 0), len(places) - 1)
        cursor, newest, end = places[at], places[-1], self.end
        if self.span is not None:
            # What is in view moves only as far as the cursor needs.
            end = min(max(newest if end is None else end, cursor), cursor + self.span)
        return replace(self, cursor=cursor, end=None if end is None or end >= newest else end)

    def at(self, places: Sequence[float], x: float) -> ChartView:
        """Set the cursor on the point nearest to an x."""
        return replace(self, cursor=places[nearest(places, x)]) if places else self

    def zoomed(self, limits: tuple[float, float], newest: float, factor: float, at: float | None = None) -> ChartView:
        """Look at more or less, around a place that stays where it is.

        Args:
            limits: The whole axis.
            newest: Where the newest point lies.
            factor: Above 1 for more of the axis.
            at: The place; the cursor where it is `None`, else the newest point.
        """
        low, high = self.view(limits, newest)
        around = next((x for x in (at, self.cursor) if x is not None), newest)
        around = min(max(around, low), high)
        least = 2.0 if self.x is XAxis.EPOCHS else LEAST_SPAN * (limits[1] - limits[0])
        span = max((high - low) * factor, least)
        if span >= limits[1] - limits[0]:
            return replace(self, span=None, end=None)
        end = around + (high - around) / (high - low) * span if high > low else around
        return self._ending(span, end, limits, newest)

    def panned(self, limits: tuple[float, float], newest: float, share: float) -> ChartView:
        """Move what is in view by a share of its length; at the newest point it is followed again."""
        if self.span is None:
            return self
        return self._ending(self.span, self.view(limits, newest)[1] + share * self.span, limits, newest)

    def _ending(self, span: float, end: float, limits: tuple[float, float], newest: float) -> ChartView:
        """Return a look at so much of the axis, which ends there or follows the newest point."""
        least = limits[0] + span
        end = min(max(end, least), max(newest, least))
        return replace(self, span=span, end=None if end >= newest else end)


def next_of(choice: Choice) -> Choice:
    """Return the choice after this one; after the last comes the first."""
    choices = list(type(choice))
    return choices[(choices.index(choice) + 1) % len(choices)]


def nearest(places: Sequence[float], x: float) -> int:
    """Return the index of the place nearest to an x; there must be one."""
    at = bisect_left(places, x)
    if at == 0:
        return 0
    if at == len(places):
        return at - 1
    return at if places[at] - x < x - places[at - 1] else at - 1
