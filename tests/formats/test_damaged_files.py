"""Damaged, mutated and strange files: what is sound is read, and the rest is told."""

import os

import numpy as np
import pytest

from mnist_tui.formats import find
from mnist_tui.formats.writing import field, first_record, record
from tests.formats.test_readers import TOOLS, assert_same, event_file, expected, found_in, points_of, read


def test_damage_in_an_event_file_is_told_with_its_place_and_costs_that_record_alone(files):
    folder = files / "tensorboard" / "plain"
    path = max(folder.glob("events.out*"), key=os.path.getsize)
    whole, data = points_of(read(folder)), bytearray(path.read_bytes())
    data[2000] ^= 255
    path.write_bytes(data)
    news = read(folder)
    lost = sum(len(some) for some in whole.values()) - sum(len(series) for series in news.points.values())
    assert lost == 1
    place = int(news.problem.rpartition(" ")[2].replace(",", ""))
    assert news.problem.startswith(f"{path.name} is damaged at byte")
    assert abs(place - 2000) < 100


def test_damage_in_a_wandb_log_is_told_and_costs_its_block(files):
    path = files / "wandb" / "run-wide.wandb"
    data = bytearray(path.read_bytes())
    data[20_000] ^= 255
    path.write_bytes(data)
    news = read(path)
    assert "run-wide.wandb is damaged at byte" in news.problem
    assert 20 < len(news.points["train/loss"]) < 60
    assert points_of(news)["val/acc"] == [(60, 0.5)]


def test_lines_that_are_no_numbers_are_told_and_passed_over(files):
    path = files / "lightning" / "version_0" / "metrics.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], "\0\0\0\n", "a,b,c,d,e\n", *lines[2:]]))
    news = read(files / "lightning")
    assert_same(points_of(news), expected("lightning", "version_0"))
    assert news.problem == "row 3 has no step"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("tool", TOOLS)
def test_mutated_files_are_read_as_far_as_possible_or_refused_in_a_sentence(files, tool, seed):
    import random

    chance = random.Random(f"{tool} {seed}")
    paths = sorted(path for path in (files / tool).rglob("*") if path.is_file())
    originals = {path: path.read_bytes() for path in paths}
    for _ in range(15):
        path = chance.choice(paths)
        data = bytearray(originals[path])
        for _ in range(chance.choice((1, 1, 3, 30))):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(4):
                case 0 if at < len(data):
                    data[at] = chance.randrange(256)
                case 1:
                    data[at:at] = chance.randbytes(chance.randrange(1, 20))
                case 2:
                    del data[at : at + chance.randrange(1, 50)]
                case _:
                    del data[at:]
        path.write_bytes(data)
        for each in find([files / tool]):
            if isinstance(each, str):
                assert "\n" not in each
                continue
            reader, source = each
            try:
                news, since = reader.read(source, None)
                reader.read(source, since)
            except (OSError, ValueError) as error:
                told = str(error)
            else:
                assert all(isinstance(name, str) and len(series) for name, series in news.points.items())
                told = news.problem
            assert "\n" not in told
        path.write_bytes(originals[path])


def test_a_damaged_file_does_not_hide_its_neighbours(files):
    (files / "mlflow" / "a.db").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)
    (files / "wandb" / "run-0.wandb").write_bytes(b"nothing")
    found = list(find([files / "mlflow", files / "wandb"]))
    assert sorted(each for each in found if isinstance(each, str)) == [
        f"{files}/mlflow/a.db: a.db cannot be read: file is not a database",
        f"{files}/mlflow/a.db: a.db cannot be read: file is not a database",
        f"{files}/wandb/run-0.wandb: run-0.wandb is not a log of W&B",
    ]
    assert {"wide", "broken"} <= found_in(files / "mlflow", files / "wandb").keys()


def test_a_damaged_number_in_a_long_record_is_not_shown(tmp_path):
    value = b"".join(
        field(1, field(1, f"metric/{at:04}".encode()) + b"\x15" + np.float32(at).tobytes()) for at in range(100)
    )
    body = bytearray(b"\x09" + np.float64(1.79e9).tobytes() + b"\x10\x05" + field(5, value))
    path = tmp_path / "events.out.tfevents.1.host"
    path.write_bytes(first_record(1.79e9) + record(bytes(body)))
    assert points_of(read(tmp_path))["metric/0050"] == [(5, 50.0)]
    whole = bytearray(path.read_bytes())
    whole[-1000] ^= 3
    path.write_bytes(whole)
    news = read(tmp_path)
    assert (dict(news.points), news.problem) == ({}, "1 record cannot be read")


def test_an_event_file_with_changed_line_ends_is_read_as_far_as_it_is_sound(tmp_path):
    event_file(tmp_path, "loss", np.random.default_rng(0).normal(size=2000))
    path = tmp_path / "events.out.tfevents.1.host"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "is damaged at byte" in read(tmp_path).problem
