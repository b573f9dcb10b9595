"""A learning rate is looked for from the command line, and in the process that the app starts for it."""

import subprocess
from pathlib import Path

import pytest

from mnist_tui.cli import build_parser
from mnist_tui.cli.options import settings_of
from mnist_tui.core.ratefinder import RangeTest, RateFound
from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import MnistTuiError
from mnist_tui.runtime.finder import Finding, as_options
from tests.e2e.conftest import COMMAND
from tests.patience import PATIENCE_S

SPEC = RunSpec(dataset="digits", features=4, batch_size=16, device="cpu", threads=1)


def test_the_command_draws_the_curve_and_says_why(places):
    command = [COMMAND, "find-lr", *as_options(SPEC), "--steps", "40", "--tries", "1"]
    done = subprocess.run(command, env=places, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert "Loss over learning rate" in done.stdout
    assert "0.0001" in done.stdout
    assert "The loss did not fall clearly within 40 steps. Try more steps (--steps)" in done.stdout
    assert "try 1 of 1" in done.stderr
    assert not Path(places["MNIST_TUI_HOME"]).exists()


def test_the_app_follows_the_process_that_it_starts(places, monkeypatch):
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    *before, last = Finding(SPEC, RangeTest(steps=20, tries=2))
    assert "loading PyTorch" not in before[-1:]
    assert isinstance(last, RateFound)
    assert list(map(len, last.losses)) == [20, 20]
    missing = Finding(RunSpec(dataset="kmnist"))
    with pytest.raises(MnistTuiError, match="no learning rate was found: KMNIST"):
        list(missing)


def test_what_the_app_passes_on_is_read_back_as_the_same_settings():
    spec = RunSpec(
        learning_rate=0.5,
        features=7,
        optimizer="sgd",
        momentum=0.123456789,
        weight_decay=1e-7,
        augment="shift+rotate",
        side=12,
        dataset="folder:/some where/with=signs",
        label_smoothing=0.1,
    )
    given = settings_of(build_parser().parse_args(["find-lr", *as_options(spec)]))
    assert RunSpec(**given, learning_rate=0.5) == spec


def test_what_a_network_of_ones_own_prints_is_no_news(places, monkeypatch, tmp_path):
    for name, value in places.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "net.py").write_text(
        "from torch import nn\nprint('hello')\nprint('{}')\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self, classes, channels, side):\n        super().__init__()\n"
        "        self.head = nn.Linear(channels * side * side, classes)\n\n"
        "    def forward(self, images):\n        return self.head(images.flatten(1))\n"
    )
    spec = RunSpec(dataset="digits", model=f"{tmp_path}/net.py:Net", model_digest="0" * 64, device="cpu")
    *_, last = Finding(spec, RangeTest(steps=20, tries=1))
    assert isinstance(last, RateFound)


def test_an_option_that_a_command_does_not_know_is_answered_with_its_usage(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["find-lr", "--lr", "0.1"])
    said = capsys.readouterr().err
    assert said.startswith("usage: mnist-tui find-lr")
    assert "mnist-tui find-lr: error: unrecognized arguments: --lr 0.1" in said
