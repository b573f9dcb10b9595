"""A run of a script: its loop logs numbers and obeys orders here; everything slow happens in the recorder's thread."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from mnist_tui.api import ranks
from mnist_tui.api.answers import data_of, insight_of
from mnist_tui.api.control import ScriptControl
from mnist_tui.api.items import Ended, EpochBegan, EpochEnded, Logged, Place
from mnist_tui.api.origin import is_notebook
from mnist_tui.api.recording import Recorder
from mnist_tui.api.steered import SteeredRun, Stopped, ignore
from mnist_tui.api.values import as_step, is_name, number
from mnist_tui.core.checks import MAX_EPOCHS
from mnist_tui.core.events import DataDescribed, EpochsChanged, MetricDeclared
from mnist_tui.core.setting import check_int
from mnist_tui.core.status import Status
from mnist_tui.core.units import Direction, Unit
from mnist_tui.errors import UsageError

T = TypeVar("T")
GOALS: Final = {"max": Direction.HIGHER, "min": Direction.LOWER, "none": Direction.NONE}
_UNITS: Final = {
    "fraction": Unit.FRACTION,
    "percent": Unit.PERCENT,
    "s": Unit.SECONDS,
    "none": Unit.LOSS,
}


class Run(SteeredRun):
    """One run. `mnist_tui.init` makes it; arguments and attributes as for `SteeredRun`."""

    def __init__(self, recorder: Recorder | None, control: ScriptControl, place: Place, **more: Any) -> None:
        super().__init__(recorder, control, place, **more)
        if recorder is not None:
            ALIVE.add(self)
            atexit.register(self._at_exit)

    @classmethod
    def silent(cls, epochs: int = 0) -> Self:
        """Return a run that records nothing, but obeys with the first of several processes that train together."""
        return cls(None, ScriptControl(()), Place(), state={}, epochs=epochs)

    # The loop -------------------------------------------------------------------------------------

    def epochs(self, epochs: int | None = None) -> Iterator[int]:
        """Yield the number of each epoch, from 1, or from where a resumed run goes on.

        An epoch is on disk when the next one begins. The number of epochs can be changed from outside.

        Args:
            epochs: How many; `None` for what `mnist_tui.init` was given.

        Raises:
            UsageError: The number is missing or out of range.
            Stopped: A stop was ordered.
        """
        if epochs is not None:
            check_int("epochs", epochs, 1, MAX_EPOCHS)
        elif not self._epochs:
            raise UsageError("the number of epochs is missing", "Give it to mnist_tui.init or to run.epochs")
        if self._has_gone_through and self.epoch >= (epochs or self._epochs):
            self._complain("again", "all epochs of this run are done; begin another run for another loop")
        self._has_gone_through = True
        self._use_epochs()
        # A resumed run keeps a larger number, which may have been ordered.
        if epochs is not None and epochs != self._epochs and (not self._is_resumed or epochs > self._epochs):
            self._epochs = epochs
            self._tell(EpochsChanged(run=self.id, epoch=self.epoch, epochs=epochs))
        self._obey()
        while self.epoch < self._epochs and not self._ends_after_epoch:
            self.begin_epoch(self.epoch + 1)
            try:
                yield self.epoch + 1
            except GeneratorExit:
                # The loop was left by `break`, or by an error: the epoch counts if its steps were gone through.
                if self._has_logged and not self._in_steps:
                    self.record_epoch()
                    self._place.epoch = 0
                raise
            self.end_epoch()
        self._place.epoch = 0

    def steps(self, steps: Iterable[T] | int) -> Iterator[T]:
        """Yield the items of an iterable, such as batches; orders are obeyed between two of them.

        Args:
            steps: The iterable, or a number of steps; outside of `epochs`, a resumed run goes on at its step.

        Raises:
            Stopped: A stop was ordered.
        """
        self._uses_steps = True
        items: Any = steps
        if isinstance(steps, int):
            items = range(self.step if not self._place.epoch else 0, steps)
        place, control = self._place, self._control
        place.first_step, place.steps = self.step, len(items) if isinstance(items, Sized) else 0
        distributed = ranks.group()
        self._in_steps = True
        try:
            for item in items:
                self.step += 1
                place.step = self.step
                yield item
                if control.has_news if distributed is None else self.step % ranks.EACH == 0:
                    self._obey()
        except BaseException:
            # Left early: what is logged from here on belongs to the epoch, which is not complete without that.
            self._in_steps = self._has_logged = False
            raise
        self._in_steps, self._has_logged = False, True

    def log(self, values: Mapping[str, Any] | None = None, /, step: int | None = None, **more: Any) -> None:
        """Keep numbers by name; costs microseconds, and waits for nothing. Any thread may call it.

        Within `steps` they belong to the step, within `epochs` to the epoch, after the last epoch to the run. Where
        neither is used, each call is a new step.

        Args:
            values: Numbers, scalar tensors or scalar arrays by name.
            step: The step they belong to, in any order; a later value of the same step replaces the earlier one.
            more: Further numbers.
        """
        if self._is_muted:
            if self._is_over:
                self._complain("over", "log was called after the run had ended; that is not recorded")
            return
        if values is not None and not isinstance(values, Mapping):
            self._complain("values", f"log takes numbers by name, not {type(values).__name__}; that is not recorded")
            return
        kept = {}
        for name, value in (values if not more and values is not None else {**(values or {}), **more}).items():
            if name not in self._names and not self._knows(name):
                continue
            if type(value) is float:
                kept[name] = value
                continue
            try:
                kept[name] = number(value)
            except Exception as error:  # noqa: BLE001 - values of any library: none of them ends a training
                self._complain(f"value {name}", f"{name} is not a number but {error}; it is not recorded")
        if step is not None:
            step = as_step(step)
            if step is None:
                self._complain("step", "step must be a whole number from 0; a value at another one is not recorded")
                return
            self._place.highest = max(self._place.highest, step)
        elif self._in_steps:
            step = self.step
        elif self._logs_only:
            step = next(self._own_steps)
        else:
            self._has_logged = True
        self._put(Logged(kept, step))
        if self._logs_only and step is not None:
            self.step = self._place.step = max(self.step, step)
            # The only place where such a loop can be steered.
            if self._control.has_news and threading.get_ident() == self._thread and ranks.group() is None:
                self._obey()

    def predictions(self, labels: Any, scores: Any, *, classes: Sequence[object] = (), images: Any = None) -> None:
        """Hand over what a classifier answered in this epoch, so that the Errors tab shows its mistakes.

        Wrong values are reported once, in one line. Computing takes a moment of the loop's thread.

        Args:
            labels: True classes, (N,), from 0.
            scores: Probabilities or logits, (N, classes).
            classes: Names of the classes; by default their numbers.
            images: Grey images, (N, side, side), from 0 to 1 or to 255, always the same ones.
        """
        if self._is_muted:
            return
        if not self._place.epoch:
            self._complain("predictions", "predictions belong to an epoch; hand them over within run.epochs()")
            return
        try:
            insight = insight_of(self.id, self._place.epoch, labels, scores)
            info, pictures = data_of(labels, classes, images, len(insight.confusion))
        except (ValueError, TypeError) as error:
            self._complain("predictions", f"the predictions are not shown: {error}")
            return
        if self._data is None:
            self._data = info
            self._put(pictures)
            self._tell(DataDescribed(run=self.id, dataset=info))
        if self._data != info:
            self._complain("other data", "the predictions are not shown: their labels or images are other ones now")
            return
        self._insight = insight

    def metric(self, name: str, *, goal: str | None = None, unit: str | None = None, primary: bool = False) -> None:
        """Say how to read a number, where its name does not.

        Args:
            name: The name of the number.
            goal: `max`, `min` or `none`: which direction is better.
            unit: `fraction` (0.47 is shown as 47 %), `percent`, `s` or `none`.
            primary: It decides which epoch is best.

        Raises:
            UsageError: A value is invalid.
        """
        if not is_name(name):
            raise UsageError("the name of a metric must be printable text of 1 to 200 characters")
        for what, value, known in (("goal", goal, GOALS), ("unit", unit, _UNITS)):
            if value is not None and value not in known:
                raise UsageError(f"{what} must be one of {', '.join(known)}, not {value!r}")
        self._tell(
            MetricDeclared(
                run=self.id,
                name=name,
                goal=GOALS[goal] if goal is not None else None,
                unit=_UNITS[unit] if unit is not None else None,
                is_primary=primary,
            )
        )

    def finish(self, status: str = "finished", reason: str = "") -> None:
        """End the run; what was logged is on disk when this returns. A second call does nothing.

        Args:
            status: `finished`, `stopped` or `failed`.
            reason: Why, as text.
        """
        if self._is_muted or self._recorder is None:
            return
        if status not in ("finished", "stopped", "failed"):
            self._complain("status", f"a run ends as finished, stopped or failed, not {status!r}")
            status = "finished"
        how = Status(status)
        self._is_muted = self._is_over = True
        ALIVE.discard(self)
        atexit.unregister(self._at_exit)
        ended_early = self._is_stopped or (self._ends_after_epoch and self.epoch < self._epochs)
        if how is Status.FINISHED and ended_early:
            how = Status.STOPPED
        self._put(Ended(how, str(reason or "")[:500]))
        self._recorder.close()
        self._put = ignore

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.finish(*_how(error))
        return isinstance(error, Stopped)

    # For frameworks, which have the loop -------------------------------------------------------------

    def begin_epoch(self, epoch: int) -> None:
        """Begin an epoch; what is logged outside of steps belongs to it."""
        self._use_epochs()
        self._place.epoch, self._place.first_step, self._place.steps = epoch, self.step, 0
        self._watch.restart()
        self._in_steps = self._has_logged = False
        self._put(EpochBegan())

    def at_step(self, step: int, steps: int = 0) -> None:
        """Say which step of the run was done; what is logged belongs to it until the epoch ends.

        Args:
            step: Steps of the run so far.
            steps: Steps of this epoch; 0 if unknown.
        """
        self.step = self._place.step = step
        self._place.steps = steps
        self._uses_steps = self._in_steps = True

    def after_steps(self) -> None:
        """Say that the steps of the epoch are done; what is logged from here on belongs to the epoch."""
        self._in_steps = False

    def end_epoch(self) -> None:
        """End the epoch: wait until it is on disk, and obey orders.

        Raises:
            Stopped: A stop was ordered.
        """
        self.record_epoch()
        self._obey()

    def record_epoch(self) -> None:
        """End the epoch: wait until it is on disk."""
        seconds = self._watch.seconds()
        self._in_steps = self._has_logged = False
        self.epoch = self._place.epoch or self.epoch + 1
        if self._recorder is not None and not self._is_muted:
            recorded = threading.Event()
            ends = self._ends_after_epoch or self._control.requests.stopping or self.epoch >= self._epochs
            state = self._saver.due(self._moment, ends=ends)
            self._put(EpochEnded(self.epoch, self.step, seconds, state, self._insight, recorded))
            self._insight = None
            self._recorder.wait(recorded)
        self._watch.restart()

    def asked(self) -> Iterator[ranks.Decision]:
        """Yield what was ordered, for a framework to obey; blocks while the run is paused."""
        if self._control.has_news if ranks.group() is None else self.step % ranks.EACH == 0:
            decision = self._agreed()
            self._ends_after_epoch = self._ends_after_epoch or decision.stop_after_epoch
            self._is_stopped = self._is_stopped or decision.stop
            yield decision if decision.epochs != self._epochs else replace(decision, epochs=0)

    @property
    def ends_after_epoch(self) -> bool:
        """True if the run should end after this epoch."""
        return self._ends_after_epoch

    def _use_epochs(self) -> None:
        self._uses_epochs = True
        if self._may_change_epochs:
            self._control.can.add("epochs")

    def _at_exit(self) -> None:
        """End a run that was not finished when its process ends."""
        # In a notebook, this may be the error of any cell.
        status, reason = _how(None if is_notebook() else getattr(sys, "last_value", None))
        if status == "finished" and self._uses_epochs and self.epoch < self._epochs:
            status = "stopped"
        self.finish(status, reason)

    def _after_fork(self) -> None:
        """Be silent in a child, and hold nothing that belongs to its parent."""
        self._is_muted, self._put = True, ignore
        atexit.unregister(self._at_exit)
        if self._recorder is not None:
            self._recorder.abandon()


def _how(error: BaseException | None) -> tuple[str, str]:
    """Return how a run ends with an exception on its way, and why."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return "finished", ""
    if isinstance(error, KeyboardInterrupt):
        return "stopped", ""
    lines = f"{type(error).__name__}: {error}".strip().splitlines()
    return "failed", lines[-1] if len(lines) == 1 else f"{lines[0]} … {lines[-1]}"


ALIVE: Final[weakref.WeakSet[Run]] = weakref.WeakSet()
"""The runs in progress in this process."""


def _mute_all() -> None:
    for run in list(ALIVE):
        run._after_fork()  # noqa: SLF001 - of the same class
    ALIVE.clear()


os.register_at_fork(after_in_child=_mute_all)
