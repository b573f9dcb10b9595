"""The training loop of one run, from its first event to its last. Independent of any framework.

The engine plugs in PyTorch as the trainer, the demo a script.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from mnist_tui.core.conditions import DatasetInfo, Machine
from mnist_tui.core.control import Requests
from mnist_tui.core.events import (
    EpochDone,
    EpochsChanged,
    Event,
    Notice,
    Progress,
    RateChanged,
    RunContinued,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
)
from mnist_tui.core.insight import Insight
from mnist_tui.core.queue import Continuation, QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import patience_ended, rates_by_epoch, summarise, with_rate
from mnist_tui.core.status import Phase, Status
from mnist_tui.core.stored import Checkpoint
from mnist_tui.engine.trainer import Clock, Diverged, Intervals, Score, Step, Trainer
from mnist_tui.errors import RunError


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The settings, data and machine that a run is trained with.

    Attributes:
        spec: The settings in use, after the choice of data, device and backend.
        sweep: Id of the sweep.
        dataset: The data.
        machine: The device, and the versions that can affect results.
    """

    spec: RunSpec
    sweep: str
    dataset: DatasetInfo
    machine: Machine


class _Stopped(Exception):  # noqa: N818 - not an error: it ends the run on request
    """Ends a run between two batches."""


class _Stopwatch:
    """Measures elapsed time, and can exclude time."""

    def __init__(self, clock: Clock, elapsed_s: float = 0.0) -> None:
        self._clock = clock
        self._start_ns = clock.read_ns() - round(1e9 * elapsed_s)

    @property
    def elapsed_s(self) -> float:
        return (self._clock.read_ns() - self._start_ns) / 1e9

    def leave_out(self, seconds: float) -> None:
        self._start_ns += round(1e9 * seconds)


