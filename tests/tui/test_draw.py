"""The Draw tab: what is drawn, with mouse or keys, is shown to the network of the run."""

import pytest
from PIL import Image, ImageDraw

from mnist_tui.core.spec import RunSpec
from mnist_tui.demo import run_sweep
from mnist_tui.errors import RunError
from mnist_tui.runtime.backends import Backends
from mnist_tui.tui.app import MnistTuiApp
from mnist_tui.tui.widgets.draw import DrawView, GuessCard
from mnist_tui.tui.widgets.pad import PadView
from tests.builders import check_golden
from tests.tui.helpers import run_to_the_end, screen_text, settle, until

SIZES = [(120, 40), (80, 24), (60, 18), (40, 12)]
ONE = [*["up"] * 9, "space", *["down"] * 18, "space"]
"""From the middle up, then a line down."""


async def trained(pilot, features=2):
    pilot.app.work.spec = RunSpec(epochs=3, features=features)
    await run_to_the_end(pilot, "r")
    await pilot.press("escape", "5")
    await settle(pilot)


async def answered(pilot):
    app = pilot.app
    await until(pilot, lambda: app.insight.is_settled)
    await settle(pilot)


def best_on(app):
    """Return the class with the star."""
    (line,) = [line for line in screen_text(app).splitlines() if "★" in line]
    return line.partition("★")[2].split()[0]


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_a_drawing_and_its_answer_at_every_size(make_app, width, height):
    app = make_app(insights=True)
    async with app.run_test(size=(width, height)) as pilot:
        await trained(pilot)
        check_golden(f"screens/draw-empty-{width}x{height}.txt", screen_text(app))
        await pilot.press(*ONE)
        await answered(pilot)
        check_golden(f"screens/draw-{width}x{height}.txt", screen_text(app))


async def test_a_one_drawn_with_the_keys_is_a_one(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        await pilot.press(*ONE)
        await answered(pilot)
        assert best_on(app) == "1"
        assert "epoch 3, 2 features" in screen_text(app)
        assert "✚" in screen_text(app).replace("✚ your drawing", "")


async def test_a_one_drawn_with_the_mouse_is_a_one_and_can_be_cleared(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        pad = app.query_one(PadView)
        x, y = pad.content_region.x + 28, pad.content_region.y + 4
        await pilot.mouse_down(offset=(x, y))
        await pilot.hover(offset=(x, y + 20))
        await pilot.mouse_up(offset=(x, y + 20))
        await answered(pilot)
        assert len(pad.drawing.strokes) == 1
        assert best_on(app) == "1"
        await pilot.press("delete")
        await answered(pilot)
        assert pad.drawing.is_empty
        assert "Draw a digit." in screen_text(app)


async def test_undo_takes_one_stroke(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        await pilot.press(*ONE, *["left"] * 9, "space", *["up"] * 9, "space")
        pad = app.query_one(PadView)
        assert len(pad.drawing.strokes) == 2
        await pilot.press("backspace")
        await answered(pilot)
        assert len(pad.drawing.strokes) == 1
        assert best_on(app) == "1"


async def test_a_pen_that_is_lifted_draws_nothing(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await trained(pilot)
        await pilot.press("up", "left", "down", "right")
        assert app.query_one(PadView).drawing.is_empty


async def test_without_a_run_or_a_checkpoint_it_says_so(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5", *ONE)
        await settle(pilot)
        assert "No run yet" in screen_text(app)
        await trained(pilot)
        await answered(pilot)
        assert "no checkpoint" in screen_text(app)


async def test_a_checkpoint_that_cannot_be_read_is_told_in_one_sentence(home):
    def load(checkpoint):
        raise RunError("the checkpoint was not written by this version", "Train the run again")

    def engine(queue, control):
        return run_sweep(queue, control, insights=True)

    app = MnistTuiApp(Backends(engine, load), home)
    async with app.run_test(size=(80, 24)) as pilot:
        await trained(pilot)
        await pilot.press(*ONE)
        await answered(pilot)
        await settle(pilot)
        assert "this version" not in screen_text(app)
        assert "version. Train the run again." in screen_text(app)


async def test_what_is_drawn_stays_through_tabs_and_sizes(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        await pilot.press(*ONE)
        await answered(pilot)
        await pilot.press("1", "5")
        for size in ((80, 24), (60, 18)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            # Ten bars and a border, however long the bars were before.
            assert app.query_one(GuessCard).region.height == 12
        assert best_on(app) == "1"
        assert not app.query_one(DrawView).query_one(PadView).drawing.is_empty


async def test_an_image_file_is_framed_classified_and_gives_way_to_a_stroke(make_app, tmp_path):
    image = Image.new("L", (60, 60), 255)
    ImageDraw.Draw(image).line([(30, 8), (30, 52)], fill=0, width=5)
    image.save(tmp_path / "one.png")
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        await pilot.press("O", *"nowhere.png", "enter")
        await settle(pilot)
        assert "nowhere.png does not exist" in screen_text(app)
        app.screen.query_one("Input").value = str(tmp_path / "on")
        await until(pilot, lambda: app.screen.query_one("Input")._suggestion.endswith("one.png"))
        await pilot.press("end", "right", "enter")
        await answered(pilot)
        assert "one.png" in screen_text(app)
        assert "inverted, since the ink is dark" in screen_text(app)
        assert best_on(app) == "1"
        await pilot.press("space", "down", "space")
        await answered(pilot)
        assert app.query_one(PadView).picture is None
        assert "one.png" not in app.query_one(PadView).border_title
        await pilot.press("O")
        await settle(pilot)
        assert app.screen.query_one("Input").value == str(tmp_path / "one.png"), "the last path is there again"
