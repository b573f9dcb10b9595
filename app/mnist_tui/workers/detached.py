"""Detached training: a process that works through a queue and outlives the terminal it was started from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mnist_tui.core.codec import dumps, from_json_value
from mnist_tui.core.queue import QueuedRun
from mnist_tui.environment import PYTHON
from mnist_tui.errors import MnistTuiError, UsageError
from mnist_tui.store.home import new_log

COMMAND: Final = "work"
"""The command that a detached process runs; only for `begin`."""
TAKEN: Final = "taken"
"""Its answer once it has taken the queue over."""


@dataclass(frozen=True, slots=True)
class Detached:
    """A detached process.

    Attributes:
        process: Its handle in the parent.
        log: Its log file.
    """

    process: subprocess.Popen[str]
    log: Path

    def let_go(self) -> None:
        """Detach for good: the process outlives its parent, which must not warn that it was never waited for."""
        self.process.returncode = 0


def begin(home: Path, queue: Sequence[QueuedRun], jobs: int = 1, on: str = "") -> Detached:
    """Hand a queue to a new process and wait until it has taken it over.

    Until then, its runs belong to this process.

    Args:
        home: Where runs are kept.
        queue: What to train, in order.
        jobs: Parallel runs.
        on: The cluster to train on; empty: this machine.

    Raises:
        MnistTuiError: The process ended before it could take the queue over.
    """
    log = new_log(home, "detached", queue[0].run)
    environment = {**os.environ, "MNIST_TUI_HOME": str(home.absolute())}
    with log.open("ab") as said:
        process = subprocess.Popen(
            [*PYTHON, "-m", "mnist_tui", COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment,
            start_new_session=True,
            text=True,
        )
    if process.stdin is None or process.stdout is None:
        raise AssertionError("both were asked for")
    with process.stdout as answer:
        with suppress(BrokenPipeError), process.stdin as order:
            order.write(dumps({"queue": queue, "jobs": jobs, "on": on}) + "\n")
        if answer.readline().strip() != TAKEN:
            process.wait()
            last = [text for text in log.read_text(errors="replace").splitlines() if text.strip()][-1:]
            reason = f" ({last[0].removeprefix('mnist-tui: ').rstrip('.')})" if last else ""
            raise MnistTuiError(f"the process that was to take over has exited{reason}", f"Its log is {log}")
    return Detached(process, log)


def take() -> tuple[tuple[QueuedRun, ...], int, str]:
    """Read what `begin` hands over to the new process: the queue, how many runs to train in parallel, and where.

    Raises:
        UsageError: The process was not started by `begin`.
    """
    try:
        record = json.loads(sys.stdin.readline())
        queue, jobs = tuple(from_json_value(QueuedRun, queued) for queued in record["queue"]), int(record["jobs"])
        on = str(record["on"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        queue, jobs, on = (), 1, ""
    if not queue:
        raise UsageError("no queue was handed over", "`mnist-tui run --detach` starts such a process")
    return queue, jobs, on


def tell_taken() -> None:
    """Tell `begin` that the queue is taken over; from then on, standard output goes to the log."""
    print(TAKEN, flush=True)  # noqa: T201 - the answer
    os.dup2(2, 1)
