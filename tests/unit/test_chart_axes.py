"""The axes of a chart: labels, limits, scales, and what stands beside them."""

import math
import re
from itertools import pairwise

import pytest

from mnist_tui.report.charts import AXIS, GRID, TEXT, label_width
from mnist_tui.report.points import Series
from tests.unit.chart_cells import FLAT, braille, cells, chart, columns_of, curve, labels, lines, margin, rows_with


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


def test_axes_and_labels_have_inks_of_their_own():
    rows = cells(chart(curve(FLAT, 7)), 60, 15)
    inks = {sign: ink for row in rows for sign, ink in row if sign != " "}
    assert inks["└"] == inks["│"] == inks["─"] == AXIS
    assert inks["1"] == TEXT
    assert {ink for row in rows for sign, ink in row if "\u2801" <= sign <= "\u28ff"} == {7}


# Little room ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.9999999999999999, 1.0, 1.0000000000000002])
def test_a_constant_near_one_has_an_axis_on_a_log_scale(value):
    what = chart(Series("train", (1.0, 2.0), (value, value), 0), log_y=True)
    assert len(lines(what, 60, 10)) == 10
