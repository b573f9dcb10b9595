"""What people ask of training, whoever trains and wherever: the twin of the events.

An order is given to a `Steering`: to the training of this process, to its workers, or to a run of another process. It
crosses processes in the JSON form below.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mnist_tui.core.codec import from_json_value, to_json_value
from mnist_tui.core.setting import check_rate
from mnist_tui.core.spec import check_epochs
from mnist_tui.errors import UsageError

KINDS: Final = ("pause", "resume", "stop", "skip", "epochs", "rate")
"""What another process may ask for."""
HAND_OVER: Final = "hand_over"
"""Given by a process to its own training only: stop here, so that another process can take over."""
WITH_VALUE: Final = ("epochs", "rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One thing asked of one run.

    Attributes:
        kind: One of `KINDS`, or `HAND_OVER`.
        run: The run's id; empty for all that are in progress, which only a process itself may say.
        value: The epochs to reach, or the learning rate; 0 for the others.
        after_epoch: Stop or skip at the end of the epoch.

    Raises:
        UsageError: The value cannot be used.
    """

    kind: str
    run: str = ""
    value: float = 0.0
    after_epoch: bool = False

    def __post_init__(self) -> None:
        if self.kind == "rate":
            check_rate(self.value)
        elif self.kind == "epochs":
            if not math.isfinite(self.value) or self.value != int(self.value):
                raise UsageError(f"epochs must be a whole number, not {self.value:g}")
            check_epochs(int(self.value))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"type": "order", **to_json_value(self)}


def order_from_json(record: object) -> Order:
    """Read what `Order.to_json` wrote.

    Raises:
        ValueError: It is not an order.
        UsageError: It asks for a value that cannot be used.
    """
    if not isinstance(record, Mapping) or record.get("type") != "order" or record.get("kind") not in KINDS:
        raise ValueError("this is not an order")
    order = from_json_value(Order, record)
    if not order.run:
        raise ValueError("the order names no run")
    return order


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked of a run last.

    Attributes:
        epochs: The number to reach; `None` where none was asked for.
        rate: The learning rate that is not in use yet; `None` likewise.
        paused: It should hold.
        stopping: It should end, now or after its epoch.
    """

    epochs: int | None = None
    rate: float | None = None
    paused: bool = False
    stopping: bool = False


class Steering(ABC):
    """Takes orders. Each may name the run that is meant; without a name it is for all that are in progress."""

    @abstractmethod
    def give(self, order: Order) -> bool:
        """Pass an order on; False, and nothing happens, where the run is not in progress or it is too late for it."""

    @abstractmethod
    def wishes(self, run: str | None = None) -> Wishes:
        """Return what was asked of a run; `None` means all that are in progress."""

    def pause(self, run: str | None = None) -> bool:
        """Hold the run before its next batch."""
        return self.give(Order(kind="pause", run=run or ""))

    def resume(self, run: str | None = None) -> bool:
        """Let a paused run go on."""
        return self.give(Order(kind="resume", run=run or ""))

    def stop(self, run: str | None = None, *, after_epoch: bool = False) -> bool:
        """End the run after this batch or this epoch and leave the rest of the queue waiting."""
        return self.give(Order(kind="stop", run=run or "", after_epoch=after_epoch))

    def skip(self, run: str | None = None, *, after_epoch: bool = False) -> bool:
        """End the run after this batch or this epoch and go on with the next one."""
        return self.give(Order(kind="skip", run=run or "", after_epoch=after_epoch))

    def set_epochs(self, epochs: int, run: str | None = None) -> bool:
        """Give the run another number of epochs to reach; the training never goes below what is done.

        Raises:
            UsageError: The number of epochs is out of range.
        """
        return self.give(Order(kind="epochs", run=run or "", value=epochs))

    def set_learning_rate(self, rate: float, run: str | None = None) -> bool:
        """Train the run with another learning rate, from its next epoch on.

        Raises:
            UsageError: The learning rate is not a finite number above 0.
        """
        return self.give(Order(kind="rate", run=run or "", value=rate))
