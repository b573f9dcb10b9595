"""`mnist-tui bench`: that everything is measured, never how fast it is."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from tests.e2e.commands import run
from tests.e2e.conftest import COMMAND
from tests.patience import PATIENCE_S

SMALLEST = ("bench", "--dataset", "digits", "--features", "2", "--repeats", "1")
EACH = ("epoch_s", "images_per_s", "peak_bytes")
TRAINING = {f"{part}_{name}" for part in ("plain", "engine", "headless", "app") for name in EACH} | {
    *(f"{part}_run_s" for part in ("engine", "headless", "app")),
    *("plain_to_engine_ratio", "headless_to_engine_ratio", "app_to_engine_ratio"),
    *("headless_to_engine_run_ratio", "app_to_engine_run_ratio"),
    *("plain_loading_ms", "engine_one_image_step_ms", "insight_s"),
}
SCREEN = {
    *("first_frame_s", "bare_first_frame_s", "first_frame_ratio", "key_to_paint_s", "key_to_paint_p95_s"),
    *("idle_cpu_share", "screen_cpu_share"),
}
CHARTS = {"charts_20_epochs_s", "charts_2000_epochs_s", "charts_ratio"}
ANYWHERE = {"jobs_1_runs_per_h", "jobs_2_runs_per_h", "jobs_ratio", "hand_over_s", "event_to_attached_s"}
BUSY = {"busy_events_per_s", "busy_key_to_paint_s", "busy_key_to_paint_p95_s"}
MODEL = {"model_engine_epoch_s", "model_plain_epoch_s", "model_to_plain_ratio"}
COMMANDS = {"help_s", "read_1000_runs_s", "runs_json_s"}
SHORTLY = """
import sys
from mnist_tui.bench import anywhere, busy, screen

for module in (anywhere, busy, screen):
    shorter = {"SETTLE_S": 0.5, "LOOK_S": 1.0, "KEY_PRESSES": 2, "EPOCHS": 2, "RUNS": 2, "PAUSES": 2, "STORED_RUNS": 20}
    for name in shorter.keys() & vars(module).keys():
        setattr(module, name, shorter[name])

from mnist_tui.__main__ import main
sys.exit(main())
"""
"""The command, looking for a moment where it looks for ten seconds otherwise."""


@pytest.fixture
def swept(places, tmp_path):
    """Return an environment whose temporary folder must be empty in the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    yield places | {"TMPDIR": str(folder)}
    # PyTorch's own folder is not ours.
    assert not list(folder.glob("mnist-tui*"))


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ("plain,engine,headless,app", TRAINING),
        ("screen", SCREEN),
        ("charts commands busy model", CHARTS | COMMANDS | BUSY | MODEL),
        ("anywhere", ANYWHERE),
    ],
)
def test_everything_is_measured_and_is_a_positive_number(swept, tmp_path, parts, names):
    command = (sys.executable, "-c", SHORTLY)
    out = run(swept, *SMALLEST, "--only", parts, "--json", check=0, command=command).stdout
    machine, *measured = [json.loads(line) for line in out.splitlines()]
    assert machine["type"] == "machine"
    assert machine["free_cores"] >= 1
    assert {record["name"] for record in measured} == names
    for record in measured:
        assert math.isfinite(record["median"])
        # A thread that needs less than the clock's tick needs nothing, as far as it can be told.
        assert 0 <= record["min"] <= record["median"] <= record["max"]
        assert record["max"] > 0 or record["name"].endswith("_share")
    assert not (tmp_path / "home").exists(), "nothing is kept"


def test_people_get_a_table_and_words(swept):
    result = run(swept, *SMALLEST, "--only", "charts", check=0)
    assert "charts of 2,000 epochs" in result.stdout
    assert "Machine: " in result.stdout
    assert "Met " in result.stdout
    assert not result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--only", "speed"], 2, "Choose from plain, engine"),
        (["--only", ""], 2, "Choose from plain, engine"),
        (["--repeats", "0"], 2, "from 1 to 1,000"),
        (["--features", "0"], 2, "from 1 to 512"),
        (["--device", "mps", "--only", "charts"], 2, "--device"),
        (["--dataset", "mnist", "--only", "engine"], 3, "MNIST_TUI_DATA"),
    ],
)
def test_errors_are_one_sentence(swept, arguments, code, words):
    result = run(swept, "bench", *arguments, check=code)
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert not result.stdout


@pytest.mark.parametrize(("part", "number", "code"), [("app", signal.SIGINT, 130), ("headless", signal.SIGTERM, 143)])
def test_an_interrupt_ends_the_children_too(swept, part, number, code):
    arguments = ("bench", "--dataset", "digits", "--features", "2", "--epochs", "5000", "--only", part)
    environment = {"PATH": os.environ["PATH"], **swept}
    with subprocess.Popen([COMMAND, *arguments], env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            children = wait_until_training(process.pid)
            process.send_signal(number)
            _, said = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, said) == (code, "")
    assert not psutil.wait_procs(children, timeout=PATIENCE_S)[1]


def wait_until_training(pid):
    """Wait until a child of the bench trains; return it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = [child for child in psutil.Process(pid).children() if trains(child)]
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("no child trained")


def trains(child):
    # A child may end while it is looked at.
    with suppress(psutil.Error):
        return any(file.path.endswith("runs.db") for file in child.open_files())
    return False
