import math
import random
import statistics
from collections import Counter
from dataclasses import replace

import pytest

from mnist_tui.core.comparison import build_table
from mnist_tui.core.events import RateChanged
from mnist_tui.core.fields import COLUMNS
from mnist_tui.core.metrics import Spread
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.core.table import ComparisonTable, Row, format_value, sort_rows
from tests.builders import CPU, DIGITS, MNIST, run_state

REPORT_TITLES = [
    "Epochs",
    "Features",
    "Last Epoch Accuracy",
    "Last Epoch Time",
    "Last Val Accuracy",
    "Test Accuracy",
    "Total Training Time",
]
columns = {column.key: column for column in COLUMNS}


def best_keys(table: ComparisonTable, row: int) -> set[str]:
    return {key for i, key in table.best if i == row}


def setting(features: int, test_accuracy: float | None, **changes) -> RunState:
    """Return a run whose accuracies are all about `test_accuracy`."""
    spec = RunSpec(epochs=3, features=features, seed=changes.pop("seed", 0))
    accuracy = test_accuracy or 0.0
    name = changes.pop("run", f"run-{features}-{spec.seed}")
    return run_state(
        name, **({"spec": spec, "val_accuracies": (accuracy,) * 3, "test_accuracy": test_accuracy} | changes)
    )


def test_the_columns_begin_with_the_titles_of_the_report():
    table = build_table([run_state()])
    assert [column.title for column in table.columns][:7] == REPORT_TITLES
    assert [column.title for column in table.columns][7:] == [
        "Best Val Accuracy",
        "Test Loss",
        "Parameters",
        "Seeds",
        "Status",
    ]


def test_one_run_gives_its_own_numbers_without_a_deviation():
    (row,) = build_table([run_state(val_accuracies=(0.3, 0.5, 0.4), test_accuracy=0.45)]).rows
    assert row.values["last_val_accuracy"] == Spread(0.4, None, 1)
    assert row.values["best_val_accuracy"] == Spread(0.5, None, 1)
    assert row.values["test_accuracy"] == Spread(0.45, None, 1)
    assert row.values["total_training_time_s"] == Spread(12.0, None, 1)
    assert row.values["n_seeds"] == 1


def test_runs_that_differ_only_in_their_seed_become_one_row():
    tests = [0.44, 0.47, 0.49]
    table = build_table([setting(2, accuracy, seed=seed) for seed, accuracy in enumerate(tests)])
    (row,) = table.rows
    value = row.values["test_accuracy"]
    assert isinstance(value, Spread)
    assert value.mean == pytest.approx(statistics.fmean(tests))
    assert value.std == pytest.approx(statistics.stdev(tests))
    assert value.n == row.values["n_seeds"] == 3
    assert any("n - 1" in note for note in table.footnotes)


@pytest.mark.parametrize(
    "other",
    [
        {"spec": RunSpec(epochs=4)},
        {"spec": RunSpec(epochs=3, features=4)},
        {"spec": RunSpec(epochs=3, batch_size=32)},
        {"spec": RunSpec(epochs=3, learning_rate=0.01)},
        {"spec": RunSpec(epochs=3, split_seed=1)},
        {"dataset": DIGITS},
        {"machine": replace(CPU, threads=1)},
        {"machine": replace(CPU, device="cuda")},
    ],
)
def test_runs_that_differ_in_anything_else_stay_apart(other):
    assert len(build_table([run_state("a"), run_state("b", **other)]).rows) == 2


def test_settings_are_shown_only_where_rows_differ_in_them():
    def shown(*runs):
        return {column.key for column in build_table(runs).columns}

    assert "threads" not in shown(run_state("a"), run_state("b"))
    assert "threads" in shown(run_state("a"), run_state("b", machine=replace(CPU, threads=1)))
    assert "dataset" in shown(run_state("a"), run_state("b", dataset=DIGITS))


def test_a_clear_lead_is_marked_in_the_direction_of_its_column():
    quick = [setting(2, 0.48, epoch_s=4.0 + 0.1 * seed, seed=seed) for seed in range(3)]
    table = build_table([*quick, *(setting(8, 0.95, epoch_s=8.0 + 0.1 * seed, seed=seed) for seed in range(3))])
    assert best_keys(table, 0) == {"last_epoch_time_s", "total_training_time_s"}
    assert best_keys(table, 1) == {"last_epoch_accuracy", "last_val_accuracy", "best_val_accuracy", "test_accuracy"}
    assert any("exceeds the noise" in note for note in table.footnotes)


def test_one_time_alone_wins_nothing():
    table = build_table([setting(2, 0.48, epoch_s=4.0), setting(8, 0.95, epoch_s=80.0)])
    assert not best_keys(table, 0)


