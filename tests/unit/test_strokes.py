"""What the dots of a curve look like."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from mnist_tui.report.plane import Plane
from mnist_tui.report.strokes import strokes

PLANE = Plane(0.0, 1.0, 0.0, 1.0, columns=40, rows=10)
OFFSETS = {0: (0, 0), 1: (1, 0), 2: (2, 0), 6: (3, 0), 3: (0, 1), 4: (1, 1), 5: (2, 1), 7: (3, 1)}


def dots(path):
    """Return row and column of each dot of a curve."""
    return {
        (4 * row + down, 2 * column + right)
        for (row, column), mask in strokes([path], PLANE).items()
        for bit, (down, right) in OFFSETS.items()
        if mask >> bit & 1
    }


def denser(path, times=20):
    """Return the same path with points between its points."""
    between = [
        (x + (next_x - x) * step / times, y + (next_y - y) * step / times)
        for (x, y), (next_x, next_y) in pairwise(path)
        for step in range(times)
    ]
    return [*between, path[-1]]


def wander(seed):
    chance = random.Random(seed)
    return [(number / 30, chance.random()) for number in range(31)]


PATHS = {
    "noise": wander(1),
    "more noise": wander(2),
    "a wave": [(number / 30, 0.5 + 0.5 * math.sin(number / 3)) for number in range(31)],
    "up": [(0.0, 0.0), (1.0, 1.0)],
    "down, with a pause": [(0.0, 1.0), (0.2, 0.7), (0.8, 0.7), (1.0, 0.0)],
    "a step": [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (1.0, 1.0)],
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_many_points_on_the_same_lines_are_the_same_dots(path):
    lines, band = dots(path), dots(denser(path, times=-(-200 // (len(path) - 1))))
    for some, others in ((lines, band), (band, lines)):
        far = [
            (row, column)
            for row, column in some
            if not any((row + down, column + right) in others for down in (-1, 0, 1) for right in (-1, 0, 1))
        ]
        assert not far


def test_a_long_curve_has_no_holes_where_time_stood_still():
    """Over seconds, a run that was interrupted has points on both sides of a wide gap."""
    early = [(0.3 * number / 200, 0.2) for number in range(201)]
    late = [(0.8 + 0.2 * number / 200, 0.9) for number in range(201)]
    found = dots([*early, *late])
    assert {column for _, column in found} == set(range(1, 80))
    for (row, column), (next_row, next_column) in pairwise(sorted(found, key=lambda dot: (dot[1], -dot[0]))):
        assert abs(next_row - row) <= 1
        assert next_column - column <= 1
