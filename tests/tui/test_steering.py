"""Pause, stop, skip, and a longer or shorter run: what the control keys do."""

import threading

from textual.widgets import DataTable

from mnist_tui.core.events import Preparing, Progress, SweepDone, SweepStarted
from mnist_tui.core.status import Phase, Status
from mnist_tui.demo import run_sweep
from mnist_tui.store.database import Store
from tests.patience import PATIENCE_S
from tests.tui.helpers import SLOW_S, run_to_the_end, screen_text, settle, statuses, until


async def test_queued_runs_wait_until_they_are_started_and_can_be_removed(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n", "f", "n", "2")
        await settle(pilot)
        assert "10 epochs x 4 features" in screen_text(app)
        assert not app.session.active
        app.query_one("#queue", DataTable).focus()
        await pilot.press("delete")
        await settle(pilot)
        assert [queued.spec.features for queued in app.session.queue.waiting] == [4]
        await run_to_the_end(pilot, "r")
        assert [run.spec.features for run in app.state.runs.values()] == [4]


async def test_pause_holds_the_run_and_resume_lets_it_go_on(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("p")
        await until(pilot, lambda: statuses(app) == [Status.PAUSED])
        await settle(pilot)
        assert "‖ paused" in screen_text(app)
        done = app.state.run.epochs_done
        await settle(pilot)
        assert app.state.run.epochs_done == done
        await pilot.press("p")
        await until(pilot, lambda: app.state.run.epochs_done > done)
        assert statuses(app) == [Status.RUNNING]
        app.session.control.stop()


async def test_stop_keeps_finished_epochs_and_leaves_the_queue_waiting(make_app, home):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: app.state.run is not None and app.state.run.epochs_done >= 1)
        await pilot.press("x")
        await until(pilot, lambda: not app.session.active and not app.state.active)
        await settle(pilot)
        assert statuses(app) == [Status.STOPPED]
        assert len(app.session.queue.waiting) == 1
        with Store.open_readonly(home) as store:
            assert store.run("last").epochs_done == app.state.run.epochs_done
        await pilot.press("r")
        await until(pilot, lambda: len(app.state.runs) == 2)
        app.session.control.stop()


async def test_skip_goes_on_with_the_next_run(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("K")
        await until(pilot, lambda: len(app.state.runs) == 2)
        assert statuses(app) == [Status.STOPPED, Status.RUNNING]
        app.session.control.stop()


async def test_the_run_in_progress_can_be_made_longer_and_shorter(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("plus")
        await until(pilot, lambda: app.state.run.epochs == 11)
        await settle(pilot)
        assert "/11" in screen_text(app)
        await pilot.press("minus")
        await until(pilot, lambda: app.state.run.epochs == 10)
        app.session.control.stop()


async def test_presses_add_up_from_the_last_wish_at_any_speed_and_the_status_line_shows_it_at_once(make_app):
    # So slow that no machine trains 16 epochs before all keys are pressed.
    app = make_app(20 * SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", *"30", "enter", "r")
        await until(pilot, lambda: app.state.run is not None and app.state.run.progress is not None)
        await pilot.press(*["minus"] * 14, *["plus"] * 9)
        await until(pilot, lambda: app.state.run.epochs == 25)
        await pilot.press("p")
        await until(pilot, lambda: app.state.run.status is Status.PAUSED)
        await pilot.press("plus", "plus", "minus")
        assert "→ 26" in screen_text(app) or "/26" in screen_text(app)
        await until(pilot, lambda: app.state.run.epochs == 26)
        assert app.state.run.status is Status.PAUSED
        await settle(pilot)
        assert "/26" in screen_text(app)
        assert "→" not in screen_text(app).splitlines()[0]
        app.session.control.stop()


async def test_a_wish_for_epochs_that_comes_during_the_test_is_told_to_be_too_late(make_app):
    app = make_app()
    testing, go_on = threading.Event(), threading.Event()

    def slow_at_the_test(queue, control):
        for event in run_sweep(queue, control):
            yield event
            if isinstance(event, Progress) and event.phase is Phase.TEST:
                testing.set()
                go_on.wait(PATIENCE_S)

    app = make_app(engine=slow_at_the_test)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("E", *"2", "enter", "r")
        await until(pilot, testing.is_set)
        await until(pilot, lambda: app.state.run is not None and app.state.run.epochs_done == 2)
        await pilot.press("plus")
        await until(pilot, lambda: "Too late" in screen_text(app))
        go_on.set()
        await until(pilot, lambda: statuses(app) == [Status.FINISHED])
        assert app.state.run.epochs_done == app.state.run.epochs == 2


async def test_a_run_stopped_before_it_began_waits_again(make_app):
    def downloading(queue, control):
        yield SweepStarted(sweep="sweep", started_at="2026-03-01T12:00:00+00:00")
        next(iter(queue))
        while not control.queue_stopped:
            yield Preparing(message="downloading", fraction=0.43)
        yield SweepDone(sweep="sweep", runs=(), stopped=True)

    app = make_app(engine=downloading)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.preparing is not None)
        assert not app.session.queue.waiting
        await until(pilot, lambda: "downloading 43%" in screen_text(app))
        assert "getting ready █" in screen_text(app)
        await pilot.press("x")
        await until(pilot, lambda: not app.session.active)
        await settle(pilot)
        assert len(app.session.queue.waiting) == 1
        assert not app.session.active


async def test_starting_twice_never_makes_two_training_threads(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "r", "r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("r")
        await settle(pilot)
        assert len(app.state.runs) == 1
        assert not app.session.start()
        app.session.control.stop()


async def test_a_run_added_while_another_is_live_follows_it(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", "5", "enter", "r", "n")
        await until(pilot, lambda: statuses(app) == [Status.FINISHED, Status.FINISHED])
