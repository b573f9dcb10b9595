"""The queue: new runs, and runs to resume."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mnist_tui.core.events import EpochDone, Event, RunStarted
from mnist_tui.core.spec import RunSpec, new_run_id


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a run resumes.

    Attributes:
        story: Its events up to `epoch`: `RunStarted`, then epochs and marks.
        epoch: Finished epochs in the checkpoint; 0 without one.
        checkpoint: Weights, optimizer and place in the epoch, as the engine wrote them.
        notes: What a person should know, such as a damaged checkpoint that was passed over.
        later: Finished epochs after `epoch`, which are trained again: they stay known until then.
    """

    story: tuple[Event, ...]
    epoch: int
    checkpoint: bytes | None
    notes: tuple[str, ...] = ()
    later: tuple[EpochDone, ...] = ()

    @property
    def started(self) -> RunStarted | None:
        """How the run was begun."""
        return next((event for event in self.story if isinstance(event, RunStarted)), None)


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """A run that waits for its turn.

    Attributes:
        run: The run's id, given before it starts so that it can be named or removed.
        spec: What to train.
        continues: True for a run that was begun before.
        epochs: Epochs to reach when it goes on; `None`: as many as before.
        continuation: Where it goes on; read from the store when its turn comes, and no part of the JSON form.
    """

    run: str
    spec: RunSpec
    continues: bool = False
    epochs: int | None = None
    continuation: Continuation | None = field(default=None, metadata={"json": False})


def enqueue(specs: Iterable[RunSpec]) -> tuple[QueuedRun, ...]:
    """Give every spec an id of its own."""
    runs: dict[str, QueuedRun] = {}
    for spec in specs:
        # Among thousands of ids of one second, two may be alike.
        while (run := new_run_id()) in runs:
            pass
        runs[run] = QueuedRun(run, spec)
    return tuple(runs.values())
