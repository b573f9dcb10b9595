"""The compiled loops on their way: compiled once for a processor and a version, in a separate process.

Neither the screen nor the import of PyTorch nor the reading of data waits for it. PyTorch is not imported here: the
process that compiles would only wait for it.
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

_LOOK_S: Final = 0.2
_KERNELS: Final = "mnist_tui.engine.kernels"
_WARM_UP: Final = "from mnist_tui.engine.compiling import compile_for_parent; compile_for_parent()"
_STEPS: Final = 24
"""What the process that compiles tells: that it begins, and each function that is compiled. The last one, into which
the others go, counts as five."""
_CRASHES: Final = tuple(
    -number for number in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGKILL, signal.SIGSEGV)
)
"""Out of memory, or a fault in LLVM, which would end this process too."""


def kernel_folder() -> Path:
    """Return where the compiled loops are kept, for this processor and these versions; NUMBA_CACHE_DIR may name it."""
    return _cache_root() / _key()


def _cache_root() -> Path:
    named = os.environ.get("NUMBA_CACHE_DIR")
    return Path(named) if named else platformdirs.user_cache_path("mnist-tui") / "compiled"


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


def load_kernels(begins: Callable[[], object] = lambda: None) -> None:
    """Load the compiled loops, or compile and cache them.

    Args:
        begins: Called when this process, and no other one, begins to compile.

    Raises:
        OSError: They are compiled and can be used, but could not be cached.
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
        # Its functions are bound to the folder that was there when it was imported.
        sys.modules.pop(_KERNELS, None)
        _load_from(own)
    except OSError as error:
        raise RuntimeError(f"no folder to compile in: {error.strerror or error}") from error


def _load_from(folder: Path) -> None:
    import numba

    # Numba asks for it when a function is declared.
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    import_module(_KERNELS).warm_up()


def compile_for_parent() -> None:
    """Fill the cache, and write a byte when that begins and for each function that is compiled.

    It ends when the process that started it does: its ends of the pipes close then.
    """
    from numba.core import event

    class Teller(event.Listener):
        def on_start(self, _event: Any) -> None:
            pass

        def on_end(self, _event: Any) -> None:
            os.write(1, b".")

    # Not by way of sys.stdin, whose lock a thread that waits for it would hold while Python ends.
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
    event.register("numba:compile", Teller())  # type: ignore[no-untyped-call]
    load_kernels(lambda: os.write(1, b"+"))


class Compilation:
    """The compiled loops on their way; `compilation` gives the one of this process.

    Attributes:
        usable: False once they are known to be unavailable.
    """

    def __init__(self) -> None:
        self.usable = True
        self._is_over = False
        self._folder = Path()
        self._child: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start compiling, if nothing sound is cached; does not wait for it."""
        if self._is_over or self._child is not None or _KERNELS in sys.modules:
            return
        with suppress(ImportError, OSError):
            self._folder = kernel_folder()
            kernel_cache.prepare(self._folder, _cache_root())
            if not kernel_cache.is_sealed(self._folder):
                pipe, command = subprocess.PIPE, [sys.executable, "-c", _WARM_UP]
                # Ctrl+C is not meant for it; it ends with this process.
                self._child = subprocess.Popen(
                    command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, process_group=0
                )

    def wait(self) -> Iterator[Event]:
        """Say what is done until the loops are there; the last event says what a person should know, if anything.

        Closing the iterator gives up; the next `begin` starts again.
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
        """Say how far the process is that compiles, until it ends."""
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
    """Return the compiled loops of this process."""
    return Compilation()
