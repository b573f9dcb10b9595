"""The engine: a queue of runs in, a stream of events out. A plain generator with no thread inside."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

import torch

from mnist_tui.core.control import Order, RunControl
from mnist_tui.core.events import (
    EpochDone,
    EpochsChanged,
    Event,
    Notice,
    Phase,
    Progress,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
    Status,
    SweepDone,
    SweepStarted,
)
from mnist_tui.core.metrics import error_reduction, improvement_points
from mnist_tui.core.spec import QueuedRun, new_run_id
from mnist_tui.core.state import summarise
from mnist_tui.engine.data import Dataset, prepare_dataset
from mnist_tui.engine.device import choose_device, choose_threads, describe_machine, prepare_backend, synchronize
from mnist_tui.engine.train import Score, Step, Trainer
from mnist_tui.errors import MnistTuiError

PROGRESS_INTERVAL_S: Final = 0.2

_prepared: dict[tuple[str, int], Dataset] = {}
"""The dataset of this process: reading and checking it once is enough. Touched by the training thread alone."""


def run_sweep(queue: Iterable[QueuedRun], control: RunControl) -> Iterator[Event]:
    """Train run after run and say what happens.

    Args:
        queue: Pulled one run at a time, so runs may be added while others train.
        control: What people ask for; looked at between batches.

    Yields:
        `SweepStarted`, then per run `RunStarted`, `Progress`, `EpochDone` and `RunDone`, then `SweepDone`.
        A run that fails ends as `failed` and the next one starts. Data or a device that are not to be had end
        the sweep with a `Notice` that carries the exit code.
    """
    sweep = new_run_id()
    done: list[str] = []
    yield SweepStarted(sweep=sweep, started_at=_now())
    try:
        for queued in _until_stopped(queue, control):
            control.begin_run()
            key = (queued.spec.dataset, queued.spec.split_seed)
            if key not in _prepared:
                _prepared.clear()
                _prepared[key] = yield from prepare_dataset(*key)
            device = choose_device(queued.spec.device)
            done.append(queued.run)
            yield from _Run(queued, sweep, _prepared[key], device, control).events()
    except MnistTuiError as error:
        yield Notice(level="error", message=str(error), exit_code=error.exit_code)
    yield SweepDone(sweep=sweep, runs=tuple(done), stopped=control.queue_stopped)


def _until_stopped(queue: Iterable[QueuedRun], control: RunControl) -> Iterator[QueuedRun]:
    runs = iter(queue)
    while not control.queue_stopped and (queued := next(runs, None)) is not None:
        yield queued


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class _Stopped(Exception):  # noqa: N818 - not an error: it ends the run on request
    """Ends a run between two batches."""


class _Diverged(Exception):  # noqa: N818 - likewise
    """Ends a run whose loss is NaN or infinite."""


class _Stopwatch:
    """A monotonic clock that can stand still."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def elapsed_s(self) -> float:
        return time.perf_counter() - self._start

    def leave_out(self, seconds: float) -> None:
        self._start += seconds


