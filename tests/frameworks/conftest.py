"""The real frameworks train tiny networks; each test is skipped where its framework is not installed."""

from tests.api.conftest import Remote, beside, home, points, remote, stored

__all__ = ["Remote", "beside", "home", "points", "remote", "stored"]

import pytest


@pytest.fixture(autouse=True)
def of_this_test(monkeypatch, home, tmp_path):
    """Runs are recorded in the home of the test, and files are written into its folder."""
    monkeypatch.setenv("MNIST_TUI_HOME", str(home))
    monkeypatch.chdir(tmp_path)
