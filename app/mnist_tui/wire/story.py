"""The story so far: the events of a process's training, which each watcher reads at its own pace."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from mnist_tui.core.events import EpochDone, Event, RunContinued, RunDone, RunStarted, SweepDone, SweepStarted

AT_ONCE: Final = 256
"""Maximum number of events returned at a time."""


@dataclass(slots=True)
class Place:
    """How far a watcher has read."""

    events: list[Event] | None = None
    at: int = 0
    news: int = 0


@dataclass(slots=True)
class Story:
    """All public events of the current sweep; of mergeable events, only the newest.

    A slow watcher costs nothing but its position. Thread-safe.

    Attributes:
        in_progress: Runs that have started and not ended, in order.
    """

    in_progress: dict[str, None] = field(default_factory=dict)
    _events: list[Event] = field(default_factory=list)
    _news: dict[tuple[str, str], tuple[int, Event]] = field(default_factory=dict)
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, event: Event) -> bool:
        """Add an event; return False if it is not for watchers."""
        if not event.is_public:
            return False
        with self._lock:
            run = str(getattr(event, "run", ""))
            if event.mergeable:
                self._count += 1
                self._news[event.type, run] = self._count, event
                return True
            match event:
                case SweepStarted() if not self.in_progress:
                    # Watchers that are still reading the previous sweep keep it to its end.
                    self._events, self._news = [], {}
                case RunStarted() | RunContinued():
                    self.in_progress[run] = None
                    self._forget("preparing", "")
                case RunDone():
                    self.in_progress.pop(run, None)
                    self._forget("progress", run)
                case EpochDone():
                    self._forget("progress", run)
                case SweepDone():
                    self._forget("preparing", "")
                case _:
                    pass
            self._events.append(event)
            return True

    def _forget(self, kind: str, run: str) -> None:
        self._news.pop((kind, run), None)

    def next(self, place: Place) -> Iterable[Event]:
        """Return the next events for a watcher, oldest first, and advance its position; none if it is up to date."""
        with self._lock:
            if place.events is None:
                place.events = self._events
            if place.at == len(place.events) and place.events is not self._events:
                place.events, place.at = self._events, 0
            found = place.events[place.at : place.at + AT_ONCE]
            place.at += len(found)
            if found or place.events is not self._events:
                return found
            news = sorted((pair for pair in self._news.values() if pair[0] > place.news), key=itemgetter(0))
            place.news = self._count
            return [event for _, event in news]
