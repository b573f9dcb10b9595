import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.core.metrics import (
    Spread,
    binomial_half_width,
    error_reduction,
    improvement_points,
    spread,
    time_to_go_s,
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


def test_the_noise_of_an_accuracy_is_the_binomial_interval():
    assert binomial_half_width(0.99, 10_000) == pytest.approx(0.00195, abs=1e-5)
    assert binomial_half_width(0.97, 300) == pytest.approx(0.0193, abs=1e-4)
    assert binomial_half_width(0.5, 0) == 0.0
    assert binomial_half_width(1.5, 100) == 0.0, "rounding above 1 counts as 1"


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
