"""The store beside a plain model of it: whatever is written, crashed and opened again, what was kept stays kept."""

import os
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mnist_tui.core.events import EpochDone, EpochsChanged, RunDone, RunPaused, RunResumed, RunStarted
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import Annotation, summarise
from mnist_tui.core.status import Status
from mnist_tui.store.claims import Claims
from mnist_tui.store.database import Store
from mnist_tui.store.lock import RunLock
from tests.builders import epoch_done, run_events

ENDS = (Status.FINISHED, Status.STOPPED, Status.DIVERGED, Status.FAILED, Status.OUT_OF_MEMORY)
ACCURACIES = st.floats(0, 1)


@dataclass
class Known:
    """What must be known of a run."""

    status: Status
    epochs: int
    owned: bool = True
    history: list[EpochDone] = field(default_factory=list)
    marks: list[Annotation] = field(default_factory=list)
    done: RunDone | None = None
    checkpoints: dict[int, bytes] = field(default_factory=dict)

    @property
    def shown(self):
        return self.status if self.owned or self.done else Status.INTERRUPTED


def crash(store):
    """Let go of all that the kernel would let go of, and write nothing."""
    for lock in store._locks._held.values():
        os.close(lock._fd)
    store._locks._held.clear()
    store._connection.close()


class StoreMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.home = Path(tempfile.mkdtemp()) / "home"
        self.runs = {}
        self.waiting = []
        self.numbers = iter(range(1_000_000))

    @initialize()
    def begin(self):
        self.open()

    def open(self):
        self.store = Store.open(self.home)
        self.session = f"s{next(self.numbers)}"

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.home.parent)

    def live(self):
        return sorted(run for run, known in self.runs.items() if known.owned)

    @property
    def is_live(self):
        return bool(self.live())

    def name(self):
        return f"run-{next(self.numbers):06}"

    def start_run(self, run, epochs):
        (started, *_) = run_events(run, spec=RunSpec(epochs=epochs), val_accuracies=())
        assert isinstance(started, RunStarted)
        self.store.record(started)
        self.runs[run] = Known(Status.RUNNING, epochs)

    # What a training thread does ------------------------------------------------------------------

    @rule(epochs=st.integers(1, 5))
    def start(self, epochs):
        self.start_run(self.name(), epochs)

    @precondition(lambda self: self.waiting)
    @rule()
    def start_the_next_that_waits(self):
        queued = self.waiting.pop(0)
        self.start_run(queued.run, queued.spec.epochs)

    @precondition(lambda self: self.is_live)
    @rule(data=st.data(), accuracy=ACCURACIES, checkpoint=st.none() | st.binary(max_size=20))
    def epoch(self, data, accuracy, checkpoint):
        run, known = self.choose(data)
        number = len(known.history) + 1
        if checkpoint is not None:
            known.checkpoints[number] = checkpoint
        previous = known.history[-1].val_accuracy if known.history else None
        event = epoch_done(number, run=run, val_accuracy=accuracy, previous=previous)
        self.store.record(replace(event, checkpoint=checkpoint))
        known.history.append(event)

    @precondition(lambda self: self.is_live)
    @rule(data=st.data(), epochs=st.integers(1, 9))
    def change_epochs(self, data, epochs):
        run, known = self.choose(data)
        self.mark(known, EpochsChanged(run=run, epoch=1, epochs=epochs))
        known.epochs = epochs

    @precondition(lambda self: self.is_live)
    @rule(data=st.data())
    def pause_or_resume(self, data):
        run, known = self.choose(data)
        if known.status is Status.PAUSED:
            self.mark(known, RunResumed(run=run, epoch=1, paused_s=1.5))
            known.status = Status.RUNNING
        else:
            self.mark(known, RunPaused(run=run, epoch=1))
            known.status = Status.PAUSED

    @precondition(lambda self: self.is_live)
    @rule(data=st.data(), status=st.sampled_from(ENDS))
    def end(self, data, status):
        run, known = self.choose(data)
        done = summarise(run, known.history, status=status, ended_at="2026-03-01T12:01:00+00:00")
        self.store.record(done)
        known.status, known.done, known.owned = status, done, False

    def choose(self, data):
        run = data.draw(st.sampled_from(self.live()))
        return run, self.runs[run]

    def mark(self, known, event):
        self.store.record(event)
        known.marks.append(event)

    # What waits -----------------------------------------------------------------------------------

    @rule(features=st.lists(st.integers(1, 512), min_size=1, max_size=3))
    def add(self, features):
        queued = [QueuedRun(self.name(), RunSpec(features=n)) for n in features]
        self.store.add_waiting(queued, self.session)
        self.waiting += queued

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def remove(self, data):
        queued = data.draw(st.sampled_from(self.waiting))
        self.store.remove_waiting(queued.run)
        self.waiting.remove(queued)

    # Processes ------------------------------------------------------------------------------------

    @rule(orderly=st.booleans())
    def begin_anew(self, orderly):
        if orderly:
            self.store.close()
        else:
            crash(self.store)
        for known in self.runs.values():
            known.owned = False
        self.open()
        assert list(self.store.adopt_waiting(self.session)) == self.waiting

    @rule()
    def another_session_leaves_alone_what_waits_here(self):
        if not self.waiting:
            return
        with Store.open(self.home) as other:
            assert other.adopt_waiting("other") == ()

    @precondition(lambda self: any(not known.owned and known.history for known in self.runs.values()))
    @rule(data=st.data())
    def a_run_that_is_over_would_go_on_from_its_newest_checkpoint(self, data):
        over = sorted(run for run, known in self.runs.items() if not known.owned and known.history)
        run = data.draw(st.sampled_from(over))
        known = self.runs[run]
        with Store.open(self.home) as other:
            (queued,) = Claims(other, [QueuedRun(run, RunSpec(), continues=True)])
        assert queued.continuation is not None
        newest = max(known.checkpoints, default=0)
        assert queued.continuation.epoch == newest
        assert queued.continuation.checkpoint == known.checkpoints.get(newest)
        assert [e for e in queued.continuation.story if e in known.history] == known.history[:newest]

    # What always holds ----------------------------------------------------------------------------

    @invariant()
    def what_was_recorded_is_there_for_another_reader(self):
        with Store.open_readonly(self.home) as reader:
            assert {run.run: run.status for run in reader.runs()} == {r: k.shown for r, k in self.runs.items()}
            assert reader.unreadable == []
            for run, known in self.runs.items():
                found = reader.run(run)
                assert (found.history, found.marks) == (known.history, known.marks)
                assert (found.status, found.epochs) == (known.shown, known.epochs)
                if known.done:
                    assert found.result == known.done

    @invariant()
    def a_run_in_progress_is_held_and_any_other_is_free(self):
        for run, known in self.runs.items():
            lock = RunLock(self.home / "locks" / f"{run}.lock")
            if not known.owned:
                assert lock.acquire()
                lock.release()
            else:
                assert run in self.store._locks._held


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
