"""A home, and its store."""

import pytest

from mnist_tui.store.database import Store


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def store(home):
    with Store.open(home) as opened:
        yield opened
