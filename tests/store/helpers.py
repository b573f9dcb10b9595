"""Runs that are recorded, read and listed, also by other processes."""

import errno
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnist_tui.core.events import Preparing
from mnist_tui.errors import StoreError
from mnist_tui.store.database import Store
from tests.builders import run_events

REPOSITORY = Path(__file__).parents[2]
OPENERS = (Store.open, Store.open_readonly)


def record(store, events):
    for event in events:
        store.record(event)


def fill(home, *runs):
    """Record whole runs under these ids."""
    with Store.open(home) as store:
        for run in runs:
            record(store, run_events(run))


def read(home, name="last"):
    with Store.open_readonly(home) as reader:
        return reader.run(name)


def listed(home):
    """Return the ids and states of all runs, as another reader lists them."""
    with Store.open_readonly(home) as reader:
        return [(run.run, run.status) for run in reader.runs()]


def news():
    return Preparing(message="reading")


def fails(act):
    """Return the error of the store that `act()` ends with."""
    with pytest.raises(StoreError) as caught:
        act()
    assert caught.value.exit_code == 5
    return caught.value


@contextmanager
def writer(home, *, epochs=2, run="run-1"):
    """Give a process that has recorded the start of a run and some epochs, and lives until it is ended."""
    lines = (
        "import sys; from pathlib import Path",
        "from mnist_tui.store.database import Store; from tests.builders import run_events",
        "home, run, epochs = sys.argv[1:]",
        "store = Store.open(Path(home))",
        "for event in run_events(run)[: 1 + int(epochs)]: store.record(event)",
        "print('recorded', flush=True)",
        "sys.stdin.read()",
    )
    with subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines), str(home), run, str(epochs)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "recorded\n"
            yield process
        finally:
            process.kill()


def full_disk(*_args):
    raise OSError(errno.ENOSPC, "No space left on device")
