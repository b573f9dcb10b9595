"""The parts of the app without a terminal: what is in sight, what is news, what a key asks of a run."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochsChanged, Notice, Preparing, RunDone
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.demo import run_sweep
from mnist_tui.runtime.backends import Backends
from mnist_tui.runtime.pace import Pace
from mnist_tui.tui.feed import Feed
from mnist_tui.tui.queueing import Queueing
from mnist_tui.tui.sight import Sight
from mnist_tui.tui.steering import Steering
from mnist_tui.tui.workspace import Workspace
from tests.builders import epoch_done, progress, run_events, run_state
from tests.patience import PATIENCE_S


def nobody(run):
    raise AssertionError(f"{run} was asked for")


def follow(sight, *runs, after=nobody, read=nobody, has_ended=False, has_own=False, is_live=False):
    known = {run.run: run for run in runs}
    sight.follow(known, after, read, has_ended=has_ended, has_own=has_own, is_live=is_live)


# Sight ------------------------------------------------------------------------------------------------

FIRST, SECOND = run_state("first"), run_state("second")


def test_whatever_another_process_trains_is_shown_where_there_is_nothing_else():
    sight = Sight()
    follow(sight)
    assert sight.opened is None
    follow(sight, FIRST, SECOND)
    assert sight.opened is SECOND


@pytest.mark.parametrize("state", [{"has_own": True}, {"is_live": True}])
def test_the_sessions_own_run_is_not_pushed_aside(state):
    sight = Sight()
    follow(sight, FIRST, **state)
    assert sight.opened is None


def test_the_run_that_was_named_is_waited_for():
    sight = Sight("second")
    follow(sight, FIRST)
    assert sight.opened is None
    follow(sight, FIRST, SECOND, has_own=True)
    assert sight.opened is SECOND


def test_who_has_left_a_run_is_not_led_back_to_it():
    sight = Sight()
    follow(sight, FIRST)
    assert sight.leave()
    assert not sight.leave()
    follow(sight, FIRST)
    assert sight.opened is None


def test_after_a_run_that_was_watched_comes_the_next_one_of_its_process_or_its_end_from_the_store():
    sight, ended = Sight(), run_state("first", status=Status.STOPPED)
    follow(sight, FIRST)
    follow(sight, after=lambda _: None)
    assert sight.opened is FIRST
    follow(sight, after=lambda _: None, read=lambda _: ended, has_ended=True)
    assert sight.opened is ended
    follow(sight, after=lambda _: SECOND)
    assert sight.opened is SECOND


def test_a_past_run_that_was_opened_stays_until_it_is_deleted():
    sight = Sight()
    sight.open(FIRST)
    follow(sight, SECOND)
    assert sight.opened is FIRST
    sight.reread(lambda _: None)
    assert sight.opened is FIRST
    sight.forget(["first"])
    assert sight.opened is None


def test_what_was_handed_over_is_shown_as_soon_as_it_is_known():
    sight = Sight()
    sight.attach_to(["second", "first"])
    follow(sight, FIRST, has_own=True)
    assert sight.opened is None
    follow(sight, FIRST, SECOND, has_own=True)
    assert sight.opened is SECOND


# Feed and steering ------------------------------------------------------------------------------------


class Screen:
    """What the parts ask of the screen, written down."""

    is_running = True
    chosen = in_sight = None

    def __init__(self):
        self.tab = "live"
        self.said: list[str] = []
        self.asked: list[tuple[Any, Any]] = []

    def tell(self, message, severity="information", *, subject="answer", long=False):
        self.said.append(message)

    def redraw(self):
        pass

    def ring(self, text):
        pass

    def beside(self, work, then):
        then(work())

    def go_to(self, tab):
        self.tab = tab

    def ask(self, screen, answer):
        self.asked.append((screen, answer))


@pytest.fixture
def work(home):
    made = Workspace(Backends(partial(run_sweep, delay_s=0.01)), home, None, "", lambda error: pytest.fail(str(error)))
    yield made
    made.session.control.stop()
    made.session.control.resume()
    assert made.session.join(PATIENCE_S)
    made.session.close()


def test_progress_waits_for_its_turn_and_the_rest_does_not(work):
    now = 0.0
    feed = Feed(work.session, work.state, work.remote_runs, Pace(lambda: now, lambda: 0.0))
    start, *_, done = run_events()
    for events, drawn in (
        ([start], True),
        ([progress()], False),
        ([epoch_done(1)], False),
        ([Notice(level="warning", message="Look here.")], True),
        ([progress(2), done], True),
        ([], False),
    ):
        for event in events:
            work.session.mailbox.put(event)
        news = feed.take_in()
        assert list(news.own) == events
        assert feed.is_due(news) == drawn
        assert feed.is_behind == (bool(events) and not drawn)
    assert work.state.runs["run-1"].status is Status.FINISHED
    assert news.is_idle


def live(work, **changes):
    """Let a run be in progress, with a control of its own."""
    control = RunControl()
    control.requests.begin_run("run-1")
    run = RunState(**{"run": "run-1", "spec": work.spec, "status": Status.RUNNING, **changes})
    work.state.runs["run-1"], work.state.current, work.state.active = run, "run-1", True
    work.session._control = control
    return run, control


@pytest.fixture
def training(work, monkeypatch):
    monkeypatch.setattr(type(work.session), "active", property(lambda self: True))
    yield live(work)
    monkeypatch.undo()


def test_without_a_run_the_keys_say_how_to_start_one(work):
    screen = Screen()
    for name in ("pause", "stop", "skip", "live_rate"):
        getattr(Steering(work, screen), f"action_{name}")()
    assert screen.said == ["No run is in progress. Press r to start one."] * 4


def test_pause_holds_and_lets_go(work, training):
    _, control = training
    steering = Steering(work, Screen())
    steering.action_pause()
    assert control.wishes().paused
    steering.action_pause()
    assert not control.wishes().paused


def test_epochs_are_counted_from_what_was_asked_for_last_and_never_below_what_is_done(work, training):
    run, control = training
    steering = Steering(work, Screen())
    steering.action_live_epochs(1)
    steering.action_live_epochs(1)
    assert control.wishes().epochs == run.epochs + 2
    run.history += [epoch_done(epoch) for epoch in range(1, 10)]
    for _ in range(5):
        steering.action_live_epochs(-1)
    assert control.wishes().epochs == 10


def test_a_run_that_is_being_tested_takes_no_more_epochs(work, training):
    _, control = training
    control.requests.close()
    screen = Screen()
    Steering(work, screen).action_live_epochs(1)
    assert screen.said[0].startswith("Too late: this run is already being tested.")


def test_ending_a_run_asks_first_where_seconds_of_an_epoch_would_be_lost(work, training):
    run, control = training
    screen = Screen()
    run.progress = progress(1, 50, epoch_elapsed_s=60.0)
    Steering(work, screen).action_skip()
    ((_, answer),) = screen.asked
    answer(False)
    assert not control.requests.stopping
    answer(True)
    assert control.requests.stopping


def test_settings_that_differ_wait_behind_what_is_queued(work):
    screen = Screen()
    queueing = Queueing(work, screen)
    queueing.action_enqueue()
    work.spec = replace(work.spec, features=8)
    queueing.action_start()
    assert screen.said == [
        "1 run is waiting. Press r to start it.",
        "The waiting runs go first. Press n to queue these settings as well.",
    ]
    assert work.is_live


def test_the_screen_model_holds_what_the_lines_show(work, training):
    run, control = training
    control.set_epochs(15)
    work.state.apply(Preparing(message="loading PyTorch"))
    model = work.screen({}, draws_charts=True)
    assert (model.run, model.own, model.opened, model.is_live) == (run, run, None, True)
    assert model.wishes.epochs == 15
    assert model.preparing == Preparing(message="loading PyTorch")
    work.state.apply(EpochsChanged(run="run-1", epoch=1, epochs=15))
    done = run_events("run-1")[-1]
    assert isinstance(done, RunDone)
    work.state.apply(done)
    assert work.screen({}, draws_charts=True).run.status is Status.FINISHED
