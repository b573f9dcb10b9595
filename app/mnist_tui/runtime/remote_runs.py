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
    Status,
)
from mnist_tui.core.orders import Order, Steering, Wishes
from mnist_tui.core.state import RunState, SessionState
from mnist_tui.report.formatting import printable
from mnist_tui.wire.client import Link, check_hello
from mnist_tui.wire.lines import read_event
from mnist_tui.wire.place import sockets

LOOK_S: Final = 0.2
"""How often to look for new training processes."""


class RemoteControl(Steering):
    """Steers one run of another process; what is asked of it here is known here.

    Args:
        link: The connection.
        run: The run, as it is known here.
    """

    def __init__(self, link: Link, run: RunState) -> None:
        self._link, self._run = link, run
        self._wishes = Wishes()

    def give(self, order: Order) -> bool:
        """Send an order; False where the process has hung up. Whether it is obeyed comes later."""
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
        """Return what was asked from here and is not in use yet, and whether the run holds."""
        if run not in (None, self._run.run):
            return Wishes()
        return replace(self._wishes, paused=self._run.status is Status.PAUSED)

    def take_in(self, event: Event) -> None:
        """Forget a wish that was fulfilled, or overtaken."""
        match event:
            case EpochsChanged():
                self._wishes = replace(self._wishes, epochs=None)
            case RateChanged():
                self._wishes = replace(self._wishes, rate=None)

    def refused(self) -> None:
        """Forget all wishes: one was not obeyed."""
        self._wishes = Wishes()


class _Process:
    """Another process, as far as it is known here."""

    def __init__(self, path: Path) -> None:
        self.path, self.link = path, Link(path)
        self.state = SessionState()
        self.controls: dict[str, RemoteControl] = {}
        self.is_greeted = self.is_told = self.said_bye = False

    def take_in(self) -> Iterator[Event | str]:
        """Return the events that came, and what was answered to orders in words where they were not obeyed."""
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
        # Of a newer version, perhaps: what is not known is not shown.
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
    """Looks after what other processes train.

    Args:
        home: The home that is shared.
        session: This process' own session, which is not elsewhere.

    Attributes:
        runs: Runs in progress elsewhere, by id, the newest last.
    """

    def __init__(self, home: Path, session: str) -> None:
        self._home, self._own = home, session
        self._processes: dict[Path, _Process] = {}
        self._looked_at = 0.0
        self.runs: dict[str, RunState] = {}

    def poll(self) -> list[Event | str]:
        """Return what is new, without waiting: events, and sentences for people."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._find()
        news: list[Event | str] = []
        for process in list(self._processes.values()):
            try:
                told = list(process.take_in())
            except ValueError:
                # Another version, or another program: its runs are seen through the store.
                process.link.close()
                told = []
            # The story so far is no news, but what it told stands in the state.
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
        """What a process does that trains nothing yet."""
        states = [process.state for process in self._processes.values() if not process.controls]
        return next((state.preparing for state in states if state.preparing is not None), None)

    def control(self, run: str) -> RemoteControl | None:
        """Return what steers a run; `None` where it is not in progress elsewhere."""
        return next((p.controls[run] for p in self._processes.values() if run in p.controls), None)

    def following(self, run: str) -> RunState | None:
        """Return the run that follows one that has ended, in the same process."""
        for process in self._processes.values():
            if run in process.state.runs and (current := process.state.run) is not None and current.run != run:
                return current if not current.status.is_over else None
        return None

    def close(self) -> None:
        """Hang up everywhere."""
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
        """Let go of a process that has hung up; tell it where that came as a surprise."""
        process.link.close()
        del self._processes[process.path]
        if process.said_bye or not process.controls:
            return []
        process.state.give_up()
        names = ", ".join(process.controls)
        for name in process.controls:
            process.state.runs[name].status = Status.INTERRUPTED
        return [f"The process training {names} exited unexpectedly. Press 2, then g, to resume the run."]
