import itertools
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.core import queue as queue_module
from mnist_tui.core.codec import from_json_value, to_json_value
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import BY_KEY, RunSpec, new_run_id
from mnist_tui.core.sweep import MAX_RUNS, REPORT_PRESET, grid
from mnist_tui.errors import UsageError


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"epochs": 0}, "epochs must be a whole number from 1 to 100,000, not 0"),
        ({"epochs": 100_001}, "epochs must be a whole number from 1 to 100,000, not 100001"),
        ({"epochs": True}, "epochs must be a whole number from 1 to 100,000, not True"),
        ({"epochs": 1.5}, "epochs must be a whole number from 1 to 100,000, not 1.5"),
        ({"features": 0}, "features must be a whole number from 1 to 512, not 0"),
        ({"features": 513}, "features must be a whole number from 1 to 512, not 513"),
        ({"seed": -1}, "seed must be a whole number from 0 to"),
        ({"seed": 2**63}, "seed must be a whole number from 0 to"),
        ({"batch_size": 0}, "batch size must be a whole number from 1 to 10,000, not 0"),
        ({"threads": 0}, "threads must be a whole number from 1 to 256, not 0"),
        ({"split_seed": -1}, "split seed must be a whole number from 0 to"),
        ({"learning_rate": 0.0}, "learning rate must be a finite number above 0, not 0.0"),
        ({"learning_rate": math.nan}, "learning rate must be a finite number above 0, not nan"),
        ({"learning_rate": "fast"}, "learning rate must be a finite number above 0, not 'fast'"),
        ({"dataset": "cifar"}, "or FILE.npz, not 'cifar'"),
        ({"device": "tpu"}, "device must be one of auto, cpu, cuda, mps, not 'tpu'"),
    ],
)
def test_a_setting_out_of_range_is_named_with_what_is_allowed(values, sentence):
    with pytest.raises(UsageError) as caught:
        RunSpec(**values)
    assert sentence in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 1, "features": 1, "seed": 0, "batch_size": 1, "threads": 1},
        {"epochs": 100_000, "features": 512, "seed": 2**63 - 1, "batch_size": 10_000, "threads": 256},
        {"learning_rate": math.inf},
    ],
)
def test_the_ends_of_every_range_are_allowed_and_survive_json(values):
    spec = RunSpec(**values)
    assert from_json_value(RunSpec, to_json_value(spec)) == spec


def test_settings_of_a_newer_version_are_left_out():
    assert from_json_value(RunSpec, {"epochs": 3, "dropblock": 0.5}) == RunSpec(epochs=3)


def test_the_title_names_what_people_vary():
    assert RunSpec(epochs=20, features=4, seed=7).title == "20 epochs x 4 features, seed 7"


def test_a_grid_gives_every_setting_a_first_result_before_the_second_seed():
    runs = grid(RunSpec(batch_size=32), epochs=(10, 20), features=(2, 4), seed=(0, 1))
    order = [(s.seed, s.features, s.epochs) for s in runs.runs()]
    assert order == [
        (0, 2, 10),
        (0, 2, 20),
        (0, 4, 10),
        (0, 4, 20),
        (1, 2, 10),
        (1, 2, 20),
        (1, 4, 10),
        (1, 4, 20),
    ]
    assert {s.batch_size for s in runs.runs()} == {32}


def test_a_value_given_twice_is_run_once():
    assert len(grid(epochs=(10, 10), seed=(1, 1)).runs()) == 1


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: grid(epochs=()), "epochs"),
        (lambda: grid(features=()), "features"),
        (lambda: grid(seed=()), "seeds"),
    ],
)
def test_a_grid_without_values_is_refused(make, name):
    with pytest.raises(UsageError, match=f"{name} must name at least one value"):
        make()


def test_the_report_preset_is_10_and_20_epochs_at_2_features():
    assert [(s.epochs, s.features) for s in REPORT_PRESET.runs()] == [(10, 2), (20, 2)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("10", (10,)),
        ("10,20", (10, 20)),
        ("10 20", (10, 20)),
        (" 10, 20 ,", (10, 20)),
        ("0-4", (0, 1, 2, 3, 4)),
        ("20,10", (20, 10)),
        ("3,1-3,3", (3, 1, 2)),
        ("7-7", (7,)),
        ("0-999", tuple(range(1000))),
    ],
)
def test_lists_and_ranges_of_numbers_are_read_in_their_order(text, numbers):
    assert BY_KEY["seed"].parse_list(text) == numbers


