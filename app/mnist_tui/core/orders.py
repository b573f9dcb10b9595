"""Orders to training, the counterpart of events.

An order is given to a `Steering`: the training of this process, its workers, or a run in another process, to which it
is sent in the JSON form below.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mnist_tui.core.checks import MAX_EPOCHS
from mnist_tui.core.codec import from_json_value, to_json_value
from mnist_tui.core.setting import check_int, check_rate
from mnist_tui.errors import UsageError

SAVE: Final = "save"
BUILT_IN: Final = ("pause", "resume", "stop", "skip", "epochs", "rate")
"""Kinds of orders that a built-in run obeys: it saves by itself."""
KINDS: Final = (*BUILT_IN, SAVE)
"""Kinds of orders that another process may send."""
WHY_NOT: Final = {
    "skip": ("a script has no queue", "Stop the run instead"),
    "epochs": ("this loop cannot change its number of epochs", "It can where it goes through run.epochs()"),
    "rate": ("this run knows no optimizer", "Pass it to mnist_tui.init as part of state"),
    SAVE: ("this run has nothing to save", "Pass state={...} to mnist_tui.init"),
}
"""Why a script's run cannot obey an order, and what would help."""
HAND_OVER: Final = "hand_over"
"""Given by a process to its own training only: stop here, so that another process can take over."""
WITH_VALUE: Final = ("epochs", "rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order to a run.

    Attributes:
        kind: One of `KINDS`, or `HAND_OVER`.
        run: The run's id; empty for all runs in progress, which only the process itself may use.
        value: The target number of epochs, or the learning rate; 0 for other kinds.
        after_epoch: Stop or skip at the end of the epoch.
        reason: Why a run is skipped, for its record; not taken from other processes.

    Raises:
        UsageError: The value is invalid.
    """

    kind: str
    run: str = ""
    value: float = 0.0
    after_epoch: bool = False
    reason: str = field(default="", metadata={"json": False})

    def __post_init__(self) -> None:
        if self.kind == "rate":
            check_rate(self.value)
        elif self.kind == "epochs":
            if not math.isfinite(self.value) or self.value != int(self.value):
                raise UsageError(f"epochs must be a whole number, not {self.value:g}")
            check_int("epochs", int(self.value), 1, MAX_EPOCHS)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"type": "order", **to_json_value(self)}


def order_from_json(record: object) -> Order:
    """Parse the output of `Order.to_json`.

    Raises:
        ValueError: It is not an order.
        UsageError: Its value is invalid.
    """
    if not isinstance(record, Mapping) or record.get("type") != "order" or record.get("kind") not in KINDS:
        raise ValueError("this is not an order")
    order = from_json_value(Order, record)
    if not order.run:
        raise ValueError("the order does not name a run")
    return order


@dataclass(frozen=True, slots=True)
class Wishes:
    """The latest requests made of a run.

    Attributes:
        epochs: The requested target number of epochs, or `None`.
        rate: The requested learning rate that is not in use yet, or `None`.
        paused: The run should be paused.
        stopping: The run should end, now or after its epoch.
    """

    epochs: int | None = None
    rate: float | None = None
    paused: bool = False
    stopping: bool = False


class Steering(ABC):
    """Accepts orders. An order may name a run; without a name it applies to all runs in progress."""

    @abstractmethod
    def give(self, order: Order) -> bool:
        """Pass an order on; return False, without effect, if the run is not in progress or it is too late."""

    @abstractmethod
    def wishes(self, run: str | None = None) -> Wishes:
        """Return the latest requests made of a run; `None` means all runs in progress."""

    def save(self, run: str | None = None) -> bool:
        """Save the state of a script's run now."""
        return self.give(Order(kind=SAVE, run=run or ""))

    def pause(self, run: str | None = None) -> bool:
        """Pause the run before its next batch."""
        return self.give(Order(kind="pause", run=run or ""))

    def resume(self, run: str | None = None) -> bool:
        """Resume a paused run."""
        return self.give(Order(kind="resume", run=run or ""))

    def stop(self, run: str | None = None, *, after_epoch: bool = False) -> bool:
        """End the run after this batch or this epoch and leave the rest of the queue waiting."""
        return self.give(Order(kind="stop", run=run or "", after_epoch=after_epoch))

    def skip(self, run: str | None = None, *, after_epoch: bool = False, reason: str = "") -> bool:
        """End the run after this batch or this epoch, and continue with the next run."""
        return self.give(Order(kind="skip", run=run or "", after_epoch=after_epoch, reason=reason))

    def set_epochs(self, epochs: int, run: str | None = None) -> bool:
        """Change the run's target number of epochs; it cannot fall below the epochs already done.

        Raises:
            UsageError: The number of epochs is out of range.
        """
        return self.give(Order(kind="epochs", run=run or "", value=epochs))

    def set_learning_rate(self, rate: float, run: str | None = None) -> bool:
        """Change the run's learning rate from its next epoch on.

        Raises:
            UsageError: The learning rate is not a finite number above 0.
        """
        return self.give(Order(kind="rate", run=run or "", value=rate))
