"""A run is handed to a process of its own: the app goes on watching it, or is left."""

import threading
import time

import pytest

from mnist_tui.core.events import Preparing, SweepDone, SweepStarted
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.demo import load_classifier
from mnist_tui.errors import MnistTuiError
from mnist_tui.runtime.backends import Backends
from mnist_tui.runtime.session import TrainingSession
from mnist_tui.store.database import Store
from mnist_tui.tui.app import MnistTuiApp
from tests.patience import PATIENCE_S
from tests.tui.helpers import screen_text, settle, until
from tests.tui.test_two_apps import SLOW_S, kept, opened


@pytest.fixture
def other(home):
    """Stand for the process that takes over: another session on the same home."""

    class Other:
        def __init__(self):
            self.queues, self.threads, self.error = [], [], None
            self.may_start, self.may_end = threading.Event(), threading.Event()
            self.may_start.set()

        def take(self, queue, jobs):
            if self.error is not None:
                raise self.error
            self.queues.append(queue)
            self.may_start.wait(PATIENCE_S)
            taken = threading.Event()
            self.threads.append(threading.Thread(target=self.train, args=(queue, taken)))
            self.threads[-1].start()
            assert taken.wait(PATIENCE_S)

        def train(self, queue, taken):
            session = TrainingSession(slowly, home)
            session.add(queue)
            session.start()
            taken.set()
            self.may_end.wait(PATIENCE_S)
            session.stop()
            session.join(PATIENCE_S)
            session.close()

        def end(self):
            self.may_end.set()
            for thread in self.threads:
                thread.join()

    other = Other()
    yield other
    other.end()


def slowly(queue, control):
    from mnist_tui.demo import run_sweep

    return run_sweep(queue, control, delay_s=SLOW_S, insights=True)


@pytest.fixture
def app(home, other):
    return MnistTuiApp(Backends(slowly, load_classifier, detach=other.take), home, RunSpec(epochs=5000))


async def train(pilot):
    app = pilot.app
    await pilot.press("r")
    await until(pilot, lambda: app.state.run is not None and app.state.run.epochs_done >= 2)


async def test_a_run_and_what_waits_go_to_another_process_and_are_watched_there(app, other, home):
    async with opened(app) as pilot:
        await train(pilot)
        run, seen = app.state.current, list(app.state.run.history)
        await pilot.press("f", "n", "D")
        await until(pilot, lambda: "IN ANOTHER PROCESS" in screen_text(app))
        (queue,) = other.queues
        assert [(q.continues, q.spec.features) for q in queue] == [(True, 2), (False, 4)]
        assert queue[0].run == run
        assert not app.session.active
        assert app.session.queue.waiting == ()
        await until(pilot, lambda: app.work.remote_runs.runs[run].epochs_done > len(seen) + 1)
        assert app.work.remote_runs.runs[run].history[: len(seen)] == seen
        # Its keys work as before.
        await pilot.press("K")
        await until(pilot, lambda: "4 features" in screen_text(app).splitlines()[0])
        assert kept(home)[run].status is Status.STOPPED
        assert (app.session.total, app.session.done(0)) == (0, 0), "none of them counts as done here"


async def test_the_app_can_be_left_while_the_run_goes_on(app, other, home):
    async with opened(app) as pilot:
        await train(pilot)
        await pilot.press("q")
        await settle(pilot)
        assert "Leave it training and quit" in screen_text(app)
        await pilot.press("d")
        await until(pilot, lambda: app.return_code is not None)
    assert app.return_code == 0
    assert app.leaving.handover.count == 1
    (run,) = kept(home).values()
    assert run.status is Status.RUNNING


async def test_quitting_waits_until_the_other_process_has_the_run(app, other):
    other.may_start.clear()
    async with opened(app) as pilot:
        await train(pilot)
        await pilot.press("D")
        await until(pilot, lambda: other.queues)
        await pilot.press("q")
        await settle(pilot)
        assert app.return_code is None
        other.may_start.set()
        await until(pilot, lambda: app.return_code == 0)


