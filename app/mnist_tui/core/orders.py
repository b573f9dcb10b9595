"""What people ask of a run in another process, in a form that crosses it: the twin of the events' JSON form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mnist_tui.core.control import RunControl
from mnist_tui.core.parsing import number
from mnist_tui.core.spec import check_epochs, check_rate
from mnist_tui.errors import UsageError

KINDS: Final = ("pause", "resume", "stop", "skip", "epochs", "rate")
WITH_VALUE: Final = ("epochs", "rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One thing asked of one run.

    Attributes:
        kind: One of `KINDS`.
        run: The run's id; empty for whichever is in progress, which only a process itself may say.
        value: The epochs to reach, or the learning rate; 0 for the others.
        after_epoch: Stop or skip at the end of the epoch.
    """

    kind: str
    run: str
    value: float = 0.0
    after_epoch: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        record: dict[str, Any] = {"type": "order", "kind": self.kind, "run": self.run}
        if self.kind in WITH_VALUE:
            record["value"] = int(self.value) if self.kind == "epochs" else self.value
        if self.after_epoch:
            record["after_epoch"] = True
        return record


def order_from_json(record: Mapping[str, Any]) -> Order:
    """Read what `Order.to_json` wrote.

    Raises:
        ValueError: It is no order.
        UsageError: It asks for a value that cannot be used.
    """
    if not isinstance(record, Mapping) or record.get("type") != "order":
        raise ValueError("this is no order")
    kind, run, after_epoch = record.get("kind"), record.get("run"), record.get("after_epoch", False)
    if kind not in KINDS or not isinstance(run, str) or not run or not isinstance(after_epoch, bool):
        raise ValueError("there is no such order")
    value = number(record.get("value")) if kind in WITH_VALUE else 0.0
    if kind == "epochs":
        if not math.isfinite(value) or value != int(value):
            raise UsageError(f"{value:g} is no number of epochs")
        check_epochs(int(value))
    elif kind == "rate":
        check_rate(value)
    return Order(kind=kind, run=run, value=value, after_epoch=after_epoch)


def obey(order: Order, control: RunControl) -> bool:
    """Do what is asked for; False when it is too late: the run is over, or is being tested."""
    run = order.run or None
    match order.kind:
        case "pause":
            return control.pause(run)
        case "resume":
            return control.resume(run)
        case "stop":
            return control.stop(run, after_epoch=order.after_epoch)
        case "skip":
            return control.skip(run, after_epoch=order.after_epoch)
        case "epochs":
            return control.set_epochs(int(order.value), run)
        case "rate":
            return control.set_learning_rate(order.value, run)
        case _:
            raise ValueError(f"unknown order {order.kind!r}")
