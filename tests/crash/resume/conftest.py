"""Homes, and the runs that those which were cut off must equal."""

from dataclasses import asdict
from types import SimpleNamespace

import pytest

from mnist_tui.engine import session
from mnist_tui.engine.trainer import Intervals
from tests.crash.resume.helpers import begin, numbers


@pytest.fixture(autouse=True)
def _checkpoint_after_every_epoch(monkeypatch):
    monkeypatch.setattr(session, "INTERVALS", Intervals(checkpoint_s=0.0))


@pytest.fixture
def sparse(monkeypatch):
    """Let no epoch be slow enough for a checkpoint of its own; return a function that changes this."""

    intervals = SimpleNamespace(**asdict(Intervals(checkpoint_s=3600.0)))
    monkeypatch.setattr(session, "INTERVALS", intervals)

    def every(seconds):
        intervals.checkpoint_s = seconds

    return every


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """Give the numbers of runs that were left alone, each trained once."""
    found = {}

    def train_alone(spec):
        if spec not in found:
            home = tmp_path_factory.mktemp("alone") / "home"
            begin(home, spec)
            found[spec] = numbers(home)
        return found[spec]

    return train_alone


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"
