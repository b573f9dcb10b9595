"""Which run is shown: the session's own, an opened past run, or a run of another process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from mnist_tui.core.state import RunState


class Sight:
    """The run shown instead of the session's own.

    Args:
        attach: Id of a run of another process to show as soon as it is known; if empty, any run in progress there.

    Attributes:
        opened: The run, or `None` while the session's own is shown.
        came_from: The tab from which it was opened.
    """

    def __init__(self, attach: str = "") -> None:
        self.opened: RunState | None = None
        self.came_from = ""
        self._wanted, self._may_attach = attach, True
        self._watched = ""

    @property
    def id(self) -> str | None:
        """Id of the open run."""
        return self.opened.run if self.opened is not None else None

    @property
    def awaited(self) -> str:
        """Id of the run that is shown as soon as it is known; empty if there is none."""
        return self._wanted if self._may_attach and self.opened is None else ""

    def open(self, run: RunState | None, came_from: str = "") -> None:
        """Show a run, or the session's own."""
        self.opened, self.came_from = run, came_from

    def leave(self) -> bool:
        """Go back to the session's own run and stay there; return False if it is already shown."""
        was_open = self.opened is not None
        if was_open:
            self.opened, self._may_attach = None, False
        return was_open

    def attach_to(self, runs: Collection[str]) -> None:
        """Show one of these runs (the open one, if included) as soon as another process trains it."""
        shown = self.id if self.id in runs else next(iter(runs))
        self._wanted, self._may_attach, self.opened = shown or "", True, None

    def forget(self, runs: Collection[str]) -> None:
        """Close the open run if it was deleted."""
        if self.id in runs:
            self.opened = None

    def reread(self, read: Callable[[str], RunState | None]) -> None:
        """Reload the open run after the store has changed; keep it as it is if it cannot be read."""
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
        """Show a run in progress in another process; keep following it when it is resumed or the next one starts.

        Args:
            runs: Runs in progress in other processes, newest last.
            following: Returns the run that followed an ended one in the same process.
            read: Returns a run from the store.
            has_ended: A run of another process has just ended.
            has_own: This session has trained a run.
            is_live: This session is training now.
        """
        if self.opened is None:
            if self._may_attach and not is_live and (self._wanted or not has_own):
                wanted = self._wanted or next(reversed(list(runs)), "")
                if wanted in runs:
                    self.opened, self._watched, self._may_attach = runs[wanted], wanted, False
        elif self.opened.run in runs:
            self.opened, self._watched = runs[self.opened.run], self.opened.run
        elif self.opened.run == self._watched:
            # It has ended; the next one may take a while to start.
            if (after := following(self.opened.run)) is not None:
                self.opened = after
            elif has_ended:
                self.opened = read(self.opened.run)
