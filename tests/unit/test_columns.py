"""The numbers of all epochs of a run."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.core.columns import ELAPSED, Columns
from mnist_tui.core.events import EpochDone
from mnist_tui.core.thinning import STRETCHES
from tests.builders import epoch_done

SOME = st.lists(st.floats(0, 1) | st.just(math.nan), max_size=40)


def epochs(losses):
    return [epoch_done(number, val_loss=loss) for number, loss in enumerate(losses, start=1)]


@given(SOME, st.lists(st.integers(0, 40), max_size=5))
def test_a_run_that_grows_has_the_columns_of_one_that_is_read_at_once(losses, looks):
    grown, whole = Columns(), Columns().of(epochs(losses))
    names = [("val_loss", 0.0), ("val_loss", 0.9), (ELAPSED, 0.0), ("epoch", 0.0)]
    history: list[EpochDone] = []
    for stop in [*sorted(looks), len(losses)]:
        history += epochs(losses)[len(history) : stop]
        for name in names:
            grown.of(history).values(*name)
    for name in names:
        assert grown.of(history).values(*name) == pytest.approx(whole.values(*name), nan_ok=True)
    assert grown.values(ELAPSED) == pytest.approx([4.0 * number for number in range(1, len(losses) + 1)])


def test_a_moving_mean_weighs_the_newest_most_and_leaves_out_what_is_not_finite():
    columns = Columns().of(epochs([1.0, 0.0, math.nan, 0.0]))
    first, second, gap, last = columns.values("val_loss", 0.6)
    assert first == pytest.approx(1.0)
    assert first > second > last > 0.0
    assert math.isnan(gap)


def test_another_history_is_read_anew():
    columns = Columns().of(epochs([0.5, 0.4]))
    assert columns.values("val_loss") == [0.5, 0.4]
    assert columns.of(epochs([0.1])).values("val_loss") == [0.1]


def test_of_a_short_run_all_epochs_are_kept():
    columns = Columns().of(epochs([0.5] * 2_000))
    assert list(columns.kept("val_loss", 0, 2_000)) == list(range(2_000))
    assert list(columns.kept("val_loss", 70, 80)) == list(range(70, 80))


@pytest.mark.parametrize(("low", "high"), [(0, 20_000), (3, 19_998), (1_000, 9_999)])
def test_of_a_long_run_what_stands_out_is_kept(low, high):
    chance = random.Random(low)
    losses = [0.5 + 0.1 * chance.random() for _ in range(20_000)]
    losses[4_321], losses[7_654], losses[5_000] = 0.9, 0.1, math.nan
    history = epochs(losses[:15_000])
    columns = Columns().of(history)
    columns.kept("val_loss", 0, 15_000)
    history += epochs(losses)[15_000:]
    kept = columns.of(history).kept("val_loss", low, high)
    assert {low, high - 1, 4_321, 7_654, 5_000} <= set(kept)
    assert list(kept) == sorted(set(kept))
    assert STRETCHES < len(kept) < 8 * STRETCHES
    assert low <= kept[0] <= kept[-1] < high