async def test_a_paused_run_is_handed_over_and_stays_paused_until_it_is_resumed_there(app, other, home):
    async with opened(app) as pilot:
        await train(pilot)
        run = app.state.current
        await pilot.press("p")
        await until(pilot, lambda: app.state.run.status is Status.PAUSED)
        await pilot.press("D")
        await until(pilot, lambda: "IN ANOTHER PROCESS" in screen_text(app))
        await until(pilot, lambda: app.work.remote_runs.runs[run].status is Status.PAUSED)
        done = app.work.remote_runs.runs[run].epochs_done
        assert other.queues[0][0].paused
        await pilot.press("p")
        await until(pilot, lambda: app.work.remote_runs.runs[run].epochs_done > done)


async def test_what_has_not_begun_is_handed_over_too(home, other):
    begun = threading.Event()

    def preparing(queue, control):
        yield SweepStarted(sweep="s", started_at="2026-01-01T00:00:00+00:00")
        next(iter(queue))
        begun.set()
        while not control.queue_stopped:
            yield Preparing(message="downloading MNIST")
            time.sleep(0.02)
        yield SweepDone(sweep="s", runs=(), stopped=True)

    app = MnistTuiApp(Backends(preparing, detach=other.take), home, RunSpec(epochs=5000))
    async with opened(app) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: begun.is_set() and app.state.active)
        await pilot.press("D")
        await until(pilot, lambda: "IN ANOTHER PROCESS" in screen_text(app))
        ((queued,),) = other.queues
        assert not queued.continues


async def test_whatever_kills_the_app_meanwhile_the_run_waits_for_the_next_start(app, other, home):
    other.may_start.clear()
    async with opened(app) as pilot:
        await train(pilot)
        run = app.state.current
        await pilot.press("f", "n", "D")
        await until(pilot, lambda: other.queues)
        # What a process that dies now leaves behind: its lock is free.
        app.session._kept()._locks.let_go_all()
        with Store.open(home) as later:
            first, second = later.adopt_waiting("20260101-120000-bbbbbb")
        assert (first.run, first.continues) == (run, True)
        assert (second.spec.features, second.continues) == (4, False)
        other.may_start.set()
        await settle(pilot)


async def test_where_nobody_takes_over_the_run_waits_here_and_nothing_is_lost(app, other, home):
    other.error = MnistTuiError("the process that was to take over has exited (no space)", "Its log is there")
    async with opened(app) as pilot:
        await train(pilot)
        run, epochs = app.state.current, app.state.run.epochs_done
        await pilot.press("q", "d")
        await until(pilot, lambda: "has exited (no space)" in screen_text(app))
        assert app.return_code is None
        assert [queued.run for queued in app.session.queue.waiting] == [run]
        assert kept(home)[run].epochs_done >= epochs
        await pilot.press("r")
        await until(pilot, lambda: app.state.run.status is Status.RUNNING and app.state.run.epochs_done > epochs)


async def test_what_is_elsewhere_or_nowhere_cannot_be_handed_over(app, other, make_app):
    async with opened(app) as pilot:
        await pilot.press("D")
        await settle(pilot)
        assert "No run is in progress." in screen_text(app)
        await train(pilot)
        await pilot.press("D")
        await until(pilot, lambda: "IN ANOTHER PROCESS" in screen_text(app))
        await pilot.press("D")
        await settle(pilot)
        assert "already in another process" in screen_text(app)
        assert len(other.queues) == 1


async def test_scripted_runs_stay_where_they_are(make_app):
    app = make_app(SLOW_S)
    async with opened(app) as pilot:
        await pilot.press("E", *"5000", "enter")
        await train(pilot)
        for keys in (["D"], ["q", "d"]):
            await pilot.press(*keys)
            await settle(pilot)
            assert "Scripted runs cannot be detached." in screen_text(app)
            assert app.state.run.status is Status.RUNNING
