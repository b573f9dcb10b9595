"""Others see what a process trains, from the beginning and as it happens, and can steer it; nobody slows it down."""

import os
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from mnist_tui import remote
from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone, EpochsChanged, RunContinued
from mnist_tui.core.orders import Order
from mnist_tui.core.queue import enqueue
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.core.stored import Checkpoint
from mnist_tui.demo.insight import validation_set
from mnist_tui.errors import OrderError, RunError
from mnist_tui.store.database import Store
from mnist_tui.wire import server
from mnist_tui.wire.client import watches
from mnist_tui.wire.lines import PROTOCOL, event_line, line, read_event, read_line
from mnist_tui.wire.place import FOLDER, connect, listen, reachable, sockets
from mnist_tui.wire.server import MOST, Broadcast
from tests.builders import epoch_done, progress, run_events
from tests.patience import PATIENCE_S
from tests.wire.conftest import SESSION


def heard(watch, until="bye", within_s=30.0):
    """Return the records up to one of a type, and with it."""
    records = []
    for record in watch.records(within_s):
        records.append(record)
        if record["type"] == until:
            return records
    raise AssertionError(f"no {until} came, but {[record['type'] for record in records][-5:]}")


def answer(watch, order):
    watch.tell(order)
    return heard(watch, "answer")[-1]


def epochs_of(records):
    return [record["epoch"] for record in records if record["type"] == "epoch_done"]


def test_a_watcher_gets_the_story_so_far_then_every_event_and_a_goodbye(train, watch):
    training = train(RunSpec(epochs=12), RunSpec(epochs=3))
    while not any(isinstance(event, EpochDone) for event in training.events):
        time.sleep(0.01)
    connection = watch()
    assert connection.runs == training.runs[:1]
    records = heard(connection)
    kept = [read_event(r) for r in records if r["type"] not in ("told", "bye", "progress", "preparing")]
    assert kept == [event for event in training.events if not event.mergeable]
    told = [record["type"] for record in records].index("told")
    assert 1 <= len(epochs_of(records[:told])) < 15
    # What was shown inside an epoch never comes after that epoch.
    progress = [(r["run"], r["epoch"]) for r in records if r["type"] == "progress"]
    assert progress == sorted(progress, key=lambda place: (training.runs.index(place[0]), place[1]))


def test_its_state_is_that_of_the_process_itself(train, watch):
    training = train(RunSpec(epochs=4))
    theirs, own = SessionState(), SessionState()
    for record in heard(watch()):
        with suppress(ValueError):
            theirs.apply(read_event(record))
    for event in training.events:
        own.apply(event)
    assert theirs.runs == own.runs
    assert theirs.run is not None
    assert theirs.run.status is Status.FINISHED


def test_a_run_that_goes_on_comes_with_its_story():
    story = tuple(run_events("run-1")[:-1])
    event = RunContinued(run="run-1", sweep="s", epoch=3, epochs=9, differs=(), continued_at="", story=story)
    found = read_event(read_line(event_line(event)))
    assert isinstance(found, RunContinued)
    assert found.story == story


def test_many_see_the_same_and_orders_of_any_of_them_are_obeyed(train, watch):
    training = train()
    first, second = watch(), watch()
    (run,) = training.runs
    assert answer(first, Order(kind="pause", run=run))["obeyed"]
    heard(second, "run_paused")
    assert training.control.wait_until_held(5)
    # Two who want the opposite: what was said last counts, and both see it.
    assert answer(second, Order(kind="resume", run=run))["obeyed"]
    heard(first, "run_resumed")
    assert answer(first, Order(kind="epochs", run=run, value=700.0))["obeyed"]
    assert heard(second, "epochs_changed")[-1]["epochs"] == 700
    assert answer(second, Order(kind="stop", run=run))["obeyed"]
    assert heard(first, "run_done")[-1]["status"] == Status.STOPPED
    heard(second, "bye")


