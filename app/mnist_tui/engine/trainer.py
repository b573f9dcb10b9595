"""The interface between the training loop and what trains a run: PyTorch in the engine, a script in the demo."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from mnist_tui.core.events import now
from mnist_tui.core.insight import Insight
from mnist_tui.core.status import Status

NOT_FINITE: Final = "the loss was no longer a finite number"


class Diverged(Exception):  # noqa: N818 - a way for a run to end, like the others
    """Training has diverged; the text says how."""


@dataclass(frozen=True, slots=True)
class Score:
    """Mean loss (cross-entropy, natural logarithm) and accuracy (fraction) over one part of the data."""

    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of an epoch or an evaluation.

    Attributes:
        done, total: Batches done, and all batches.
        score: The result, in one extra last step; `None` before.
    """

    done: int
    total: int
    score: Score | None = None


class Trainer(Protocol):
    """What the training loop requires of a trainer. Iterators yield between batches; the last step has the score."""

    @property
    def parameters(self) -> int:
        """Trainable parameters of the network."""

    @property
    def batches(self) -> int:
        """Batches of an epoch of training."""

    @property
    def newest_loss(self) -> float:
        """Mean loss of the most recent batches."""

    @property
    def is_finite(self) -> bool:
        """False if training has produced NaN or infinity, so that there is nothing worth saving."""

    @property
    def rate(self) -> float:
        """The learning rate of the most recent batch."""

    def set_rate(self, rate: float, epochs: int) -> None:
        """Change the learning rate from the next epoch on; a schedule scales it, and ends after so many epochs."""

    def load(self, checkpoint: bytes) -> tuple[int, int, float]:
        """Load a checkpoint; return its finished epochs, and the batches and seconds of the epoch in progress.

        Raises:
            RunError: The checkpoint is from another version or another network.
        """

    def save(self, epoch: int, batch: int, elapsed_s: float) -> bytes | None:
        """Return a checkpoint that `load` can resume from exactly; `None` if none is kept."""

    def train_epoch(self, epoch: int, first_batch: int) -> Iterator[Step]:
        """Train an epoch, starting at a batch.

        Raises:
            Diverged: Training has diverged.
        """

    def validate(self) -> Iterator[Step]:
        """Score the validation images; errors as for `train_epoch`."""

    def test(self) -> Iterator[Step]:
        """Score the test images; likewise."""

    def look(self, run: str, epoch: int) -> Insight | None:
        """Return the insight from the latest validation; `None` if there is none."""

    def explain(self, error: Exception) -> tuple[Status, str]:
        """Return the status of a run that ends with this error, and the reason in one line."""


class Clock:
    """Measures elapsed time, and tells the time of day."""

    def read_ns(self) -> int:
        """Return the nanoseconds of a monotonic clock."""
        return time.perf_counter_ns()

    def now(self) -> str:
        """Return the time of day in the format that events use."""
        return now()


@dataclass(frozen=True, slots=True)
class Intervals:
    """Minimum intervals between costly actions of the loop.

    Attributes:
        progress_s: Between progress events within an epoch.
        checkpoint_s: Between checkpoints, made at the end of an epoch: a crash loses at most about this much training,
            plus the epoch in progress.
        insight_s: Between insights: nobody could look at more of them, and they cost time.
    """

    progress_s: float = 0.2
    checkpoint_s: float = 1.0
    insight_s: float = 0.5
