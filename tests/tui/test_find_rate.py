"""A learning rate is found for the next run, or chosen on the curve."""

import re
import threading

from mnist_tui.core.ratefinder import RangeTest, RateFound
from mnist_tui.demo import run_sweep
from mnist_tui.errors import MnistTuiError
from mnist_tui.runtime.backends import Backends
from mnist_tui.tui.app import MnistTuiApp
from tests.patience import PATIENCE_S
from tests.tui.helpers import screen_text, settle, until
from tests.unit.test_ratefinder import bowl

TEST = RangeTest(low=1e-5, high=10.0, steps=300, tries=3)


class Scripted:
    """A search that goes on when it may."""

    def __init__(self, spec, *, problem="", lowest=0.03):
        self.spec, self._problem, self._lowest = spec, problem, lowest
        self.go_on, self.is_stopped = threading.Event(), False

    def __iter__(self):
        yield "reading MNIST"
        self.go_on.wait(PATIENCE_S)
        if self._problem:
            raise MnistTuiError(self._problem)
        curve = tuple(bowl(self._lowest))
        for number in range(1, 4):
            yield RateFound(TEST, (curve,) * number + ((),) * (3 - number))

    def stop(self):
        self.is_stopped = True
        self.go_on.set()


def app_with(home, **how):
    begun = []

    def find(spec):
        begun.append(Scripted(spec, **how))
        return begun[-1]

    return MnistTuiApp(Backends(run_sweep, find_rate=find), home), begun


async def test_enter_takes_the_suggestion_over_into_the_next_run(home):
    app, begun = app_with(home)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("f", "M")
        await until(pilot, lambda: "reading MNIST" in screen_text(app))
        assert begun[0].spec.features == 4
        assert "for 4 features, seed 0" in screen_text(app)
        await pilot.press("enter")
        await until(pilot, lambda: "There is no suggestion yet" in screen_text(app))
        begun[0].go_on.set()
        await until(pilot, lambda: "Learning rate 0.003." in screen_text(app))
        assert "at a rate of 0.03" in screen_text(app)
        await pilot.press("enter")
        await settle(pilot)
        assert app.work.spec.learning_rate == 0.003
        assert begun[0].is_stopped


async def test_another_rate_can_be_chosen_with_arrows_and_the_mouse_and_esc_takes_none(home):
    app, begun = app_with(home)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("M")
        await until(pilot, lambda: bool(begun))
        begun[0].go_on.set()
        await until(pilot, lambda: "Learning rate 0.003." in screen_text(app))
        await pilot.press("right", "right", "left")
        await until(pilot, lambda: "Learning rate 0.004." in screen_text(app))
        plot = app.screen.query_one("PlotView")
        await pilot.click(plot, offset=(plot.size.width - 1, 5))
        await until(pilot, lambda: "Learning rate 10." in screen_text(app))
        await pilot.press("right")
        await settle(pilot)
        assert "Learning rate 10." in screen_text(app)
        await pilot.press("escape")
        await settle(pilot)
        assert app.work.spec.learning_rate == 0.001


async def test_esc_ends_a_search_in_progress_and_an_error_is_one_sentence(home):
    app, begun = app_with(home, problem="no learning rate was found: MNIST is not available")
    async with app.run_test(size=(60, 18)) as pilot:
        await pilot.press("M")
        await until(pilot, lambda: "reading MNIST" in screen_text(app))
        await pilot.press("escape")
        await until(pilot, lambda: begun[0].is_stopped)
        await pilot.press("M")
        await until(pilot, lambda: len(begun) == 2)
        begun[1].go_on.set()
        await until(pilot, lambda: "No learning rate was found: MNIST" in screen_text(app))
        await pilot.press("escape")
        await settle(pilot)
        assert "No learning rate" not in screen_text(app)


async def test_at_forty_columns_all_of_the_reason_can_be_read(home):
    app, begun = app_with(home)
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.press("M")
        await until(pilot, lambda: bool(begun))
        begun[0].go_on.set()
        await until(pilot, lambda: app.screen.is_over)
        await settle(pilot)
        words = " ".join(re.sub("[│╭╮╯╰─]", " ", screen_text(app)).split())
        assert "leaves a margin for a full run." in words


async def test_scripted_training_has_no_rate_to_find(make_app):
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("M")
        await until(pilot, lambda: "The demo does not train" in screen_text(app))
