"""Several apps on one home, beside each other and one after the other."""

import subprocess
import sys
import threading
from contextlib import asynccontextmanager

import pytest

from mnist_tui.core.events import RunContinued
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.demo import run_sweep
from mnist_tui.runtime.backends import Backends
from mnist_tui.runtime.session import TrainingSession
from mnist_tui.store.claims import continuing
from mnist_tui.store.database import Store
from mnist_tui.tui.app import MnistTuiApp
from mnist_tui.tui.widgets.epochs import EpochTable
from tests.builders import keep, run_events
from tests.patience import PATIENCE_S
from tests.tui.helpers import run_to_the_end, screen_text, settle, statuses, until

SLOW_S = 0.01


@asynccontextmanager
async def opened(app):
    """Give a pilot at a screen where all is seen; at the end the session lets go as the program does."""
    try:
        async with app.run_test(size=(140, 50), notifications=True) as pilot:
            await settle(pilot)
            yield pilot
    finally:
        app.session.stop()
        assert app.session.join(PATIENCE_S)
        app.session.close()


def kept(home):
    with Store.open_readonly(home) as store:
        return {run.run: store.run(run.run) for run in store.runs()}


def wait_in_a_session(home, *specs):
    session = TrainingSession(run_sweep, home)
    session.add(enqueue(specs))
    return session


def interrupt(home, run="run-1"):
    """Leave a run of three epochs after its second."""
    keep(home, run_events(run, spec=RunSpec(epochs=3))[:3])


async def train(pilot, epochs, *keys):
    await run_to_the_end(pilot, "E", *str(epochs), "enter", "r")
    await pilot.press("escape", *keys)
    await settle(pilot)


async def test_a_second_app_shows_the_run_of_the_first_and_trains_its_own_beside_it(make_app, home):
    first, second = make_app(SLOW_S), make_app()
    async with opened(first) as hand:
        # Long enough for whatever the second one takes; made short at the end.
        await hand.press("E", *"5000", "enter", "r")
        await until(hand, lambda: first.state.run is not None and first.state.run.epochs_done >= 1)
        theirs = first.state.current
        async with opened(second) as other:
            await until(other, lambda: "IN ANOTHER PROCESS" in screen_text(second))
            await other.press("escape")
            await settle(other)
            assert "READY" in screen_text(second)
            assert "1 in another process" in screen_text(second)
            await other.press("2")
            await settle(other)
            assert "● Run" in screen_text(second)
            assert "status    running" in screen_text(second)
            await other.press("enter")
            await settle(other)
            assert "IN ANOTHER PROCESS" in screen_text(second)
            await other.press("escape")
            await train(other, 2)
            assert statuses(second) == [Status.FINISHED]
        first.session.control.set_epochs(1)
        await until(hand, lambda: statuses(first) == [Status.FINISHED])
        runs = kept(home)
        assert runs[theirs].history == first.state.runs[theirs].history
        (mine,) = second.state.runs.values()
        assert runs[mine.run].history == mine.history
        assert {run.status for run in runs.values()} == {Status.FINISHED}


async def test_what_waited_in_a_session_that_died_waits_again_in_its_order_and_is_trained(make_app, home):
    wait_in_a_session(home, RunSpec(epochs=1, features=4), RunSpec(epochs=1, features=2)).close()
    app = make_app()
    async with opened(app) as pilot:
        assert "2 runs from an earlier session are waiting. Press r to start the queue." in screen_text(app)
        assert [queued.spec.features for queued in app.session.queue.waiting] == [4, 2]
        await run_to_the_end(pilot, "r")
        assert [run.spec.features for run in app.state.runs.values()] == [4, 2]
        assert statuses(app) == [Status.FINISHED] * 2
    later = make_app()
    async with opened(later):
        assert not later.session.queue.waiting


