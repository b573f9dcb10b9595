"""Runs of other tools, with the installed command."""

import json
import shutil
import subprocess
import time

import numpy as np
import psutil
import pytest

from mnist_tui.formats.writing import first_record, scalar_records
from tests.e2e.conftest import COMMAND
from tests.e2e.pty_app import PtyApp
from tests.formats.conftest import DATA
from tests.patience import PATIENCE_S


@pytest.fixture
def command(places, tmp_path):
    shutil.copytree(DATA / "tensorboard", tmp_path / "work" / "logs")

    def run(*arguments, code=0):
        done = subprocess.run(
            [COMMAND, *arguments], env=places, cwd=tmp_path / "work", capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def test_runs_are_listed_shown_and_exported_where_they_are(command, tmp_path):
    listed = command("runs", "--open", "logs", "--json").stdout.splitlines()
    names = {json.loads(line)["name"]: json.loads(line)["run"] for line in listed}
    assert names.keys() == {"plain", "restarted", "keras", "other"}
    shown = command("show", "plain", "--open", "logs").stdout
    assert "TensorBoard" in shown
    assert "lr" in shown
    table = command("export", "--open", "logs", "--format", "csv").stdout
    assert names["plain"] in table
    command("report", "plain", "--open", "logs", "-o", "report.html")
    assert "plain" in (tmp_path / "work" / "report.html").read_text()
    assert not (tmp_path / "home").exists()
    assert "there is no run 'plain'" in command("show", "plain", code=2).stderr


def test_imported_runs_stay_are_updated_and_never_twice(command, tmp_path):
    assert command("import", "logs").stderr == "Imported 4 runs: 4 new.\n"
    shutil.copytree(DATA / "keras", tmp_path / "work" / "tables")
    assert command("import", "logs", "tables").stderr == "Imported 5 runs: 1 new, 4 brought up to date.\n"
    command("rm", "--yes", "wide")
    assert "1 brought up to date" in command("import", "tables").stderr
    shutil.rmtree(tmp_path / "work" / "logs")
    assert len(command("runs", "--json").stdout.splitlines()) == 5


def test_what_holds_no_runs_is_refused_with_what_can_be_read(command, tmp_path):
    (tmp_path / "work" / "empty").mkdir()
    for name in ("open", "import"):
        assert "no runs were found in" in command(name, "empty", code=2).stderr
        assert "there is no file or folder" in command(name, "nowhere", code=2).stderr
    assert "trackio" in command("runs", "--open", "empty", code=2).stderr


def test_a_growing_file_is_shown_live_and_nothing_is_left_behind(places, tmp_path):
    path = tmp_path / "logs" / "wide" / "events.out.tfevents.1.host"
    path.parent.mkdir(parents=True)

    def log(step, loss):
        with path.open("ab") as file:
            if not file.tell():
                file.write(first_record(time.time()))
            now = np.array([time.time()])
            file.write(scalar_records("train/loss", np.array([step]), np.array([loss]), now))

    log(0, 0.75)
    with PtyApp([COMMAND, "open", str(tmp_path / "logs")], rows=40, columns=120, environment=places) as app:
        app.wait_for("wide")
        app.wait_for("0.7500")
        (reader,) = psutil.Process(app._process.pid).children()
        log(1, 0.25)
        app.wait_for("0.2500")
        app.send("q")
        assert app.wait_exit() == 0
        assert app.settings == app.settings_before
    psutil.wait_procs([reader], timeout=PATIENCE_S)
    assert not reader.is_running()
