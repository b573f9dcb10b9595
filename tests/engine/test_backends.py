"""Which way is taken, and what is said where the compiled one cannot be had."""

import builtins
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Notice, Preparing, RunDone, RunStarted, Status, SweepDone
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import backends
from mnist_tui.engine.backends import COMPILED_UP_TO, Compilation, choose_backend
from mnist_tui.engine.device import choose_threads
from mnist_tui.engine.session import run_sweep
from mnist_tui.errors import UsageError

SPEC = RunSpec(epochs=1, dataset="digits", device="cpu")


@pytest.fixture(autouse=True)
def anew():
    """Let every test find the compiled loops on its own."""
    backends.compilation.cache_clear()
    yield
    backends.compilation.cache_clear()


def train(*specs, control=None):
    return list(run_sweep(enqueue(specs), control or RunControl()))


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_our_network_on_the_cpu_is_compiled_and_very_wide_ones_and_other_devices_are_not():
    assert choose_backend("auto", torch.device("cpu"), 2) == "compiled"
    assert choose_backend("auto", torch.device("cpu"), COMPILED_UP_TO + 1) == "torch"
    assert choose_backend("auto", torch.device("cuda"), 2) == "torch"
    assert choose_backend("torch", torch.device("cpu"), 2) == "torch"
    assert choose_backend("compiled", torch.device("cpu"), 512) == "compiled"
    with pytest.raises(UsageError, match="on the CPU, not on cuda"):
        choose_backend("compiled", torch.device("cuda"), 2)


def test_more_threads_are_taken_only_where_they_gain_and_cores_are_free():
    assert choose_threads(None, 2, free=8) == 1
    assert choose_threads(None, 32, free=1) == 1
    assert choose_threads(None, 32, free=2) == 2
    assert choose_threads(None, 32, free=64) == 4
    assert choose_threads(7, 2, free=1) == 7


@pytest.mark.parametrize("backend", ["compiled", "torch"])
def test_a_run_says_which_way_it_was_trained(backend):
    (start,) = of(train(replace(SPEC, backend=backend)), RunStarted)
    assert start.machine.backend == backend
    assert ("numba" in start.machine.versions) == (backend == "compiled")


def test_both_ways_learn_the_same():
    spec = replace(SPEC, epochs=5, features=8, batch_size=8, learning_rate=0.003)
    runs = [of(train(replace(spec, backend=backend)), RunDone)[0] for backend in ("compiled", "torch")]
    accuracies = [run.last_epoch_accuracy for run in runs]
    assert accuracies[0] == pytest.approx(accuracies[1], abs=0.08)
    assert accuracies[0] > 0.4


def without_numba(monkeypatch):
    real = builtins.__import__

    def refuse(name, *arguments, **options):
        if name.partition(".")[0] in ("numba", "llvmlite"):
            raise ImportError("No module named 'numba'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_without_numba_training_goes_on_with_pytorch_and_says_so_once(monkeypatch):
    without_numba(monkeypatch)
    events = train(SPEC, replace(SPEC, seed=1))
    (notice,) = of(events, Notice)
    assert "No module named 'numba'" in notice.message
    assert "PyTorch alone" in notice.message
    assert notice.exit_code == 0
    assert [start.machine.backend for start in of(events, RunStarted)] == ["torch", "torch"]
    assert all(done.status is Status.FINISHED for done in of(events, RunDone))


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same_and_said_once(monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backends, "load_kernels", full)
    events = train(SPEC, replace(SPEC, seed=1))
    (notice,) = of(events, Notice)
    assert "No space left on device" in notice.message
    assert "anew" in notice.message
    assert [start.machine.backend for start in of(events, RunStarted)] == ["compiled", "compiled"]


def sleeper(monkeypatch, seconds):
    """Compile, as it seems, for a while, in a process that was not begun yet."""
    monkeypatch.delitem(sys.modules, "mnist_tui.engine.kernels", raising=False)
    monkeypatch.setattr(backends, "_WARM_UP", f"import time; time.sleep({seconds})")
    monkeypatch.setattr(backends, "_READY", "another")
    monkeypatch.setattr(backends, "load_kernels", lambda: None)


def test_compiling_is_told_while_it_lasts(monkeypatch):
    sleeper(monkeypatch, 0.5)
    found = Compilation()
    found.begin()
    events = list(found.wait())
    assert {event.message for event in of(events, Preparing)} == {"compiling, once on this machine"}
    assert len(events) >= 2
    assert list(found.wait()) == []


def test_a_stop_while_compiling_ends_it_at_once_and_the_run_does_not_begin(monkeypatch):
    sleeper(monkeypatch, 60)
    control = RunControl()
    events = []
    for event in run_sweep(enqueue((SPEC,)), control):
        events.append(event)
        if isinstance(event, Preparing) and "compiling" in event.message:
            control.stop()
    assert not of(events, RunStarted)
    assert isinstance(events[-1], SweepDone)
    assert backends.compilation()._child is None


def test_the_loops_are_kept_between_processes_and_damage_only_costs_time(tmp_path):
    backends.load_kernels()
    folder = tmp_path / "cache" / backends.kernel_folder().name
    shutil.copytree(backends.kernel_folder(), folder)
    places = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    def load():
        code = "from mnist_tui.engine.backends import load_kernels; load_kernels()"
        subprocess.run([sys.executable, "-c", code], env=places, check=True)

    def contents():
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.nb*")}

    before = contents()
    load()
    kept = contents()
    assert len(kept) >= 4
    assert kept == before
    for path in folder.rglob("*.nbi"):
        path.write_bytes(b"damaged")
    load()
    mended = contents()
    assert mended.keys() == kept.keys()
    assert b"damaged" not in mended.values()
    assert folder.stat().st_mode & 0o077 == 0
