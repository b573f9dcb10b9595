import math
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mnist_tui.report.axes import y_ticks
from mnist_tui.report.ticks import linear_ticks, log_ticks, tick_labels, whole_ticks

MOST = st.integers(2, 12)
EPOCHS = st.integers(1, 10_000)


@st.composite
def limits(draw):
    """Lower and upper limit of any size, at least a millionth of their size apart."""
    low = draw(st.floats(-1, 1)) * 10.0 ** draw(st.integers(-30, 30))
    span = max(abs(low), 1e-30) * 10.0 ** draw(st.floats(-5.5, 6))
    return low, low + span


@st.composite
def exponents(draw):
    low = draw(st.floats(-280, 279))
    return low, min(low + 10.0 ** draw(st.floats(-3, 2.7)), 280.0)


def are_multiples_of_a_round_step(values, at_least, at_most, factors):
    """Tell whether some round step of a size in these limits divides all values."""
    magnitudes = range(math.floor(math.log10(at_least)), math.ceil(math.log10(at_most)) + 1)
    steps = [factor * 10.0**magnitude for magnitude in magnitudes for factor in factors]
    return any(
        all(abs(value / step - round(value / step)) < 1e-5 for value in values)
        for step in steps
        if at_least <= step <= at_most * 1.00001
    )


def numbers(labels, *, percent):
    if percent:
        assert all(label.endswith("%") for label in labels)
    return [float(label.removesuffix("%")) / (100 if percent else 1) for label in labels]


def check_labels(ticks, *, percent, even):
    """Assert that each label is another one and says the value of its tick."""
    labels = tick_labels(ticks, percent=percent, even=even)
    step = min(b - a for a, b in pairwise(ticks))
    assert len(set(labels)) == len(ticks)
    for told, meant in zip(numbers(labels, percent=percent), ticks, strict=True):
        assert told == pytest.approx(meant, rel=1e-12, abs=0.01 * step)


@settings(deadline=None)
@given(limits(), MOST)
def test_ticks_are_round_inside_the_limits_and_between_two_and_most(between, most):
    low, high = between
    ticks, slack = linear_ticks(low, high, most), 1e-6 * (high - low)
    assert 2 <= len(ticks) <= most
    assert low - slack <= ticks[0]
    assert ticks[-1] <= high + slack
    assert all(a < b for a, b in pairwise(ticks))
    span, factors = ticks[-1] - ticks[0], (1.0, 2.0, 2.5, 5.0)
    assert are_multiples_of_a_round_step(ticks, (high - low) / (most + 3), span, factors)
    if len(ticks) > 2:
        step = span / (len(ticks) - 1)
        assert are_multiples_of_a_round_step([step], step * 0.99999, step, factors)


@settings(deadline=None)
@given(limits(), MOST, st.booleans())
@example((19_817_900.87, 19_817_900.95), 2, False)
def test_labels_of_ticks_are_distinct_and_say_their_values(between, most, percent):
    check_labels(linear_ticks(between[0], between[1], most), percent=percent, even=True)


@settings(deadline=None)
@given(exponents(), MOST)
def test_log_ticks_are_inside_the_limits_and_between_two_and_most(between, most):
    low, high = between
    ticks = log_ticks(low, high, most)
    assert 2 <= len(ticks) <= most
    assert low - 1e-6 <= math.log10(ticks[0])
    assert math.log10(ticks[-1]) <= high + 1e-6
    assert all(a < b for a, b in pairwise(ticks))


@settings(deadline=None)
@given(exponents(), MOST, st.booleans())
@example((-46.8, 5.7), 12, False)
@example((-200.0, -2.0), 5, True)
def test_labels_of_log_ticks_are_distinct_and_say_their_values(between, most, percent):
    check_labels(log_ticks(between[0], between[1], most), percent=percent, even=False)


