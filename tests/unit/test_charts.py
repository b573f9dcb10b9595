import math
import pickle
import re
import subprocess
import sys
from itertools import pairwise, product

import plotext
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mnist_tui.report.charts import AXIS, CURSOR, DIM, GRID, TEXT, Chart, Marker, label_width, rasterise
from mnist_tui.report.chartview import Dots
from mnist_tui.report.points import Series
from tests.patience import PATIENCE_S

FLAT = (0.5,) * 20
HOSTILE = (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -5e-324, 1e-310, 0.0, -0.0, -1.0, None, 0.5)
ODD_LIMITS = (
    (1.0, 10.0),
    (1.0, 1.0),
    (5.0, 2.0),
    (3.25, 3.5),
    (-1e308, 1e308),
    (1e308, 1e308),
    (math.nan, 3.0),
    (-math.inf, math.inf),
)
ODD_Y_LIMITS = ((5e-324, 1e308), (5e-324, 1e-322), (1e308, 1.5e308), (0.0, 1e-100), (1.0, 0.0), (math.nan, 1.0))


def curve(y, ink=0, **options):
    values = {"name": f"curve {ink}", "x": tuple(float(epoch) for epoch in range(1, len(y) + 1))}
    return Series(**(values | options), y=tuple(y), ink=ink)


def chart(*series, **options):
    epochs = max((len(one.y) for one in series), default=10)
    return Chart(**({"title": "Loss", "x_limits": (1.0, float(epochs))} | options), series=series)


def lines(*arguments, **options):
    return ["".join(text for text, _ in row) for row in rasterise(*arguments, **options).rows]


def cells(*arguments):
    """Return one (character, ink) per cell."""
    return [[(character, ink) for text, ink in row for character in text] for row in rasterise(*arguments).rows]


def places_of(ink, *arguments):
    """Return row and column of the cells of this ink, columns counted from the y axis."""
    rows = cells(*arguments)
    start = margin(lines(*arguments))
    return {
        (row, column - start)
        for row, its in enumerate(rows)
        for column, (sign, found) in enumerate(its)
        if found % DIM == ink and not sign.isspace()
    }


def columns_of(ink, *arguments):
    return {column for _, column in places_of(ink, *arguments)}


def margin(drawn):
    """Return the number of cells left of the curves."""
    return next(line.index("└") for line in drawn if "└" in line) + 1


def rows_with(sign, drawn):
    return [at for at, line in enumerate(drawn) if sign in line]


def labels(drawn):
    return [line.partition("┤")[0].strip() for line in drawn if "┤" in line]


def braille(drawn):
    return sum("\u2801" <= sign <= "\u28ff" for line in drawn for sign in line)


@pytest.fixture(autouse=True, scope="module")
def handed():
    """Collect how many points plotext is handed; what would end the process is an error of the test instead."""
    counts: list[int] = []
    figure = type(plotext.figure)
    signal = figure.signal

    def careful(self, x, y, **options):
        assert all(math.isfinite(share) and 0.0 <= share <= 1.0 for share in (*x, *y))
        counts.append(len(x))
        return signal(self, x, y, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figure, "signal", careful)
        yield counts


@pytest.fixture
def points(handed):
    """Return a function that counts the points plotext is handed for a chart."""

    def count(*arguments):
        handed.clear()
        rasterise(*arguments)
        return sum(handed)

    return count


# Any numbers, any size --------------------------------------------------------------------------------

VALUES = st.one_of(st.none(), st.sampled_from(HOSTILE), st.floats(), st.floats(0, 1))
PLACES = st.floats() | st.floats(-5, 50)


@st.composite
def some_series(draw):
    y = tuple(draw(st.lists(VALUES, max_size=30)))
    x = draw(st.none() | st.lists(PLACES, min_size=len(y), max_size=len(y)).map(tuple))
    return curve(
        y,
        draw(st.integers(0, 9)),
        name=draw(st.sampled_from(["train", "val", "", "数", "a long name of a curve"])),
        dashed=draw(st.booleans()),
        thick=draw(st.booleans()),
        dim=draw(st.booleans()),
        **({} if x is None else {"x": x}),
    )


@st.composite
def some_charts(draw):
    return chart(
        *draw(st.lists(some_series(), max_size=4)),
        x_limits=draw(st.sampled_from(ODD_LIMITS) | st.tuples(st.floats(), st.floats())),
        y_limits=draw(st.none() | st.sampled_from(ODD_Y_LIMITS) | st.tuples(st.floats(), st.floats())),
        log_y=draw(st.booleans()),
        percent=draw(st.booleans()),
        x_unit=draw(st.sampled_from(["epoch", "s", "step"])),
        cursor=draw(st.none() | st.floats() | st.floats(0, 12)),
        marks=tuple(draw(st.lists(st.builds(Marker, PLACES, st.just("★"), st.none() | st.floats()), max_size=3))),
    )


