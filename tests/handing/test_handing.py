"""Runs are handed on whole: as CSV, charts, other tools' files and archives."""

import csv
import io
import math
from array import array
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from mnist_tui.core.events import RunDone
from mnist_tui.core.labels import Labels
from mnist_tui.core.metric import metric
from mnist_tui.core.points import PointSeries
from mnist_tui.formats import find
from mnist_tui.report.chartpicture import Band, Panel, draw_charts
from mnist_tui.report.charts import Chart
from mnist_tui.report.chartview import ChartView
from mnist_tui.report.curves import Quantity
from mnist_tui.report.groups import _mean, _values
from mnist_tui.report.points import Series
from mnist_tui.report.sheet import Area, Line
from mnist_tui.store.database import Store
from tests.builders import run_state
from tests.handing.conftest import SCRIPT, SEEDS

SVG = "{http://www.w3.org/2000/svg}"


# Curves -------------------------------------------------------------------------------------------


def test_every_epoch_and_every_step_is_in_the_table_of_curves(command):
    rows = list(csv.DictReader(io.StringIO(command("export", "--curves").out)))
    for run, accuracies in SEEDS.items():
        epochs = [row for row in rows if row["run"] == run and row["row"] == "epoch"]
        assert [float(row["val_accuracy"]) for row in epochs] == list(accuracies)
        assert [(int(row["epoch"]), float(row["seconds"])) for row in epochs] == [(1, 4.0), (2, 8.0), (3, 12.0)]
        (whole,) = [row for row in rows if row["run"] == run and row["row"] == "run"]
        assert float(whole["test_accuracy"]) == 0.45
    for name, points in SCRIPT.items():
        told = [(int(row["step"]), row[name]) for row in rows if row["run"] == "script" and row[name]]
        assert told == [(step, "nan" if math.isnan(value) else repr(value)) for step, value in points]
    assert next(row["name"] for row in rows if row["run"] == "narrow") == "the narrow"


def test_spreadsheets_with_decimal_commas_get_them_and_semicolons(command):
    text = command("export", "narrow", "--curves", "--decimal-comma").out
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [row["val_accuracy"] for row in rows if row["row"] == "epoch"] == ["0,2", "0,3", "0,35"]
    table = list(
        csv.DictReader(
            io.StringIO(command("export", "narrow", "--format", "csv", "--decimal-comma").out), delimiter=";"
        )
    )
    assert table[0]["last_val_accuracy"] == "0,35"
    assert "--decimal-comma is for CSV" in command("export", "--decimal-comma", code=2).err
    assert "--curves writes CSV" in command("export", "--curves", "--format", "md", code=2).err
    assert "End the name of the file with .csv" in command("export", "--curves", "-o", "curves.txt", code=2).err


# Other tools --------------------------------------------------------------------------------------


def points_in(folder):
    found = {}
    for each in find([folder]):
        assert not isinstance(each, str)
        reader, source = each
        news, _ = reader.read(source, None)
        found[source.name] = (
            news,
            {name: list(zip(s.steps, s.values, strict=True)) for name, s in news.points.items()},
        )
    return found


def test_event_files_hold_what_was_logged_with_training_and_validation_side_by_side(command, tmp_path):
    said = command("export", "--format", "tensorboard", "-o", "tb").err
    assert said == "Saved 4 runs in tb: `tensorboard --logdir tb` shows them.\n"
    assert {path.name for path in (tmp_path / "tb" / "the-narrow").iterdir() if path.is_dir()} == {
        "train", "validation", "test",
    }  # fmt: skip
    found = points_in(tmp_path / "tb")
    news, points = found["the-narrow"]
    assert points["validation/accuracy"] == [(at, float(np.float32(v))) for at, v in enumerate(SEEDS["narrow"], 1)]
    assert points["test/accuracy"] == [(3, float(np.float32(0.45)))]
    assert (news.config["features"], news.config["optimizer"]) == (2, "adam")
    assert news.latest - news.began == 12.0
    _, points = found["script"]
    assert points["validation/f1"] == SCRIPT["val/f1"]
    assert [(s, repr(v)) for s, v in points["loss"]] == [(s, repr(v)) for s, v in SCRIPT["loss"]]


def test_files_of_another_tool_are_not_replaced_unasked(command):
    command("export", "narrow", "--format", "tensorboard", "-o", "tb")
    assert "already exists" in command("export", "narrow", "--format", "tensorboard", "-o", "tb", code=2).err
    command("export", "narrow", "--format", "tensorboard", "-o", "tb", "--force")
    assert "need a folder" in command("export", "--format", "tensorboard", code=2).err


