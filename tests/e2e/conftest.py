import os
import sys
from pathlib import Path

import pytest

from mnist_tui.engine.compiling import kernel_folder

COMMAND = str(Path(sys.executable).with_name("mnist-tui"))
"""The installed command."""
COMPILED = {"NUMBA_CACHE_DIR": str(kernel_folder().parent), "OMP_WAIT_POLICY": os.environ["OMP_WAIT_POLICY"]}
"""Lets commands find the compiled step, which is compiled once for all tests, and their threads wait as ours do."""


@pytest.fixture
def places(tmp_path):
    """Return an environment in which runs, data and downloads are kept from those of the person who tests."""
    (tmp_path / "work").mkdir()
    return {
        "MNIST_TUI_HOME": str(tmp_path / "home"),
        "MNIST_TUI_DATA": str(tmp_path / "data"),
        # A closed port of this machine: like no network, but immediate.
        "MNIST_TUI_MIRRORS": "http://127.0.0.1:9/",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
        **COMPILED,
    }
