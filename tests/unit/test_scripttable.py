"""Runs of scripts are compared by their own settings and metrics, and only with their like."""

import csv
import io
import json
from typing import Any

import pytest

from mnist_tui.core.configs import setting_fields
from mnist_tui.core.events import EpochDone, ResultsLogged, RunStarted
from mnist_tui.core.filtering import parse_filter
from mnist_tui.core.reducer import apply_to_run, start_run
from mnist_tui.core.script import ScriptSpec
from mnist_tui.core.scripttable import build_script_table, build_tables
from mnist_tui.core.status import Status
from mnist_tui.core.view import SEEDS
from mnist_tui.errors import UsageError
from mnist_tui.report.comparing import side_by_side
from mnist_tui.report.document import RunEvidence, write_report
from mnist_tui.report.export import render, render_all
from mnist_tui.report.runlist import arrange, grouped
from tests.builders import CPU, run_state


def script(
    run, scores=(0.5, 0.6), *, losses=(), project="", status=Status.FINISHED, test=None, name="val/f1", **config
):
    """Return a script's run with these values after each epoch."""
    spec = ScriptSpec(config=config, epochs=len(scores), project=project, source="train.py --fast")
    started: dict[str, Any] = {
        "machine": CPU,
        "parameters": 10,
        "started_at": f"2026-01-01T00:{run[-2:]}",
    }
    state = start_run(RunStarted(run=run, sweep="s", spec=spec, dataset=None, **started))
    for epoch, score in enumerate(scores, 1):
        values = {name: score, **({"val/loss": losses[epoch - 1]} if losses else {})}
        apply_to_run(state, EpochDone(run=run, epoch=epoch, train_s=1.0, val_s=0.0, values=values, step=10 * epoch))
    if test is not None:
        apply_to_run(state, ResultsLogged(run=run, values={"test/f1": test}))
    apply_to_run(state, state.ended(status, ended_at="2026-01-01T01:00"))
    return state


def test_settings_that_differ_and_last_and_best_of_each_metric_are_columns():
    runs = [script("r-01", (0.5, 0.7, 0.6), losses=(3, 1, 2), test=0.65, lr=0.1), script("r-02", (0.5, 0.8), lr=0.2)]
    table = build_script_table(runs)
    titles = [column.title for column in table.columns]
    assert titles[:2] == ["Epochs", "lr"]
    assert {"Last val/f1", "Best val/f1", "Last val/loss", "Best val/loss", "Test/f1", "Total Training Time"} < set(
        titles
    )
    best = next(row for row in table.rows if "r-01" in row.runs)
    assert best.number("best_val_f1") == 0.7
    assert best.number("last_val_f1") == 0.6
    assert best.number("best_val_loss") == 1
    assert best.number("last_test_f1") == 0.65


def test_runs_that_differ_only_in_their_seed_are_averaged():
    runs = [script(f"r-0{seed}", (0.5, 0.6 + seed / 100), seed=seed, lr=0.1) for seed in range(3)]
    (row,) = build_script_table(runs).rows
    assert row.number("last_val_f1") == pytest.approx(0.61)
    assert row.values["n_seeds"] == 3
    assert len(grouped(runs, SEEDS)) == 1


def test_without_a_seed_each_run_is_a_repetition():
    (row,) = build_script_table([script("r-01", (0.5,)), script("r-02", (0.7,))]).rows
    assert row.values["n_seeds"] == 2


def test_a_winner_needs_several_seeds_and_a_lead_beyond_their_noise():
    def group(mean, lr):
        return [script(f"r-{lr}{seed}", (mean + seed / 1_000,), seed=seed, lr=lr) for seed in range(4)]

    clear = build_script_table([*group(0.5, 1), *group(0.9, 2)])
    assert {key for _, key in clear.best} >= {"last_val_f1"}
    assert not build_script_table([*group(0.5, 1), *group(0.5001, 2)]).best
    assert not build_script_table([script("r-01", (0.5,), lr=1), script("r-02", (0.9,), lr=2)]).best


def test_other_kinds_and_projects_never_share_a_table():
    runs = [run_state("run-1"), script("r-01", project="a"), script("r-02", project="b"), script("r-03", project="a")]
    tables = build_tables(runs)
    assert [sorted(run for row in table.rows for run in row.runs) for table in tables] == [
        ["run-1"],
        ["r-01", "r-03"],
        ["r-02"],
    ]
    assert [column.title for column in build_tables([run_state("run-1")])[0].columns][:2] == ["Epochs", "Features"]


