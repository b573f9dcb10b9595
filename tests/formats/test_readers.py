"""What other tools wrote is read as their own readers read it, from whole, growing and damaged files."""

import json
import math
import os
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from mnist_tui.core.status import Status
from mnist_tui.core.units import Direction
from mnist_tui.formats import find
from mnist_tui.formats.source import Series
from mnist_tui.formats.values import setting
from mnist_tui.formats.writing import first_record, scalar_records
from tests.formats.conftest import DATA

TOOLS = ("tensorboard", "wandb", "mlflow", "trackio", "lightning", "keras")


def found_in(*paths):
    """Return readers and sources by the names of the runs."""
    found = [each for each in find(paths) if not isinstance(each, str)]
    return {source.name: (reader, source) for reader, source in found}


def read(path, name=None):
    """Return everything that the only run, or the one of that name, holds."""
    runs = found_in(path)
    reader, source = runs[name] if name else next(iter(runs.values()))
    news, _ = reader.read(source, None)
    return news


def points_of(news):
    return {name: list(zip(one.steps, one.values, strict=True)) for name, one in news.points.items()}


def expected(tool, run):
    told = json.loads((DATA / "expected" / f"{tool}.json").read_text())[run]
    return {name: [(step, float.fromhex(value)) for step, value in points] for name, points in told.items()}


def assert_same(points, wanted):
    """Compare bit for bit; NaN is NaN."""
    assert points.keys() == wanted.keys()
    for name, some in wanted.items():
        assert [(step, value.hex()) for step, value in points[name]] == [(step, value.hex()) for step, value in some]


def test_all_runs_of_all_tools_are_found_once_and_named_as_the_tools_call_them(made):
    found = [each for each in find([made, made / "wandb"]) if not isinstance(each, str)]
    assert sorted((source.tool, source.name) for _, source in found) == [
        ("CSV", "keras/wide"),
        ("CSV", "lightning/version_0"),
        ("MLflow", "broken"),
        ("MLflow", "broken"),
        ("MLflow", "wide"),
        ("MLflow", "wide"),
        ("TensorBoard", "tensorboard/keras"),
        ("TensorBoard", "tensorboard/other"),
        ("TensorBoard", "tensorboard/plain"),
        ("TensorBoard", "tensorboard/restarted"),
        ("W&B", "wide"),
        ("trackio", "wide"),
    ]


def test_tensorboard_scalars_of_every_kind(made):
    news = read(made / "tensorboard", "plain")
    wanted = expected("tensorboard", "plain")
    # Subfolders of `add_hparams` and `add_scalars` belong to the run.
    wanted |= expected("tensorboard", "plain/1796000000.5")
    for part in "ab":
        wanted[f"both/x/{part}"] = expected("tensorboard", f"plain/both_x_{part}")["both/x"]
    assert_same(points_of(news), wanted)
    assert list(news.points)[:2] == ["train/loss", "val/acc"]
    assert (news.config, news.problem, news.status) == ({"lr": 0.1, "bs": 32, "net": "wide"}, "", None)
    assert 0 < news.latest - news.began < 60


def test_tensorboardx_and_the_two_folders_of_keras(made):
    assert_same(points_of(read(made / "tensorboard" / "other")), expected("tensorboard", "other"))
    keras = points_of(read(made / "tensorboard" / "keras"))
    for part in ("train", "validation"):
        assert_same({"epoch_loss": keras[f"{part}/epoch_loss"]}, expected("tensorboard", f"keras/{part}"))


def test_a_restarted_run_replaces_what_it_had_passed(made):
    points = points_of(read(made / "tensorboard" / "restarted"))["x"]
    assert points == [(step, float(step)) for step in range(25)] + [(step, 1000.0 + step) for step in range(25, 30)]


def test_wandb_with_nested_names_a_record_longer_than_a_block_and_numbers_without_sign(made):
    news = read(made / "wandb")
    assert_same(points_of(news), expected("wandb", "wide"))
    assert news.config == {"lr": 0.1, "net.width": 3, "sizes": "[1, 2]"}
    assert news.goals == {"val/acc": Direction.HIGHER, "val/cost": Direction.LOWER}
    assert (news.project, news.status, news.problem) == ("digits", Status.FINISHED, "")


