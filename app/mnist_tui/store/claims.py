"""Claims queued runs one by one for this process, so that no other process trains them too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mnist_tui.core.events import Notice, Status
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.state import patience_ended
from mnist_tui.errors import MnistTuiError, UsageError
from mnist_tui.store.database import Store


class Claims:
    """Runs claimed for this process one by one; a run that goes on gets its story and its last good checkpoint.

    Iterated, each run is over when the next one is asked for. Who trains several in parallel takes them instead, and
    gives up those that never began. One that cannot be claimed is left out, which a notice reports with the next event.

    Args:
        store: Where they are claimed.
        queue: What waits, in order.
    """

    def __init__(self, store: Store, queue: Iterable[QueuedRun]) -> None:
        self._store, self._queue = store, iter(queue)
        self._last: QueuedRun | None = None

    def __iter__(self) -> Iterator[QueuedRun]:
        return self

    def __next__(self) -> QueuedRun:
        if self._last is not None:
            self.give_up(self._last.run)
        self._last = self.take()
        if self._last is None:
            raise StopIteration
        return self._last

    def take(self) -> QueuedRun | None:
        """Claim the next run; `None` when nothing waits any more."""
        for queued in self._queue:
            if (claimed := self.again(queued)) is not None:
                return claimed
        return None

    def again(self, queued: QueuedRun) -> QueuedRun | None:
        """Claim a run, also one that this process already has; `None` where that fails, which is reported."""
        try:
            claimed = self._store.claim(queued)
        except MnistTuiError as error:
            self._store.tell(Notice(level="error", message=str(error), exit_code=error.exit_code))
            return None
        if claimed is None:
            message = f"The run {queued.run} has already been trained by another process; it is not started again."
            self._store.tell(Notice(level="warning", message=message))
            self.give_up(queued.run)
        return claimed

    def give_up(self, run: str) -> None:
        """Let a run go that did not begin; after one that did, nothing is left to do."""
        self._store.give_up(run)


def continuing(store: Store, name: str, epochs: int | None = None) -> QueuedRun:
    """Return a past run as one that waits to go on.

    Args:
        store: Where it lies.
        name: As for `Store.run`.
        epochs: Epochs to reach; `None`: as many as before.

    Raises:
        UsageError: There is nothing to go on with.
        StoreError: The run, or the store, is damaged.
    """
    run = store.run(name)
    if not run.status.is_over:
        raise UsageError(f"the run {run.run} is in progress", "Attach to it with `mnist-tui attach`")
    if run.status is Status.DIVERGED:
        raise UsageError(f"the run {run.run} diverged", "Start a new one with a smaller learning rate")
    done, patience = run.epochs_done, run.spec.patience
    if run.status is Status.FINISHED and patience_ended(run.history, patience):
        message = f"the run {run.run} ended after {done} epochs, when its patience of {patience} ran out"
        raise UsageError(message, "Start a new one with a larger patience")
    reach = epochs or run.epochs
    if reach < run.epochs_done or (reach == run.epochs_done and run.status is Status.FINISHED):
        raise UsageError(f"the run {run.run} already has {run.epochs_done} epochs", "Ask for more with --epochs")
    return QueuedRun(run.run, replace(run.spec, epochs=reach), continues=True, epochs=reach)
