"""The view settings, shared by all charts so that they stay in sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from mnist_tui.core.state import RunState
from mnist_tui.report.chartview import ChartView, next_of
from mnist_tui.report.xaxis import limits, places

ZOOM: Final = 0.6
"""Factor by which one step shrinks the visible range."""
PAN: Final = 0.25
"""Fraction of the visible range that one step pans by."""


class ChartDesk:
    """The view settings and the runs they apply to; call `show` first."""

    def __init__(self, look: ChartView | None = None) -> None:
        self.look = look or ChartView()
        self._runs: Sequence[RunState] = ()
        self._names: tuple[str, ...] = ()

    def show(self, runs: Sequence[RunState]) -> None:
        """Set the runs that are drawn; reset the visible range if the first one changes."""
        self._runs = runs
        names = tuple(run.run for run in runs)
        if names[:1] != self._names[:1]:
            self.look = self.look.whole()
        self._names = names

    @property
    def _longest(self) -> RunState | None:
        return max(self._runs, key=lambda run: len(run.history), default=None)

    def _axis(self) -> tuple[tuple[float, float], float]:
        """Return the limits of the whole axis and the x of the newest point."""
        run = self._longest
        whole = limits(run, self.look.x)
        x = [] if run is None else places(run, self.look.x)
        return whole, x[-1] if x else whole[1]

    def move(self, steps: int) -> None:
        """Move the cursor by a number of epochs."""
        if (run := self._longest) is not None:
            self.look = self.look.moved(places(run, self.look.x), steps)

    def point(self, x: float) -> None:
        """Set the cursor to the epoch nearest to an x."""
        if (run := self._longest) is not None:
            self.look = self.look.at(places(run, self.look.x), x)

    def zoom(self, steps: int, at: float | None = None) -> None:
        """Zoom in, or out with negative steps, around an x or the cursor."""
        self.look = self.look.zoomed(*self._axis(), ZOOM**steps, at)

    def pan(self, steps: int) -> None:
        """Pan the visible range."""
        self.look = self.look.panned(*self._axis(), PAN * steps)

    def whole(self) -> bool:
        """Show the whole range without a cursor; return False if it already was."""
        was_moved = self.look.is_moved
        self.look = self.look.whole()
        return was_moved

    def next(self, setting: str) -> Any:
        """Switch a setting of the view to its next value; return that."""
        value = next_of(getattr(self.look, setting))
        self.look = self.look.with_x(value) if setting == "x" else replace(self.look, **{setting: value})
        return value
