"""The engine: a queue of runs in, a stream of events out. A plain generator with no thread inside."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Final, NamedTuple, cast

import torch

from mnist_tui.core.control import Next, RunControl
from mnist_tui.core.events import (
    Checkpoint,
    EpochDone,
    EpochsChanged,
    Event,
    Machine,
    Notice,
    Phase,
    Progress,
    RateChanged,
    RunContinued,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
    Status,
    SweepDone,
    SweepStarted,
    now,
)
from mnist_tui.core.metrics import error_reduction, improvement_points
from mnist_tui.core.queue import Continuation, QueuedRun
from mnist_tui.core.spec import RunSpec, new_run_id
from mnist_tui.core.state import patience_ended, summarise
from mnist_tui.engine.backends import choose_backend
from mnist_tui.engine.compiling import compilation
from mnist_tui.engine.cores import free_cores
from mnist_tui.engine.data import Dataset, prepare_dataset, validation_set
from mnist_tui.engine.device import (
    choose_device,
    choose_threads,
    describe_machine,
    prepare_backend,
    synchronize,
)
from mnist_tui.engine.train import Diverged, Score, Step, Trainer
from mnist_tui.errors import DataError, MnistTuiError, RunError, UsageError

PROGRESS_INTERVAL_S: Final = 0.2
CHECKPOINT_INTERVAL_S: Final = 1.0
"""After so much time the next whole epoch gets a checkpoint: what a crash may cost, beside the epoch in progress."""

INSIGHT_INTERVAL_S: Final = 0.5
"""Between two insights at least: more often nobody could look, and it would cost more than a glance is worth."""

_prepared: dict[tuple[str, int], Dataset] = {}
"""The dataset of this process: reading and checking it once is enough. Touched by the training thread alone."""


def run_sweep(queue: Iterable[QueuedRun], control: RunControl) -> Iterator[Event]:
    """Train run after run and say what happens.

    Args:
        queue: Pulled one run at a time, so runs may be added while others train.
        control: What people ask for; looked at between batches.

    Yields:
        `SweepStarted`, then per run `RunStarted`, `Progress`, `EpochDone` and `RunDone`, then `SweepDone`.
        A run that fails ends as `failed` and the next one starts. Data or a device that is not available ends
        the sweep with a `Notice` that carries the exit code.
    """
    sweep = new_run_id()
    done: list[str] = []
    shown: set[tuple[str, int]] = set()
    free = 0
    yield SweepStarted(sweep=sweep, started_at=now())
    try:
        for queued in _until_stopped(queue, control):
            control.begin_run(queued.run)
            past = started(queued)
            spec = queued.spec if past is None else as_before(queued.spec, past)
            device = choose_device(spec.device)
            backend = choose_backend(spec.backend, device, spec.features)
            if backend == "compiled":
                compilation().begin()
            dataset = yield from _dataset(spec, control)
            if dataset is None:
                break
            if past is not None and past.dataset.sha256 != dataset.info.sha256:
                message = (
                    f"The run {queued.run} cannot be resumed: it was started on different data ({past.dataset.label})."
                )
                yield Notice(level="error", message=message, exit_code=DataError.exit_code)
                continue
            if backend == "compiled":
                yield from _unless_stopped(compilation().wait(), control)
                if control.queue_stopped:
                    break
                backend = backend if compilation().usable else "torch"
            free = free or free_cores()
            if (key := (dataset.info.sha256, spec.split_seed)) not in shown:
                shown.add(key)
                yield validation_set(dataset, spec.split_seed)
            way = Way(device, backend, choose_threads(spec.threads, spec.features, free))
            done.append(queued.run)
            yield from _Run(queued, spec, sweep, dataset, way, control).events()
            control.end_run()
    except MnistTuiError as error:
        yield Notice(level="error", message=str(error), exit_code=error.exit_code)
    yield SweepDone(sweep=sweep, runs=tuple(done), stopped=control.queue_stopped)


def _until_stopped(queue: Iterable[QueuedRun], control: RunControl) -> Iterator[QueuedRun]:
    runs = iter(queue)
    while not control.queue_stopped and (queued := next(runs, None)) is not None:
        yield queued


def _unless_stopped(events: Iterator[Event], control: RunControl) -> Iterator[Event]:
    """Hand events on until the queue is stopped."""
    with closing(cast("Generator[Event]", events)):
        for event in events:
            yield event
            if control.queue_stopped:
                return


def _dataset(spec: RunSpec, control: RunControl) -> Generator[Event, None, Dataset | None]:
    """Find, or fetch, the data; `None` when the queue was stopped meanwhile."""
    key = (spec.dataset, spec.split_seed)
    if key not in _prepared:
        _prepared.clear()
        steps = prepare_dataset(*key)
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                _prepared[key] = end.value
                break
            yield event
            if control.queue_stopped:
                steps.close()
                return None
    return _prepared[key]


def started(queued: QueuedRun) -> RunStarted | None:
    """Return how a run that goes on was begun."""
    story = queued.continuation.story if queued.continuation else ()
    return next((event for event in story if isinstance(event, RunStarted)), None)


def as_before(spec: RunSpec, past: RunStarted) -> RunSpec:
    """Return the settings with the data, device and threads that were chosen when the run began, as far as can be."""
    try:
        choose_device(past.machine.device)
    except UsageError:
        return replace(spec, dataset=past.dataset.name)
    machine = past.machine
    return replace(
        spec, dataset=past.dataset.name, device=machine.device, backend=machine.backend, threads=machine.threads
    )


def differences(before: Machine, now: Machine) -> tuple[str, ...]:
    """Return what can change the last bits of a number: device, backend, threads, versions."""
    threads = before.deciding_threads, now.deciding_threads
    values = [
        ("device", before.device_name, now.device_name),
        ("backend", before.backend, now.backend),
        *([("threads", *threads)] if None not in threads else []),
        *((name, before.versions.get(name), now.versions.get(name)) for name in now.versions if name != "mnist-tui"),
    ]
    return tuple(f"{name}: {old}, now {new}" for name, old, new in values if old != new)


class _Stopped(Exception):  # noqa: N818 - not an error: it ends the run on request
    """Ends a run between two batches."""


class _Stopwatch:
    """A monotonic clock that can stand still."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def elapsed_s(self) -> float:
        return time.perf_counter() - self._start

    def leave_out(self, seconds: float) -> None:
        self._start += seconds


