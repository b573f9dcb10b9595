"""A network of the user's own, from the command line: grids, parallel runs, detached ones, saving and using it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

CODE = """
from torch import nn

class Net(nn.Module):
    def __init__(self, classes, channels, side, width=4):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, width, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(16))
        self.head = nn.Linear(16, classes)

    def forward(self, images):
        return self.head(self.body(images))
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MNIST_TUI_MODELS", raising=False)


def command(*arguments, code=0):
    done = subprocess.run([sys.executable, "-m", "mnist_tui", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


TRAIN = ("run", "--model", "net.py:Net", "--dataset", "digits", "--epochs", "1", "--json")


def table(done):
    return json.loads(done.stdout.splitlines()[-1])["rows"]


def test_settings_of_a_network_make_a_grid_also_in_other_processes():
    rows = table(command(*TRAIN, "--sets", "width=2,3", "--jobs", "2"))
    assert [(row["model"], row["options"], row["features"]) for row in rows] == [
        ("Net", "width=2", None),
        ("Net", "width=3", None),
    ]
    assert len({row["parameters"] for row in rows}) == 2
    assert len({row["model_digest"] for row in rows}) == 1


def test_a_network_is_saved_used_and_trained_further_where_its_code_is_named_again():
    command(*TRAIN, "--set", "width=3")
    for arguments in (["save", "last", "-o", "net.pt"], ["resume", "last", "--epochs", "2"]):
        said = command(*arguments, code=4)
        assert f"Allow it to be executed with --model {Path.cwd()}/net.py:Net" in said.stderr
    named = ("--model", "net.py:Net")
    command("save", "last", "-o", "net.pt", *named)
    saved = torch.load("net.pt", weights_only=True)
    assert saved["model"]["body.0.weight"].shape[0] == 3
    assert (saved["facts"]["network"], saved["facts"]["options"]) == ("net.py:Net", "width=3")
    torch.save(torch.zeros(1), "x.png")
    assert "x.png is not an image" in command("predict", "last", "x.png", *named, code=3).stderr
    row = table(command("resume", "last", "--epochs", "2", "--json", *named))[0]
    assert (row["epochs"], row["status"]) == (2, "finished")
    Path("net.py").write_text(CODE + "\n")
    assert "has changed since the run was queued" in command("resume", "last", "--epochs", "3", *named, code=4).stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "--model", "none.py:Net"], "none.py cannot be read: No such file or directory"),
        (["run", "--model", "net.py"], "model must be cnn or FILE.py:CLASS"),
        (["run", "--set", "width=2"], "Name it with --model FILE.py:CLASS"),
        (["run", "--model", "net.py:Net", "--set", "width"], "such as width=16, not 'width='"),
        (["run", "--model", "net.py:Net", "--sets", "width="], "names no value"),
        (["run", "--model", "net.py:Net", "--set", "width=2", "--sets", "width=2,3"], "width is set twice"),
        (["run", "--model", "net.py:Net", "--on", "ray"], "is trained on this machine"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_starts(arguments, reason):
    assert reason in command(*arguments, code=2).stderr
    assert not Path("home").exists() or not list(Path("home").glob("*.db"))


def test_what_lies_beside_a_network_is_not_imported_by_the_processes_that_train_it():
    for name in ("torch", "numpy", "sklearn", "mnist_tui"):
        Path(f"{name}.py").write_text("open('executed', 'w')\nraise SystemExit")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "mnist_tui", *TRAIN, "--seeds", "0-1", "--jobs", "2"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not Path("executed").exists()
