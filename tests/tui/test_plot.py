"""The chart as a widget."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App

from mnist_tui.report.charts import Chart, rasterise
from mnist_tui.report.points import Series
from mnist_tui.tui.themes import OWN_THEMES, THEMES
from mnist_tui.tui.widgets import plot
from mnist_tui.tui.widgets.inks import INKS
from mnist_tui.tui.widgets.plot import PlotView, legend
from tests.tui.helpers import screen_text

READABLE = 3.0
"""The contrast that lines and large text need, after WCAG 2.2, criterion 1.4.11."""


class PlotApp(App[None]):
    def compose(self):
        yield PlotView()


def series(name="val", ink=0, y=(0.5, 0.25, 0.125), **options):
    return Series(name, tuple(float(epoch) for epoch in range(1, len(y) + 1)), y, ink, **options)


def chart(*curves, **options):
    return Chart(**({"title": "Error (log)", "x_limits": (1.0, 3.0)} | options), series=curves or (series(),))


def legend_text(*arguments):
    return "".join(text for text, _ in legend(*arguments))


@pytest.fixture
def drawn(monkeypatch):
    """Collect the size of every chart that is computed."""
    sizes = []

    def counting(what, width, height, **options):
        sizes.append((width, height))
        return rasterise(what, width, height, **options)

    monkeypatch.setattr(plot, "rasterise", counting)
    return sizes


async def shown(pilot, what):
    pilot.app.query_one(PlotView).show(what)
    await pilot.pause()
    return screen_text(pilot.app)


def segments(app):
    """Return the parts of the screen that are not blank."""
    return [part for strip in app.screen._compositor.render_strips() for part in strip if part.text.strip()]


def colours(app):
    """Return the colours of the screen, as text and background."""
    return {(part.style.color.triplet, part.style.bgcolor.triplet) for part in segments(app)}


def luminance(colour):
    """Return the relative luminance (WCAG 2.2)."""
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in colour.normalized]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


async def test_it_draws_the_legend_above_the_curves():
    async with PlotApp().run_test(size=(60, 16)) as pilot:
        text = await shown(pilot, chart(series(thick=True, note="12.50%"), percent=True, note="best 12.50% @3"))
        first, *body = text.splitlines()
        assert first.strip() == "Error (log)  ━━ val 12.50%  best 12.50% @3"
        assert any("%┤" in line for line in body)
        assert body[-1].split() == ["ep", "1", "2", "3"]


async def test_before_the_first_chart_it_is_blank():
    async with PlotApp().run_test(size=(60, 16)) as pilot:
        await pilot.pause()
        assert not screen_text(pilot.app).strip()


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (4, 2), (12, 4), (40, 12)])
async def test_it_fills_any_size(size):
    async with PlotApp().run_test(size=size) as pilot:
        await shown(pilot, chart())
        view = pilot.app.query_one(PlotView)
        assert {view.render_line(y).cell_length for y in range(size[1])} == {max(0, size[0] - 2)}


async def test_a_single_row_below_the_legend_has_the_newest_value():
    async with PlotApp().run_test(size=(20, 2)) as pilot:
        assert "0.125" in (await shown(pilot, chart())).splitlines()[1]


async def test_an_equal_chart_is_not_drawn_again(drawn):
    async with PlotApp().run_test(size=(60, 16)) as pilot:
        before = await shown(pilot, chart())
        assert len(drawn) == 1
        assert await shown(pilot, chart()) == before
        assert len(drawn) == 1
        assert await shown(pilot, chart(series(y=(0.5, 0.5, 0.5)))) != before
        assert len(drawn) == 2


async def test_a_new_size_is_drawn_anew(drawn):
    async with PlotApp().run_test(size=(60, 16)) as pilot:
        await shown(pilot, chart())
        await pilot.resize_terminal(80, 20)
        await pilot.pause()
        # One row is the legend's, one column on each side is free.
        assert drawn == [(58, 15), (78, 19)]


async def test_a_new_theme_changes_the_colours_and_computes_nothing(drawn):
    async with PlotApp().run_test(size=(60, 16)) as pilot:
        before, dark = await shown(pilot, chart()), colours(pilot.app)
        pilot.app.theme = "textual-light"
        await pilot.pause()
        assert screen_text(pilot.app) == before
        assert not colours(pilot.app) & dark
        assert len(drawn) == 1


async def test_focus_is_seen_on_the_title():
    async with PlotApp().run_test(size=(60, 16)) as pilot:

        def underlined():
            return [part.text for part in segments(pilot.app) if part.style.underline]

        pilot.app.set_focus(None)
        await shown(pilot, chart())
        assert not underlined()
        await pilot.press("tab")
        assert underlined() == ["Error (log)"]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("background", ["background", "surface"])
async def test_every_ink_can_be_read(theme, background):
    curves = (series(str(ink), ink) for ink in range(INKS))
    async with PlotApp().run_test(size=(120, 20)) as pilot:
        app = pilot.app
        for own in OWN_THEMES:
            app.register_theme(own)
        app.theme = theme
        app.query_one(PlotView).styles.background = app.get_css_variables()[background]
        await shown(pilot, chart(*curves))
        # Faint on purpose: the lines of the grid, which the labels name.
        seen = colours(app) - {
            (part.style.color.triplet, part.style.bgcolor.triplet) for part in segments(app) if "┈" in part.text
        }
        assert len(seen) >= INKS + 2, "each curve and the title differ; axes and labels may be alike"
        assert len({behind for _, behind in seen}) == 1
        assert min(contrast(*pair) for pair in seen) >= READABLE


NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=12)


@settings(deadline=None)
@given(
    st.lists(st.builds(series, NAMES, note=NAMES, dashed=st.booleans(), thick=st.booleans()), max_size=10),
    NAMES,
    NAMES,
    st.integers(1, 200),
)
def test_the_legend_fills_any_width(curves, title, note, width):
    what = Chart(title, tuple(curves), (1.0, 3.0), note=note)
    assert cell_len(legend_text(what, width)) == width


@pytest.mark.parametrize("note", ["", "best 12.50% @3"])
def test_a_legend_drops_notes_before_names(note):
    what = chart(series("train", note="11.11%"), series("val", 1, note="22.22%"), note=note)
    notes, names = {"11.11%", "22.22%", *filter(None, [note])}, {"train", "val"}
    kept = []
    for width in range(80, 10, -1):
        text = legend_text(what, width)
        kept.append((sum(part in text for part in notes), "(log)" in text, sum(name in text for name in names)))
    assert kept[0] == (len(notes), True, 2)
    counts = [told for told, _, _ in kept]
    assert counts == sorted(counts, reverse=True)
    assert all(named == 2 for told, log, named in kept if told or log)
    assert {(0, True, 2), (0, False, 2)} < set(kept)
    assert any(told and not log for told, log, _ in kept), "the scale is also told by the axis"


def test_the_last_note_to_go_is_that_of_the_validation():
    what = chart(series("train", note="11.11%"), series("val", 1, note="22.22%"), note="best 12.50% @3")
    assert "22.22%" in legend_text(what, 36)
    assert "11.11%" not in legend_text(what, 36)


def test_lines_of_the_legend_tell_dashed_and_thick_curves_apart():
    kinds = [(dashed, thick) for dashed in (False, True) for thick in (False, True)]
    texts = [legend_text(chart(series(dashed=dashed, thick=thick)), 40) for dashed, thick in kinds]
    assert len(set(texts)) == 4


def test_a_pale_curve_behind_another_has_no_name():
    assert legend_text(chart(series("", dim=True), series("val")), 40).count("─") == 2


def test_a_name_that_is_cut_ends_in_a_dot_row():
    text = legend_text(chart(series("a very long name of a curve")), 24)
    assert text.rstrip().endswith("…")


def test_values_of_marked_runs_matter_more_than_the_hint_beside_them():
    marked = tuple(Series(f"●{number}", (1.0,), (0.5,), number, note=f"name-{number}") for number in (1, 2))
    what = Chart("Val accuracy", marked, (1.0, 2.0), note="Press Space to keep this curve")
    for width in range(120, 45, -1):
        text = legend_text(what, width)
        assert ("name-1" in text) == ("name-2" in text), width
        assert "name-1" in text or "Press Space" not in text
