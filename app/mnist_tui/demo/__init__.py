"""A scripted engine: the real loop with simulated numbers and a simulated clock.

Nothing is trained. It is for trying the app without PyTorch, for tests and for screenshots. The same settings always
produce the same events.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from mnist_tui.core.conditions import DatasetInfo, Machine
from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Event, Preparing, SweepDone, SweepStarted
from mnist_tui.core.insight import Classifier, Insight
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import HIDDEN, RunSpec
from mnist_tui.core.status import Status
from mnist_tui.demo.insight import CLASSES, SIDE, guess, scripted_insight, validation_set
from mnist_tui.engine.loop import RunLoop, Setup
from mnist_tui.engine.trainer import NOT_FINITE, Clock, Diverged, Intervals, Score, Step

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
"""Simulated time of a validation or test pass."""
ALWAYS: Final = Intervals(progress_s=0.0, checkpoint_s=0.0, insight_s=0.0)


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
    """Simulate run after run, obeying `control` as the real engine does.

    Args:
        queue: Runs are taken from it one at a time.
        control: Requests from the user.
        delay_s: Real time that each step takes.
        steps: Training steps per epoch, at most one per batch; each emits a progress event.
        sweep: Id of the sweep.
        started_at: Start time; all later times are simulated from it.
        insights: Also emit insights, in at most `MAX_INSIGHTS` epochs, and checkpoints.
    """
    clock = _ScriptedClock(started_at)
    done: list[str] = []
    yield SweepStarted(sweep=sweep, started_at=clock.now())
    yield Preparing(message="opening the script")
    runs = iter(queue)
    while not control.queue_stopped and (queued := next(runs, None)) is not None:
        control.requests.begin_run(queued.run, paused=queued.paused)
        done.append(queued.run)
        if insights:
            yield validation_set(DATASET.sha256, queued.spec.split_seed, DATASET.n_validation)
        trainer = _Script(queued.spec, clock, delay_s, steps, insights)
        setup = Setup(spec=queued.spec, sweep=sweep, dataset=DATASET, machine=MACHINE)
        yield from RunLoop(queued, setup, trainer, control.requests, clock, ALWAYS).events()
        control.requests.end_run()
    yield SweepDone(sweep=sweep, runs=tuple(done), stopped=control.queue_stopped)


def load_classifier(checkpoint: bytes) -> Classifier:  # noqa: ARG001
    """Return a classifier that picks the font digit most similar to a drawing."""
    return guess


class _ScriptedClock(Clock):
    """A simulated clock, advanced only by the script, in whole nanoseconds."""

    def __init__(self, started_at: str) -> None:
        self._start, self._elapsed_ns = datetime.fromisoformat(started_at), 0

    def read_ns(self) -> int:
        return self._elapsed_ns

    def now(self) -> str:
        return (self._start + timedelta(microseconds=self._elapsed_ns // 1000)).isoformat(timespec="milliseconds")

    def steps(self, count: int, seconds: float) -> Iterator[int]:
        """Advance the clock by `seconds` in `count` steps; yield the number of each."""
        start_ns, whole_ns = self._elapsed_ns, round(1e9 * seconds)
        for step in range(1, count + 1):
            self._elapsed_ns = start_ns + whole_ns * step // count
            yield step


class _Script:
    """Simulates the trainer of one run; see `engine.trainer.Trainer`.

    Args:
        spec: Its settings, which determine all numbers.
        clock: The simulated clock.
        delay_s: Real time that each step takes.
        steps: Training steps per epoch, at most one per batch.
        insights: Produce insights and checkpoints.
    """

    def __init__(self, spec: RunSpec, clock: _ScriptedClock, delay_s: float, steps: int, insights: bool) -> None:
        self._spec, self._clock, self._delay_s, self._insights = spec, clock, delay_s, insights
        self._steps = min(steps, self.batches)
        self._epoch, self._share = 0, 0.0
        self.rate = spec.learning_rate

    @property
    def parameters(self) -> int:
        features = self._spec.features
        return 10 * features + (9 * features + 1) * features + HIDDEN * (features + 1) + 10 * (HIDDEN + 1)

    @property
    def batches(self) -> int:
        return math.ceil(DATASET.n_train / self._spec.batch_size)

    @property
    def newest_loss(self) -> float:
        before = _score(self._spec, self._epoch - 1, "train", DATASET.n_train).loss
        after = _score(self._spec, self._epoch, "train", DATASET.n_train).loss
        return before + (after - before) * self._share * (1 + 0.2 * math.sin(40 * self._share))

    @property
    def is_finite(self) -> bool:
        return True

    def set_rate(self, rate: float, epochs: int) -> None:  # noqa: ARG002 - it has no schedule
        """Report a new learning rate; the script does not react to it."""
        self.rate = rate

    def load(self, checkpoint: bytes) -> tuple[int, int, float]:
        self._epoch, batch, elapsed_s = json.loads(checkpoint)
        return self._epoch, batch, elapsed_s

    def save(self, epoch: int, batch: int, elapsed_s: float) -> bytes | None:
        return json.dumps([epoch, batch, elapsed_s]).encode() if self._insights else None

    def train_epoch(self, epoch: int, first_batch: int) -> Iterator[Step]:
        self._epoch = epoch
        left = self.batches - first_batch
        steps = math.ceil(self._steps * left / self.batches)
        for step in self._clock.steps(steps, self._train_s * left / self.batches):
            time.sleep(self._delay_s)
            self._share = (first_batch + left * step / steps) / self.batches
            yield Step(first_batch + left * step // steps, self.batches)
        yield Step(self.batches, self.batches, self._checked("train", DATASET.n_train))

    def validate(self) -> Iterator[Step]:
        return self._evaluate("validation", DATASET.n_validation)

    def test(self) -> Iterator[Step]:
        return self._evaluate("test", DATASET.n_test)

    def look(self, run: str, epoch: int) -> Insight | None:
        if not self._insights or epoch % math.ceil(self._spec.epochs / MAX_INSIGHTS):
            return None
        hits = round(_score(self._spec, epoch, "validation", DATASET.n_validation).accuracy * DATASET.n_validation)
        return scripted_insight(run, self._spec, epoch, hits, DATASET.n_validation)

    def explain(self, error: Exception) -> tuple[Status, str]:
        return Status.FAILED, f"{type(error).__name__}: {error}"

    @property
    def _train_s(self) -> float:
        return 2.0 + 0.18 * self._spec.features

    def _evaluate(self, part: str, images: int) -> Iterator[Step]:
        batches = images // 250
        for _ in self._clock.steps(1, VAL_S):
            time.sleep(self._delay_s)
            yield Step(batches, batches)
        yield Step(batches, batches, self._checked(part, images))

    def _checked(self, part: str, images: int) -> Score:
        score = _score(self._spec, self._epoch, part, images)
        if not math.isfinite(score.loss):
            raise Diverged(NOT_FINITE)
        return score


def _score(spec: RunSpec, epoch: int, part: str, images: int) -> Score:
    """Return loss and accuracy after an epoch: a smooth curve with a little noise, independent of earlier epochs.

    Accuracy levels off near 48% at 2 features and 96% at 32. A learning rate of 1 or more gives NaN in epoch 2. Before
    the first epoch, the loss is that of random guessing.
    """
    if epoch == 0:
        return Score(math.log(CLASSES), 1 / CLASSES)
    if spec.learning_rate >= 1:
        return Score(math.nan, 0.1) if epoch >= 2 else Score(37.5, 0.1028)
    key = f"{spec.features}/{spec.seed}/{spec.learning_rate}/{spec.batch_size}/{epoch}/{part}"
    noise = random.Random(key).gauss(0.0, 0.004)  # noqa: S311 - no secret
    ceiling = 1.0 - min(0.75, 1.02 / spec.features + 0.01)
    speed = min(0.8, 0.4 * math.sqrt(spec.learning_rate / 0.001))
    error = 1.0 - ceiling + 0.6 * (ceiling - 0.1) * math.exp(-speed * epoch)
    # Proportional noise, so that a curve near 100% stays below it.
    error *= 1.0 + noise / max(0.1, error)
    return Score(2.4 * error**0.9, round((1.0 - error) * images) / images)
