"""The commands that show or copy the runs of other tools."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from mnist_tui.core.codec import dumps
from mnist_tui.core.numerals import count
from mnist_tui.core.spec import RunSpec
from mnist_tui.environment import PYTHON, absolute
from mnist_tui.errors import MnistTuiError, UsageError
from mnist_tui.signals import unwinding_on_sigterm
from mnist_tui.store.database import Store
from mnist_tui.store.home import home, new_log
from mnist_tui.streams import say

COMMAND: Final = "read-along"
"""The command of the process that reads while the app shows; only for `open_runs`."""
_PATIENCE_S: Final = 0.5
"""How long reading may take before that is said."""
READ: Final = "TensorBoard, W&B (offline), MLflow, trackio, and CSV files with a step or an epoch column"


def open_runs(names: Sequence[str]) -> int:
    """Show the runs in files and folders in the app, and follow them as they grow."""
    from mnist_tui.launch import launch
    from mnist_tui.runtime.backends import Backends

    with _reader(_existing(names)) as (folder, problems):
        _tell(problems)
        return launch(Backends(_train_nothing, opened=folder), RunSpec(), home())


def import_runs(names: Sequence[str]) -> int:
    """Copy the runs in files and folders into the home; those that were copied before are brought up to date."""
    paths = _existing(names)
    packed = [path for path in paths if path.suffix.lower() == ".zip" and path.is_file()]
    if packed:
        _unpack(packed)
    if len(packed) < len(paths):
        _import([path for path in paths if path not in packed])
    return 0


def _unpack(paths: Sequence[Path]) -> None:
    """Copy the runs of archives into the home."""
    from mnist_tui.store.packing import put, unpack

    with Store.open(home()) as store:
        for path in paths:
            # The whole archive first, a run at a time: a damaged one changes nothing.
            for _ in unpack(path):
                pass
            done = [put(store, packed) for packed in unpack(path)]
            left = f"; {done.count(False)} were here already" if False in done else ""
            say(f"Imported {count(done.count(True), 'run')} from {path.name}{left}.")


def _import(paths: Sequence[Path]) -> None:
    with Store.open(home()) as store:
        known = {run.run for run in (*store.runs(), *store.runs(deleted=True))}
        runs = _copy(store, paths)
        # Whoever imports a run again wants to see it.
        deleted = [run.run for run in store.runs(deleted=True) if run.run in runs]
        store.relabel(deleted, lambda labels: replace(labels, deleted_at=""))
    updated = len(known.intersection(runs))
    parts = [f"{len(runs) - updated} new"] if updated < len(runs) else []
    parts += [f"{updated} brought up to date"] if updated else []
    say(f"Imported {count(len(runs), 'run')}: {', '.join(parts)}.")


def shown(names: Sequence[str] | None) -> AbstractContextManager[Path]:
    """Return the home of the runs to show: the user's, or a temporary one with the runs in files and folders."""
    return _copied(names) if names else nullcontext(home())


@contextmanager
def _copied(names: Sequence[str]) -> Iterator[Path]:
    with unwinding_on_sigterm(), TemporaryDirectory(prefix="mnist-tui-open-") as folder:
        with Store.open(Path(folder), is_durable=False) as store:
            _copy(store, _existing(names))
        yield Path(folder)


def _copy(store: Store, paths: Sequence[Path]) -> list[str]:
    """Copy the runs in files and folders as far as they are; return their ids, and say what could not be read.

    Raises:
        UsageError: There are none.
    """
    from mnist_tui.runtime.opening import Opened

    opened = Opened(store, paths, follows=False)
    for _ in opened.look():
        pass
    _tell(opened.problems)
    if not opened.runs:
        raise _nothing(paths)
    return [copy.run for copy in opened.runs]


def read_along() -> int:
    """Copy what `open_runs` names into a temporary home, and follow it until standard input ends."""
    from mnist_tui.runtime.opening import follow

    paths = [Path(path) for path in json.loads(sys.stdin.readline())["paths"]]
    ends = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ends.set()
        # It may be in the middle of a large file.
        os.kill(os.getpid(), signal.SIGTERM)

    def tell(runs: int, problems: Sequence[str]) -> None:
        print(dumps({"home": folder, "runs": runs, "problems": list(problems)}), flush=True)  # noqa: T201 - the answer

    threading.Thread(target=wait, daemon=True).start()
    with unwinding_on_sigterm(), TemporaryDirectory(prefix="mnist-tui-open-") as folder:
        follow(Path(folder), paths, tell, ends)
    return 0


@contextmanager
def _reader(paths: Sequence[Path]) -> Iterator[tuple[Path, list[str]]]:
    """Start a process that reads along; yield its home, and what it could not read so far.

    A process of its own, so that the app answers keys while large files are read.

    Raises:
        UsageError: There are no runs.
        MnistTuiError: The process ended.
    """
    log = new_log(home(), "open", str(os.getpid()))
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*PYTHON, "-m", "mnist_tui", COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
            text=True,
        )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both were asked for")
    folder = ""
    try:
        process.stdin.write(dumps({"paths": [str(path) for path in paths]}) + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], _PATIENCE_S)[0]:
            say(f"reading {', '.join(map(str, paths))}")
        answer = process.stdout.readline()
        if not answer:
            raise MnistTuiError("the process that reads the files has exited", f"Its log is {log}")
        told: dict[str, Any] = json.loads(answer)
        folder = told["home"]
        if not told["runs"]:
            _tell(told["problems"])
            raise _nothing(paths)
        yield Path(folder), told["problems"]
    finally:
        with suppress(OSError):
            process.stdin.close()
        process.stdout.close()
        process.wait()
        if folder:
            # If it was killed, it could not do that itself.
            shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            if not log.stat().st_size:
                log.unlink()


def _existing(names: Sequence[str]) -> list[Path]:
    """Return paths that exist.

    Raises:
        UsageError: One does not.
    """
    paths = [absolute(name) for name in names]
    for path in paths:
        if not path.exists():
            raise UsageError(f"there is no file or folder {path}", "Name what a tool wrote, such as runs/ or wandb/")
    return paths


def _nothing(paths: Sequence[Path]) -> UsageError:
    return UsageError(f"no runs were found in {', '.join(map(str, paths))}", f"Supported formats: {READ}")


def _tell(problems: Iterable[str]) -> None:
    for problem in problems:
        say(f"mnist-tui: {problem}.")


def _train_nothing(*_: object, **__: object) -> Iterator[Any]:
    """Stand in for the engine."""
    raise MnistTuiError("nothing is trained where runs of other tools are shown")
