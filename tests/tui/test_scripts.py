"""A script's run in the app: as it is, without what only the built-in network has, and steered by the same keys."""

import threading
import time
from typing import Any

import pytest

import mnist_tui
from mnist_tui.core.events import RunPaused
from mnist_tui.core.status import Status
from mnist_tui.store.database import Store
from mnist_tui.tui.widgets.plot import PlotView
from tests.patience import PATIENCE_S
from tests.tui.helpers import screen_text, settle, until


class Optimizer:
    def __init__(self, rate):
        self.param_groups = [{"lr": rate}]

    def state_dict(self):
        return {"lr": self.param_groups[0]["lr"]}

    def load_state_dict(self, state):
        self.param_groups[0]["lr"] = state["lr"]


def record(home, name="wide", epochs=3, steps=40, **options: Any):
    """Record a finished run."""
    with mnist_tui.init(name, epochs=epochs, home=home, **options) as run:
        for epoch in run.epochs():
            for step in run.steps(steps):
                run.log(loss=1 / (steps * (epoch - 1) + step + 1), lr=0.1 / epoch)
            run.log({"val/f1": 0.5 + 0.1 * epoch, "val/loss": 1 / epoch})
        run.log({"test/f1": 0.75})
    return run.id


class Live:
    """A run in progress beside the app."""

    def __init__(self, home, **options: Any):
        self.optimizer = Optimizer(0.1)
        self.home = home
        self.options: dict[str, Any] = {"state": {"optimizer": self.optimizer}, "epochs": 1_000} | options
        self.thread = threading.Thread(target=self._train)
        self.thread.start()

    def _train(self):
        end = time.monotonic() + PATIENCE_S
        with mnist_tui.init("live", home=self.home, **self.options) as run:
            for epoch in run.epochs():
                for _ in run.steps(5):
                    run.log(loss=1 / epoch)
                    time.sleep(0.01)
                    if time.monotonic() > end:
                        return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join(PATIENCE_S)


def stored(home):
    with Store.open_readonly(home) as store:
        return store.run("last")


async def test_a_recorded_run_opens_with_its_own_numbers_and_settings(make_app, home):
    record(home, config={"width": 8, "seed": 1})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "enter")
        await settle(pilot)
        text = screen_text(app)
        for shown in ("F1 ", "val f1", "80.00%", "width", "train loss", "Val f1", "★"):
            assert shown in text, shown
        for missing in ("3 Errors", "4 Features", "5 Draw", "features", "Improvement per epoch"):
            assert missing not in text, missing
        await pilot.press("c")
        await settle(pilot)
        assert "Lr" in screen_text(app)
        await pilot.press("3")
        await settle(pilot)
        assert "belongs to a script" in screen_text(app)


async def test_the_tabs_of_the_network_come_back_with_a_run_of_it(make_app, home):
    record(home)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "enter")
        await settle(pilot)
        assert "3 Errors" not in screen_text(app)
        await pilot.press("escape", "escape")
        app.work.shows_past = False
        await settle(pilot)
        await pilot.press("1", "r")
        # Behind the result, if the run has ended by then.
        await until(pilot, lambda: "3 Errors" in screen_text(app, app.screen_stack[0]))


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 18), (40, 12)])
async def test_every_size_shows_how_the_run_stands(make_app, home, size):
    record(home)
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await pilot.press("2", "enter")
        await settle(pilot)
        assert "80.00%" in screen_text(app)


async def test_a_loop_of_steps_alone_is_drawn_over_its_steps(make_app, home):
    with mnist_tui.init("steps", home=home) as run:
        for step in range(500):
            run.log(reward=step * 0.5)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "enter")
        await settle(pilot)
        text = screen_text(app)
        assert "Reward" in text
        assert "500 steps" in text
        assert "249.5" in text


async def test_the_keys_steer_a_run_of_another_process(make_app, home):
    app = make_app()
    with Live(home) as live:
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: app.work.sight.id is not None and app.work.can_steer)
            await pilot.press("p")
            await until(pilot, lambda: any(isinstance(mark, RunPaused) for mark in stored(home).marks))
            await until(pilot, lambda: "paused" in screen_text(app))
            await pilot.press("p", "R", *"0.5", "enter")
            await until(pilot, lambda: live.optimizer.param_groups[0]["lr"] == 0.5)
            await pilot.press("K")
            await settle(pilot)
            assert "A script has no queue" in screen_text(app)
            await pilot.press("P")
            await settle(pilot)
            assert "The state is saved at the next step" in screen_text(app)
            await pilot.press("x")
            await until(pilot, lambda: not live.thread.is_alive())
            await settle(pilot)
    assert stored(home).status is Status.STOPPED


