"""Homes, and the runs that those which were cut off must equal."""

import pytest

from mnist_tui.engine import session
from tests.crash.resume.helpers import begin, numbers


@pytest.fixture(autouse=True)
def _checkpoint_after_every_epoch(monkeypatch):
    monkeypatch.setattr(session, "CHECKPOINT_INTERVAL_S", 0.0)


@pytest.fixture
def sparse(monkeypatch):
    """Let no epoch be slow enough for a checkpoint of its own; return a function that changes this."""

    def every(seconds):
        monkeypatch.setattr(session, "CHECKPOINT_INTERVAL_S", seconds)

    every(3600.0)
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
