"""What the loop asks of whatever trains a run: PyTorch in the engine, a script in the demo."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from mnist_tui.core.events import Status, now
from mnist_tui.core.insight import Insight

NOT_FINITE: Final = "the loss was no longer a finite number"


class Diverged(Exception):  # noqa: N818 - a way for a run to end, like the others
    """Training has run away; the text says how."""


@dataclass(frozen=True, slots=True)
class Score:
    """Mean loss (cross-entropy, natural logarithm) and accuracy (fraction) over one part of the data."""

    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Step:
    """What is done of an epoch or an evaluation.

    Attributes:
        done, total: Batches.
        score: The result, in one extra last step; `None` before.
    """

    done: int
    total: int
    score: Score | None = None


class Trainer(Protocol):
    """What the loop asks of whatever trains. Its iterators yield between two batches; the last step has the score."""

    @property
    def parameters(self) -> int:
        """Trainable parameters of the network."""

    @property
    def batches(self) -> int:
        """Batches of an epoch of training."""

    @property
    def newest_loss(self) -> float:
        """Mean loss of the batches trained last."""

    @property
    def is_finite(self) -> bool:
        """False where training has lost a number, so that there is nothing worth saving."""

    def set_rate(self, rate: float) -> None:
        """Train with another learning rate from here on."""

    def load(self, checkpoint: bytes) -> tuple[int, int, float]:
        """Take over a checkpoint; return finished epochs, and batches and seconds of the one in progress.

        Raises:
            RunError: It is of another version or another network.
        """

    def save(self, epoch: int, batch: int, elapsed_s: float) -> bytes | None:
        """Return what `load` needs to go on exactly; `None` where nothing is kept."""

    def train_epoch(self, epoch: int, first_batch: int) -> Iterator[Step]:
        """Train an epoch from a batch on.

        Raises:
            Diverged: Training has run away.
        """

    def validate(self) -> Iterator[Step]:
        """Score the validation images; errors as for `train_epoch`."""

    def test(self) -> Iterator[Step]:
        """Score the test images; likewise."""

    def look(self, run: str, epoch: int) -> Insight | None:
        """Return what the validation that was just made told about the network; `None` where nothing is to be seen."""

    def explain(self, error: Exception) -> tuple[Status, str]:
        """Return how an error ends a run, and its reason in one line."""


class Clock:
    """The time that a run takes, and the time of day."""

    def read_ns(self) -> int:
        """Return nanoseconds of a clock that never goes back."""
        return time.perf_counter_ns()

    def now(self) -> str:
        """Return the time of day as events tell it."""
        return now()


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often the loop does what costs time.

    Attributes:
        progress_s: Between two news from inside an epoch.
        checkpoint_s: After so much time the next whole epoch gets a checkpoint: what a crash may cost, beside the
            epoch in progress.
        insight_s: Between two insights: more often nobody could look, and it would cost more than a glance is worth.
    """

    progress_s: float = 0.2
    checkpoint_s: float = 1.0
    insight_s: float = 0.5
