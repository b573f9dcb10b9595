import math
import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.core.metrics import (
    Spread,
    error_reduction,
    improvement_points,
    low_outlier,
    newcombe_interval,
    spread,
    time_to_go_s,
    wilson_interval,
)

accuracies = st.floats(0, 1)


def test_improvement_is_the_change_in_percentage_points():
    assert improvement_points(0.90, 0.92) == pytest.approx(2.0)
    assert improvement_points(0.92, 0.90) == pytest.approx(-2.0)


def test_error_reduction_is_the_share_of_errors_removed():
    assert error_reduction(0.90, 0.95) == pytest.approx(0.5)
    assert error_reduction(0.95, 0.90) == pytest.approx(-1.0)
    assert error_reduction(1.0, 1.0) is None, "no errors are left to remove"


@pytest.mark.parametrize("measure", [improvement_points, error_reduction])
@pytest.mark.parametrize("pair", [(None, 0.5), (math.nan, 0.5), (0.5, math.nan), (0.5, math.inf), (0.5, None)])
def test_a_first_epoch_or_a_lost_value_has_no_improvement(measure, pair):
    assert measure(*pair) is None


@settings(deadline=None)
@given(accuracies, accuracies)
def test_both_measures_of_improvement_agree_on_the_direction(before, now):
    reduction = error_reduction(before, now)
    points = improvement_points(before, now)
    if reduction is not None and abs(before - now) > 1e-9:
        assert points is not None
        assert math.copysign(1, reduction) == math.copysign(1, points)


def test_the_noise_of_an_accuracy_is_its_wilson_interval():
    # Newcombe (1998), table I: 81 of 263, and 15 of 148.
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson_interval(1.0, 300) == pytest.approx((0.98736, 1.0), abs=1e-5), "300 of 300 are not beyond doubt"
    assert wilson_interval(0.5, 0) == (0.0, 1.0)
    assert wilson_interval(1.5, 100) == wilson_interval(1.0, 100), "rounding above 1 counts as 1"


def test_two_accuracies_differ_by_newcombes_interval():
    # Source: Newcombe (1998), method 10, with its intervals put in by hand.
    low, high = newcombe_interval(0.7, 0.6, 100)
    (l1, u1), (l2, u2) = wilson_interval(0.7, 100), wilson_interval(0.6, 100)
    assert low == pytest.approx(0.1 - math.sqrt((0.7 - l1) ** 2 + (u2 - 0.6) ** 2))
    assert high == pytest.approx(0.1 + math.sqrt((u1 - 0.7) ** 2 + (0.6 - l2) ** 2))
    assert newcombe_interval(1.0, 296 / 300, 300)[0] < 0, "300 of 300 against 296 of 300 is no clear lead"
    assert newcombe_interval(1.0, 280 / 300, 300)[0] > 0


def test_a_value_far_below_the_others_is_found_among_five_or_more():
    calm = [0.48, 0.49, 0.47, 0.50, 0.485, 0.495]
    assert low_outlier(calm) is None
    assert low_outlier([*calm, 0.318]) == 6
    assert low_outlier([*calm, 0.7]) is None, "above is not below"
    assert low_outlier([0.48, 0.49, 0.47, 0.318]) is None, "four tell too little"
    assert low_outlier([0.5] * 6) is None
    assert low_outlier([*calm, math.nan]) is None


@pytest.mark.parametrize("n", [5, 8, 20, 50])
def test_among_equal_seeds_one_is_found_too_low_in_one_case_of_twenty(n):
    chance, cases = random.Random(n), 2_000
    found = sum(low_outlier([chance.gauss(0.9, 0.02) for _ in range(n)]) is not None for _ in range(cases))
    assert 0.03 * cases < found < 0.065 * cases


def test_median_and_range_are_told_from_eight_values_on():
    few, many = spread([0.1] * 7), spread([0.5, 0.6, 0.4, 0.5, 0.1, 0.5, 0.7, 0.6])
    assert few is not None
    assert few.median is few.low is few.high is None
    assert many is not None
    assert (many.median, many.low, many.high) == (0.5, 0.1, 0.7)


def test_no_value_has_no_spread_and_one_value_no_deviation():
    assert spread([]) is None
    assert spread([0.5]) == Spread(0.5, None, 1)


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_spread_is_mean_and_sample_deviation(values):
    result = spread(values)
    assert result is not None
    assert result.n == len(values)
    assert result.mean == pytest.approx(statistics.fmean(values), rel=1e-12, abs=1e-9)
    assert result.std == pytest.approx(statistics.stdev(values), rel=1e-9, abs=1e-6)


def test_a_lost_value_makes_the_mean_lost_too():
    result = spread([0.5, math.nan])
    assert result is not None
    assert math.isnan(result.mean)


def test_time_to_go_is_the_mean_of_the_last_five_epochs_for_each_that_is_left():
    assert time_to_go_s([100.0, 4.0, 4.0, 4.0, 4.0, 4.0], 3, 1.0) == pytest.approx(11.0)


def test_time_to_go_is_unknown_before_the_first_epoch_and_never_negative():
    assert time_to_go_s([], 10, 3.0) is None
    assert time_to_go_s([4.0], 1, 60.0) == 0.0