class Way(NamedTuple):
    """How a run is trained."""

    device: torch.device
    backend: str
    threads: int


class _Run:
    """One run from its first event to its last."""

    def __init__(
        self, queued: QueuedRun, spec: RunSpec, sweep: str, dataset: Dataset, way: Way, control: RunControl
    ) -> None:
        self._run, self._spec, self._sweep, self._queued = queued.run, spec, sweep, queued
        self._dataset, self._way, self._control = dataset, way, control
        self._epochs = spec.epochs
        self._history: list[EpochDone] = []
        self._images_per_s = 0.0
        self._first_batch, self._elapsed_s = 0, 0.0
        self._saved, self._saved_at = 0, time.monotonic()
        self._looked_at = -math.inf
        self._later: tuple[EpochDone, ...] = ()
        self._rates: dict[int, float] = {}

    def events(self) -> Iterator[Event]:
        """Train, validate and test; whatever happens, the last event is `RunDone`."""
        device, backend, threads = self._way
        prepare_backend(device, threads)
        try:
            trainer = Trainer(self._spec, self._dataset, device, backend, threads)
        except (RuntimeError, MemoryError) as error:
            yield Notice(level="error", message=f"The network could not be built: {_reason(error)}", exit_code=4)
            return
        machine = describe_machine(device, threads, backend)
        if self._queued.continuation is None:
            yield RunStarted(
                run=self._run,
                sweep=self._sweep,
                spec=self._spec,
                dataset=self._dataset.info,
                machine=machine,
                parameters=trainer.model.parameter_count,
                started_at=now(),
            )
        else:
            try:
                yield from self._go_on(trainer, machine, self._queued.continuation)
            except RunError as error:
                yield Notice(level="error", message=str(error), exit_code=error.exit_code)
                return
        try:
            yield (yield from self._train(trainer))
        except _Stopped:
            yield self._done(Status.STOPPED, "stopped by request")
        except Diverged as diverged:
            # An epoch whose numbers are lost is not a finished one.
            epoch = min(len(self._history) + 1, self._epochs)
            yield self._done(Status.DIVERGED, f"{diverged} in epoch {epoch}")
        except Exception as error:  # noqa: BLE001 - one failed run must not take the queue with it
            yield self._done(Status.OUT_OF_MEMORY if _is_out_of_memory(error) else Status.FAILED, _reason(error))

    def _go_on(self, trainer: Trainer, machine: Machine, past: Continuation) -> Iterator[Event]:
        """Take over what the checkpoint holds and tell the story so far."""
        self._rates = {event.epoch: event.learning_rate for event in past.story if isinstance(event, RateChanged)}
        for rate in self._rates.values():
            trainer.set_rate(rate)
        if past.checkpoint is not None:
            epoch, self._first_batch, self._elapsed_s = trainer.load(past.checkpoint)
            if epoch != past.epoch:
                raise RunError("the checkpoint belongs to another epoch", "Start a new run with the same settings")
        changes = [event.epochs for event in past.story if isinstance(event, EpochsChanged | RunContinued)]
        self._history = [event for event in past.story if isinstance(event, EpochDone)]
        self._later, self._saved = past.later, len(self._history)
        self._epochs = max(self._queued.epochs or (changes or [self._epochs])[-1], len(self._history))
        begun = started(self._queued)
        differs = differences(begun.machine, machine) if begun is not None else ()
        for note in past.notes:
            yield Notice(level="warning", message=note)
        if past.later and not past.notes:
            again = "The last epoch is" if len(past.later) == 1 else f"The last {len(past.later)} epochs are"
            yield Notice(level="information", message=f"{again} trained again, from the checkpoint before.")
        if differs:
            message = (
                f"This run resumes under different conditions and may give different numbers: {'; '.join(differs)}."
            )
            yield Notice(level="warning", message=message)
        yield RunContinued(
            run=self._run,
            sweep=self._sweep,
            epoch=len(self._history),
            epochs=self._epochs,
            differs=differs,
            continued_at=now(),
            story=past.story,
        )

    def _train(self, trainer: Trainer) -> Generator[Event, None, RunDone]:
        # Asked before each epoch, the first one after a resume included: it may have been over when it was cut off.
        while not self._is_patience_at_an_end and not (
            self._is_complete and self._control.close_epochs(len(self._history))
        ):
            yield from self._take_new_epochs(len(self._history))
            if self._is_complete:
                continue
            yield from self._take_new_rate(len(self._history) + 1)
            trainer.set_rate(self._rate_of(len(self._history) + 1))
            done = yield from self._epoch(trainer, len(self._history) + 1)
            self._history.append(done)
            if self._is_worth_a_look:
                self._looked_at = time.monotonic()
                yield trainer.look(self._run, done.epoch)
            if self._is_worth_a_checkpoint:
                yield self._checkpoint(trainer)
            yield done
            if self._control.after_epoch() is Next.STOP_RUN:
                break
        if self._is_patience_at_an_end:
            self._control.close()
        if self._saved != len(self._history):
            # The end came as a surprise.
            yield self._checkpoint(trainer)
        test = yield from self._drive(trainer.test(), Phase.TEST, len(self._history), trainer, _Stopwatch())
        if self._is_patience_at_an_end:
            reason = f"no better validation accuracy for {self._spec.patience} epochs"
            return self._done(Status.FINISHED, reason, test)
        if not self._is_complete:
            return self._done(Status.STOPPED, "stopped by request after a whole epoch", test)
        return self._done(Status.FINISHED, "", test)

    @property
    def _is_patience_at_an_end(self) -> bool:
        """True where the best validation accuracy is so many epochs ago as the settings allow."""
        return not self._is_complete and patience_ended(self._history, self._spec.patience)

    @property
    def _ends_here(self) -> bool:
        return self._is_complete or self._is_patience_at_an_end

    @property
    def _is_worth_a_checkpoint(self) -> bool:
        """True where going back to the last one would take long, or the run ends here."""
        age_s = time.monotonic() - self._saved_at
        return age_s >= CHECKPOINT_INTERVAL_S or self._ends_here or self._control.stopping

    @property
    def _is_worth_a_look(self) -> bool:
        """True where the last insight is old enough, or the run ends here."""
        return self._ends_here or time.monotonic() - self._looked_at >= INSIGHT_INTERVAL_S

    def _checkpoint(self, trainer: Trainer) -> Checkpoint:
        self._saved, self._saved_at = len(self._history), time.monotonic()
        return Checkpoint(run=self._run, epoch=self._saved, batch=0, data=trainer.save(self._saved, 0, 0.0))

    @property
    def _is_complete(self) -> bool:
        return len(self._history) >= self._epochs

    def _epoch(self, trainer: Trainer, epoch: int) -> Generator[Event, None, EpochDone]:
        clock = _Stopwatch()
        clock.leave_out(-self._elapsed_s)
        steps = trainer.train_epoch(epoch, self._first_batch)
        self._first_batch, self._elapsed_s = 0, 0.0
        train = yield from self._drive(steps, Phase.TRAIN, epoch, trainer, clock)
        synchronize(self._way.device)
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
            learning_rate=self._rate_of(epoch),
        )

    def _drive(
        self, steps: Iterator[Step], phase: Phase, epoch: int, trainer: Trainer, clock: _Stopwatch
    ) -> Generator[Event, None, Score]:
        """Work through the steps of one phase; between two of them look at the clock and at what people ask."""
        next_progress_s = clock.elapsed_s
        for step in steps:
            if step.score is not None:
                return step.score
            yield from self._obey(trainer, epoch, phase, step, clock)
            elapsed_s = clock.elapsed_s
            if elapsed_s < next_progress_s:
                continue
            next_progress_s = elapsed_s + PROGRESS_INTERVAL_S
            if phase is Phase.TRAIN:
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
                loss=trainer.newest_loss if phase is Phase.TRAIN else None,
            )
        raise AssertionError("the last step carries the score")

    def _obey(self, trainer: Trainer, epoch: int, phase: Phase, step: Step, clock: _Stopwatch) -> Iterator[Event]:
        """Obey what people asked for. A pause saves the place, so that it may last longer than the process."""
        if self._control.handing_over and not self._ends_here:
            self._control.close()
            yield from self._take_wishes(epoch)
            yield from self._save_place(trainer, epoch, phase, step, clock)
            raise _Stopped
        if self._control.paused:
            paused = _Stopwatch()
            yield from self._save_place(trainer, epoch, phase, step, clock)
            yield RunPaused(run=self._run, epoch=epoch)
            yield from self._take_new_rate(self._next_new_epoch(epoch))
            while not self._control.wait_until_resumed():
                yield from self._take_new_epochs(epoch)
            clock.leave_out(paused.elapsed_s)
            yield RunResumed(run=self._run, epoch=epoch, paused_s=paused.elapsed_s)
        # A run that has all its epochs gets its test: that is a moment's work.
        if self._control.between_batches() is Next.STOP_RUN and not self._ends_here:
            self._control.close()
            yield from self._take_wishes(epoch)
            raise _Stopped

    def _save_place(self, trainer: Trainer, epoch: int, phase: Phase, step: Step, clock: _Stopwatch) -> Iterator[Event]:
        """Write down the place inside the epoch."""
        if phase is not Phase.TEST and trainer.is_finite:
            batch = step.done if phase is Phase.TRAIN else trainer.batches
            data = trainer.save(epoch - 1, batch, clock.elapsed_s)
            yield Checkpoint(run=self._run, epoch=epoch - 1, batch=batch, data=data)

    def _take_wishes(self, epoch: int) -> Iterator[Event]:
        """Record what was asked for during this epoch, so that whoever goes on with the run knows it."""
        yield from self._take_new_epochs(epoch)
        yield from self._take_new_rate(self._next_new_epoch(epoch))

    def _next_new_epoch(self, epoch: int) -> int:
        """Return the first epoch after this one that is not trained again."""
        return max(epoch, self._later[-1].epoch if self._later else 0) + 1

    def _take_new_epochs(self, epoch: int) -> Iterator[Event]:
        wish = self._control.epochs(self._epochs, max(epoch, self._later[-1].epoch if self._later else 0))
        if wish != self._epochs:
            self._epochs = wish
            yield EpochsChanged(run=self._run, epoch=epoch, epochs=wish)

    def _take_new_rate(self, epoch: int) -> Iterator[Event]:
        # An epoch that is trained again is trained as it was; the wish waits for a new one.
        if self._later and epoch <= self._later[-1].epoch:
            return
        rate = self._control.take_rate()
        if rate is not None and rate != self._rate_of(epoch):
            self._rates[epoch] = rate
            yield RateChanged(run=self._run, epoch=epoch, learning_rate=rate)

    def _rate_of(self, epoch: int) -> float:
        changed = [first for first in self._rates if first <= epoch]
        return self._rates[max(changed)] if changed else self._spec.learning_rate

    def _done(self, status: Status, reason: str, test: Score | None = None) -> RunDone:
        return summarise(
            self._run,
            # What was done before and not yet again is still known.
            [*self._history, *(epoch for epoch in self._later if epoch.epoch > len(self._history))],
            status=status,
            reason=reason,
            ended_at=now(),
            test_accuracy=test.accuracy if test else None,
            test_loss=test.loss if test else None,
        )


def _is_out_of_memory(error: Exception) -> bool:
    # PyTorch's allocator for the CPU has no error class of its own.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "DefaultCPUAllocator" in str(error)


def _reason(error: Exception) -> str:
    """Return one line that says what went wrong."""
    if _is_out_of_memory(error):
        return "out of memory: fewer features or a smaller batch need less"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
