"""Which epoch is shown: the newest, a selected one, or all in turn as an animation."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_tui.core.insight import Insight
from mnist_tui.core.state import RunState
from mnist_tui.core.stored import ValidationSet
from mnist_tui.report.insights import class_marks, class_names


class Film:
    """The current position among the epochs of a run that have an insight.

    Attributes:
        run: Id of the run; empty before the first.
        epochs: Epochs with an insight, in order.
        plays: True while the animation plays.
    """

    def __init__(self) -> None:
        self.run = ""
        self.epochs: Sequence[int] = ()
        self.plays = False
        self._chosen: int | None = None

    def follow(self, run: str, epochs: Sequence[int]) -> None:
        """Update the available epochs; for a new run, go to its newest epoch."""
        if run != self.run:
            self.run, self._chosen, self.plays = run, None, False
        self.epochs = epochs

    @property
    def epoch(self) -> int | None:
        """The epoch to show, or `None` if there is none."""
        if not self.epochs:
            return None
        return self.epochs[self._place]

    @property
    def before(self) -> int | None:
        """The previous epoch, or `None`."""
        return self.epochs[self._place - 1] if self.epochs and self._place else None

    @property
    def _place(self) -> int:
        if self._chosen is None:
            return len(self.epochs) - 1
        return max(0, bisect_right(self.epochs, self._chosen) - 1)

    @property
    def is_at_the_end(self) -> bool:
        """True if the newest epoch is shown and new ones are followed."""
        return self._chosen is None

    def step(self, steps: int) -> None:
        """Go to an earlier or later epoch; past the last one, follow the newest."""
        if not self.epochs:
            return
        place = max(0, self._place + steps)
        self._chosen = self.epochs[place] if place < len(self.epochs) - 1 else None

    def play(self) -> None:
        """Play or pause; at the end, play from the first epoch."""
        self.plays = not self.plays and len(self.epochs) > 1
        if self.plays and self.is_at_the_end:
            self._chosen = self.epochs[0]

    def tick(self) -> None:
        """While playing, go to the next epoch; stop at the end."""
        if self.plays:
            self.step(1)
            self.plays = not self.is_at_the_end


@dataclass(frozen=True, slots=True)
class Scene:
    """One epoch of a run, as the tabs show it.

    Attributes:
        run: The run.
        epochs: Its epochs that have an insight, in order.
        plays: True while the animation plays.
        is_newest: True if the newest epoch is shown and new ones are followed.
        insight: The insight of the epoch shown.
        before: The previous insight.
        baseline: The last insight of the first marked run.
        pictures: The validation images.
    """

    run: RunState | None = None
    epochs: Sequence[int] = ()
    plays: bool = False
    is_newest: bool = True
    insight: Insight | None = None
    before: Insight | None = None
    baseline: Insight | None = None
    pictures: ValidationSet | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The class names."""
        return class_names(self.run, self.insight) if self.run is not None and self.insight is not None else ()

    @property
    def is_ink(self) -> bool:
        """True if grey images are drawn in the colours of the theme."""
        return self.run is None or self.run.shows_ink

    @property
    def marks(self) -> tuple[str, ...]:
        """A character per class."""
        return class_marks(self.names)
