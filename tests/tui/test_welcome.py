"""The first minutes: what is shown before any run, and what happens without MNIST."""

import re
import time
from dataclasses import replace

import pytest

from mnist_tui.core.events import Progress, RunStarted
from mnist_tui.core.spec import FALLBACK_SPEC, RunSpec
from mnist_tui.core.status import Phase
from mnist_tui.demo import run_sweep
from mnist_tui.engine.model import BottleneckCNN
from mnist_tui.runtime.backends import Backends
from mnist_tui.tui.app import MnistTuiApp
from mnist_tui.tui.widgets.welcome import layers
from tests.tui.helpers import screen_text, settle, until


@pytest.mark.parametrize("features", [1, 2, 8, 100])
def test_the_layers_have_the_parameters_of_the_network(features):
    for dataset, classes, channels in (("auto", 10, 1), ("emnist-letters", 26, 1), ("cifar10", 10, 3)):
        network = BottleneckCNN(features, classes, channels)
        told = layers(RunSpec(features=features, dataset=dataset))
        assert sum(size for *_, size in told) == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (RunSpec(dataset="cifar10"), ("A small network learns from CIFAR-10.", "32x32x3", "a score per class")),
        (RunSpec(dataset="folder:/x/flowers"), ("A small network learns from flowers.",)),
        (RunSpec(model="/x/net.py:Net", options="width=8"), ("Your network Net width=8 learns from MNIST.",)),
    ],
)
async def test_other_data_and_networks_are_named_and_no_false_shape_is_shown(home, spec, words):
    app = MnistTuiApp(Backends(run_sweep), home, spec)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        text = screen_text(app)
        assert all(word in text for word in words)
        assert "28x28" not in text


async def test_the_network_is_shown_with_shapes_and_parameters_and_follows_the_features(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "14x14x2" in screen_text(app)
        assert "13,380" in screen_text(app)
        await pilot.press("f")
        await settle(pilot)
        assert "7x7x4" in screen_text(app)


def falls_back(queue, control):
    """Train on the digits because MNIST is missing."""
    for event in run_sweep(queue, control):
        if isinstance(event, RunStarted) and event.dataset is not None:
            event = replace(event, dataset=replace(event.dataset, label="8x8 digits (not MNIST)", note="no MNIST"))
        yield event


@pytest.mark.parametrize("chosen", [False, True])
async def test_after_a_fallback_the_next_run_has_settings_that_learn_unless_a_person_chose_some(make_app, chosen):
    app = make_app(engine=falls_back)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        if chosen:
            await pilot.press("f")
        await pilot.press("t")
        await until(pilot, lambda: app.state.finished_sweep is not None)
        assert (app.work.spec == FALLBACK_SPEC) is not chosen
        assert [run.spec.features for run in app.state.runs.values()] == [2, 2], "what was queued is trained as asked"


def holds_in_the_first_epoch(queue, control):
    """Train until the middle of the first epoch, then stand still until the test ends the run."""
    for event in run_sweep(queue, control, insights=True):
        yield event
        if isinstance(event, Progress) and event.phase is Phase.TRAIN and event.batch > 390:
            while not control.requests.stopping:
                time.sleep(0.01)


async def test_before_the_first_epoch_the_tabs_say_how_far_it_is(make_app):
    app = make_app(engine=holds_in_the_first_epoch)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None and app.state.run.epoch_fraction > 0.4)
        for tab in "34":
            await pilot.press(tab)
            await settle(pilot)
            text = screen_text(app)
            assert re.search(r"first epoch: 5\d% done, about", text)
            assert text.count("vailable after the first epoch") == 2, "in the line above and in the empty pane"
        app.session.stop()


@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24)])
async def test_before_the_first_run_it_says_which_data_there_will_be(home, width, height):
    told = "MNIST is not here yet: the first run gets it (11 MB)."
    app = MnistTuiApp(Backends(run_sweep, data=lambda: told), home)
    async with app.run_test(size=(width, height)) as pilot:
        await settle(pilot)
        assert "MNIST is not here yet" in screen_text(app)
        assert "(11 MB)" in screen_text(app)
