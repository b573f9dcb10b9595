"""A run in a process of its own outlives the terminal, and is the run that it would have been there."""

import os
import re
import signal
import time
from contextlib import ExitStack
from subprocess import PIPE, STDOUT, Popen

import pytest

from mnist_tui.core.events import RunContinued
from mnist_tui.core.status import Status
from mnist_tui.store.database import Store
from mnist_tui.wire.client import watches
from mnist_tui.wire.place import sockets
from tests.e2e.commands import run
from tests.e2e.conftest import COMMAND
from tests.e2e.pty_app import PtyApp
from tests.patience import PATIENCE_S

DIGITS = ("--dataset", "digits", "--threads", "1")


@pytest.fixture
def home(places, tmp_path):
    """Give the home; at the end nothing trains in it any more."""
    place = tmp_path / "home"
    yield place
    for watch in watches(place):
        os.kill(watch.hello["pid"], signal.SIGKILL)
        watch.close()


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.fixture
def leaving():
    """Return what is left when the test ends, however it does."""
    with ExitStack() as stack:
        yield stack


def kept(home, name="last"):
    with Store.open_readonly(home) as store:
        return store.run(name)


def end_with_its_epoch(places, name):
    """Let a run end as finished, soon: an order for an epoch that it has passed would be refused."""
    paused = re.search(r"paused in epoch (\d+)", run(places, "tell", name, "pause", check=0).stdout)
    assert paused is not None
    run(places, "tell", name, "epochs", paused[1], check=0)
    run(places, "tell", name, "resume", check=0)


def numbers(state):
    """Return what does not depend on a clock."""
    assert state.result is not None
    scores = [(e.epoch, e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy) for e in state.history]
    return scores, state.result.test_accuracy, state.result.test_loss


def process_of(home):
    (watch,) = watches(home)
    watch.close()
    return watch.hello["pid"]


def begin(app):
    """Start the run of the settings and wait until it trains."""
    app.wait_for("READY")
    app.send("r")
    app.wait_for(lambda: re.search(r"epoch \d+/\d+", app.display))


def test_a_detached_queue_is_trained_without_its_terminal(places, home):
    told = run(places, "run", "--detach", *DIGITS, "--epochs", "2000", "--features", "2,4", check=0)
    first, second = told.stdout.split()
    assert "mnist-tui attach" in told.stderr
    pid = process_of(home)
    # Its own session, so that no terminal can end it, and its words in the log.
    assert os.getsid(pid) == pid
    (log,) = (home / "logs").glob("detached-*.log")
    assert str(log) in told.stderr
    assert log.stat().st_mode & 0o777 == 0o600
    end_with_its_epoch(places, first)
    until(lambda: kept(home, first).status is Status.FINISHED)
    until(lambda: "running" in run(places, "runs", "--filter", "features=4", check=0).stdout)
    run(places, "tell", second, "stop", check=0)
    until(lambda: sockets(home) == [])
    until(lambda: "Finished epochs are kept." in log.read_text())


def test_what_waits_in_a_detached_queue_that_is_stopped_waits_for_another_process(places, home):
    told = run(places, "run", "--detach", *DIGITS, "--epochs", "5000", "--features", "2,4,8", check=0)
    run(places, "tell", told.stdout.split()[0], "stop", check=0)
    until(lambda: sockets(home) == [])
    with Store.open_readonly(home) as store:
        assert store.orphans == 2


def test_a_detached_process_that_finds_no_data_says_so_and_leaves_nothing_waiting(places, home):
    told = run(places, "run", "--detach", "--epochs", "1", check=3)
    assert "MNIST" in told.stderr
    assert told.stdout == ""
    assert "wait" not in run(places, "runs", check=0).stderr


def test_the_detached_command_is_for_nobody_else(places):
    assert "--detach" in run(places, "work", check=2).stderr


def test_a_run_that_the_app_handed_over_is_bit_for_bit_the_one_that_stayed(places, home, leaving):
    with PtyApp([COMMAND, *DIGITS, "--epochs", "20000"], rows=40, columns=120, environment=places) as app:
        begin(app)
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **places}
        follower = leaving.enter_context(
            Popen([COMMAND, "events"], env=environment, stdout=PIPE, stderr=STDOUT, text=True)
        )
        leaving.callback(follower.kill)
        assert follower.stdout is not None
        while "epoch" not in follower.stdout.readline():
            assert follower.poll() is None
        app.send("D")
        app.wait_for("IN ANOTHER PROCESS")
        pid = process_of(home)
        # The terminal goes, and the app with it, however it likes.
        app.signal(signal.SIGKILL)
        app.wait_exit()
    name = kept(home).run
    assert os.getsid(pid) == pid
    end_with_its_epoch(places, name)
    state = until(lambda: (found := kept(home, name)).status is Status.FINISHED and found)
    assert any(isinstance(mark, RunContinued) for mark in state.marks)
    # Who follows the run is told all of it, wherever it trains.
    told = follower.communicate(timeout=PATIENCE_S)[0]
    assert follower.returncode == 0
    assert f"run {name} resumes after epoch" in told
    assert re.search(rf"epoch +{state.epochs}/", told)
    assert "finished" in told
    assert state.differs == ()
    run(places, "run", *DIGITS, "--epochs", str(state.epochs), check=0)
    assert numbers(kept(home)) == numbers(state)


def test_the_app_is_left_with_one_line_on_what_goes_on(places, home):
    with PtyApp([COMMAND, *DIGITS, "--epochs", "20000"], rows=40, columns=120, environment=places) as app:
        begin(app)
        app.send("q")
        app.wait_for("Leave it training")
        app.send("d")
        assert app.wait_exit() == 0
        assert "A run continues in the background: `mnist-tui attach` shows it." in " ".join(app.display.split())
        assert not app.left_on
    before = kept(home).epochs_done
    until(lambda: kept(home).epochs_done > before + 3)
    assert kept(home).status is Status.RUNNING


def test_a_closed_terminal_detaches_where_the_settings_say_so(places, home):
    home.mkdir(mode=0o700)
    (home / "settings.toml").write_text('[program]\non_hangup = "detach"\n')
    with PtyApp([COMMAND, *DIGITS, "--epochs", "20000"], rows=40, columns=120, environment=places) as app:
        begin(app)
        app.hang_up()
        assert app.wait_exit() == 129
    before = kept(home).epochs_done
    until(lambda: kept(home).status is Status.RUNNING and kept(home).epochs_done > before + 3)
