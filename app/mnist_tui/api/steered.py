"""What a run of a script does between two steps: it obeys orders, saves its state, and tells what happened."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from mnist_tui.api import ranks
from mnist_tui.api.control import ScriptControl
from mnist_tui.api.items import Place
from mnist_tui.api.origin import device_of
from mnist_tui.api.rates import set_rate
from mnist_tui.api.recording import Recorder
from mnist_tui.api.saving import Saver
from mnist_tui.api.snapshot import Moment
from mnist_tui.api.stopwatch import Stopwatch
from mnist_tui.api.values import is_name
from mnist_tui.core.conditions import DatasetInfo
from mnist_tui.core.events import EpochsChanged, Event, RateChanged, RunPaused, RunResumed
from mnist_tui.core.insight import Insight
from mnist_tui.core.metric import MAX_NAMES
from mnist_tui.core.stored import Checkpoint
from mnist_tui.streams import say

T = TypeVar("T")
_NUMBERS: Final = itertools.count()


class Stopped(KeyboardInterrupt):
    """Ends a loop between two steps because a stop was ordered, as Ctrl+C would; `with` the run takes it in."""


class SteeredRun:
    """A run as its orders see it.

    Args:
        recorder: Records it; `None` if this process does not report.
        control: Its orders.
        place: Where its loop is.
        state: What is saved, by name: anything with `state_dict` and `load_state_dict`.
        epochs: Epochs to train; 0 if unknown.
        set_rate: Changes the learning rate, if it is not that of an optimizer in `state`.
        is_resumed: It was begun earlier.

    Attributes:
        id: Its id, for commands; empty if this process does not report.
        number: Its place among the runs of this process.
        epoch: Finished epochs.
        step: Steps so far: the number of the step in progress.
    """

    def __init__(
        self,
        recorder: Recorder | None,
        control: ScriptControl,
        place: Place,
        *,
        state: Mapping[str, Any],
        epochs: int = 0,
        set_rate: Callable[[float], object] | None = None,
        is_resumed: bool = False,
    ) -> None:
        self.id = recorder.state.run if recorder is not None else ""
        self.number = next(_NUMBERS)
        self.epoch = place.done
        self.step = place.step
        self._recorder, self._control, self._place, self._state = recorder, control, place, state
        self._put: Callable[[Any], object] = recorder.put if recorder is not None else ignore
        self._is_muted, self._is_over = recorder is None, False
        self._epochs, self._set_rate = epochs, set_rate
        self._thread = threading.get_ident()
        self._has_gone_through = self._uses_epochs = self._uses_steps = self._in_steps = self._has_logged = False
        self._ends_after_epoch = self._is_stopped = False
        self._is_resumed = is_resumed
        self._may_change_epochs = "epochs" in control.can
        if not epochs:
            # Unless it goes through epochs later, this loop has none.
            control.can.discard("epochs")
        self._own_steps = itertools.count(place.step + 1)
        marks = recorder.state.marks if recorder is not None else ()
        self._rate_changes = sum(isinstance(mark, RateChanged) for mark in marks)
        self._watch = Stopwatch()
        self._insight: Insight | None = None
        self._data: DatasetInfo | None = None
        self._names: set[str] = set()
        self._complaints: set[str] = set()
        self._saver = Saver(state, self._complain)
        place.elapsed_s = self._watch.seconds
        if recorder is not None:
            recorder.each_tick = self._save_in_time

    # Orders ---------------------------------------------------------------------------------------

    def _obey(self) -> None:
        """Do what was ordered, between two steps or epochs."""
        if not self._control.has_news and ranks.group() is None:
            return
        decision = self._agreed(self._change)
        if decision.stop_after_epoch and not self._uses_epochs:
            # Without epochs, stop now.
            decision = replace(decision, stop=True)
        self._ends_after_epoch = self._ends_after_epoch or decision.stop_after_epoch
        if decision.save or decision.stop:
            self.save()
        if decision.stop:
            self._is_stopped = True
            raise Stopped("a stop was ordered")

    def _change(self, decision: ranks.Decision) -> None:
        """Change the number of epochs and the learning rate as decided."""
        epochs = decision.epochs
        if epochs and epochs != self._epochs and self._uses_epochs:
            self._epochs = max(epochs, self.epoch)
            self._tell(EpochsChanged(run=self.id, epoch=self._place.epoch, epochs=self._epochs))
        if decision.rate:
            self.change_rate(decision.rate)

    def _agreed(self, change: Callable[[ranks.Decision], None] = lambda _: None) -> ranks.Decision:
        """Return what all ranks should do now.

        Waits while the run is paused.

        Args:
            change: Called with each decision, also during a pause: a changed setting is stored even if the process is
                killed before the pause ends.
        """
        distributed = ranks.group()
        done = max(self._place.epoch, self.epoch)
        save = False
        rate, has_paused = 0.0, False
        while True:
            decision = ranks.Decision()
            if distributed is None or distributed.get_rank() == 0:
                self._control.has_news = False
                save = self._control.take_save() or save
                decision = ranks.decide(
                    self._control.requests, epochs=self._epochs if self._uses_epochs else 0, done=done, save=save
                )
            if distributed is not None:
                decision = ranks.shared(decision, distributed, device_of(self._state.values()))
            rate, save = decision.rate or rate, decision.save
            change(decision)
            if decision.paused and not has_paused:
                has_paused = True
                self._watch.pause()
                self._tell(RunPaused(run=self.id, epoch=max(1, self._place.epoch)))
            if not decision.paused:
                break
            if save and self._state:
                # A pause may be long; a framework saves afterwards.
                self.save()
                save = False
            if distributed is None or distributed.get_rank() == 0:
                self._control.requests.wait_until_resumed(ranks.PAUSED_S if distributed is not None else None)
        if has_paused:
            paused_s = self._watch.resume()
            if not decision.stop:
                self._tell(RunResumed(run=self.id, epoch=max(1, self._place.epoch), paused_s=paused_s))
        return replace(decision, rate=rate, save=save)

    def change_rate(self, rate: float) -> None:
        """Set the learning rate of the optimizers in `state`, and note it."""
        try:
            if self._set_rate is not None:
                self._set_rate(rate)
            else:
                set_rate(self._state.values(), rate)
        except Exception as error:  # noqa: BLE001 - a function or an optimizer of any library
            self._complain("rate", f"the learning rate could not be set: {type(error).__name__}: {error}")
        else:
            self.note_rate(rate)

    def note_rate(self, rate: float) -> None:
        """Note that the learning rate was changed."""
        self._rate_changes += 1
        self._tell(RateChanged(run=self.id, epoch=max(1, self._place.epoch), learning_rate=rate))

    def allow_fewer_epochs(self) -> None:
        """Refuse orders for more epochs than planned: some frameworks fix their number when training starts."""
        self._control.most_epochs = self._epochs

    def note_epochs(self, epochs: int) -> None:
        """Note that the number of epochs was changed."""
        self._epochs = epochs
        self._tell(EpochsChanged(run=self.id, epoch=max(1, self._place.epoch), epochs=epochs))

    # Saving ---------------------------------------------------------------------------------------

    def save(self) -> None:
        """Save the state here, within an epoch."""
        if not self._saver.has_state or self._is_muted:
            return
        is_at_end = self._uses_epochs and self._place.epoch == self.epoch
        batch = 0 if is_at_end else max(1, self.step - self._place.first_step)
        if (data := self._saver.now(self._moment)) is not None:
            self._tell(Checkpoint(run=self.id, epoch=self.epoch, batch=batch, data=data))

    @property
    def _moment(self) -> Moment:
        return Moment(self.epoch, self.step, max(self._place.highest, self.step), self._rate_changes)

    def _save_in_time(self) -> None:
        """Order a save if the last one is long ago; called by the recorder's thread."""
        if (self._in_steps or self._logs_only) and self._saver.is_long_ago:
            self._control.order_save()

    @property
    def _logs_only(self) -> bool:
        """True for a loop that neither goes through `epochs` nor through `steps`: each call of `log` is a step."""
        return not (self._uses_epochs or self._uses_steps)

    # Small things -----------------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        """Record and publish an event immediately."""
        if not self._is_muted and self._recorder is not None:
            self._put(event)
            self._recorder.hurry()

    def _knows(self, name: object) -> bool:
        """Take in a new name; return False if it cannot be recorded."""
        if not is_name(name):
            self._complain("name", f"{str(name)[:40]!r} is not a name of printable characters; it is not recorded")
        elif len(self._names) >= MAX_NAMES:
            self._complain("names", f"only {MAX_NAMES:,} different names are recorded; further ones are left out")
        else:
            self._names.add(str(name))
            return True
        return False

    def _complain(self, kind: str, what: str) -> None:
        """Say once what is wrong; nobody's training ends for it."""
        if kind not in self._complaints:
            self._complaints.add(kind)
            say(f"mnist-tui: {what}.")


def ignore(_: object) -> None:
    """Record nothing."""
