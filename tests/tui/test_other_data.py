"""Runs on other data than MNIST: many classes, long names, colours, images that nobody can draw."""

import re

import numpy as np
import pytest
from PIL import Image
from textual.widgets import Input

from mnist_tui.core.control import RunControl
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import load_classifier, run_sweep
from mnist_tui.engine.allowed import allow
from mnist_tui.runtime.backends import Backends
from mnist_tui.store.database import Store
from mnist_tui.tui.app import MnistTuiApp
from mnist_tui.tui.widgets.digits import DigitsView
from mnist_tui.tui.widgets.errors import MatrixView
from mnist_tui.tui.widgets.pad import PadView
from tests.tui.helpers import screen_text, settle, until

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, classes, channels, side, width=2):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, width, side), nn.Flatten())
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        return self.head(self.body(images))
"""
NAMES = ("airplane", "automobile", "bird")


def trained(home, path, classes, *, colour=False):
    """Train a run on made images; those of a class have their own brightness or colour."""
    labels = np.arange(30 * len(classes)) % len(classes)
    images = np.zeros((len(labels), 8, 8, 3 if colour else 1), np.uint8)
    images[..., 0] = (labels * 255 // len(classes))[:, None, None]
    np.savez(path, images=images, labels=labels, classes=np.array(classes))
    spec = RunSpec(epochs=2, dataset=str(path.absolute()), backend="torch", threads=1, batch_size=32)
    with Store.open(home) as store:
        for _ in store.recorded(run_sweep(enqueue([spec]), RunControl())):
            pass


async def opened(pilot, tab):
    await pilot.press("2", "enter")
    await settle(pilot)
    await pilot.press(tab)
    await settle(pilot)


async def test_long_names_have_a_letter_each_on_the_map_and_stand_in_columns(make_app, home, tmp_path):
    trained(home, tmp_path / "things.npz", NAMES)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "4")
        lines = screen_text(app).splitlines()
        rows = [
            next(line for line in lines if f"{mark} {name}" in line) for mark, name in zip("aub", NAMES, strict=True)
        ]
        assert len({row.index("%") for row in rows}) == 1, "the accuracies are aligned"


@pytest.mark.parametrize(("width", "height"), [(120, 40), (60, 18)])
async def test_a_matrix_of_many_classes_is_one_of_colours_and_follows_the_cursor(
    make_app, home, tmp_path, width, height
):
    classes = tuple(f"kind {number}" for number in range(40))
    trained(home, tmp_path / "many.npz", classes)
    app = make_app()
    async with app.run_test(size=(width, height)) as pilot:
        await opened(pilot, "3")
        matrix = app.query_one(MatrixView)
        matrix.action_move(-99, -99)
        await settle(pilot)
        text = screen_text(app)
        assert "kind 0 recognised" in text
        assert re.search(r"rows 1-\d+.* of 40", text)
        heads = text.splitlines()[5].split("│")[0].split()[0]
        assert len(set(heads)) == len(heads), "every column has its own sign"
        matrix.action_move(99, 98)
        await pilot.press("right")
        await settle(pilot)
        text = screen_text(app)
        assert "kind 39 recognised" in text
        assert re.search(r"-40.* of 40", text)


async def test_colour_images_are_shown_in_their_colours_in_every_theme(make_app, home, tmp_path):
    trained(home, tmp_path / "red.npz", NAMES, colour=True)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "4")
        for theme in ("textual-dark", "textual-light"):
            app.theme = theme
            await settle(pilot)
            strip = app.query_one("#point-image", DigitsView).render_line(1)
            shown = {segment.style.color.triplet for segment in strip if segment.text == "▀"}
            assert len(shown) == 1
            (pixel,) = shown
            assert pixel.red in (0, 85, 170)
            assert (pixel.green, pixel.blue) == (0, 0)


async def test_nothing_is_drawn_for_images_that_nobody_draws(make_app, home, tmp_path):
    trained(home, tmp_path / "red.npz", NAMES, colour=True)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "1")
        assert "8x8 colour" in screen_text(app)
        await pilot.press("5", "space", "right", "space")
        await settle(pilot)
        assert app.query_one(PadView).is_empty
        assert "Press O to open an image." in screen_text(app)
        assert "Draw a" not in screen_text(app)


async def test_a_colour_image_is_opened_shown_in_colour_and_classified(home, tmp_path):
    trained(home, tmp_path / "red.npz", NAMES, colour=True)
    Image.new("RGB", (40, 30), (170, 0, 0)).save(tmp_path / "photo [1].png")
    (tmp_path / "text.png").write_text("no image")
    app = MnistTuiApp(Backends(run_sweep, load_classifier), home)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "5")
        await pilot.press("O")
        await settle(pilot)
        app.screen.query_one(Input).value = str(tmp_path / "text.png")
        await pilot.press("enter")
        await settle(pilot)
        assert "is not an image" in screen_text(app)
        app.screen.query_one(Input).value = str(tmp_path / "photo [1].png")
        await pilot.press("enter")
        await until(pilot, lambda: "★" in screen_text(app))
        text = screen_text(app)
        assert "photo [1].png" in text
        assert "cut to a square, resized to 8x8" in text
        strip = app.query_one(PadView).render_line(1)
        colours = {str(segment.style.color) for segment in strip if segment.text[:1] == "▀" and segment.style}
        assert len(colours) == 1
        assert "aa0000" in colours.pop()
        await pilot.press("delete")
        await until(pilot, lambda: "★" not in screen_text(app))
        assert app.query_one(PadView).is_empty


async def test_the_form_takes_the_users_own_data_and_refuses_what_is_none(make_app, home, tmp_path):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("N")
        await settle(pilot)
        field = app.screen.query_one("#dataset")
        field.value = "nix"
        await settle(pilot)
        assert "Dataset must be one of auto, mnist" in screen_text(app, app.screen)
        field.value = "pictures/flowers"
        app.screen.query_one("#side").value = "32"
        await settle(pilot)
        assert "Dataset must be" not in screen_text(app, app.screen)
        await pilot.click("#queue")
        await settle(pilot)
        (waiting,) = app.session.queue.waiting
        assert waiting.spec.dataset == f"folder:{tmp_path}/pictures/flowers"
        assert waiting.spec.side == 32


async def test_a_network_of_the_users_own_is_named_where_features_would_be(home, tmp_path, monkeypatch):
    monkeypatch.delenv("MNIST_TUI_MODELS", raising=False)
    path = tmp_path / "net.py"
    path.write_text(NET)
    spec = RunSpec(
        epochs=1, dataset="digits", threads=1, model=f"{path}:Net", model_digest=allow(f"{path}:Net"), options="width=3"
    )
    with Store.open(home) as store:
        for _ in store.recorded(run_sweep(enqueue([spec]), RunControl())):
            pass
    app = MnistTuiApp(Backends(run_sweep, load_classifier), home, spec)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, "1")
        text = screen_text(app)
        assert "network   Net width=3" in text
        assert "parameters" in text
        settings = next(line for line in text.splitlines() if "Settings" in line)
        assert "Net width=3" in settings
        assert "features" not in settings
        for tab in ("3", "4"):
            await pilot.press(tab)
            await settle(pilot)
            assert "epoch 1/1" in screen_text(app)


async def test_a_rare_setting_that_was_changed_is_seen_where_not_all_settings_fit(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "seed 0  lr 0.001  batch 64" in screen_text(app)
        app.work.spec = RunSpec(augment="shift+rotate", dropout=0.2)
        app.redraw()
        await settle(pilot)
        (line,) = [line for line in screen_text(app).splitlines() if line.startswith(" Settings")]
        for word in ("10 epochs", "2 features", "dropout 0.2", "shift+rotate"):
            assert word in line, line
