"""Compiles the training loops once per processor and version, in a separate process.

Neither the screen nor the import of PyTorch nor the reading of data waits for it. PyTorch is not imported here: it
would only delay the compiling process.
"""

from __future__ import annotations

import atexit
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final, cast

import platformdirs

from mnist_tui.core.events import Event, Notice, Preparing
from mnist_tui.engine import kernel_cache
from mnist_tui.environment import PYTHON

_LOOK_S: Final = 0.2
_KERNELS: Final = "mnist_tui.engine.kernels"
_WARM_UP: Final = "from mnist_tui.engine.compiling import compile_for_parent; compile_for_parent()"
_STEPS: Final = 24
"""Progress steps of the compiling process: its start, and each compiled function. The last function, which contains the
others, counts as five."""
_CRASHES: Final = tuple(
    -number for number in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGKILL, signal.SIGSEGV)
)
"""Exit codes after an out-of-memory kill or a fault in LLVM, which would crash this process too."""


def kernel_folder() -> Path:
    """Return the cache folder of the compiled loops for this processor and these versions; respects NUMBA_CACHE_DIR."""
    return _cache_root() / _key()


def _cache_root() -> Path:
    named = os.environ.get("NUMBA_CACHE_DIR")
    return Path(named) if named else platformdirs.user_cache_path("mnist-tui") / "compiled"


def _key() -> str:
    """Return a cache key that changes whenever the machine code could change."""
    import llvmlite.binding

    here = Path(__file__).parent
    # Numba indexes its cache by the path of the source file.
    parts = [os.fsencode(here), *(here.joinpath(name).read_bytes() for name in ("kernels.py", "lanes.py"))]
    parts += [
        llvmlite.binding.get_host_cpu_name().encode(),
        llvmlite.binding.get_host_cpu_features().flatten().encode(),
    ]
    parts += [f"{sys.version} {version('numba')} {version('llvmlite')} {version('numpy')}".encode()]
    return blake2b(b"\0".join(parts), digest_size=8).hexdigest()


def load_kernels(begins: Callable[[], object] = lambda: None) -> None:
    """Load the compiled loops, or compile and cache them.

    Args:
        begins: Called when this process, not another one, starts compiling.

    Raises:
        OSError: They are compiled and usable, but could not be cached.
        Exception: They are unavailable.
    """
    folder = kernel_folder()
    try:
        kernel_cache.prepare(folder, _cache_root())
        if kernel_cache.is_sealed(folder):
            _load_from(folder)
            return
        with kernel_cache.only_one(folder):
            if kernel_cache.is_sealed(folder):
                _load_from(folder)
                return
            kernel_cache.clear(folder)
            begins()
            _load_from(folder)
            kernel_cache.seal(folder)
    except OSError:
        _load_for_this_process_alone()
        raise


def _load_for_this_process_alone() -> None:
    try:
        own = Path(tempfile.mkdtemp(prefix="mnist-tui-"))
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        # Its functions are bound to the cache folder that was set when it was imported.
        sys.modules.pop(_KERNELS, None)
        _load_from(own)
    except OSError as error:
        raise RuntimeError(f"no folder to compile in: {error.strerror or error}") from error


def _load_from(folder: Path) -> None:
    import numba

    # Numba reads this when a function is declared.
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    import_module(_KERNELS).warm_up()


def compile_for_parent() -> None:
    """Fill the cache; write one byte to stdout when that begins and one for each compiled function.

    The process exits when its parent does, because that closes the parent's ends of the pipes.
    """
    from numba.core import event

    class Teller(event.Listener):
        def on_start(self, _event: Any) -> None:
            pass

        def on_end(self, _event: Any) -> None:
            os.write(1, b".")

    # Not through sys.stdin: the waiting thread would hold its lock while Python shuts down.
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
    event.register("numba:compile", Teller())  # type: ignore[no-untyped-call]
    load_kernels(lambda: os.write(1, b"+"))


class Compilation:
    """Compiles the loops in a child process; `compilation` returns the instance of this process.

    Attributes:
        usable: False once they are known to be unavailable.
    """

    def __init__(self) -> None:
        self.usable = True
        self._is_over = False
        self._folder = Path()
        self._child: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start compiling unless a valid cache exists; return immediately."""
        if self._is_over or self._child is not None or _KERNELS in sys.modules:
            return
        with suppress(ImportError, OSError):
            self._folder = kernel_folder()
            kernel_cache.prepare(self._folder, _cache_root())
            if not kernel_cache.is_sealed(self._folder):
                pipe, command = subprocess.PIPE, [*PYTHON, "-c", _WARM_UP]
                # In its own process group, so that Ctrl+C does not reach it; it exits with this process.
                self._child = subprocess.Popen(
                    command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, process_group=0
                )

    def wait(self) -> Iterator[Event]:
        """Report progress until the loops are loaded; ends with a notice if something went wrong.

        Closing the iterator cancels; the next `begin` starts again.
        """
        if self._is_over:
            return
        crashed = False
        try:
            if self._child is None:
                yield Preparing(message="loading the compiled step")
            else:
                yield from self._watch(self._child)
                crashed = self._child.wait() in _CRASHES
        finally:
            if self._child is not None:
                self._child.kill()
                self._child.communicate()
                self._child = None
        self._is_over = True
        if crashed:
            self.usable = False
            note = "The compiler crashed; falling back to PyTorch, which is slower."
            yield Notice(level="warning", message=note)
            return
        try:
            load_kernels()
        except OSError as error:
            reason = error.strerror or error
            note = f"The compiled step could not be cached ({reason}); it will be recompiled at every start."
            yield Notice(level="warning", message=note)
        except Exception as error:  # noqa: BLE001 - whatever keeps Numba from working, PyTorch does not need it
            self.usable = False
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            note = f"The compiled step is unavailable ({reason}); falling back to PyTorch, which is slower."
            yield Notice(level="warning", message=note)

    def _watch(self, child: subprocess.Popen[bytes]) -> Iterator[Event]:
        """Report the progress of the compiling process until it ends."""
        told, done = cast("IO[bytes]", child.stdout), 0
        while True:
            if not done and kernel_cache.is_being_filled(self._folder):
                yield Preparing(message="waiting for another process to compile")
            else:
                yield Preparing(message="compiling, once on this machine", fraction=min(done / _STEPS, 1.0))
            if select.select([told], [], [], _LOOK_S)[0]:
                new = len(os.read(told.fileno(), _STEPS))
                if not new:
                    return
                done += new


@cache
def compilation() -> Compilation:
    """Return the `Compilation` of this process."""
    return Compilation()
