"""A home that is damaged, old, new, full, gone or read-only: one sentence, never a traceback, and nothing changed."""

import itertools
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mnist_tui import cli
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store
from mnist_tui.store.schema import TABLES, VERSION
from tests.builders import keep, run_events, run_state
from tests.crash import story
from tests.e2e.conftest import COMMAND, places
from tests.patience import PATIENCE_S

__all__ = ["places"]

RUNS = ("run-1", "run-2", "run-3")
READERS = (["runs"], ["runs", "--json"], ["export"], ["export", "--format", "json"], ["show", "last"])


def fill(home):
    keep(home, itertools.chain.from_iterable(map(run_events, RUNS)))


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Return a home with some runs whose newest lie in the write-ahead log, as after a crash."""
    folder = tmp_path_factory.mktemp("good")
    with Store.open(folder / "open") as store:
        for run in RUNS:
            for event in run_events(run):
                store.record(event)
        shutil.copytree(folder / "open", folder / "home")
    assert {f"{DATABASE}-wal", DATABASE} <= {path.name for path in (folder / "home").iterdir()}
    return folder / "home"


@pytest.fixture
def ask(monkeypatch, capsys):
    """Return what a command answers about a home: its exit code and what it says on stderr. A crash is raised."""

    def answer(home, arguments):
        monkeypatch.setenv("MNIST_TUI_HOME", str(home))
        code = cli.main(arguments)
        return code, capsys.readouterr().err

    return answer


def contents(home):
    # Readers share an index of the log, which holds nothing of its own, and may leave or remove an empty log.
    found = {path.name: path.read_bytes() for path in home.iterdir() if path.is_file()}
    return {name: data for name, data in found.items() if data and not name.endswith("-shm")}


def check(ask, home):
    """Ask all that only reads; return the exit codes."""
    codes = set()
    before = contents(home)
    for arguments in READERS:
        code, said = ask(home, arguments)
        assert code in (0, 2, 5), said
        assert (code == 0) or (said.startswith("mnist-tui: ") and said.endswith(".\n") and said.count("\n") == 1), said
        codes.add(code)
    assert {name: contents(home).get(name) for name in before} == before
    return codes


def cut(data, chance):
    return data[: chance.randrange(len(data))]


def flip(data, chance):
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 8, 64))):
        damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


@pytest.mark.parametrize("name", [DATABASE, f"{DATABASE}-wal"])
@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_file_is_told_in_a_sentence_or_does_no_harm_and_is_left_as_it_is(good, tmp_path, ask, name, damage):
    chance = random.Random(1)
    for number in range(40):
        home = tmp_path / str(number)
        shutil.copytree(good, home)
        (home / name).write_bytes(damage((good / name).read_bytes(), chance))
        check(ask, home)


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_database_that_was_closed_is_told_or_does_no_harm(tmp_path, ask, damage):
    fill(tmp_path / "good")
    data, chance = (tmp_path / "good" / DATABASE).read_bytes(), random.Random(2)
    codes = set()
    for number in range(60):
        home = tmp_path / str(number)
        home.mkdir()
        (home / DATABASE).write_bytes(damage(data, chance))
        codes |= check(ask, home)
    assert 5 in codes


# Other versions --------------------------------------------------------------------------------------


def make_older(home):
    """Turn a home into one of schema 1, which knew neither checkpoints nor what waits."""
    rows = {}
    gone = {"sweep": "sweep-1", "features": 2, "seed": 0, "dataset_name": "mnist", "device": "cpu", "threads": 1}
    new_of_epochs = ("step", "named")
    with closing(sqlite3.connect(home / DATABASE)) as new:
        new.row_factory = sqlite3.Row
        for table in ("runs", "epochs", "marks"):
            rows[table] = [dict(row) for row in new.execute(f"SELECT * FROM {table}")]
    shutil.rmtree(home)
    home.mkdir()
    with closing(sqlite3.connect(home / DATABASE)) as old:
        old.executescript(TABLES)
        for table, values in rows.items():
            for row in values:
                values_then = row | gone if table == "runs" else row
                for name in new_of_epochs:
                    values_then.pop(name, None)
                names = ", ".join(values_then)
                places = ", ".join("?" * len(values_then))
                old.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(values_then.values()))
        old.execute("PRAGMA user_version = 1")
        old.commit()


def test_an_older_home_is_read_as_it_is_and_brought_up_to_date_after_a_backup(tmp_path, ask):
    home = tmp_path / "home"
    fill(home)
    make_older(home)
    assert check(ask, home) == {0}
    older = contents(home)
    with Store.open(home) as store:
        assert [store.run(run) for run in RUNS] == [run_state(run) for run in RUNS]
        for event in run_events("run-4"):
            store.record(event)
    assert story.problems(home) == []
    backup = home / f"{DATABASE}.v1-backup"
    assert backup.stat().st_mode & 0o777 == 0o600
    restored = tmp_path / "restored"
    restored.mkdir()
    shutil.copy(backup, restored / DATABASE)
    assert set(older) == {DATABASE}
    with Store.open_readonly(restored) as store:
        assert [run.run for run in store.runs()] == list(RUNS)


def test_a_newer_home_is_refused_and_left_as_it_is(tmp_path, ask):
    home = tmp_path / "home"
    fill(home)
    with closing(sqlite3.connect(home / DATABASE)) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert check(ask, home) == {5}
    before = contents(home)
    code, said = ask(home, ["run", "--dataset", "digits", "--epochs", "1"])
    assert (code, "newer version" in said) == (5, True)
    assert contents(home) == before


# Disks -----------------------------------------------------------------------------------------------

SMALL_DISK = """\
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
sys.argv = ["story", sys.argv[1]]
runpy.run_module("tests.crash.story", run_name="__main__")
"""


@pytest.mark.parametrize("limit", [0, 500, 5_000, 30_000, 37_000, 50_000, 70_000])
def test_a_disk_that_is_full_is_told_in_a_sentence_and_keeps_every_told_epoch(tmp_path, limit):
    home = tmp_path / "home"
    result = subprocess.run(
        [sys.executable, "-B", "-c", SMALL_DISK, str(limit), str(home)],
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert result.returncode == (5 if limit < 50_000 else result.returncode), result.stderr
    assert result.returncode in (0, 5)
    assert "Traceback" not in result.stderr
    assert story.problems(home) == []
    told = [int(line) for line in result.stdout.split()]
    assert [done.epoch for done in story.result(home)[0]][: len(told)] == told
    story.go_on(home)
    assert story.result(home)[0] == story.epochs()


def test_a_home_deleted_while_a_run_is_in_progress_ends_the_command_with_a_sentence(places, tmp_path):
    with subprocess.Popen(
        [COMMAND, "run", "--dataset", "digits", "--epochs", "500", "--json"],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **places},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "epoch_done":
                break
        shutil.rmtree(tmp_path / "home", ignore_errors=True)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 5, said
    assert "moved or deleted while in use" in said
    assert "Traceback" not in said


@pytest.fixture
def read_only(good, tmp_path):
    """Give a home on a disk that cannot be written."""
    home = tmp_path / "home"
    shutil.copytree(good, home)
    if os.geteuid():
        home.chmod(0o500)
        yield home
        home.chmod(0o700)
        return
    # To root every folder can be written, so the disk itself must refuse.
    bind = subprocess.run(["mount", "--bind", home, home], capture_output=True, text=True, check=False)
    if bind.returncode:
        pytest.skip(f"root may not mount here: {bind.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", home], check=True)
        yield home
    finally:
        subprocess.run(["umount", home], check=True)


def test_a_home_that_cannot_be_written_can_still_be_listed(read_only, ask):
    assert check(ask, read_only) == {0}


def test_a_run_in_a_home_that_cannot_be_written_is_refused_in_a_sentence(read_only, ask):
    before = contents(read_only)
    code, said = ask(read_only, ["run", "--dataset", "digits", "--epochs", "1"])
    assert (code, said.count("Traceback")) == (5, 0)
    assert str(read_only) in said
    assert contents(read_only) == before


DEEP = "[" * 100_000
ROWS = {
    "a blob for a loss": "UPDATE epochs SET train_loss = x'ff00'",
    "nothing for a loss": "UPDATE epochs SET val_loss = NULL",
    "a word for a time": "UPDATE epochs SET train_s = 'long'",
    "a deep start": f"UPDATE runs SET started = '{DEEP}'",
    "a deep end": f"UPDATE runs SET done = '{DEEP}'",
    "a deep mark": f"INSERT INTO marks (run, after_epoch, event) SELECT run, 1, '{DEEP}' FROM runs",
    "a mark of another kind": "INSERT INTO marks (run, after_epoch, event) SELECT run, 1, '5' FROM runs",
    "a number for a start": "UPDATE runs SET started = '5'",
    "a list for an end": "UPDATE runs SET done = '[]'",
    "an end for a start": "UPDATE runs SET started = done",
    "a word for a number": 'UPDATE runs SET started = replace(started, \'"threads": \', \'"threads": "x", "t": \')',
    "a number that long": f"UPDATE runs SET started = replace(started, 'parameters\": ', 'parameters\": {'9' * 5000}')",
    "an odd status": "UPDATE runs SET status = 'odd'",
    "no epochs": "UPDATE runs SET epochs = 0",
    "a negative epoch": "UPDATE epochs SET epoch = -epoch",
}


@pytest.mark.parametrize("damage", ROWS)
def test_rows_of_any_content_are_told_in_a_sentence(good, tmp_path, ask, damage):
    home = tmp_path / "home"
    shutil.copytree(good, home)
    with closing(sqlite3.connect(home / DATABASE)) as database, database:
        assert database.execute(ROWS[damage]).rowcount
    check(ask, home)
