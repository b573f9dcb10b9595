"""The status of a run, and the phases of its epochs."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """The status of a run, and the phases of its epochs."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    FAILED = "failed"
    OUT_OF_MEMORY = "out of memory"
    INTERRUPTED = "interrupted"

    @property
    def is_over(self) -> bool:
        """True when the run has ended, finished or not."""
        return self not in (Status.QUEUED, Status.RUNNING, Status.PAUSED)


class Phase(StrEnum):
    """A phase of an epoch, or the test after the last one."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
