"""The part in view, the cursor, what follows the newest epoch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.report.chartview import ChartView, Scale, Smoothing, XAxis, next_of

PLACES = [float(epoch) for epoch in range(1, 101)]
WHOLE = (1.0, 100.0)


def test_the_cursor_begins_at_the_newest_point_and_stays_on_points():
    look = ChartView().moved(PLACES, -1)
    assert look.cursor == 100.0
    assert look.moved(PLACES, -1).cursor == 99.0
    assert look.moved(PLACES, -1000).cursor == 1.0
    assert look.moved(PLACES, 5).cursor == 100.0
    assert ChartView().moved([], 1) == ChartView()
    assert ChartView().at(PLACES, 41.6).cursor == 42.0


def test_looking_closer_keeps_the_cursor_where_it_is_in_view():
    look = ChartView(cursor=50.0)
    for _ in range(5):
        low, high = look.view(WHOLE, 100.0)
        closer = look.zoomed(WHOLE, 100.0, 0.5)
        low_after, high_after = closer.view(WHOLE, 100.0)
        if closer == look:
            break
        assert high_after - low_after < high - low
        assert low_after <= 50.0 <= high_after
        assert (50.0 - low_after) / (high_after - low_after) == pytest.approx((50.0 - low) / (high - low))
        look = closer
    assert high_after - low_after >= 2.0


def test_without_a_cursor_the_newest_epoch_stays_in_view_and_is_followed():
    look = ChartView().zoomed(WHOLE, 40.0, 0.2)
    low, high = look.view(WHOLE, 40.0)
    assert low < 40.0 <= high
    assert look.end is None or high == pytest.approx(look.end)
    look = ChartView(span=10.0)
    assert look.view(WHOLE, 40.0) == (30.0, 40.0)
    assert look.view(WHOLE, 41.0) == (31.0, 41.0)


def test_moving_back_lets_go_of_the_newest_epoch_and_moving_on_takes_it_up_again():
    look = ChartView(span=10.0).panned(WHOLE, 40.0, -0.5)
    assert look.view(WHOLE, 40.0) == look.view(WHOLE, 41.0) == (25.0, 35.0)
    again = look.panned(WHOLE, 41.0, 5.0)
    assert again.end is None
    assert again.view(WHOLE, 50.0) == (40.0, 50.0)


def test_a_cursor_that_leaves_the_view_takes_it_along():
    look = ChartView(span=10.0, end=50.0, cursor=41.0).moved(PLACES, -5)
    assert look.cursor == 36.0
    low, high = look.view(WHOLE, 100.0)
    assert low <= 36.0 <= high
    look = look.moved(PLACES, 30)
    low, high = look.view(WHOLE, 100.0)
    assert low <= 66.0 <= high


def test_looking_at_more_than_there_is_shows_the_whole():
    look = ChartView(span=80.0).zoomed(WHOLE, 100.0, 2.0)
    assert look.span is None
    assert look.view(WHOLE, 100.0) == WHOLE
    assert not look.is_moved
    assert ChartView(span=5.0, end=7.0, cursor=6.0).whole() == ChartView()


def test_another_x_axis_shows_the_whole_of_it():
    assert ChartView(span=5.0, end=7.0, cursor=6.0).with_x(XAxis.SECONDS) == ChartView(x=XAxis.SECONDS)


@pytest.mark.parametrize("kind", [Scale, XAxis, Smoothing])
def test_the_choices_come_round(kind):
    seen = [next(iter(kind))]
    for _ in kind:
        seen.append(next_of(seen[-1]))
    assert set(seen) == set(kind)
    assert seen[0] == seen[-1]


STEPS = st.lists(st.tuples(st.sampled_from(["move", "zoom", "pan", "grow"]), st.integers(-12, 12)), max_size=30)


@given(STEPS, st.sampled_from(list(XAxis)))
def test_whatever_is_done_something_is_in_view_and_inside_the_axis(steps, x):
    look, newest = ChartView(x=x), 40.0
    for what, amount in steps:
        match what:
            case "move":
                look = look.moved([place for place in PLACES if place <= newest], amount)
            case "zoom":
                look = look.zoomed(WHOLE, newest, 0.6**amount)
            case "pan":
                look = look.panned(WHOLE, newest, amount / 4)
            case _:
                newest = min(100.0, newest + abs(amount))
        low, high = look.view(WHOLE, newest)
        assert WHOLE[0] <= low < high <= WHOLE[1]


def test_a_cursor_inside_the_view_leaves_it_and_the_newest_epoch_is_followed_still():
    look = ChartView(span=10.0).moved(PLACES, -1).moved(PLACES, -3)
    assert look.cursor == 97.0
    assert look.end is None
    assert look.moved(PLACES, -20).view(WHOLE, 100.0) == (77.0, 87.0)