def test_repeated_runs_are_told_and_the_newest_counts():
    table = build_table([setting(2, 0.48, run="run-1"), setting(2, 0.50, run="run-2")])
    assert [row.runs for row in table.rows] == [("run-2",)]
    assert any("Only the newest run" in note for note in table.footnotes)


def several(features: int, test_accuracy: float, count: int = 3, **changes) -> list[RunState]:
    """Return runs of several seeds that hardly differ."""
    return [setting(features, test_accuracy, seed=seed, **changes) for seed in range(count)]


def test_one_seed_marks_no_winner_and_the_footnote_says_why():
    table = build_table([setting(2, 0.48), setting(8, 0.95)])
    assert not table.best
    assert any("train several seeds" in note for note in table.footnotes)
    assert not any("--seeds" in note for note in build_table([*several(2, 0.48), *several(8, 0.95)]).footnotes)
    # One seed of the second is not beaten either.
    assert not build_table([*several(8, 0.95), setting(2, 0.48)]).best


def test_a_winner_leads_every_row_whose_noise_is_known_and_no_single_seed_stands_above_it():
    accuracies = {"test_accuracy"}
    assert accuracies <= {key for _, key in build_table([*several(2, 0.90), *several(4, 0.80), setting(8, 0.79)]).best}
    assert not build_table([*several(2, 0.90), *several(4, 0.80), setting(8, 0.91)]).best
    wide = [setting(8, accuracy, seed=seed) for seed, accuracy in enumerate((0.5, 0.99, 0.88))]
    assert not accuracies & {key for _, key in build_table([*several(2, 0.90), *several(4, 0.80), *wide]).best}


def test_seeds_that_differ_by_less_than_the_images_explain_are_not_called_low():
    close = [0.9600, 0.9601, 0.9602, 0.9601, 0.9590]
    table = build_table([setting(2, accuracy, seed=seed) for seed, accuracy in enumerate(close)])
    assert not any("lies far below" in note for note in table.footnotes)


def test_a_lead_within_the_noise_is_not_marked():
    # The 95 % interval of each is about 0.0019, that of their difference 0.0027.
    assert (1, "test_accuracy") not in build_table([*several(2, 0.9900), *several(8, 0.9920)]).best
    assert (1, "test_accuracy") in build_table([*several(2, 0.9900), *several(8, 0.9940)]).best


def test_fewer_images_make_more_noise():
    pair = [(2, 0.970), (8, 0.985)]
    assert (1, "test_accuracy") in build_table([run for f, a in pair for run in several(f, a)]).best
    assert (1, "test_accuracy") not in build_table([run for f, a in pair for run in several(f, a, dataset=DIGITS)]).best


def test_an_accuracy_near_one_has_noise_too():
    # 300 of 300 images against 296 of 300 on the digits.
    table = build_table([*several(2, 296 / 300, dataset=DIGITS), *several(8, 1.0, dataset=DIGITS)])
    assert (1, "test_accuracy") not in table.best


@pytest.mark.parametrize("rows", [2, 4])
@pytest.mark.parametrize("seeds", [1, 2, 3, 5, 11])
def test_equal_settings_have_a_winner_in_one_table_of_twenty_at_most(seeds, rows):
    """Settings that differ in nothing, with the spread of 2 features: one seed in twelve collapses."""
    chance, tables = random.Random(seeds), 200
    marked: Counter[str] = Counter()
    for _ in range(tables):
        runs = []
        for features in range(2, 2 + rows):
            for seed in range(seeds):
                accuracy = chance.gauss(0.485, 0.025) if chance.random() > 1 / 12 else chance.gauss(0.32, 0.01)
                epoch_s = max(0.1, chance.gauss(0.36, 0.05))
                runs.append(setting(features, accuracy, seed=seed, epoch_s=epoch_s, test_loss=2.4 - 2 * accuracy))
        marked.update({key for _, key in build_table(runs).best})
    assert max(marked.values(), default=0) <= 0.05 * tables, marked


def test_an_unfinished_row_that_is_better_than_the_marked_one_is_named():
    better = setting(8, 0.99, run="early", val_accuracies=(0.99,), status=Status.STOPPED)
    table = build_table([*several(2, 0.48), *several(4, 0.60), better])
    (note,) = [note for note in table.footnotes if "better than the marked" in note]
    assert note.startswith("3 epochs x 8 features, stopped at 1/3: better than the marked")
    assert "Last Val Accuracy" in note
    assert not any("better than the marked" in n for n in build_table([*several(2, 0.48), *several(4, 0.60)]).footnotes)