class _Run:
    """One run from its first event to its last."""

    def __init__(
        self, queued: QueuedRun, sweep: str, dataset: Dataset, device: torch.device, control: RunControl
    ) -> None:
        self._run, self._spec, self._sweep = queued.run, queued.spec, sweep
        self._dataset, self._device, self._control = dataset, device, control
        self._epochs = queued.spec.epochs
        self._history: list[EpochDone] = []
        self._images_per_s = 0.0

    def events(self) -> Iterator[Event]:
        """Train, validate and test; whatever happens, the last event is `RunDone`."""
        threads = choose_threads(self._spec.threads)
        prepare_backend(self._device, threads)
        try:
            trainer = Trainer(self._spec, self._dataset, self._device)
        except RuntimeError as error:
            yield Notice(level="error", message=f"The network could not be built: {_reason(error)}", exit_code=4)
            return
        yield RunStarted(
            run=self._run,
            sweep=self._sweep,
            spec=self._spec,
            dataset=self._dataset.info,
            machine=describe_machine(self._device, threads),
            parameters=trainer.model.parameter_count,
            started_at=_now(),
        )
        try:
            yield (yield from self._train(trainer))
        except _Stopped:
            yield self._done(Status.STOPPED, "stopped by request")
        except _Diverged as diverged:
            yield self._done(Status.DIVERGED, f"the loss was no longer a finite number in epoch {diverged}")
        except Exception as error:  # noqa: BLE001 - one failed run must not take the queue with it
            yield self._done(Status.FAILED, _reason(error))

    def _train(self, trainer: Trainer) -> Generator[Event, None, RunDone]:
        while not self._is_complete:
            done = yield from self._epoch(trainer, len(self._history) + 1)
            self._history.append(done)
            yield done
            if not (math.isfinite(done.train_loss) and math.isfinite(done.val_loss)):
                raise _Diverged(done.epoch)
            yield from self._take_new_epochs(done.epoch)
            if self._control.after_epoch() is Order.STOP_RUN:
                break
        test = yield from self._drive(trainer.test(), Phase.TEST, len(self._history), trainer, _Stopwatch())
        if not self._is_complete:
            return self._done(Status.STOPPED, "stopped by request after a whole epoch", test)
        return self._done(Status.FINISHED, "", test)

    @property
    def _is_complete(self) -> bool:
        return len(self._history) >= self._epochs

    def _epoch(self, trainer: Trainer, epoch: int) -> Generator[Event, None, EpochDone]:
        clock = _Stopwatch()
        train = yield from self._drive(trainer.train_epoch(epoch), Phase.TRAIN, epoch, trainer, clock)
        synchronize(self._device)
        train_s = clock.elapsed_s
        self._images_per_s = self._dataset.info.n_train / train_s
        validation = yield from self._drive(trainer.validate(), Phase.VALIDATION, epoch, trainer, clock)
        before = self._history[-1].val_accuracy if self._history else None
        return EpochDone(
            run=self._run,
            epoch=epoch,
            train_loss=train.loss,
            train_accuracy=train.accuracy,
            val_loss=validation.loss,
            val_accuracy=validation.accuracy,
            train_s=train_s,
            val_s=clock.elapsed_s - train_s,
            images_per_s=self._images_per_s,
            improvement_points=improvement_points(before, validation.accuracy),
            error_reduction=error_reduction(before, validation.accuracy),
            learning_rate=self._spec.learning_rate,
        )

    def _drive(
        self, steps: Iterator[Step], phase: Phase, epoch: int, trainer: Trainer, clock: _Stopwatch
    ) -> Generator[Event, None, Score]:
        """Work through the steps of one phase; between two of them look at the clock and at what people ask."""
        next_progress_s = clock.elapsed_s
        for step in steps:
            if step.score is not None:
                return step.score
            yield from self._obey(epoch, clock)
            elapsed_s = clock.elapsed_s
            if elapsed_s < next_progress_s:
                continue
            next_progress_s = elapsed_s + PROGRESS_INTERVAL_S
            if phase is Phase.TRAIN:
                if not trainer.is_finite:
                    raise _Diverged(epoch)
                self._images_per_s = step.done * self._spec.batch_size / elapsed_s
                yield from self._take_new_epochs(epoch)
            yield Progress(
                run=self._run,
                epoch=epoch,
                phase=phase,
                batch=step.done,
                batches=step.total,
                epoch_elapsed_s=elapsed_s,
                images_per_s=self._images_per_s,
            )
        raise AssertionError("the last step carries the score")

    def _obey(self, epoch: int, clock: _Stopwatch) -> Iterator[Event]:
        """Obey what people asked for."""
        if self._control.paused:
            paused = _Stopwatch()
            yield RunPaused(run=self._run, epoch=epoch)
            self._control.wait_until_resumed()
            clock.leave_out(paused.elapsed_s)
            yield RunResumed(run=self._run, epoch=epoch, paused_s=paused.elapsed_s)
        # A run that has all its epochs gets its test: that is a moment's work.
        if self._control.between_batches() is Order.STOP_RUN and not self._is_complete:
            raise _Stopped

    def _take_new_epochs(self, epoch: int) -> Iterator[Event]:
        wish = self._control.epochs(self._epochs, epoch)
        if wish != self._epochs:
            self._epochs = wish
            yield EpochsChanged(run=self._run, epoch=epoch, epochs=wish)

    def _done(self, status: Status, reason: str, test: Score | None = None) -> RunDone:
        return summarise(
            self._run,
            self._history,
            status=status,
            reason=reason,
            ended_at=_now(),
            test_accuracy=test.accuracy if test else None,
            test_loss=test.loss if test else None,
        )


def _reason(error: Exception) -> str:
    """Return one line that says what went wrong."""
    if isinstance(error, torch.OutOfMemoryError):
        return "out of memory: fewer features or a smaller batch need less"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