def test_an_order_for_a_run_that_is_over_is_refused_in_words(train, watch):
    training = train(RunSpec(epochs=1), RunSpec(epochs=500))
    first, second = training.runs
    connection = watch()
    while not any(isinstance(event, EpochDone) and event.run == second for event in training.events):
        time.sleep(0.01)
    said = answer(connection, Order(kind="stop", run=first))
    assert not said["obeyed"]
    assert first in said["reason"]
    assert answer(connection, Order(kind="pause", run=second))["obeyed"]


@pytest.mark.parametrize(
    "said",
    [
        b"\n",
        b"hello\n",
        b"\xff\xfe\x00\n",
        b"[1, 2]\n",
        b'{"type": "order", "kind": "stop", "run": "' + b"x" * 200_000 + b'"}\n',
        b"x" * 200_000,
        b"[" * 100_000 + b"\n",
        b'{"type": "order", "kind": "epochs", "run": "RUN", "value": 1e308}\n',
        b'{"type": "order", "kind": "rate", "run": "RUN", "value": -1}\n',
        b'{"type": "order", "kind": "epochs", "run": "RUN", "value": 1' + b"0" * 401 + b"}\n",
        b'{"type": "order", "kind": "rate", "run": "RUN", "value": 1' + b"0" * 401 + b"}\n",
    ],
)
def test_hostile_bytes_get_a_refusal_and_harm_nobody(train, watch, tmp_path, said):
    training = train()
    good = watch()
    (path,) = sockets(tmp_path / "home")
    with connect(path) as bad:
        bad.settimeout(PATIENCE_S)
        # Whoever is refused may hang up before all was said.
        with suppress(OSError):
            bad.sendall(said.replace(b"RUN", training.runs[0].encode()))
        found = b""
        with suppress(ConnectionError):
            while data := bad.recv(1 << 16):
                found += data
    answers = [record for record in map(read_line, filter(None, found.split(b"\n")[:-1])) if record["type"] == "answer"]
    assert [record["obeyed"] for record in answers] in ([False], [])
    assert len(answers) == 1 or len(said) > 100_000
    assert answer(good, Order(kind="pause", run=training.runs[0]))["obeyed"]


def test_a_watcher_that_dies_in_the_middle_of_a_line_is_forgotten(train, watch, tmp_path):
    training = train()
    (path,) = sockets(tmp_path / "home")
    for half in (b"", b'{"type": "ord'):
        with connect(path) as dying:
            dying.sendall(half)
    assert answer(watch(), Order(kind="pause", run=training.runs[0]))["obeyed"]


def test_a_watcher_that_does_not_read_loses_no_epoch_and_holds_nobody_up(tmp_path):
    home = tmp_path / "home"
    with Store.open(home) as store:
        store.add_waiting((), SESSION)
        with Broadcast(home, SESSION, RunControl()) as broadcast:
            (slow,) = watches(home)
            # Far more than a socket takes: publishing returns all the same.
            for epoch in range(1, 20_001):
                broadcast.publish(epoch_done(epoch, val_accuracy=0.5))
                broadcast.publish(progress(epoch + 1))
            found = []
            for record in slow.records(30):
                found.append(record)
                if record["type"] == "progress" and record["epoch"] == 20_001:
                    break
            slow.close()
    assert epochs_of(found) == list(range(1, 20_001))
    assert sum(record["type"] == "progress" for record in found) < 20_000


def test_what_is_for_the_store_alone_stays_in_the_process(tmp_path):
    home = tmp_path / "home"
    with Store.open(home) as store:
        store.add_waiting((), SESSION)
        with Broadcast(home, SESSION, RunControl()) as broadcast:
            broadcast.publish(Checkpoint(run="run-1", epoch=1, batch=0, data=b"secret"))
            broadcast.publish(validation_set("digest", 0, 10))
            broadcast.publish(epoch_done(1))
            (watch,) = watches(home)
            types = [record["type"] for record in heard(watch, "told")]
            watch.close()
    assert types == ["epoch_done", "told"]


