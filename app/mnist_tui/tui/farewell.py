"""The line printed after the app exits: what was saved, and how to continue."""

from __future__ import annotations

from collections.abc import Collection

from mnist_tui.core.numerals import count
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.report.formatting import format_percent, printable, still_waiting

_GOES_ON = (Status.STOPPED, Status.INTERRUPTED, Status.FAILED, Status.OUT_OF_MEMORY)


def farewell(runs: Collection[RunState], waiting: int, handed_over: int = 0) -> str:
    """Return one line about the runs of this session, or an empty string.

    Args:
        runs: The runs of this session.
        waiting: Number of runs still queued.
        handed_over: Number of runs that another process continues.
    """
    parts = []
    if handed_over:
        goes = "A run continues" if handed_over == 1 else f"{handed_over} runs continue"
        parts.append(f"{goes} in the background: `mnist-tui attach` shows {'it' if handed_over == 1 else 'them'}")
    epochs = sum(run.epochs_done for run in runs)
    if epochs:
        n_runs = sum(bool(run.epochs_done) for run in runs)
        best = max((run.best for run in runs if run.best is not None), key=lambda e: e.val_accuracy, default=None)
        kept = f"{count(epochs, 'epoch')} of {count(n_runs, 'run')} kept"
        parts.append(kept if best is None else f"{kept}, best validation accuracy {format_percent(best.val_accuracy)}")
    parts += dict.fromkeys(
        f"Trained on {printable(run.dataset.label)}: {printable(run.dataset.note)}"
        for run in runs
        if run.epochs_done and run.dataset is not None and run.dataset.note
    )
    unfinished = [run for run in runs if run.status in _GOES_ON or not run.status.is_over]
    if unfinished:
        parts.append(f"`mnist-tui resume {unfinished[-1].run}` continues the stopped run")
    elif epochs:
        parts.append("`mnist-tui show last` shows the last one")
    if waiting:
        parts.append(f"{still_waiting(waiting)} and will be there next time you start")
    return f"{'. '.join(parts)}." if parts else ""
