"""The layers of a run's network, in a dialog."""

from functools import partial

from mnist_tui.core.layers import Layer
from mnist_tui.demo import run_sweep
from mnist_tui.errors import RunError
from mnist_tui.runtime.backends import Backends
from mnist_tui.tui.app import MnistTuiApp
from tests.tui.helpers import run_to_the_end, screen_text, settle, until

TRAINED = partial(run_sweep, insights=True)
"""Runs with checkpoints."""
LAYERS = (
    Layer(name="body.conv1", kind="Conv2d", shape=(16, 28, 28), parameters=1_160, share=0.4),
    Layer(name="", kind="", shape=(), parameters=0, share=0.6),
)


async def test_layers_are_listed_with_their_sum_at_every_size(home):
    app = MnistTuiApp(Backends(TRAINED, layers=lambda data, channels, side: LAYERS), home)
    async with app.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "r")
        await pilot.press("escape")
        for size in ((120, 40), (80, 24), (60, 18)):
            await pilot.resize_terminal(*size)
            await pilot.press("I")
            await until(pilot, lambda: len(app.screen_stack) > 1)
            await settle(pilot)
            text = screen_text(app)
            assert "Layers of 10 epochs x 2 features" in text
            assert "16 x 28 x 28" in text
            assert "1,160" in text
            await pilot.press("escape")


async def test_why_there_are_none_is_told(home, make_app):
    def broken(*_args):
        raise RunError("the network of this run is code in net.py")

    app = MnistTuiApp(Backends(TRAINED, layers=broken), home)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("I")
        await until(pilot, lambda: "There is no run yet." in screen_text(app))
        await run_to_the_end(pilot, "r")
        await pilot.press("escape", "2", "I")
        await until(pilot, lambda: "code in net.py" in screen_text(app))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "I")
        await until(pilot, lambda: "The demo does not train" in screen_text(app))