def test_the_socket_is_private_and_goes_with_its_process(train, tmp_path):
    home = tmp_path / "home"
    training = train()
    (path,) = sockets(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    training.end()
    assert sockets(home) == []
    assert list((home / FOLDER).iterdir()) == []


def test_a_socket_that_a_killed_process_left_behind_is_cleared_away(tmp_path):
    home = tmp_path / "home"
    script = (
        "import os, sys; from pathlib import Path\n"
        "from mnist_tui.core.control import RunControl\n"
        "from mnist_tui.store.database import Store\n"
        "from mnist_tui.wire.server import Broadcast\n"
        "home = Path(sys.argv[1]); store = Store.open(home); store.add_waiting((), sys.argv[2])\n"
        "broadcast = Broadcast(home, sys.argv[2], RunControl())\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(home), SESSION], check=False)
    assert len(list((home / FOLDER).iterdir())) == 1
    assert list(watches(home)) == []
    assert list((home / FOLDER).iterdir()) == []


def test_training_goes_on_when_its_socket_is_deleted(train, tmp_path):
    home = tmp_path / "home"
    training = train(RunSpec(epochs=20))
    (path,) = sockets(home)
    path.unlink()
    assert list(watches(home)) == []
    training.join()
    assert training.events[-1].type == "sweep_done"


def test_another_socket_under_the_same_name_is_left_alone(train, tmp_path):
    home = tmp_path / "home"
    training = train()
    (path,) = sockets(home)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        with reachable(path) as name:
            other.bind(name)
        training.end()
        assert path.exists()


def test_a_home_whose_path_is_too_long_for_a_socket_is_reached_all_the_same(train, watch, tmp_path):
    home = tmp_path / ("long-" * 20) / ("longer-" * 10) / "home"
    training = train(RunSpec(epochs=500), home=home)
    if not Path("/proc/self/fd").is_dir():
        assert "too long" in training.recorder.problem
        return
    assert training.recorder.problem == ""
    assert answer(watch(home), Order(kind="stop", run=training.runs[0]))["obeyed"]


def test_where_no_socket_can_be_had_training_goes_on_and_says_so(train, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(36, "the path is too long for a socket")

    monkeypatch.setattr("mnist_tui.wire.server.listen", refuse)
    training = train(RunSpec(epochs=2))
    training.join()
    assert "can read this run from the store" in training.recorder.problem
    assert "too long" in training.recorder.problem
    assert training.events[-1].type == "sweep_done"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_is_refused_even_where_the_folders_let_everybody_in(train, tmp_path):
    train()
    (path,) = sockets(tmp_path / "home")
    for folder in (path, *path.parents):
        with suppress(OSError):
            folder.chmod(0o777)
    script = (
        "import os, socket, sys; os.chdir(sys.argv[1]); os.setuid(65534); s = socket.socket(socket.AF_UNIX)\n"
        "s.connect(sys.argv[2]); print(len(s.recv(100)))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(path.parent), path.name], capture_output=True, text=True, check=False
    )
    assert found.stdout.strip() == "0" or "ConnectionReset" in found.stderr or "BrokenPipe" in found.stderr


def test_two_hundred_come_and_go(train, watch, tmp_path):
    training = train()
    (path,) = sockets(tmp_path / "home")
    for _ in range(200):
        with connect(path) as passing:
            assert passing.recv(1)
    assert answer(watch(), Order(kind="pause", run=training.runs[0]))["obeyed"]


def test_more_than_can_be_served_are_turned_away_and_the_others_stay(train, watch, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "_READS_WITHIN_S", float("inf"))
    training = train()
    first = watch()
    (path,) = sockets(tmp_path / "home")
    crowd = [connect(path) for _ in range(MOST)]
    assert crowd[0].recv(1)
    assert crowd[-1].recv(1) == b""
    for one in crowd:
        one.close()
    assert answer(first, Order(kind="pause", run=training.runs[0]))["obeyed"]


LIMIT_S = 2.0
"""Long enough that who reads does so within it on a busy machine."""


def test_a_crowd_that_reads_nothing_shuts_nobody_out_while_events_come_and_readers_stay(
    train, watch, tmp_path, monkeypatch
):
    monkeypatch.setattr(server, "_READS_WITHIN_S", LIMIT_S)
    training = train(RunSpec(epochs=5000))
    reader = watch()
    told: list[dict[str, object]] = []
    thread = threading.Thread(target=lambda: told.extend(reader.records()), daemon=True)
    thread.start()
    (path,) = sockets(tmp_path / "home")
    with ExitStack() as crowd:
        for _ in range(MOST - 1):
            crowd.enter_context(connect(path))
        begin = time.monotonic()
        while time.monotonic() - begin < 1.2 * LIMIT_S:
            time.sleep(0.01)
        assert answer(watch(), Order(kind="stop", run=training.runs[0]))["obeyed"]
        thread.join(PATIENCE_S)
    assert told[-1]["type"] == "bye", "who reads is not sent away"


def test_an_order_for_an_epoch_that_has_passed_is_refused_and_names_its_run(train, tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "home"))
    training = train(RunSpec(epochs=5000))
    while not any(isinstance(event, EpochDone) and event.epoch == 2 for event in training.events):
        time.sleep(0.01)
    with pytest.raises(OrderError, match=f"{training.runs[0]} is already in epoch"):
        remote.tell("last", "epochs", "1", after_epoch=False)
    assert not any(isinstance(event, EpochsChanged) for event in training.events)


def test_a_paused_run_is_in_the_epoch_in_which_it_was_paused(train, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "home"))
    training = train(RunSpec(epochs=5000))
    while not any(isinstance(event, EpochDone) and event.epoch == 2 for event in training.events):
        time.sleep(0.01)
    assert remote.tell("last", "pause", None, after_epoch=False) == 0
    epoch = int(capsys.readouterr().out.rpartition("paused in epoch ")[2].rstrip(".\n"))
    assert remote.tell("last", "rate", "0.004", after_epoch=False) == 0
    assert f"learning rate 0.004 from epoch {epoch + 1} on" in capsys.readouterr().out
    with pytest.raises(OrderError, match=f"already in epoch {epoch:,}"):
        remote.tell("last", "epochs", str(epoch - 1), after_epoch=False)


@pytest.mark.parametrize("damage", [b"garbage\n", b"[" * 100_000 + b"\n", b"\xff\n", b"7\n"])
def test_a_process_that_speaks_nonsense_after_its_greeting_gives_one_sentence(tmp_path, damage):
    hello = {"type": "hello", "protocol": PROTOCOL, "version": "0", "session": SESSION, "pid": 1, "runs": ["run-1"]}
    with listening(tmp_path / "home", line(hello) + damage):
        (watch,) = watches(tmp_path / "home")
        with closing(watch), pytest.raises(RunError, match="sent unreadable data"):
            list(watch.records())


@pytest.mark.parametrize("runs", [5, "run-1", [5], {"run-1": 1}])
def test_a_process_whose_greeting_is_damaged_is_left_out(tmp_path, runs):
    hello = {"type": "hello", "protocol": PROTOCOL, "version": "0", "session": SESSION, "pid": 1, "runs": runs}
    with listening(tmp_path / "home", line(hello)):
        assert list(watches(tmp_path / "home")) == []


@contextmanager
def listening(home, said):
    """Say something to the first who connects."""

    def speak():
        connection, _ = listener.accept()
        connection.sendall(said)
        connection.close()

    with Store.open(home) as store:
        # Its lock tells that the session is alive.
        store.add_waiting(enqueue([RunSpec()]), SESSION)
        listener = listen(home, SESSION)
        listener.setblocking(True)
        thread = threading.Thread(target=speak)
        thread.start()
        yield
        thread.join()
        listener.close()
