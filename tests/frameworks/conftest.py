"""The real frameworks train tiny networks; each test is skipped where its framework is not installed."""

import pytest

from tests.api.conftest import Remote, beside, home, points, remote, stored

__all__ = ["Remote", "beside", "home", "points", "remote", "stored"]


@pytest.fixture
def framework(request):
    """Return the module that trains with the framework of a test, imported where it is needed: that takes seconds."""
    name = request.module.__name__.rpartition("test_")[2]
    reason = f"{name} is not installed: uv pip install --group frameworks"
    return pytest.importorskip(f"tests.frameworks.with_{name}", reason=reason)


@pytest.fixture
def fit(framework):
    """Return the function that trains a tiny network."""
    return framework.fit


@pytest.fixture(autouse=True)
def of_this_test(monkeypatch, home, tmp_path):
    """Runs are recorded in the home of the test, and files are written into its folder."""
    monkeypatch.setenv("MNIST_TUI_HOME", str(home))
    monkeypatch.chdir(tmp_path)
