"""Lists whose columns choose themselves, and runs side by side."""

from dataclasses import replace

import pytest

from mnist_tui.core.compare import common_target, difference, differing_settings, reached
from mnist_tui.core.labels import Labels
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.view import SEEDS
from mnist_tui.report.comparing import side_by_side
from mnist_tui.report.runlist import arrange, grouped
from tests.builders import run_state


def run(name, *accuracies, **settings):
    return run_state(name, val_accuracies=accuracies, spec=RunSpec(epochs=len(accuracies), **settings))


def titles(columns):
    return [column.column.title for column in columns]


def test_what_differs_is_a_column_and_what_is_equal_is_said_once():
    few, many = run("a", 0.3, 0.4, features=2), run("b", 0.8, 0.9, features=8, seed=3)
    columns, common = arrange([few, many])
    assert titles(columns)[:5] == ["Id", "Epochs", "Features", "Val", "Seed"]
    assert "lr" not in titles(columns)
    assert "lr 0.001" in common
    assert "batch 64" in common
    assert "MNIST" in common
    columns, common = arrange([few, run("c", 0.5, 0.5, learning_rate=0.01)])
    assert "lr" in titles(columns)
    assert "lr" not in common


def test_names_and_tags_are_columns_where_a_run_has_some():
    one, other = run("a", 0.3), run("b", 0.4)
    assert not {"Name", "Tags"} & set(titles(arrange([one, other])[0]))
    one.labels = Labels(name="first", tags=("good",))
    assert titles(arrange([one, other])[0])[4] == "Name"
    assert "Tags" in titles(arrange([one, other])[0])


def test_one_run_has_nothing_in_common_with_others():
    assert arrange([run("a", 0.3)])[1] == ""
    assert titles(arrange([])[0])[:4] == ["Id", "Epochs", "Features", "Val"]


def test_runs_that_differ_in_their_seed_alone_stand_together():
    first, other, second = run("a", 0.3, seed=0), run("b", 0.4, features=8), run("c", 0.35, seed=1)
    groups = grouped([first, other, second], SEEDS)
    assert [[run.run for run in group.runs] for group in groups] == [["a", "c"], ["b"]]


def test_only_the_settings_that_differ_are_compared():
    rows = dict(differing_settings([run("a", 0.3), run("b", 0.4, features=8)]))
    assert rows["Features"] == ["2", "8"]
    assert "Seed" not in rows


def test_a_difference_has_the_noise_of_both_samples():
    against = difference(0.92, 0.90, 10_000)
    assert against is not None
    assert against.points == pytest.approx(2.0)
    # Close to the normal approximation, 1.96 * sqrt(0.92 * 0.08 + 0.9 * 0.1) / 100 = 0.7926 points.
    assert (against.low, against.high) == pytest.approx((2.0 - 0.7926, 2.0 + 0.7926), abs=0.01)
    assert against.low > 0
    within = difference(0.901, 0.90, 10_000)
    assert within is not None
    assert within.low < 0 < within.high
    assert difference(None, 0.9, 10_000) is None
    assert difference(float("nan"), 0.9, 10_000) is None


def test_the_time_to_an_accuracy_is_that_of_the_first_epoch_that_has_it():
    one = run("a", 0.3, 0.5, 0.4, 0.6)
    epoch, seconds = reached(one, 0.45) or (0, 0.0)
    assert epoch == 2
    assert seconds == pytest.approx(sum(e.epoch_s for e in one.history[:2]))
    assert reached(one, 0.7) is None
    assert common_target([one, run("b", 0.2, 0.553)]) == 0.55
    assert [common_target([run("c", accuracy)]) for accuracy in (0.29, 0.57, 0.58)] == [0.29, 0.57, 0.58]


def test_side_by_side_tells_differences_to_the_first_run_and_when_they_are_noise():
    one, other = run("a", 0.3, 0.5), run("b", 0.3, 0.9, features=8)
    rows = {row.title: row.cells for row in side_by_side([one, other], 0.5)}
    assert rows["Features"] == ("2", "8")
    assert rows["Last Val Accuracy"][0] == "50.00%"
    assert rows["Last Val Accuracy"][1] == "90.00% +40.00 (+38.85…+41.13)"
    assert rows["Until 50% val"][0].startswith("epoch 2")
    same = run("c", 0.3, 0.501)
    cell = {r.title: r.cells for r in side_by_side([one, same], 0.5)}["Last Val Accuracy"][1]
    assert cell == "50.10% +0.10 (−1.29…+1.49)"
    unfinished = replace(run("d", 0.3), result=None)
    assert {r.title: r.cells for r in side_by_side([one, unfinished], 0.9)}["Until 90% val"] == ("never", "never")
    begun = replace(run_state("e"), history=[], result=None)
    assert {r.title: r.cells for r in side_by_side([one, begun], 0.9)}["Until 90% val"] == ("never", "–")
