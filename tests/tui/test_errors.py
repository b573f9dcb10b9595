"""The Errors tab: the matrix of any epoch, and the images behind its numbers."""

import re

import pytest

from mnist_tui.core.spec import RunSpec
from mnist_tui.store.database import Store
from mnist_tui.tui.widgets.digits import DigitsView
from mnist_tui.tui.widgets.errors import MatrixView
from tests.builders import check_golden
from tests.tui.helpers import run_to_the_end, screen_text, settle

SIZES = [(120, 40), (80, 24), (60, 18), (40, 12)]


async def trained(pilot, epochs=4):
    pilot.app.work.spec = RunSpec(epochs=epochs)
    await run_to_the_end(pilot, "r")
    await pilot.press("escape", "3")
    await settle(pilot)


def insight_of(home, epoch):
    with Store.open_readonly(home) as store:
        return store.insight(store.run("last").run, epoch)


def counts_on(app):
    """Return the numbers that stand in the rows of the matrix."""
    rows = {}
    for line in screen_text(app).splitlines():
        # Images stand beside it.
        if found := re.match(r"\s*(\d)((\s+(·|[\d,]+)){10})\s+[\d.]+%", line):
            rows[int(found[1])] = tuple(0 if text == "·" else int(text.replace(",", "")) for text in found[2].split())
    return tuple(rows[label] for label in sorted(rows))


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_matrix_and_the_images_of_a_cell_at_every_size(make_app, width, height):
    app = make_app(insights=True)
    async with app.run_test(size=(width, height)) as pilot:
        await trained(pilot)
        check_golden(f"screens/errors-{width}x{height}.txt", screen_text(app))
        await pilot.press("enter")
        await settle(pilot)
        check_golden(f"screens/errors-images-{width}x{height}.txt", screen_text(app))


async def test_the_numbers_are_those_of_the_epoch_that_is_chosen(make_app, home):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        assert counts_on(app) == insight_of(home, 4).confusion
        for keys, epoch in ((("comma",), 3), (("comma", "comma"), 1), (("comma",), 1), (("full_stop",), 2)):
            await pilot.press(*keys)
            await settle(pilot)
            assert f"epoch {epoch}/4" in screen_text(app)
            assert counts_on(app) == insight_of(home, epoch).confusion


async def test_changes_are_those_since_the_epoch_before(make_app, home):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        await pilot.press("i", "i")
        await settle(pilot)
        text = screen_text(app)
        assert "vs previous epoch" in text
        now, before = insight_of(home, 4).confusion, insight_of(home, 3).confusion
        change = now[0][0] - before[0][0]
        assert re.search(rf"^ 0 +{re.escape(f'{change:+}'.replace('-', '−'))}\b", text, re.MULTILINE)


async def test_a_cell_shows_its_own_images_the_surest_first(make_app, home):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        matrix, images = app.query_one("#matrix", MatrixView), app.query_one("#cell-images", DigitsView)
        insight = insight_of(home, 4)
        await pilot.press(*["up"] * 10, *["left"] * 10, *["down"] * 3, *["right"] * 2)
        await settle(pilot)
        assert matrix.cursor == (3, 2)
        with Store.open_readonly(home) as store:
            pictures = store.validation_set(store.run("last"))
            assert pictures is not None
            labels = pictures.labels
        tiles = [tile.image for tile in images._tiles]
        assert len(tiles) == insight.confusion[3][2] > 0
        assert all(labels[at] == 3 and insight.predictions[at] == 2 for at in tiles)
        sure = [insight.confidences[at] for at in tiles]
        assert sure == sorted(sure, reverse=True)
        before = insight_of(home, 3)
        new = {tile.image for tile in images._tiles if tile.marked}
        assert new == {at for at in tiles if before.predictions[at] == 3}
        assert f"{len(new)} newly wrong" in screen_text(app)


async def test_enter_gives_the_images_the_whole_tab_and_escape_takes_it_back(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await trained(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert not app.query_one("#matrix", MatrixView).display
        first = screen_text(app)
        await pilot.press("pagedown")
        await settle(pilot)
        assert screen_text(app) != first
        await pilot.press("escape")
        await settle(pilot)
        assert app.query_one("#matrix", MatrixView).has_focus
        assert "taken for" in screen_text(app)


async def test_a_film_plays_to_the_end_and_holds_there(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        film = app.insight.film
        await pilot.press("o")
        seen = [film.epoch]
        while film.plays:
            await pilot.pause(0.05)
            seen += [film.epoch] if film.epoch != seen[-1] else []
        assert seen == [*range(seen[0], 5)]
        assert len(seen) > 1
        await settle(pilot)
        assert "epoch 4/4" in screen_text(app)


async def test_the_mouse_chooses_a_cell_and_a_second_click_opens_it(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        matrix = app.query_one("#matrix", MatrixView)
        first, room, height, _ = matrix._places(app.insight.scene.insight)
        place = (matrix.region.x + 1 + first + 4 * room, matrix.region.y + 3 + 9 * height)
        await pilot.click(offset=place)
        assert matrix.cursor == (9, 4)
        await pilot.click(offset=place, times=2)
        await settle(pilot)
        assert not matrix.display


async def test_without_a_run_and_without_insight_it_says_so(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await settle(pilot)
        assert "No run yet" in screen_text(app)
        await pilot.press("i", "o", "comma", "enter", "down")
        await trained(pilot)
        assert "no insight" in screen_text(app)
        await pilot.press("i", "o", "comma", "enter", "down")
        await settle(pilot)
        assert "no insight" in screen_text(app)


async def test_another_process_may_read_what_an_earlier_one_learned(make_app):
    first = make_app(insights=True)
    async with first.run_test(size=(120, 40)) as pilot:
        await trained(pilot)
        shown = counts_on(first)
    second = make_app()
    async with second.run_test(size=(120, 40)) as pilot:
        await pilot.press("3")
        await settle(pilot)
        assert counts_on(second) == shown


async def test_changes_can_be_measured_against_a_marked_run(make_app, home):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40)) as pilot:
        app.work.spec = RunSpec(epochs=2, features=8)
        await run_to_the_end(pilot, "r")
        await pilot.press("escape")
        with Store.open_readonly(home) as store:
            other = store.run("last").run
            baseline = store.insight(other, 2)
        app.state.finished_sweep = None
        await trained(pilot)
        await pilot.press("2", "down", "space", "3", "i", "i", "i")
        await settle(pilot)
        assert "vs marked run" in screen_text(app)
        assert baseline is not None
        change = insight_of(home, 4).confusion[0][0] - baseline.confusion[0][0]
        assert re.search(rf"^ 0 +{re.escape(f'{change:+}'.replace('-', '−'))}\b", screen_text(app), re.MULTILINE)


async def test_c_and_z_give_a_pane_the_room_of_all(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(60, 18)) as pilot:
        await trained(pilot)
        await pilot.press("c")
        await settle(pilot)
        assert not app.query_one("#matrix", MatrixView).display
        await pilot.press("c", "z")
        await settle(pilot)
        assert app.screen.maximized is app.query_one("#matrix", MatrixView)
        await pilot.press("z", "4", "c")
        await settle(pilot)
        assert app.query_one("#point-image").is_on_screen
        assert "sure" in screen_text(app)