async def test_what_waits_in_a_living_session_is_left_to_it(make_app, home):
    living = wait_in_a_session(home, RunSpec(epochs=1, features=4))
    app = make_app()
    async with opened(app):
        assert not app.session.queue.waiting
        assert "earlier session" not in screen_text(app)
    living.start()
    assert living.join(PATIENCE_S)
    living.close()
    assert [run.spec.features for run in kept(home).values()] == [4]


async def test_an_interrupted_run_is_told_and_goes_on_to_its_end(make_app, home):
    interrupt(home)
    app = make_app()
    async with opened(app) as pilot:
        assert "The run run-1 was interrupted." in screen_text(app)
        await pilot.press("2")
        await run_to_the_end(pilot, "g")
        assert kept(home)["run-1"].status is Status.FINISHED
        assert kept(home)["run-1"].epochs_done == 3
        await pilot.press("escape", "1")
        await settle(pilot)
        assert app.query_one("#epochs", EpochTable).row_count == 3


async def test_a_run_that_goes_on_from_earlier_is_drawn_anew(make_app):
    app = make_app(SLOW_S)
    async with opened(app) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None and app.state.run.epochs_done >= 3)
        await pilot.press("x")
        await until(pilot, lambda: not app.session.active and not app.state.active)
        # The scripted engine writes no checkpoints, so the run begins again.
        await pilot.press("2", "g")
        await until(pilot, lambda: any(isinstance(mark, RunContinued) for mark in app.state.run.marks))
        await until(pilot, lambda: app.state.run.epochs_done >= 1)
        await pilot.press("p")
        await until(pilot, lambda: app.state.run.status is Status.PAUSED)
        await settle(pilot)
        assert app.query_one("#epochs", EpochTable).row_count == app.state.run.epochs_done


async def test_a_healthy_run_is_trained_again_with_a_tenth_of_its_learning_rate_only_after_a_question(make_app):
    app = make_app()
    async with opened(app) as pilot:
        await train(pilot, 2, "2")
        for refusal in ("escape", "n", "enter"):
            await pilot.press("l")
            await settle(pilot)
            assert "did not diverge" in screen_text(app)
            await pilot.press(refusal)
            await settle(pilot)
            assert not app.session.active
        await run_to_the_end(pilot, "l", "y")
        await until(pilot, lambda: len(app.state.runs) == 2)
        first, again = app.state.runs.values()
        assert again.spec.learning_rate == first.spec.learning_rate / 10
        assert again.spec.epochs == first.spec.epochs
        await until(pilot, lambda: statuses(app) == [Status.FINISHED] * 2)


@pytest.mark.parametrize(("key", "rate"), [("l", 10.0), ("g", 0.001)], ids=["l", "g"])
async def test_one_run_is_started_alone_and_what_waits_stays_waiting(make_app, home, key, rate):
    # Diverged for l, interrupted for g.
    events = run_events(spec=RunSpec(epochs=3, learning_rate=rate), status=Status.DIVERGED)
    keep(home, events if key == "l" else events[:3])
    wait_in_a_session(home, RunSpec(epochs=1, features=8)).close()
    app = make_app()
    async with opened(app) as pilot:
        await pilot.press("2")
        await run_to_the_end(pilot, key)
        await settle(pilot)
        (run,) = app.state.runs.values()
        assert run.spec.learning_rate == (rate / 10 if key == "l" else rate)
        assert [queued.spec.features for queued in app.session.queue.waiting] == [8]
        assert not app.session.active


async def test_while_a_run_is_live_another_one_is_told_its_place_in_the_queue(make_app, home):
    interrupt(home)
    app = make_app(SLOW_S)
    async with opened(app) as pilot:
        await pilot.press("escape", "E", *"500", "enter", "r", "n")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("2", "end", "g")
        await settle(pilot)
        assert "Queued as 1 of 2. It will start after the current run." in screen_text(app)
        assert app.session.queue.waiting[0].run == "run-1"


