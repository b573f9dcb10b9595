"""Preloads what training needs before it is used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Preload:
    """A warm-up in a daemon thread.

    Args:
        load: The function to call; `None` to do nothing.
    """

    def __init__(self, load: Callable[[], None] | None) -> None:
        self._load = load
        self._thread: threading.Thread | None = None
        self._began = 0.0

    def begin(self) -> None:
        """Start loading; return immediately."""
        if self._load is not None:
            self._began = time.monotonic()
            self._thread = threading.Thread(target=self._work, args=(self._load,), name="warm-up", daemon=True)
            self._thread.start()

    @property
    def loading(self) -> float | None:
        """Seconds since loading started; `None` before and after."""
        if self._thread is None or not self._thread.is_alive():
            return None
        return time.monotonic() - self._began

    def _work(self, load: Callable[[], None]) -> None:
        # Anything missing is reported when training needs it.
        with suppress(Exception):
            load()
