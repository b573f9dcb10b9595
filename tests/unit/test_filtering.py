"""Runs are found by what they are, did and are called."""

import pytest

from mnist_tui.core.filtering import FIELDS, parse_filter, sort_runs
from mnist_tui.core.labels import Labels
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import summarise
from mnist_tui.errors import UsageError
from tests.builders import run_state


@pytest.fixture
def runs():
    few = run_state("20260101-1200-a", val_accuracies=(0.3, 0.42), spec=RunSpec(epochs=2, features=2))
    many = run_state("20260102-1200-b", val_accuracies=(0.8, 0.91), spec=RunSpec(epochs=20, features=8, seed=3))
    failed = run_state("20260103-1200-c", val_accuracies=(0.5,), spec=RunSpec(epochs=20, features=8))
    failed.status = type(failed.status)("failed")
    failed.result = summarise(failed.run, (), status=failed.status, ended_at="")
    many.labels = Labels(name="Best of Eight", tags=("good", "paper"), note="for the talk")
    return [few, many, failed]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "abc"),
        ("features=8", "bc"),
        ("features=8 val>90", "b"),
        ("features:8 not failed", "b"),
        ("not not failed", "c"),
        ("val<50", "a"),
        ("val>=42% val<=42", "a"),
        ("epochs!=20", "a"),
        ("status=FAILED", "c"),
        ("tag=good", "b"),
        ("#paper", "b"),
        ("eight", "b"),
        ("TALK", "b"),
        ("name=best", "b"),
        ("not tag=good", "ac"),
        ("seed=3 features>4", "b"),
        ("lr=0.001", "abc"),
        ("lr>0.001", ""),
        ("date>=2026-01-02", "abc"),
        ("0103", "c"),
        ("test>200", ""),
    ],
)
def test_what_fits_all_terms_is_found(runs, text, found):
    fits = parse_filter(text)
    expected = {"a": runs[0], "b": runs[1], "c": runs[2]}
    if text.startswith("date"):
        runs[0].started_at = "2026-01-01T00:00:00+00:00"
        expected = {"b": runs[1], "c": runs[2]}
        found = "bc"
        runs[1].started_at = runs[2].started_at = "2026-01-02T00:00:00+00:00"
    assert [run.run for run in runs if fits(run)] == [expected[name].run for name in found]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour=red", "unknown field 'colour'"),
        ("val>high", "val must be a number, not 'high'"),
        ("val>", "val must be a number"),
        ("failed not", "`not` must be followed by a term"),
        ("status>finished", "status is text; > does not apply to it"),
    ],
)
def test_what_cannot_be_read_is_told_with_an_example(text, said):
    with pytest.raises(UsageError, match=said):
        parse_filter(text)


def test_runs_are_sorted_by_any_field_and_those_without_a_value_come_last(runs):
    assert [run.run[-1] for run in sort_runs(runs, "val")] == ["b", "a", "c"], "the best accuracy first"
    assert [run.run[-1] for run in sort_runs(runs, "val", reverse=True)] == ["a", "b", "c"]
    widths = [run.network.features for run in sort_runs(runs, "features") if run.network is not None]
    assert len(widths) == len(runs)
    assert widths[0] <= widths[-1]
    assert sort_runs(runs, "name")[0].run.endswith("b")
    assert sort_runs(runs, "name", reverse=True)[0].run.endswith("b")
    for field in FIELDS:
        assert len(sort_runs(runs, field)) == 3
    with pytest.raises(UsageError, match="unknown field 'colour'"):
        sort_runs(runs, "colour")
