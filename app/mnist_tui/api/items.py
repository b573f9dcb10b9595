"""What the loop of a script hands over to the thread that records it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mnist_tui.core.events import Event
from mnist_tui.core.insight import Insight
from mnist_tui.core.status import Status


@dataclass(frozen=True, slots=True)
class Logged:
    """Numbers that were logged together.

    Attributes:
        values: By name; scalar tensors that are not on the CPU are read in the recording thread.
        step: The step they belong to; `None` for the epoch in progress, or for the run outside of epochs.
    """

    values: dict[str, Any]
    step: int | None


@dataclass(frozen=True, slots=True)
class EpochBegan:
    """An epoch begins: what was logged before is not among its means."""


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch has ended.

    Attributes:
        epoch: Its number, from 1.
        step: Steps of the run so far.
        seconds: Its duration, without pauses.
        state: The saved state, if it was due.
        insight: What the script's predictions show, if it handed any over.
        recorded: Set when the epoch is on disk, or cannot be written.
    """

    epoch: int
    step: int
    seconds: float
    state: bytes | None
    insight: Insight | None
    recorded: threading.Event


@dataclass(frozen=True, slots=True)
class Ended:
    """The run has ended.

    Attributes:
        status: How.
        reason: Why, as text.
    """

    status: Status
    reason: str


Item: TypeAlias = Logged | EpochBegan | EpochEnded | Ended | Event
"""What the loop hands over."""


@dataclass(slots=True)
class Place:
    """Where the loop is; written by the loop, read by the recorder.

    Attributes:
        done: Finished epochs when the loop began: those of a resumed run.
        epoch: The epoch in progress, from 1; 0 outside of epochs.
        step: Steps of the run so far.
        highest: The highest step that something was logged at.
        first_step: Steps before this epoch.
        steps: Steps of this epoch; 0 if unknown.
        elapsed_s: Returns the time of this epoch so far, without pauses.
    """

    done: int = 0
    epoch: int = 0
    step: int = 0
    highest: int = 0
    first_step: int = 0
    steps: int = 0
    elapsed_s: Callable[[], float] = field(default=lambda: 0.0)
