"""A setting is declared once, and everything that lists settings follows."""

import csv
import io
import math
from dataclasses import fields, replace
from typing import Any

import pytest

from mnist_tui.cli.options import settings_of
from mnist_tui.cli.parser import build_parser
from mnist_tui.core.compare import differing_settings
from mnist_tui.core.comparison import build_table
from mnist_tui.core.fields import ALL, COLUMNS, REPORT, REPORT_COLUMNS, SETTING_FIELDS
from mnist_tui.core.filtering import FIELDS, parse_filter
from mnist_tui.core.spec import SETTINGS, RunSpec
from mnist_tui.core.sweep import SweepSpec
from mnist_tui.errors import UsageError
from mnist_tui.report.export import run_as_csv
from mnist_tui.runtime.preferences import load, save
from mnist_tui.tui.widgets.settings import stepped
from tests.builders import run_state

KEYS = [setting.key for setting in SETTINGS]
OTHER: dict[str, Any] = {
    "dataset": "digits",
    "device": "cpu",
    "backend": "torch",
    "learning_rate": 0.01,
    "optimizer": "sgd",
    "momentum": 0.9,
    "weight_decay": 0.01,
    "schedule": "cosine",
    "warmup": 2,
    "dropout": 0.2,
    "augment": "shift+flip",
    "label_smoothing": 0.1,
}
OWN = {"model": "/nets/net.py:Net"}
OTHER |= OWN | {"model_digest": "a" * 64, "options": "width=16"}
NEEDED: dict[str, dict[str, Any]] = {"momentum": {"optimizer": "sgd"}, "options": OWN}
"""What else must be set for a setting to have a meaning."""


def changed(key):
    values: dict[str, Any] = {key: OTHER.get(key, 7)}
    return replace(RunSpec(epochs=3), **values | NEEDED.get(key, {}))


def test_every_attribute_of_the_settings_is_declared_as_one():
    assert [field.name for field in fields(RunSpec)] == KEYS


@pytest.mark.parametrize("setting", SETTINGS, ids=KEYS)
def test_a_value_of_the_wrong_kind_is_refused_by_its_name(setting):
    with pytest.raises(UsageError, match=f"^{setting.name.lower()} must be"):
        setting.validate("nonsense")


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.option], ids=lambda s: s.key)
def test_an_option_sets_it_for_the_app_and_for_a_run_without_it(setting):
    value = getattr(changed(setting.key), setting.key)
    assert settings_of(build_parser().parse_args([setting.option, str(value)])) == {setting.key: value}
    found = settings_of(build_parser().parse_args(["run", setting.option, str(value)]))[setting.key]
    assert (setting.parse_list(found) if setting.is_swept else (found,)) == (value,)


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.is_swept and s.option], ids=lambda s: s.key)
def test_several_values_of_any_setting_make_a_grid(setting):
    usual, other = setting.default, getattr(changed(setting.key), setting.key)
    values = setting.parse_list(f"{setting.in_words(usual)},{setting.in_words(other)}")
    assert values == (usual, other)
    base = replace(RunSpec(), **NEEDED.get(setting.key, {}))
    assert [getattr(run, setting.key) for run in SweepSpec(base, {setting.key: values}).runs()] == [usual, other]


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.is_remembered], ids=lambda s: s.key)
def test_what_is_on_the_settings_line_can_be_stepped_and_is_remembered(setting, tmp_path):
    needed: dict[str, Any] = NEEDED.get(setting.key, {})
    start = RunSpec(learning_rate=0.1, batch_size=64, **needed)
    up = stepped(start, setting.key, 1)
    assert up != start
    if not setting.is_optional:
        assert stepped(up, setting.key, -1) == start
    known, _ = load(tmp_path)
    save(tmp_path, replace(known, spec=up))
    assert load(tmp_path) == (replace(known, spec=up), [])


@pytest.mark.parametrize("setting", SETTINGS, ids=KEYS)
def test_it_is_named_where_runs_differ_in_it_and_can_be_asked_for(setting):
    assert (setting.short or setting.key) in FIELDS
    assert {setting.key, "rate_changes", "parameters"} <= {field.key for field in SETTING_FIELDS}
    if setting.key in ("dataset", "device", "backend", "threads"):
        # Of these the run knows what it really had.
        return
    needed: dict[str, Any] = NEEDED.get(setting.key, {})
    runs = [run_state("run-1", spec=RunSpec(epochs=3, **needed)), run_state("run-2", spec=changed(setting.key))]
    assert setting.name in [name for name, _ in differing_settings(runs)]
    table = build_table(runs)
    assert len(table.rows) == (2 if setting.separates else 1)
    assert setting.key in [column.key for column in table.columns] or not setting.separates


def test_the_report_has_its_own_seven_columns_first():
    assert COLUMNS[: len(REPORT)] == REPORT_COLUMNS == tuple(ALL[key].column for key in REPORT)
    assert len(REPORT) == 7


def test_the_epochs_of_a_run_are_copied_with_the_names_of_the_events():
    run = run_state(val_accuracies=[0.4, 0.5])
    first, second = csv.DictReader(io.StringIO(run_as_csv(run)))
    assert list(first) == [
        "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "train_s", "val_s", "images_per_s",
        "improvement_points", "error_reduction", "learning_rate",
    ]  # fmt: skip
    assert first["improvement_points"] == ""
    assert float(second["improvement_points"]) == pytest.approx(10)


def test_what_only_older_versions_stored_cannot_be_typed():
    rate = next(setting for setting in SETTINGS if setting.key == "learning_rate")
    for text in ("inf", "1e999", "nan", "-1"):
        with pytest.raises(UsageError, match="finite number above 0"):
            rate.parse(text)
    assert RunSpec(learning_rate=math.inf).learning_rate == math.inf


@pytest.mark.parametrize("seed", [2**53 + 1, 2**60 + 1, 2**63 - 1])
def test_a_large_seed_is_stepped_by_one(seed):
    assert stepped(RunSpec(seed=seed), "seed", -1).seed == seed - 1
    assert stepped(RunSpec(seed=seed), "seed", 1).seed == min(seed + 1, 2**63 - 1)


def test_off_is_a_value_where_it_is_shown_as_one():
    patience = next(setting for setting in SETTINGS if setting.key == "patience")
    assert patience.parse("off") is patience.parse("") is None
    runs = [run_state("run-1"), run_state("run-2", spec=RunSpec(epochs=3, patience=2))]
    assert [run.run for run in runs if parse_filter("patience=off")(run)] == ["run-1"]
    assert [run.run for run in runs if parse_filter("patience!=off")(run)] == ["run-2"]


def test_a_word_alone_is_looked_for_in_what_people_say_and_not_in_every_setting():
    assert not parse_filter("torch")(run_state())
    assert parse_filter("backend=torch")(run_state())
