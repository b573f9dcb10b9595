"""How often the screen is drawn."""

from __future__ import annotations

import pytest

from mnist_tui.runtime.pace import LEAST_S, MOST_S, SHARE, Pace


class Clocks:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = self.used = 100.0
        self.pace = Pace(lambda: self.now, lambda: self.used)

    def draw(self, cost):
        """Draw, with one look at the pace a moment later, as each tick takes one."""
        self.pace.begin()
        self.used += cost
        self.now += cost
        assert not self.pace.is_due()

    def wait_until_due(self):
        """Return after how many seconds it is due, at the earliest."""
        start = self.now
        while not self.pace.is_due():
            self.now += 0.001
        return self.now - start


@pytest.fixture
def clocks():
    return Clocks()


def test_the_first_drawing_waits_for_nothing(clocks):
    assert clocks.pace.is_due()


@pytest.mark.parametrize("cost", [0.02, 0.03, 0.05])
def test_drawing_takes_its_share_of_a_core_and_no_more(clocks, cost):
    clocks.draw(cost)
    assert cost / (cost + clocks.wait_until_due()) == pytest.approx(SHARE, rel=0.01)


def test_a_fast_machine_is_not_followed_more_often_than_can_be_seen(clocks):
    clocks.draw(0.001)
    assert 0.001 + clocks.wait_until_due() == pytest.approx(LEAST_S, abs=0.002)


def test_a_slow_machine_is_followed_once_a_second(clocks):
    clocks.draw(0.5)
    assert 0.5 + clocks.wait_until_due() == pytest.approx(MOST_S, abs=0.002)


def test_what_is_done_between_two_drawings_does_not_count(clocks):
    clocks.draw(0.001)
    clocks.used += 5.0
    assert clocks.wait_until_due() < LEAST_S
