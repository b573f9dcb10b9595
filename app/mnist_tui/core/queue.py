"""The queue: new runs, and runs to resume."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mnist_tui.core.events import EpochDone, Event, RunStarted
from mnist_tui.core.spec import RunSpec, new_run_id


@dataclass(frozen=True, slots=True)
class Continuation:
    """The point that a run resumes from.

    Attributes:
        story: Its events up to `epoch`: `RunStarted`, then epochs and marks.
        epoch: Finished epochs in the checkpoint; 0 without one.
        checkpoint: Weights, optimizer state and position in the epoch, as the engine wrote them.
        notes: Messages for the user, such as a damaged checkpoint that was skipped.
        later: Finished epochs after `epoch`, which are trained again; their numbers are kept until then.
    """

    story: tuple[Event, ...]
    epoch: int
    checkpoint: bytes | None
    notes: tuple[str, ...] = ()
    later: tuple[EpochDone, ...] = ()

    @property
    def started(self) -> RunStarted | None:
        """The run's first event."""
        return next((event for event in self.story if isinstance(event, RunStarted)), None)


@dataclass(frozen=True, slots=True)
class QueuedRun:
    """A run that waits in the queue.

    Attributes:
        run: The run's id, assigned before it starts so that it can be named or removed.
        spec: What to train.
        continues: True for a run that was started before and resumes.
        epochs: Target number of epochs after resuming; `None` to keep the previous target.
        paused: It starts paused, since it was paused before another process took it over.
        continuation: Where it resumes; read from the store when its turn comes, and not part of the JSON form.
    """

    run: str
    spec: RunSpec
    continues: bool = False
    epochs: int | None = None
    paused: bool = False
    continuation: Continuation | None = field(default=None, metadata={"json": False})


def enqueue(specs: Iterable[RunSpec]) -> tuple[QueuedRun, ...]:
    """Return a queued run with a unique id for every spec."""
    runs: dict[str, QueuedRun] = {}
    for spec in specs:
        # Among thousands of ids from the same second, two may collide.
        while (run := new_run_id()) in runs:
            pass
        runs[run] = QueuedRun(run, spec)
    return tuple(runs.values())
