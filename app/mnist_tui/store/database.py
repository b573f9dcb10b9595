"""The store of runs: one SQLite database, one short transaction per epoch, checkpoints beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from mnist_tui.core.events import EpochDone, Notice, RunDone
from mnist_tui.core.labels import Labels
from mnist_tui.core.queue import Continuation, QueuedRun
from mnist_tui.errors import MnistTuiError, StoreError, UsageError
from mnist_tui.store import checkpoints, sql, waiting
from mnist_tui.store.connection import Connection
from mnist_tui.store.lock import is_held
from mnist_tui.store.writing import RunWriter


class Store(RunWriter):
    """Runs, their epochs and checkpoints, their labels, and the queue. Use one `Store` per thread."""

    @classmethod
    def open(cls, home: Path, patience_s: float | None = None, *, is_durable: bool = True) -> Self:
        """Open for writing; create what is missing.

        Args:
            home: The folder that contains it.
            patience_s: How long to wait for another writer; `None` for the default.
            is_durable: Wait for the disk; pointless for a home that is deleted at the end.

        Raises:
            StoreError: The store is damaged, locked, of a newer version, or cannot be written.
        """
        return cls(Connection.open(home, patience_s, is_durable=is_durable), home)

    @classmethod
    def open_readonly(cls, home: Path) -> Self:
        """Open for reading; a home without a database has no runs.

        Raises:
            StoreError: The store is damaged, or of a newer version.
        """
        return cls(Connection.open_readonly(home), home)

    @property
    def home(self) -> Path:
        """The folder that contains it."""
        return self._home

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database and release all locks."""
        self._locks.let_go_all()
        self._connection.close()

    # Labels ----------------------------------------------------------------------------------------

    def relabel(self, runs: Iterable[str], change: Callable[[Labels], Labels]) -> dict[str, Labels]:
        """Change the labels of runs, all or none, without losing concurrent changes by other processes.

        Args:
            runs: Their ids.
            change: Maps the current labels to the new ones; setting `deleted_at` deletes a run, clearing it restores
                the run.

        Returns:
            The new labels by id.

        Raises:
            UsageError: A run to be deleted is in progress, or the new labels are invalid.
            StoreError: They could not be written.
        """
        changed = {}
        with self._connection.transaction() as connection:
            for run in runs:
                labels = changed[run] = change(self._labels(run).get(run, Labels()))
                if labels.deleted_at and is_held(self._home, run):
                    raise UsageError(f"the run {run} is in progress", "Stop it first")
                values = (run, labels.name, " ".join(labels.tags), labels.note, labels.deleted_at)
                connection.execute(sql.SET_LABELS, values)
        return changed

    def purge(self, before: str) -> int:
        """Purge the runs deleted before a given time, with their checkpoints; return their number.

        Args:
            before: ISO 8601, in UTC.

        Raises:
            StoreError: It could not be written.
        """
        query = "SELECT run FROM labels WHERE deleted_at <> '' AND deleted_at < ?"
        runs = [str(run) for (run,) in self._connection.query(query, before)]
        for run in runs:
            # The row first: a folder without a row is harmless.
            self._write(("DELETE FROM runs WHERE run = ?", (run,)))
            checkpoints.remove(checkpoints.folder_of(self._home, run))
        return len(runs)

    # The queue ------------------------------------------------------------------------------------

    def tell(self, notice: Notice) -> None:
        """Add a notice, to be delivered with the next recorded event."""
        self._notices.append(notice)

    def claim(self, queued: QueuedRun) -> QueuedRun | None:
        """Lock a run for this process; add the continuation of one that resumes.

        Returns:
            The claimed run; `None` if a new run was already started by another process.

        Raises:
            MnistTuiError: Another process holds it, or it cannot be resumed.
        """
        try:
            if queued.continues:
                return replace(queued, continuation=self.resume(queued.run))
            self._hold(queued.run)
        except MnistTuiError:
            # A new run that cannot be locked now stays in the queue, for the next start.
            if queued.continues:
                self.give_up(queued.run)
            raise
        return None if self._exists(queued.run) else queued

    def give_up(self, run: str) -> None:
        """Release a run that did not start; for one that did, there is nothing to do."""
        with suppress(StoreError):
            self.remove_waiting(run)
        self._locks.let_go(run)

    def resume(self, run: str) -> Continuation:
        """Lock a run for this process; return where it resumes.

        Raises:
            StoreError: Another process holds it, or the store is damaged.
        """
        self._hold(run)
        epoch, data, notes = 0, None, []
        rows = self._connection.query(
            "SELECT epoch, batch, file, sha256 FROM checkpoints WHERE run = ? ORDER BY epoch DESC, batch DESC", run
        )
        for done, batch, file, sha256 in rows:
            data = checkpoints.read(checkpoints.folder_of(self._home, run), str(file), str(sha256))
            if not isinstance(done, int):
                data = None
            if data is not None:
                epoch = int(done)
                break
            place = f"epoch {done}" + (f", batch {batch}" if batch else "")
            notes.append(f"The checkpoint of {place} is damaged or missing; an earlier one is used.")
        story, later = [], []
        for event in self.events(run):
            if isinstance(event, EpochDone) and event.epoch > epoch:
                later.append(event)
            elif not isinstance(event, RunDone):
                story.append(event)
        return Continuation(tuple(story), epoch, data, tuple(notes), tuple(later))

    def add_waiting(self, runs: Iterable[QueuedRun], session: str) -> None:
        """Store queued runs of this process, so that they outlive it.

        Args:
            runs: What to add, in order.
            session: Id of the process's session; the first call locks it.

        Raises:
            StoreError: It could not be written.
        """
        self.hold_session(session)
        waiting.add(self._connection, runs, session)

    def remove_waiting(self, run: str) -> None:
        """Remove a queued run."""
        waiting.remove(self._connection, run)

    def reorder_waiting(self, runs: Iterable[str]) -> None:
        """Store the order of queued runs, given by their ids."""
        waiting.reorder(self._connection, runs)

    def remove_all_waiting(self, session: str) -> None:
        """Remove all queued runs of a session."""
        waiting.remove_all(self._connection, session)

    def adopt_waiting(self, session: str) -> tuple[QueuedRun, ...]:
        """Take over the queued runs of dead processes; return them in order."""
        # Lock the session first, or another process could take over the same runs from it.
        self.hold_session(session)
        return waiting.adopt(self._connection, self._home, session)

    @property
    def orphans(self) -> int:
        """Number of queued runs whose process is dead."""
        return waiting.orphans(self._connection, self._home)

    def hold_session(self, session: str) -> None:
        """Lock a session, by whose name other processes find this one.

        Raises:
            StoreError: Another process holds it.
        """
        self._locks.hold(waiting.lock_name(session), "another session has this name")
