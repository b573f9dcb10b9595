"""How often the screen follows training: as often as a small share of a core allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SHARE: Final = 0.06
"""What drawing may take of a core; the rest is for training."""
LEAST_S: Final = 0.25
"""How often at most."""
MOST_S: Final = 1.0
"""How often at least, on however slow a machine."""


class Pace:
    """Says when to draw again, by what the last drawing cost. To be asked in the thread that draws.

    Args:
        clock: Tells seconds.
        used: Tells the seconds of processor time that this thread has used.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, used: Callable[[], float] = time.thread_time
    ) -> None:
        self._clock, self._used = clock, used
        self._began = self._used_before = 0.0
        self._wait = 0.0
        self._counts = False

    def begin(self) -> None:
        """Note that a drawing begins; all that is done until `is_due` is next asked belongs to it."""
        self._began, self._used_before, self._counts = self._clock(), self._used(), True

    def is_due(self) -> bool:
        """Return whether the next drawing may begin; the first time after a drawing, take in what that cost."""
        if self._counts:
            cost = self._used() - self._used_before
            self._wait, self._counts = min(max(cost / SHARE, LEAST_S), MOST_S), False
        return self._clock() - self._began >= self._wait