def test_tensorboard_itself_reads_the_event_files(command, tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    command("export", "narrow", "--format", "tensorboard", "-o", "tb")
    events = reader.EventAccumulator(str(tmp_path / "tb" / "the-narrow" / "validation"))
    events.Reload()
    told = [(each.step, each.value) for each in events.Scalars("accuracy")]
    assert told == [(at, float(np.float32(value))) for at, value in enumerate(SEEDS["narrow"], 1)]


def test_mlflow_itself_reads_what_it_was_given_or_is_asked_for(command, tmp_path):
    try:
        from mlflow.tracking import MlflowClient
    except ImportError:
        assert "pip install mlflow" in command("export", "--format", "mlflow", "-o", "m.db", code=2).err
        return
    command("export", "narrow", "script", "--format", "mlflow", "-o", "m.db")
    client = MlflowClient(f"sqlite:///{tmp_path}/m.db")
    (run,) = client.search_runs([client.get_experiment_by_name("mnist-tui").experiment_id])
    told = [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, "val_accuracy")]
    assert told == list(enumerate(SEEDS["narrow"], 1))
    assert run.data.params["features"] == "2"
    assert run.info.status == "FINISHED"


# Charts -------------------------------------------------------------------------------------------


def texts(path):
    return [str(element.text) for element in ET.parse(path).iter(f"{SVG}text")]


def test_runs_that_differ_in_their_seeds_become_their_mean_and_deviation(command, tmp_path):
    command("plot", "wide-0", "wide-1", "narrow", "-o", "chart.svg")
    tree = ET.parse(tmp_path / "chart.svg")
    shown = texts(tmp_path / "chart.svg")
    assert "Val accuracy" in shown
    assert "mean ± sample deviation" in shown
    assert "Features 8 (2 seeds)" in shown
    assert "the narrow" in shown
    bands = [element for element in tree.iter(f"{SVG}polygon") if element.get("fill-opacity") == "0.2"]
    assert len(bands) == 1
    # Three places, each with a lower and an upper edge.
    assert len(str(bands[0].get("points")).split()) == 6
    command("plot", "wide-0", "wide-1", "narrow", "--each", "-o", "each.svg")
    assert "the wide-1" in texts(tmp_path / "each.svg")


def test_the_mean_lies_between_the_runs_on_the_scale_that_is_drawn(command, tmp_path):
    command("plot", "wide-0", "wide-1", "-o", "chart.svg")
    (line,) = [
        e
        for e in ET.parse(tmp_path / "chart.svg").iter(f"{SVG}polyline")
        if e.get("stroke-width") == "2.5" and len(str(e.get("points")).split()) == 3
    ]
    ticks = {}
    for element in ET.parse(tmp_path / "chart.svg").iter(f"{SVG}text"):
        if element.get("text-anchor") == "end" and str(element.text).endswith("%"):
            ticks[float(str(element.text)[:-1]) / 100] = float(str(element.get("y")))
    (low, at_low), (high, at_high) = min(ticks.items()), max(ticks.items())
    values = [
        low + (float(p.split(",")[1]) - at_low) / (at_high - at_low) * (high - low)
        for p in str(line.get("points")).split()
    ]
    means = [(a + b) / 2 for a, b in zip(SEEDS["wide-0"], SEEDS["wide-1"], strict=True)]
    assert values == pytest.approx(means, abs=0.002)


def test_one_run_shows_both_splits_of_two_metrics(command, tmp_path):
    command("plot", "narrow", "-o", "chart.svg")
    shown = texts(tmp_path / "chart.svg")
    assert [title for title in shown if title in ("Accuracy", "Loss")] == ["Accuracy", "Loss"]
    assert any(text.startswith("train") for text in shown)
    command("plot", "script", "--metric", "val/f1", "-o", "script.svg")
    assert "F1" in texts(tmp_path / "script.svg")
    assert "step" in texts(tmp_path / "script.svg")


@pytest.mark.parametrize("scale", ["linear", "error", "log", "full"])
def test_a_picture_can_be_opened_on_every_scale_in_both_looks(command, tmp_path, scale):
    command("plot", "wide-0", "wide-1", "narrow", "--scale", scale, "--dark", "--smooth", "light", "-o", "chart.png")
    with Image.open(tmp_path / "chart.png") as image:
        image.load()
        assert image.size == (1600, 840)
        assert image.getpixel((2, 2)) == (0x16, 0x16, 0x16)
        # Three colours of curves at least, besides those of text and lines.
        assert len(set(np.asarray(image.resize((80, 42))).reshape(-1, 3).sum(axis=1).tolist())) > 6


def test_what_cannot_be_drawn_is_refused_with_what_can(command):
    assert "a chart is SVG or PNG" in command("plot", "-o", "chart.gif", code=2).err
    assert "They have: accuracy, loss" in command("plot", "narrow", "--metric", "bleu", "-o", "c.svg", code=2).err
    command("plot", "-o", "c.svg")
    assert "already exists" in command("plot", "-o", "c.svg", code=2).err


