"""A run of another tool as far as it was copied: what is known of it, and the events that tell it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from mnist_tui.core.conditions import UNKNOWN_MACHINE
from mnist_tui.core.events import Event, MetricDeclared, Progress, RunContinued, RunDone, RunStarted
from mnist_tui.core.metric import metric
from mnist_tui.core.script import ScriptSpec
from mnist_tui.core.status import Phase, Status
from mnist_tui.core.units import Direction
from mnist_tui.formats import News, Reader, Source

_WORDS: Final = {Direction.HIGHER: max, Direction.LOWER: min}


@dataclass(slots=True)
class Copy:
    """A run of another tool, as far as it was copied.

    Attributes:
        run: Its id here; the same each time it is copied.
        since: What its reader read so far; `None` before the first time and after an error.
        spec: Its settings, as stored.
        is_over: It has ended, as far as is known.
        is_stored: It is in the store.
        restarts: How often it was replaced by other points.
        problem: What cannot be read of it.
    """

    reader: Reader
    source: Source
    run: str
    since: Any = None
    spec: ScriptSpec | None = None
    is_over: bool = False
    is_stored: bool = False
    restarts: int = 0
    problem: str = ""
    step: int = 0
    began: float | None = None
    latest: float | None = None
    newest: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    goals: dict[str, Direction] = field(default_factory=dict)

    def take(self, news: News) -> None:
        """Take note of what is new."""
        if news.is_whole:
            self.step = 0
            self.newest, self.best, self.largest = {}, {}, {}
        self.began = news.began if news.began is not None else self.began
        self.latest = news.latest if news.latest is not None else self.latest
        self.goals.update(news.goals)
        for name, series in news.points.items():
            self.newest[name] = series.values[-1]
            self.step = max(self.step, max(series.steps))
            finite: Sequence[float] = series.values
            if not math.isfinite(sum(finite)):
                finite = [value for value in finite if math.isfinite(value)]
            if not finite:
                continue
            self.largest[name] = max(self.largest.get(name, 0.0), max(finite), -min(finite))
            if (better := _WORDS.get(self._goal(name))) is not None:
                self.best[name] = better(self.best.get(name, better(finite)), better(finite))

    def _goal(self, name: str) -> Direction:
        return self.goals.get(name) or metric(name, largest=self.largest.get(name, 1.0)).goal

    @property
    def elapsed_s(self) -> float:
        """Time from the first to the newest record; NaN if the tool records none."""
        return max(0.0, self.latest - self.began) if self.latest is not None and self.began is not None else math.nan

    def events(self, news: News) -> Iterator[Event]:
        """Yield the events of the run without its end."""
        yield self.started(news)
        for name, goal in self.goals.items():
            if goal is not metric(name).goal:
                yield MetricDeclared(run=self.run, name=name, goal=goal)
        for _ in range(self.restarts):
            yield RunContinued(
                run=self.run, sweep=self.run, epoch=0, epochs=0, differs=(), continued_at=_moment(self.latest)
            )

    def described(self, news: News) -> ScriptSpec:
        """Return the settings of the run."""
        return ScriptSpec(
            config=news.config,
            name=self.source.name,
            project=news.project,
            source=str(self.source.path),
            path=str(self.source.path),
            tool=self.source.tool,
        )

    def started(self, news: News) -> RunStarted:
        """Return the first event of the run, and take note of its settings."""
        self.spec = self.described(news)
        began = self.began if self.began is not None else self.latest
        return RunStarted(
            run=self.run,
            sweep=self.run,
            spec=self.spec,
            dataset=None,
            machine=UNKNOWN_MACHINE,
            parameters=None,
            started_at=_moment(began),
        )

    def end(self, status: Status, reason: str) -> RunDone:
        """Return how the run ended."""
        return RunDone(
            run=self.run,
            status=status,
            reason="; ".join(filter(None, (reason, self.problem))),
            epochs_done=0,
            last_epoch_accuracy=None,
            last_epoch_time_s=None,
            last_val_accuracy=None,
            best_val_accuracy=None,
            best_epoch=None,
            test_accuracy=None,
            test_loss=None,
            total_training_time_s=self.elapsed_s,
            ended_at=_moment(self.latest),
            steps=self.step,
            last=self.newest,
            best=self.best,
        )

    @property
    def progress(self) -> Progress:
        """Where the run is."""
        return Progress(
            run=self.run,
            epoch=1,
            phase=Phase.TRAIN,
            batch=0,
            batches=0,
            epoch_elapsed_s=self.elapsed_s,
            images_per_s=0.0,
            step=self.step,
            newest=dict(self.newest),
        )


def _moment(seconds: float | None) -> str:
    try:
        moment = datetime.fromtimestamp(seconds or 0.0, UTC)
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0.0, UTC)
    return moment.isoformat(timespec="milliseconds")
