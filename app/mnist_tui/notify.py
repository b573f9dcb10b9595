"""Tells the user beyond the terminal that a run or the queue has ended: runs a command of theirs.

The command comes from `settings.toml` alone and is executed as a list, never by a shell: what runs are called cannot
become part of it. What happened is in its environment.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import threading
import tomllib
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.events import Event, RunDone, RunStarted, SweepDone
from mnist_tui.core.numerals import count
from mnist_tui.core.status import Status
from mnist_tui.environment import read_text
from mnist_tui.errors import UsageError
from mnist_tui.report.formatting import format_percent, printable
from mnist_tui.store.home import SETTINGS_FILE

SECTION: Final = "notify"
OCCASIONS: Final = ("run", "queue", "trouble")
"""When to tell: each run that ends, the end of the queue, and runs that failed or diverged."""
TROUBLE: Final = (Status.FAILED, Status.DIVERGED, Status.OUT_OF_MEMORY)


@dataclass(frozen=True, slots=True)
class Wish:
    """When to tell, and how.

    Attributes:
        command: The command and its arguments; empty for none.
        on: Some of `OCCASIONS`.
    """

    command: tuple[str, ...] = ()
    on: tuple[str, ...] = ("queue", "trouble")


def read_wish(table: Mapping[str, Any]) -> Wish:
    """Return what a section of the settings says.

    Raises:
        UsageError: It cannot be understood.
    """
    command, on = table.get("command", ()), table.get("on", Wish().on)
    if isinstance(command, str):
        try:
            command = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"[{SECTION}] command cannot be split into words: {error}") from None
    if not isinstance(command, list | tuple) or not all(isinstance(part, str) for part in command):
        raise UsageError(f"[{SECTION}] command must be a text, or a list of texts")
    if not isinstance(on, list | tuple) or not set(on) <= set(OCCASIONS):
        raise UsageError(f"[{SECTION}] on must be a list with any of {', '.join(OCCASIONS)}")
    if unknown := next((key for key in table if key not in ("command", "on")), ""):
        raise UsageError(f"[{SECTION}] has no setting {unknown!r}")
    return Wish(tuple(command), tuple(on))


class Notifier:
    """Runs the user's command when something ends.

    Args:
        home: The home, whose settings are read once.
        is_alone: Each run is a queue of its own, as a script's is.
    """

    def __init__(self, home: Path, *, is_alone: bool = False) -> None:
        self._home, self._is_alone = home, is_alone
        self._wish = Wish()
        # What is wrong with the settings is told by the app and by `doctor`.
        with suppress(OSError, ValueError, RecursionError, UsageError, AttributeError):
            self._wish = read_wish(tomllib.loads(read_text(home / SETTINGS_FILE)).get(SECTION, {}))
        self._titles: dict[str, str] = {}
        self._ends: Counter[str] = Counter()

    def hear(self, event: Event) -> str:
        """Take note of an event, and tell of it if the user wants that; return what went wrong, or an empty text."""
        if not self._wish.command:
            return ""
        match event:
            case RunStarted():
                self._titles[event.run] = printable(event.spec.title)
            case RunDone():
                self._ends[str(event.status)] += 1
                return self._hear_end(event)
            case SweepDone() if event.runs:
                told = ", ".join(f"{number} {status}" for status, number in self._ends.most_common())
                self._ends.clear()
                if "queue" in self._wish.on:
                    text = f"The queue is done: {count(len(event.runs), 'run')}" + (f" ({told})" if told else "")
                    return self._run("queue", text, MNIST_TUI_STATUS="stopped" if event.stopped else "finished")
        return ""

    def _hear_end(self, event: RunDone) -> str:
        is_trouble = event.status in TROUBLE
        wanted = {"run", *(["trouble"] if is_trouble else []), *(["queue"] if self._is_alone else [])}
        if not wanted.intersection(self._wish.on):
            return ""
        numbers = (("val", event.last_val_accuracy), ("test", event.test_accuracy))
        result = ", ".join(f"{name} {format_percent(value)}" for name, value in numbers if value is not None)
        title = self._titles.get(event.run, event.run)
        about = ": ".join(filter(None, (f"{title} {event.status}", printable(event.reason) or result)))
        return self._run(
            "run", about, MNIST_TUI_RUN=event.run, MNIST_TUI_STATUS=str(event.status), MNIST_TUI_RESULT=result
        )

    def _run(self, what: str, text: str, **more: str) -> str:
        known = {"MNIST_TUI_HOME": str(self._home), "MNIST_TUI_EVENT": what, "MNIST_TUI_TEXT": text}
        try:
            process = subprocess.Popen(
                self._wish.command,
                env={**os.environ, **known, **more},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return f"The command of [{SECTION}] in {SETTINGS_FILE} cannot be started: {reason}."
        # Training does not wait for it; this keeps no zombie.
        threading.Thread(target=process.wait, name="notify", daemon=True).start()
        return ""
