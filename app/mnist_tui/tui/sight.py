"""Which run is on the screen: the session's own, a past one that was opened, or one of another process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from mnist_tui.core.state import RunState


class Sight:
    """The run that is looked at instead of the session's own.

    Args:
        attach: Id of a run of another process to show as soon as it is known; empty: whichever is in progress there.

    Attributes:
        opened: That run; `None` while the session's own is shown.
        came_from: The tab it was opened from.
    """

    def __init__(self, attach: str = "") -> None:
        self.opened: RunState | None = None
        self.came_from = ""
        self._wanted, self._may_attach = attach, True
        self._watched = ""

    @property
    def id(self) -> str | None:
        """The id of the run that is open."""
        return self.opened.run if self.opened is not None else None

    def open(self, run: RunState | None, came_from: str = "") -> None:
        """Show a run, or the session's own."""
        self.opened, self.came_from = run, came_from

    def leave(self) -> bool:
        """Go back to the session's own run, and stay there; False when that is shown already."""
        was_open = self.opened is not None
        if was_open:
            self.opened, self._may_attach = None, False
        return was_open

    def attach_to(self, runs: Collection[str]) -> None:
        """Show one of these runs as soon as another process trains it: the open one if it is among them."""
        shown = self.id if self.id in runs else next(iter(runs))
        self._wanted, self._may_attach, self.opened = shown or "", True, None

    def forget(self, runs: Collection[str]) -> None:
        """Take in that runs are gone."""
        if self.id in runs:
            self.opened = None

    def reread(self, read: Callable[[str], RunState | None]) -> None:
        """Take in that the store has changed; a run that cannot be read stays as it is."""
        if self.opened is not None:
            self.opened = read(self.opened.run) or self.opened

    def follow(
        self,
        runs: Mapping[str, RunState],
        following: Callable[[str], RunState | None],
        read: Callable[[str], RunState | None],
        *,
        has_ended: bool,
        has_own: bool,
        is_live: bool,
    ) -> None:
        """Show what is in progress in other processes; stay with a run that is resumed there, and with the next one.

        Args:
            runs: What they train, the newest last.
            following: Returns the run that came after one that has ended, in the same process.
            read: Returns a run from the store.
            has_ended: Some run has just ended there.
            has_own: This session has trained a run.
            is_live: It trains one now.
        """
        if self.opened is None:
            if self._may_attach and not is_live and (self._wanted or not has_own):
                wanted = self._wanted or next(reversed(list(runs)), "")
                if wanted in runs:
                    self.opened, self._watched, self._may_attach = runs[wanted], wanted, False
        elif self.opened.run in runs:
            self.opened, self._watched = runs[self.opened.run], self.opened.run
        elif self.opened.run == self._watched:
            # It has ended; the next one may take a while to begin.
            if (after := following(self.opened.run)) is not None:
                self.opened = after
            elif has_ended:
                self.opened = read(self.opened.run)
