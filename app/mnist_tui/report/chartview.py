"""View settings shared by all charts: scale, x unit, smoothing, visible range and cursor."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, TypeVar

Choice = TypeVar("Choice", bound=Enum)


class Scale(Enum):
    """Quantity and scale of the y axis."""

    LINEAR = "linear"
    ERROR_LOG = "error, log"
    LOG = "log"
    FULL = "0 to 100 %"


class XAxis(Enum):
    """Unit of the x axis, as labelled on the axis."""

    EPOCHS = "epoch"
    SECONDS = "s"
    STEPS = "step"


class Smoothing(Enum):
    """Smoothing factor of the exponential moving average: the weight of the past."""

    NONE = 0.0
    LIGHT = 0.6
    STRONG = 0.9


class Dots(Enum):
    """Characters that curves are drawn with."""

    BRAILLE = "braille"
    BLOCKS = "half blocks"
    ASCII = "ASCII"


LEAST_SPAN: Final = 1e-3
"""Smallest visible range, as a fraction of the whole axis; for epochs the minimum is two."""


@dataclass(frozen=True, slots=True)
class ChartView:
    """View settings of the charts.

    Attributes:
        scale: Scale of the y axis.
        x: Unit of the x axis.
        smoothing: How much curves are smoothed.
        span: Length of the visible range, in units of x; `None` for all.
        end: End of the visible range; `None` to follow the newest point.
        cursor: x of the cursor, or `None`.
        dots: Characters that curves are drawn with.
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
        """True if the chart is zoomed in or has a cursor."""
        return self.span is not None or self.cursor is not None

    def whole(self) -> ChartView:
        """Show the whole range, without a cursor."""
        return replace(self, span=None, end=None, cursor=None)

    def with_x(self, x: XAxis) -> ChartView:
        """Change the x unit and show the whole range: the old one has no meaning in the new unit."""
        return replace(self.whole(), x=x)

    def view(self, limits: tuple[float, float], newest: float) -> tuple[float, float]:
        """Return the visible range of x.

        Args:
            limits: The whole axis.
            newest: x of the newest point.
        """
        if self.span is None:
            return limits
        end = min(max(newest if self.end is None else self.end, limits[0] + self.span), limits[1])
        return max(limits[0], end - self.span), end

    def moved(self, places: Sequence[float], steps: int) -> ChartView:
        """Move the cursor by a number of points; without one, place it on the newest or the first point.

        Args:
            places: x of the points, ascending.
            steps: Number of points, negative to the left.
        """
        if not places:
            return self
        if self.cursor is None:
            at = len(places) - 1 if steps <= 0 or self.span is None else 0
        else:
            at = min(max(nearest(places, self.cursor) + steps, 0), len(places) - 1)
        cursor, newest, end = places[at], places[-1], self.end
        if self.span is not None:
            # Scroll only as far as needed to keep the cursor visible.
            end = min(max(newest if end is None else end, cursor), cursor + self.span)
        return replace(self, cursor=cursor, end=None if end is None or end >= newest else end)

    def at(self, places: Sequence[float], x: float) -> ChartView:
        """Set the cursor to the point nearest to an x."""
        return replace(self, cursor=places[nearest(places, x)]) if places else self

    def zoomed(self, limits: tuple[float, float], newest: float, factor: float, at: float | None = None) -> ChartView:
        """Zoom in or out around a fixed x.

        Args:
            limits: The whole axis.
            newest: x of the newest point.
            factor: Above 1 to zoom out.
            at: The fixed x; if `None`, the cursor, or else the newest point.
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
        """Scroll by a fraction of the visible range; at the newest point, follow it again."""
        if self.span is None:
            return self
        return self._ending(self.span, self.view(limits, newest)[1] + share * self.span, limits, newest)

    def _ending(self, span: float, end: float, limits: tuple[float, float], newest: float) -> ChartView:
        """Return a view with this span that ends at `end`, or follows the newest point."""
        least = limits[0] + span
        end = min(max(end, least), max(newest, least))
        return replace(self, span=span, end=None if end >= newest else end)


def next_of(choice: Choice) -> Choice:
    """Return the next choice, wrapping around."""
    choices = list(type(choice))
    return choices[(choices.index(choice) + 1) % len(choices)]


def nearest(places: Sequence[float], x: float) -> int:
    """Return the index of the place nearest to an x; `places` must not be empty."""
    at = bisect_left(places, x)
    if at == 0:
        return 0
    if at == len(places):
        return at - 1
    return at if places[at] - x < x - places[at - 1] else at - 1