def test_the_same_metric_spelt_differently_is_one_column():
    runs = [script("r-01", lr=1), script("r-02", name="val_f1", lr=2)]
    table = build_script_table(runs)
    assert [row.number("best_val_f1") for row in table.rows] == [0.6, 0.6]


@pytest.mark.parametrize("status", [Status.STOPPED, Status.INTERRUPTED])
def test_an_unfinished_run_has_a_row_of_its_own(status):
    table = build_script_table([script("r-01"), script("r-02", status=status)])
    assert [row.values["status"] for row in table.rows] == ["finished", f"{status} at 2/2"]


def test_every_format_holds_such_a_table():
    tables = build_tables([run_state("run-1"), script("r-01", lr=0.1), script("r-02", lr=0.2)])
    assert "Best val/f1" in render_all(tables, "md")
    assert "Features" in render_all(tables, "md")
    first, second = json.loads(render_all(tables, "json"))
    assert first["rows"][0]["features"] == 2
    assert {row["config.lr"] for row in second["rows"]} == {0.1, 0.2}
    rows = list(csv.DictReader(io.StringIO(render(tables[1], "csv"))))
    assert {row["best_val_f1"] for row in rows} == {"0.6"}
    with pytest.raises(UsageError, match="a page each"):
        render_all(tables, "html")


def test_side_by_side_shows_the_differences_from_the_first():
    rows = {
        row.title: row.cells for row in side_by_side([script("r-01", lr=0.1), script("r-02", (0.5, 0.8), lr=0.2)], 0.6)
    }
    assert rows["lr"] == ("0.1", "0.2")
    assert rows["Last val f1"] == ("60.00%", "80.00% +20.00")
    assert rows["Until 60% val"] == ("epoch 2, 2 s", "epoch 2, 2 s")


def test_a_list_has_the_settings_that_differ_and_a_result():
    runs = [script("r-01", lr=0.1, width=8), script("r-02", lr=0.2, width=8)]
    columns, common = arrange(runs)
    titles = [column.column.title for column in columns]
    assert "lr" in titles
    assert "Features" not in titles
    assert "width 8" in common
    assert next(c for c in columns if c.column.title == "Result").value(runs[0]) == "60.00% val f1"


def test_seeds_and_built_in_settings_are_fields_of_their_own_kind():
    keys = [field.key for field in setting_fields([script("r-01", seed=1, lr=0.1)])]
    assert keys == ["epochs", "rate_changes", "project", "config.seed", "config.lr"]
    assert "features" in [field.key for field in setting_fields([run_state()])]


@pytest.mark.parametrize("as_html", [True, False])
def test_a_report_on_scripts_has_their_settings_curves_and_table(as_html):
    told = [RunEvidence(script("r-01", (0.5, 0.6), losses=(2.0, 1.0), lr=0.1), None, None)]
    text = write_report(told, as_html=as_html, generated_at="2026-01-01T00:00:00+00:00")
    assert "Runs of train.py" in text
    assert "bottleneck" not in text
    assert ("<svg" in text) == as_html
    for shown in ("lr", "0.1", "60.00%", "val f1"):
        assert shown in text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("val>65", ["r-02"]),
        ("best>=60", ["r-01", "r-02"]),
        ("lr=0.2", ["r-02"]),
        ("config.width=8", ["r-01"]),
        ("config.act=relu", ["r-02"]),
        ("config.act!=relu", []),
        ("val/f1>0.7", ["r-02"]),
        ("val/f1<0.7 not lr=0.3", ["r-01"]),
        ("model.depth>1", []),
        ("features=2", ["run-1"]),
    ],
)
def test_scripts_are_filtered_by_their_settings_and_metrics(text, found):
    runs = [script("r-01", lr=0.1, width=8), script("r-02", (0.5, 0.8), lr=0.2, act="ReLU"), run_state("run-1")]
    assert [run.run for run in runs if parse_filter(text)(run)] == found


def test_a_setting_that_is_text_cannot_be_greater():
    with pytest.raises(UsageError, match="compared with a number"):
        parse_filter("config.act>relu")
    with pytest.raises(UsageError, match="unknown field"):
        parse_filter("width=8")
