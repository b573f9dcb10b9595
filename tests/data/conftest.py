"""What the tests of data share."""

import socket
import threading

import pytest

from mnist_tui.data import fetch
from tests.data.mirror import Mirror


@pytest.fixture(scope="session")
def published():
    """Return torchvision's datasets, imported where they are needed: that takes seconds."""
    from torchvision import datasets

    return datasets


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Try mirrors again at once, and reach them without a proxy."""
    monkeypatch.setattr(fetch, "BACK_OFF_S", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def make_mirror():
    """Return a function that starts a mirror; all are stopped in the end."""
    running = []

    def make():
        mirror = Mirror()
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((mirror, thread))
        return mirror

    yield make
    for mirror, thread in running:
        mirror.released.set()
        mirror.shutdown()
        thread.join()
        mirror.server_close()


@pytest.fixture
def mirror(make_mirror):
    return make_mirror()


@pytest.fixture
def closed_address():
    """Return an address where nobody listens and nobody else can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "MNIST" / "raw"