def test_from_eight_seeds_on_median_and_range_are_told_and_a_collapsed_seed_is_named():
    accuracies = [0.48, 0.49, 0.47, 0.50, 0.485, 0.495, 0.318, 0.49]
    table = build_table([setting(2, accuracy, seed=seed) for seed, accuracy in enumerate(accuracies)])
    assert "3 epochs x 2 features: test accuracy of 8 seeds: median 48.75%, range 31.80% to 50.00%." in table.footnotes
    assert any("seed 6 is far below the others, with a test accuracy of 31.80%" in note for note in table.footnotes)
    (record,) = table.to_json()["rows"]
    assert (record["test_accuracy_median"], record["test_accuracy_min"], record["test_accuracy_max"]) == (
        pytest.approx(0.4875),
        0.318,
        0.5,
    )


def test_threads_part_groups_only_where_they_can_change_a_number():
    compiled = [replace(CPU, backend="compiled", threads=threads) for threads in (1, 2)]
    runs = [run_state(f"run-{m.threads}", spec=RunSpec(epochs=3, seed=m.threads), machine=m) for m in compiled]
    (row,) = build_table(runs).rows
    assert row.values["n_seeds"] == 2
    assert row.values["threads"] == "1, 2"


def test_a_changed_learning_rate_is_always_told():
    changed = setting(2, 0.48)
    changed.marks.append(RateChanged(run=changed.run, epoch=2, learning_rate=0.004))
    table = build_table([changed])
    assert "rate_changes" in {column.key for column in table.columns}
    assert table.rows[0].values["rate_changes"] == "0.004 from epoch 2"
    assert "rate_changes" not in {column.key for column in build_table([setting(2, 0.48)]).columns}


def test_seeds_that_scatter_widen_the_noise():
    calm = [setting(2, 0.50 + 0.001 * s, seed=s) for s in range(3)]
    calm += [setting(8, 0.55 + 0.001 * s, seed=s) for s in range(3)]
    wild = [setting(2, 0.50 + 0.05 * s, seed=s) for s in range(3)]
    wild += [setting(8, 0.55 + 0.05 * s, seed=s) for s in range(3)]
    assert (1, "test_accuracy") in build_table(calm).best
    assert (1, "test_accuracy") not in build_table(wild).best


def test_a_single_row_or_a_tie_has_no_winner():
    assert not build_table([setting(2, 0.9)]).best
    assert not build_table([*several(2, 0.9), *several(8, 0.9)]).best


def test_nothing_is_marked_where_datasets_are_mixed():
    table = build_table([*several(2, 0.48), *several(8, 0.95, dataset=DIGITS)])
    assert not table.best
    assert any("cannot be compared" in note for note in table.footnotes)
    assert any("8x8 digits (not MNIST)" in note for note in table.footnotes)


def test_a_seed_that_was_run_again_counts_once_with_its_newest_run():
    table = build_table([setting(2, 0.48, run="old"), setting(2, 0.50, run="young")])
    assert [row.runs for row in table.rows] == [("young",)]
    assert table.rows[0].values["n_seeds"] == 1
    assert table.rows[0].values["test_accuracy"] == Spread(0.50, None, 1)


def test_times_of_different_machines_have_no_winner_but_accuracies_have():
    other = replace(CPU, device="cuda", device_name="Example GPU")
    table = build_table([*several(2, 0.48, epoch_s=4.0), *several(8, 0.95, epoch_s=1.0, machine=other)])
    assert best_keys(table, 1) == {"last_epoch_accuracy", "last_val_accuracy", "best_val_accuracy", "test_accuracy"}
    assert {"device", "device_name"} <= {column.key for column in table.columns}


def test_the_same_label_over_other_data_does_not_compete():
    table = build_table([*several(2, 0.48), *several(8, 0.95, dataset=replace(MNIST, sha256="c" * 64))])
    assert not table.best
    assert "data_digest" in {column.key for column in table.columns}


@pytest.mark.parametrize("status", [Status.STOPPED, Status.DIVERGED, Status.FAILED, Status.INTERRUPTED])
def test_an_unfinished_run_stands_alone_comes_last_and_is_never_best(status):
    runs = [
        setting(2, 0.99, run="early", val_accuracies=(0.99,), status=status),
        *several(2, 0.48),
        *several(4, 0.60),
    ]
    table = build_table(runs)
    assert [row.runs[0] for row in table.rows] == ["run-2-0", "run-4-0", "early"]
    assert table.rows[-1].values["status"] == f"{status} at 1/3"
    assert table.rows[0].values["last_val_accuracy"] == Spread(0.48, 0.0, 3), "it entered no mean"
    assert not best_keys(table, 2)
    assert best_keys(table, 1) >= {"last_val_accuracy", "test_accuracy"}
    assert any("Unfinished runs" in note for note in table.footnotes)


