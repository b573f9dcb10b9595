"""What people ask of several runs at once."""

from __future__ import annotations

from collections.abc import Iterable

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import Event, RateChanged, RunContinued, RunPaused, RunResumed, RunStarted
from mnist_tui.core.orders import WITH_VALUE, Order
from mnist_tui.core.spec import check_rate
from mnist_tui.workers.link import Link
from mnist_tui.workers.worker import HAND_OVER


class PoolControl(RunControl):
    """What people ask of several runs at once: of one by its id, else of all."""

    def __init__(self) -> None:
        super().__init__()
        self._links: dict[str, Link] = {}
        self._asked: dict[tuple[str, str], float] = {}
        self._held_runs: set[str] = set()
        self._pausing: set[str] = set()
        self._ending: set[str] = set()
        self._begun: set[str] = set()

    # Asked by people ------------------------------------------------------------------------------

    def stop(self, run: str | None = None, *, after_epoch: bool = False) -> bool:
        """End the run, or all, and start no other one."""
        if not self._tell("skip" if run is not None else "stop", run, after_epoch=after_epoch) and run is not None:
            return False
        with self._changed:
            self._stop_queue = True
        return True

    def skip(self, run: str | None = None, *, after_epoch: bool = False) -> bool:
        """End the run, or all that are in progress; others follow."""
        return self._tell("skip", run, after_epoch=after_epoch)

    def hand_over(self) -> None:
        """End all runs where they are."""
        with self._changed:
            self._stop_queue = self._handing_over = True
            links = list(self._links.values())
            self._ending.update(self._links)
        for link in links:
            link.tell(HAND_OVER)

    def pause(self, run: str | None = None) -> bool:
        """Hold the run, or all that are in progress."""
        return self._tell("pause", run)

    def resume(self, run: str | None = None) -> bool:
        """Let it go on, or all."""
        return self._tell("resume", run)

    def hold(self) -> frozenset[str]:
        """Hold all that were not asked to pause."""
        with self._changed:
            names = frozenset(self._links.keys() - self._pausing)
        self._tell_each("pause", names)
        return names

    def let_go(self, held: frozenset[str]) -> None:
        """Let those go on."""
        self._tell_each("resume", held)

    def _tell_each(self, kind: str, runs: frozenset[str]) -> None:
        """Give an order to workers, also to those whose run has not begun."""
        with self._changed:
            links = [link for name, link in self._links.items() if name in runs]
        for link in links:
            link.tell(Order(kind=kind, run=""))

    def set_epochs(self, epochs: int, run: str | None = None) -> bool:
        """Give it, or all, another number of epochs."""
        return self._tell("epochs", run, epochs)

    def set_learning_rate(self, rate: float, run: str | None = None) -> bool:
        """Give it, or all, another learning rate."""
        check_rate(rate)
        return self._tell("rate", run, rate)

    def epochs_asked(self, run: str) -> int | None:
        """Return the epochs that were asked for last."""
        with self._changed:
            asked = self._asked.get(("epochs", run))
        return None if asked is None else int(asked)

    def rate_asked(self, run: str) -> float | None:
        """Return the learning rate that was asked for and is not in use yet."""
        with self._changed:
            return self._asked.get(("rate", run))

    def is_paused(self, run: str | None = None) -> bool:
        """Return whether the run holds; without one, whether all do."""
        with self._changed:
            return (
                run in self._held_runs
                if run is not None
                else bool(self._links) and self._held_runs >= self._links.keys()
            )

    def is_stopping(self, run: str | None = None) -> bool:
        """Return whether the run was asked to end; without one, whether all were."""
        with self._changed:
            return run in self._ending if run is not None else bool(self._links) and self._ending >= self._links.keys()

    def wait_until_held(self, timeout_s: float) -> bool:
        """Block until all runs hold; False when they have not come so far in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._held_runs >= self._links.keys(), timeout_s)

    def _tell(self, kind: str, run: str | None, value: float = 0.0, *, after_epoch: bool = False) -> bool:
        """Give an order to one run, which must have begun, or to all, also to those that are about to begin."""
        with self._changed:
            if run is not None and run not in self._begun:
                return False
            links = {name: link for name, link in self._links.items() if run in (None, name)}
            if kind in WITH_VALUE:
                self._asked.update({(kind, name): value for name in links})
            self._note(kind, links.keys())
        for link in links.values():
            link.tell(Order(kind=kind, run=run or "", value=value, after_epoch=after_epoch))
        return bool(links)

    def _note(self, kind: str, runs: Iterable[str]) -> None:
        """Remember what was asked of runs, before they obey."""
        match kind:
            case "pause":
                self._pausing.update(runs)
            case "resume":
                self._pausing.difference_update(runs)
            case "stop" | "skip":
                self._ending.update(runs)

    # Told by the pool -----------------------------------------------------------------------------

    def begins(self, run: str, link: Link) -> None:
        """Let orders for a run reach its worker."""
        with self._changed:
            self._links[run] = link

    def ends(self, run: str) -> None:
        """Forget a run."""
        with self._changed:
            self._links.pop(run, None)
            for group in (self._held_runs, self._pausing, self._ending, self._begun):
                group.discard(run)
            self._asked = {wish: value for wish, value in self._asked.items() if wish[1] != run}
            self._changed.notify_all()

    def take_in(self, event: Event) -> None:
        """Take note of what was obeyed."""
        with self._changed:
            match event:
                case RunStarted() | RunContinued():
                    self._begun.add(event.run)
                case RunPaused():
                    self._held_runs.add(event.run)
                    self._changed.notify_all()
                case RunResumed():
                    self._held_runs.discard(event.run)
                case RateChanged():
                    self._asked.pop(("rate", event.run), None)
