"""How long runs will take, before they start."""

import pytest

from mnist_tui.core.estimate import DAY_S, machine_factor, sweep_s
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.sweep import grid
from tests.builders import run_state


def test_without_past_runs_the_usual_machine_is_taken():
    assert machine_factor([]) == 1.0
    assert machine_factor([run_state(val_accuracies=())]) == 1.0


def test_the_newest_runs_of_this_machine_scale_it():
    factor = machine_factor([run_state(epoch_s=4.0)])
    assert machine_factor([run_state(epoch_s=8.0)]) == pytest.approx(2 * factor)
    one = sweep_s(grid(epochs=(10,), features=(RunSpec().features,)), factor)
    assert one == pytest.approx(10 * 4.0)
    slow_now, fast_before = [run_state(epoch_s=8.0)] * 20, [run_state(epoch_s=1.0)] * 100
    assert machine_factor(slow_now + fast_before) == pytest.approx(2 * factor)


def test_more_epochs_features_seeds_and_images_take_longer():
    usual = sweep_s(grid(), 1.0)
    assert sweep_s(grid(epochs=(10, 20)), 1.0) == pytest.approx(3 * usual)
    assert sweep_s(grid(seed=(0, 1, 2)), 1.0) == pytest.approx(3 * usual)
    assert sweep_s(grid(features=(64,)), 1.0) > 3 * usual
    assert sweep_s(grid(RunSpec(dataset="digits")), 1.0) < usual / 10
    assert sweep_s(grid(epochs=tuple(range(1, 101)), features=tuple(range(1, 101))), 1.0) > DAY_S


def test_any_other_setting_multiplies_the_runs():
    usual = sweep_s(grid(), 1.0)
    assert sweep_s(grid(learning_rate=(0.1, 0.01), optimizer=("adam", "adamw", "sgd")), 1.0) == pytest.approx(6 * usual)
    both = sweep_s(grid(dataset=("mnist", "digits")), 1.0)
    assert both == pytest.approx(usual + sweep_s(grid(RunSpec(dataset="digits")), 1.0))


def test_a_value_given_twice_counts_once():
    assert sweep_s(grid(epochs=(10, 10), seed=(1, 1)), 1.0) == sweep_s(grid(), 1.0)
