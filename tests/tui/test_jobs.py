"""Several runs at once in the app: each is seen, and steered alone."""

import pytest

from mnist_tui.core.status import Status
from tests.tui.helpers import run_to_the_end, screen_text, settle, statuses, until
from tests.tui.test_two_apps import SLOW_S, kept, opened


def top(app):
    return screen_text(app).splitlines()[0]


async def begin_two(pilot, epochs="5000"):
    """Start two runs in parallel, with 2 and with 4 features, and a third one that waits."""
    app = pilot.app
    await pilot.press("E", *epochs, "enter", "n", "f", "n", "f", "n", "J", "r")
    await until(pilot, lambda: sum(run.epochs_done >= 1 for run in app.state.runs.values()) == 2)


async def test_two_train_at_once_and_the_third_one_follows(make_app, home):
    app = make_app()
    async with opened(app) as pilot:
        await pilot.press("E", *"3", "enter", "n", "f", "n", "f", "n", "J")
        await settle(pilot)
        assert "2 in parallel" in screen_text(app)
        await run_to_the_end(pilot, "r")
        assert statuses(app) == [Status.FINISHED] * 3
        assert "The queue is done" in screen_text(app)
    assert sorted(run.spec.features for run in kept(home).values()) == [2, 4, 8]
    assert {run.machine.threads for run in kept(home).values()} == {1}


async def test_all_in_progress_are_seen_and_stepped_through(make_app):
    app = make_app(SLOW_S)
    async with opened(app) as pilot:
        await begin_two(pilot)
        await settle(pilot)
        assert "1 more in parallel" in top(app)
        assert "1 waiting" in top(app)
        seen = set()
        for _ in range(2):
            await pilot.press(")")
            await settle(pilot)
            seen.add(next(f"{n} features" for n in (2, 4) if f"{n} features" in top(app)))
        assert seen == {"2 features", "4 features"}
        await pilot.press("2")
        await settle(pilot)
        text = screen_text(app)
        assert [line.split()[1] for line in text.splitlines() if "│ ●" in line] == ["●"] * 2
        assert "running, " in text, "the preview says it in words"


@pytest.mark.parametrize("key", ["p", "x"])
async def test_a_key_acts_on_the_run_in_sight_alone(make_app, key):
    app = make_app(SLOW_S)
    async with opened(app) as pilot:
        await begin_two(pilot)
        await pilot.press(")")
        await settle(pilot)
        shown, other = app.work.sight.opened or app.state.run, None
        other = next(run for run in app.state.runs.values() if run is not shown)
        await pilot.press(key)
        ends = {"p": Status.PAUSED, "x": Status.STOPPED}
        await until(pilot, lambda: shown.status is ends[key])
        epochs = other.epochs_done
        await until(pilot, lambda: other.epochs_done > epochs + 1)
        assert other.status is Status.RUNNING
        if key == "p":
            await pilot.press(key)
            await until(pilot, lambda: shown.status is Status.RUNNING)
        else:
            # What waits stays waiting after a stop.
            assert [queued.spec.features for queued in app.session.queue.waiting] == [8]


async def test_epochs_of_each_are_changed_by_themselves(make_app):
    app = make_app(SLOW_S)
    async with opened(app) as pilot:
        await begin_two(pilot)
        await pilot.press(")")
        await settle(pilot)
        shown = app.work.sight.opened or app.state.run
        await pilot.press("plus", "plus")
        await until(pilot, lambda: shown.epochs == 5002)
        assert sorted(run.epochs for run in app.state.runs.values()) == [5000, 5002]


async def test_leaving_stops_all_and_keeps_them(make_app, home):
    app = make_app(SLOW_S)
    async with opened(app) as pilot:
        await begin_two(pilot)
        await pilot.press("q", "s")
        await until(pilot, lambda: app.return_code is not None)
    assert [run.status for run in kept(home).values()] == [Status.STOPPED] * 2
    # As the program does when its app has ended.
    app.remembering.keep()
    again = make_app()
    async with opened(again):
        assert [queued.spec.features for queued in again.session.queue.waiting] == [8]
        assert "2 in parallel" in screen_text(again)


async def test_the_form_says_how_many_at_once(make_app):
    app = make_app()
    async with opened(app) as pilot:
        await pilot.press("N")
        await settle(pilot)
        assert "Parallel runs" in screen_text(app)
        app.screen.query_one("#jobs").value = "0"
        await settle(pilot)
        assert "Parallel runs must be" in screen_text(app)
        app.screen.query_one("#jobs").value = "3"
        app.screen.query_one("#seed").value = "0-3"
        app.screen.query_one("#epochs").value = "2"
        await settle(pilot)
        await pilot.press("escape")
        assert app.session.jobs == 1