@pytest.mark.parametrize(("kind", "folder"), [("db", "mlflow.db"), ("files", "mlruns")])
def test_mlflow(made, kind, folder):
    news = read(made / "mlflow" / folder, "wide")
    wanted = expected("mlflow", f"{kind}: wide")
    # For the infinity that was logged, its database has the largest number, and so has its own reader.
    wanted["inf"] = [(1, math.inf)]
    assert_same(points_of(news), wanted)
    assert news.config == {"lr": 0.1, "net.width": 3, "name": "a"}
    assert (news.project, news.status) == ("digits", Status.FINISHED)
    assert read(made / "mlflow" / folder, "broken").status is Status.FAILED


def test_trackio(made):
    news = read(made / "trackio")
    assert_same(points_of(news), expected("trackio", "wide"))
    assert (news.config, news.project) == ({"lr": 0.1, "net.width": 3}, "digits")


def test_tables_of_lightning_and_keras(made):
    assert_same(points_of(read(made / "lightning")), expected("lightning", "version_0"))
    assert read(made / "lightning").config == {"lr": 0.1}
    # Keras validates every second epoch.
    assert_same(points_of(read(made / "keras")), expected("keras", "wide"))


def test_a_table_of_anything_else_is_no_run(tmp_path):
    (tmp_path / "prices.csv").write_text("item,price\na,1\n")
    (tmp_path / "steps.csv").write_text("step\n1\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "data.db").write_text("not a database")
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE runs (run TEXT)")
    assert not found_in(tmp_path)


GROWING = {
    "tensorboard/plain": "events.out*",
    "wandb": "run-wide.wandb",
    "lightning": "version_0/metrics.csv",
    "keras": "wide.csv",
    "mlflow/mlruns": "*/*/metrics/train/loss",
}


@pytest.mark.parametrize("place", GROWING)
def test_a_file_that_grows_in_pieces_gives_the_same_points_as_the_whole_one(files, place):
    path = max((files / place).glob(GROWING[place]), key=os.path.getsize)
    whole = path.read_bytes()
    name = next(name for name, (_, source) in found_in(files / place).items() if path.is_relative_to(source.path))
    wanted = points_of(read(files / place, name))
    reader, source = found_in(files / place)[name]
    path.write_bytes(whole[:100])
    collected: dict[str, Series] = {}
    since, at, pieces = None, 100, 0
    while at <= len(whole):
        news, since = reader.read(source, since)
        assert news.is_whole == (pieces == 0)
        for metric, series in news.points.items():
            collected.setdefault(metric, Series()).steps.extend(series.steps)
            collected[metric].values.extend(series.values)
        pieces += 1
        size = 1 + (pieces * 7919) % max(40, len(whole) // 100)
        with path.open("ab") as file:
            file.write(whole[at : at + size])
        at += size
    news, since = reader.read(source, since)
    for metric, series in news.points.items():
        collected.setdefault(metric, Series()).steps.extend(series.steps)
        collected[metric].values.extend(series.values)
    got = {metric: list(zip(one.steps, one.values, strict=True)) for metric, one in collected.items()}
    assert_same(got, wanted)
    assert not reader.read(source, since)[0].points
    assert news.problem == ""


def test_a_database_that_grows_gives_only_what_is_new(files):
    for tool, statement in (
        ("mlflow", "INSERT INTO metrics SELECT 'new', 0.5, 1, run_uuid, 3, 0 FROM runs WHERE name = 'wide'"),
        (
            "trackio",
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) "
            "SELECT run_id, created_at, run_name, 99, '{\"new\": 0.5}' FROM configs",
        ),
    ):
        (path,) = (files / tool).glob("*.db")
        reader, source = found_in(path)["wide"]
        _, since = reader.read(source, None)
        with sqlite3.connect(path) as connection:
            connection.execute(statement)
        connection.close()
        news, since = reader.read(source, since)
        assert not news.is_whole
        assert points_of(news) == {"new": [(3 if tool == "mlflow" else 99, 0.5)]}
        assert not reader.read(source, since)[0].points


@pytest.mark.parametrize("place", ["tensorboard/plain", "wandb", "lightning"])
def test_a_file_that_was_replaced_is_read_from_its_beginning(files, place):
    path = max((files / place).glob(GROWING[place]), key=os.path.getsize)
    reader, source = next(iter(found_in(files / place).values()))
    news, since = reader.read(source, None)
    other = path.with_name("copy")
    shutil.copy(path, other)
    cut = other.read_bytes()
    other.write_bytes(cut[: len(cut) // 2 if place != "lightning" else cut.index(b"\n1,") + 1])
    other.replace(path)
    news, since = reader.read(source, since)
    assert news.is_whole
    assert news.points
    assert not reader.read(source, since)[0].points


def test_a_log_without_its_end_is_in_progress(files):
    path = files / "wandb" / "run-wide.wandb"
    path.write_bytes(path.read_bytes()[:15_000])
    news = read(path)
    assert (news.status, news.problem) == (Status.RUNNING, "")
    assert len(news.points["train/loss"]) > 10


def test_infinite_and_missing_numbers_are_what_they_were(made):
    news = read(made / "mlflow" / "mlflow.db", "wide")
    assert math.isnan(news.points["bad"].values[0])
    assert news.points["inf"].values[0] == math.inf


def test_links_in_a_circle_are_searched_once(files):
    (files / "tensorboard" / "plain" / "again").symlink_to(files / "tensorboard")
    assert len(found_in(files / "tensorboard")) == 4


def test_a_folder_that_may_not_be_read_is_told(files, monkeypatch):
    path = Path(files / "mlflow" / "mlflow.db")
    path.write_bytes(path.read_bytes()[:5000])
    assert any("mlflow.db cannot be read" in each for each in find([files / "mlflow"]) if isinstance(each, str))


def event_file(folder, tag, values):
    """Write numbers as a run would that began then."""
    folder.mkdir(parents=True, exist_ok=True)
    records = scalar_records(tag, np.arange(len(values)), np.array(values, float), np.full(len(values), 1.79e9))
    (folder / "events.out.tfevents.1.host").write_bytes(first_record(1.79e9) + records)


def test_folders_with_numbers_or_dates_as_names_are_runs(tmp_path):
    event_file(tmp_path, "loss", [9.0])
    for number, name in enumerate(("1", "2", "20240105", "2024.01.05")):
        event_file(tmp_path / name, "loss", [float(number)])
    assert len(found_in(tmp_path)) == 5
    assert points_of(read(tmp_path, "2"))["loss"] == [(0, 1.0)]


def test_what_only_looks_like_an_event_file_is_passed_over(tmp_path):
    event_file(tmp_path / "run", "loss", [1.0])
    os.mkfifo(tmp_path / "run" / "events.out.tfevents.2.pipe")
    (tmp_path / "run" / "old.tfevents").mkdir()
    assert points_of(read(tmp_path))["loss"] == [(0, 1.0)]


def test_reading_a_database_with_a_write_ahead_log_leaves_nothing_beside_it(files):
    (path,) = (files / "trackio").glob("*.db")
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode = WAL")
    assert len(read(path).points) == 3
    writer.execute("UPDATE configs SET config = '{\"lr\": 7}'")
    writer.commit()
    assert read(path).config == {"lr": 7}
    # As a killed process leaves it: with a log, and without its index.
    shutil.copytree(files / "trackio", files / "killed")
    writer.close()
    (files / "killed" / "digits.db-shm").unlink()
    assert read(files / "killed").config == {"lr": 7}
    assert sorted(each.name for each in files.glob("killed/*")) == ["digits.db", "digits.db-wal"]
    assert len(read(path).points) == 3
    assert [each.name for each in files.glob("trackio/*")] == ["digits.db"]


def test_tables_have_their_last_row_steps_between_epochs_and_names_in_any_case(tmp_path):
    def table(text):
        path = tmp_path / "run.csv"
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1e9, 1e9))
        return points_of(read(path))

    assert table("step,loss\n0,1\n1,2\n2,3")["loss"] == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert table("epoch,loss\n0,3\n0.5,2\n1.0,1\n") == {
        "epoch": [(1, 0.0), (2, 0.5), (3, 1.0)],
        "loss": [(1, 3.0), (2, 2.0), (3, 1.0)],
    }
    assert table("\ufeffWall time,Step,Value\n5,10,0.25\n")["Value"] == [(10, 0.25)]


def test_settings_stay_what_was_logged():
    texts = ["1234e56", "5e10341", "007", "0012", "1.10", "1_000", "nan", "-3", "0.1", "1e-3", "1e-05", "true", "a"]
    assert [setting(text) for text in texts[:6]] == texts[:6]
    assert math.isnan(float(str(setting("nan"))))
    assert [setting(text) for text in texts[7:]] == [-3, 0.1, 0.001, 0.00001, True, "a"]


def test_a_long_name_in_yaml_is_whole(files):
    meta = next(path for path in files.rglob("meta.yaml") if "run_name: wide" in path.read_text())
    meta.write_text(meta.read_text().replace("run_name: wide", "run_name: 'it''s a\n  long name'"))
    assert "it's a long name" in found_in(files / "mlflow" / "mlruns")