# Archives -----------------------------------------------------------------------------------------


def test_metrics_that_mean_the_same_stay_two_in_event_files(command, home, tmp_path):
    with Store.open(home) as store:
        events = list(store.events("script"))
        store.put(events, {"train/loss": [(1, 1.0)], "train_loss": [(1, 2.0)], "loss/train": [(1, 3.0)]})
    command("export", "script", "--format", "tensorboard", "-o", "tb")
    _, points = points_in(tmp_path / "tb")["script"]
    assert points == {"train/loss": [(1, 1.0)], "train/train_loss": [(1, 2.0)], "train/loss/train": [(1, 3.0)]}


def test_another_run_of_the_same_name_replaces_the_files_of_the_first(command, home, tmp_path):
    with Store.open(home) as store:
        store.relabel(["wide-0", "narrow"], lambda labels: Labels("same"))
    command("export", "wide-0", "--format", "tensorboard", "-o", "tb")
    command("export", "narrow", "--format", "tensorboard", "-o", "tb", "--force")
    _, points = points_in(tmp_path / "tb")["same"]
    assert len(points["validation/accuracy"]) == 3
    command("export", "wide-0", "narrow", "--format", "tensorboard", "-o", "both")
    assert len(points_in(tmp_path / "both")) == 2


def test_runs_that_measure_something_else_are_left_out_and_counted(command, tmp_path):
    said = command("plot", "narrow", "script", "-o", "chart.svg").err
    assert said == "1 run without accuracy on this axis left out.\nSaved chart.svg\n"
    assert "loop" not in texts(tmp_path / "chart.svg")


def test_the_mean_of_long_runs_keeps_their_spikes(home):
    steps = range(5000)
    runs, points = [], {}
    for seed in range(2):
        run = run_state(f"r{seed}", val_accuracies=())
        values = (9.0 if at == 2501 else float(seed) for at in steps)
        points[run.run] = PointSeries(array("q", steps), array("d", values))
        runs.append(run)
    quantity = Quantity("loss", (metric("loss"),))
    curves = [_values(run, quantity, ChartView(), lambda run, name: points[run.run]) for run in runs]
    mean, band = _mean(curves, Series("", (), (), 2))
    assert len(mean.x) == 5000
    assert max(filter(None, mean.y)) == 9.0
    assert (min(filter(None, band.low)), max(filter(None, band.high))) == (0.5 - math.sqrt(0.5), 9.0)


def test_a_band_that_reaches_zero_on_a_log_axis_still_encloses_its_mean(tmp_path):
    x = (1.0, 2.0, 3.0, 4.0)
    mean = Series("m", x, (1.0, 0.5, 0.25, 0.5), 2, thick=True)
    chart = Chart("Loss", (mean,), (1.0, 4.0), log_y=True)
    band = Band(x, (0.5, 0.2, -0.1, 0.2), (1.5, 0.8, 0.6, 0.8), 2)
    sheet = draw_charts([Panel(chart, [band])])
    (area,) = [part for part in sheet.parts if isinstance(part, Area) and part.opacity < 1]
    (line,) = [part for part in sheet.parts if isinstance(part, Line) and part.width == 2.5 and len(part.points) == 4]
    lows, highs = area.points[:4], area.points[4:][::-1]
    for (at, y), (_, low), (_, high) in zip(line.points, lows, highs, strict=True):
        assert high <= y <= low, at


def test_curves_that_share_their_settings_are_told_apart_and_long_names_have_rows(command, home, tmp_path):
    command("plot", "wide-0", "wide-1", "--each", "-o", "each.svg")
    with Store.open(home) as store:
        store.relabel(["wide-0", "wide-1"], lambda labels: Labels())
        names = {"wide-0": "a" * 58, "wide-1": "b" * 58, "narrow": "c" * 58}
    command("plot", "wide-0", "wide-1", "--each", "-o", "seeds.svg")
    assert {"3 ep x 8 f s0", "3 ep x 8 f s1"} <= set(texts(tmp_path / "seeds.svg"))
    with Store.open(home) as store:
        for run, name in names.items():
            store.relabel([run], partial(_named, name))
    command("plot", "wide-0", "wide-1", "narrow", "--each", "-o", "long.svg")
    assert set(names.values()) <= set(texts(tmp_path / "long.svg"))


def _named(name, labels):
    return Labels(name)


def test_runs_without_numbers_are_not_drawn(command, home):
    with Store.open(home) as store:
        first, *_, last = store.events("script")
        assert isinstance(last, RunDone)
        store.put([first, replace(last, last={}, steps=0)], {})
    assert "no numbers to draw" in command("plot", "script", "-o", "chart.png", code=2).err
