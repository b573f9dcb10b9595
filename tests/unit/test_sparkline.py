"""Numbers as a row of blocks."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.report.sparkline import changes, sparkline
from tests.unit.chart_cells import HOSTILE

BLOCKS = "▁▂▃▄▅▆▇█"


def test_a_sparkline_goes_from_the_lowest_block_to_the_highest():
    assert sparkline([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]) == BLOCKS
    assert sparkline([7.0, 0.0]) == "█▁"


def test_a_sparkline_can_start_below_its_values():
    assert sparkline([50.0, 100.0]) == "▁█"
    assert sparkline([50.0, 100.0], low=0.0)[0] in "▄▅"


def test_a_constant_sparkline_is_flat_whatever_its_size():
    for value in (0.0, 1.0, -5.0, 1e300, 1e308, -1e308, 5e-324):
        assert sparkline([value] * 3) == "▁▁▁"


@settings(deadline=None)
@given(
    st.lists(st.floats() | st.sampled_from([value for value in HOSTILE if value is not None])),
    st.none() | st.floats(-1, 1),
)
def test_a_sparkline_has_one_block_per_number_and_keeps_their_order(values, low):
    drawn = sparkline(values, low=low)
    assert len(drawn) == len(values)
    for value, block in zip(values, drawn, strict=True):
        assert (block == " ") == (not math.isfinite(value))
    heights = [BLOCKS.index(drawn[at]) for at in sorted(range(len(values)), key=values.__getitem__) if drawn[at] != " "]
    if not any(map(math.isnan, values)):
        assert heights == sorted(heights)


def test_changes_stand_on_the_ground_or_hang_from_the_top():
    assert changes([2.0, 1.0, -2.0, -0.1, 0.0, math.nan]) == [
        ("█", False),
        ("▅", False),
        ("█", True),
        ("▔", True),
        ("▁", False),
        (" ", False),
    ]
    assert changes([]) == []


def test_between_fixed_limits_an_even_course_has_its_own_height():
    assert sparkline([0.0, 0.5, 1.0], low=0.0, high=1.0) == "▁▅█"
    assert sparkline([0.5, 0.5], low=0.0, high=1.0) == "▅▅"
