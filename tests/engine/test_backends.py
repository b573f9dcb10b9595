"""Which way is taken, and what is said where the compiled one cannot be had."""

import builtins
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import psutil
import pytest
import torch

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Notice, Preparing, RunDone, RunStarted, SweepDone
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.engine import compiling, kernel_cache
from mnist_tui.engine.backends import COMPILED_UP_TO, choose_backend
from mnist_tui.engine.compiling import Compilation
from mnist_tui.engine.device import choose_threads
from mnist_tui.engine.session import run_sweep
from mnist_tui.errors import UsageError
from tests.patience import PATIENCE_S

SPEC = RunSpec(epochs=1, dataset="digits", device="cpu")


@pytest.fixture(autouse=True)
def anew():
    """Let every test find the compiled loops on its own."""
    compiling.compilation.cache_clear()
    yield
    compiling.compilation.cache_clear()


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
    assert "falling back to PyTorch" in notice.message
    assert notice.exit_code == 0
    assert [start.machine.backend for start in of(events, RunStarted)] == ["torch", "torch"]
    assert all(done.status is Status.FINISHED for done in of(events, RunDone))


def test_where_nothing_can_be_kept_it_is_compiled_all_the_same_and_said_once(monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiling, "load_kernels", full)
    events = train(SPEC, replace(SPEC, seed=1))
    (notice,) = of(events, Notice)
    assert "No space left on device" in notice.message
    assert "recompiled at every start" in notice.message
    assert [start.machine.backend for start in of(events, RunStarted)] == ["compiled", "compiled"]


def sleeper(monkeypatch, seconds):
    """Compile, as it seems, for a while, in a process that was not begun yet."""
    monkeypatch.delitem(sys.modules, "mnist_tui.engine.kernels", raising=False)
    monkeypatch.setattr(compiling, "_WARM_UP", f"import time; time.sleep({seconds})")
    monkeypatch.setattr(kernel_cache, "is_sealed", lambda folder: False)
    monkeypatch.setattr(compiling, "load_kernels", lambda: None)


def test_compiling_is_told_while_it_lasts(monkeypatch):
    sleeper(monkeypatch, 0.5)
    found = Compilation()
    found.begin()
    events = list(found.wait())
    assert {event.message for event in of(events, Preparing)} == {"compiling, once on this machine"}
    assert len(events) >= 2
    assert list(found.wait()) == []


def test_a_fresh_machine_compiles_in_a_process_that_says_how_far_it_is_and_then_trains_with_it(tmp_path):
    cache = tmp_path / "cache" / compiling.kernel_folder().name
    script = "c = compilation(); c.begin(); [print(e.message, e.fraction) for e in c.wait()]; print(c.usable)"
    done = load(cache, script)
    *said, usable = done.stdout.splitlines()
    assert (usable, done.stderr) == ("True", "")
    assert all(line.startswith("compiling, once on this machine ") for line in said)
    shares = [float(line.split()[-1]) for line in said]
    assert shares == sorted(shares)
    assert len(set(shares)) > 5
    assert shares[-1] <= 1
    assert kernel_cache.is_sealed(cache)


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
    assert compiling.compilation()._child is None


@pytest.fixture
def cache(tmp_path):
    """Return a copy of the compiled loops."""
    compiling.load_kernels()
    folder = tmp_path / "cache" / compiling.kernel_folder().name
    shutil.copytree(compiling.kernel_folder(), folder)
    folder.parent.chmod(0o700)
    return folder


def load(cache, code="load_kernels()"):
    """Load, or compile, in a new process; return it when it has ended."""
    places = {"NUMBA_CACHE_DIR": str(cache.parent), "HOME": str(cache.parent.parent), "PATH": os.environ["PATH"]}
    # What is compiled is not used, so that it need not be fast.
    places["NUMBA_OPT"] = "1"
    script = f"import os; from mnist_tui.engine.compiling import compilation, load_kernels; {code}"
    return subprocess.run([sys.executable, "-c", script], env=places, capture_output=True, text=True, check=False)


def contents(cache):
    return {path.relative_to(cache): path.read_bytes() for path in cache.rglob("*.nb*")}


def test_the_loops_are_cached_between_processes(cache):
    before = contents(cache)
    assert load(cache).returncode == 0
    assert before
    assert contents(cache) == before


def test_a_damaged_cache_is_compiled_again_and_nothing_of_it_is_loaded(cache):
    """One bit in each object would end LLVM, and with it the process; a pickle could hold any code."""
    before = contents(cache)
    for path in cache.rglob("*.nbc"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    done = load(cache)
    assert done.returncode == 0, done.stderr
    assert contents(cache).keys() == before.keys()
    assert kernel_cache.is_sealed(cache)
    assert cache.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["index", "object", "one more", "one less", "seal", "no seal"])
