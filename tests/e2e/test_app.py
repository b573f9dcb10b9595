"""The installed app in a pseudo-terminal, as a person would use it."""

import os
import re
import signal

import pytest

from mnist_tui.core.status import Status
from mnist_tui.store.database import Store
from tests.e2e.conftest import COMMAND
from tests.e2e.pty_app import PtyApp

SLOW = ["demo", "--keep", "--delay", "0.1"]


def last_run(tmp_path):
    with Store.open_readonly(tmp_path / "home") as store:
        return store.run("last")


def test_a_whole_session_start_change_run_export_quit(places, tmp_path):
    with PtyApp([COMMAND, "--dataset", "digits", "--epochs", "1"], rows=40, columns=120, environment=places) as app:
        app.wait_for("READY")
        app.send("e")
        app.wait_for("2 epochs")
        app.send("f")
        app.wait_for("4 features")
        app.send("r")
        app.wait_for("The queue is done")
        assert "8x8 digits (not MNIST)" in app.display
        app.send("\x1b")
        app.wait_for(lambda: "The queue is done" not in app.display)
        assert "finished" in app.display
        app.send("u")
        app.wait_for("Saved in")
        app.send("q")
        assert app.wait_exit() == 0
        assert not app.left_on
        assert app.settings == app.settings_before
    run = last_run(tmp_path)
    assert (run.status, run.epochs_done, run.spec.features) == (Status.FINISHED, 2, 4)
    assert {path.suffix for path in (tmp_path / "home" / "tables").iterdir()} == {
        ".md", ".csv", ".json", ".tex", ".html",
    }  # fmt: skip


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_the_terminal_clean_and_the_run_recorded(places, tmp_path, number, code):
    with PtyApp([COMMAND, *SLOW], environment=places) as app:
        app.wait_for("READY")
        app.send("r")
        app.wait_for("epoch 2/10")
        app.signal(number)
        assert app.wait_exit() == code
        assert not app.left_on
        assert app.settings == app.settings_before
        assert "continues the stopped run" in " ".join(app.display.split())
    run = last_run(tmp_path)
    assert run.status is Status.STOPPED
    assert run.epochs_done >= 1


def test_a_command_whose_terminal_is_closed_ends_its_run_in_order(places, tmp_path):
    command = [COMMAND, "run", "--dataset", "digits", "--epochs", "50000"]
    with PtyApp(command, environment=places) as app:
        app.wait_for("/50000  loss")
        app.hang_up()
        assert app.wait_exit() == 128 + signal.SIGHUP
    assert last_run(tmp_path).status is Status.STOPPED


def test_the_shell_can_be_had_back_and_training_goes_on_after_it(places):
    shell = ["bash", "-mc", f"{COMMAND} {' '.join(SLOW)}; echo the shell is back; read; fg"]
    with PtyApp(shell, environment=places) as app:
        app.wait_for("READY")
        app.send("r")
        app.wait_for("epoch 2/10")
        app.send("\x1a")
        app.wait_for("the shell is back")
        assert not app.on_alternate_screen
        app.send("\r")
        app.wait_for("epoch 4/10")
        app.send("q")
        app.wait_for("A run is in progress")
        app.send("s")
        assert app.wait_exit() == 0


def test_the_screen_is_there_again_after_the_shell_where_nothing_happens(places):
    shell = ["bash", "-mc", f"{COMMAND}; echo the shell is back; read; fg"]
    with PtyApp(shell, environment=places) as app:
        app.wait_for("READY")
        app.wait_for(lambda: "loading PyTorch" not in app.display)
        app.send("\x1a")
        app.wait_for("the shell is back")
        app.send("\r")
        app.wait_for(lambda: "READY" in app.display and "4 Features" in app.display and "? Help" in app.display)
        app.send("q")
        assert app.wait_exit() == 0


def test_without_a_network_it_trains_on_the_digits_and_says_so(places):
    with PtyApp([COMMAND, "--epochs", "1"], rows=40, columns=120, environment=places) as app:
        app.wait_for("READY")
        app.send("r")
        app.wait_for("The queue is done")
        assert "8x8 digits (not MNIST)" in app.display


def test_quitting_a_live_run_asks_first(places, tmp_path):
    # Long enough that a busy machine sees one of its epochs before it ends.
    with PtyApp([COMMAND, *SLOW], environment=places) as app:
        app.wait_for("READY")
        app.send("r")
        app.wait_for(lambda: re.search(r"epoch [1-9]/10", app.display) is not None)
        app.send("q")
        app.wait_for("A run is in progress")
        app.send("s")
        assert app.wait_exit() == 0
        assert not app.left_on
    assert last_run(tmp_path).status is Status.STOPPED


@pytest.mark.skipif("MNIST_TUI_DATA" not in os.environ, reason="MNIST_TUI_DATA names no folder with real MNIST")
def test_real_mnist_trains_in_the_app(places):
    real = places | {"MNIST_TUI_DATA": os.environ["MNIST_TUI_DATA"]}
    command = [COMMAND, "--dataset", "mnist", "--epochs", "1", "--features", "8"]
    with PtyApp(command, rows=40, columns=120, environment=real) as app:
        app.wait_for("READY")
        app.send("r")
        app.wait_for("The queue is done")
        assert "MNIST" in app.display
        assert "not MNIST" not in app.display
