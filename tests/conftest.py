"""What all tests share: how they are spread over processes, and that they neither depend on nor leave anything."""

import gc
import os
import signal
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest
from hypothesis import HealthCheck, settings

# Hundreds of processes load PyTorch: what the first one compiles serves all of them.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Threads of PyTorch that wait for each other give way to the processes of other tests.
os.environ["OMP_WAIT_POLICY"] = "passive"
# Tests would wait for animations.
os.environ["TEXTUAL_ANIMATIONS"] = "none"

# A busy machine makes everything slow; that is no fault of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# `nohup` and the background of a script ignore these, and all processes that the tests start would inherit that.
for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

WORKER_BYTES = 2 * 1024**3
"""What a worker and the processes that it starts may need."""
LONG = frozenset({"test_bench", "test_examples", "test_film", "test_from_anywhere", "test_random_use", "test_types"})
"""Files with tests that take longer than others, and share nothing."""
COMPILING = pytest.StashKey[subprocess.Popen[bytes]]()
COMPILE = "from mnist_tui.engine.compiling import load_kernels; load_kernels()"


def pytest_xdist_auto_num_workers():
    """Return five workers for two cores, as far as there is memory: many tests wait for a screen or another process."""
    most = psutil.virtual_memory().total // WORKER_BYTES
    return max(2, min(5 * (os.cpu_count() or 1) // 2, most))


def pytest_collection_modifyitems(items):
    """Mark tests by their folder, and spread the long ones, so that no worker is left with some at the end."""
    for item in items:
        for marker in ("crash", "e2e"):
            if marker in item.path.parts:
                item.add_marker(marker)
    long = [item for item in items if item.path.stem in LONG]
    others = [item for item in items if item.path.stem not in LONG]
    between = len(others) // max(1, len(long)) + 1
    items[:] = [
        item
        for at in range(max(len(long), 1))
        for item in (*long[at : at + 1], *others[at * between : (at + 1) * between])
    ]


# Looking for garbage among the objects of PyTorch and Textual took a quarter of the time of tests with screens.
gc.set_threshold(50_000, 20, 100)


def pytest_sessionstart(session):
    """Begin to compile the training step, while the workers collect the tests."""
    if not hasattr(session.config, "workerinput"):
        session.stash[COMPILING] = subprocess.Popen([sys.executable, "-c", COMPILE])


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    """Start no test before that is done, so that no two of them compile at the same time."""
    if (compiling := session.stash.get(COMPILING, None)) is not None:
        compiling.wait()


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left_behind(tmp_path_factory):
    """End what the tests left running in their folders, and fail if there was anything."""
    yield
    base = str(tmp_path_factory.getbasetemp())
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("MNIST_TUI_HOME", "").startswith(base):
                left.append(" ".join(process.cmdline()))
                process.kill()
    assert not left