@pytest.mark.parametrize("text", ["", " ", ",", "ten", "1.5", "-1", "1-", "1-2-3", "4-0", "0-1000", "1;2", "0x10"])
def test_other_texts_are_refused_with_the_name_of_the_setting(text):
    with pytest.raises(UsageError, match="seeds"):
        BY_KEY["seed"].parse_list(text)


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: BY_KEY["seed"].parse_list("9" * 5000), "seeds cannot be as large as '999"),
        (lambda: BY_KEY["seed"].parse_list("0-" + "9" * 5000), "seeds cannot be as large as"),
        (lambda: BY_KEY["seed"].parse_list("0-999,2000"), "seeds may name at most 1,000 values"),
        (lambda: BY_KEY["seed"].parse_list("x" * 5000), "seeds must be whole numbers"),
        (lambda: RunSpec(epochs=10**5000), "not a number that long"),
        (lambda: grid(epochs=tuple(range(1, 401)), features=tuple(range(1, 401))), "this one has 160,000"),
        (lambda: grid(features=(2, 513)), "features must be a whole number from 1 to 512, not 513"),
    ],
)
def test_a_number_or_a_grid_of_any_size_gets_a_short_answer_at_once(act, sentence):
    with pytest.raises(UsageError) as caught:
        act()
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 250


def test_the_largest_grid_has_an_id_for_every_run(monkeypatch):
    few = itertools.cycle(["a", "a", "b", "c"])
    monkeypatch.setattr(queue_module, "new_run_id", lambda: next(few))
    assert [queued.run for queued in enqueue([RunSpec()] * 3)] == ["a", "b", "c"]
    assert grid(epochs=tuple(range(1, 101)), features=tuple(range(1, 101))).n_runs == MAX_RUNS


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, unique=True))
def test_a_written_list_of_numbers_is_read_back(numbers):
    assert BY_KEY["seed"].parse_list(",".join(map(str, numbers))) == tuple(numbers)


def test_run_ids_sort_by_time_and_differ_within_a_second():
    first = new_run_id(datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC))
    later = new_run_id(datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC))
    assert first.startswith("20260301-120000-")
    assert first < later
    queue = enqueue([RunSpec(seed=seed) for seed in range(50)])
    assert len({item.run for item in queue}) == 50
    assert [item.spec.seed for item in queue] == list(range(50))


@pytest.mark.parametrize(
    ("key", "text", "values"),
    [
        ("learning_rate", "0.01, 1e-3", (0.01, 0.001)),
        ("batch_size", "32,64", (32, 64)),
        ("optimizer", "adam, sgd", ("adam", "sgd")),
        ("patience", "off,3-5", (None, 3, 4, 5)),
        ("weight_decay", "usual,0.1", (None, 0.1)),
        ("augment", "off,rotate+shift", ("off", "shift+rotate")),
        ("dataset", "mnist,kmnist", ("mnist", "kmnist")),
        ("side", "", (None,)),
    ],
)
def test_every_setting_takes_a_list(key, text, values):
    assert BY_KEY[key].parse_list(text) == values


@pytest.mark.parametrize(
    ("key", "text", "reason"),
    [
        ("learning_rate", "0.01,fast", "learning rate must be a number"),
        ("learning_rate", ",", "learning rate must name at least one value"),
        ("optimizer", "adam,lion", "optimizer must be one of"),
        ("dropout", "0.1,2", "dropout must be a number from 0 to 0.95"),
        ("augment", "spin", "augmentation must be"),
        ("dataset", "mnist,nix", "dataset must be one of"),
        ("weight_decay", "off", "weight decay must be a number"),
    ],
)
def test_one_bad_value_of_a_list_is_named(key, text, reason):
    with pytest.raises(UsageError, match=reason):
        BY_KEY[key].parse_list(text)


def test_a_path_with_a_comma_is_one_dataset(tmp_path):
    folder = tmp_path / "red, green"
    folder.mkdir()
    assert BY_KEY["dataset"].parse_list(f"folder:{folder}") == (f"folder:{folder}",)


def test_settings_that_people_rarely_change_are_named_where_they_are_changed():
    assert RunSpec(optimizer="sgd", momentum=0.9, seed=3).brief == "2 features, sgd, momentum 0.9, seed 3"
    assert (
        RunSpec(schedule="cosine", warmup=1, dropout=0.2).brief == "2 features, cosine, warmup 1, dropout 0.2, seed 0"
    )
