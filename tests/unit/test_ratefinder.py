"""What a rising learning rate says, and when it says nothing."""

import math

import pytest

from mnist_tui.core.ratefinder import RangeTest, RateFound, is_over
from mnist_tui.errors import UsageError
from mnist_tui.report.charts import rasterise
from mnist_tui.report.ratechart import rate_chart

TEST = RangeTest(low=1e-5, high=10.0, steps=300, tries=3)


def bowl(lowest, depth=1.0, test=TEST):
    """Return losses that are 2.3, lower by `depth` at a rate, and higher beyond it."""
    away = [exponent - math.log10(lowest) for exponent in test.exponents]
    return [2.3 - depth * math.exp(-(x**2)) + max(0.0, x - 1.0) ** 2 for x in away]


def test_the_suggestion_is_a_tenth_of_the_rate_with_the_lowest_loss_and_the_median_of_the_tries():
    found = RateFound(TEST, (bowl(0.02), bowl(0.03), bowl(0.09)))
    assert found.rate == 0.003
    assert "from 2.30 to 1." in found.reason
    assert "at a rate of 0.03" in found.reason
    assert "Individual tries suggest 0.002 to 0.009." in found.reason


def test_tries_that_agree_need_no_range():
    assert "Individual" not in RateFound(TEST, (bowl(0.03),) * 3).reason


@pytest.mark.parametrize(
    ("losses", "why"),
    [
        ((bowl(0.03), bowl(0.03), [2.3] * 300), "did not fall clearly within 300 steps"),
        ((bowl(0.03, depth=0.05),) * 3, "did not fall clearly"),
        (([2.3 - 0.004 * step for step in range(300)],) * 3, "still falling near the highest rate, 10"),
        (([math.nan],) * 3, "not finite at 1e-05, the first rate. Lower it"),
        ((), "not finite"),
    ],
)
def test_without_a_reason_there_is_no_suggestion(losses, why):
    found = RateFound(TEST, losses or ([], [], []))
    assert found.rate is None
    assert why in found.reason


def test_a_try_that_ends_in_nan_counts_up_to_there():
    ended = [*bowl(0.03)[:260], math.nan]
    assert RateFound(TEST, (ended,) * 3).rate == 0.003


def test_a_try_is_over_once_its_loss_has_doubled_or_is_no_number():
    assert is_over([2.0, 2.0, 4.0, 4.2], [4.0, 4.2])
    assert is_over([2.0, 2.0, 1.0, math.inf], [1.0, math.inf])
    assert not is_over([2.0, 2.0, 3.8, 4.1], [3.8, 4.1])


@pytest.mark.parametrize(
    "wrong", [{"low": 1.0, "high": 0.1}, {"low": 0.0}, {"high": math.inf}, {"steps": 3}, {"tries": 0}]
)
def test_a_range_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError):
        RangeTest(**wrong)


def test_the_chart_has_powers_of_ten_below_and_a_sign_at_the_suggestion():
    found = RateFound(TEST, (bowl(0.03),) * 3)
    rows = ["".join(text for text, _ in row) for row in rasterise(rate_chart(found), 90, 14).rows]
    assert rows[-1].split() == ["lr", "0.00001", "0.0001", "0.001", "0.01", "0.1", "1", "10"]
    at = rows[-2].index("▲")
    assert rows[-1].index("0.001") < at < rows[-1].index("0.01 ")


def test_a_chart_without_any_loss_yet_is_empty_and_no_error():
    assert rasterise(rate_chart(RateFound(TEST, ([], [], [])), cursor=0.003), 60, 12).rows
