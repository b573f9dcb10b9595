"""The Runs tab: found, named, compared, deleted and brought back."""

import pytest
from textual.widgets import Input

from mnist_tui.core.control import RunControl
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.demo import run_sweep
from mnist_tui.store.database import Store
from mnist_tui.tui.themes import THEMES
from mnist_tui.tui.widgets.runs import RunsView
from tests.tui.helpers import run_to_the_end, screen_text, settle


@pytest.fixture
def filled(home):
    """A home with four runs: two features with two seeds, and eight with two rates."""
    specs = [
        RunSpec(epochs=2, features=2, seed=0),
        RunSpec(epochs=2, features=8),
        RunSpec(epochs=2, features=2, seed=1),
        RunSpec(epochs=2, features=8, learning_rate=0.01),
    ]
    with Store.open(home) as store:
        for _ in store.recorded(run_sweep(enqueue(specs), RunControl())):
            pass
    return home


def rows(app) -> list[str]:
    return [str(key.value) for key in app.query_one("#runs").rows]


def kept(home, **options):
    with Store.open_readonly(home) as store:
        return {run.run: run for run in store.runs(**options)}


async def test_a_filter_is_typed_and_shows_what_fits_at_once(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "slash", *"features", "equals_sign", "8")
        await settle(pilot)
        assert len(rows(app)) == 2
        assert "Runs · 2 of 4" in screen_text(app)
        await pilot.press("space", *"val", "greater_than_sign")
        await settle(pilot)
        assert "val must be a number" in screen_text(app)
        assert len(rows(app)) == 2, "half a term changes nothing"
        await pilot.press(*["backspace"] * 5, "enter")
        assert app.query_one("#runs").has_focus
        await pilot.press("escape")
        await settle(pilot)
        assert len(rows(app)) == 4
        assert not app.query_one("#filter", Input).display


