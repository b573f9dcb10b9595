"""The queue in the Runs tab: its order can be changed, and stays when the app is left."""

from mnist_tui.tui.widgets.runs import RunsView
from tests.tui.helpers import screen_text, settle


def features(app):
    return [queued.spec.features for queued in app.session.queue.waiting]


async def test_a_waiting_run_is_moved_and_the_order_is_kept_for_the_next_start(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("n", "f", "n", "f", "n", "2")
        await settle(pilot)
        await pilot.press("ctrl+up")
        await settle(pilot)
        assert "choose a waiting run" in screen_text(app)
        assert features(app) == [2, 4, 8]
        app.screen.set_focus(app.query_one("#queue"))
        await pilot.press("down", "down", "ctrl+up", "ctrl+up", "ctrl+up")
        await settle(pilot)
        assert features(app) == [8, 2, 4]
        chosen = app.query_one(RunsView).chosen_waiting
        assert chosen == app.session.queue.waiting[0].run, "the cursor goes with the run"
        await pilot.press("ctrl+down")
        assert features(app) == [2, 8, 4]
        assert "Earlier" in screen_text(app).splitlines()[-1]
    app.session.close()
    again = make_app()
    async with again.run_test(size=(120, 40)):
        assert features(again) == [2, 8, 4]
