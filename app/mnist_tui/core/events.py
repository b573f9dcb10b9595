"""The events of training: everything the engine reports, and all that the rest of the program listens to.

Accuracies are fractions in [0, 1], times are seconds of a monotonic clock, `*_at` are ISO 8601 times in UTC.
Every event is frozen, so threads can share it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Literal

from mnist_tui.core.codec import SPARSE, to_json_value
from mnist_tui.core.conditions import DatasetInfo, Machine
from mnist_tui.core.insight import Insight
from mnist_tui.core.metrics import error_reduction, improvement_points
from mnist_tui.core.script import ScriptSpec
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Phase, Status
from mnist_tui.core.units import Direction, Unit

SCHEMA: Final = 2
"""Version of the JSON form; incremented when a key changes its meaning or is removed."""


def now() -> str:
    """Return the current time in UTC, in the format that events use."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    type: ClassVar[str]
    mergeable: ClassVar[bool] = False
    """True if only the newest of several pending events matters."""
    is_public: ClassVar[bool] = True
    """False if only the store may see it, where all processes with the same home can read it."""

    @property
    def public(self) -> Event:
        """The event without the parts meant only for the store."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, with NaN and infinities as the strings `nan`, `inf` and `-inf`."""
        return {"type": self.type, "schema": SCHEMA, **to_json_value(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepStarted(Event):
    """Training of the queue has started."""

    type: ClassVar[str] = "sweep_started"
    sweep: str
    started_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparing(Event):
    """Something that takes time before training: loading torch, fetching data.

    Attributes:
        message: What is being done.
        fraction: Fraction done, `None` while unknown.
    """

    type: ClassVar[str] = "preparing"
    mergeable: ClassVar[bool] = True
    message: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run begins; from here on it exists in the store."""

    type: ClassVar[str] = "run_started"
    run: str
    sweep: str
    spec: RunSpec | ScriptSpec
    dataset: DatasetInfo | None
    machine: Machine
    parameters: int | None
    started_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    """Progress within an epoch; sent a few times per second at most.

    Attributes:
        epoch: The epoch in progress, from 1.
        phase: The current phase.
        batch, batches: Batches done, and all batches, of this phase.
        epoch_elapsed_s: Time spent in this epoch, excluding pauses.
        images_per_s: Training images per second in this epoch so far; 0 when not yet known.
        loss: Mean loss of the most recent batches; `None` outside training.
        step: Steps of a script's run so far; the numbers logged until then are stored.
        newest: The newest value of each number that a script logs at its steps.
    """

    type: ClassVar[str] = "progress"
    mergeable: ClassVar[bool] = True
    run: str
    epoch: int
    phase: Phase
    batch: int
    batches: int
    epoch_elapsed_s: float
    images_per_s: float
    loss: float | None = None
    step: int = field(default=0, metadata=SPARSE)
    newest: Mapping[str, float] = field(default_factory=dict, metadata=SPARSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochDone(Event):
    """An epoch is complete: trained and validated.

    Attributes:
        values: Its numbers by name. Built-in runs have `train_loss` and `train_accuracy` (means over the training
            images, measured while the weights change), `val_loss` and `val_accuracy` (means over the validation
            images, after the epoch), `images_per_s` (training images per second of `train_s`) and `learning_rate`
            (Adam's step size in this epoch). Scripts choose the names.
        train_s, val_s: Duration of training and of validation; a script's epoch has only the former.
        step: Steps of a script's run at the end of the epoch.
        val_accuracy_before: Validation accuracy of the previous epoch; `None` for epoch 1, and after parsing JSON until
            `after` fills it in.
        insight: What validation shows about the network, only for the store; skipped for some fast epochs.
        checkpoint: Everything needed to resume from here; likewise.
    """

    type: ClassVar[str] = "epoch_done"
    run: str
    epoch: int
    train_s: float
    val_s: float
    values: Mapping[str, float]
    step: int = field(default=0, metadata=SPARSE)
    val_accuracy_before: float | None = field(default=None, repr=False, compare=False, metadata={"json": False})
    insight: Insight | None = field(default=None, repr=False, compare=False, metadata={"json": False})
    checkpoint: bytes | None = field(default=None, repr=False, compare=False, metadata={"json": False})

    def value(self, name: str) -> float:
        """Return a number of this epoch; NaN if it has none of this name."""
        return self.values.get(name, math.nan)

    @property
    def train_loss(self) -> float:
        """The number `train_loss`; NaN if there is none, likewise for the following."""
        return self.value("train_loss")

    @property
    def train_accuracy(self) -> float:
        """The number `train_accuracy`."""
        return self.value("train_accuracy")

    @property
    def val_loss(self) -> float:
        """The number `val_loss`."""
        return self.value("val_loss")

    @property
    def val_accuracy(self) -> float:
        """The number `val_accuracy`."""
        return self.value("val_accuracy")

    @property
    def images_per_s(self) -> float:
        """The number `images_per_s`."""
        return self.value("images_per_s")

    @property
    def learning_rate(self) -> float:
        """The number `learning_rate`."""
        return self.value("learning_rate")

    @property
    def epoch_s(self) -> float:
        """Time of the whole epoch: training and validation."""
        return self.train_s + self.val_s

    @property
    def improvement_points(self) -> float | None:
        """Change of the validation accuracy in percentage points; `None` for epoch 1."""
        return improvement_points(self.val_accuracy_before, self.val_accuracy)

    @property
    def error_reduction(self) -> float | None:
        """Share of the validation errors that this epoch removed; `None` where undefined."""
        return error_reduction(self.val_accuracy_before, self.val_accuracy)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, including those derived from the previous epoch."""
        derived = {"improvement_points": self.improvement_points, "error_reduction": self.error_reduction}
        return {**Event.to_json(self), **to_json_value(derived)}

    def after(self, before: EpochDone | None) -> EpochDone:
        """Return the epoch with `val_accuracy_before` taken from its predecessor."""
        if before is None or self.val_accuracy_before is not None:
            return self
        return replace(self, val_accuracy_before=before.val_accuracy)

    def with_parts(self, insight: Insight | None, checkpoint: bytes | None) -> EpochDone:
        """Return the epoch with its insight and its checkpoint."""
        return replace(self, insight=insight, checkpoint=checkpoint)

    @property
    def public(self) -> EpochDone:
        """The epoch without its insight and its checkpoint."""
        return replace(self, insight=None, checkpoint=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDeclared(Event):
    """A script has said how to read one of its numbers, where its name does not.

    Attributes:
        name: The name of the number.
        goal: Which direction is better; empty to keep what the name says.
        unit: Its unit; likewise.
        is_primary: It decides which epoch is best.
    """

    type: ClassVar[str] = "metric_declared"
    run: str
    name: str
    goal: Direction | None = None
    unit: Unit | None = None
    is_primary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsLogged(Event):
    """A script has logged numbers that belong to the run as a whole, such as those of a test after its last epoch."""

    type: ClassVar[str] = "results_logged"
    run: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDescribed(Event):
    """A script has handed over predictions, and so what it validates on is known."""

    type: ClassVar[str] = "data_described"
    run: str
    dataset: DatasetInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochsChanged(Event):
    """The number of epochs of the run in progress was changed.

    Attributes:
        epoch: The epoch in which it was changed.
        epochs: The new number.
    """

    type: ClassVar[str] = "epochs_changed"
    run: str
    epoch: int
    epochs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChanged(Event):
    """The learning rate of the run in progress was changed, from the start of an epoch on.

    Attributes:
        epoch: The first epoch that is trained with it.
        learning_rate: The new rate.
    """

    type: ClassVar[str] = "learning_rate_changed"
    run: str
    epoch: int
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused(Event):
    """The run was paused between two batches."""

    type: ClassVar[str] = "run_paused"
    run: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    """The run was resumed after a pause of `paused_s` seconds."""

    type: ClassVar[str] = "run_resumed"
    run: str
    epoch: int
    paused_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContinued(Event):
    """A run that was started earlier, in this or another process, continues.

    Attributes:
        epoch: Finished epochs that it continues from.
        epochs: Target number of epochs.
        differs: Conditions that have changed, so that results may differ from those of an uninterrupted run.
        story: The run's events up to here, for listeners that have not seen them; not part of the JSON form.
    """

    type: ClassVar[str] = "run_continued"
    run: str
    sweep: str
    epoch: int
    epochs: int
    differs: tuple[str, ...]
    continued_at: str
    story: tuple[Event, ...] = field(default=(), repr=False, compare=False, metadata={"json": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDone(Event):
    """A run has ended; `status` says how, and the numbers cover its finished epochs.

    Attributes:
        status: `finished`, `stopped`, `diverged`, `failed`, `out of memory` or `interrupted`.
        reason: Why it ended that way, as text; empty if it simply finished.
        epochs_done: Finished epochs.
        last_epoch_accuracy: Training accuracy of the last epoch.
        last_epoch_time_s: Training plus validation time of the last epoch.
        last_val_accuracy: Validation accuracy after the last epoch.
        best_val_accuracy, best_epoch: The best validation accuracy and the first epoch that reached it.
        test_accuracy, test_loss: Measured once, with the weights after the last epoch; `None` if not measured.
        total_training_time_s: Sum of all epoch times, excluding loading, pauses and the test.
        steps: Steps of a script's run.
        last: A script's numbers: those of the last epoch, and those logged after it.
        best: The best value of each of them that has a goal.
    """

    type: ClassVar[str] = "run_done"
    run: str
    status: Status
    reason: str
    epochs_done: int
    last_epoch_accuracy: float | None
    last_epoch_time_s: float | None
    last_val_accuracy: float | None
    best_val_accuracy: float | None
    best_epoch: int | None
    test_accuracy: float | None
    test_loss: float | None
    total_training_time_s: float
    ended_at: str
    steps: int = field(default=0, metadata=SPARSE)
    last: Mapping[str, float] = field(default_factory=dict, metadata=SPARSE)
    best: Mapping[str, float] = field(default_factory=dict, metadata=SPARSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepDone(Event):
    """The queue is empty or was stopped.

    Attributes:
        runs: Ids of the runs of this sweep, in the order they ran.
        stopped: True if it was stopped, so that runs may still be queued.
    """

    type: ClassVar[str] = "sweep_done"
    sweep: str
    runs: tuple[str, ...]
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """A message to the user that does not end a run: a fallback, a warning, an error before any run.

    Attributes:
        level: Its severity.
        message: One sentence, and the next step.
        exit_code: Exit code for the headless command; 0 if it is not an error.
    """

    type: ClassVar[str] = "notice"
    level: Literal["information", "warning", "error"]
    message: str
    exit_code: int = 0
