"""A run as it is known: its settings, its epochs, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mnist_tui.core.columns import ELAPSED, Columns
from mnist_tui.core.conditions import DatasetInfo, Machine
from mnist_tui.core.events import (
    DataDescribed,
    EpochDone,
    EpochsChanged,
    MetricDeclared,
    Progress,
    RateChanged,
    ResultsLogged,
    RunContinued,
    RunDone,
    RunPaused,
    RunResumed,
)
from mnist_tui.core.labels import Labels
from mnist_tui.core.metric import Metric, primary_of
from mnist_tui.core.metrics import RECENT, time_to_go_s
from mnist_tui.core.orders import BUILT_IN as BUILT_IN_ORDERS
from mnist_tui.core.orders import WHY_NOT
from mnist_tui.core.script import ScriptSpec
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Phase, Status
from mnist_tui.core.summary import BUILT_IN, VAL_ACCURACY, Summary, best_epoch

Annotation: TypeAlias = (
    EpochsChanged | RateChanged | RunPaused | RunResumed | RunContinued | MetricDeclared | ResultsLogged | DataDescribed
)
"""What happens to a run between its epochs: pauses, resumes, changed settings, and what a script says about it."""
OfRun: TypeAlias = Progress | EpochDone | Annotation | RunDone
"""The events of a run in progress."""


def summarise(
    run: str,
    history: Sequence[EpochDone],
    *,
    status: Status,
    ended_at: str,
    reason: str = "",
    test_accuracy: float | None = None,
    test_loss: float | None = None,
) -> RunDone:
    """Return the `RunDone` of a run, computed from its finished epochs."""
    end = _end(run, history, best_epoch(history), math.fsum(e.epoch_s for e in history), status)
    return replace(end, reason=reason, test_accuracy=test_accuracy, test_loss=test_loss, ended_at=ended_at)


def _end(run: str, history: Sequence[EpochDone], best: EpochDone | None, total_s: float, status: Status) -> RunDone:
    last = history[-1] if history else None
    return RunDone(
        run=run,
        status=status,
        reason="",
        epochs_done=history[-1].epoch if history else 0,
        last_epoch_accuracy=last.train_accuracy if last else None,
        last_epoch_time_s=last.epoch_s if last else None,
        last_val_accuracy=last.val_accuracy if last else None,
        best_val_accuracy=best.val_accuracy if best else None,
        best_epoch=best.epoch if best else None,
        test_accuracy=None,
        test_loss=None,
        total_training_time_s=total_s,
        ended_at="",
    )


def patience_ended(history: Sequence[EpochDone], patience: int | None) -> bool:
    """Return True if patience has run out: the best epoch was that many epochs ago."""
    if patience is None or len(history) <= patience:
        return False
    best = best_epoch(history)
    return best is not None and len(history) - best.epoch >= patience


def rates_by_epoch(events: Iterable[object]) -> dict[int, float]:
    """Return the learning rates that were asked for, by their first epoch; each replaces those for later epochs."""
    rates: dict[int, float] = {}
    for event in events:
        if isinstance(event, RateChanged):
            rates = with_rate(rates, event.epoch, event.learning_rate)
    return rates


def with_rate(rates: Mapping[int, float], epoch: int, rate: float) -> dict[int, float]:
    """Return rates by their first epoch with a new one, which replaces those for later epochs."""
    return {first: old for first, old in rates.items() if first < epoch} | {epoch: rate}


@dataclass(slots=True)
class RunState:
    """One run, live or past.

    Attributes:
        epochs: Target number of epochs; it may have changed since the start.
        history: Finished epochs in order. Past runs are listed without it and loaded when opened.
        marks: Pauses, resumes and changes of epochs or learning rate, in order.
        progress: The latest progress within the current epoch.
        steps: Points of the current epoch: position on the epoch axis, and loss.
        result: How the run ended; `None` before.
        labels: The user's labels.
        declared: What a script has said about its numbers, by name.
        results: Numbers that a script logged for the run as a whole.
        newest: The newest value of each number that a script logged at its steps.
        step: Steps of a script's run so far.
    """

    run: str
    spec: RunSpec | ScriptSpec
    sweep: str = ""
    status: Status = Status.QUEUED
    epochs: int = 0
    dataset: DatasetInfo | None = None
    machine: Machine | None = None
    parameters: int | None = None
    started_at: str = ""
    history: list[EpochDone] = field(default_factory=list)
    marks: list[Annotation] = field(default_factory=list)
    progress: Progress | None = None
    steps: list[tuple[float, float]] = field(default_factory=list)
    result: RunDone | None = None
    labels: Labels = field(default_factory=Labels)
    declared: dict[str, MetricDeclared] = field(default_factory=dict)
    results: dict[str, float] = field(default_factory=dict)
    newest: Mapping[str, float] = field(default_factory=dict)
    step: int = 0
    _summary: Summary = field(default_factory=Summary, init=False, repr=False, compare=False)
    _columns: Columns = field(default_factory=Columns, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.epochs = self.epochs or self.spec.epochs

    @property
    def title(self) -> str:
        """A short summary of its settings, like `RunSpec.title`, but with its current target number of epochs."""
        return replace(self.spec, epochs=self.epochs).title

    @property
    def network(self) -> RunSpec | None:
        """The settings of the built-in network; `None` for a script's run."""
        return self.spec if isinstance(self.spec, RunSpec) else None

    def cannot(self, kind: str) -> str:
        """Return why the run cannot obey an order of this kind, as a sentence; empty if it can."""
        if self.script is None:
            return "" if kind in BUILT_IN_ORDERS else "A built-in run saves by itself, after each epoch."
        if self.script.tool:
            return f"This run was written by {self.script.tool}, which takes no orders."
        if kind in self.script.can and (kind != "epochs" or self.epochs):
            return ""
        what, then = WHY_NOT.get(kind, ("this loop cannot obey that", ""))
        return f"{what[:1].upper()}{what[1:]}." + (f" {then}." if then else "")

    @property
    def shows_ink(self) -> bool:
        """True if grey images are ink on paper, drawn in a theme's colours, and not photographs."""
        return self.network is None or self.dataset is None or bool(self.dataset.framing)

    @property
    def validation_key(self) -> tuple[str, int] | None:
        """What identifies its validation images: the digest of the data and the split seed; `None` without data."""
        if self.dataset is None:
            return None
        return self.dataset.sha256, self.network.split_seed if self.network is not None else 0

    @property
    def script(self) -> ScriptSpec | None:
        """The settings of a script's run; `None` for the built-in network."""
        return self.spec if isinstance(self.spec, ScriptSpec) else None

    @property
    def epochs_done(self) -> int:
        """Finished epochs. At its end, a run may have been about to train some of them again."""
        if self.result is not None and (self.status.is_over or not self.history):
            return self.result.epochs_done
        return self.history[-1].epoch if self.history else 0

    @property
    def begun(self) -> int:
        """The newest epoch that has begun; 0 before the first."""
        seen = self.progress.epoch if self.progress is not None else 0
        return max([self.epochs_done, seen, *(mark.epoch for mark in self.marks if isinstance(mark, RunPaused))])

    @property
    def differs(self) -> tuple[str, ...]:
        """Conditions that had changed when the run was resumed, so that results may differ; empty if none had."""
        continued = [mark for mark in self.marks if isinstance(mark, RunContinued)]
        return tuple(dict.fromkeys(what for mark in continued for what in mark.differs))

    @property
    def rates(self) -> tuple[tuple[int, float], ...]:
        """Learning rate changes as (first epoch, rate), without those after the last epoch and those taken back."""
        changes = [change for change in rates_by_epoch(self.marks).items() if change[0] <= max(1, self.epochs)]
        if self.network is None:
            return tuple(changes)
        before = (self.network.learning_rate, *(rate for _, rate in changes))
        last = self._last_begun if self.status.is_over else self.epochs
        return tuple((at, rate) for (at, rate), was in zip(changes, before, strict=False) if rate != was and at <= last)

    @property
    def _last_begun(self) -> int:
        """The last epoch that an ended run has begun: unless it was tested, it ended within one."""
        return self.epochs_done + (self.result is None or self.result.test_accuracy is None)

    @property
    def all_rates(self) -> tuple[float, ...]:
        """The learning rates one after another; a script's first one is unknown."""
        first = () if self.network is None else (self.network.learning_rate,)
        return (*first, *(rate for _, rate in self.rates))

    @property
    def rate_changes(self) -> str:
        """The learning rate changes as text, `0.004 from epoch 4`; empty if there were none."""
        return ", ".join(f"{rate:g} from epoch {epoch}" for epoch, rate in self.rates)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the epoch in progress, or of the last one."""
        rate = self.spec.learning_rate if isinstance(self.spec, RunSpec) else self._logged_rate
        for epoch, changed in self.rates:
            if epoch <= self.epochs_done + (not self.status.is_over):
                rate = changed
        return rate

    @property
    def next_rate(self) -> float | None:
        """The learning rate that has been asked for and is not in use yet; `None` if there is none."""
        rates = self.rates if self.network is not None and not self.status.is_over else ()
        return rates[-1][1] if rates and rates[-1][0] > self.epochs_done + 1 else None

    @property
    def _logged_rate(self) -> float:
        """The newest learning rate that a script logged; NaN if it logs none."""
        known = {**(self.last.values if self.last is not None else {}), **self.newest}
        return next((known[name] for name in ("lr", "learning_rate", "rate") if name in known), math.nan)

    @property
    def last(self) -> EpochDone | None:
        """The newest finished epoch."""
        return self.history[-1] if self.history else None

    @property
    def best(self) -> EpochDone | None:
        """The epoch with the best value of the primary metric."""
        summary = self._summary.of(self.history)
        if isinstance(self.spec, RunSpec):
            return summary.by_accuracy
        return None if self.primary is None else summary.best(self.primary.name, self.primary.goal)

    def best_of(self, one: Metric) -> EpochDone | None:
        """Return the first epoch with the best value of a metric; `None` if it has no goal."""
        return self._summary.of(self.history).best(one.name, one.goal)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What its numbers mean, in the order in which they appeared."""
        if isinstance(self.spec, RunSpec):
            return BUILT_IN
        more = {**self.newest, **(self.result.last if self.result is not None else {}), **self.results}
        return self._summary.of(self.history).metrics(more, self.declared)

    @property
    def primary(self) -> Metric | None:
        """The metric that decides which epoch is best; `None` if no number has a goal."""
        if isinstance(self.spec, RunSpec):
            return VAL_ACCURACY
        return primary_of(self.metrics, [said.name for said in self.declared.values() if said.is_primary])

    @property
    def columns(self) -> Columns:
        """Its per-epoch values."""
        return self._columns.of(self.history)

    @property
    def so_far(self) -> RunDone | None:
        """Its result, or for a run in progress its result so far; `None` before the first epoch."""
        if self.result is not None or not (self.history or self.newest):
            return self.result
        return self._end(self.status)

    def ended(self, status: Status, *, ended_at: str, reason: str = "") -> RunDone:
        """Return how the run ended, computed from its finished epochs; for runs without a test."""
        return replace(self._end(status), reason=reason, ended_at=ended_at)

    def _end(self, status: Status) -> RunDone:
        end = _end(self.run, self.history, self.best, self._epochs_s, status)
        if isinstance(self.spec, RunSpec):
            return end
        last = {**(self.last.values if self.last is not None else self.newest), **self.results}
        best = {one.name: epoch.value(one.name) for one in self.metrics if (epoch := self.best_of(one)) is not None}
        best_epoch = self.best.epoch if self.best is not None else None
        return replace(
            end,
            steps=self.step,
            last=last,
            best=best,
            best_epoch=best_epoch,
            total_training_time_s=self.elapsed_s,
            last_epoch_accuracy=None,
            last_val_accuracy=None,
            best_val_accuracy=None,
        )

    @property
    def fraction(self) -> float:
        """Fraction of the run that is done, in [0, 1]; the final test does not count."""
        if self.status is Status.FINISHED:
            return 1.0
        return min(1.0, (self.epochs_done + self.epoch_fraction) / max(1, self.epochs))

    @property
    def epoch_fraction(self) -> float:
        """Fraction of the current epoch that is trained, in [0, 1]."""
        now = self.progress
        if now is None or now.epoch <= self.epochs_done or not now.batches:
            return 0.0
        return 1.0 if now.phase is not Phase.TRAIN else now.batch / now.batches

    @property
    def _epochs_s(self) -> float:
        """Time of the finished epochs."""
        return self.columns.values(ELAPSED)[-1] if self.history else 0.0

    @property
    def elapsed_s(self) -> float:
        """Training time so far: finished epochs and the one in progress."""
        if self.script is not None and not self.history and self.result is not None:
            return self.result.total_training_time_s
        done = self._epochs_s
        now = self.progress
        return done + (now.epoch_elapsed_s if now is not None and now.epoch > self.epochs_done else 0.0)

    @property
    def images_per_s(self) -> float | None:
        """Training images per second now, or of the last epoch."""
        now = self.progress
        if now is not None and now.images_per_s > 0:
            return now.images_per_s
        return self.last.images_per_s if self.last else None

    @property
    def time_to_go_s(self) -> float | None:
        """Seconds until the last epoch ends; during the first epoch, extrapolated from its progress."""
        if self.status.is_over:
            return None
        now = self.progress
        in_epoch = now is not None and now.epoch > self.epochs_done
        elapsed = now.epoch_elapsed_s if now is not None and in_epoch else 0.0
        times = [e.epoch_s for e in self.history[-RECENT:]]
        if not times and self.epoch_fraction > 0.05:
            times = [elapsed / self.epoch_fraction]
        return time_to_go_s(times, self.epochs - self.epochs_done, elapsed)
