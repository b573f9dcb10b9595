"""Runs of other tools: found in files and folders, copied into a home, and followed as they grow."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Event, Notice, RunContinued
from mnist_tui.core.labels import MAX_NAME as MOST_NAME
from mnist_tui.core.labels import Labels, as_text
from mnist_tui.core.metric import MAX_NAME, MAX_NAMES
from mnist_tui.core.orders import Order
from mnist_tui.core.status import Status
from mnist_tui.errors import OrderError, StoreError
from mnist_tui.formats import News, Source, find
from mnist_tui.formats import reason as why
from mnist_tui.formats.source import Series
from mnist_tui.runtime.copying import Copy
from mnist_tui.runtime.remote_runs import OPENED
from mnist_tui.store.database import Store
from mnist_tui.wire.server import Broadcast

READ_S: Final = 0.4
"""Pause between two looks at the runs in progress."""
LOOK_S: Final = 5.0
"""How often to look for new runs, and at those that have ended."""
QUIET_S: Final = 600.0
"""A run that was written to within this time is in progress, unless its tool says otherwise."""


class _Unsteered(RunControl):
    """Refuses all orders."""

    def give(self, order: Order) -> bool:
        """Refuse an order."""
        raise OrderError(f"its tool takes no orders, so it cannot obey {order.kind}")


class Opened:
    """The runs in some files and folders, copied into a home.

    Args:
        store: The store of that home.
        paths: Files and folders.
        publish: Tells watchers of what happens to runs in progress.
        follows: Runs in progress are followed; otherwise each is copied as far as it is, once.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        paths: Sequence[Path],
        publish: Callable[[Event], None] = lambda _: None,
        *,
        follows: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._paths, self._publish, self._clock = store, paths, publish, clock
        self._follows = follows
        self._copies: dict[str, Copy] = {}
        self.problems: dict[str, None] = {}
        """What could not be read, each once, in order."""

    @property
    def runs(self) -> list[Copy]:
        """The runs found so far that hold anything."""
        return [copy for copy in self._copies.values() if copy.is_stored]

    def look(self) -> Iterator[Copy]:
        """Look for new runs and at those that have ended, and copy what is new; yield each run that was looked at."""
        for found in find(self._paths):
            if isinstance(found, str):
                self._tell(found)
                continue
            reader, source = found
            # By its id, as a run may be found under several paths, and be renamed.
            copy = self._copies.setdefault(run_id(source), Copy(reader, source, run_id(source)))
            if source.name != copy.source.name:
                self._rename(copy, source)
            if copy.is_over or not copy.is_stored:
                self._read(copy)
            yield copy

    def read(self) -> None:
        """Copy what is new of the runs in progress."""
        for copy in self._copies.values():
            if copy.is_stored and not copy.is_over:
                self._read(copy)

    def _rename(self, copy: Copy, source: Source) -> None:
        """Take over another name: some tools write it a moment after the first numbers."""
        before, now = _name(copy.source.name), _name(source.name)
        copy.source = source
        if copy.is_stored:
            self._store.relabel([copy.run], lambda known: replace(known, name=now) if known.name == before else known)

    def _read(self, copy: Copy) -> None:
        try:
            news, copy.since = copy.reader.read(copy.source, copy.since)
        except Exception as error:  # noqa: BLE001 - a damaged file of any tool must not hide the others
            copy.since = None
            self._tell(f"{copy.source.path}: {why(error)}")
            if copy.is_stored and not copy.is_over:
                self._end(copy, Status.INTERRUPTED, "its files cannot be read any more")
            return
        news.points = {name: news.points[name] for name in self._usable(copy, news)}
        if news.problem and news.problem != copy.problem:
            copy.problem = news.problem
            self._tell(f"{copy.source.path}: {news.problem}")
        copy.take(news)
        if not news.is_whole and ((copy.is_over and news.points) or not copy.is_stored):
            copy.since = None
            self._read(copy)
            return
        status, reason = self._status(copy, news)
        try:
            self._keep(copy, news, status, reason)
        except StoreError as error:
            if self._follows:
                raise
            # Another process may be copying it.
            self._tell(f"{copy.source.path}: {str(error).rstrip('.')}")

    def _keep(self, copy: Copy, news: News, status: Status, reason: str) -> None:
        """Store what is new."""
        # By their text, as NaN differs from itself.
        if copy.spec is not None and repr(copy.spec) != repr(copy.described(news)):
            started = copy.started(news)
            self._store.describe(started)
            self._publish(started)
            self._publish(copy.progress)
        if news.is_whole:
            self._put(copy, news, status, reason)
        elif news.points:
            self._store.add_points(copy.run, {name: _pairs(series) for name, series in news.points.items()})
            self._publish(copy.progress)
        if copy.is_stored and not copy.is_over and status is not Status.RUNNING:
            self._end(copy, status, reason)

    def _usable(self, copy: Copy, news: News) -> Iterator[str]:
        """Yield the names that can be stored; whatever is left out is told."""
        known = set() if news.is_whole else {*copy.newest}
        for name, series in news.points.items():
            if not 0 < len(name) <= MAX_NAME or not name.isprintable():
                what = "is too long" if len(name) > MAX_NAME else "cannot be printed"
                self._tell(f"{copy.source.path}: the metric {name[:40]!r} is left out, as its name {what}")
            elif name not in known and len(known) >= MAX_NAMES:
                self._tell(f"{copy.source.path}: only {MAX_NAMES:,} different names are shown")
            elif len(series):
                known.add(name)
                yield name

    def _status(self, copy: Copy, news: News) -> tuple[Status, str]:
        """Return whether a run is in progress, or how it ended and why."""
        if news.status is not None and news.status.is_over:
            return news.status, news.reason
        if not self._follows:
            if news.status is Status.RUNNING:
                return Status.INTERRUPTED, "it was in progress when it was copied"
            return Status.FINISHED, _unknown_end(copy)
        if copy.latest is None or self._clock() - copy.latest < QUIET_S:
            return Status.RUNNING, ""
        if news.status is Status.RUNNING:
            return Status.INTERRUPTED, f"{copy.source.tool} recorded no end of it"
        return Status.FINISHED, _unknown_end(copy)

    def _put(self, copy: Copy, news: News, status: Status, reason: str) -> None:
        """Store a run as a whole."""
        if not news.points and not news.config:
            # Just begun.
            return
        if copy.is_stored:
            copy.restarts += 1
        events = list(copy.events(news))
        copy.is_over = status is not Status.RUNNING
        ended = [copy.end(status, reason)] if copy.is_over else []
        points = {name: _pairs(series) for name, series in news.points.items()}
        self._store.put([*events, *ended], points, Labels(_name(copy.source.name)))
        copy.is_stored = True
        if not copy.is_over:
            last = events[-1]
            for event in [replace(last, story=tuple(events[:-1]))] if isinstance(last, RunContinued) else events:
                self._publish(event)
            self._publish(copy.progress)

    def _end(self, copy: Copy, status: Status, reason: str) -> None:
        copy.is_over = True
        done = copy.end(status, reason)
        self._store.record(done)
        self._publish(done)

    def _tell(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems[problem] = None
            self._publish(Notice(level="warning", message=f"{problem}."))


def follow(
    home: Path, paths: Sequence[Path], told: Callable[[int, Sequence[str]], None], ends: threading.Event
) -> None:
    """Copy the runs in files and folders into a new home, and keep it up to date.

    Args:
        home: A folder that nobody else writes to.
        paths: Files and folders.
        told: Called when the first run can be shown, or none was found: their number so far, and what is wrong.
        ends: Set to end.
    """
    with Store.open(home, is_durable=False) as store:
        store.hold_session(OPENED)
        with Broadcast(home, OPENED, _Unsteered()) as broadcast:
            opened = Opened(store, paths, broadcast.publish)
            has_told, looked = False, -LOOK_S
            while not ends.is_set():
                if time.monotonic() - looked >= LOOK_S:
                    for copy in opened.look():
                        if not has_told and copy.is_stored:
                            told(1, list(opened.problems))
                            has_told = True
                        if ends.is_set():
                            break
                    if not has_told:
                        told(0, list(opened.problems))
                        return
                    looked = time.monotonic()
                opened.read()
                ends.wait(READ_S)


def run_id(source: Source) -> str:
    """Return the id of a run of another tool: always the same one, so that a second copy replaces the first."""
    what = "\0".join((source.tool, str(source.path.resolve()), source.key))
    tool = re.sub(r"[^a-z0-9]", "", source.tool.lower().replace("&", "and"))
    return f"{tool}-{hashlib.sha256(what.encode(errors='surrogateescape')).hexdigest()[:8]}"


def _unknown_end(copy: Copy) -> str:
    return f"{copy.source.tool} does not record how a run ends"


def _name(text: str) -> str:
    """Return what another tool calls a run as a name here: its end if it is long, as paths differ there."""
    plain = as_text("".join(sign if sign.isprintable() else "?" for sign in text))
    return plain if len(plain) <= MOST_NAME else f"…{plain[1 - MOST_NAME :]}"


def _pairs(series: Series) -> Iterator[tuple[int, float]]:
    return zip(series.steps, series.values, strict=True)