def test_what_is_not_byte_for_byte_what_was_compiled_is_not_sealed(cache, damage):
    assert kernel_cache.is_sealed(cache)
    index, compiled = next(cache.rglob("*.nbi")), next(cache.rglob("*.nbc"))
    match damage:
        case "index":
            index.write_bytes(b"damaged")
        case "object":
            compiled.write_bytes(compiled.read_bytes() + b"\0")
        case "one more":
            index.with_name("more.nbi").write_bytes(b"")
        case "one less":
            compiled.unlink()
        case "seal":
            (cache / kernel_cache.SEAL).write_bytes(b"\xff")
        case "no seal":
            (cache / kernel_cache.SEAL).unlink()
    assert not kernel_cache.is_sealed(cache)


def test_what_others_could_have_written_is_thrown_away(cache):
    cache.chmod(0o777)
    kernel_cache.prepare(cache, cache.parent)
    assert list(cache.iterdir()) == []
    assert cache.stat().st_mode & 0o077 == 0


def test_a_root_that_others_can_write_is_refused_and_left_as_it_is(tmp_path):
    root = tmp_path / "shared"
    root.mkdir()
    root.chmod(0o2775)
    with pytest.raises(PermissionError, match=r"others can write to .*shared"):
        kernel_cache.prepare(root / "cache", root)
    assert root.stat().st_mode & 0o7777 == 0o2775


def test_a_root_may_be_a_link_of_ones_own(tmp_path):
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    kernel_cache.prepare(tmp_path / "link" / "cache", tmp_path / "link")
    assert (tmp_path / "target" / "cache").is_dir()


def test_folders_are_private_under_any_umask(tmp_path):
    old = os.umask(0)
    try:
        kernel_cache.prepare(tmp_path / "root" / "a" / "b", tmp_path / "root")
    finally:
        os.umask(old)
    for folder in ("root", "root/a", "root/a/b"):
        assert (tmp_path / folder).stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("part", ["cache", "root"])
def test_a_folder_of_another_user_is_refused(tmp_path, part):
    folder = tmp_path / "above" / "root" / "cache"
    folder.mkdir(parents=True)
    given = next(path for path in (folder, *folder.parents) if path.name == part)
    os.chown(given, 65534, 65534)
    with pytest.raises(PermissionError):
        kernel_cache.prepare(folder, folder.parent)


def test_a_link_is_refused_and_a_root_like_tmp_is_not(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(PermissionError):
        kernel_cache.prepare(tmp_path / "link", tmp_path)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o1777)
    kernel_cache.prepare(tmp_path / "open" / "cache", tmp_path / "open")
    assert (tmp_path / "open" / "cache").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o777, "it is not ours alone"


def test_a_second_process_waits_for_the_first_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    kernel_cache.prepare(compiling.kernel_folder(), tmp_path / "cache")
    sleeper(monkeypatch, 0.5)
    # Whichever of the two was started first.
    found = Compilation()
    found.begin()
    with kernel_cache.only_one(compiling.kernel_folder()):
        events = list(found.wait())
    assert {event.message for event in of(events, Preparing)} == {"waiting for another process to compile"}


@pytest.mark.parametrize(("number", "usable"), [(signal.SIGINT, True), (signal.SIGKILL, False)])
def test_a_compiler_that_was_ended_by_a_key_did_not_crash(monkeypatch, number, usable):
    sleeper(monkeypatch, 0)
    monkeypatch.setattr(compiling, "_WARM_UP", f"import os, signal; os.kill(os.getpid(), {int(number)})")
    found = Compilation()
    found.begin()
    assert found._child is not None
    assert os.getpgid(found._child.pid) == found._child.pid, "Ctrl+C does not reach it"
    assert bool(of(list(found.wait()), Notice)) is not usable
    assert found.usable is usable


def test_the_compiler_ends_with_the_process_that_started_it(cache):
    (cache / kernel_cache.SEAL).unlink()
    script = "c = compilation(); c.begin(); print(c._child.pid, flush=True); os._exit(0)"
    pid = int(load(cache, script).stdout)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(PATIENCE_S)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_compiler_that_crashes_leaves_training_to_pytorch(monkeypatch):
    sleeper(monkeypatch, 0)
    monkeypatch.setattr(compiling, "_WARM_UP", "import os; os.abort()")
    found = Compilation()
    found.begin()
    (notice,) = of(list(found.wait()), Notice)
    assert "crashed" in notice.message
    assert not found.usable
