"""What a command does when its output, its terminal or its time is taken from it."""

import json
import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress

import pytest

from tests.builders import keep, run_events
from tests.e2e.commands import run, start
from tests.e2e.conftest import COMMAND
from tests.patience import PATIENCE_S


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a home with one run."""
    folder = tmp_path_factory.mktemp("trained")
    keep(folder, run_events())
    return folder


@pytest.fixture
def one_run(places, trained):
    """Let the home hold one run."""
    shutil.copytree(trained, places["MNIST_TUI_HOME"])


def shell(places, line):
    """Run a line of a shell; return its exit code as the shell has it, and what went to stderr."""
    result = subprocess.run(
        ["/bin/bash", "-c", f"set -o pipefail; {line}"],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "M": COMMAND, **places},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr
    return result.returncode, result.stderr


TRAIN = '"$M" run --dataset digits --epochs 500 --json'


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        ('"$M" runs >/dev/full', 1, "the output cannot be used: No space left on device."),
        ('"$M" runs --json >/dev/full', 1, "No space left on device"),
        ('"$M" show last >/dev/full', 1, "No space left on device"),
        ('"$M" export >/dev/full', 1, "No space left on device"),
        ('"$M" doctor --json >/dev/full', 1, "No space left on device"),
        ('"$M" --help >/dev/full', 1, "No space left on device"),
        ('"$M" runs >&-', 1, "standard output is closed"),
        ('"$M" export >&-', 1, "standard output is closed"),
        ('"$M" runs >&- 2>&- <&-', 1, ""),
        ('"$M" runs 2>&-', 0, ""),
        ('"$M" >&-', 2, "needs a terminal"),
    ],
)
def test_an_output_that_cannot_be_written_is_told_in_a_sentence(places, one_run, line, code, sentence):
    found, told = shell(places, line)
    assert found == code, told
    assert sentence in told
    assert told.count("\n") <= 1


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        (f"{TRAIN} | head -4", 141, "Finished epochs are kept."),
        (f"{TRAIN} >/dev/full", 1, "No space left on device"),
        (f"{TRAIN} >&-", 1, "standard output is closed"),
    ],
)
def test_a_run_whose_output_or_terminal_is_gone_ends_in_order_and_leaves_nothing_waiting(places, line, code, sentence):
    found, told = shell(places, line)
    assert found == code, told
    assert sentence in told
    kept = [json.loads(line) for line in run(places, "runs", "--json", check=0).stdout.splitlines()]
    # An output that never took a word ends it before a run has begun.
    assert [run["status"] for run in kept] == ([] if code == 1 else ["stopped"])
    assert "wait" not in run(places, "runs", check=0).stderr


def test_an_interrupt_while_everything_is_loaded_ends_without_a_word(places):
    for delay in (0.0, 0.2, 0.5, 1.0, 2.0):
        with subprocess.Popen(
            [COMMAND, "run", "--dataset", "digits", "--epochs", "5000"],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **places},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            # Before a line of ours runs, Python itself answers, each time in another way.
            assert process.stderr is not None
            assert process.stderr.readline() == "loading PyTorch\n"
            with suppress(subprocess.TimeoutExpired):
                process.wait(delay)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 130, told
        assert "Traceback" not in told


ESCAPES = r"\033]0;owned\007\342\200\256"


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("\"$M\" show $'\\xff'", (2,)),
        ('"$M" show "$(printf \'' + ESCAPES + "')\"", (2,)),
        ('"$M" export -o "$(printf \'' + ESCAPES + "').md\"", (0,)),
        ("\"$M\" export -o $'\\xff.md'", (0,)),
        ("MNIST_TUI_HOME=\"$MNIST_TUI_HOME/$(printf '" + ESCAPES + '\')" "$M" run --dataset digits --epochs 1', (0,)),
        ("MNIST_TUI_HOME=\"$MNIST_TUI_HOME/$(printf '" + ESCAPES + '\')" "$M" doctor', (0,)),
        ("MNIST_TUI_DATA=\"$(printf '" + ESCAPES + '\')" "$M" data status', (3,)),
        ("MNIST_TUI_DATA=$'/tmp/\\xff' \"$M\" data status", (3,)),
        ("MNIST_TUI_HOME=$MNIST_TUI_HOME/$'\\xff' \"$M\" run --dataset digits --epochs 1", (0,)),
        ("MNIST_TUI_MIRRORS='http://me:secret@127.0.0.1:9/' \"$M\" run --allow-fallback --epochs 1", (0,)),
        ('mkdir gone && cd gone && rmdir ../gone && MNIST_TUI_HOME=here "$M" runs', (2,)),
    ],
)
def test_text_from_outside_steers_no_terminal_and_secrets_stay_secret(places, one_run, tmp_path, line, codes):
    result = subprocess.run(
        ["/bin/bash", "-c", line],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "M": COMMAND, **places},
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=tmp_path / "work",
        stdin=subprocess.DEVNULL,
    )
    told = result.stdout + result.stderr
    assert result.returncode in codes, told
    assert b"Traceback" not in told
    assert b"\x1b" not in told
    assert b"\x07" not in told
    assert "\u202e".encode() not in told
    assert b"secret" not in told + (tmp_path / "home" / "runs.db").read_bytes()


def test_the_first_interrupt_is_obeyed_while_a_mirror_says_nothing(places):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with start(places | {"MNIST_TUI_MIRRORS": address}, "run", "--epochs", "1") as process:
            assert process.stderr is not None
            next(line for line in process.stderr if "downloading" in line)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert run(places, "runs", "--json", check=0).stdout == ""
    assert "wait" not in run(places, "runs", check=0).stderr


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1], ids=lambda number: number.name)
def test_any_signal_ends_the_run_in_order(places, number):
    with start(places, "run", "--dataset", "digits", "--epochs", "500", "--json") as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "epoch_done" in line)
        process.send_signal(number)
        _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number, told
    assert "Finished epochs are kept." in told
    (kept,) = [json.loads(line) for line in run(places, "runs", "--json", check=0).stdout.splitlines()]
    assert kept["status"] == "stopped"
    assert "wait" not in run(places, "runs", check=0).stderr
