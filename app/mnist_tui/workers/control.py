"""Controls several runs that train in parallel."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from typing import Final

from mnist_tui.core.control import TrainingControl
from mnist_tui.core.events import Event, RateChanged, RunContinued, RunPaused, RunResumed, RunStarted
from mnist_tui.core.orders import HAND_OVER, Order, Wishes
from mnist_tui.workers.link import Link

_ABOUT: Final = {"resume": "pause", "stop": "skip", HAND_OVER: "skip"}
"""Kinds of orders that replace those of another kind."""


class PoolControl(TrainingControl):
    """Controls what workers train: one run by its id, or all; also those that are about to start."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._stop_queue = self._handing_over = False
        self._links: dict[str, Link] = {}
        self._orders: dict[str, dict[str, Order]] = {}
        """The latest orders to each run, by what they are about; another worker gets them again."""
        self._held_runs: set[str] = set()
        self._begun: set[str] = set()

    # Called by the front end ----------------------------------------------------------------------

    def give(self, order: Order) -> bool:
        """Pass an order on to the worker of its run, which must have started, or to all workers.

        If that worker was killed, the order reaches the next one as soon as the run continues there.
        """
        with self._changed:
            if order.run and order.run not in self._begun:
                return False
            runs = [order.run] if order.run else list(self._links)
            if order.kind in ("stop", HAND_OVER):
                # No further run starts; stopping one run leaves the others in progress alone.
                self._stop_queue = True
                self._handing_over = self._handing_over or order.kind == HAND_OVER
        if order.kind == "stop" and order.run:
            order = replace(order, kind="skip")
        return self._pass_on(order, runs) or order.kind in ("stop", HAND_OVER)

    def _pass_on(self, order: Order, runs: Iterable[str]) -> bool:
        """Send an order to the workers of some runs; return False if none of these is in progress."""
        with self._changed:
            known = [run for run in runs if run in self._links or run in self._begun]
            for run in known:
                orders, about = self._orders.setdefault(run, {}), _ABOUT.get(order.kind, order.kind)
                # The newest one comes last.
                orders.pop(about, None)
                orders[about] = order
            links = [self._links[run] for run in known if run in self._links]
        for link in links:
            link.tell(order)
        return bool(known)

    def wishes(self, run: str | None = None) -> Wishes:
        """Return the latest requests made of a run; without an id, whether all runs were asked to pause or to end."""
        with self._changed:
            if run is not None:
                return self._wishes(run)
            asked = [self._wishes(name) for name in self._links]
            return Wishes(
                paused=bool(asked) and all(each.paused for each in asked),
                stopping=bool(asked) and all(each.stopping for each in asked),
            )

    def _wishes(self, run: str) -> Wishes:
        return reduce(_with, self._orders.get(run, {}).values(), Wishes())

    def hold(self) -> frozenset[str]:
        """Pause all runs that were not asked to pause; return their ids."""
        with self._changed:
            runs = frozenset(run for run in self._links if not self._wishes(run).paused)
        self._pass_on(Order(kind="pause"), runs)
        return runs

    def let_go(self, held: frozenset[str]) -> None:
        """Resume those runs."""
        self._pass_on(Order(kind="resume"), held)

    def wait_until_held(self, timeout_s: float) -> bool:
        """Block until all runs have paused; return False on timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: self._held_runs >= self._links.keys(), timeout_s)

    @property
    def queue_stopped(self) -> bool:
        """True when no further run may start."""
        return self._stop_queue

    @property
    def handing_over(self) -> bool:
        """True once training is being handed over to another process."""
        return self._handing_over

    # Called by the pool ---------------------------------------------------------------------------

    def begins(self, run: str, link: Link) -> None:
        """Register the worker of a run, so that orders reach it."""
        with self._changed:
            self._links[run] = link

    def loses(self, run: str) -> None:
        """Forget the worker of a run, but keep the orders for the next one."""
        with self._changed:
            self._links.pop(run, None)
            self._held_runs.discard(run)
            self._changed.notify_all()

    def ends(self, run: str) -> None:
        """Forget a run."""
        with self._changed:
            self._orders.pop(run, None)
            self._begun.discard(run)
        self.loses(run)

    def take_in(self, event: Event) -> None:
        """Note which requests have taken effect; repeat those that the previous worker of a run may have missed."""
        again: list[tuple[Link, Order]] = []
        with self._changed:
            match event:
                case RunStarted():
                    self._begun.add(event.run)
                case RunContinued():
                    self._begun.add(event.run)
                    again += [(self._links[event.run], order) for order in self._orders.get(event.run, {}).values()]
                case RunPaused():
                    self._held_runs.add(event.run)
                    self._changed.notify_all()
                case RunResumed():
                    self._held_runs.discard(event.run)
                case RateChanged():
                    orders = self._orders.get(event.run, {})
                    if "rate" in orders and orders["rate"].value == event.learning_rate:
                        del orders["rate"]
        for link, order in again:
            link.tell(order)


def _with(wishes: Wishes, order: Order) -> Wishes:
    """Return the wishes with an order added."""
    match order.kind:
        case "pause":
            return replace(wishes, paused=True)
        case "resume":
            return replace(wishes, paused=False)
        case "epochs":
            return replace(wishes, epochs=int(order.value))
        case "rate":
            return replace(wishes, rate=order.value)
        case _:
            return replace(wishes, paused=False, stopping=True)
