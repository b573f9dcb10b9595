"""Runs of other processes in the same home: followed live and controlled from here, without ever blocking."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.events import (
    EpochsChanged,
    Event,
    Notice,
    Preparing,
    RateChanged,
    RunContinued,
    RunDone,
    RunStarted,
)
from mnist_tui.core.orders import Order, Steering, Wishes
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.report.formatting import printable
from mnist_tui.wire.client import Link, check_hello
from mnist_tui.wire.lines import read_event
from mnist_tui.wire.place import sockets

OPENED: Final = "opened"
"""The session of the process that reads along in other tools' files."""
_READER_ENDED: Final = "The process that reads the files has exited. Start `mnist-tui open` again to follow them."
LOOK_S: Final = 0.2
"""How often to look for new training processes."""


class RemoteControl(Steering):
    """Controls one run of another process, and remembers the requests made from here.

    Args:
        link: The connection.
        run: The run, as known here.
    """

    def __init__(self, link: Link, run: RunState) -> None:
        self._link, self._run = link, run
        self._wishes = Wishes()

    def give(self, order: Order) -> bool:
        """Send an order; return False if the process has closed the connection. The answer arrives later."""
        try:
            self._link.tell(replace(order, run=self._run.run))
        except OSError:
            return False
        match order.kind:
            case "epochs":
                self._wishes = replace(self._wishes, epochs=int(order.value))
            case "rate":
                self._wishes = replace(self._wishes, rate=order.value)
            case "stop" | "skip":
                self._wishes = replace(self._wishes, stopping=True)
        return True

    def wishes(self, run: str | None = None) -> Wishes:
        """Return the pending requests made from here, and whether the run is paused."""
        if run not in (None, self._run.run):
            return Wishes()
        return replace(self._wishes, paused=self._run.status is Status.PAUSED)

    def take_in(self, event: Event) -> None:
        """Forget a request that was fulfilled or superseded."""
        match event:
            case EpochsChanged():
                self._wishes = replace(self._wishes, epochs=None)
            case RateChanged():
                self._wishes = replace(self._wishes, rate=None)

    def refused(self) -> None:
        """Forget all requests: one was rejected."""
        self._wishes = Wishes()


class _Process:
    """Another training process, as known here."""

    def __init__(self, path: Path) -> None:
        self.path, self.link = path, Link(path)
        self.state = SessionState()
        self.controls: dict[str, RemoteControl] = {}
        self.is_greeted = self.is_told = self.said_bye = False

    def take_in(self) -> Iterator[Event | str]:
        """Yield the events received, and the reasons for which orders were rejected."""
        for record in self.link.ready():
            if not self.is_greeted:
                check_hello(record)
                self.is_greeted = True
                continue
            match record.get("type"):
                case "told":
                    self.is_told = True
                case "bye":
                    self.said_bye = True
                case "answer":
                    yield from self._answer(record)
                case _:
                    yield from self._event(record)

    def _answer(self, record: dict[str, Any]) -> Iterator[str]:
        if not record.get("obeyed"):
            for control in self.controls.values():
                control.refused()
            yield printable(str(record.get("reason")))[:200]

    def _event(self, record: dict[str, Any]) -> Iterator[Event]:
        # Perhaps from a newer version: unknown events are ignored.
        with suppress(ValueError):
            event = read_event(record)
            self.state.apply(event)
            match event:
                case RunStarted() | RunContinued():
                    self.controls[event.run] = RemoteControl(self.link, self.state.runs[event.run])
                case RunDone():
                    self.controls.pop(event.run, None)
                case EpochsChanged() | RateChanged() if event.run in self.controls:
                    self.controls[event.run].take_in(event)
            yield event


class RemoteRuns:
    """Follows the runs of other processes.

    Args:
        home: The shared home.
        session: This process's own session, which is excluded.

    Attributes:
        runs: Runs in progress in other processes, by id, newest last.
    """

    def __init__(self, home: Path, session: str) -> None:
        self._home, self._own = home, session
        self._processes: dict[Path, _Process] = {}
        self._looked_at = 0.0
        self.runs: dict[str, RunState] = {}

    def poll(self) -> list[Event | str]:
        """Return what is new, without blocking: events, and messages for the user."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._find()
        news: list[Event | str] = []
        for process in list(self._processes.values()):
            try:
                told = list(process.take_in())
            except ValueError:
                # Another version, or another program: its runs are read from the store.
                process.link.close()
                told = []
            # Notices from the story so far are outdated, so they are not shown again.
            news += told if process.is_told else [event for event in told if not isinstance(event, Notice)]
            if not process.link.is_open:
                news += self._lose(process)
        self.runs.clear()
        for process in self._processes.values():
            # Until its whole story has arrived, the store knows more about its runs.
            if process.is_told:
                self.runs.update((name, process.state.runs[name]) for name in process.controls)
        return news

    @property
    def preparing(self) -> Preparing | None:
        """What another process is preparing, if it has no run in progress yet."""
        states = [process.state for process in self._processes.values() if not process.controls]
        return next((state.preparing for state in states if state.preparing is not None), None)

    def control(self, run: str) -> RemoteControl | None:
        """Return the control of a run; `None` if no other process is training it."""
        return next((p.controls[run] for p in self._processes.values() if run in p.controls), None)

    def following(self, run: str) -> RunState | None:
        """Return the run that follows one that has ended, in the same process."""
        for process in self._processes.values():
            if run in process.state.runs and (current := process.state.run) is not None and current.run != run:
                return current if not current.status.is_over else None
        return None

    def close(self) -> None:
        """Close all connections."""
        for process in self._processes.values():
            process.link.close()
        self._processes.clear()

    def _find(self) -> None:
        for path in sockets(self._home):
            if path in self._processes or path.stem == self._own:
                continue
            with suppress(OSError):
                self._processes[path] = _Process(path)

    def _lose(self, process: _Process) -> list[Event | str]:
        """Drop a process that has closed its connection; report it if that was unexpected."""
        process.link.close()
        del self._processes[process.path]
        if process.said_bye:
            return []
        is_reader = process.path.stem == OPENED
        if not process.controls and not is_reader:
            return []
        process.state.give_up()
        names = ", ".join(process.controls)
        for name in process.controls:
            process.state.runs[name].status = Status.INTERRUPTED
        what = f"The process training {names} exited unexpectedly."
        if is_reader:
            return [_READER_ENDED]
        if all(process.state.runs[name].network is None for name in process.controls):
            return [f"{what} Start its script again with MNIST_TUI_RESUME=last to go on."]
        return [f"{what} Press 2, then g, to resume the run."]
