"""Which way a run is trained, and what the compiled one needs before it can begin.

The compiled loops are kept on the disk: they are compiled once for a processor and a version, by a process of its own,
so that neither the screen nor the reading of data waits for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Final

import platformdirs
import torch

from mnist_tui.core.events import Event, Notice, Preparing
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine.graph import GraphStepper
from mnist_tui.engine.model import BottleneckCNN
from mnist_tui.engine.step import Stepper, TorchStepper
from mnist_tui.errors import UsageError

COMPILED_UP_TO: Final = 256
"""Up to this width the compiled step was measured to be the faster one."""
_READY: Final = "ready"
"""A file that says that everything was compiled and kept."""
_LOOK_S: Final = 0.2
_WARM_UP: Final = "from mnist_tui.engine.backends import load_kernels; load_kernels()"


def choose_backend(wish: str, device: torch.device, features: int) -> str:
    """Return `compiled` or `torch` for the wish `auto`, `compiled` or `torch`.

    Raises:
        UsageError: The compiled step was asked for where it cannot be.
    """
    if wish == "compiled" and device.type != "cpu":
        raise UsageError(f"the compiled step runs on the CPU, not on {device.type}", "Choose --device cpu")
    if wish != "auto":
        return wish
    return "compiled" if device.type == "cpu" and features <= COMPILED_UP_TO else "torch"


def make_stepper(
    backend: str, model: BottleneckCNN, spec: RunSpec, device: torch.device, side: int, threads: int
) -> Stepper:
    """Return what trains the network, with the settings of the run; the compiled loops are loaded for it."""
    if backend == "torch":
        return GraphStepper(model, spec, device) if device.type == "cuda" else TorchStepper(model, spec, device)
    from mnist_tui.engine.compiled import CompiledStepper

    return CompiledStepper(model, spec, side, threads)


def kernel_folder() -> Path:
    """Return where the compiled loops are kept, for this processor and these versions; NUMBA_CACHE_DIR may name it."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    root = Path(named) if named else platformdirs.user_cache_path("mnist-tui") / "compiled"
    return root / _key()


def _key() -> str:
    """Return what changes whenever other machine code would come out."""
    import llvmlite.binding

    here = Path(__file__).parent
    # Numba keeps what it compiles by the place of its source.
    parts = [os.fsencode(here), *(here.joinpath(name).read_bytes() for name in ("kernels.py", "lanes.py"))]
    parts += [
        llvmlite.binding.get_host_cpu_name().encode(),
        llvmlite.binding.get_host_cpu_features().flatten().encode(),
    ]
    parts += [f"{sys.version} {version('numba')} {version('llvmlite')} {version('numpy')}".encode()]
    return blake2b(b"\0".join(parts), digest_size=8).hexdigest()


def load_kernels() -> None:
    """Load the compiled loops, or compile and keep them.

    Raises:
        OSError: They are compiled and can be used, but could not be kept.
        Exception: They cannot be had.
    """
    import numba

    folder = kernel_folder()
    # Numba asks for it when a function is declared.
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    from mnist_tui.engine import kernels

    was_kept = (folder / _READY).exists()
    with suppress(OSError):
        _make_folder(folder)
    try:
        kernels.warm_up()
    except OSError:
        raise
    except Exception:
        if not was_kept:
            raise
        # What lies there is damaged.
        shutil.rmtree(folder)
        _make_folder(folder)
        kernels.warm_up()
    (folder / _READY).touch()


def _make_folder(folder: Path) -> None:
    """Make the folder; nobody else may put code into it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def describe_backend() -> str:
    """Return which way runs are trained on this machine's CPU, and why, in words."""
    try:
        is_kept = (kernel_folder() / _READY).exists()
    except ImportError as error:
        return f"torch: the compiled step cannot be had ({error})"
    kept = f"kept in {kernel_folder().parent}" if is_kept else "compiled with the first run"
    return f"compiled up to {COMPILED_UP_TO} features ({kept}), torch above"


class Compilation:
    """The compiled loops on their way; `compilation` gives the one of this process.

    Attributes:
        usable: False once it is known that they cannot be had.
    """

    def __init__(self) -> None:
        self.usable = True
        self._is_over = False
        self._child: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start compiling where that is to be done, and come back at once."""
        if self._is_over or self._child is not None or "mnist_tui.engine.kernels" in sys.modules:
            return
        with suppress(ImportError, OSError):
            folder = kernel_folder()
            if not (folder / _READY).exists():
                _make_folder(folder)
                no = subprocess.DEVNULL
                self._child = subprocess.Popen([sys.executable, "-c", _WARM_UP], stdin=no, stdout=no, stderr=no)

    def wait(self) -> Iterator[Event]:
        """Say what is done until the loops are there; the last event says what a person should know, if anything.

        Closing the iterator gives up; the next `begin` starts anew.
        """
        if self._is_over:
            return
        message = "loading the compiled step" if self._child is None else "compiling, once on this machine"
        try:
            yield Preparing(message=message)
            while self._child is not None and self._child.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    self._child.wait(_LOOK_S)
                yield Preparing(message=message)
        finally:
            if self._child is not None:
                self._child.kill()
                self._child.wait()
                self._child = None
        self._is_over = True
        try:
            load_kernels()
        except OSError as error:
            reason = error.strerror or error
            note = f"The compiled step cannot be kept on the disk ({reason}): every start will compile it anew."
            yield Notice(level="warning", message=note)
        except Exception as error:  # noqa: BLE001 - whatever keeps Numba from working, PyTorch does not need it
            self.usable = False
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            note = f"The compiled step cannot be had ({reason}): training goes on with PyTorch alone, more slowly."
            yield Notice(level="warning", message=note)


@cache
def compilation() -> Compilation:
    """Return the compiled loops of this process."""
    return Compilation()
