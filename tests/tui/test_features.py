"""The Features tab: where the images lie, and which one is under the cursor."""

import pytest

from mnist_tui.core.spec import RunSpec
from mnist_tui.tui.widgets.digits import DigitsView
from mnist_tui.tui.widgets.features import MapView, point_in_words
from tests.builders import check_golden
from tests.tui.helpers import run_to_the_end, screen_text, settle

SIZES = [(120, 40), (80, 24), (60, 18), (40, 12)]


async def trained(pilot, features=2, epochs=4):
    pilot.app.work.spec = RunSpec(epochs=epochs, features=features)
    await run_to_the_end(pilot, "r")
    await pilot.press("escape", "4")
    await settle(pilot)


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_map_at_every_size(make_app, width, height):
    app = make_app(insights=True)
    async with app.run_test(size=(width, height)) as pilot:
        await trained(pilot)
        check_golden(f"screens/features-{width}x{height}.txt", screen_text(app))


async def test_the_cursor_tells_and_shows_the_image_it_stands_on(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        shown = app.query_one(MapView)
        seen = set()
        for key in ("right", "right", "down", "left", "up"):
            await pilot.press(key)
            await settle(pilot)
            words = point_in_words(app.insight.scene, shown.cursor)
            assert words in screen_text(app)
            (tile,) = app.query_one("#point-image", DigitsView)._tiles
            assert tile.image == shown.cursor * app.insight.scene.insight.stride
            seen.add(shown.cursor)
        assert len(seen) > 2


async def test_the_mouse_chooses_the_nearest_image(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        shown = app.query_one(MapView)
        row, column = shown._plane.cells[123]
        await pilot.click(offset=(shown.region.x + 1 + column, shown.region.y + 1 + row))
        assert shown._plane.cells[shown.cursor] == (row, column)


async def test_two_features_have_axes_and_many_say_what_is_kept(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot, features=2)
        assert "feature 1:" in screen_text(app)
        assert "feature 2:" in screen_text(app)
        await trained(pilot, features=8)
        assert "80.0% of the variance of 8 features" in screen_text(app)


async def test_an_earlier_epoch_has_another_map_and_the_same_scale_of_time(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        newest = screen_text(app)
        await pilot.press("comma", "comma")
        await settle(pilot)
        assert "epoch 2/4" in screen_text(app)
        assert screen_text(app) != newest
        await pilot.press("full_stop", "full_stop")
        await settle(pilot)
        assert "epoch 4/4" in screen_text(app)
        # Both tabs look at one epoch.
        await pilot.press("comma", "3")
        await settle(pilot)
        assert "epoch 3/4" in screen_text(app)


async def test_without_a_run_it_says_so_and_keys_do_no_harm(make_app):
    app = make_app()
    async with app.run_test(size=(60, 18)) as pilot:
        await pilot.press("4", "up", "left", "o", "comma")
        await settle(pilot)
        assert "No run yet" in screen_text(app)
