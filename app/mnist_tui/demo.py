"""A scripted engine: the same events as the real one, from formulas and a clock of its own. Nothing is learned.

For looking around without PyTorch, for tests and for pictures. The same settings always give the same events.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Generator, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from mnist_tui.core.control import Next, RunControl
from mnist_tui.core.events import (
    Checkpoint,
    DatasetInfo,
    EpochDone,
    EpochsChanged,
    Event,
    Machine,
    Phase,
    Preparing,
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
)
from mnist_tui.core.insight import Classifier
from mnist_tui.core.metrics import error_reduction, improvement_points
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import patience_ended, summarise
from mnist_tui.demo_insight import CLASSES, SIDE, guess, scripted_insight, validation_set

DATASET: Final = DatasetInfo(
    name="demo",
    label="demo, scripted numbers",
    n_train=50_000,
    n_validation=10_000,
    n_test=10_000,
    sha256="0" * 64,
    source="mnist_tui.demo",
    classes=tuple(map(str, range(CLASSES))),
    side=SIDE,
)
MACHINE: Final = Machine(
    device="cpu", device_name="scripted", threads=1, host="scripted", system="scripted", versions={}
)
MOMENT: Final = "2026-01-01T12:00:00.000+00:00"
MAX_INSIGHTS: Final = 20
VAL_S: Final = 0.25
"""Time of a validation or a test."""


def run_sweep(
    queue: Iterable[QueuedRun],
    control: RunControl,
    *,
    delay_s: float = 0.0,
    steps: int = 20,
    sweep: str = "demo-sweep",
    started_at: str = MOMENT,
    insights: bool = False,
) -> Iterator[Event]:
    """Play run after run, obeying `control` as the real engine does.

    Args:
        queue: Pulled one run at a time.
        control: What people ask for.
        delay_s: Real time that each step takes.
        steps: Steps of training per epoch, at most one per batch; each tells its progress.
        sweep: Id of the sweep.
        started_at: When it begins; all later times follow from it and the script.
        insights: Tell what the network learns as well, in at most `MAX_INSIGHTS` epochs.
    """
    clock = _Clock(started_at)
    done: list[str] = []
    yield SweepStarted(sweep=sweep, started_at=clock.now)
    yield Preparing(message="opening the script")
    runs = iter(queue)
    while not control.queue_stopped and (queued := next(runs, None)) is not None:
        control.begin_run(queued.run)
        done.append(queued.run)
        yield from _Script(queued, sweep, control, clock, delay_s, steps, insights).events()
        control.end_run()
    yield SweepDone(sweep=sweep, runs=tuple(done), stopped=control.queue_stopped)


def load_classifier(checkpoint: bytes) -> Classifier:  # noqa: ARG001
    """Return what takes a drawing for the digit of a font that it is most alike."""
    return guess


class _Clock:
    """The script's own time: it goes on only by what the script says."""

    def __init__(self, started_at: str) -> None:
        self._now = datetime.fromisoformat(started_at)

    @property
    def now(self) -> str:
        return self._now.isoformat(timespec="milliseconds")

    def go_on(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class _Stopped(Exception):  # noqa: N818 - not an error: it ends the run on request
    """Ends a run between two steps."""


class _Script:
    """One run from its first event to its last."""

    def __init__(
        self,
        queued: QueuedRun,
        sweep: str,
        control: RunControl,
        clock: _Clock,
        delay_s: float,
        steps: int,
        insights: bool,
    ) -> None:
        self._run, self._spec, self._sweep = queued.run, queued.spec, sweep
        self._control, self._clock, self._delay_s = control, clock, delay_s
        self._story = queued.continuation.story if queued.continuation else ()
        self._history = [event for event in self._story if isinstance(event, EpochDone)]
        self._epochs = queued.epochs or queued.spec.epochs
        self._batches = math.ceil(DATASET.n_train / self._spec.batch_size)
        self._steps = min(steps, self._batches)
        self._insights = insights
        self._rate = self._spec.learning_rate
        for event in self._story:
            if isinstance(event, RateChanged):
                self._rate = event.learning_rate
        self._train_s = 2.0 + 0.18 * self._spec.features
        self._images_per_s = DATASET.n_train / self._train_s

    def events(self) -> Iterator[Event]:
        """Play the run; whatever is asked for, the last event is `RunDone`."""
        if self._insights:
            yield validation_set(DATASET.sha256, self._spec.split_seed, DATASET.n_validation)
        yield self._begin()
        try:
            yield (yield from self._play())
        except _Stopped:
            yield self._done(Status.STOPPED, "stopped by request")

    def _begin(self) -> Event:
        features = self._spec.features
        if self._story:
            return RunContinued(
                run=self._run,
                sweep=self._sweep,
                epoch=len(self._history),
                epochs=self._epochs,
                differs=(),
                continued_at=self._clock.now,
                story=self._story,
            )
        return RunStarted(
            run=self._run,
            sweep=self._sweep,
            spec=self._spec,
            dataset=DATASET,
            machine=MACHINE,
            parameters=10 * features + (9 * features + 1) * features + 1024 * (features + 1) + 10 * 1025,
            started_at=self._clock.now,
        )

    def _play(self) -> Generator[Event, None, RunDone]:
        while not self._is_patience_at_an_end and not (
            len(self._history) >= self._epochs and self._control.close_epochs(len(self._history))
        ):
            yield from self._take_new_epochs(len(self._history))
            if len(self._history) >= self._epochs:
                continue
            epoch = len(self._history) + 1
            rate = self._control.take_rate()
            if rate is not None and rate != self._rate:
                self._rate = rate
                yield RateChanged(run=self._run, epoch=epoch, learning_rate=rate)
            yield from self._phase(Phase.TRAIN, epoch, self._steps)
            yield from self._phase(Phase.VALIDATION, epoch, 1)
            done = self._epoch_done(epoch)
            if not math.isfinite(done.train_loss):
                return self._done(Status.DIVERGED, f"the loss was no longer a finite number in epoch {epoch}")
            self._clock.go_on(done.epoch_s)
            self._history.append(done)
            if self._insights and epoch % math.ceil(self._epochs / MAX_INSIGHTS) == 0:
                hits = round(done.val_accuracy * DATASET.n_validation)
                yield scripted_insight(self._run, self._spec, epoch, hits, DATASET.n_validation)
            if self._insights:
                yield Checkpoint(run=self._run, epoch=epoch, batch=0, data=b"scripted")
            yield done
            if self._control.after_epoch() is Next.STOP_RUN:
                break
        if self._is_patience_at_an_end:
            self._control.close()
        yield from self._phase(Phase.TEST, len(self._history), 1)
        self._clock.go_on(VAL_S)
        if self._is_patience_at_an_end:
            reason = f"no better validation accuracy for {self._spec.patience} epochs"
            return self._done(Status.FINISHED, reason, tested=True)
        if len(self._history) < self._epochs:
            return self._done(Status.STOPPED, "stopped by request after a whole epoch", tested=True)
        return self._done(Status.FINISHED, "", tested=True)

    @property
    def _is_patience_at_an_end(self) -> bool:
        return len(self._history) < self._epochs and patience_ended(self._history, self._spec.patience)

    def _phase(self, phase: Phase, epoch: int, steps: int) -> Iterator[Event]:
        batches = self._batches if phase is Phase.TRAIN else DATASET.n_validation // 250
        before_s = 0.0 if phase is Phase.TRAIN else self._train_s
        length_s = self._train_s if phase is Phase.TRAIN else VAL_S
        for step in range(1, steps + 1):
            time.sleep(self._delay_s)
            yield from self._obey(epoch)
            yield Progress(
                run=self._run,
                epoch=epoch,
                phase=phase,
                batch=batches * step // steps,
                batches=batches,
                epoch_elapsed_s=before_s + length_s * step / steps,
                images_per_s=self._images_per_s,
                loss=self._loss_on_the_way(epoch, step / steps) if phase is Phase.TRAIN else None,
            )
            if phase is Phase.TRAIN:
                yield from self._take_new_epochs(epoch)

    def _obey(self, epoch: int) -> Iterator[Event]:
        if self._control.handing_over and len(self._history) < self._epochs:
            raise _Stopped
        if self._control.paused:
            # The one time that no script can know.
            paused_at = time.monotonic()
            yield RunPaused(run=self._run, epoch=epoch)
            while not self._control.wait_until_resumed():
                yield from self._take_new_epochs(epoch)
            yield RunResumed(run=self._run, epoch=epoch, paused_s=time.monotonic() - paused_at)
        # A run that has all its epochs gets its test, as in the real engine.
        if self._control.between_batches() is Next.STOP_RUN and len(self._history) < self._epochs:
            raise _Stopped

    def _take_new_epochs(self, epoch: int) -> Iterator[Event]:
        wish = self._control.epochs(self._epochs, epoch)
        if wish != self._epochs:
            self._epochs = wish
            yield EpochsChanged(run=self._run, epoch=epoch, epochs=wish)

    def _loss_on_the_way(self, epoch: int, share: float) -> float:
        before = self._history[-1].train_loss if self._history else math.log(CLASSES)
        after, _ = _score(self._spec, epoch, "train", DATASET.n_train)
        return before + (after - before) * share * (1 + 0.2 * math.sin(40 * share))

    def _epoch_done(self, epoch: int) -> EpochDone:
        train_loss, train_accuracy = _score(self._spec, epoch, "train", DATASET.n_train)
        val_loss, val_accuracy = _score(self._spec, epoch, "validation", DATASET.n_validation)
        before = self._history[-1].val_accuracy if self._history else None
        return EpochDone(
            run=self._run,
            epoch=epoch,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            train_s=self._train_s,
            val_s=VAL_S,
            images_per_s=self._images_per_s,
            improvement_points=improvement_points(before, val_accuracy),
            error_reduction=error_reduction(before, val_accuracy),
            learning_rate=self._rate,
        )

    def _done(self, status: Status, reason: str, *, tested: bool = False) -> RunDone:
        score = _score(self._spec, len(self._history), "test", DATASET.n_test) if tested else (None, None)
        return summarise(
            self._run,
            self._history,
            status=status,
            reason=reason,
            ended_at=self._clock.now,
            test_loss=score[0],
            test_accuracy=score[1],
        )


def _score(spec: RunSpec, epoch: int, part: str, images: int) -> tuple[float, float]:
    """Return loss and accuracy after an epoch: a smooth rise with a little noise, whatever came before it.

    The rise ends near 48 % at 2 features and 96 % at 32. A learning rate of 1 or more gives NaN in epoch 2.
    """
    if spec.learning_rate >= 1:
        return (math.nan, 0.1) if epoch >= 2 else (37.5, 0.1028)
    key = f"{spec.features}/{spec.seed}/{spec.learning_rate}/{spec.batch_size}/{epoch}/{part}"
    noise = random.Random(key).gauss(0.0, 0.004)  # noqa: S311 - no secret
    ceiling = 1.0 - min(0.75, 1.02 / spec.features + 0.01)
    speed = min(0.8, 0.4 * math.sqrt(spec.learning_rate / 0.001))
    error = 1.0 - ceiling + 0.6 * (ceiling - 0.1) * math.exp(-speed * epoch)
    # Noise in proportion: a curve that is nearly at 100 % stays below it.
    error *= 1.0 + noise / max(0.1, error)
    return 2.4 * error**0.9, round((1.0 - error) * images) / images
