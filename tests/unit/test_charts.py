import math
import pickle
import subprocess
import sys
from itertools import product

import plotext
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mnist_tui.report.charts import CURSOR, DIM, TEXT, Chart, Marker, rasterise
from mnist_tui.report.chartview import Dots
from mnist_tui.report.points import Series
from tests.patience import PATIENCE_S
from tests.unit.chart_cells import (
    FLAT,
    HOSTILE,
    ODD_LIMITS,
    ODD_Y_LIMITS,
    braille,
    cells,
    chart,
    columns_of,
    curve,
    lines,
    margin,
    places_of,
)


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
