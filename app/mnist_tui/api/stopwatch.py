"""Measures the time of an epoch without its pauses."""

from __future__ import annotations

import time


class Stopwatch:
    """Counts seconds from when it is made or restarted. Other threads may read it at any moment."""

    def __init__(self) -> None:
        # Both in one tuple, so that another thread never reads one without the other.
        self._began_paused: tuple[float, float | None] = (time.perf_counter(), None)

    def restart(self) -> None:
        """Begin at 0 again."""
        self._began_paused = (time.perf_counter(), None)

    def pause(self) -> None:
        """Stand still."""
        self._began_paused = (self._began_paused[0], time.perf_counter())

    def resume(self) -> float:
        """Go on, and return the seconds of the pause."""
        began, paused_at = self._began_paused
        paused_s = 0.0 if paused_at is None else time.perf_counter() - paused_at
        self._began_paused = (began + paused_s, None)
        return paused_s

    def seconds(self) -> float:
        """Return the seconds so far."""
        began, paused_at = self._began_paused
        return (time.perf_counter() if paused_at is None else paused_at) - began