SIZES = st.tuples(st.integers(1, 100), st.integers(1, 40))


@settings(deadline=None, max_examples=300)
@given(some_charts(), SIZES)
def test_any_chart_fills_exactly_its_size(what, size):
    width, height = size
    assert [cell_len(line) for line in lines(what, width, height)] == [width] * height
    assert [cell_len(line) for line in lines(what, width, height, labels_width=9)] == [width] * height


def test_every_small_size_is_filled_exactly():
    what = chart(curve(FLAT), curve([0.1, 0.9] * 10, 1, thick=True))
    for width, height in product(range(1, 40), range(1, 14)):
        assert [cell_len(line) for line in lines(what, width, height)] == [width] * height


def test_no_number_ends_the_process():
    # A process of its own: where plotext aborts, no assertion is left to fail.
    patterns = [(), *((value,) for value in HOSTILE), *product(HOSTILE, repeat=2), HOSTILE * 3]
    charts = [
        chart(curve(y), curve(y[::-1], 1, thick=True), x_limits=limits, y_limits=y_limits, log_y=log_y, percent=log_y)
        for y in patterns
        for limits, y_limits, log_y in product(ODD_LIMITS[:3], (None, (0.25, 0.75)), (False, True))
    ]
    numbers = tuple(value for value in HOSTILE if value is not None)
    charts += [
        chart(curve(HOSTILE), curve(FLAT, 1, x=numbers), x_limits=limits, y_limits=y_limits, log_y=log_y)
        for limits, y_limits, log_y in product(ODD_LIMITS, (None, *ODD_Y_LIMITS), (False, True))
    ]
    program = (
        "import pickle, sys\n"
        "from mnist_tui.report.charts import rasterise\n"
        "charts = pickle.load(sys.stdin.buffer)\n"
        "assert all(len(rasterise(chart, 50, 12).rows) == 12 for chart in charts)\n"
        "print(len(charts))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(charts),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode()
    assert int(result.stdout) == len(charts)


# Long runs --------------------------------------------------------------------------------------------


def test_thousands_of_epochs_cost_no_more_than_the_columns_hold(points):
    def waves(epochs):
        return chart(curve([math.sin(epoch) for epoch in range(epochs)]))

    assert points(waves(20), 60, 15) == 20, "a short curve is drawn from all of its points"
    assert points(waves(100), 60, 15) == 100
    # What has more points than dots side by side is a band.
    assert points(waves(2_000), 60, 15) == 0
    assert points(waves(50_000), 60, 15) == 0
    assert len({column for _, column in places_of(0, waves(50_000), 60, 15)}) > 50


def test_a_curve_of_2000_epochs_looks_like_one_of_20():
    def rows_per_column(epochs):
        what = chart(curve([1.0 - epoch / (epochs - 1) for epoch in range(epochs)]), y_limits=(0.0, 1.0))
        places = places_of(0, what, 60, 15)
        return [{row for row, at in places if at == column} for column in range(60 - margin(lines(what, 60, 15)))]

    for few, many in zip(rows_per_column(20), rows_per_column(2_000), strict=True):
        assert abs(min(few) - min(many)) <= 1
        assert abs(max(few) - max(many)) <= 1


def test_a_peak_of_one_epoch_among_2000_is_drawn():
    def top_and_bottom(values):
        drawn = lines(chart(curve(values), y_limits=(0.0, 1.0)), 60, 15)
        return braille(drawn[:1]), braille(drawn[12:13])

    calm = [0.5] * 2_000
    assert top_and_bottom(calm) == (0, 0)
    calm[700], calm[1_300] = 1.0, 0.0
    assert all(top_and_bottom(calm))


# Axes -------------------------------------------------------------------------------------------------


def alone(values, **options):
    """Return a curve of single points: with gaps between them, so that each has a sign of its own."""
    x = tuple(1.0 + number / 2 for number in range(2 * len(values) - 1))
    return curve([value for level in values for value in (level, None)][:-1], x=x, thick=True, **options)


def test_labels_stand_at_their_values():
    levels = (0.0, 0.25, 0.5, 0.75, 1.0)
    drawn = lines(chart(alone(levels), percent=True, y_limits=(0.0, 1.0), x_limits=(1.0, 5.0)), 60, 12)
    assert labels(drawn) == ["100%", "75%", "50%", "25%", "0%"]
    assert all("●" in line for line in drawn if "┤" in line)


def test_epochs_stand_below_their_points():
    for width in (40, 60, 90):
        drawn = lines(chart(alone([0.5] * 10), x_limits=(1.0, 10.0)), width, 15)
        row = next(line for line in drawn if "●" in line)
        signs = [at for at, sign in enumerate(row) if sign == "●"]
        assert len(signs) == 10
        named = list(re.finditer(r"\d+", drawn[-1]))
        assert len(named) > 2
        for label in named:
            middle = (label.start() + label.end() - 1) / 2
            assert signs[int(label[0]) - 1] == pytest.approx(middle, abs=1)


@pytest.mark.parametrize("last", [11, 19, 20, 35, 97, 2_000])
def test_the_last_epoch_is_named_at_every_width(last):
    for width in range(20, 120):
        what = chart(curve([0.5] * 5), x_limits=(1.0, float(last)))
        for height in (6, 15):
            axis = lines(what, width, height)[-1]
            assert axis.endswith(str(last))
            numbers = [int(number) for number in re.findall(r"\d+", axis)]
            assert numbers == sorted(set(numbers)), "no label runs into another"


def test_the_x_axis_says_what_it_counts():
    for unit, said in (("epoch", "ep"), ("s", "s"), ("step", "st")):
        axis = lines(chart(curve([0.5, 0.25]), x_unit=unit, percent=True), 60, 15)[-1]
        assert axis.split()[0] == said


def test_seconds_have_round_labels_of_their_own():
    axis = lines(chart(curve([0.5, 0.25, 0.2]), x_unit="s", x_limits=(0.0, 1.0)), 60, 15)[-1]
    assert {"0.0", "0.2", "1.0"} <= set(axis.split())


def test_a_narrow_chart_names_the_first_and_a_late_epoch():
    assert re.findall(r"\d+", lines(chart(curve([0.5] * 40)), 18, 6)[-1]) == ["1", "40"]


@pytest.mark.parametrize("log_y", [False, True])
def test_an_axis_of_percentages_ends_at_100_and_others_leave_room_above(log_y):
    values = alone([0.01, 1.0])
    percent, plain = (lines(chart(values, percent=percent, log_y=log_y), 60, 20) for percent in (True, False))
    assert rows_with("●", percent)[0] == 0
    assert rows_with("●", plain)[0] > 0
    assert labels(percent)[0] == "100%"


def test_equal_factors_have_equal_heights_on_a_log_axis():
    drawn = lines(chart(alone([1.0, 0.1, 0.01, 0.001]), log_y=True), 60, 24)
    rows = rows_with("●", drawn)
    assert len(rows) == 4
    steps = [b - a for a, b in pairwise(rows)]
    assert max(steps) - min(steps) <= 1
    assert labels(drawn)[-1] == "0.001"


def test_a_constant_is_drawn_with_room_on_both_sides():
    (row,) = rows_with("●", lines(chart(alone(FLAT[:8])), 60, 15))
    assert 3 < row < 10


def test_an_empty_chart_has_axes_and_no_curve():
    drawn = lines(chart(curve([None, math.nan]), x_limits=(1.0, 20.0)), 60, 15)
    assert braille(drawn) == 0
    assert "└" in drawn[-2]
    assert "20" in drawn[-1]


def test_limits_clip_a_curve_and_its_signs():
    inside, outside = [0.5] * 10, [9.0] * 10
    clipped = chart(curve(inside + outside, thick=True), y_limits=(0.0, 1.0))
    whole = chart(curve(inside + outside, thick=True))
    assert max(columns_of(0, clipped, 60, 15)) < 35
    assert max(columns_of(0, whole, 60, 15)) > 50
    drawn = lines(clipped, 60, 15)
    assert float(labels(drawn)[0]) <= 1.0
    assert braille(drawn[:1]) > 0, "the curve leaves through the top"


def test_a_curve_that_leaves_the_limits_and_comes_back_has_a_gap():
    columns = columns_of(0, chart(curve([0.5] * 5 + [9.0] * 10 + [0.5] * 5), y_limits=(0.0, 1.0)), 60, 15)
    assert {0, 50} <= columns
    assert not columns & set(range(15, 38))


def test_limits_below_a_curve_leave_it_out():
    assert not columns_of(0, chart(curve(FLAT), y_limits=(0.0, 0.25)), 60, 15)


def test_limits_that_cannot_be_drawn_are_those_of_the_values():
    usual = lines(chart(curve([1.0, 4.0, 2.0])), 60, 15)
    for limits in ((2.0, 1.0), (1.0, 1.0), (math.nan, 1.0), (0.0, math.inf)):
        assert lines(chart(curve([1.0, 4.0, 2.0]), y_limits=limits), 60, 15) == usual


# Curves -----------------------------------------------------------------------------------------------


def test_a_later_curve_lies_on_an_earlier_one_and_can_be_followed():
    everything = columns_of(0, chart(curve(FLAT)), 80, 15)
    what = chart(curve(FLAT), curve(FLAT, 1, thick=True))
    assert columns_of(1, what, 80, 15) == everything
    assert not columns_of(0, what, 80, 15)
    crossing = chart(curve([0.1, 0.9]), curve([0.9, 0.1], 1, thick=True), x_limits=(1.0, 2.0))
    whole = columns_of(1, chart(crossing.series[1], y_limits=(0.1, 0.9)), 80, 15)
    assert columns_of(1, crossing, 80, 15) == whole


def test_a_thick_curve_has_more_dots_than_a_thin_one_in_the_same_place():
    def dots(**options):
        drawn = lines(chart(curve([0.2, 0.9, 0.4], **options), y_limits=(0.0, 1.0)), 60, 15)
        return sum((ord(sign) - 0x2800).bit_count() for line in drawn for sign in line if "\u2801" <= sign <= "\u28ff")

    thin, thick = dots(), dots(thick=True)
    assert 1.3 * thin < thick <= 2 * thin


def test_a_pale_curve_has_an_ink_of_its_own():
    inks = {ink for row in cells(chart(curve(FLAT, 3, dim=True)), 60, 15) for _, ink in row}
    assert 3 + DIM in inks
    assert 3 not in inks


def test_the_cursor_is_a_line_from_top_to_bottom_behind_the_curves():
    what = chart(curve([0.5] * 11), cursor=6.0, y_limits=(0.0, 1.0))
    drawn = cells(what, 60, 15)
    start = margin(lines(what, 60, 15))
    columns = {at - start for row in drawn for at, (sign, ink) in enumerate(row) if ink == CURSOR and sign != " "}
    assert columns == {round(0.5 * (60 - start - 1))}
    rows = [row for row, its in enumerate(drawn) if any(ink == CURSOR for _, ink in its)]
    assert len(rows) >= 12
    outside = cells(chart(curve([0.5] * 11), cursor=99.0), 60, 15)
    assert not any(ink == CURSOR for row in outside for _, ink in row)


def test_marks_stand_on_the_axis_or_on_the_curve():
    what = chart(curve([0.2, 0.9, 0.4]), marks=(Marker(2.0, "★", 0.9, 1), Marker(1.5, "‖")))
    drawn = lines(what, 61, 15)
    assert "★" in drawn[0] or "★" in drawn[1]
    assert "‖" in drawn[-2]
    assert not any("★" in line for line in lines(chart(curve([0.2, 0.9]), marks=(Marker(2.0, "★", math.nan),)), 60, 15))


def test_a_grid_is_drawn_at_the_labels_where_there_is_room():
    rows = cells(chart(curve([0.2, 0.9])), 60, 15)
    lined = [at for at, row in enumerate(rows) if any(ink == GRID for _, ink in row)]
    assert lined
    assert {"┤"} == {rows[at][margin(lines(chart(curve([0.2, 0.9])), 60, 15)) - 1][0] for at in lined}
    assert not any(ink == GRID for row in cells(chart(curve([0.2, 0.9])), 60, 6) for _, ink in row)


def test_charts_with_labels_of_different_width_can_be_put_in_step():
    narrow, wide = chart(curve([1.0, 2.0])), chart(curve([1000.25, 1000.5]))
    width = label_width(wide, 60, 15)
    assert width > label_width(narrow, 60, 15)
    assert margin(lines(narrow, 60, 15, labels_width=width)) == margin(lines(wide, 60, 15))


def test_a_dashed_curve_has_gaps_and_another_has_none():
    plain, dashed = (columns_of(0, chart(curve(FLAT, dashed=dashed)), 60, 15) for dashed in (False, True))
    assert plain == set(range(60 - margin(lines(chart(curve(FLAT)), 60, 15))))
    assert len(plain) / 2 < len(dashed) < len(plain)


@pytest.mark.parametrize(
    ("lost", "log_y"),
    [(None, False), (math.nan, False), (math.inf, False), (-math.inf, True), (0.0, True), (-2.0, True)],
)
def test_what_cannot_be_drawn_is_a_gap(lost, log_y):
    broken = [*FLAT[:8], lost, *FLAT[:8]]
    what = chart(curve(broken), log_y=log_y)
    columns = columns_of(0, what, 60, 15)
    missing = set(range(max(columns))) - columns
    assert 4 <= len(missing) <= 8
    assert max(missing) - min(missing) + 1 == len(missing), "one gap"
    assert not set(range(max(columns))) - columns_of(0, chart(curve([0.5] * 17), log_y=log_y), 60, 15)


def test_a_point_without_neighbours_is_seen():
    for thick, sign in ((True, "●"), (False, "○")):
        drawn = lines(chart(curve([0.3], thick=thick), x_limits=(1.0, 20.0)), 60, 15)
        assert sum(line.count(sign) for line in drawn) == 1


def test_axes_and_labels_have_inks_of_their_own():
    rows = cells(chart(curve(FLAT, 7)), 60, 15)
    inks = {sign: ink for row in rows for sign, ink in row if sign != " "}
    assert inks["└"] == inks["│"] == inks["─"] == AXIS
    assert inks["1"] == TEXT
    assert {ink for row in rows for sign, ink in row if "\u2801" <= sign <= "\u28ff"} == {7}


# Little room ------------------------------------------------------------------------------------------


def test_where_no_curve_fits_names_and_newest_values_stand_instead():
    what = chart(curve([0.1, 0.25], name="train"), curve([0.3, 0.5, None], 1, name="val"), percent=True)
    assert [line.split() for line in lines(what, 20, 2)] == [["train", "▁█", "25.00%"], ["val", "▁█", "50.00%"]]
    assert lines(what, 12, 2) == ["train 25.00%", "val 50.00%  "]
    assert lines(what, 7, 1) == ["25.00% "]
    assert lines(what, 3, 1) == ["25%"]
    assert lines(what, 1, 1) == ["…"]
    assert [row[0][1] for row in rasterise(what, 12, 3).rows] == [0, 1, TEXT]


def test_a_curve_without_a_value_has_a_dash_there():
    assert lines(chart(curve([None], name="val")), 8, 1)[0].split() == ["val", "–"]


# Long runs and other dots -----------------------------------------------------------------------------


def test_of_a_hundred_thousand_epochs_the_extremes_and_the_gap_stay():
    epochs = 100_000
    y: list[float | None] = [0.5] * epochs
    y[40_000], y[70_001] = 0.9, 0.1
    y[20_000:24_000] = [None] * 4_000
    x = tuple(float(i) for i in range(1, epochs + 1))
    series = Series(name="val", x=x, y=tuple(y), ink=0)
    chart = Chart(title="", series=(series,), x_limits=(1.0, float(epochs)), y_limits=(0.0, 1.0))
    rows = ["".join(text for text, _ in row) for row in rasterise(chart, 80, 22).rows]
    curve = [row[margin(rows) :] for row in rows[:20]]
    curve = [row.replace("┈", " ") for row in curve]
    drawn = [number for number, row in enumerate(curve) if row.strip()]
    assert (drawn[0], drawn[-1]) == (2, 17), "the highest and the lowest value"
    assert curve[10][-1] != " ", "the newest value"
    assert [column for column, sign in enumerate(curve[10]) if sign == " "] == [16, 17], "epochs 20,000 to 24,000"


@pytest.mark.parametrize(("dots", "signs"), [(Dots.BLOCKS, "▀▄█"), (Dots.ASCII, ".':")])
def test_curves_can_be_drawn_without_braille_and_go_through_the_same_cells(dots, signs):
    what = chart(curve([0.1, 0.9, 0.4, 0.5]))
    plain = chart(curve([0.1, 0.9, 0.4, 0.5]), dots=dots)
    assert places_of(0, plain, 60, 15) == places_of(0, what, 60, 15)
    used = {sign for row in cells(plain, 60, 15) for sign, ink in row if ink == 0 and sign != " "}
    assert used
    assert used <= set(signs)
    assert braille(lines(plain, 60, 15)) == 0


@pytest.mark.parametrize("value", [0.9999999999999999, 1.0, 1.0000000000000002])
def test_a_constant_near_one_has_an_axis_on_a_log_scale(value):
    what = chart(Series("train", (1.0, 2.0), (value, value), 0), log_y=True)
    assert len(lines(what, 60, 10)) == 10
