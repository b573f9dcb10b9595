"""Runs on a real Ray of this machine's own are those of this machine's processes, whatever becomes of a worker."""

import socket
from contextlib import closing, suppress

import psutil
import pytest

from mnist_tui.core.events import EpochDone, Event, Notice, Preparing, RunContinued, RunDone
from mnist_tui.core.orders import Order
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.errors import ClusterError, UsageError
from mnist_tui.store.database import Store
from mnist_tui.workers.cluster import Cluster, check_place
from tests.patience import PATIENCE_S
from tests.workers.test_pool import by_spec, kept, of, scores, train

SLOW_S = 0.005


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def cluster(home, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    # Where Ray keeps a token.
    monkeypatch.setenv("HOME", str(tmp_path))
    # However many cores there are.
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", '{"CPU": 2}')
    with closing(Cluster("ray", home)) as cluster:
        try:
            told = list(cluster.opening(lambda: False))
        except ClusterError as error:
            pytest.skip(f"Ray does not start on this machine: {error}")
        assert told == [Preparing(message="starting Ray")]
        yield cluster


def processes(cluster):
    """Return the helper and what it has started, each with its title."""
    helper = psutil.Process(cluster._helper.pid)
    found = []
    for process in (helper, *helper.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            found.append((process, " ".join(process.cmdline())))
    return found


def kill_a_worker(cluster):
    next(process for process, title in processes(cluster) if "ray::Remote" in title).kill()


def test_runs_on_ray(cluster, home, tmp_path, capfd):
    # One test, since it takes its time to start.
    loses_a_worker_and_nothing_else(cluster, home, tmp_path)
    obeys(cluster, home)
    ends_in_order_when_all_of_it_is_lost(cluster, home)
    # Ray has told of the killed worker, but not here.
    assert b"worker died" in cluster.log.read_bytes()
    assert capfd.readouterr() == ("", "")


def loses_a_worker_and_nothing_else(cluster, home, tmp_path):
    specs = [RunSpec(epochs=6, features=features) for features in (2, 4, 8)]
    killed: list[str] = []

    def kill(event, _):
        if isinstance(event, EpochDone) and event.epoch == 2 and not killed:
            killed.append(event.run)
            kill_a_worker(cluster)

    _, events = train(home, specs, delay_s=0.02, on_event=kill, cluster=cluster, jobs=0)
    assert cluster.room == 2
    assert len(of(events, RunContinued)) == 1
    assert "was killed; the run continues" in of(events, Notice)[0].message
    train(tmp_path / "alone", specs, jobs=1)
    alone = by_spec(tmp_path / "alone")
    for spec, run in by_spec(home).items():
        assert run.status is Status.FINISHED
        assert scores(run.history) == scores(alone[spec].history)


def obeys(cluster, home):
    said: list[bool] = []

    def ask(event, control):
        if isinstance(event, EpochDone) and event.epoch == 2:
            said.append(control.give(Order(kind="epochs", run=event.run, value=4.0)))

    runs, _ = train(home, [RunSpec(epochs=5000)], delay_s=SLOW_S, on_event=ask, cluster=cluster)
    assert said == [True]
    assert kept(home)[runs[0]].epochs_done == 4


def ends_in_order_when_all_of_it_is_lost(cluster, home):
    events: list[Event] = []
    started: list[psutil.Process] = []

    def lose(event, _):
        events.append(event)
        if isinstance(event, EpochDone) and event.epoch == 2 and not started:
            # What Ray keeps beside those that train may take minutes to its end.
            found = processes(cluster)
            started.extend(process for process, title in found if "ray::" not in title or "ray::Remote" in title)
            started[0].kill()

    specs = [RunSpec(epochs=5000, seed=seed) for seed in range(3)]
    with pytest.raises(ClusterError, match="Ray's own output is in"):
        train(home, specs, delay_s=SLOW_S, on_event=lose, cluster=cluster)
    ends = of(events, RunDone)
    # Failed where its worker was lost and the next one with all of Ray.
    assert ends
    assert {end.status for end in ends} <= {Status.INTERRUPTED, Status.FAILED}
    assert psutil.wait_procs(started, timeout=PATIENCE_S)[1] == []
    with Store.open(home) as later:
        assert len(later.adopt_waiting("20260101-120000-bbbbbb")) == 3 - len(ends)


def test_a_cluster_that_cannot_be_reached_is_told_in_a_sentence(home, monkeypatch, capfd):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "nowhere")
    with closing(Cluster("ray", home)) as cluster, pytest.raises(ClusterError, match=r"^Ray cannot be reached: .*ray-"):
        list(cluster.opening(lambda: False))
    assert capfd.readouterr() == ("", "")


def test_an_address_where_nobody_listens_is_told_at_once_and_no_ray_is_started(home):
    # A port that was free a moment ago.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with closing(Cluster(f"ray://127.0.0.1:{port}", home)) as cluster:
        with pytest.raises(ClusterError, match=rf"^no Ray cluster can be reached at ray://127.0.0.1:{port} "):
            list(cluster.opening(lambda: False))
        assert cluster._helper is None
    assert ClusterError.exit_code == 7


def test_the_address_in_the_environment_is_looked_at_too(home, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with closing(Cluster("ray", home)) as cluster:
        with pytest.raises(ClusterError, match=r"^no Ray cluster can be reached at 127\.0\.0\.1:1 "):
            list(cluster.opening(lambda: False))
        assert cluster._helper is None


@pytest.mark.parametrize("address", ["a..b:10001", f"{'a' * 64}:10001", "127.0.0.1:99999"])
def test_an_invalid_host_or_port_is_told_in_a_sentence(home, address):
    with closing(Cluster(f"ray://{address}", home)) as cluster, pytest.raises(ClusterError, match="can be reached"):
        list(cluster.opening(lambda: False))


@pytest.mark.parametrize("place", ["ray://", "ray://nowhere", "ray://127.0.0.1:notaport", "cluster", "ray://a b:1"])
def test_what_is_no_address_is_refused_and_the_form_named(place):
    with pytest.raises(UsageError, match=r"ray://HOST:PORT"):
        check_place(place)


@pytest.fixture
def silence(tmp_path, monkeypatch):
    """Let the helper be a program that says nothing."""
    (tmp_path / "says_nothing.py").write_text("import time; time.sleep(200)")
    monkeypatch.setattr("mnist_tui.workers.cluster.HELPER", "says_nothing")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("silence")
def test_a_cluster_that_never_answers_is_given_up(home, monkeypatch):
    monkeypatch.setattr("mnist_tui.workers.cluster.PATIENCE_S", 0.2)
    with closing(Cluster("ray", home)) as cluster, pytest.raises(ClusterError, match=r"not answered for 0\.2 seconds"):
        list(cluster.opening(lambda: False))


@pytest.mark.usefixtures("silence")
def test_a_cluster_that_is_not_wanted_any_more_is_not_waited_for(home):
    with closing(Cluster("ray", home)) as cluster:
        assert list(cluster.opening(lambda: True)) == [Preparing(message="starting Ray")]


def test_each_worker_gets_a_gpu_where_there_are_some():
    pytest.importorskip("ray")
    from mnist_tui.workers.helper import share

    assert share({"CPU": 8.0, "memory": 1e9}) == ({"num_cpus": 1}, 8)
    assert share({"CPU": 8.0, "GPU": 2.0}) == ({"num_cpus": 1, "num_gpus": 1}, 2)
    assert share({}) == ({"num_cpus": 1}, 1)


def test_without_ray_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setattr("mnist_tui.workers.cluster.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"mnist-tui\[ray\]"):
        check_place("ray")


@pytest.mark.parametrize("place", ["", "ray:/", "ray://", "slurm"])
def test_a_place_that_is_no_cluster_is_refused(place):
    with pytest.raises(UsageError, match="Use `ray`, or `ray://HOST:PORT`"):
        check_place(place)