class RunLoop:
    """Trains one run, handles requests between batches, and reports what happens.

    Args:
        queued: The run, and where it resumes.
        setup: The settings, data and machine to train with.
        trainer: What trains it.
        requests: Requests from the user.
        clock: The clock to measure with.
        intervals: Minimum intervals between progress events, checkpoints and insights.
    """

    def __init__(
        self,
        queued: QueuedRun,
        setup: Setup,
        trainer: Trainer,
        requests: Requests,
        clock: Clock | None = None,
        intervals: Intervals | None = None,
    ) -> None:
        self._queued, self._setup, self._trainer, self._requests = queued, setup, trainer, requests
        self._clock, self._intervals = clock or Clock(), intervals or Intervals()
        self._run, self._spec, self._epochs = queued.run, setup.spec, setup.spec.epochs
        self._history: list[EpochDone] = []
        self._later: tuple[EpochDone, ...] = ()
        self._rates: dict[int, float] = {}
        self._lengths: dict[int, int] = {}
        self._images_per_s = 0.0
        self._first_batch, self._elapsed_s = 0, 0.0
        self._saved = 0
        self._since_saved = _Stopwatch(self._clock)
        self._since_insight: _Stopwatch | None = None

    def events(self) -> Iterator[Event]:
        """Train, validate and test; once the run has started, the last event is `RunDone`, whatever happens.

        Yields:
            `RunStarted` or `RunContinued`, then `Progress` and `EpochDone`, then `RunDone`; in between, an event for
            each request as it takes effect. Only a `Notice` if a run cannot be resumed.
        """
        if self._queued.continuation is None:
            yield RunStarted(
                run=self._run,
                sweep=self._setup.sweep,
                spec=self._spec,
                dataset=self._setup.dataset,
                machine=self._setup.machine,
                parameters=self._trainer.parameters,
                started_at=self._clock.now(),
            )
        else:
            try:
                yield from self._go_on(self._queued.continuation)
            except RunError as error:
                yield Notice(level="error", message=str(error), exit_code=error.exit_code)
                return
        try:
            yield (yield from self._train())
        except _Stopped:
            yield self._done(Status.STOPPED, self._requests.reason)
        except Diverged as diverged:
            # An epoch with non-finite numbers does not count as finished.
            epoch = min(len(self._history) + 1, self._epochs)
            yield self._done(Status.DIVERGED, f"{diverged} in epoch {epoch}")
        except Exception as error:  # noqa: BLE001 - one failed run must not take the queue with it
            yield self._done(*self._trainer.explain(error))

    def _go_on(self, past: Continuation) -> Iterator[Event]:
        """Load the checkpoint and report the run's story so far."""
        self._rates = rates_by_epoch(past.story)
        for rate in self._rates.values():
            self._trainer.set_rate(rate, self._epochs)
        if past.checkpoint is not None:
            epoch, self._first_batch, self._elapsed_s = self._trainer.load(past.checkpoint)
            if epoch != past.epoch:
                raise RunError("the checkpoint belongs to another epoch", "Start a new run with the same settings")
        self._history = [event for event in past.story if isinstance(event, EpochDone)]
        self._later, self._saved = past.later, len(self._history)
        for event in past.story:
            if isinstance(event, EpochsChanged | RunContinued):
                self._change_epochs(event.epoch, event.epochs)
        self._change_epochs(len(self._history), max(self._queued.epochs or self._epochs, len(self._history)))
        differs = self._setup.machine.differences(past.started.machine) if past.started is not None else ()
        for note in past.notes:
            yield Notice(level="warning", message=note)
        if past.later and not past.notes:
            again = "The last epoch is" if len(past.later) == 1 else f"The last {len(past.later)} epochs are"
            yield Notice(level="information", message=f"{again} trained again from the previous checkpoint.")
        if differs:
            message = (
                f"This run resumes under different conditions and may give different numbers: {'; '.join(differs)}."
            )
            yield Notice(level="warning", message=message)
        yield RunContinued(
            run=self._run,
            sweep=self._setup.sweep,
            epoch=len(self._history),
            epochs=self._epochs,
            differs=differs,
            continued_at=self._clock.now(),
            story=past.story,
        )

    def _train(self) -> Generator[Event, None, RunDone]:
        # Checked before each epoch, also the first after a resume: the run may have been complete when interrupted.
        while not self._is_patience_at_an_end and not (
            self._is_complete and self._requests.close_epochs(len(self._history))
        ):
            yield from self._take_new_epochs(len(self._history))
            if self._is_complete:
                continue
            yield (yield from self._epoch(len(self._history) + 1))
            if self._requests.stopping:
                self._requests.close()
                break
        if self._is_patience_at_an_end:
            self._requests.close()
        # What was accepted in the last moment holds if the run gets more epochs.
        yield from self._take_changes(len(self._history))
        if self._saved != len(self._history):
            # The end was not foreseen when the last epoch finished, so it has no checkpoint yet.
            yield from self._save(len(self._history), 0, 0.0)
        test = yield from self._drive(self._trainer.test(), Phase.TEST, len(self._history), _Stopwatch(self._clock))
        if self._is_patience_at_an_end:
            reason = f"no better validation accuracy for {self._spec.patience} epochs"
            return self._done(Status.FINISHED, reason, test)
        if not self._is_complete:
            return self._done(Status.STOPPED, f"{self._requests.reason} after a whole epoch", test)
        return self._done(Status.FINISHED, "", test)

    @property
    def _is_complete(self) -> bool:
        return len(self._history) >= self._epochs

    @property
    def _is_patience_at_an_end(self) -> bool:
        """True if the best validation accuracy is as many epochs ago as the patience allows."""
        return not self._is_complete and patience_ended(self._history, self._spec.patience)

    @property
    def _ends_here(self) -> bool:
        return self._is_complete or self._is_patience_at_an_end

    def _epoch(self, epoch: int) -> Generator[Event, None, EpochDone]:
        # An epoch that was begun before this process ends with the rate that it began with.
        yield from self._take_new_rate(self._next_new_epoch(epoch if self._first_batch else epoch - 1))
        self._trainer.set_rate(self._rate_of(epoch), self._length_of(epoch))
        watch = _Stopwatch(self._clock, self._elapsed_s)
        steps = self._trainer.train_epoch(epoch, self._first_batch)
        self._first_batch, self._elapsed_s = 0, 0.0
        train = yield from self._drive(steps, Phase.TRAIN, epoch, watch)
        train_s = watch.elapsed_s
        self._images_per_s = self._setup.dataset.n_train / train_s
        watch = _Stopwatch(self._clock)
        validation = yield from self._drive(self._trainer.validate(), Phase.VALIDATION, epoch, watch, train_s)
        done = EpochDone(
            run=self._run,
            epoch=epoch,
            train_s=train_s,
            val_s=watch.elapsed_s,
            values={
                "train_loss": train.loss,
                "train_accuracy": train.accuracy,
                "val_loss": validation.loss,
                "val_accuracy": validation.accuracy,
                "images_per_s": self._images_per_s,
                "learning_rate": self._trainer.rate,
            },
            val_accuracy_before=self._history[-1].val_accuracy if self._history else None,
        )
        self._history.append(done)
        return done.with_parts(self._look(epoch), self._checkpoint(epoch))

    def _look(self, epoch: int) -> Insight | None:
        """Return an insight if the last one is old enough or the run ends here."""
        since = self._since_insight
        if since is not None and since.elapsed_s < self._intervals.insight_s and not self._ends_here:
            return None
        self._since_insight = _Stopwatch(self._clock)
        return self._trainer.look(self._run, epoch)

    def _checkpoint(self, epoch: int) -> bytes | None:
        """Return a checkpoint if the last one is old enough or the run ends here."""
        is_recent = self._since_saved.elapsed_s < self._intervals.checkpoint_s
        if is_recent and not self._ends_here and not self._requests.stopping:
            return None
        self._saved, self._since_saved = epoch, _Stopwatch(self._clock)
        return self._trainer.save(epoch, 0, 0.0)

    def _save(self, epoch: int, batch: int, elapsed_s: float) -> Iterator[Event]:
        if (data := self._trainer.save(epoch, batch, elapsed_s)) is not None:
            yield Checkpoint(run=self._run, epoch=epoch, batch=batch, data=data)

    def _save_place(self, epoch: int, phase: Phase, step: Step, elapsed_s: float) -> Iterator[Event]:
        """Save the position within the epoch."""
        if phase is not Phase.TEST and self._trainer.is_finite:
            yield from self._save(epoch - 1, step.done if phase is Phase.TRAIN else self._trainer.batches, elapsed_s)

    def _drive(
        self, steps: Iterator[Step], phase: Phase, epoch: int, watch: _Stopwatch, before_s: float = 0.0
    ) -> Generator[Event, None, Score]:
        """Run the steps of one phase; between steps, report progress and handle requests."""
        next_progress_s = watch.elapsed_s
        for step in steps:
            if step.score is not None:
                return step.score
            yield from self._obey(epoch, phase, step, watch, before_s)
            elapsed_s = watch.elapsed_s
            if elapsed_s < next_progress_s:
                continue
            next_progress_s = elapsed_s + self._intervals.progress_s
            if phase is Phase.TRAIN:
                self._images_per_s = step.done * self._spec.batch_size / elapsed_s
            if phase is not Phase.TEST:
                yield from self._take_changes(epoch)
            yield Progress(
                run=self._run,
                epoch=epoch,
                phase=phase,
                batch=step.done,
                batches=step.total,
                epoch_elapsed_s=before_s + elapsed_s,
                images_per_s=self._images_per_s,
                loss=self._trainer.newest_loss if phase is Phase.TRAIN else None,
            )
        raise AssertionError("the last step carries the score")

    def _obey(self, epoch: int, phase: Phase, step: Step, watch: _Stopwatch, before_s: float) -> Iterator[Event]:
        """Handle requests. A pause first saves a checkpoint, so that the run can resume even if the process ends."""
        if self._requests.handing_over and not self._ends_here:
            yield from self._close(epoch)
            yield from self._save_place(epoch, phase, step, before_s + watch.elapsed_s)
            raise _Stopped
        if self._requests.paused:
            # Not measured with the trainer's clock, which stands still in a script.
            paused_at, running_s = time.monotonic(), watch.elapsed_s
            yield from self._save_place(epoch, phase, step, before_s + running_s)
            yield RunPaused(run=self._run, epoch=epoch)
            yield from self._take_changes(epoch)
            while not self._requests.wait_until_resumed():
                yield from self._take_changes(epoch)
            watch.leave_out(watch.elapsed_s - running_s)
            yield RunResumed(run=self._run, epoch=epoch, paused_s=time.monotonic() - paused_at)
        # A run with all its epochs still gets its test, which takes only a moment.
        if self._requests.stops_now and not self._ends_here:
            yield from self._close(epoch)
            raise _Stopped

    def _close(self, epoch: int) -> Iterator[Event]:
        """Record the requests made during this epoch, so that they are known when the run is resumed."""
        self._requests.close()
        yield from self._take_changes(epoch)

    def _take_changes(self, epoch: int) -> Iterator[Event]:
        """Record the epochs and the rate that were requested, so that neither is lost if the process is killed."""
        yield from self._take_new_epochs(epoch)
        yield from self._take_new_rate(self._next_new_epoch(epoch))

    def _next_new_epoch(self, epoch: int) -> int:
        """Return the first epoch after this one that was not trained before; those trained again keep their rates."""
        return max(epoch, self._later[-1].epoch if self._later else 0) + 1

    def _take_new_epochs(self, epoch: int) -> Iterator[Event]:
        wish = self._requests.epochs(self._epochs, max(epoch, self._later[-1].epoch if self._later else 0))
        if wish != self._epochs:
            self._change_epochs(epoch, wish)
            yield EpochsChanged(run=self._run, epoch=epoch, epochs=wish)

    def _change_epochs(self, epoch: int, epochs: int) -> None:
        """Change the epochs to reach, during an epoch: a schedule takes it into account from the next one on."""
        if epochs != self._epochs:
            self._lengths.setdefault(0, self._spec.epochs)
            self._epochs = self._lengths[epoch + 1] = epochs

    def _length_of(self, epoch: int) -> int:
        """Return the epochs to reach as they were when an epoch began."""
        return self._lengths[max(first for first in self._lengths if first <= epoch)] if self._lengths else self._epochs

    def _take_new_rate(self, epoch: int) -> Iterator[Event]:
        rate = self._requests.take_rate()
        if rate is not None:
            self._rates = with_rate(self._rates, epoch, rate)
            yield RateChanged(run=self._run, epoch=epoch, learning_rate=rate)

    def _rate_of(self, epoch: int) -> float:
        changed = [first for first in self._rates if first <= epoch]
        return self._rates[max(changed)] if changed else self._spec.learning_rate

    def _done(self, status: Status, reason: str, test: Score | None = None) -> RunDone:
        return summarise(
            self._run,
            # Include earlier epochs that have not been trained again yet.
            [*self._history, *(epoch for epoch in self._later if epoch.epoch > len(self._history))],
            status=status,
            reason=reason,
            ended_at=self._clock.now(),
            test_accuracy=test.accuracy if test else None,
            test_loss=test.loss if test else None,
        )
