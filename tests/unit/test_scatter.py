"""The map of the bottleneck: every image in its cell, and no jump from epoch to epoch."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.core.spec import RunSpec
from mnist_tui.demo.insight import REGIONS, scripted_insight
from mnist_tui.report.scatter import Limits, Plane, Turn, aligned, limits_of

INSIGHT = scripted_insight("run-1", RunSpec(features=2), 3, 6_000, 10_000)
LIMITS = limits_of(INSIGHT.points, None)
coordinates = st.floats(-50, 50)
clouds = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=30)


def plane(width=60, height=20, limits=LIMITS):
    return Plane(INSIGHT, INSIGHT.points, limits, width, height)


def distance(points, others):
    return math.fsum(math.dist(p, q) ** 2 for p, q in zip(points, others, strict=True))


@given(clouds, st.floats(0, math.tau), st.sampled_from([1.0, -1.0]))
def test_a_map_that_was_only_turned_is_turned_back(points, angle, flip):
    turned = [Turn(math.cos(angle), math.sin(angle), flip).apply(point) for point in points]
    back = aligned(turned, points)
    size = math.fsum(x * x + y * y for x, y in points)
    assert distance([back.apply(point) for point in turned], points) <= 1e-9 * (1 + size)


@given(clouds, clouds)
def test_turning_never_leads_further_away(points, before):
    count = min(len(points), len(before))
    points, before = points[:count], before[:count]
    turn = aligned(points, before)
    assert distance([turn.apply(point) for point in points], before) <= distance(points, before) + 1e-6


def test_maps_of_other_images_are_left_as_they_are():
    assert aligned([(1, 2)], [(1, 2), (3, 4)]) == Turn()


def test_every_image_lies_inside_and_is_found_in_its_cell():
    shown = plane()
    dots = shown.dots()
    assert len(dots) == 20
    assert all(len(row) == 60 for row in dots)
    for row, column in shown.cells:
        assert dots[row][column].label is not None
    filled = {(row, column) for row in range(20) for column in range(60) if dots[row][column].label is not None}
    assert filled == set(shown.cells)


def test_up_is_where_the_second_feature_is_large():
    shown = plane()
    highest = max(range(len(INSIGHT.points)), key=lambda at: INSIGHT.points[at][1])
    rightmost = max(range(len(INSIGHT.points)), key=lambda at: INSIGHT.points[at][0])
    assert shown.cells[highest][0] == min(row for row, _ in shown.cells)
    assert shown.cells[rightmost][1] == max(column for _, column in shown.cells)


def test_a_cell_s_ground_is_what_the_classifier_says_in_its_middle():
    left, right, bottom, top = INSIGHT.limits
    shown = plane(REGIONS, REGIONS, Limits(left, right, bottom, top))
    dots = shown.dots()
    for row, column in [(2, 3), (20, 40), (45, 10)]:
        at = round((row + 0.5) / REGIONS * (REGIONS - 1)) * REGIONS + round((column + 0.5) / REGIONS * (REGIONS - 1))
        assert dots[row][column].region == INSIGHT.regions[at]
    outside = plane(10, 10, Limits(100, 101, 100, 101)).dots()
    assert all(dot.region is None for row in outside for dot in row)


@pytest.mark.parametrize(("rows", "columns"), [(-1, 0), (1, 0), (0, -1), (0, 1)])
def test_the_cursor_goes_where_it_is_sent_until_it_can_go_no_further(rows, columns):
    shown, at = plane(), 250
    for _ in range(len(INSIGHT.points)):
        following = shown.next_image(at, rows, columns)
        if following == at:
            break
        step = [b - a for a, b in zip(shown.cells[at], shown.cells[following], strict=True)]
        assert step[0] * rows > 0 or step[1] * columns > 0
        at = following
    else:
        pytest.fail("it never came to an end")


def test_the_view_stays_while_points_move_a_little_and_follows_when_they_move_far():
    first = limits_of([(0, 0), (10, 10)], None)
    assert limits_of([(1, 1), (9, 9)], first) == first
    assert limits_of([(1, 1), (2, 2)], first) == limits_of([(1, 1), (2, 2)], None)
    wider = limits_of([(1, 0), (12, 10)], first)
    assert wider.right > 12
    assert wider.left == first.left


@pytest.mark.parametrize(("width", "height"), [(1, 1), (0, 0), (3, 200), (200, 2)])
def test_any_size_will_do(width, height):
    dots = plane(width, height).dots()
    assert len(dots) == max(1, height)
    assert sum(dot.label is not None for row in dots for dot in row) >= 1


def test_a_feature_that_is_zero_for_every_image_is_named():
    insight = scripted_insight("run-1", RunSpec(features=2), 1, 5_000, 10_000)
    assert insight.dead_features == ()
    assert replace(insight, values=tuple((0.0, y) for _, y in insight.values)).dead_features == (1,)
    assert replace(insight, values=()).dead_features == ()


@pytest.mark.parametrize(("step", "told"), [(255, "99%"), (254, "99%"), (237, "93%"), (0, "0%")])
def test_no_image_is_told_to_be_certain_where_it_was_rounded(step, told):
    insight = scripted_insight("run-1", RunSpec(features=2), 1, 5_000, 10_000)
    assert replace(insight, confidences=bytes([step])).sureness(0) == told
