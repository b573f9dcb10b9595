"""Claims queued runs one by one for this process, so that no other process trains them too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from mnist_tui.core.events import Notice
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.state import patience_ended
from mnist_tui.core.status import Status
from mnist_tui.errors import MnistTuiError, UsageError
from mnist_tui.store.database import Store


class Claims:
    """Claims queued runs for this process one by one; a resumed run gets its story and its last valid checkpoint.

    When iterated, requesting the next run means that the previous one is over. To train several in parallel, use `take`
    instead, and `give_up` those that never started. Runs that cannot be claimed are skipped and reported by a notice.

    Args:
        store: The store to claim them in.
        queue: The queued runs, in order.
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
        """Claim the next run; return `None` if the queue is empty."""
        for queued in self._queue:
            if (claimed := self.again(queued)) is not None:
                return claimed
        return None

    def again(self, queued: QueuedRun) -> QueuedRun | None:
        """Claim a run, even one that this process already holds; return `None` and report it if that fails."""
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
        """Release a run that did not start; for one that did, there is nothing to do."""
        self._store.give_up(run)


def continuing(store: Store, name: str, epochs: int | None = None) -> QueuedRun:
    """Return a queued run that resumes a past run.

    Args:
        store: The store that contains it.
        name: As for `Store.run`.
        epochs: Target number of epochs; `None` to keep the previous target.

    Raises:
        UsageError: The run cannot be resumed.
        StoreError: The run, or the store, is damaged.
    """
    run = store.run(name)
    if not run.status.is_over:
        raise UsageError(f"the run {run.run} is in progress", "Attach to it with `mnist-tui attach`")
    if run.status is Status.DIVERGED:
        raise UsageError(f"the run {run.run} diverged", "Start a new one with a smaller learning rate")
    spec = run.network
    if spec is None:
        step = f"Start its script again with MNIST_TUI_RESUME={run.run}"
        raise UsageError(f"the run {run.run} belongs to a script, which only you can start", step)
    done, patience = run.epochs_done, spec.patience
    if run.status is Status.FINISHED and patience_ended(run.history, patience):
        message = f"the run {run.run} ended after {done} epochs, when its patience of {patience} ran out"
        raise UsageError(message, "Start a new one with a larger patience")
    reach = epochs or run.epochs
    if reach < run.epochs_done or (reach == run.epochs_done and run.status is Status.FINISHED):
        raise UsageError(f"the run {run.run} already has {run.epochs_done} epochs", "Ask for more epochs")
    return QueuedRun(run.run, replace(spec, epochs=reach), continues=True, epochs=reach)
