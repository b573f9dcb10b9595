"""Cached access to past runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from mnist_tui.core.events import RunContinued
from mnist_tui.core.insight import Insight
from mnist_tui.core.points import PointSeries
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.core.stored import ValidationSet
from mnist_tui.runtime.reports import save_report
from mnist_tui.store.claims import continuing
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store
from mnist_tui.store.points import Followed
from mnist_tui.store.reading import Known

K = TypeVar("K")
V = TypeVar("V")
RUNS_KEPT: Final = 64
"""Number of past runs cached with their epochs."""
POINTS_KEPT: Final = 16
"""Number of metrics whose points are cached: a million points take 16 MB."""
INSIGHTS_KEPT: Final = 16
"""Number of insights cached: enough to replay a short run."""


class Library:
    """The runs of the store, combined with those of this session.

    Args:
        home: The folder that contains the store.
        own: The runs of this session, by id; more recent than what was read from the store.
        remote: Runs in progress in other processes, as received from them; likewise.
    """

    def __init__(self, home: Path, own: Mapping[str, RunState], remote: Mapping[str, RunState] | None = None) -> None:
        self._home = home
        self._own, self._remote = own, {} if remote is None else remote
        self._past: dict[str, RunState] = {}
        self._opened: dict[str, RunState] = {}
        self._known: Known = {}
        self._seen: tuple[object, ...] = ()
        self._last_insights: dict[tuple[str, int], Insight | None] = {}
        self._insights: dict[tuple[str, int], Insight | None] = {}
        self._points: dict[tuple[str, str], tuple[tuple[int, int, Status], Followed]] = {}
        self._pictures: dict[tuple[str, int] | None, ValidationSet | None] = {}

    @property
    def has_store(self) -> bool:
        """True if the home exists, so that there may be past runs."""
        return self._home.exists()

    def continuing(self, run: str, epochs: int | None) -> QueuedRun:
        """Return a queued run that resumes a past run; errors as for `store.claims.continuing`."""
        self._opened.pop(run, None)
        with Store.open_readonly(self._home) as store:
            return continuing(store, run, epochs)

    def load(self) -> None:
        """Read all past runs, without their epochs.

        Raises:
            StoreError: The store is damaged.
        """
        self._seen = self._signature()
        with Store.open_readonly(self._home) as store:
            self._past = {run.run: run for run in store.runs(self._known, live=self._live)}
        self._opened = {name: run for name, run in self._opened.items() if self._is_as_it_was(run)}
        for name, run in {**self._opened, **self._live}.items():
            if (known := self._past.get(name)) is not None:
                run.labels = known.labels

    def _is_as_it_was(self, run: RunState) -> bool:
        """Return whether a cached run is over, and was not resumed since it was read."""
        return run.status.is_over and _stand(run) == _stand(self._past.get(run.run, run))

    def deleted(self) -> list[RunState]:
        """Return the deleted runs that can be restored; errors as for `load`."""
        with Store.open_readonly(self._home) as store:
            return store.runs(deleted=True)

    @property
    def has_changed(self) -> bool:
        """True if the database was written since the last `load`."""
        return self._signature() != self._seen

    @property
    def _live(self) -> dict[str, RunState]:
        return {**self._remote, **self._own}

    @property
    def remote(self) -> int:
        """Number of runs in progress in other processes."""
        known = {**self._past, **self._remote}
        return sum(not run.status.is_over for name, run in known.items() if name not in self._own)

    def _signature(self) -> tuple[object, ...]:
        found = []
        for name in (DATABASE, f"{DATABASE}-wal"):
            with suppress(OSError):
                status = (self._home / name).stat()
                found.append((name, status.st_mtime_ns, status.st_size))
        return tuple(found)

    def runs(self) -> list[RunState]:
        """Return all runs, the newest first."""
        return sorted(self._all(), key=_begun, reverse=True)

    @property
    def newest(self) -> RunState | None:
        """The run that was started last, without its epochs."""
        return max(self._all(), key=_begun, default=None)

    def knows(self, run: str) -> bool:
        """Return whether there is such a run."""
        return run in self._past or run in self._live

    def _all(self) -> list[RunState]:
        """Return all runs except deleted ones."""
        return [run for run in {**self._past, **self._live}.values() if not run.labels.deleted_at]

    def with_epochs(self, run: str) -> RunState:
        """Return a run with its epochs: from this session, else from the store.

        Raises:
            StoreError: The store is damaged.
            UsageError: The run no longer exists.
        """
        if (live := self._own.get(run) or self._remote.get(run)) is not None:
            return live
        return self._kept(self._opened, RUNS_KEPT, run, lambda store: store.run(run))

    def _kept(self, kept: dict[K, V], most: int, key: K, read: Callable[[Store], V]) -> V:
        """Return what is kept under a key, at first from the store; the oldest of too many is dropped."""
        if key not in kept:
            while len(kept) >= most:
                kept.pop(next(iter(kept)))
            with Store.open_readonly(self._home) as store:
                kept[key] = read(store)
        return kept[key]

    def insight_epochs(self, run: str) -> list[int]:
        """Return the epochs of a run that have an insight; errors as for `load`."""
        with Store.open_readonly(self._home) as store:
            return store.insight_epochs(run)

    def insight(self, run: str, epoch: int) -> Insight | None:
        """Return the insight of an epoch; errors as for `load`."""
        return self._kept(self._insights, INSIGHTS_KEPT, (run, epoch), lambda store: store.insight(run, epoch))

    def last_insight(self, run: RunState) -> Insight | None:
        """Return the last insight of a run; `None` if it has none. Errors as for `load`."""
        key = run.run, run.epochs_done
        return self._kept(self._last_insights, INSIGHTS_KEPT, key, lambda store: store.last_insight(run.run))

    def points(self, run: RunState, name: str) -> PointSeries | None:
        """Return what a script's run logged at its steps, by the name of a metric; errors as for `load`.

        Only what is new since the last call is read.
        """
        if run.network is not None:
            return None
        resumed = sum(isinstance(mark, RunContinued) for mark in run.marks)
        stand, known = (run.step, resumed, run.status), self._points.pop((run.run, name), None)
        if known is None or known[0] != stand:
            # After a resume, points may have become void.
            before = known[1] if known is not None and known[0][1] == resumed else None
            with Store.open_readonly(self._home) as store:
                known = stand, store.points(run.run, name, before)
            while len(self._points) >= POINTS_KEPT:
                self._points.pop(next(iter(self._points)))
        self._points[run.run, name] = known
        return known[1].series

    def newest_checkpoint(self, run: str, known: str) -> tuple[int, str, bytes] | None:
        """See `RunReader.newest_checkpoint`; may be called from any thread."""
        with Store.open_readonly(self._home) as store:
            return store.newest_checkpoint(run, known)

    def pictures(self, run: RunState) -> ValidationSet | None:
        """Return the validation images of a run; errors as for `load`."""
        key = run.validation_key
        if key not in self._pictures:
            with Store.open_readonly(self._home) as store:
                # Cache only one set: it is large.
                self._pictures = {key: store.validation_set(run)}
        return self._pictures[key]

    def report(self, home: Path, runs: Sequence[str]) -> Path:
        """Write a report on runs into a home; errors as for `save_report`."""
        return save_report(self._home, runs, home)


def _begun(run: RunState) -> tuple[str, str]:
    return run.started_at, run.run


def _stand(run: RunState) -> tuple[Status, int, str]:
    """Return the values that change when an ended run is resumed."""
    return run.status, run.epochs_done, run.result.ended_at if run.result is not None else ""