async def test_a_key_that_a_run_cannot_obey_is_grey_and_says_why(make_app, home):
    app = make_app()
    with Live(home, state={}) as live:
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: app.work.sight.id is not None and app.work.can_steer)
            await until(pilot, lambda: not next(o for o in app.painter._keys._offers if o.title == "Rate").works)
            assert next(o for o in app.painter._keys._offers if o.title == "Pause").works
            await pilot.press("R")
            await settle(pilot)
            assert "This run knows no optimizer. Pass it to mnist_tui.init" in screen_text(app)
            await pilot.press("x")
            await until(pilot, lambda: not live.thread.is_alive())
    assert stored(home).rates == ()


async def test_runs_of_both_kinds_are_listed_and_compared_with_their_own(make_app, home):
    for seed in (0, 1):
        record(home, config={"width": 8, "seed": seed})
        record(home, config={"width": 16, "seed": seed})
    app = make_app()
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.press("2")
        await settle(pilot)
        assert "80.00% val f1" in screen_text(app)
        await pilot.press("c")
        await settle(pilot)
        text = screen_text(app)
        assert "Best val/f1" in text
        assert "80.00 ± 0.00%" in text
        assert text.count("finished") == 2, "seeds are averaged"
        await pilot.press("c", "G", "1", "r")
        await until(pilot, lambda: app.state.finished_sweep is not None)
        await pilot.press("escape", "2")
        await settle(pilot)
        assert "Result" in screen_text(app)


async def test_resuming_says_that_only_its_user_can_start_a_script(make_app, home):
    run = record(home)
    app = make_app()
    async with app.run_test(size=(160, 40), notifications=True) as pilot:
        await pilot.press("2", "g")
        await settle(pilot)
        assert f"MNIST_TUI_RESUME={run}" in screen_text(app)


@pytest.mark.parametrize("name", ["[/red]dead", "a[link=file:///]b", "weird [red]n", "🔥 x" * 10])
async def test_a_name_is_text_and_no_markup(make_app, home, name):
    record(home, name)
    app = make_app()
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("2")
        await settle(pilot)
        assert name[:6] in screen_text(app)
        await pilot.press("/", *"[/red]", "enter")
        await settle(pilot)
        await pilot.press("escape", "enter")
        await settle(pilot)
        assert "80.00%" in screen_text(app)


async def test_a_loop_of_steps_alone_has_a_curve_in_the_preview_and_in_a_comparison(make_app, home):
    for number in (1, 2):
        with mnist_tui.init(f"steps{number}", home=home) as run:
            for step in range(200):
                run.log(reward=step * number)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "space", "down", "space")
        await settle(pilot)
        chart = app.query_one("#overlay")._chart
        assert [len(series.x) for series in chart.series if series.name] == [200, 200]
        assert chart.x_unit == "step"
        await pilot.press("C")
        await settle(pilot)
        assert "Last reward" in screen_text(app)


async def test_a_huge_screen_shows_four_charts_and_a_smaller_one_turns_the_pages(make_app, home):
    with mnist_tui.init("many", epochs=3, home=home) as run:
        for epoch in run.epochs():
            run.log({f"val/{name}": epoch * 0.1 for name in ("accuracy", "loss", "wer", "iou", "mae")})
    app = make_app()
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.press("2", "enter")
        await settle(pilot)
        titles = [plot._chart.title for plot in app.query(PlotView) if plot.display and plot._chart and plot.size.width]
        assert titles[:4] == ["Accuracy", "Loss", "Wer", "Iou"]
        await pilot.resize_terminal(60, 18)
        for title in ("Accuracy", "Loss", "Wer", "Iou", "Mae", "Accuracy"):
            await settle(pilot)
            assert app.query_one("#chart", PlotView)._chart.title == title
            await pilot.press("c")
