"""Decides how often the screen is redrawn, so that drawing uses only a small share of a core."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SHARE: Final = 0.06
"""Share of a core that drawing may use; the rest is for training."""
LEAST_S: Final = 0.25
"""Minimum seconds between drawings."""
MOST_S: Final = 1.0
"""Maximum seconds between drawings, even on a slow machine."""


class Pace:
    """Decides when to draw again, from the cost of the last drawing. Use it in the thread that draws.

    Args:
        clock: Returns the time in seconds.
        used: Returns the CPU time that this thread has used, in seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, used: Callable[[], float] = time.thread_time
    ) -> None:
        self._clock, self._used = clock, used
        self._began = self._used_before = 0.0
        self._wait = 0.0
        self._counts = False

    def begin(self) -> None:
        """Note that a drawing begins; everything until the next call of `is_due` counts as its cost."""
        self._began, self._used_before, self._counts = self._clock(), self._used(), True

    def is_due(self) -> bool:
        """Return whether the next drawing may begin; the first call after a drawing measures its cost."""
        if self._counts:
            cost = self._used() - self._used_before
            self._wait, self._counts = min(max(cost / SHARE, LEAST_S), MOST_S), False
        return self._clock() - self._began >= self._wait
