"""The chart view: one for all charts, so that they stay in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mnist_tui.core.state import RunState
from mnist_tui.report.chartview import ChartView, next_of
from mnist_tui.report.xaxis import limits, places

ZOOM: Final = 0.6
"""What a step leaves of the part in view."""
PAN: Final = 0.25
"""Share of the part in view that a step moves it by."""


class ChartDesk:
    """The look, and the runs that it is about: `show` them before anything else."""

    def __init__(self, look: ChartView | None = None) -> None:
        self.look = look or ChartView()
        self._runs: Sequence[RunState] = ()
        self._names: tuple[str, ...] = ()

    def show(self, runs: Sequence[RunState]) -> None:
        """Say which runs are drawn; another run is looked at as a whole again."""
        self._runs = runs
        names = tuple(run.run for run in runs)
        if names[:1] != self._names[:1]:
            self.look = self.look.whole()
        self._names = names

    @property
    def _longest(self) -> RunState | None:
        return max(self._runs, key=lambda run: len(run.history), default=None)

    def _axis(self) -> tuple[tuple[float, float], float]:
        """Return the whole axis, and where the newest point lies."""
        run = self._longest
        whole = limits(run, self.look.x)
        x = [] if run is None else places(run, self.look.x)
        return whole, x[-1] if x else whole[1]

    def move(self, steps: int) -> None:
        """Move the cursor by so many epochs."""
        if (run := self._longest) is not None:
            self.look = self.look.moved(places(run, self.look.x), steps)

    def point(self, x: float) -> None:
        """Set the cursor on the epoch nearest to an x."""
        if (run := self._longest) is not None:
            self.look = self.look.at(places(run, self.look.x), x)

    def zoom(self, steps: int, at: float | None = None) -> None:
        """Look closer, or with negative steps at more, around a place or the cursor."""
        self.look = self.look.zoomed(*self._axis(), ZOOM**steps, at)

    def pan(self, steps: int) -> None:
        """Move what is in view."""
        self.look = self.look.panned(*self._axis(), PAN * steps)

    def whole(self) -> bool:
        """Look at everything again, without a cursor; False when that is so already."""
        was_moved = self.look.is_moved
        self.look = self.look.whole()
        return was_moved

    def next_scale(self) -> str:
        """Take the next scale of the y axis; return what it is called."""
        self.look = replace(self.look, scale=next_of(self.look.scale))
        return self.look.scale.value

    def next_x(self) -> str:
        """Let x count the next thing; return what it is called."""
        self.look = self.look.with_x(next_of(self.look.x))
        return self.look.x.value

    def next_dots(self) -> str:
        """Draw curves with the next kind of dots; return what it is called."""
        self.look = replace(self.look, dots=next_of(self.look.dots))
        return self.look.dots.value

    def next_smoothing(self) -> str:
        """Smooth more, or not at all again; return how much."""
        self.look = replace(self.look, smoothing=next_of(self.look.smoothing))
        return self.look.smoothing.name.lower()
