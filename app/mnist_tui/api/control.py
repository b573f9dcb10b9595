"""Receives orders for a script's run."""

from __future__ import annotations

import math
from collections.abc import Collection

from mnist_tui.core.control import RunControl
from mnist_tui.core.orders import SAVE, WHY_NOT, Order
from mnist_tui.errors import OrderError


class ScriptControl(RunControl):
    """The orders to a script's run, which its loop looks at between two steps.

    Args:
        can: The kinds of orders that the loop obeys.

    Attributes:
        most_epochs: The largest number of epochs that can be ordered.
        has_news: There may be something to obey; reading it costs the loop next to nothing.
    """

    def __init__(self, can: Collection[str]) -> None:
        super().__init__()
        self.can = set(can)
        self.has_news = False
        self.most_epochs = math.inf
        self._save = False

    def give(self, order: Order) -> bool:
        """Accept an order.

        Raises:
            OrderError: The loop cannot obey orders of this kind.
        """
        if order.kind not in self.can:
            raise OrderError(*WHY_NOT.get(order.kind, (f"this loop cannot obey {order.kind}",)))
        if order.kind == "epochs" and order.value > self.most_epochs:
            raise OrderError(
                "this framework fixed its number of epochs when training started", "Only fewer epochs are possible"
            )
        if order.kind == SAVE:
            self.order_save()
        elif not super().give(order):
            return False
        self.has_news = True
        return True

    def order_save(self) -> None:
        """Let the loop save its state at its next step."""
        self._save = self.has_news = True
        self.requests.nudge()

    def take_save(self) -> bool:
        """Return whether a save was ordered since the last call."""
        wanted, self._save = self._save, False
        return wanted