@settings(deadline=None)
@given(st.integers(-250, 200), st.integers(0, 40), MOST)
def test_log_ticks_over_many_decades_are_powers_of_ten_at_one_distance(low, more, most):
    decades = most + more
    found = [math.log10(tick) for tick in log_ticks(float(low), float(low + decades), most)]
    whole = [round(exponent) for exponent in found]
    assert found == pytest.approx(whole, abs=1e-9)
    assert len({b - a for a, b in pairwise(whole)}) == 1
    assert whole[-1] - whole[0] > decades / 2, "they cover the axis"


def test_log_ticks_of_a_few_decades_are_1_2_and_5_where_there_is_room():
    assert log_ticks(-2.0, 0.0, 7) == pytest.approx([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0])
    assert log_ticks(-2.0, 0.0, 5) == pytest.approx([0.01, 0.03, 0.1, 0.3, 1.0])
    assert log_ticks(-2.0, 0.0, 4) == pytest.approx([0.01, 0.1, 1.0])
    assert log_ticks(math.log10(0.15), math.log10(0.6), 4) == pytest.approx([0.2, 0.5])


def test_log_ticks_within_one_decade_are_round_numbers():
    ticks = log_ticks(math.log10(0.52), math.log10(0.69), 4)
    assert ticks == pytest.approx([0.55, 0.6, 0.65])
    assert tick_labels(ticks, percent=True, even=False) == ["55%", "60%", "65%"]


@settings(deadline=None)
@given(EPOCHS, EPOCHS, MOST)
def test_ticks_of_epochs_are_whole_begin_with_the_first_and_are_round_after_it(low, epochs, most):
    high = low + epochs
    ticks = whole_ticks(low, high, most)
    assert 2 <= len(ticks) <= most
    assert ticks[0] == low
    assert ticks[-1] <= high
    assert all(a < b for a, b in pairwise(ticks))
    assert ticks[-1] >= low + epochs / 3, "they cover the axis"
    assert are_multiples_of_a_round_step(ticks[1:], max(1.0, epochs / (most + 3)), 2.0 * epochs, (1.0, 2.0, 5.0))


def test_a_single_epoch_has_a_single_tick():
    assert whole_ticks(1, 1, 5) == [1]


def test_room_for_one_label_names_the_first_epoch():
    assert whole_ticks(1, 40, 1) == [1]


def test_labels_have_as_many_decimals_as_tell_them_apart():
    assert tick_labels([0.25, 0.5, 0.75], percent=False) == ["0.25", "0.50", "0.75"]
    assert tick_labels([0.25, 0.5, 0.75], percent=True) == ["25%", "50%", "75%"]
    assert tick_labels([0.98, 0.985, 0.99], percent=True) == ["98.0%", "98.5%", "99.0%"]


def test_labels_of_a_log_axis_have_only_the_decimals_that_each_needs():
    assert tick_labels([0.0005, 0.01, 0.2], percent=True, even=False) == ["0.05%", "1%", "20%"]


def test_no_label_is_a_negative_zero():
    assert tick_labels([-0.5, -0.0, 0.5], percent=False) == ["-0.5", "0.0", "0.5"]
    assert tick_labels([-1.0, -1e-17, 1.0], percent=True)[1] == "0%"


def test_labels_of_very_large_and_very_small_values_stay_short():
    assert tick_labels([0.0, 5e7, 1e8], percent=False) == ["0", "5e7", "1e8"]
    assert tick_labels([2e-6, 4e-6], percent=False) == ["2e-6", "4e-6"]


SPANS = [(0.2, 0.93), (0.0, 1.0), (0.45, 0.91), (1.1, 1.9), (0.0, 2.4), (0.93, 0.945)]


@pytest.mark.parametrize("rows", range(4, 40))
@pytest.mark.parametrize(("low", "high"), SPANS)
def test_labels_of_the_y_axis_stand_an_equal_number_of_rows_apart_give_or_take_one(low, high, rows):
    ticks = y_ticks(low, high, rows, log=False, percent=False).values()
    places = sorted(round((high - y) / (high - low) * (rows - 1)) for y in ticks)
    gaps = [below - above for above, below in pairwise(places)]
    assert len(places) >= 2
    # A row between some and none between others reads as a mistake.
    assert min(gaps) >= 2 or len(gaps) == 1
    assert max(gaps) - min(gaps) <= 1
