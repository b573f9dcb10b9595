"""Decides when the state of a loop is saved, and lets no error of saving end anybody's training."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from mnist_tui.api.snapshot import Moment, saved

SAVE_EACH_S: Final = 1.0
"""Least time between two saved states at the ends of epochs."""
SAVE_WITHIN_S: Final = 60.0
"""How often the state is saved within a long epoch."""


class Saver:
    """Saves the state of one run.

    Args:
        state: What is saved, by name; empty for nothing.
        complain: Says once what is wrong, by kind.

    Attributes:
        has_state: There is something to save.
    """

    def __init__(self, state: Mapping[str, Any], complain: Callable[[str, str], None]) -> None:
        self.has_state = bool(state)
        self._state, self._complain = state, complain
        self._at_end_of_epoch, self._at = -math.inf, time.perf_counter()

    @property
    def is_long_ago(self) -> bool:
        """True if the last state was saved so long ago that the loop should save within the epoch."""
        return self.has_state and time.perf_counter() - self._at > SAVE_WITHIN_S

    def due(self, moment: Moment, *, ends: bool) -> bytes | None:
        """Return the state at the end of an epoch; `None` if the last one is recent and the run does not end here."""
        if not self.has_state or (time.perf_counter() - self._at_end_of_epoch < SAVE_EACH_S and not ends):
            return None
        return self.now(moment)

    def now(self, moment: Moment) -> bytes | None:
        """Return the state as bytes; `None` if it cannot be saved, which is said once."""
        self._at = self._at_end_of_epoch = time.perf_counter()
        try:
            return saved(self._state, moment)
        except Exception as error:  # noqa: BLE001 - states of any library
            self._complain("state", f"the state could not be saved: {type(error).__name__}: {error}")
            return None
