"""Several runs at once are the runs that they would have been one after the other, whatever becomes of a worker."""

import os
import signal
import threading
import time
from functools import partial

import psutil
import pytest

from mnist_tui.core.events import (
    EpochDone,
    Event,
    Notice,
    Progress,
    RateChanged,
    RunContinued,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
    SweepDone,
    SweepStarted,
)
from mnist_tui.core.orders import Order, Wishes
from mnist_tui.core.queue import enqueue
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.demo import run_sweep
from mnist_tui.store.claims import Claims
from mnist_tui.store.database import Store
from mnist_tui.workers.control import PoolControl
from mnist_tui.workers.pool import run_many

SLOW_S = 0.005
SESSION = "20260101-120000-aaaaaa"


def workers():
    """Return the processes that train now."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if any(word == "mnist_tui.workers" for word in child.cmdline())]


def train(home, specs, *, jobs=2, delay_s=0.0, on_event=lambda event, control: None, control=None, **where):
    """Train specs; return the ids and all events."""
    queue, control, events = enqueue(specs), control or PoolControl(), []
    engine = partial(run_sweep, delay_s=delay_s, insights=True)
    with Store.open(home) as store:
        store.add_waiting(queue, SESSION)
        for event in store.recorded(run_many(Claims(store, queue), control, jobs=jobs, engine=engine, **where)):
            events.append(event)
            on_event(event, control)
    return [queued.run for queued in queue], events


def of(events, kind, run=None):
    return [event for event in events if isinstance(event, kind) and (run is None or event.run == run)]


def kept(home):
    with Store.open_readonly(home) as store:
        return {run.run: store.run(run.run) for run in store.runs()}


def by_spec(home):
    return {run.spec: run for run in kept(home).values()}


def scores(history):
    return [(e.epoch, e.train_loss, e.val_loss, e.val_accuracy) for e in history]


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


SPECS = [RunSpec(epochs=4, features=features, seed=seed) for seed in (0, 1) for features in (2, 8)]


def test_they_are_the_same_runs_as_one_after_the_other(home, tmp_path):
    runs, events = train(home, SPECS)
    _, alone = train(tmp_path / "alone", SPECS, jobs=1)
    assert isinstance(events[0], SweepStarted)
    assert isinstance(events[-1], SweepDone)
    assert sorted(events[-1].runs) == sorted(runs)
    assert {event.sweep for event in of(events, RunStarted)} == {events[0].sweep}
    together, one_by_one = by_spec(home), by_spec(tmp_path / "alone")
    assert together.keys() == one_by_one.keys()
    for spec, run in together.items():
        assert run.status is Status.FINISHED
        assert scores(run.history) == scores(one_by_one[spec].history)
        assert run.result.test_accuracy == one_by_one[spec].result.test_accuracy
        # Each run's own events in their order, whatever comes between them.
        assert [event.epoch for event in of(events, EpochDone, run.run)] == [1, 2, 3, 4]
    assert len(of(alone, EpochDone)) == len(of(events, EpochDone)) == 16
    assert workers() == []


def test_as_many_train_at_once_as_were_asked_for(home):
    in_progress, most = set(), 0

    def look(event, control):
        nonlocal most
        if isinstance(event, RunStarted):
            in_progress.add(event.run)
        if isinstance(event, RunDone):
            in_progress.discard(event.run)
        most = max(most, len(in_progress))

    train(home, [RunSpec(epochs=20, seed=seed) for seed in range(5)], jobs=3, delay_s=SLOW_S, on_event=look)
    assert most == 3


class Killing:
    """Kills the worker of a run after some of its epochs, so many times."""

    def __init__(self, times, features):
        self.left, self.features, self.run = times, features, ""

    def __call__(self, event, control):
        if isinstance(event, RunStarted) and getattr(event.spec, "features", 0) == self.features:
            self.run = event.run
        if isinstance(event, EpochDone) and event.run == self.run and event.epoch % 2 == 0 and self.left:
            self.left -= 1
            os.kill(control._links[self.run].pid, signal.SIGKILL)


def test_a_run_whose_worker_is_killed_goes_on_in_another_one_and_loses_nothing(home, tmp_path):
    specs = [RunSpec(epochs=6, features=features) for features in (2, 4, 8)]
    killing = Killing(1, 4)
    _, events = train(home, specs, delay_s=SLOW_S, on_event=killing)
    train(tmp_path / "alone", specs, jobs=1)
    (went_on,) = of(events, RunContinued)
    assert went_on.run == killing.run
    assert "was killed; the run continues" in of(events, Notice)[0].message
    alone = by_spec(tmp_path / "alone")
    for spec, run in by_spec(home).items():
        assert run.status is Status.FINISHED
        assert scores(run.history) == scores(alone[spec].history)
    # No epoch that was shown was ever taken back.
    shown = SessionState()
    most = 0
    for event in events:
        shown.apply(event)
        if killing.run in shown.runs:
            assert shown.runs[killing.run].epochs_done >= min(most, went_on.epoch)
            most = shown.runs[killing.run].epochs_done


def test_a_run_whose_worker_is_killed_twice_fails_alone(home):
    specs = [RunSpec(epochs=9, features=features) for features in (2, 4, 8)]
    killing = Killing(2, 4)
    runs, events = train(home, specs, delay_s=SLOW_S, on_event=killing)
    ends = {done.run: done for done in of(events, RunDone)}
    assert ends[killing.run].status is Status.FAILED
    assert "killed 2 times" in ends[killing.run].reason
    assert ends[killing.run].epochs_done >= 4
    assert [ends[run].status for run in runs if run != killing.run] == [Status.FINISHED] * 2
    assert kept(home)[killing.run].status is Status.FAILED


@pytest.mark.parametrize("asked", ["just before", "while the next one starts"])
def test_what_is_asked_of_a_run_whose_worker_is_killed_is_done_in_the_next_one(home, asked):
    run: list[str] = []

    def ask(event, control):
        if isinstance(event, EpochDone) and event.epoch == 2 and not run:
            run.append(event.run)
            if asked == "just before":
                os.kill(control._links[run[0]].pid, signal.SIGSTOP)
                steer(control)
            os.kill(control._links[run[0]].pid, signal.SIGKILL)
        if isinstance(event, Notice) and "was killed" in event.message and asked != "just before":
            steer(control)

    def steer(control):
        assert control.set_epochs(9, run[0])
        assert control.set_learning_rate(0.004, run[0])
        assert control.wishes(run[0]) == Wishes(epochs=9, rate=0.004)

    _, events = train(home, [RunSpec(epochs=6)], delay_s=SLOW_S, on_event=ask)
    (done,) = of(events, RunDone)
    assert (done.status, done.epochs_done) == (Status.FINISHED, 9)
    (went_on,), (rate,) = of(events, RunContinued), of(events, RateChanged)
    assert went_on.epoch < rate.epoch <= went_on.epoch + 2
    assert {epoch.learning_rate for epoch in kept(home)[run[0]].history[rate.epoch - 1 :]} == {0.004}


@pytest.mark.parametrize("moment", ["at once", "while the next one starts"])
def test_a_run_that_is_stopped_after_its_worker_was_killed_has_an_end(home, moment):
    run: list[str] = []
    threads: list[threading.Thread] = []

    def stop(control):
        while run[0] not in control._links:
            time.sleep(0.001)
        control.stop()

    def ask(event, control):
        if isinstance(event, EpochDone) and event.epoch == 2 and not run:
            run.append(event.run)
            if moment == "at once":
                control.stop(after_epoch=True)
            os.kill(control._links[run[0]].pid, signal.SIGKILL)
        if isinstance(event, Notice) and "was killed" in event.message:
            threads.append(threading.Thread(target=stop, args=(control,)))
            threads[-1].start()

    _, events = train(home, [RunSpec(epochs=500)], delay_s=SLOW_S, on_event=ask)
    for thread in threads:
        thread.join()
    (done,) = of(events, RunDone)
    assert done.status in (Status.INTERRUPTED, Status.STOPPED)
    assert done.epochs_done >= 2
    assert bool(of(events, Notice)) == (moment != "at once"), "nothing continues after a stop"


def test_a_run_that_cannot_even_begin_is_told_and_the_rest_goes_on(home):
    queue = enqueue([RunSpec(epochs=2, seed=0), RunSpec(epochs=2, seed=1)])
    runs = [queued.run for queued in queue]
    control = PoolControl()
    events: list[Event] = []
    with Store.open(home) as store:
        store.add_waiting(queue, SESSION)
        stream = store.recorded(
            run_many(Claims(store, queue), control, jobs=1, engine=partial(run_sweep, delay_s=0.05, insights=True))
        )
        killer = threading.Thread(target=_kill_until_it_gives_up, args=(control, runs[0]), daemon=True)
        killer.start()
        events += stream
    assert [event.status for event in of(events, RunDone)] == [Status.FINISHED]
    assert "could not begin" in of(events, Notice)[-1].message
    assert of(events, Notice)[-1].exit_code == 4


def _kill_until_it_gives_up(control, run):
    for _ in range(2):
        while run not in control._links:
            time.sleep(0.001)
        link = control._links[run]
        os.kill(link.pid, signal.SIGKILL)
        while control._links.get(run) is link:
            time.sleep(0.001)


def test_a_short_hold_lets_go_on_only_what_was_not_paused_before(home):
    paused: list[str] = []
    held: list[frozenset[str]] = []

    def steer(event, control):
        match event:
            case EpochDone() if not paused:
                paused.append(event.run)
                assert control.pause(event.run)
            case RunPaused() if event.run == paused[0]:
                held.append(control.hold())
            case RunPaused():
                assert control.wait_until_held(0)
                control.let_go(held[0])
            case EpochDone() if held and event.epoch == 9 and event.run != paused[0]:
                # The other one went on; the first one waits for its own key.
                assert control.wishes(paused[0]).paused
                assert control.resume(paused[0])

    runs, events = train(home, [RunSpec(epochs=9, seed=0), RunSpec(epochs=9, seed=1)], delay_s=SLOW_S, on_event=steer)
    (other,) = held[0]
    assert {paused[0], other} == set(runs)
    assert [event.run for event in of(events, RunPaused | RunResumed)] == [
        paused[0],
        other,
        other,
        paused[0],
    ]
    assert {run.status for run in kept(home).values()} == {Status.FINISHED}


def test_only_the_run_that_was_asked_to_end_is_stopping(home):
    seen: list[tuple[bool, bool]] = []

    def steer(event, control):
        if isinstance(event, EpochDone) and not seen:
            other = next(run for run in control._links if run != event.run)
            control.skip(event.run, after_epoch=True)
            seen.append((control.wishes(event.run).stopping, control.wishes(other).stopping))

    train(home, [RunSpec(epochs=30, seed=0), RunSpec(epochs=9, seed=1)], delay_s=SLOW_S, on_event=steer)
    assert seen == [(True, False)]


def test_an_order_reaches_the_run_that_it_names_alone(home):
    answers: list[str] = []

    def ask(event, control):
        if not isinstance(event, EpochDone) or event.epoch < 2 or event.epoch > 4 or answers:
            return
        other = next((run for run in control._links if run != event.run), None)
        if other is None:
            # On a busy machine, one worker may start much later.
            return
        answers.append(event.run)
        assert control.give(Order(kind="epochs", run=event.run, value=5.0))
        assert control.wishes(event.run).epochs == 5
        assert control.wishes(other).epochs is None
        assert not control.give(Order(kind="epochs", run="nobody", value=5.0))

    runs, _ = train(home, [RunSpec(epochs=12), RunSpec(epochs=12, seed=1)], delay_s=SLOW_S, on_event=ask)
    found = kept(home)
    assert [found[run].epochs for run in runs] == [5 if run == answers[0] else 12 for run in runs]


def test_one_run_holds_while_the_other_goes_on(home):
    held: list[str] = []

    def ask(event, control):
        if isinstance(event, EpochDone) and not held:
            held.append(event.run)
            control.pause(event.run)
        if isinstance(event, RunPaused):
            assert control.wishes(event.run).paused
            assert not control.wishes().paused
        if isinstance(event, RunDone) and held and event.run != held[0]:
            assert control.wishes(held[0]).paused
            control.resume(held[0])

    runs, events = train(home, [RunSpec(epochs=6), RunSpec(epochs=6, seed=1)], delay_s=SLOW_S, on_event=ask)
    assert [done.run for done in of(events, RunDone)] == [next(run for run in runs if run != held[0]), held[0]]
    assert {run.status for run in kept(home).values()} == {Status.FINISHED}


def when_both_train(do):
    """Return a listener that calls `do` with the control once two runs have finished an epoch."""
    trained: set[str] = set()

    def ask(event, control):
        if isinstance(event, EpochDone) and len(trained) < 2:
            trained.add(event.run)
            if len(trained) == 2:
                do(control)

    return ask


def test_stop_ends_all_and_leaves_the_rest_waiting(home):
    ask = when_both_train(lambda control: control.stop())
    specs = [RunSpec(epochs=500, seed=seed) for seed in range(3)]
    _, events = train(home, specs, delay_s=SLOW_S, on_event=ask)
    assert [done.status for done in of(events, RunDone)] == [Status.STOPPED] * 2
    assert events[-1].stopped
    with Store.open(home) as later:
        assert [queued.spec.seed for queued in later.adopt_waiting("20260101-120000-bbbbbb")] == [2]


def test_skip_ends_one_and_the_next_one_follows(home):
    skipped: list[str] = []

    def ask(event, control):
        if isinstance(event, EpochDone) and event.epoch == 2 and not skipped:
            skipped.append(event.run)
            assert control.skip(event.run, after_epoch=True)

    runs, events = train(home, [RunSpec(epochs=8, seed=seed) for seed in range(3)], delay_s=SLOW_S, on_event=ask)
    ends = {done.run: done.status for done in of(events, RunDone)}
    assert ends == {run: Status.STOPPED if run == skipped[0] else Status.FINISHED for run in runs}


def test_all_are_handed_over_where_they_are(home):
    ask = when_both_train(lambda control: control.hand_over())
    _, events = train(home, [RunSpec(epochs=500, seed=seed) for seed in range(2)], delay_s=SLOW_S, on_event=ask)
    assert [done.status for done in of(events, RunDone)] == [Status.STOPPED] * 2
    assert workers() == []


def test_news_from_inside_an_epoch_comes_from_all_of_them(home):
    runs, events = train(home, [RunSpec(epochs=3, seed=seed) for seed in range(2)], delay_s=SLOW_S)
    assert {event.run for event in of(events, Progress)} == set(runs)
