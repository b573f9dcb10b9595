"""Files and places of any content end in a sentence, never in a traceback or a hang."""

import json
import os
import sqlite3
import sys
import zlib
from contextlib import closing
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.cli import main
from mnist_tui.core.codec import dumps
from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone
from mnist_tui.core.insight import Insight, insight_from_bytes
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.demo import run_sweep
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.export import render
from mnist_tui.runtime.preferences import FILE, load, save
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store
from tests.unit.test_hostile_text import HOSTILE, STEERING, hostile_table


@cache
def an_insight() -> Insight:
    events = run_sweep(enqueue([RunSpec(epochs=1)]), RunControl(), insights=True)
    return next(event.insight for event in events if isinstance(event, EpochDone) and event.insight is not None)


# Settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "[look]\nsmoothing = " + "9" * 5000,
        "[next_run]\nlearning_rate = " + "9" * 401,
        "[next_run]\nepochs = " + "9" * 401,
        "a = " + "[" * 900 + "]" * 900,
        "a = " + "{a = " * 900 + "1" + "}" * 900,
        "a." * 5000 + "a = 1",
        "x" * (2 << 20),
    ],
    ids=["digits", "rate", "epochs", "nested", "tables", "dotted", "long"],
)
def test_settings_of_any_content_are_told_and_never_written_over(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    preferences, problems = load(tmp_path)
    assert problems
    assert all(len(problem) < 400 for problem in problems)
    try:
        save(tmp_path, preferences)
    except MnistTuiError:
        assert (tmp_path / FILE).read_text() == text


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), os.mkdir])
def test_settings_that_never_end_are_not_read(tmp_path, make):
    make(tmp_path / FILE)
    (problem,) = load(tmp_path)[1]
    assert "cannot be read" in problem


@given(st.text(st.characters(codec="utf-8"), max_size=200) | st.text("[]{}=.\"'#\n019ainfe+-_:T ", max_size=80))
def test_settings_of_any_text_are_read_or_told(tmp_path_factory, text):
    home = tmp_path_factory.mktemp("home")
    (home / FILE).write_text(text, encoding="utf-8")
    preferences, _ = load(home)
    assert preferences.spec.epochs >= 1


# Insights -------------------------------------------------------------------------------------------


def changed(**head):
    """Return the bytes of an insight with other values in its head."""
    packed = zlib.decompress(an_insight().to_bytes())
    first, _, body = packed.partition(b"\n")
    return zlib.compress(json.dumps(json.loads(first) | head).encode() + b"\n" + body)


@pytest.mark.parametrize(
    "head",
    [
        {"confusion": [[0] * 10] * 10},
        {"confusion": [[1] * 3] * 3},
        {"confusion": [[1] * 9] * 10},
        {"confusion": [[float("inf")] * 10] * 10},
        {"confusion": []},
        {"confusion": 5},
        {"mistakes": [[0, 99, 0, [0.1] * 10]]},
        {"mistakes": [[0, 1, 0, [0.1]]]},
        {"kept": float("nan")},
        {"axes": [[float("inf")], [0.0]]},
        {"sizes": [10**9, 2, 5]},
        {"sizes": ["x"]},
    ],
    ids=str,
)
def test_an_impossible_insight_is_called_damaged(head):
    with pytest.raises(ValueError, match=r"\w"):
        insight_from_bytes("run", 1, changed(**head))


@given(st.binary(max_size=60) | st.integers(0, 400).map(lambda cut: an_insight().to_bytes()[:cut]))
def test_bytes_that_are_no_insight_are_called_damaged(data):
    with pytest.raises(ValueError, match=r"\w"):
        insight_from_bytes("run", 1, data)


def test_a_good_insight_is_read_as_it_was():
    known = an_insight()
    read = insight_from_bytes(known.run, known.epoch, known.to_bytes())
    assert read.confusion == known.confusion
    assert read.predictions == known.predictions


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE insights SET data = x'00'",
        "UPDATE validation_sets SET side = 0",
        "UPDATE validation_sets SET labels = x'ff'",
        "INSERT INTO waiting (run, session, continues, epochs, spec) VALUES ('run-9', 'gone', 0, NULL, '{}[')",
        "INSERT INTO waiting (run, session, continues, epochs, spec) VALUES ('run-9', 'gone', 0, -5, '{}')",
        "INSERT INTO waiting (run, session, continues, epochs, spec) VALUES ('run-9', 'gone', 7, 1, '5')",
    ],
)
@pytest.mark.parametrize("command", [["insight", "last"], ["report"], ["runs"], ["export"]])
def test_damaged_rows_end_in_a_sentence_whatever_is_asked(tmp_path, monkeypatch, capsys, damage, command):
    home = tmp_path / "home"
    monkeypatch.setenv("MNIST_TUI_HOME", str(home))
    with Store.open(home) as store:
        for _ in store.recorded(run_sweep(enqueue([RunSpec(epochs=1)]), RunControl(), insights=True)):
            pass
    with closing(sqlite3.connect(home / DATABASE)) as database, database:
        database.execute(damage)
    assert main(command) in (0, 2, 5)
    assert "Traceback" not in capsys.readouterr().err


# Ways out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_export_steers_a_terminal(text):
    table = hostile_table(text)
    for name in ("csv", "json"):
        assert not STEERING.search(render(table, name).replace("\r\n", "").replace("\n", "")), name


@given(st.text())
def test_json_keeps_every_text_and_hides_none(text):
    line = dumps({"text": text})
    assert json.loads(line) == {"text": text}
    assert not STEERING.search(line)


def test_a_current_directory_that_is_gone_is_told(tmp_path, monkeypatch, capsys):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert main(["runs"]) == 2
    assert "the current directory no longer exists" in capsys.readouterr().err


def test_an_encoding_without_signs_gets_like_ones(tmp_path, monkeypatch):
    from mnist_tui.streams import prepare_streams

    with (tmp_path / "out").open("w", encoding="ascii") as out:
        monkeypatch.setattr(sys, "stdout", out)
        prepare_streams()
        out.write("✔ 1.0 ± 0.1 ──┬── ★ é\n")
    assert (tmp_path / "out").read_text() == "+ 1.0 +- 0.1 --+-- * \\xe9\n"