def test_lost_values_are_kept_and_win_nothing():
    table = build_table(
        [
            *several(2, 0.48),
            *several(4, 0.60),
            setting(8, None, run="lost", val_accuracies=(0.2, math.nan), status=Status.DIVERGED),
        ]
    )
    value = table.rows[2].values["last_val_accuracy"]
    assert isinstance(value, Spread)
    assert math.isnan(value.mean)
    assert (1, "last_val_accuracy") in table.best


def test_rows_come_by_features_and_then_epochs():
    grid = [RunSpec(epochs=e, features=f) for e, f in [(20, 8), (10, 8), (20, 2), (10, 2)]]
    table = build_table([run_state(f"run-{i}", spec=spec) for i, spec in enumerate(grid)])
    assert [(row.values["features"], row.values["epochs"]) for row in table.rows] == [
        (2, 10),
        (2, 20),
        (8, 10),
        (8, 20),
    ]


def test_runs_without_a_result_are_left_out():
    assert build_table([RunState(run="waiting", spec=RunSpec())]).rows == ()


def test_the_comparison_record_holds_means_deviations_and_run_ids():
    (record,) = build_table([setting(2, 0.4, seed=0), setting(2, 0.5, seed=1)]).to_json()["rows"]
    assert record["test_accuracy"] == pytest.approx(0.45)
    assert record["test_accuracy_std"] == pytest.approx(statistics.stdev([0.4, 0.5]))
    assert record["n_seeds"] == 2
    assert record["runs"] == ["run-2-0", "run-2-1"]
    assert record["dataset"] == MNIST.label
    (single,) = build_table([setting(2, 0.4)]).to_json()["rows"]
    assert not [key for key in single if key.endswith("_std")], "one run has no deviation"


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("test_accuracy", Spread(0.4794, None, 1), "47.94%"),
        ("test_accuracy", Spread(0.48777, 0.02013, 3), "48.78 ± 2.01%"),
        ("test_accuracy", None, "–"),
        ("test_accuracy", Spread(math.nan, None, 1), "NaN"),
        ("last_epoch_time_s", Spread(24.444, None, 1), "24.44 s"),
        ("last_epoch_time_s", Spread(244.444, 1.5, 2), "244.44 ± 1.50 s"),
        ("total_training_time_s", Spread(99.5, None, 1), "99.50 s"),
        ("total_training_time_s", Spread(244.4, 1.6, 2), "244 ± 2 s"),
        ("test_loss", Spread(1.33119, None, 1), "1.3312"),
        ("test_loss", Spread(math.inf, math.nan, 2), "∞"),
        ("test_loss", Spread(-math.inf, None, 1), "−∞"),
        ("test_accuracy", Spread(49_999 / 50_000, None, 1), "99.99%"),
        ("test_accuracy", Spread(1.0, None, 1), "100.00%"),
        ("test_accuracy", Spread(0.0, None, 1), "0.00%"),
        ("test_accuracy", Spread(1 / 50_000, None, 1), "0.00%"),
        ("last_epoch_time_s", Spread(0.0042, None, 1), "0.0042 s"),
        ("last_epoch_time_s", Spread(0.0042, 0.0001, 2), "0.0042 ± 0.0001 s"),
        ("test_loss", Spread(3e38, None, 1), "3e+38"),
        ("learning_rate", 0.001, "0.001"),
        ("learning_rate", math.inf, "∞"),
        ("parameters", 13_392, "13,392"),
        ("status", "stopped at 3/10", "stopped at 3/10"),
    ],
)
def test_values_are_rounded_for_people(key, value, text):
    assert format_value(columns[key], value) == text


def test_sorting_keeps_rows_without_a_value_last_in_either_direction():
    rows = [Row((name,), {"test_accuracy": value}, {}) for name, value in [("a", None), ("b", 0.2), ("c", 0.7)]]

    def order(*, reverse: bool) -> str:
        return "".join(r.runs[0] for r in sort_rows(rows, lambda row: row.number("test_accuracy"), reverse=reverse))

    assert order(reverse=False) == "bca"
    assert order(reverse=True) == "cba"


def test_runs_that_their_patience_ended_are_told_with_the_epochs_they_had():
    early = run_state("a", val_accuracies=(0.3, 0.4), spec=RunSpec(epochs=60, patience=3))
    whole = run_state("b", val_accuracies=(0.3, 0.4), spec=RunSpec(epochs=2))
    table = build_table([early, whole])
    assert "60 epochs x 2 features: stopped early after 2 (patience 3)." in table.footnotes
    assert not any("2 epochs x" in note for note in table.footnotes)
    assert "epochs_done" in {column.key for column in table.columns}
    assert "epochs_done" not in {column.key for column in build_table([whole]).columns}