async def test_r_lets_what_waits_follow_a_run_that_was_started_alone(make_app, home):
    interrupt(home)
    wait_in_a_session(home, RunSpec(epochs=1, features=8)).close()
    app = make_app(5 * SLOW_S)
    async with opened(app) as pilot:
        await pilot.press("2", "g")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("r")
        await settle(pilot)
        assert "start after this one" in screen_text(app)
        await until(pilot, lambda: statuses(app) == [Status.FINISHED] * 2)


async def test_a_finished_run_goes_on_to_the_epochs_of_the_settings(make_app, home):
    app = make_app()
    async with opened(app) as pilot:
        await train(pilot, 2, "E", "4", "enter", "2")
        await pilot.press("g")
        await until(pilot, lambda: [run.epochs_done for run in kept(home).values()] == [4])
        # Until then the run is finished as it was before.
        await until(pilot, lambda: [len(run.history) for run in app.state.runs.values()] == [4])
        await until(pilot, lambda: statuses(app) == [Status.FINISHED])


@pytest.mark.parametrize("epochs", [1, 2])
async def test_a_finished_run_with_no_more_epochs_to_go_says_so(make_app, home, epochs):
    app = make_app()
    async with opened(app) as pilot:
        await train(pilot, 2, "E", str(epochs), "enter", "2", "g")
        assert "already has 2 epochs" in " ".join(screen_text(app).split())
        assert not app.session.active
        assert [run.epochs_done for run in kept(home).values()] == [2]


@asynccontextmanager
async def training_elsewhere(make_app, epochs="5000"):
    """Give an app that trains, one that was opened beside it, and the hands at both."""
    first, second = make_app(SLOW_S), make_app()
    async with opened(first) as hand:
        await hand.press("E", *epochs, "enter", "r")
        await until(hand, lambda: first.state.run is not None and first.state.run.epochs_done >= 1)
        async with opened(second) as other:
            await until(other, lambda: "IN ANOTHER PROCESS" in screen_text(second))
            yield first, hand, second, other


async def test_the_run_of_another_app_is_steered_with_the_same_keys(make_app):
    async with training_elsewhere(make_app) as (first, hand, second, other):
        await other.press("p")
        await until(hand, lambda: first.state.run.status is Status.PAUSED)
        await until(other, lambda: "paused" in screen_text(second).splitlines()[0])
        await other.press("plus", "plus", "minus", "plus")
        await until(hand, lambda: first.state.run.epochs == 5002)
        # The opposite from here: what was said last counts, and both show it.
        await hand.press("p")
        await until(other, lambda: "running" in screen_text(second).splitlines()[0])
        await other.press("R", *"0.0005", "enter")
        await until(hand, lambda: first.state.run.learning_rate == 0.0005)
        await until(other, lambda: "lr 0.001→0.0005" in screen_text(second))
        await other.press("x")
        await until(hand, lambda: first.state.run.status is Status.STOPPED)
        await until(other, lambda: "PAST RUN" in screen_text(second))
        assert statuses(second) == []


async def test_every_epoch_of_another_app_is_shown_as_it_happens(make_app):
    async with training_elsewhere(make_app) as (first, hand, second, other):
        run = first.state.current
        for _ in range(3):
            epochs = first.state.run.epochs_done
            await until(other, lambda epochs=epochs: second.work.remote_runs.runs[run].epochs_done > epochs)
        seen = list(second.work.remote_runs.runs[run].history)
        await until(hand, lambda: first.state.run.epochs_done >= len(seen))
        assert seen == first.state.run.history[: len(seen)]
        assert second.work.remote_runs.runs[run].progress is not None


async def test_the_next_run_of_another_app_follows_the_one_that_was_watched(make_app):
    async with training_elsewhere(make_app) as (_, hand, second, other):
        await hand.press("f", "n", "K")
        await until(other, lambda: "4 features" in screen_text(second).splitlines()[0])
        assert "IN ANOTHER PROCESS" in screen_text(second)


