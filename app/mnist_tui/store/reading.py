"""Reads the store: past runs as states or as events, looked up by id or name."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from mnist_tui.core.codec import number
from mnist_tui.core.events import EpochDone, Event, MetricDeclared, RateChanged, RunContinued, RunDone, RunStarted
from mnist_tui.core.insight import Insight, insight_from_bytes
from mnist_tui.core.labels import Labels, as_tags
from mnist_tui.core.parsing import event_from_json
from mnist_tui.core.reducer import apply_to_run, start_run, take_mark
from mnist_tui.core.state import Annotation, RunState
from mnist_tui.core.status import Status
from mnist_tui.core.stored import Checkpoint, ValidationSet
from mnist_tui.errors import StoreError, UsageError
from mnist_tui.store import checkpoints
from mnist_tui.store.connection import Connection
from mnist_tui.store.home import is_safe_name
from mnist_tui.store.lock import is_held
from mnist_tui.store.points import Followed, newest_points, point_names, read_points
from mnist_tui.store.schema import EPOCH_COLUMNS, VALUE_COLUMNS

INTERRUPTED: Final = "the process ended before the run did"
DAMAGE: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError, UsageError)
"""Exceptions that reading a damaged record can raise."""


_INSIGHT_EPOCHS: Final = "SELECT epoch FROM insights WHERE run = ? ORDER BY epoch"
_LABELS: Final = "SELECT run, name, tags, note, deleted_at FROM labels"
_SOME: Final = 3
"""Maximum number of runs that a message names."""
_VALIDATION_SET: Final = (
    "SELECT side, classes, labels, images, channels FROM validation_sets WHERE sha256 = ? AND split_seed = ?"
)

Known: TypeAlias = dict[str, tuple[tuple[Any, ...], RunState]]
"""Ended runs by id, with the row that they were read from."""


class RunReader:
    """Reads past runs, and those in progress as far as they are stored."""

    def __init__(self, connection: Connection, home: Path) -> None:
        self._connection = connection
        self._home = home
        self.unreadable: list[tuple[str, str]] = []
        """Runs that the last `runs()` could not read, with the reason."""

    def runs(
        self, known: Known | None = None, *, live: Mapping[str, RunState] | None = None, deleted: bool = False
    ) -> list[RunState]:
        """Return all runs without their epochs, newest last. Unreadable ones are left out and listed in `unreadable`.

        Args:
            known: A cache, filled by this and earlier calls; ended runs that have not changed are taken from it.
            live: Runs in progress that the caller follows, by id; their epochs are not read again.
            deleted: Return only the deleted runs.

        Raises:
            StoreError: The store is damaged.
        """
        self.unreadable = []
        runs = []
        marks, labels = self._inexact_marks(), self._labels()
        query = "SELECT run, status, epochs, started, done FROM runs ORDER BY started_at, run"
        for row in self._connection.query(query):
            called = labels.get(row[0], Labels())
            if bool(called.deleted_at) != deleted:
                continue
            if known is not None and (past := known.get(row[0])) is not None and past[0] == row:
                past[1].labels = called
                runs.append(past[1])
                continue
            if live is not None and (followed := live.get(row[0])) is not None and not followed.status.is_over:
                followed.labels = called
                runs.append(followed)
                continue
            try:
                run = self._read_run(*row)
            except DAMAGE as error:
                self.unreadable.append((str(row[0])[:40], reason_of(error)))
            else:
                for mark in marks.get(run.run, ()):
                    take_mark(run, mark)
                run.labels = called
                runs.append(run)
                if known is not None and row[-1] is not None:
                    known[run.run] = row, run
        return runs

    def _labels(self, run: str = "") -> dict[str, Labels]:
        """Return the labels of all runs, or of one, by id; damaged labels are left out."""
        if not self._connection.query("SELECT 1 FROM sqlite_master WHERE name = 'labels'"):
            # A read-only store of an older version, which had no labels yet.
            return {}
        found = {}
        rows = self._connection.query(f"{_LABELS} WHERE run = ?", run) if run else self._connection.query(_LABELS)
        for named, name, tags, note, deleted_at in rows:
            with suppress(*DAMAGE):
                found[named] = Labels(name, as_tags([tags]), note, deleted_at)
        return found

    def _inexact_marks(self) -> dict[str, list[Annotation]]:
        """Return the marks that a list of runs needs: resumes, with changed conditions, and learning rate changes."""
        marks: dict[str, list[Annotation]] = {}
        query = (
            "SELECT run, event FROM marks WHERE event LIKE '%\"run_continued\"%' "
            "OR event LIKE '%\"learning_rate_changed\"%' OR event LIKE '%\"metric_declared\"%' ORDER BY id"
        )
        for run, text in self._connection.query(query):
            with suppress(*DAMAGE):
                mark = event_from_json(json.loads(text))
                if isinstance(mark, RunContinued | RateChanged | MetricDeclared):
                    marks.setdefault(run, []).append(mark)
        return marks

    def _read_run(self, run: str, status: str, epochs: int, started: str, done: str | None) -> RunState:
        if not is_safe_name(run):
            raise ValueError("its id is damaged")
        event = event_from_json(json.loads(started))
        if not isinstance(event, RunStarted):
            raise ValueError("its first event is not run_started")  # noqa: TRY004 - a damaged value, not a type
        state = start_run(event)
        if not isinstance(epochs, int) or epochs < (state.network is not None):
            raise ValueError("its number of epochs is damaged")
        state.epochs = epochs
        state.status = Status(status)
        if done is None and is_held(self._home, run):
            state.history = self._history(run)
            state.step, state.newest = newest_points(self._connection, run)
            return state
        if done is None:
            # It may have ended since its row was read: the end is recorded before the lock is released.
            ((status, done),) = self._connection.query("SELECT status, done FROM runs WHERE run = ?", run)
            state.status = Status(status)
        if done is not None:
            end = event_from_json(json.loads(done))
            if not isinstance(end, RunDone):
                raise ValueError("its last event is not run_done")
            state.result, state.step = end, end.steps
        else:
            state.history = self._history(run)
            state.step, state.newest = newest_points(self._connection, run)
            state.status = Status.INTERRUPTED
            state.result = state.ended(Status.INTERRUPTED, reason=INTERRUPTED, ended_at=event.started_at)
            state.history = []
        return state

    def run(self, name: str) -> RunState:
        """Return one run with its epochs and marks.

        Args:
            name: Its id, an unambiguous prefix or suffix of it, its name, or `last`.

        Raises:
            UsageError: No run, or more than one, matches.
            StoreError: The run, or the store, is damaged.
        """
        run = self.id_of(name)
        query = "SELECT run, status, epochs, started, done FROM runs WHERE run = ?"
        row = next(iter(self._connection.query(query, run)), None)
        if row is None:
            # Its index knows the run, and its table does not.
            raise _unreadable(run, ValueError("its row is missing"))
        try:
            state = self._read_run(*row)
            end, status = state.result, state.status
            for event in self._middle(run):
                apply_to_run(state, event)
        except DAMAGE as error:
            raise _unreadable(run, error) from error
        state.epochs, state.status = int(row[2]), status
        state.labels = self._labels(run).get(run, Labels())
        if end is not None:
            apply_to_run(state, end)
        return state

    def events(self, name: str) -> Iterator[Event]:
        """Replay the events of a run: its start, its epochs and marks in order, and its end.

        Raises:
            UsageError: No run, or more than one, matches.
            StoreError: The run, or the store, is damaged.
        """
        run = self.id_of(name)
        ((started, done),) = self._connection.query("SELECT started, done FROM runs WHERE run = ?", run)
        try:
            yield event_from_json(json.loads(started))
            yield from self._middle(run)
            if done is not None:
                yield event_from_json(json.loads(done))
        except DAMAGE as error:
            raise _unreadable(run, error) from error
        if done is None and (result := self.run(run).result) is not None:
            yield result

    def _middle(self, run: str) -> Iterator[EpochDone | Annotation]:
        query = "SELECT after_epoch, event FROM marks WHERE run = ? ORDER BY id"
        marks = [(after, event_from_json(json.loads(text))) for after, text in self._connection.query(query, run)]
        for done, epoch in enumerate([None, *self._history(run)]):
            if epoch is not None:
                yield epoch
            for after, mark in marks:
                if after == done and isinstance(mark, Annotation):
                    yield mark

    def _history(self, run: str) -> list[EpochDone]:
        query = f"SELECT epoch, {', '.join(EPOCH_COLUMNS)} FROM epochs WHERE run = ? ORDER BY epoch"  # noqa: S608
        history: list[EpochDone] = []
        for epoch, train_s, val_s, step, named, *columns in self._connection.query(query, run):
            values = dict(zip(VALUE_COLUMNS, columns, strict=True)) if named is None else json.loads(named)
            done = EpochDone(
                run=run,
                epoch=epoch,
                train_s=number(train_s),
                val_s=number(val_s),
                values={name: number(value) for name, value in values.items()},
                step=step,
            )
            history.append(done.after(history[-1] if history else None))
        return history

    def points(self, run: str, name: str, known: Followed | None = None) -> Followed:
        """Return the numbers that a script logged at its steps, by the name of the metric.

        Args:
            run: The run's id.
            name: The metric.
            known: What an earlier call returned, which grows; only what is new is read.

        Raises:
            StoreError: They, or the store, are damaged.
        """
        try:
            return read_points(self._connection, run, name, known)
        except DAMAGE as error:
            raise _unreadable(run, error) from error

    def point_names(self, run: str) -> list[str]:
        """Return the names of the numbers that a run logged at its steps, in order; `run` is an id."""
        return point_names(self._connection, run)

    def insight_epochs(self, run: str) -> list[int]:
        """Return the epochs that have an insight, in order; `run` is an id."""
        return [int(epoch) for (epoch,) in self._connection.query(_INSIGHT_EPOCHS, run)]

    def last_insight(self, run: str) -> Insight | None:
        """Return the insight of the last epoch that has one; `None` if none has. Errors as for `insight`."""
        epochs = self.insight_epochs(run)
        return self.insight(run, epochs[-1]) if epochs else None

    def insight(self, run: str, epoch: int) -> Insight | None:
        """Return the insight of an epoch; `None` if it has none.

        Args:
            run: The run's id.
            epoch: From 1.

        Raises:
            StoreError: It is damaged.
        """
        rows = self._connection.query("SELECT data FROM insights WHERE run = ? AND epoch = ?", run, epoch)
        try:
            return next((insight_from_bytes(run, epoch, data) for (data,) in rows), None)
        except DAMAGE as error:
            raise _unreadable(run, error) from error

    def newest_checkpoint(self, run: str, known: str = "") -> tuple[int, str, bytes] | None:
        """Return finished epochs, SHA-256 and content of the newest valid checkpoint of a run.

        Args:
            run: The run's id.
            known: SHA-256 of the checkpoint that the caller already has.

        Returns:
            `None` if there is no checkpoint, or none newer than the known one.
        """
        query = "SELECT epoch, file, sha256 FROM checkpoints WHERE run = ? ORDER BY epoch DESC, batch DESC"
        for epoch, file, sha256 in self._connection.query(query, run):
            if sha256 == known:
                return None
            data = checkpoints.read(checkpoints.folder_of(self._home, run), str(file), str(sha256))
            if data is not None:
                return int(epoch), str(sha256), data
        return None

    def saved(self, run: str) -> Iterator[Checkpoint]:
        """Yield the checkpoints of a run that are whole; `run` is an id."""
        query = "SELECT epoch, batch, file, sha256 FROM checkpoints WHERE run = ? ORDER BY epoch, batch"
        for epoch, batch, file, sha256 in self._connection.query(query, run):
            data = checkpoints.read(checkpoints.folder_of(self._home, run), str(file), str(sha256))
            if data is not None:
                yield Checkpoint(run=run, epoch=int(epoch), batch=int(batch), data=data)

    def validation_set(self, run: RunState) -> ValidationSet | None:
        """Return the validation images of a run; `None` if they were not stored.

        Raises:
            StoreError: They are damaged.
        """
        if (key := run.validation_key) is None:
            return None
        rows = self._connection.query(_VALIDATION_SET, *key)
        try:
            for side, classes, labels, images, channels in rows:
                found = ValidationSet(
                    sha256=key[0],
                    split_seed=key[1],
                    side=int(side),
                    classes=tuple(map(str, json.loads(classes))),
                    labels=bytes(labels),
                    images=zlib.decompress(images),
                    channels=int(channels),
                )
                if found.side < 1 or len(found.images) != len(found.labels) * found.side**2 * found.channels:
                    raise ValueError("their number and size do not match")
                if any(label >= len(found.classes) for label in found.labels):
                    raise ValueError("one has an unknown class")
                return found
        except (*DAMAGE, zlib.error) as error:
            raise StoreError(f"the validation images cannot be read: {reason_of(error)}", "Train again") from error
        return None

    def last_deleted(self) -> list[str]:
        """Return the ids of the runs that were deleted last, together."""
        deleted = {run: labels.deleted_at for run, labels in self._labels().items() if labels.deleted_at}
        return [run for run, moment in deleted.items() if moment == max(deleted.values())]

    def id_of(self, name: str, *, deleted: bool = False) -> str:
        """Return the id of the run that matches a name; arguments and errors as for `run`.

        Args:
            name: As for `run`.
            deleted: Search the deleted runs instead of the others.
        """
        if name.isascii() and self._connection.query("SELECT 1 FROM runs WHERE run = ?", name):
            # An exact id, as the app passes it: no need to search all runs.
            return name
        labels = self._labels()
        ids = [str(run) for (run,) in self._connection.query("SELECT run FROM runs ORDER BY rowid DESC")]
        gone = {run for run in ids if run in labels and labels[run].deleted_at}
        found = _matching(name, [run for run in ids if (run in gone) is deleted], labels)
        if not found and not deleted and _matching(name, sorted(gone), labels):
            raise UsageError(f"the run {name!r} was deleted", f"`mnist-tui restore {name}` restores it")
        if not found:
            if deleted and _matching(name, [run for run in ids if run not in gone], labels):
                raise UsageError(f"the run {name!r} is not deleted", "`mnist-tui runs --deleted` lists deleted runs")
            next_step = "`mnist-tui runs` lists all runs" if ids else "Train one with mnist-tui or mnist-tui run"
            raise UsageError(f"there is no run {name!r}", next_step)
        if len(found) > 1:
            some = ", ".join(found[:_SOME]) + (" …" if len(found) > _SOME else "")
            raise UsageError(f"{name!r} matches {len(found)} runs: {some}", "Give more characters of the id")
        return found[0]


def _matching(name: str, ids: Sequence[str], labels: Mapping[str, Labels]) -> Sequence[str]:
    """Return the runs that a name means: `last`, the name of a run, or the beginning or end of an id."""
    if name == "last":
        return ids[:1]
    named = [run for run in ids if run in labels and labels[run].name == name != ""]
    if named:
        # A name may be the short id of another run, as lists show it: then it is not clear which one is meant.
        return [*named, *(run for run in ids if run not in named and name in (run, run.rpartition("-")[2]))]
    starting = [run for run in ids if name and run.startswith(name)]
    return starting or [run for run in ids if name and run.endswith(name)]


def _unreadable(run: str, error: Exception) -> StoreError:
    return StoreError(f"the run {run} cannot be read: {reason_of(error)}", "Delete it, or restore a backup")


def reason_of(error: Exception) -> str:
    """Return a short description of the damage, even if the error quotes a lot of it."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    what = error.what if isinstance(error, UsageError) else str(error)
    return f"{' '.join(what.split())[:120]}" or type(error).__name__