async def test_columns_are_those_that_differ_and_the_frame_says_what_is_equal(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await settle(pilot)
        text = screen_text(app)
        assert "all runs  batch 64, demo" in text
        await pilot.press("z")
        await settle(pilot)
        heading = next(line for line in screen_text(app).splitlines() if "Epochs" in line and "lr" in line)
        assert "Seed" in heading
        assert "Batch" not in heading


async def test_runs_of_one_setting_can_stand_together(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "G")
        await settle(pilot)
        features = [kept(filled)[name].spec.features for name in rows(app)]
        assert features in ([8, 2, 2, 8], [8, 8, 2, 2], [2, 2, 8, 8])
        assert "┌" in screen_text(app)
        await pilot.press("s", "S")
        await settle(pilot)
        lines = screen_text(app).splitlines()
        (first,) = [at for at, line in enumerate(lines) if line.startswith("│ ┌") or "┌✔" in line]
        assert "└✔" in lines[first + 1], "the bracket follows the order"


async def test_a_run_gets_a_name_tags_and_a_note(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "a", *"wide net", "tab", *"good")
        await pilot.press("enter")
        await settle(pilot)
        assert "wide net" in screen_text(app)
        (named,) = (run for run in kept(filled).values() if run.labels.name)
        assert named.labels.tags == ("good",)
        await pilot.press("a", "tab", *" two>words", "enter")
        await settle(pilot)
        assert "one word" in screen_text(app), "what cannot be kept is told, and the box stays"


async def test_a_run_is_deleted_after_a_question_and_brought_back(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("2", "delete")
        await settle(pilot)
        assert "Delete 2 epochs x 8 features" in screen_text(app)
        await pilot.press("escape", "delete", "y")
        await settle(pilot)
        assert len(kept(filled)) == 3
        assert len(rows(app)) == 3
        await pilot.press("Z")
        await settle(pilot)
        assert len(kept(filled)) == len(rows(app)) == 4
        await pilot.press("Z")
        await settle(pilot)
        assert "There is no deleted run" in screen_text(app)


async def test_marked_runs_are_deleted_together_and_can_be_brought_back_after_a_restart(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "space", "j", "space", "delete", "y")
        await settle(pilot)
        assert len(kept(filled)) == 2
        assert not app.query_one(RunsView).marked
    again = make_app()
    async with again.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "Z")
        await settle(pilot)
        assert len(kept(filled)) == 4


async def test_marked_runs_are_compared_side_by_side(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("2", "C")
        await settle(pilot)
        assert "Mark at least two runs" in screen_text(app)
        await pilot.press("escape", "space", "j", "space", "C")
        await settle(pilot)
        text = screen_text(app)
        assert "2 runs, the first is the baseline" in text
        assert "Learning rate" in text
        assert "Batch size" not in text
        assert "95 % interval" in text
        before = next(line for line in text.splitlines() if "Until" in line)
        await pilot.press("plus", "plus")
        await settle(pilot)
        assert next(line for line in screen_text(app).splitlines() if "Until" in line) != before


async def test_the_live_tab_says_what_can_be_done_before_the_first_run_and_then_shows_the_numbers_large(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "train the report's two runs" in screen_text(app)
        assert "global average: the bottleneck" in screen_text(app)
        await pilot.press("f")
        await settle(pilot)
        assert "7x7x4" in screen_text(app)
        await run_to_the_end(pilot, "E", "3", "enter", "r")
        await pilot.press("escape")
        await settle(pilot)
        text = screen_text(app)
        assert "the bottleneck" not in text
        assert "validation accuracy" in text
        assert "training time" in text


async def test_what_is_copied_and_exported_is_the_comparison_that_is_shown(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "slash", *"features", "equals_sign", "8", "enter", "Y", "c")
        await settle(pilot)
        assert "Comparison of the runs shown" in screen_text(app)
        copied = [[cell.strip() for cell in line.split("|")] for line in app.clipboard.splitlines()]
        assert [cells[2] for cells in copied if len(cells) > 2 and cells[1].isdecimal()] == ["8", "8"]


def inks(app, widget, sign):
    """Return the colours in which a sign is drawn within a widget."""
    region = app.query_one(widget).region
    found = set()
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        x = 0
        for segment in strip:
            if sign in segment.text and y in region.line_range and x in region.column_range:
                found.add(segment.style.color.name)
            x += segment.cell_length
    return found


async def test_the_swatch_of_a_marked_run_has_the_colour_of_its_curve_in_every_theme_and_under_the_cursor(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", "2", "enter", "n", "f", "n")
        await run_to_the_end(pilot, "r")
        await pilot.press("escape", "2", "space", "down", "space")
        for theme in (*THEMES, THEMES[0]):
            app.theme = theme
            await settle(pilot)
            for sign in ("●1", "●2"):
                (swatch,) = inks(app, "#runs", sign)
                (curve,) = inks(app, "#overlay", sign)
                assert swatch == curve, (theme, sign)


async def test_keys_act_on_the_row_in_sight_when_the_comparison_fills_the_tab(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("2", "c", "down")
        await settle(pilot)
        chosen = app.query_one(RunsView).chosen
        assert chosen == app.query_one("#comparison").current_key
        await pilot.press("delete")
        await settle(pilot)
        assert "Delete 2 epochs x 8 features" in screen_text(app)
        await pilot.press("escape", "slash", *"epochs=9", "enter")
        await settle(pilot)
        assert app.query_one("#runs").has_focus, "the filter belongs to the list, which is shown again"
        await pilot.press("space")
        await settle(pilot)
        assert "No run matches the filter" in screen_text(app)


async def test_the_zoomed_comparison_keeps_its_title_and_its_footnotes(make_app, filled):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "c", "z")
        await settle(pilot)
        text = screen_text(app)
        assert app.screen.maximized is app.query_one("#comparison-pane")
        assert "Val accuracy" not in text
        assert "Comparison of all runs" in text
        assert "Dataset: demo" in text
        await pilot.press("slash")
        await settle(pilot)
        assert app.query_one("#filter", Input).has_focus
        assert app.screen.maximized is None