async def test_the_next_run_of_another_app_follows_though_it_takes_its_time_to_begin(make_app, home):
    may_begin = threading.Event()

    def hesitant(queue, control):
        for event in run_sweep(queue, control, delay_s=SLOW_S):
            yield event
            if event.type == "run_done":
                may_begin.wait(PATIENCE_S)

    first, second = MnistTuiApp(Backends(hesitant), home, RunSpec(epochs=5000)), make_app()
    async with opened(first) as hand, opened(second) as other:
        await hand.press("r")
        await until(other, lambda: "IN ANOTHER PROCESS" in screen_text(second))
        await hand.press("f", "n", "K")
        await until(other, lambda: "PAST RUN" in screen_text(second))
        await settle(other)
        may_begin.set()
        await until(other, lambda: "4 features" in screen_text(second).splitlines()[0])


async def test_a_past_run_that_is_open_shows_how_it_went_on_in_another_process(make_app, home):
    interrupt(home)
    app = make_app()
    async with opened(app) as pilot:
        await pilot.press("2", "enter")
        await until(pilot, lambda: "epoch 2/3" in screen_text(app).splitlines()[0])
        with Store.open_readonly(home) as store:
            queued = continuing(store, "run-1", None)
        session = TrainingSession(run_sweep, home)
        session.add([queued])
        session.start()
        assert session.join(PATIENCE_S)
        session.close()
        await until(pilot, lambda: "epoch 3/3" in screen_text(app).splitlines()[0])
        assert app.work.library.with_epochs("run-1").epochs_done == 3


async def test_what_is_over_elsewhere_cannot_be_steered_any_more(make_app):
    async with training_elsewhere(make_app) as (first, _, second, other):
        first.session.control.set_epochs(1)
        await until(other, lambda: "PAST RUN" in screen_text(second))
        await other.press("p")
        await settle(other)
        assert "No run is in progress." in screen_text(second)


async def test_a_process_that_dies_is_told_and_its_run_shows_as_interrupted(make_app, home):
    script = (
        "import sys; from pathlib import Path; from mnist_tui.core.queue import enqueue\n"
        "from mnist_tui.core.spec import RunSpec; from mnist_tui.demo import run_sweep\n"
        "from mnist_tui.runtime.session import TrainingSession; from functools import partial\n"
        "session = TrainingSession(partial(run_sweep, delay_s=0.01), Path(sys.argv[1]))\n"
        "session.add(enqueue([RunSpec(epochs=5000)])); session.start(); session.join(100)\n"
    )
    app = make_app()
    with subprocess.Popen([sys.executable, "-c", script, str(home)]) as process:
        try:
            async with opened(app) as pilot:
                await until(pilot, lambda: any(run.epochs_done for run in app.work.remote_runs.runs.values()))
                process.kill()
                await until(pilot, lambda: "exited unexpectedly" in " ".join(screen_text(app).split()))
                await until(pilot, lambda: "interrupted" in screen_text(app))
                assert app.work.remote_runs.runs == {}
        finally:
            process.kill()


async def test_an_app_that_is_attached_shows_the_run_that_was_named(make_app, home, monkeypatch):
    first, second = make_app(SLOW_S), make_app(SLOW_S)
    async with opened(first) as hand, opened(second) as other:
        await hand.press("E", *"5000", "enter", "r")
        await until(hand, lambda: first.state.run is not None and first.state.run.epochs_done >= 1)
        await other.press("escape", "F", *"8", "enter", "E", *"5000", "enter", "r")
        await until(other, lambda: second.state.run is not None and second.state.run.epochs_done >= 1)
        third = MnistTuiApp(Backends(run_sweep), home, attach=first.state.current)
        # As where the other process takes long to answer.
        has_answered, follow = threading.Event(), third.work.follow
        monkeypatch.setattr(third.work, "follow", lambda **news: follow(**news) if has_answered.is_set() else None)
        async with opened(third) as watcher:
            await until(watcher, lambda: "CONNECTING" in screen_text(third))
            has_answered.set()
            await until(watcher, lambda: "IN ANOTHER PROCESS" in screen_text(third))
            assert "2 features" in screen_text(third).splitlines()[0]
